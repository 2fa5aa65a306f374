"""The table of answers, and what an accepted webhook leaves behind."""

import hashlib
import socket
from typing import Any

import pytest
from celery.app import app_or_default
from django import db
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks
from rest_framework.request import Request

from omnidesk_sync import doorbell
from tests import rings
from tests.webhooks.conftest import FIRST, payload
from webhooks.models import InboxEntry
from webhooks.views import MAX_BYTES, BrokenOff, TooLarge, read_within_limit

PLAIN = "/webhooks/omnidesk/"
WITH_SECRET = f"/webhooks/omnidesk/{FIRST}/"
RULE = payload("rule_staff_reply.json")

pytestmark = pytest.mark.django_db


def post(body: bytes, content_type: str = "application/json", **extra: Any) -> Any:
    headers = extra.pop("headers", {}) | {"X-Webhook-Secret": FIRST}
    return Client().generic("POST", PLAIN, body, content_type, headers=headers, **extra)


def the_entry() -> InboxEntry:
    return InboxEntry.objects.get()


def test_a_rules_webhook_is_stored_with_its_allowed_fields_only() -> None:
    assert post(RULE).status_code == 200

    entry = the_entry()
    assert (entry.event, entry.case_id, entry.message_id, entry.note) == (
        "staff_reply",
        985687,
        42577887,
        None,
    )
    assert (entry.size, entry.sha256) == (len(RULE), hashlib.sha256(RULE).hexdigest())
    assert (entry.keys, entry.parse_error) == ("v, event, case_id, message_id", "")
    assert entry.state == InboxEntry.State.WAITING


@pytest.mark.parametrize(
    "name", ["channel_message_new.json", "channel_message_new.form", "channel_message_new.multipart"]
)
def test_no_text_of_a_message_is_stored(name: str) -> None:
    post(payload(name), "multipart/form-data; boundary=----WebKitFormBoundaryq7")

    stored = " ".join(str(value) for value in vars(the_entry()).values())
    for word in ("Help", "смотрим", "words of a file", "8e33a1f0", "anna@"):
        assert word not in stored


@pytest.mark.parametrize(
    "name",
    [
        "vendor_test.json",
        "channel_unknown_type.json",
        "rule_broken_by_quotes.json",
        "rule_unfilled_placeholders.json",
        "strange_values.json",
        "huge_numbers.json",
        "lone_surrogate.json",
        "with_nul_bytes.json",
    ],
)
def test_test_requests_unknown_events_and_unreadable_bodies_are_stored(name: str) -> None:
    assert post(payload(name)).status_code == 200
    assert the_entry().size == len(payload(name))


@pytest.mark.parametrize("body", [b"", b"[" * 100_000, b"\xff\x00\xfe", b"--b\r\n\r\n", b"=&=", b"%ZZ=%"])
@pytest.mark.parametrize(
    "content_type",
    ["", "application/json", "multipart/form-data", "text/x; charset=hex", "application/xml", "%%%;;="],
)
def test_no_body_and_no_content_type_makes_an_error(body: bytes, content_type: str) -> None:
    assert post(body, content_type, CONTENT_LENGTH=str(len(body))).status_code == 200
    assert InboxEntry.objects.count() == 1


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        ({"headers": {"Accept": "text/html"}}, "a browser's Accept"),
        ({"headers": {"Accept": "nonsense"}}, "an unreadable Accept"),
        ({"query_params": {"format": "xml"}}, "?format="),
    ],
)
def test_what_the_sender_likes_to_read_does_not_matter(extra: dict[str, Any], why: str) -> None:
    response = post(RULE, **extra)

    assert response.status_code == 200, why
    assert response.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("address", [PLAIN, WITH_SECRET, PLAIN[:-1], WITH_SECRET[:-1]])
def test_both_addresses_work_with_and_without_the_last_slash(address: str) -> None:
    response = Client().post(address, RULE, "application/json", headers={"X-Webhook-Secret": FIRST})

    assert response.status_code == 200
    assert InboxEntry.objects.count() == 1


def test_duplicates_are_normal() -> None:
    assert [post(RULE).status_code for _ in range(3)] == [200, 200, 200]
    assert InboxEntry.objects.count() == 3


def test_an_accepted_webhook_costs_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(1):
        post(RULE)


def test_no_session_and_no_cookie() -> None:
    response = post(RULE)

    assert not response.cookies
    assert "sessionid" not in str(response.headers)


@pytest.mark.parametrize("length", ["", "abc", "-5", "1e3", "٣"])
def test_411_without_a_usable_length(length: str) -> None:
    assert post(RULE, CONTENT_LENGTH=length).status_code == 411
    assert not InboxEntry.objects.exists()


def test_411_for_a_chunked_body() -> None:
    assert post(RULE, headers={"Transfer-Encoding": "chunked"}).status_code == 411
    assert not InboxEntry.objects.exists()


@pytest.mark.parametrize("length", [str(MAX_BYTES + 1), "9" * 5000])
def test_413_for_a_declared_length_over_the_limit(length: str) -> None:
    assert post(RULE, CONTENT_LENGTH=length).status_code == 413
    assert not InboxEntry.objects.exists()


def test_the_limit_itself_is_allowed() -> None:
    body = b'{"case_id": "985687", "pad": "'
    body += b"x" * (MAX_BYTES - len(body) - 2) + b'"}'

    assert post(body).status_code == 200
    assert the_entry().case_id == 985687
    assert post(body + b" ").status_code == 413


def raw_request(body: bytes, *, declared: int) -> Request:
    """As an ASGI server hands it over: the body is there, whatever the header said."""
    request = HttpRequest()
    request.META["CONTENT_LENGTH"] = str(declared)
    request._body = body
    return Request(request)


def test_413_for_a_real_length_over_the_limit() -> None:
    with pytest.raises(TooLarge):
        read_within_limit(raw_request(b"x" * (MAX_BYTES + 1), declared=10))


def test_400_for_a_body_that_was_cut_off() -> None:
    with pytest.raises(BrokenOff):
        read_within_limit(raw_request(b'{"case_id": "98', declared=80))


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_405_for_everything_but_post(method: str, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        statuses = {Client().generic(method, address).status_code for address in (PLAIN, WITH_SECRET)}
    assert statuses == {405}


@pytest.mark.parametrize("error", [db.OperationalError, db.InterfaceError, db.ProgrammingError])
def test_503_while_the_database_cannot_store(error: type[Exception]) -> None:
    def broken(*args: Any) -> None:
        raise error("could not connect to /var/run/secret-place")

    with connection.execute_wrapper(broken):
        response = post(RULE)

    assert response.status_code == 503
    assert b"secret-place" not in response.content


def test_a_worker_is_rung_once_the_row_is_committed(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        post(RULE)
        assert rings.drain() == []

    assert rings.drain() == [("webhooks.process_entry", [the_entry().pk])]


@pytest.mark.django_db(transaction=True)
def test_with_a_real_commit_too() -> None:
    post(RULE)

    assert rings.drain() == [("webhooks.process_entry", [the_entry().pk])]


@pytest.mark.django_db(transaction=True)
def test_a_hung_broker_costs_a_moment_and_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as hung:
        app = app_or_default()
        broker = app.connection_for_write(
            f"redis://127.0.0.1:{hung.getsockname()[1]}/0", transport_options=doorbell._QUICK
        )
        bell = doorbell.Doorbell()
        bell._connections[app] = broker
        monkeypatch.setattr("webhooks.services.ring", bell.ring)

        assert [post(RULE).status_code for _ in range(3)] == [200, 200, 200]

    assert InboxEntry.objects.filter(state=InboxEntry.State.WAITING).count() == 3
