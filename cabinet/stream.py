"""Server-sent events: tells an open tab that something of its person's changed, never what.

A plain ASGI application of its own process (`live`), without Django's request stack: a stream costs a task
and a socket, so thousands of them fit where pages would need a thread each. The session is read once, when
the tab connects; a stream ends by itself after a while, and the browser's next connection is checked anew.
What changed is fetched from `web`, which checks every time.

    GET /live/stream/      event: changed, data: the ids of the person's cases, comma separated
"""

import asyncio
import contextlib
import itertools
import logging
import random
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from importlib import import_module
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import SessionBase
from django.db import DatabaseError, connection
from django.http import parse_cookie

from cabinet.feed import Feed, Listener
from cabinet.live import person_of

log = logging.getLogger(__name__)

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

PATH = "/live/stream/"
HEARTBEAT_SECONDS = 15.0
"""A comment line: proxies cut what is silent for a minute, and a dead socket is noticed by writing to it."""

LIFE_SECONDS = (300.0, 420.0)
"""Then the browser comes again by itself and is checked again; spread, so that not all come at once."""

RETRY_MS = 3000


class Stream:
    """The ASGI application. `site` is the origin whose pages may listen from another port or host."""

    def __init__(self, feed: Feed, *, site: str, life: tuple[float, float] = LIFE_SECONDS) -> None:
        self._feed, self._site, self._life = feed, site.encode(), life

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _lifespan(receive, send)
        elif scope["type"] == "http":
            await self._http(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path, headers = scope["path"], dict(scope["headers"])
        if path == "/healthz/":
            await self._plain(send, 200, b"ok\n")
        elif path != PATH or scope["method"] != "GET":
            await self._plain(send, 404)
        elif headers.get(b"origin", self._site) != self._site:
            # A page of somebody else's may not listen with this browser's cookies.
            await self._plain(send, 403)
        elif (person := await sync_to_async(_who)(headers.get(b"cookie", b"").decode("latin-1"))) is None:
            # 204 tells the browser not to come again by itself; the page's polling says "sign in again".
            await self._plain(send, 204)
        else:
            await self._listen(person, receive, send)

    async def _plain(self, send: Send, status: int, body: bytes = b"") -> None:
        headers = [(b"content-type", b"text/plain"), *self._headers()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def _headers(self) -> list[tuple[bytes, bytes]]:
        return [
            (b"cache-control", b"no-store"),
            (b"x-content-type-options", b"nosniff"),
            (b"access-control-allow-origin", self._site),
            (b"access-control-allow-credentials", b"true"),
            (b"vary", b"Origin, Cookie"),
        ]

    async def _listen(self, person: object, receive: Receive, send: Send) -> None:
        # nginx would otherwise collect the events into a buffer.
        headers = [(b"content-type", b"text/event-stream"), (b"x-accel-buffering", b"no"), *self._headers()]
        gone = asyncio.ensure_future(_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            with self._feed.listening(person) as listener:
                async for text in self._events(listener, gone):
                    await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
            if not gone.done():
                await send({"type": "http.response.body", "body": b""})
        except OSError:
            # The other side hung up in the middle of a write.
            log.debug("A listener is gone.")
        finally:
            gone.cancel()

    async def _events(self, listener: Listener, gone: "asyncio.Future[None]") -> AsyncIterator[str]:
        loop = asyncio.get_running_loop()
        until = loop.time() + random.uniform(*self._life)  # noqa: S311 - spreads, keeps nothing secret
        yield f"retry: {RETRY_MS}\nevent: listening\ndata:\n\n"
        while (left := until - loop.time()) > 0:
            change = asyncio.ensure_future(listener.get())
            await asyncio.wait(
                (change, gone), timeout=min(left, HEARTBEAT_SECONDS), return_when=asyncio.FIRST_COMPLETED
            )
            if gone.done():
                change.cancel()
                return
            if change.done():
                yield _event({change.result(), *_rest(listener)})
            else:
                change.cancel()
                yield ":\n\n"


def _event(case_ids: Iterable[uuid.UUID]) -> str:
    return f"event: changed\ndata: {','.join(sorted(map(str, case_ids)))}\n\n"


def _rest(listener: Listener) -> Iterable[uuid.UUID]:
    with contextlib.suppress(asyncio.QueueEmpty):
        for _ in itertools.count():
            yield listener.get_nowait()


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _lifespan(receive: Receive, send: Send) -> None:
    while True:
        asked = (await receive())["type"]
        await send({"type": f"{asked}.complete"})
        if asked == "lifespan.shutdown":
            return


def _who(cookies: str) -> object | None:
    """The id of the person who is signed in by these cookies; nobody while the database is away."""
    key = parse_cookie(cookies).get(settings.SESSION_COOKIE_NAME)
    if not key:
        return None
    session: SessionBase = import_module(settings.SESSION_ENGINE).SessionStore(key)
    try:
        person = person_of(session, get_user_model()._default_manager.all())
    except DatabaseError as error:
        log.warning("The database did not say who listens (%s).", type(error).__name__)
        connection.close()
        return None
    return person.pk if person else None
