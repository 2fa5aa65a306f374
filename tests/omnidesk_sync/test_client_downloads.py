"""Where credentials may go, and what is taken for a file."""

import io
from collections.abc import Iterator

import pytest
import responses

from omnidesk_sync.addresses import read_origin
from omnidesk_sync.client import Client
from omnidesk_sync.errors import AccountTrouble, NotFound, OmnideskError, OutcomeUnknown, Rejected, TryLater
from omnidesk_sync.types import Answered, Call, Downloaded

BASE = "https://acme.omnidesk.ru"
FILE = f"{BASE}/attachment/download/x1/contract.pdf"


class Fetcher:
    def __init__(self, mock: responses.RequestsMock) -> None:
        self.mock = mock
        self.told: list[Call] = []
        self.answered: list[Answered] = []
        self.target = io.BytesIO()
        self.client = Client(
            base_url=BASE,
            staff_email="bot@acme.example",
            api_key="s3cret",
            before_call=self.told.append,
            on_answer=self.answered.append,
        )

    def fetch(self, url: str = FILE, *, max_bytes: int = 100, expected_type: str = "") -> Downloaded:
        return self.client.download(url, self.target, max_bytes=max_bytes, expected_type=expected_type)

    def will_answer(
        self,
        body: bytes = b"%PDF-",
        *,
        status: int = 200,
        content_type: str = "application/pdf",
        headers: dict[str, str] | None = None,
    ) -> None:
        whole = {"Content-Length": str(len(body)), **(headers or {})}
        self.mock.add("GET", FILE, body=body, status=status, headers=whole, content_type=content_type)


@pytest.fixture
def desk() -> Iterator[Fetcher]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield Fetcher(mock)


# --- The account's address


@pytest.mark.parametrize(
    ("given", "origin"),
    [
        ("https://acme.omnidesk.ru", "https://acme.omnidesk.ru"),
        (" https://Acme.Omnidesk.ru/ ", "https://acme.omnidesk.ru"),
        ("https://acme.omnidesk.ru/staff/cases/", "https://acme.omnidesk.ru"),
        ("https://help.acme.example:443", "https://help.acme.example"),
        ("https://help.acme.example:8443/api/", "https://help.acme.example:8443"),
        ("http://127.0.0.1:8100", "http://127.0.0.1:8100"),
        ("http://[::1]:8100/", "http://[::1]:8100"),
        ("http://localhost:8100", "http://localhost:8100"),
        ("http://sandbox:8100/", "http://sandbox:8100"),
        ("http://sandbox:80/", "http://sandbox"),
    ],
)
def test_origin(given: str, origin: str) -> None:
    assert read_origin(given) == origin


@pytest.mark.parametrize(
    "given",
    [
        "",
        "acme.omnidesk.ru",
        "ftp://acme.omnidesk.ru",
        "https://",
        "https:///cases",
        "http://acme.omnidesk.ru",
        "http://10.0.0.7:8100",
        "http://134744072",
        "http://0x08080808",
        "http://[2001:db8::1]",
        "http://127.0.0.1.evil.example",
        "https://bot:key@acme.omnidesk.ru",
        "https://acme.omnidesk.ru?x=1",
        "https://acme.omnidesk.ru#x",
        "https://acme.omnidesk.ru:port",
        "https://acme.omnidesk.ru:99999",
        "https://acme.omnidesk.ru:0",
        "https://acme.omnidesk.ru\\@evil.example",
        "https://acme.omnidesk .ru",
        "https://[::1",
    ],
)
def test_bad_origin_is_explained(given: str) -> None:
    with pytest.raises(ValueError, match=r"^The address of Omnidesk must .*\.$"):
        Client(base_url=given, staff_email="b", api_key="k")


# --- Where a file may lie


def test_download(desk: Fetcher) -> None:
    desk.will_answer()
    assert desk.fetch() == Downloaded("application/pdf", 5)
    assert desk.target.getvalue() == b"%PDF-"
    assert desk.mock.calls[0].request.headers["Authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    "url",
    [
        "/attachment/download/x1/contract.pdf",
        "attachment/download/x1/contract.pdf",
        "//acme.omnidesk.ru/attachment/download/x1/contract.pdf",
        "https://ACME.omnidesk.ru:443/attachment/download/x1/contract.pdf#page=2",
    ],
)
def test_addresses_on_the_accounts_host(desk: Fetcher, url: str) -> None:
    desk.will_answer()
    assert desk.fetch(url).size == 5


def test_query_and_odd_characters_of_an_address_survive(desk: Fetcher) -> None:
    desk.mock.add("GET", f"{BASE}/f/%D1%87.pdf?id=1&x=a%2Fb", body=b"ok", headers={"Content-Length": "2"})
    assert desk.fetch("/f/ч.pdf?id=1&x=a%2Fb").size == 2


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/x",
        "//evil.example/x",
        "http://acme.omnidesk.ru/x",
        "https://acme.omnidesk.ru:8443/x",
        "https://acme.omnidesk.ru.evil.example/x",
        "https://evil.example\\@acme.omnidesk.ru/x",
        "https://acme.omnidesk.ru\\@evil.example/x",
        "https://acme.omnidesk.ru@evil.example/x",
        "https://bot:key@acme.omnidesk.ru/x",
        "https://acme.omnidesk.ru%2eevil.example/x",
        "/\\evil.example/x",
        "\\\\evil.example\\x",
        "http://169.254.169.254/latest/meta-data/",
        "http://127.0.0.1:6379/",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "data:text/plain,hello",
        "https://acme.omnidesk.ru\n.evil.example/x",
        "https://acme.omnidesk.ru:port/x",
        "https://[::1/x",
        "/api/cases/1.json",
        "/api",
        "//acme.omnidesk.ru//api/cases/1.json",
        "/x/../api/cases/1.json",
        "/%61pi/cases/1.json",
        "/API/cases/1.json",
    ],
)
def test_addresses_that_are_never_contacted(desk: Fetcher, url: str) -> None:
    with pytest.raises(Rejected) as caught:
        desk.fetch(url)
    assert caught.value.code == "foreign_address"
    assert len(desk.mock.calls) == 0


# --- What is taken for a file


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("text/html; charset=utf-8", ""),
        ("text/html", "application/pdf"),
        ("application/json", "application/pdf"),
        ("application/problem+json", "image/png"),
        ("application/json", "text/html"),
    ],
)
def test_a_page_is_no_file(desk: Fetcher, found: str, expected: str) -> None:
    desk.will_answer(b"please sign in", content_type=found)
    with pytest.raises(Rejected) as caught:
        desk.fetch(expected_type=expected)
    assert caught.value.code == "not_a_file"
    assert desk.target.getvalue() == b""


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ("Text/HTML; charset=utf-8", "text/html"),
        ("application/json", "application/json; charset=utf-8"),
        ("", "image/png"),
        ("application/octet-stream", "image/png"),
    ],
)
def test_a_file_of_the_expected_type_is_one(desk: Fetcher, found: str, expected: str) -> None:
    desk.will_answer(b"hello", content_type=found)
    assert desk.fetch(expected_type=expected).size == 5


@pytest.mark.parametrize("announced", [True, False])
def test_size_cap(desk: Fetcher, announced: bool) -> None:
    headers = {} if announced else {"Content-Length": "unknown", "Transfer-Encoding": "chunked"}
    desk.will_answer(b"x" * 101, headers=headers)
    with pytest.raises(Rejected) as caught:
        desk.fetch()
    assert caught.value.code == "too_large"
    assert desk.target.getvalue() == b""
    assert desk.fetch(max_bytes=101).size == 101


@pytest.mark.parametrize("length", ["unknown", "", "-1"])
def test_a_length_that_is_none_does_not_vouch_for_the_file(desk: Fetcher, length: str) -> None:
    desk.will_answer(headers={"Content-Length": length})
    with pytest.raises(OutcomeUnknown):
        desk.fetch()
    assert desk.client.download(FILE, desk.target, max_bytes=9, expected_size=5).size == 5


@pytest.mark.parametrize(
    ("status", "error", "code"),
    [
        (302, Rejected, "redirected"),
        (307, Rejected, "redirected"),
        (304, Rejected, "redirected"),
        (401, AccountTrouble, ""),
        (403, Rejected, ""),
        (404, NotFound, ""),
        (410, Rejected, ""),
        (429, TryLater, ""),
        (500, OutcomeUnknown, ""),
        (206, OutcomeUnknown, ""),
    ],
)
def test_verdicts_on_downloads(desk: Fetcher, status: int, error: type[OmnideskError], code: str) -> None:
    desk.will_answer(b"", status=status, headers={"Location": "https://evil.example/x"})
    with pytest.raises(error) as caught:
        desk.fetch()
    assert (caught.value.status, caught.value.code) == (status, code)
    assert len(desk.mock.calls) == 1


# --- A detour


def test_one_redirect_on_the_same_host_is_followed_without_credentials(desk: Fetcher) -> None:
    desk.will_answer(b"", status=302, headers={"Location": "/stored/contract.pdf?sig=ab"})
    desk.mock.add("GET", f"{BASE}/stored/contract.pdf?sig=ab", body=b"%PDF-", headers={"Content-Length": "5"})
    assert desk.fetch().size == 5
    first, second = desk.mock.calls
    assert "Authorization" in first.request.headers
    assert "Authorization" not in second.request.headers


@pytest.mark.parametrize(
    "location",
    [
        "",
        "https://evil.example/x",
        "//evil.example/x",
        "http://acme.omnidesk.ru/stored/x",
        "https://169.254.169.254/",
        "/api/cases/1.json",
        "https://[::1",
    ],
)
def test_no_redirect_leads_elsewhere(desk: Fetcher, location: str) -> None:
    desk.will_answer(b"", status=302, headers={"Location": location})
    with pytest.raises(Rejected) as caught:
        desk.fetch()
    assert (caught.value.code, caught.value.status) == ("redirected", 302)
    assert caught.value.__context__ is None
    assert len(desk.mock.calls) == 1


@pytest.mark.parametrize("status", [302, 401])
def test_a_redirect_that_leads_to_no_file_is_given_up(desk: Fetcher, status: int) -> None:
    desk.will_answer(b"", status=302, headers={"Location": "/stored/x"})
    desk.mock.add("GET", f"{BASE}/stored/x", status=status, headers={"Location": "/stored/y"})
    with pytest.raises(Rejected) as caught:
        desk.fetch()
    assert caught.value.code == "redirected"
    assert len(desk.mock.calls) == 2


# --- The budget


def test_download_takes_no_budget_and_reports_only_what_there_is(desk: Fetcher) -> None:
    desk.will_answer()
    desk.fetch()
    assert (desk.told, desk.answered) == ([], [])


def test_download_reports_budget_headers(desk: Fetcher) -> None:
    desk.will_answer(headers={"api_calls_left": "3"})
    desk.fetch()
    assert [answered.api_calls_left for answered in desk.answered] == [3]
