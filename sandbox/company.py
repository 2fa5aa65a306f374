"""The company's own web site, as far as a cabinet meets it: it knows its visitors and hands them over.

Its visitors have no e-mail address. What leads them to the cabinet is the link that Omnidesk's own single
sign-on uses (omnidesk-api.md 5.3), a short-lived token signed with a secret that both sites share; and one of
its pages holds the cabinet's chat in a frame.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from .cases import Refused
from .inbound import Request
from .markup import Markup, joined, render

VISITORS = {"client-17": "Иван Петров", "client-18": "Mary Miller"}
"""By the company's own ids."""

LIFETIME_SECONDS = 300


@dataclass(frozen=True)
class Company:
    """`cabinet` is the cabinet's address without a path; both sites know `secret`."""

    cabinet: str
    secret: str

    def token(self, visitor: str) -> str:
        """Signed as any JWT library does it (HS256); it may be used once."""
        now = int(time.time())
        claims = {"iat": now, "exp": now + LIFETIME_SECONDS, "external_id": visitor}
        claims |= {"name": VISITORS.get(visitor, visitor), "jti": f"{visitor}-{time.time_ns()}"}
        text = f"{_part({'alg': 'HS256', 'typ': 'JWT'})}.{_part(claims)}"
        signature = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256).digest()
        return f"{text}.{_letters(signature)}"

    def link(self, visitor: str, place: str) -> str:
        return f"{self.cabinet}/access/jwt?{urlencode({'jwt': self.token(visitor), 'return_to': place})}"


class CompanyPages:
    def __init__(self, company: Company | None) -> None:
        self._company = company

    def index(self, request: Request) -> Markup:
        """Where a visitor of the company's site finds support: a link, and the chat in a frame."""
        self._known()
        visitor = request.first("visitor") or next(iter(VISITORS))
        if visitor not in VISITORS:
            raise Refused("page_not_found", 404)
        links = (render("company_visitor", visitor=key, name=name) for key, name in VISITORS.items())
        frame = Markup("") if request.first("chat") != "1" else render("company_chat", visitor=visitor)
        name = VISITORS[visitor]
        return render("company", visitors=joined(links), visitor=visitor, name=name, chat=frame)

    def go(self, request: Request) -> str:
        """A fresh token each time: it is good for one use. Any id will do: the company knows many people."""
        visitor = request.first("visitor")
        if not visitor:
            raise Refused("page_not_found", 404)
        return self._known().link(visitor, request.first("to", "/cases/"))

    def _known(self) -> Company:
        if self._company is None:
            raise Refused("page_not_found", 404)
        return self._company


def _part(values: dict[str, object]) -> str:
    return _letters(json.dumps(values, separators=(",", ":")).encode())


def _letters(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
