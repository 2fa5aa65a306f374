"""Which page or form answers which address, and what a refusal looks like to a person.

Forms are plain and need no JavaScript. There is no login: the sandbox listens on the loopback address and
holds nothing but inventions.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from .cases import Refused
from .company import CompanyPages
from .control_page import ControlPage
from .desk import Desk
from .inbound import Reply, Request, html_reply, redirect
from .mail_pages import MailPages
from .markup import Markup, render
from .staff_pages import StaffPages

View = Callable[..., "Markup | str | Reply"]


class Pages:
    """A view gives a page; an act gives the address to go to next."""

    def __init__(self, desk: Desk) -> None:
        staff, mail, control = StaffPages(desk), MailPages(desk), ControlPage(desk)
        company = CompanyPages(desk.company)
        routes: list[tuple[str, str, View]] = [
            ("GET", "/", lambda _request: "/staff/"),
            ("GET", "/staff/", staff.listing),
            ("GET", r"/staff/cases/(?:record|chat)/([\d-]+)", staff.case),
            ("GET", r"/staff/pictures/(\d+)\.png", staff.picture),
            ("POST", "/staff/open", staff.open_case),
            ("POST", r"/staff/cases/(\d+)/(\w+)", staff.act),
            ("GET", "/mailbox/", mail.index),
            ("GET", "/mailbox/([^/]+)/", mail.mailbox),
            ("POST", "/mailbox/write", mail.write),
            ("POST", r"/mailbox/letters/(\d+)/answer", mail.answer),
            ("GET", r"/files/(\d+)", staff.file),
            ("GET", "/company/", company.index),
            ("GET", "/company/go", company.go),
            ("GET", "/control/", control.page),
            ("POST", r"/control/(\w+)", control.act),
        ]
        self._routes = [(method, re.compile(path), view) for method, path, view in routes]

    def answer(self, request: Request) -> Reply:
        try:
            view, captured = self._find(request)
            found = view(request, *captured)
        except Refused as refused:
            return html_reply(page("Refused", render("refused", code=refused.code)), refused.status)
        except (KeyError, ValueError) as trouble:
            return html_reply(page("Refused", render("refused", code=trouble)), 400)
        if isinstance(found, Reply):
            return found
        return html_reply(page("Omnidesk sandbox", found)) if isinstance(found, Markup) else redirect(found)

    def _find(self, request: Request) -> tuple[View, tuple[Any, ...]]:
        for method, pattern, view in self._routes:
            found = pattern.fullmatch(request.path)
            if found and method == request.method:
                return view, found.groups()
        raise Refused("page_not_found", 404)


def page(title: str, body: Markup) -> str:
    return render("layout", title=title, body=body)
