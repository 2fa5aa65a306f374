"""The same desk behind the ``responses`` library: for tests, without a network.

    desk = Desk(api_key="key", staff_email="robot@acme.example")
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mount(desk, mock, base_url="https://acme.omnidesk.ru")

What happens to a caller on a real line happens here as the exception that ``requests`` would raise.
"""

from __future__ import annotations

import re
from typing import Any

import requests
import responses

from .desk import Desk
from .exchange import Exchange, Outcome

METHODS = ("GET", "POST", "PUT", "DELETE")


def mount(desk: Desk, mock: responses.RequestsMock, base_url: str = "https://acme.omnidesk.ru") -> Exchange:
    """Answer everything under ``base_url`` from the desk; its links then carry that address."""
    desk.core.base_url = base_url.rstrip("/")
    line = _Line(desk)
    everything = re.compile(re.escape(desk.core.base_url) + r"(/.*)?$")
    for method in METHODS:
        mock.add_callback(method, everything, callback=line.carry, content_type=None)
    return line.exchange


class _Line:
    def __init__(self, desk: Desk) -> None:
        self.exchange = Exchange(desk, sleep=self._wait)
        self._waited = 0.0

    def carry(self, request: Any) -> tuple[int, dict[str, str], bytes]:
        """One call over the pretended line (raises what ``requests`` would)."""
        self._waited = 0.0
        headers = {str(name): _text(value) for name, value in request.headers.items()}
        outcome = self.exchange.handle(request.method, request.url, headers, _bytes(request.body))
        patience = _patience(request.req_kwargs.get("timeout"))
        if self._waited and (patience is None or self._waited >= patience):
            raise requests.ReadTimeout(f"read timed out after {patience} s", request=request)
        return _delivered(outcome, request)

    def _wait(self, seconds: float) -> None:
        """Nobody sleeps in a test: it is only noted how long the answer would have taken."""
        self._waited += seconds


def _delivered(outcome: Outcome, request: Any) -> tuple[int, dict[str, str], bytes]:
    if outcome.delivery == "cut":
        raise requests.ConnectionError("remote end closed connection without response", request=request)
    if outcome.delivery == "half":
        raise requests.exceptions.ChunkedEncodingError("connection broken: incomplete read", request=request)
    if outcome.delivery == "trickle":
        raise requests.ReadTimeout("read timed out", request=request)
    # As the real line says it.
    length = {"Content-Length": str(len(outcome.reply.body))}
    return outcome.reply.status, length | outcome.reply.headers, outcome.reply.body


def _patience(timeout: Any) -> float | None:
    """The read timeout out of what ``requests`` was given; None when the caller would wait for ever."""
    found = timeout[1] if isinstance(timeout, tuple) else timeout
    read = getattr(found, "read_timeout", found)
    return float(read) if isinstance(read, int | float) else None


def _text(value: str | bytes) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else value


def _bytes(body: Any) -> bytes:
    """The body in whatever form ``requests`` holds it: text, bytes, a file or a generator."""
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes | bytearray):
        return bytes(body)
    if hasattr(body, "read"):
        return bytes(body.read())
    return b"".join(_bytes(part) for part in body)
