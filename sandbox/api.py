"""The API's front: who may call, what it costs, and which handler answers.

401 for a wrong key, 403 for a login that is no staff member's or whose owner is switched off
(omnidesk-api.md 1.5; the last one [inferred] from 10.19). Reading costs one unit, writing two.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Callable
from typing import Any

from . import api_cases, api_messages, api_people
from .calls import REQUEST_LIMIT_BYTES, Call
from .cases import Refused
from .desk import Desk
from .inbound import Reply, Request, html_reply, json_reply
from .records import Staff
from .shapes import Shapes

Handler = Callable[..., Reply]

_ONE = r"([\w-]+)"
_SOME = r"([\w,-]+)"
_ID = r"(\d+)"
_ROUTES: list[tuple[str, str, Handler]] = [
    ("POST", "cases", api_cases.create),
    ("GET", "cases", api_cases.listing),
    ("GET", f"cases/{_ONE}", api_cases.view),
    ("PUT", f"cases/{_ONE}", api_cases.update),
    ("DELETE", f"cases/{_SOME}", api_cases.destroy),
    ("PUT", f"cases/{_SOME}/(trash|spam|restore)", api_cases.flag),
    ("GET", f"cases/{_ONE}/changelog", api_cases.changelog),
    ("PUT", f"cases/{_ONE}/rate", api_cases.rate),
    ("PUT", f"cases/{_ONE}/rate/{_ID}", api_messages.rate),
    ("GET", f"cases/{_ONE}/messages", api_messages.listing),
    ("POST", f"cases/{_ONE}/messages", api_messages.add),
    ("PUT", f"cases/{_ONE}/messages/{_ID}", api_messages.edit),
    ("DELETE", f"cases/{_ONE}/messages/{_ID}", api_messages.delete),
    ("POST", f"cases/{_ONE}/note", api_messages.add_note),
    ("PUT", f"cases/{_ONE}/note/{_ID}", api_messages.edit_note),
    ("DELETE", f"cases/{_ONE}/note/{_ID}", api_messages.delete_note),
    ("GET", "users", api_people.listing),
    ("POST", "users", api_people.create),
    ("GET", f"users/{_ID}", api_people.view),
    ("GET", "staff", api_people.staff),
    ("GET", "(labels|groups|languages|custom_fields|custom_channels)", api_people.dictionary),
    ("GET", "rules", api_people.rules),
]
_COMPILED = [(method, re.compile(rf"/api/{path}\.json/?"), handler) for method, path, handler in _ROUTES]


def error(code: str, status: int) -> Reply:
    """An error body of the vendor's shape (1.6)."""
    return json_reply({"error": code}, status)


class Api:
    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._shapes = Shapes(desk.core)

    def answer(self, request: Request, *, fault: str = "") -> Reply:
        """Answer one call and write it into the log. Two faults strike here, at the gate: ``wrong_key``
        and ``rate_limited``; the others are the line's, and only noted."""
        units, reply = self._at_the_gate(request, fault)
        self.log(request, reply.status, units, fault)
        return reply

    def log(self, request: Request, status: int, units: int, fault: str = "") -> None:
        """Add to the list of calls that /sandbox/calls shows; its texts are not kept."""
        self._desk.calls.append(
            {
                "at": self._desk.core.clock(),
                "method": request.method,
                "path": request.path,
                "query": dict(request.query),
                "status": status,
                "units": units,
                "fault": fault,
            }
        )

    def owner(self, authorization: str) -> Staff:
        """The staff member a call is made as."""
        scheme, _, coded = authorization.partition(" ")
        try:
            login, _, key = base64.b64decode(coded, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            raise Refused("unauthorized", 401) from None
        if scheme.lower() != "basic" or not hmac.compare_digest(key.encode(), self._desk.api_key.encode()):
            raise Refused("unauthorized", 401)
        member = self._desk.people.staff_by_email(login)
        if member is None:
            raise Refused("forbidden", 403)
        if not member.active:
            raise Refused("staff_not_active", 403)
        return member

    def _at_the_gate(self, request: Request, fault: str) -> tuple[int, Reply]:
        try:
            owner = self.owner("" if fault == "wrong_key" else request.headers.get("authorization", ""))
        except Refused as refused:
            return 0, error(refused.code, refused.status)
        limit = self._desk.limit
        units = 1 if request.method == "GET" else 2
        if fault == "rate_limited" or not limit.charge(units):
            reply = error("rate_limit_exceeded", 429)
            reply.headers |= limit.headers(limited=True)
            return 0, reply
        reply = self._handled(request, owner)
        reply.headers |= limit.headers(limited=False)
        return units, reply

    def _handled(self, request: Request, owner: Staff) -> Reply:
        if len(request.body) > REQUEST_LIMIT_BYTES:
            return html_reply("<html><h1>413 Request Entity Too Large</h1></html>", 413)
        call = Call(desk=self._desk, request=request, owner=owner, shapes=self._shapes)
        try:
            handler, captured = _route(request)
            with self._desk.core.work():
                return handler(call, *captured)
        except Refused as refused:
            return error(refused.code, refused.status)


def _route(request: Request) -> tuple[Handler, tuple[Any, ...]]:
    for method, pattern, handler in _COMPILED:
        found = pattern.fullmatch(request.path)
        if found and method == request.method:
            return handler, found.groups()
    raise Refused("not_found", 404)
