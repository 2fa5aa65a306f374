"""The door of the `live` process, asked as an ASGI server asks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractBaseUser
from django.db import connections, transaction
from django.test import Client

from cabinet.feed import Feed
from cabinet.models import Case
from cabinet.stream import PATH, Stream
from tests.factories import case_of, delivered, signed_in, staff_reply

pytestmark = pytest.mark.django_db(transaction=True)
SITE = "https://help.example.com"


class Tab:
    """One connection: what was sent so far, as text."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self._more = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.sent.append(message)
        self._more.set()

    @property
    def status(self) -> int:
        return int(self.sent[0]["status"])

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.sent[0]["headers"]}

    @property
    def text(self) -> str:
        return b"".join(message["body"] for message in self.sent[1:]).decode()

    async def until(self, words: str) -> None:
        while words not in self.text:
            self._more.clear()
            await self._more.wait()


def scope(
    client: Client | None, *, path: str = PATH, method: str = "GET", origin: str = SITE
) -> dict[str, Any]:
    cookie = client.cookies.output(header="", sep=";").strip() if client else ""
    headers = [(b"cookie", cookie.encode()), (b"origin", origin.encode())]
    return {"type": "http", "path": path, "method": method, "headers": headers}


def feed() -> Feed:
    return Feed(seconds=0.02)


async def answered(asked: dict[str, Any], **options: Any) -> Tab:
    tab = Tab()
    await asyncio.wait_for(Stream(feed(), site=SITE, **options)(asked, tab.receive, tab.send), 10)
    return tab


@contextlib.asynccontextmanager
async def opened(stream: Stream, client: Client) -> AsyncIterator[Tab]:
    tab = Tab()
    task = asyncio.ensure_future(stream(scope(client), tab.receive, tab.send))
    try:
        await asyncio.wait_for(tab.until("listening"), 10)
        yield tab
    finally:
        tab.left.set()
        await asyncio.wait_for(task, 10)


def ask(asked: dict[str, Any], **options: Any) -> Tab:
    return asyncio.run(answered(asked, **options))


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


@pytest.fixture(autouse=True)
def nothing_stays_open() -> Iterator[None]:
    """The application asks in a thread of its own, whose connection outlives the event loop."""
    yield
    asyncio.run(sync_to_async(connections.close_all)())


def answer(case: Case) -> None:
    with transaction.atomic():
        staff_reply(case, "Words that stay where they are.")


def test_an_answer_reaches_the_tabs_of_its_person_alone(
    alice: AbstractBaseUser, case: Case, as_alice: Client, as_charlie: Client
) -> None:
    async def story() -> None:
        stream = Stream(feed(), site=SITE)
        async with opened(stream, as_alice) as tab, opened(stream, as_charlie) as strangers:
            await sync_to_async(answer)(case)
            await asyncio.wait_for(tab.until(str(case.pk)), 10)
            assert f"event: changed\ndata: {case.pk}\n\n" in tab.text
            assert "Words" not in tab.text
            assert str(case.pk) not in strangers.text

    asyncio.run(story())


def test_a_tab_that_has_gone_is_forgotten(as_alice: Client) -> None:
    async def story() -> None:
        one = feed()
        async with opened(Stream(one, site=SITE), as_alice):
            assert one.count == 1
        assert one.count == 0

    asyncio.run(story())


def test_the_stream_ends_by_itself_so_that_the_person_is_checked_again(as_alice: Client) -> None:
    tab = ask(scope(as_alice), life=(0.1, 0.2))
    assert tab.status == 200
    assert tab.headers["content-type"] == "text/event-stream"
    assert tab.headers["cache-control"] == "no-store"
    assert tab.sent[-1] == {"type": "http.response.body", "body": b""}


def test_nobody_signed_in_is_told_not_to_come_again() -> None:
    assert ask(scope(None)).status == 204


def test_a_session_that_has_ended_is_nobodys(alice: AbstractBaseUser) -> None:
    client = signed_in(alice)
    asked = scope(client)
    client.logout()
    assert ask(asked).status == 204


def test_a_switched_off_person_hears_nothing(alice: AbstractBaseUser, as_alice: Client) -> None:
    alice.is_active = False
    alice.save()
    assert ask(scope(as_alice)).status == 204


def test_a_page_of_another_site_may_not_listen(as_alice: Client) -> None:
    tab = ask(scope(as_alice, origin="https://evil.example"))
    assert tab.status == 403
    assert tab.headers["access-control-allow-origin"] == SITE


@pytest.mark.parametrize(
    ("path", "method", "status"), [("/", "GET", 404), (PATH, "POST", 404), ("/healthz/", "GET", 200)]
)
def test_there_is_nothing_else_here(path: str, method: str, status: int, as_alice: Client) -> None:
    assert ask(scope(as_alice, path=path, method=method)).status == status


@pytest.mark.parametrize(
    "cookies", ["", ";;;", "sessionid=", "sessionid=\udcff", "sessionid=" + "x" * 9000, "a=b=c; \x00"]
)
def test_rubbish_for_cookies_is_nobody(cookies: str) -> None:
    asked = scope(None)
    asked["headers"] = [(b"cookie", cookies.encode("utf-8", "surrogateescape"))]
    assert ask(asked).status == 204


def test_the_web_process_says_that_it_has_no_stream(as_alice: Client) -> None:
    assert as_alice.get(PATH).status_code == 204


def test_pages_listen_at_the_configured_address(as_alice: Client, case: Case, settings: Any) -> None:
    assert f'data-stream="{PATH}"' in as_alice.get(f"/cases/{case.pk}/").content.decode()
    settings.LIVE_URL = "http://127.0.0.1:8001"
    assert f'data-stream="http://127.0.0.1:8001{PATH}"' in as_alice.get("/cases/").content.decode()
