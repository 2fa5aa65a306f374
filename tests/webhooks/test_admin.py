"""The inbox in the admin: readable, filterable, not editable; rows can be processed again."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from model_bakery import baker
from pytest_django import DjangoCaptureOnCommitCallbacks

from tests import rings
from webhooks import services
from webhooks.models import InboxEntry

LIST = reverse("admin:webhooks_inboxentry_changelist")
State = InboxEntry.State

pytestmark = pytest.mark.django_db


def an_entry(**values: Any) -> InboxEntry:
    now = timezone.now()
    entry: InboxEntry = baker.make(InboxEntry, **({"due_at": now, "received_at": now} | values))
    return entry


def shown(client: Client, **query: str) -> set[object]:
    response = client.get(LIST, query)
    assert response.status_code == 200
    return set(response.context["cl"].queryset.values_list("pk", flat=True))


@pytest.fixture
def three(db: None) -> dict[str, InboxEntry]:
    return {
        "waiting": an_entry(event="staff_reply", case_id=985687),
        "unread": an_entry(state=State.IGNORED, parse_error="JSONDecodeError", reason=services.UNREADABLE),
        "given up": an_entry(event="status", case_id=9856871, state=State.GIVEN_UP, reason="RuntimeError"),
    }


def test_rows_are_found_by_state_event_reading_error_and_case(
    admin_client: Client, three: dict[str, InboxEntry]
) -> None:
    assert shown(admin_client) == {entry.pk for entry in three.values()}
    assert shown(admin_client, state__exact="given_up") == {three["given up"].pk}
    assert shown(admin_client, event="staff_reply") == {three["waiting"].pk}
    assert shown(admin_client, parse_error__isempty="0") == {three["unread"].pk}
    assert shown(admin_client, q="985687") == {three["waiting"].pk}
    assert shown(admin_client, q="not a number") == set()


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "the body could not be read"), ("ru", "тело запроса не удалось прочитать")],
)
def test_reasons_are_visible_in_the_readers_language(
    admin_client: Client, three: dict[str, InboxEntry], language: str, words: str
) -> None:
    page = admin_client.get(LIST, headers={"Accept-Language": language}).content.decode()

    assert words in page
    assert "RuntimeError" in page


def test_a_row_can_be_read_but_not_changed(admin_client: Client, three: dict[str, InboxEntry]) -> None:
    address = reverse("admin:webhooks_inboxentry_change", args=[three["given up"].pk])

    page = admin_client.get(address)
    assert page.status_code == 200
    assert b"RuntimeError" in page.content
    assert b'name="_save"' not in page.content
    assert admin_client.post(address, {"event": "status"}).status_code == 403
    assert admin_client.get(reverse("admin:webhooks_inboxentry_add")).status_code == 403
    assert admin_client.get(address.replace("change", "delete")).status_code == 403


def press(client: Client, *entries: InboxEntry) -> Any:
    chosen = [str(entry.pk) for entry in entries]
    return client.post(LIST, {"action": "process_again", "_selected_action": chosen}, follow=True)


def test_process_again_makes_the_chosen_rows_due_and_rings(
    admin_client: Client,
    three: dict[str, InboxEntry],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        response = press(admin_client, three["given up"])

    entry = InboxEntry.objects.get(pk=three["given up"].pk)
    assert (entry.state, entry.reason, entry.attempts) == (State.WAITING, "", 0)
    assert rings.drain() == [(services.PROCESS_TASK, [entry.pk])]
    assert "1 запись будет обработана ещё раз" in response.content.decode()


def test_who_may_only_look_is_not_offered_the_action(
    client: Client, three: dict[str, InboxEntry], django_user_model: Any
) -> None:
    person = django_user_model.objects.create_user("looker", "looker@acme.example", "pw", is_staff=True)
    person.user_permissions.add(Permission.objects.get(codename="view_inboxentry"))
    client.force_login(person)

    assert shown(client) == {entry.pk for entry in three.values()}
    press(client, three["given up"])

    assert InboxEntry.objects.get(pk=three["given up"].pk).state == State.GIVEN_UP


def test_events_nobody_knows_are_named_with_their_counts_above_the_list(
    admin_client: Client, three: dict[str, InboxEntry]
) -> None:
    assert b"unknown-events" not in admin_client.get(LIST).content
    strange = {an_entry(event="typing").pk for _ in range(3)} | {an_entry(event="chat.closed").pk}

    page = admin_client.get(LIST, headers={"Accept-Language": "en"}).content.decode()
    assert '<a href="?event=typing">typing</a> (3), <a href="?event=chat.closed">chat.closed</a> (1)' in page
    assert shown(admin_client, known="no") == strange
    assert shown(admin_client, known="yes") == {three["waiting"].pk, three["given up"].pk}
    assert shown(admin_client, known="none") == {three["unread"].pk}
    assert services.unknown_events() == [("typing", 3), ("chat.closed", 1)]


def test_every_event_that_is_worked_with_counts_as_known(admin_client: Client) -> None:
    for event in ("staff_reply", "user_reply", "status", "new_case", "message_new", ""):
        an_entry(event=event)

    assert services.unknown_events() == []
