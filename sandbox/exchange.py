"""One request, one outcome: routing, and the faults that strike on the way.

Both mounts - the HTTP server and the double in tests - ask here and then do to their caller what the
outcome says. That is what makes a cut connection mean the same in both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from .api import Api
from .desk import Desk
from .doors import PREFIX, Doors
from .downloads import Downloads
from .faults import Fault
from .inbound import Reply, Request, html_reply, make_request
from .pages import Pages
from .text import http_date

GATEWAY_PAGE = (
    "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1>nginx</body></html>"
)
MAINTENANCE_PAGE = "<!DOCTYPE html><html><body><h1>Omnidesk</h1><p>Идут технические работы</p></body></html>"


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What to do to the caller: hand over the reply ``whole``, ``half`` of it, or as a ``trickle``; or
    ``cut`` the connection without a word."""

    reply: Reply
    delivery: str = "whole"


class Exchange:
    def __init__(self, desk: Desk, *, sleep: Callable[[float], object] = time.sleep) -> None:
        self.desk = desk
        self._sleep = sleep
        self._api = Api(desk)
        self._downloads = Downloads(desk, self._api)
        self._doors = Doors(desk)
        self._pages = Pages(desk)

    def handle(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        request = make_request(method, url, headers, body)
        self.desk.tick()
        outcome = self._answer(request)
        outcome.reply.headers["Date"] = http_date(self.desk.core.now())
        return outcome

    def _answer(self, request: Request) -> Outcome:
        if request.path == "/healthz":
            return Outcome(reply=Reply(status=200, body=b"ok\n", headers={"Content-Type": "text/plain"}))
        if request.path.startswith(PREFIX):
            return Outcome(reply=self._doors.answer(request))
        if not request.path.startswith(("/api/", "/attachment/")):
            return Outcome(reply=self._pages.answer(request))
        fault = self.desk.faults.strike_call(request.method, request.target)
        return self._struck(request, fault) if fault else Outcome(reply=self._work(request))

    def _work(self, request: Request, fault: str = "") -> Reply:
        if request.path.startswith("/api/"):
            return self._api.answer(request, fault=fault)
        reply = self._downloads.answer(request)
        self._api.log(request, reply.status, 0, fault)
        return reply

    def _struck(self, request: Request, fault: Fault) -> Outcome:
        kind = fault.kind
        if kind in ("wrong_key", "rate_limited") and request.path.startswith("/api/"):
            reply = self._work(request, kind)
            if kind == "rate_limited" and fault.retry_after is not None:
                reply.headers["retry_after"] = str(fault.retry_after)
            return Outcome(reply=reply)
        if kind == "slow":
            return Outcome(reply=self._slowly(request, fault))
        if kind == "cut_after":
            self._work_after_the_cut(request)
            return Outcome(reply=Reply(status=0), delivery="cut")
        if kind in ("half_answer", "trickle"):
            return Outcome(
                reply=self._work(request, kind), delivery="half" if kind == "half_answer" else kind
            )
        if fault.when == "after":
            self._work(request, kind)
        else:
            self._api.log(request, 0, 0, kind)
        if kind == "cut_before":
            return Outcome(reply=Reply(status=0), delivery="cut")
        return Outcome(reply=_canned(fault))

    def _slowly(self, request: Request, fault: Fault) -> Reply:
        if fault.when == "before":
            self._sleep(fault.seconds)
            return self._work(request, fault.kind)
        reply = self._work(request, fault.kind)
        self._sleep(fault.seconds)
        return reply

    def _work_after_the_cut(self, request: Request) -> None:
        delay = self.desk.switches.commit_delay_seconds
        if delay:
            self.desk.do_later(delay, lambda: self._work(request, "cut_after"))
        else:
            self._work(request, "cut_after")


def _canned(fault: Fault) -> Reply:
    """The answers that have nothing to do with the question."""
    if fault.kind == "redirect":
        return Reply(status=302, headers={"Location": fault.location})
    if fault.kind == "error_502":
        return html_reply(GATEWAY_PAGE, 502)
    if fault.kind == "not_json":
        return html_reply(MAINTENANCE_PAGE)
    status = {"rate_limited": 429, "wrong_key": 401}.get(fault.kind, 500)
    return Reply(status=status, body=b"Internal Server Error", headers={"Content-Type": "text/plain"})
