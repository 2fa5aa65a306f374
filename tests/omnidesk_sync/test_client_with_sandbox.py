"""Every call against the pretend Omnidesk, in every shape its answers may have."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import responses

from omnidesk_sync.client import Client
from omnidesk_sync.errors import (
    AccountTrouble,
    NotFound,
    OmnideskError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unreadable,
)
from omnidesk_sync.types import Answered, Call, DeskCase, NewCase, NewMessage, OutgoingFile
from sandbox.desk import Desk
from sandbox.double import mount
from sandbox.records import Upload
from sandbox.wire import Server

BASE = "https://acme.omnidesk.ru"
SCAN = b"\x89PNG scan"
FILE = OutgoingFile("скан.png", "image/png", len(SCAN), lambda: io.BytesIO(SCAN))


class Office:
    """A desk, and a client of ours that notes what it was told."""

    def __init__(self, desk: Desk, base_url: str) -> None:
        self.desk = desk
        self.spent: list[Call] = []
        self.answered: list[Answered] = []
        self.client = Client(
            base_url=base_url,
            staff_email=desk.staff_email,
            api_key=desk.api_key,
            timeout_seconds=2,
            before_call=self.spent.append,
            on_answer=self.answered.append,
        )

    def open_case(self, *files: OutgoingFile, email: str = "anna@example.ru") -> DeskCase:
        return self.client.create_case(NewCase(email, "Анна Петрова", "Счёт", "Где счёт?", files=files))

    def say(self, case: DeskCase, text: str, *files: OutgoingFile) -> int:
        return self.client.add_message(case.case_id, NewMessage(case.user_id, text, files)).message_id


@pytest.fixture
def office() -> Iterator[Office]:
    desk = Desk(limit=1000)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mount(desk, mock, base_url=BASE)
        yield Office(desk, BASE)
    desk.close()


SHAPES: list[dict[str, Any]] = [
    {},
    {"list_shape": "array", "total_count": "missing", "empty_list": "array", "bool_shape": "string"},
    {"total_count": "string", "empty_list": "named", "bool_shape": "number", "content_shape": "text"},
    {"created_status": 200, "retry_after_header": "always", "content_shape": "both"},
]


@pytest.fixture(params=SHAPES, ids=["usual", "array", "strings", "plain"])
def shaped(request: pytest.FixtureRequest, office: Office) -> Office:
    office.desk.switch(**request.param)
    return office


# --- Whole conversations


def test_a_conversation(shaped: Office) -> None:
    client = shaped.client
    case = shaped.open_case()
    assert (case.subject, case.status, case.channel, case.deleted, case.spam) == (
        "Счёт",
        "open",
        "web",
        False,
        False,
    )
    assert client.view_case(case.case_id) == case
    assert client.view_user(case.user_id).user_email == "anna@example.ru"

    second = shaped.say(case, "Нашёлся?\nЖду.")
    shaped.desk.staffroom.reply(case.case_id, text="Вот он.")
    shaped.desk.staffroom.note(case.case_id, text="Тайна")
    page = client.list_messages(case.case_id, order="asc")
    assert [message.note for message in page.items] == [False, False, False, True]
    assert page.items[1].message_id == second
    assert page.items[1].user_id == case.user_id
    assert [bool(message.staff_id) for message in page.items] == [False, False, True, True]
    assert page.total_count in (4, None)
    newest = client.list_messages(case.case_id, limit=2)
    assert [m.message_id for m in newest.items] == [m.message_id for m in page.items[:1:-1]]

    assert client.set_status(case.case_id, "closed").status == "closed"
    client.probe()
    assert sum(call.units for call in shaped.spent) == 2 + 1 + 1 + 2 + 1 + 1 + 2 + 1


def test_an_empty_list(shaped: Office) -> None:
    assert shaped.client.list_cases(user_email="nobody@example.ru").items == ()
    assert list(shaped.client.iter_cases(user_email="nobody@example.ru")) == []


def test_searches_are_exact(shaped: Office) -> None:
    mine, other = shaped.open_case(email="me@b.ru"), shaped.open_case(email="some@b.ru")
    assert [case.case_id for case in shaped.client.iter_cases(user_email="me@b.ru")] == [mine.case_id]
    assert [case.case_id for case in shaped.client.iter_cases(user_id=other.user_id)] == [other.case_id]


def test_search_by_reference(office: Office) -> None:
    new = NewCase("anna@example.ru", "Анна", "Счёт", "Где?", custom_fields={"cf_9": "ref-1"})
    made = office.client.create_case(new)
    office.open_case()
    assert [case.case_id for case in office.client.iter_cases(custom_fields={"cf_9": "ref-1"})] == [
        made.case_id
    ]
    assert list(office.client.iter_cases(custom_fields={"cf_9": "ref"})) == []


def test_walking_by_time(shaped: Office) -> None:
    cases = [shaped.open_case() for _ in range(5)]
    found = list(shaped.client.iter_cases(limit=2, sort="updated_at_asc"))
    assert sorted(case.case_id for case in found) == [case.case_id for case in cases]
    later = datetime.now(UTC) + timedelta(hours=1)
    assert list(shaped.client.iter_cases(from_updated_time=later)) == []


def test_hidden_cases_are_shown_on_request(office: Office) -> None:
    chat, child, parent = (office.open_case() for _ in range(3))
    office.desk.staffroom.set_chat(chat.case_id, active=True)
    office.desk.staffroom.merge(child.case_id, into=parent.case_id)
    found = {case.case_id: case for case in office.client.iter_cases()}
    assert set(found) == {parent.case_id}
    everything = office.client.iter_cases(show_active_chats=True, show_merged_cases=True)
    found = {case.case_id: case for case in everything}
    assert set(found) == {chat.case_id, child.case_id, parent.case_id}
    assert found[child.case_id].parent_case_id == parent.case_id


# --- Files


@pytest.mark.parametrize("access", ["open", "basic", "login_page", "redirect"])
def test_files_both_ways(office: Office, access: str) -> None:
    office.desk.switch(attachment_access=access)
    case = office.open_case(FILE)
    office.say(case, "И ещё", FILE, FILE)
    upload = Upload(name="ответ.pdf", mime_type="application/pdf", data=b"%PDF-1")
    office.desk.staffroom.reply(case.case_id, text="Вот", files=[upload])
    opening, more, answer = office.client.list_messages(case.case_id, order="asc").items
    assert [len(message.attachments) for message in (opening, more, answer)] == [1, 2, 1]
    assert (opening.attachments[0].file_name, opening.attachments[0].file_size) == ("скан.png", len(SCAN))
    target = io.BytesIO()
    [attachment] = answer.attachments
    got = office.client.download(
        attachment.url,
        target,
        max_bytes=99,
        expected_type=attachment.mime_type,
        expected_size=attachment.file_size,
    )
    assert (target.getvalue(), got.content_type, got.size) == (b"%PDF-1", "application/pdf", 6)


def test_a_redirect_to_another_host_is_not_followed(office: Office) -> None:
    office.desk.switch(attachment_access="redirect", attachment_redirect_base="https://files.example")
    office.open_case(FILE)
    [case] = office.client.iter_cases()
    [message] = office.client.list_messages(case.case_id).items
    with pytest.raises(Rejected) as caught:
        office.client.download(message.attachments[0].url, io.BytesIO(), max_bytes=99)
    assert caught.value.code == "redirected"


# --- Refusals and faults


def test_wrong_key_and_disabled_staff(office: Office) -> None:
    for email, key in ((office.desk.staff_email, "wrong"), ("stranger@acme.example", office.desk.api_key)):
        with pytest.raises(AccountTrouble):
            Client(base_url=BASE, staff_email=email, api_key=key).probe()


def test_what_is_gone(office: Office) -> None:
    case = office.open_case()
    office.desk.staffroom.trash(case.case_id)
    assert office.client.view_case(case.case_id).deleted
    office.desk.staffroom.destroy(case.case_id)
    for act in (
        lambda: office.client.view_case(case.case_id),
        lambda: office.client.list_messages(case.case_id),
        lambda: office.say(case, "Ещё жду"),
        lambda: office.client.set_status(case.case_id, "open"),
        lambda: office.client.view_user(424242),
    ):
        with pytest.raises(NotFound):
            act()


def test_the_limit_is_told_by_headers(office: Office) -> None:
    office.client.probe()
    assert (office.answered[-1].rate_limit_per_minute, office.answered[-1].api_calls_left) == (1000, 999)
    assert office.answered[-1].server_time is not None
    office.desk.limit.burn(1000)
    with pytest.raises(TryLater) as caught:
        office.client.probe()
    assert caught.value.after_seconds is not None
    office.desk.switch(retry_after_header="never")
    with pytest.raises(TryLater) as caught:
        office.client.probe()
    assert caught.value.after_seconds is None


FAULTS: list[tuple[str, type[OmnideskError], int]] = [
    ("error_500", OutcomeUnknown, 0),
    ("error_502", OutcomeUnknown, 0),
    ("rate_limited", TryLater, 0),
    ("wrong_key", AccountTrouble, 0),
    ("redirect", AccountTrouble, 0),
    ("cut_before", OutcomeUnknown, 0),
    ("cut_after", OutcomeUnknown, 1),
    ("half_answer", OutcomeUnknown, 1),
    ("not_json", Unreadable, 1),
    ("trickle", OutcomeUnknown, 1),
]


@pytest.mark.parametrize(("kind", "error", "landed"), FAULTS)
def test_faults(office: Office, kind: str, error: type[OmnideskError], landed: int) -> None:
    case = office.open_case()
    office.desk.faults.add(kind, count=1)
    with pytest.raises(OmnideskError) as caught:
        office.say(case, "Дошло ли?")
    assert type(caught.value) is error
    assert len(office.client.list_messages(case.case_id).items) == 1 + landed


def test_faults_on_a_real_line() -> None:
    desk = Desk(limit=1000)
    server = Server(desk)
    server.start()
    try:
        desk.core.base_url = f"http://127.0.0.1:{server.port}"
        office = Office(desk, desk.core.base_url)
        case = office.open_case(FILE)
        for kind in ("cut_before", "cut_after", "half_answer"):
            desk.faults.add(kind, count=1)
            with pytest.raises(OutcomeUnknown):
                office.say(case, kind)
        opening, *landed = office.client.list_messages(case.case_id, order="asc").items
        assert len(landed) == 2
        target = io.BytesIO()
        office.client.download(opening.attachments[0].url, target, max_bytes=99)
        assert target.getvalue() == SCAN
    finally:
        server.stop()
        desk.close()
