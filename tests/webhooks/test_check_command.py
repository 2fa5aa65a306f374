"""`manage.py omnidesk_check` against the pretend desk: what is right, and each thing that can be wrong."""

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
import responses
from django.core.management import call_command
from django.db import OperationalError, connection
from django.utils import timezone

from cabinet import services as customers
from cabinet.models import Case, Message
from omnidesk_sync import budget, checkup
from sandbox.desk import Desk
from sandbox.dictionaries import CUSTOM_FIELDS
from sandbox.double import mount
from tests import factories
from tests.webhooks.conftest import FIRST, SECOND
from webhooks.models import InboxEntry

pytestmark = pytest.mark.django_db

SITE = "https://help.acme.example"
DOOR = f"{SITE}/webhooks/omnidesk/"


@pytest.fixture
def desk(settings: Any) -> Iterator[Desk]:
    """An account with two channels, and a site that is set up for it in every way."""
    settings.SITE_URL = SITE
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    settings.OMNIDESK_CHANNELS = {"cabinet": "cch101", "chat": "cch102"}
    settings.OMNIDESK_CASE_REFERENCE_FIELD = "cf_25"
    settings.OMNIDESK_WEBHOOK_SECRETS = [FIRST]
    pretend = Desk(api_key="key-of-the-pretend-account", staff_email="robot@acme.example", limit=300)
    pretend.install_cabinet_channels(DOOR, FIRST)
    for event in ("staff_reply", "user_reply", "message_new", "status"):
        arrived(event)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mount(pretend, mock, base_url="https://acme.omnidesk.ru")
        yield pretend
    pretend.close()


def arrived(event: str, **values: Any) -> None:
    now = timezone.now()
    fields = {"event": event, "received_at": now, "due_at": now, "size": 1, "case_id": 7, **values}
    InboxEntry.objects.create(**fields)


def check(*options: str) -> tuple[int, str]:
    out, code = StringIO(), 0
    try:
        call_command("omnidesk_check", *options, stdout=out, no_color=True)
    except SystemExit as end:
        code = int(str(end.code))
    return code, out.getvalue()


def found() -> dict[str, dict[str, str]]:
    """The lines by topic."""
    return {line["topic"]: line for line in json.loads(check("--json")[1])["lines"]}


def problems() -> set[str]:
    return {topic for topic, line in found().items() if line["mark"] == "problem"}


def test_all_is_well(desk: Desk) -> None:
    code, text = check()
    assert code == 0, text
    assert "PROBLEM" not in text
    assert "LOOK" not in text
    assert "300 units a minute" in text
    assert "0 to mend. 5 units of the account's calls spent." in text
    assert sum(call["units"] for call in desk.calls) == 5
    assert desk.core.cases.all() == []


def test_json_says_the_same(desk: Desk) -> None:
    document = json.loads(check("--json")[1])
    assert (document["problems"], document["units"]) == (0, 5)
    assert {line["mark"] for line in document["lines"]} == {"ok"}
    topics = [line["topic"] for line in document["lines"]]
    assert len(topics) == len(set(topics)) >= 15


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_no_secret_is_ever_printed(desk: Desk, settings: Any, options: tuple[str, ...]) -> None:
    old = "an-old-secret-of-ours-0123456789"
    desk.add_channel("Cabinet", channel_id=101, webhook_url=f"{DOOR}{old}/", test=False)
    settings.OMNIDESK_WEBHOOK_SECRETS = [FIRST, SECOND]
    _, text = check(*options)
    for secret in (FIRST, SECOND, old, settings.OMNIDESK_ACCOUNT.api_key):
        assert secret not in text


def test_without_an_account(desk: Desk, settings: Any) -> None:
    settings.OMNIDESK_ACCOUNT = type(settings.OMNIDESK_ACCOUNT)("", "", "")
    assert "account" in problems()
    assert desk.calls == []


@pytest.mark.parametrize(
    ("trouble", "topic", "words"),
    [
        ("wrong_key", "key", "OMNIDESK_API_KEY"),
        ("redirect", "address", "OMNIDESK_URL"),
        ("not_json", "address", "OMNIDESK_URL"),
        ("error_500", "address", "Try again"),
        ("rate_limited", "budget", "minute"),
    ],
)
def test_an_account_that_does_not_answer(desk: Desk, trouble: str, topic: str, words: str) -> None:
    desk.faults.add(trouble)
    lines = found()
    assert lines[topic]["mark"] == "problem"
    assert words in lines[topic]["mend"]
    assert check()[0] == 1


def test_a_staff_member_who_is_no_longer_one(desk: Desk) -> None:
    [robot] = [member for member in desk.core.staff.all() if member.email == "robot@acme.example"]
    desk.staffroom.enable(robot.staff_id, active=False)
    assert "staff" in problems()


def test_a_channel_that_is_not_there_is_off_or_of_the_wrong_kind(desk: Desk, settings: Any) -> None:
    desk.channels.enable(101, active=False)
    desk.channels.remove(102)
    assert {"channel cabinet", "channel chat"} <= problems()
    settings.OMNIDESK_CHANNELS = {"cabinet": "cch103", "chat": "cch104"}
    desk.add_channel("turned round", channel_id=103, channel_type="sync", webhook_url=DOOR + FIRST)
    desk.add_channel("turned round", channel_id=104, channel_type="async", webhook_url=DOOR + FIRST)
    lines = found()
    assert "needs a channel of type async" in lines["channel cabinet"]["mend"]
    assert "needs a channel of type sync" in lines["channel chat"]["mend"]


@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("secret", [FIRST, SECOND])
def test_a_channels_webhook_may_have_any_of_the_secrets(
    desk: Desk, settings: Any, secret: str, slash: str
) -> None:
    settings.OMNIDESK_WEBHOOK_SECRETS = [FIRST, SECOND]
    for number, kind in ((101, "async"), (102, "sync")):
        address = f"{DOOR}{secret}{slash}"
        desk.add_channel("x", channel_id=number, channel_type=kind, webhook_url=address, test=False)
    lines = found()
    assert {lines["webhook cabinet"]["mark"], lines["webhook chat"]["mark"]} == {"ok"}
    assert lines["secret"]["mark"] == "look"


@pytest.mark.parametrize(
    "address",
    [
        "",
        DOOR,
        f"{DOOR}not-a-secret-of-ours/",
        f"http://help.acme.example/webhooks/omnidesk/{FIRST}/",
        f"https://help.acme.example.evil.example/webhooks/omnidesk/{FIRST}/",
        f"https://other.example/webhooks/omnidesk/{FIRST}/",
        f"{SITE}/elsewhere/{FIRST}/",
        f"{DOOR}{FIRST}/more/",
        f"{DOOR}{FIRST}/?x=1",
        "https://[nonsense",
        "ftp",
    ],
)
def test_any_other_address_of_a_channel_is_a_problem(desk: Desk, address: str) -> None:
    desk.add_channel("x", channel_id=102, channel_type="sync", webhook_url=address, test=False)
    assert problems() == {"webhook chat"}
    assert FIRST not in check()[1]


def test_without_channel_modes_no_channel_is_asked_for(desk: Desk, settings: Any) -> None:
    settings.CABINET_MODES, settings.OMNIDESK_CHANNELS = ["mail"], {}
    settings.OMNIDESK_CASE_REFERENCE_FIELD = ""
    code, text = check()
    assert code == 0
    assert "2 units" in text
    assert not any("custom_channels" in call["path"] for call in desk.calls)
    assert found()["reference field"]["mark"] == "look"


def test_a_desk_that_ignores_the_filter_by_our_ids_is_a_problem(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sandbox import search

    desk.staffroom.open_case("anna@example.ru", subject="Счёт", text="Где счёт?")
    monkeypatch.setattr(search, "_owner_tests", lambda *_: [])
    assert problems() == {"own ids"}


@pytest.mark.parametrize(
    ("field", "changes"),
    [("cf_99", {}), ("cf_30", {}), ("cf_25", {"active": False}), ("cf_25", {"field_level": "user"})],
)
def test_a_reference_field_that_is_none(
    desk: Desk, settings: Any, monkeypatch: pytest.MonkeyPatch, field: str, changes: dict[str, object]
) -> None:
    settings.OMNIDESK_CASE_REFERENCE_FIELD = field
    for name, value in changes.items():
        monkeypatch.setitem(CUSTOM_FIELDS[0], name, value)
    assert problems() == {"reference field"}


@pytest.mark.parametrize("seconds", [3600, -3600])
def test_a_clock_that_is_wrong(desk: Desk, seconds: int) -> None:
    desk.switch(clock_offset_seconds=seconds)
    assert problems() == {"clock"}


def test_a_paused_account_can_still_be_asked(desk: Desk) -> None:
    budget.pause("Omnidesk answered 401.")
    lines = found()
    assert lines["budget"]["mark"] == "problem"
    assert "401" in lines["budget"]["text"]
    assert lines["key"]["mark"] == "ok"


def test_a_small_share_of_the_calls_is_worth_a_look(desk: Desk, settings: Any) -> None:
    settings.OMNIDESK_BUDGET_SHARE = 0.05
    assert found()["budget"]["mark"] == "look"


def test_a_site_without_https_and_without_secrets(desk: Desk, settings: Any) -> None:
    settings.SITE_URL = "http://help.acme.example"
    settings.OMNIDESK_WEBHOOK_SECRETS = []
    assert {"site", "secret"} <= problems()


def test_a_broker_that_is_away(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(app: object) -> None:
        raise ConnectionRefusedError("redis://user:password@broker.example")

    monkeypatch.setattr(checkup, "try_broker", away)
    assert problems() == {"broker"}
    assert "password" not in check()[1]


def test_without_a_database_nothing_else_is_asked(desk: Desk) -> None:
    def broken(*args: Any) -> None:
        raise OperationalError("could not connect to /var/run/secret-place")

    with connection.execute_wrapper(broken):
        code, text = check()
    assert code == 1
    assert "PROBLEM  database" in text
    assert "secret-place" not in text
    assert desk.calls == []


# ── what has arrived ────────────────────────────────────────────────────────────────────────────────────


def answered_an_hour_ago(mode: Case.Mode, author: Message.Author, *, opened_here: bool = True) -> None:
    owner = factories.person("alice@example.com")
    case = customers.open_case(owner=owner, subject="Invoice", text="Where?", mode=mode)
    if not opened_here:
        case.outbox.all().delete()
    Message.objects.create(
        case=case,
        position=9,
        author=author,
        origin=Message.Origin.DESK,
        text="Here",
        written_at=timezone.now() - timedelta(hours=1),
    )


@pytest.mark.parametrize(
    ("event", "mode", "author"),
    [
        ("staff_reply", Case.Mode.MAIL, Message.Author.STAFF),
        ("user_reply", Case.Mode.MAIL, Message.Author.CUSTOMER),
        ("message_new", Case.Mode.CHAT, Message.Author.STAFF),
        ("message_new", Case.Mode.CABINET, Message.Author.STAFF),
    ],
)
def test_silence_is_worth_a_look_and_a_problem_where_somebody_wrote(
    desk: Desk, event: str, mode: Case.Mode, author: Message.Author
) -> None:
    InboxEntry.objects.filter(event=event).update(received_at=timezone.now() - timedelta(days=8))
    assert found()[f"inbox {event}"]["mark"] == "look"
    assert problems() == set()
    answered_an_hour_ago(mode, author)
    assert problems() == {f"inbox {event}"}


def test_older_cases_that_were_fetched_prove_nothing_against_the_rules(desk: Desk) -> None:
    InboxEntry.objects.all().delete()
    answered_an_hour_ago(Case.Mode.MAIL, Message.Author.STAFF, opened_here=False)
    assert problems() == set()


def test_unknown_events_are_named(desk: Desk) -> None:
    for _ in range(3):
        arrived("typing")
    line = found()["inbox unknown"]
    assert line["mark"] == "look"
    assert "typing (3)" in line["text"]


def test_placeholders_that_stay_unfilled_are_a_problem(desk: Desk) -> None:
    InboxEntry.objects.update(case_id=None)
    assert problems() == {"inbox numbers"}
