"""What each call sends, what it costs, and what it makes of every kind of answer."""

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import Message
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
import responses
from requests import PreparedRequest

from omnidesk_sync import client as client_module
from omnidesk_sync.client import Client
from omnidesk_sync.errors import (
    AccountTrouble,
    NoAuthor,
    NoIdentity,
    NotFound,
    OmnideskError,
    OutcomeUnknown,
    Rejected,
    TooManyPages,
    TryLater,
    Unreadable,
)
from omnidesk_sync.types import Answered, Call, NewCase, NewMessage, OutgoingFile

BASE = "https://acme.omnidesk.ru"
OUR_ID = "0e8f9d0a-6c1d-4a58-9d4c-2f7e5b1a3c44"
CASES = f"{BASE}/api/cases.json"
CASE = f"{BASE}/api/cases/7001.json"
MESSAGES = f"{BASE}/api/cases/7001/messages.json"
CASE_ROW: dict[str, Any] = {
    "case_id": 7001,
    "case_number": "664-245651",
    "subject": "Invoice is missing",
    "user_id": 123,
    "status": "waiting",
    "channel": "web",
    "deleted": False,
    "spam": False,
    "created_at": "Mon, 05 May 2014 00:15:17 +0300",
    "updated_at": "Mon, 05 May 2014 00:15:17 +0300",
    "custom_fields": {"cf_25": "contract 18"},
}
MESSAGE_ROW: dict[str, Any] = {"message_id": 9003, "user_id": 123, "staff_id": 0, "content": "Still nothing"}
OPENING = NewCase(
    user_email="anna@example.ru",
    user_full_name="Anna Petrova",
    subject="Invoice is missing",
    content="Please send\nthe August invoice.",
)


class Desk:
    """Answers as told; remembers what was asked for and what the two hooks were told."""

    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.told: list[Call] = []
        self.answered: list[Answered] = []
        self.client = Client(
            base_url=f"{BASE}/staff/",
            staff_email="bot@acme.example",
            api_key="s3cret",
            before_call=self.told.append,
            on_answer=self.answered.append,
        )

    def will_answer(
        self, method: str, url: str, body: object, status: int = 200, headers: dict[str, str] | None = None
    ) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        self.mock.add(method, url, body=text, status=status, headers=headers)

    @property
    def request(self) -> PreparedRequest:
        return self.mock.calls[-1].request

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(str(self.request.url)).query))

    @property
    def sent(self) -> Any:
        return json.loads(body_of(self.request))


@pytest.fixture
def desk() -> Iterator[Desk]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Desk(mock)


def file_of(content: bytes, name: str = "счёт.pdf", content_type: str = "application/pdf") -> OutgoingFile:
    return OutgoingFile(name, content_type, len(content), lambda: io.BytesIO(content))


def parts_of(request: PreparedRequest) -> dict[str, Message]:
    head = f"Content-Type: {request.headers['Content-Type']}\r\n\r\n".encode()
    whole = message_from_bytes(head + body_of(request))
    parts = [part for part in whole.walk() if not part.is_multipart()]
    return {str(part.get_param("name", header="content-disposition")): part for part in parts}


def body_of(request: PreparedRequest) -> bytes:
    assert isinstance(request.body, bytes)
    return request.body


def texts_of(parts: dict[str, Message]) -> dict[str, str]:
    return {
        name: str(part.get_payload(decode=True), "utf-8")  # type: ignore[arg-type]
        for name, part in parts.items()
        if part.get_filename() is None
    }


# --- Opening a case


def test_create_case_sends_json_and_says_open(desk: Desk) -> None:
    desk.will_answer("POST", CASES, {"case": CASE_ROW}, status=201)
    case = desk.client.create_case(OPENING)
    assert desk.sent == {
        "case": {
            "user_email": "anna@example.ru",
            "user_full_name": "Anna Petrova",
            "subject": "Invoice is missing",
            "content": "Please send\nthe August invoice.",
            "status": "open",
        }
    }
    assert (case.case_id, case.user_id, case.status) == (7001, 123, "waiting")
    assert case.created_at == datetime(2014, 5, 4, 21, 15, 17, tzinfo=UTC)
    assert desk.told == [Call("POST", "create_case", 2)]


IN_A_CHANNEL = NewCase("", "Anna", "Invoice", "Where?", user_custom_id=OUR_ID, channel="cch7")


def test_create_case_in_a_channel_names_the_customer_by_our_id_alone(desk: Desk) -> None:
    desk.will_answer("POST", CASES, {"case": CASE_ROW}, status=201)
    desk.client.create_case(IN_A_CHANNEL)
    assert desk.sent["case"] == {
        "user_custom_id": OUR_ID,
        "channel": "cch7",
        "user_full_name": "Anna",
        "subject": "Invoice",
        "content": "Where?",
        "status": "open",
    }


def test_create_case_in_a_channel_with_files(desk: Desk) -> None:
    desk.will_answer("POST", CASES, {"case": CASE_ROW}, status=201)
    desk.client.create_case(replace(IN_A_CHANNEL, files=(file_of(b"%PDF"),)))
    texts = texts_of(parts_of(desk.request))
    assert (texts["case[user_custom_id]"], texts["case[channel]"]) == (OUR_ID, "cch7")
    assert "case[user_email]" not in texts


@pytest.mark.parametrize(
    ("user_email", "user_custom_id", "channel"),
    [
        ("", "", ""),
        ("  ", "", ""),
        ("anna@example.ru", OUR_ID, "cch7"),
        ("anna@example.ru", OUR_ID, ""),
        ("anna@example.ru", "", "cch7"),
        ("", OUR_ID, ""),
        ("", "", "cch7"),
        ("", "anna@example.ru", "cch7"),
        ("", "^", "cch7"),
        ("", "1234", "cch7"),
        ("", "an id of ours", "cch7"),
        ("", OUR_ID, "7"),
        ("", OUR_ID, "chh7"),
        ("", OUR_ID, "web"),
        ("", OUR_ID, "cch7\n"),
    ],
)
def test_what_would_make_a_wrong_profile_is_stopped_before_the_wire(
    desk: Desk, user_email: str, user_custom_id: str, channel: str
) -> None:
    new = NewCase(user_email, "Anna", "Invoice", "Where?", user_custom_id=user_custom_id, channel=channel)
    with pytest.raises(NoIdentity) as caught:
        desk.client.create_case(new)
    assert desk.told == []
    assert len(desk.mock.calls) == 0
    assert "anna" not in str(caught.value)


def test_cases_are_listed_by_a_whole_id(desk: Desk) -> None:
    desk.will_answer("GET", CASES, {"total_count": 0})
    desk.client.list_cases(user_custom_id=OUR_ID)
    assert desk.query["user_custom_id"] == f"^{OUR_ID}^"
    with pytest.raises(ValueError, match="empty filter"):
        desk.client.list_cases(user_custom_id=" ")


# --- Channels, staff, fields


def test_list_channels(desk: Desk) -> None:
    rows = {
        "0": {
            "custom_channel": {
                "channel_id": 1,
                "channel_api_key": "cch1",
                "title": "Cabinet",
                "channel_type": "async",
                "webhook_url": "https://cabinet.example/secret/",
                "active": True,
            }
        },
        "1": {"custom_channel": {"channel_id": "2", "channel_type": "SYNC", "active": "0"}},
        "total_count": "2",
    }
    desk.will_answer("GET", f"{BASE}/api/custom_channels.json", rows)
    first, second = desk.client.list_channels()
    assert (first.key, first.title, first.kind, first.active) == ("cch1", "Cabinet", "async", True)
    assert "secret" not in repr(first)
    assert (second.key, second.kind, second.active) == ("cch2", "sync", False)
    assert desk.told == [Call("GET", "list_channels", 1)]


def test_a_channel_without_a_key_is_no_channel(desk: Desk) -> None:
    desk.will_answer("GET", f"{BASE}/api/custom_channels.json", {"0": {"custom_channel": {"title": "x"}}})
    with pytest.raises(Unreadable):
        desk.client.list_channels()


def test_list_staff_and_fields(desk: Desk) -> None:
    staff = {"0": {"staff": {"staff_id": 41, "staff_email": "bot@acme.example", "active": 1}}}
    desk.will_answer("GET", f"{BASE}/api/staff.json", staff)
    [member] = desk.client.list_staff().items
    assert (member.staff_id, member.staff_email, member.active) == (41, "bot@acme.example", True)
    row = {"field_id": 25, "title": "Ref", "field_type": "text", "field_level": "case", "active": True}
    desk.will_answer("GET", f"{BASE}/api/custom_fields.json", [{"custom_field": row}])
    [field] = desk.client.list_fields()
    assert (field.field_id, field.kind, field.level, field.active) == (25, "text", "case", True)


@pytest.mark.parametrize(
    ("profile", "custom_id", "channel"),
    [
        ({"user_custom_id": OUR_ID, "user_custom_channel": "cch7"}, OUR_ID, "cch7"),
        ({"user_custom_id": OUR_ID, "user_custom_channel": "7"}, OUR_ID, "cch7"),
        ({"user_custom_id": OUR_ID, "user_custom_channel": 7}, OUR_ID, "cch7"),
        ({"custom_user_id": OUR_ID}, OUR_ID, ""),
        ({"user_custom_id": None, "user_custom_channel": None}, "", ""),
        ({"user_custom_id": ["x"], "user_custom_channel": "Телефон"}, "", ""),
        ({}, "", ""),
    ],
)
def test_how_a_profile_names_its_channel_is_not_known_and_read_in_every_shape(
    desk: Desk, profile: dict[str, object], custom_id: str, channel: str
) -> None:
    desk.will_answer("GET", f"{BASE}/api/users/123.json", {"user": {"user_id": 123, **profile}})
    user = desk.client.view_user(123)
    assert (user.custom_id, user.custom_channel) == (custom_id, channel)


def test_create_case_authenticates_with_basic_and_json(desk: Desk) -> None:
    desk.will_answer("POST", CASES, {"case": CASE_ROW}, status=201)
    desk.client.create_case(OPENING)
    assert desk.request.headers["Authorization"] == "Basic Ym90QGFjbWUuZXhhbXBsZTpzM2NyZXQ="
    assert desk.request.headers["Content-Type"] == "application/json"
    assert desk.request.headers["User-Agent"].startswith("omnidesk-cabinet/")


def test_create_case_with_files_is_multipart_with_bracketed_names(desk: Desk) -> None:
    desk.will_answer("POST", CASES, {"case": CASE_ROW}, status=201)
    new = NewCase(
        user_email="anna@example.ru",
        user_full_name="Анна",
        subject="Счёт",
        content="Строка\nдва",
        custom_fields={"cf_25": "ref-1"},
        files=(file_of(b"%PDF-"), file_of(b"\x00\xff", "b.bin", "application/octet-stream")),
    )
    desk.client.create_case(new)
    parts = parts_of(desk.request)
    assert texts_of(parts) == {
        "case[user_email]": "anna@example.ru",
        "case[user_full_name]": "Анна",
        "case[subject]": "Счёт",
        "case[content]": "Строка\nдва",
        "case[status]": "open",
        "case[custom_fields][cf_25]": "ref-1",
    }
    first, second = parts["case[attachments][1]"], parts["case[attachments][2]"]
    assert (first.get_content_type(), first.get_payload(decode=True)) == ("application/pdf", b"%PDF-")
    assert second.get_payload(decode=True) == b"\x00\xff"
    assert 'filename="счёт.pdf"'.encode() in body_of(desk.request)
    assert desk.request.headers["Content-Length"] == str(len(body_of(desk.request)))
    assert "Transfer-Encoding" not in desk.request.headers


def test_a_hostile_file_name_cannot_write_headers(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    evil = file_of(b"x", 'a"\r\nX-Evil: 1\r\n\r\n\x00\ud800.txt', "text/plain\r\nX-Evil: 2")
    desk.client.add_message(7001, NewMessage(123, "See", (evil,)))
    part = parts_of(desk.request)["message[attachments][1]"]
    assert part["X-Evil"] is None
    assert part.get_content_type() == "application/octet-stream"


def test_texts_that_no_encoding_holds_are_mended(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    desk.client.add_message(7001, NewMessage(123, "a\x00b\ud800c"))
    assert desk.sent["message"]["content"] == "ab\ufffdc"
    desk.client.add_message(7001, NewMessage(123, "a\x00b\ud800c", (file_of(b"x"),)))
    assert texts_of(parts_of(desk.request))["message[content]"] == "ab\ufffdc"


def test_files_are_opened_before_anything_is_sent_and_closed_after(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    stream = io.BytesIO(b"content")
    desk.client.add_message(7001, NewMessage(123, "See", (OutgoingFile("a", "", 7, lambda: stream),)))
    assert stream.closed


def test_file_that_cannot_be_read_here_is_rejected_before_the_budget(desk: Desk) -> None:
    opened = io.BytesIO(b"first")

    def missing() -> io.BytesIO:
        raise FileNotFoundError("/var/media/gone")

    files = (OutgoingFile("a", "", 5, lambda: opened), OutgoingFile("b", "", 5, missing))
    with pytest.raises(Rejected) as caught:
        desk.client.add_message(7001, NewMessage(123, "See", files))
    assert caught.value.code == "unreadable_file"
    assert desk.told == []
    assert opened.closed


# --- Messages and status


def test_add_message_names_the_customer(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    message = desk.client.add_message(7001, NewMessage(user_id=123, content="Still nothing"))
    assert desk.sent == {"message": {"user_id": 123, "content": "Still nothing"}}
    assert (message.message_id, message.user_id) == (9003, 123)
    assert desk.told == [Call("POST", "add_message", 2)]


def test_add_message_with_files_names_the_customer_too(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    desk.client.add_message(7001, NewMessage(123, "See", (file_of(b"x"),)))
    assert texts_of(parts_of(desk.request)) == {"message[user_id]": "123", "message[content]": "See"}


@pytest.mark.parametrize("user_id", [0, -1, None, False, True, "", "123"])
def test_a_message_without_its_author_never_leaves(desk: Desk, user_id: Any) -> None:
    with pytest.raises(NoAuthor):
        desk.client.add_message(7001, NewMessage(user_id=user_id, content="I would look like staff"))
    assert desk.told == []
    assert len(desk.mock.calls) == 0


def test_set_status(desk: Desk) -> None:
    desk.will_answer("PUT", CASE, {"case": {**CASE_ROW, "status": "closed"}})
    assert desk.client.set_status(7001, "closed").status == "closed"
    assert desk.sent == {"case": {"status": "closed"}}
    assert desk.told == [Call("PUT", "set_status", 2)]


def test_list_messages_are_sorted_by_id_as_asked(desk: Desk) -> None:
    rows = {
        str(place): {"message": {"message_id": number}} for place, number in enumerate([9002, 10001, 9001])
    }
    desk.will_answer("GET", MESSAGES, {**rows, "total_count": "3"})
    page = desk.client.list_messages(7001)
    assert [message.message_id for message in page.items] == [10001, 9002, 9001]
    assert desk.query == {"order": "desc", "page": "1", "limit": "100"}
    page = desk.client.list_messages(7001, order="asc", page=2, limit=20)
    assert [message.message_id for message in page.items] == [9001, 9002, 10001]
    assert desk.query == {"order": "asc", "page": "2", "limit": "20"}
    assert page.total_count == 3
    assert desk.told[0] == Call("GET", "list_messages", 1)


def test_message_list_with_a_row_without_id_is_not_shortened(desk: Desk) -> None:
    desk.will_answer(
        "GET", MESSAGES, {"0": {"message": {"message_id": 1}}, "1": {"message": {"content": "?"}}}
    )
    with pytest.raises(Unreadable):
        desk.client.list_messages(7001)


# --- Cases and people


def test_view_case(desk: Desk) -> None:
    desk.will_answer("GET", CASE, {"case": CASE_ROW})
    assert desk.client.view_case(7001).case_number == "664-245651"
    assert desk.told == [Call("GET", "view_case", 1)]


def test_view_user_takes_no_password_along(desk: Desk) -> None:
    row = {"user_id": "200", "user_email": "anna@example.ru", "user_full_name": "Anna", "password": "hunter2"}
    desk.will_answer("GET", f"{BASE}/api/users/200.json", {"user": row})
    user = desk.client.view_user(200)
    assert (user.user_id, user.user_email, user.deleted) == (200, "anna@example.ru", False)
    assert "hunter2" not in repr(user)
    assert desk.told == [Call("GET", "view_user", 1)]


def test_list_cases_searches_exactly(desk: Desk) -> None:
    desk.will_answer("GET", CASES, {"0": {"case": CASE_ROW}, "total_count": 1})
    page = desk.client.list_cases(
        user_email="me@b.ru",
        user_id=123,
        from_updated_time=datetime(2026, 1, 1, tzinfo=UTC),
        sort="updated_at_asc",
        show_active_chats=True,
        show_merged_cases=True,
        custom_fields={"cf_9": "a-1"},
        limit=50,
    )
    assert desk.query == {
        "user_email": "^me@b.ru^",
        "user_id": "123",
        "from_updated_time": "1767225600",
        "sort": "updated_at_asc",
        "show_active_chats": "true",
        "show_merged_cases": "true",
        "custom_fields[cf_9]": "^a-1^",
        "page": "1",
        "limit": "50",
    }
    assert (page.items[0].case_id, page.total_count) == (7001, 1)
    assert desk.told == [Call("GET", "list_cases", 1)]


def test_list_cases_says_nothing_that_was_not_asked(desk: Desk) -> None:
    desk.will_answer("GET", CASES, [])
    assert desk.client.list_cases(user_email=None, show_active_chats=False).items == ()
    assert desk.query == {"page": "1", "limit": "100"}


def test_list_cases_keeps_the_order_of_the_desk(desk: Desk) -> None:
    rows = {str(place): {"case": {"case_id": 100 - place}} for place in range(12)}
    shuffled = {key: rows[key] for key in sorted(rows)}
    desk.will_answer("GET", CASES, shuffled)
    page = desk.client.list_cases(sort="updated_at_asc")
    assert [case.case_id for case in page.items] == list(range(100, 88, -1))


@pytest.mark.parametrize(
    "act",
    [
        lambda client: client.list_cases(user_email=""),
        lambda client: client.list_cases(user_email=" "),
        lambda client: client.list_cases(user_id=0),
        lambda client: client.list_cases(custom_fields={"cf_1": ""}),
        lambda client: client.list_cases(from_updated_time=datetime(2026, 1, 1)),  # noqa: DTZ001
        lambda client: client.list_cases(limit=101),
        lambda client: client.list_cases(page=0),
        lambda client: client.iter_cases(user_email=""),
        lambda client: client.view_case(0),
        lambda client: client.view_case("7001/../8"),
        lambda client: client.set_status(-1, "open"),
        lambda client: client.list_messages(True),
        lambda client: client.view_user(None),
    ],
)
def test_a_call_that_would_mean_everybody_is_refused(desk: Desk, act: Callable[[Any], object]) -> None:
    with pytest.raises(ValueError, match=r"filter|page|id of Omnidesk|zone"):
        act(desk.client)
    assert desk.told == []


# --- Paging


def paged(rows: int, *, counter: bool) -> Callable[[PreparedRequest], tuple[int, dict[str, str], str]]:
    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        query = dict(parse_qsl(urlsplit(str(request.url)).query))
        first = (int(query["page"]) - 1) * int(query["limit"])
        numbers = range(first, min(first + int(query["limit"]), rows))
        body: dict[str, object] = {str(n - first): {"case": {"case_id": n + 1}} for n in numbers}
        return 200, {}, json.dumps({**body, "total_count": rows} if counter else body)

    return answer


@pytest.mark.parametrize("counter", [True, False])
@pytest.mark.parametrize(("rows", "calls"), [(0, 1), (1, 1), (3, 2), (5, 3)])
def test_iter_cases_walks_all_pages(desk: Desk, rows: int, calls: int, counter: bool) -> None:
    desk.mock.add_callback("GET", CASES, paged(rows, counter=counter))
    cases = list(desk.client.iter_cases(limit=2, user_email="me@b.ru"))
    assert [case.case_id for case in cases] == list(range(1, rows + 1))
    assert len(desk.told) == calls


def test_iter_cases_without_a_counter_looks_once_more_after_a_full_page(desk: Desk) -> None:
    desk.mock.add_callback("GET", CASES, paged(4, counter=False))
    assert len(list(desk.client.iter_cases(limit=2))) == 4
    assert len(desk.told) == 3


def test_iter_cases_asks_only_when_asked(desk: Desk) -> None:
    desk.mock.add_callback("GET", CASES, paged(5, counter=True))
    cases = desk.client.iter_cases(limit=2)
    assert desk.told == []
    next(cases)
    assert len(desk.told) == 1


def test_iter_cases_raises_at_the_cap(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert client_module.MAX_PAGE == 500
    monkeypatch.setattr(client_module, "MAX_PAGE", 4)
    desk.mock.add_callback("GET", CASES, paged(5, counter=True))
    cases = desk.client.iter_cases(limit=1)
    assert [next(cases).case_id for _ in range(4)] == [1, 2, 3, 4]
    with pytest.raises(TooManyPages):
        next(cases)


def test_iter_cases_that_ends_exactly_at_the_cap_is_complete(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "MAX_PAGE", 4)
    desk.mock.add_callback("GET", CASES, paged(4, counter=True))
    assert len(list(desk.client.iter_cases(limit=1))) == 4


def test_a_page_after_the_cap_is_not_asked_for(desk: Desk) -> None:
    with pytest.raises(TooManyPages):
        desk.client.list_cases(page=501)
    assert desk.told == []


# --- What an answer means


def add(client: Client) -> object:
    return client.add_message(7001, NewMessage(123, "Still nothing"))


def create(client: Client) -> object:
    return client.create_case(OPENING)


def say(code: str) -> str:
    return json.dumps({"error": code})


HTML = "<html><title>404</title></html>"

VERDICTS: list[tuple[int, str, type[OmnideskError], str]] = [
    (200, say("incorrect_user_email"), Rejected, "incorrect_user_email"),
    (201, say("staff_not_active"), AccountTrouble, "staff_not_active"),
    (200, say("case_not_found"), NotFound, "case_not_found"),
    (200, '{"error": ["subject is empty"]}', Rejected, "error"),
    (400, say("staff_not_active"), AccountTrouble, "staff_not_active"),
    (400, say("staff_has_not_access"), Rejected, "staff_has_not_access"),
    (403, say("staff_has_not_access"), Rejected, "staff_has_not_access"),
    (400, say("case_not_found"), NotFound, "case_not_found"),
    (400, HTML, Rejected, ""),
    (400, say("something_new"), Rejected, "something_new"),
    (401, "", AccountTrouble, ""),
    (403, say("wrong_login"), AccountTrouble, "wrong_login"),
    (403, "Rate Limit Exceeded", TryLater, ""),
    (403, say("api_rate_limit"), TryLater, "api_rate_limit"),
    (407, "", AccountTrouble, ""),
    (408, "", OutcomeUnknown, ""),
    (409, "", Rejected, ""),
    (413, HTML, Rejected, ""),
    (422, "{}", Rejected, ""),
    (429, "", TryLater, ""),
    (429, say("staff_not_active"), TryLater, "staff_not_active"),
    (301, "", AccountTrouble, ""),
    (302, HTML, AccountTrouble, ""),
    (304, "", AccountTrouble, ""),
    (500, "", OutcomeUnknown, ""),
    (500, say("staff_not_active"), OutcomeUnknown, "staff_not_active"),
    (502, HTML, OutcomeUnknown, ""),
    (503, say("rate limit"), OutcomeUnknown, "rate limit"),
    (102, "", OutcomeUnknown, ""),
    (200, "", Unreadable, ""),
    (204, "", Unreadable, ""),
    (200, HTML, Unreadable, ""),
    (200, "null", Unreadable, ""),
    (200, "7", Unreadable, ""),
    (200, "[]", Unreadable, ""),
    (200, "{}", Unreadable, ""),
    (200, '{"message": [], "case": []}', Unreadable, ""),
    (200, '{"message": {"content": "no id"}, "case": {"subject": "no id"}}', Unreadable, ""),
    (200, '{"message": {"message_id": -4}, "case": {"case_id": -4}}', Unreadable, ""),
    (200, '{"message": {"message_id": 1e400}, "case": {"case_id": 1e400}}', Unreadable, ""),
    (200, '{"message": {"message_id": 99999999999999999999}, "case": {"case_id": true}}', Unreadable, ""),
    (200, '{"message": {"message_id": 1', Unreadable, ""),
]


@pytest.mark.parametrize("act", [add, create])
@pytest.mark.parametrize(("status", "body", "error", "code"), VERDICTS)
def test_verdicts(
    desk: Desk, act: Callable[[Client], object], status: int, body: str, error: type[OmnideskError], code: str
) -> None:
    for url in (CASES, MESSAGES):
        desk.mock.add("POST", url, body=body, status=status, headers={"Location": "https://evil.example/"})
    with pytest.raises(OmnideskError) as caught:
        act(desk.client)
    assert type(caught.value) is error
    assert (caught.value.status, caught.value.code) == (status, code)
    assert len(desk.mock.calls) == 1


@pytest.mark.parametrize("body", [HTML, say("not_found"), ""])
def test_404_is_about_the_object_where_the_path_names_one(desk: Desk, body: str) -> None:
    desk.will_answer("GET", CASE, body, status=404)
    with pytest.raises(NotFound):
        desk.client.view_case(7001)


@pytest.mark.parametrize("body", [HTML, say("not_found"), ""])
def test_404_is_about_the_host_where_the_path_names_none(desk: Desk, body: str) -> None:
    for method in ("GET", "POST"):
        desk.will_answer(method, CASES, body, status=404)
    for act in (create, lambda client: client.list_cases(), lambda client: client.probe()):
        with pytest.raises(AccountTrouble):
            act(desk.client)


def test_retry_after_is_handed_on(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, "", status=429, headers={"retry_after": "37"})
    with pytest.raises(TryLater) as caught:
        add(desk.client)
    assert caught.value.after_seconds == 37.0


def test_an_unknown_code_that_is_a_sentence_stays_out_of_the_message(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, say("anna@example.ru is blocked"), status=400)
    with pytest.raises(Rejected) as caught:
        add(desk.client)
    assert caught.value.code == "anna@example.ru is blocked"
    assert "anna" not in str(caught.value)


def test_probe_is_the_cheapest_call(desk: Desk) -> None:
    desk.will_answer("GET", CASES, {"0": {"case": CASE_ROW}, "total_count": 812})
    desk.client.probe()
    assert desk.query == {"page": "1", "limit": "1"}
    assert desk.told == [Call("GET", "list_cases", 1)]


@pytest.mark.parametrize("body", [HTML, "{}x", '{"hello": "world"}', '"ok"'])
def test_probe_sees_that_somebody_else_answers(desk: Desk, body: str) -> None:
    desk.will_answer("GET", CASES, body)
    with pytest.raises(AccountTrouble) as caught:
        desk.client.probe()
    assert caught.value.__context__ is None


# --- The two hooks


def test_what_before_call_raises_passes_and_nothing_is_sent(desk: Desk) -> None:
    class NoRoom(Exception):
        pass

    def refuse(_: Call) -> None:
        raise NoRoom

    client = Client(base_url=BASE, staff_email="b", api_key="k", before_call=refuse)
    with pytest.raises(NoRoom):
        add(client)
    assert len(desk.mock.calls) == 0


def test_on_answer_hears_the_budget_and_the_clock(desk: Desk) -> None:
    headers = {
        "rate_limit_per_minute": "20",
        "api_calls_left": "17",
        "retry_after": "41.5",
        "Date": "Tue, 24 Nov 2026 10:00:00 GMT",
    }
    desk.will_answer("GET", MESSAGES, [], headers=headers)
    page = desk.client.list_messages(7001)
    now = datetime(2026, 11, 24, 10, tzinfo=UTC)
    assert desk.answered == [Answered(200, now, 20, 17, 41.5)]
    assert page.server_time == now


@pytest.mark.parametrize("value", ["", "-", "soon", "-5", "nan", "inf", "1e999", "٣", "9" * 400])
def test_headers_that_cannot_be_read_break_nothing(desk: Desk, value: str) -> None:
    names = ("rate_limit_per_minute", "api_calls_left", "retry_after", "Date")
    desk.will_answer("GET", MESSAGES, [], headers=dict.fromkeys(names, value))
    before = datetime.now(UTC)
    page = desk.client.list_messages(7001)
    assert desk.answered == [Answered(200, None, None, None, None)]
    assert before <= page.server_time <= datetime.now(UTC)


def test_on_answer_hears_of_refusals_too(desk: Desk) -> None:
    desk.will_answer("POST", MESSAGES, "", status=429, headers={"api_calls_left": "0"})
    with pytest.raises(TryLater):
        add(desk.client)
    assert [(answered.status, answered.api_calls_left) for answered in desk.answered] == [(429, 0)]


def test_what_on_answer_raises_does_not_lose_the_answer(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    def fail(_: Answered) -> None:
        raise RuntimeError("the database is away")

    desk.will_answer("POST", MESSAGES, {"message": MESSAGE_ROW}, status=201)
    client = Client(base_url=BASE, staff_email="b", api_key="k", on_answer=fail)
    assert client.add_message(7001, NewMessage(123, "Still nothing")).message_id == 9003
    assert "could not be noted" in caplog.text


def test_a_client_is_a_context_manager(desk: Desk) -> None:
    desk.will_answer("GET", CASE, {"case": CASE_ROW})
    with desk.client as client:
        assert client.view_case(7001).case_id == 7001


def test_repr_holds_no_secret() -> None:
    shown = repr(Client(base_url=BASE, staff_email="bot@acme.example", api_key="s3cret"))
    assert shown == "<Client https://acme.omnidesk.ru>"
