"""One desk with a clock that tests move, asked through the double or over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses

from sandbox.desk import Desk
from sandbox.double import mount
from sandbox.wire import Server

BASE = "https://acme.omnidesk.ru"
KEY = ("robot@acme.example", "sandbox-key")
# Monday, 5 May 2014, 00:15:17 in the account's zone, as in the vendor's samples.
START = 1399238117.4


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


class Caller:
    """The API as a client meets it."""

    def __init__(self, base: str, auth: tuple[str, str] | None = KEY) -> None:
        self.base, self.auth = base, auth

    def call(self, method: str, path: str, **options: Any) -> requests.Response:
        options.setdefault("auth", self.auth)
        timeout = options.pop("timeout", 2)
        return requests.request(method, f"{self.base}{path}", timeout=timeout, **options)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", f"/api/{path}", params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, data: dict[str, Any]) -> Any:
        answer = self.call("POST", f"/api/{path}", json=data)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def put(self, path: str, data: dict[str, Any] | None = None) -> Any:
        answer = self.call("PUT", f"/api/{path}", json=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def open_case(self, email: str = "anna@example.ru", **fields: Any) -> dict[str, Any]:
        given = {
            "user_email": email,
            "subject": "Invoice is missing",
            "content": "Where is it?",
            "status": "open",
        }
        found: dict[str, Any] = self.post("cases.json", {"case": {**given, **fields}})["case"]
        return found

    def messages(self, case_id: int, **params: Any) -> list[dict[str, Any]]:
        listed = self.get(f"cases/{case_id}/messages.json", **params)
        return [listed[str(place)]["message"] for place in range(len(listed) - 1)]

    def door(self, name: str, /, **data: Any) -> Any:
        answer = self.call("POST", f"/sandbox/{name}", json=data)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, method: str, path: str, **options: Any) -> tuple[int, str]:
        answer = self.call(method, f"/api/{path}", **options)
        return answer.status_code, answer.json()["error"]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def desk(clock: Clock) -> Iterator[Desk]:
    desk = Desk(clock=clock)
    yield desk
    desk.close()


@pytest.fixture
def api(desk: Desk) -> Iterator[Caller]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mount(desk, mock, BASE)
        yield Caller(BASE)


@pytest.fixture
def server() -> Iterator[Server]:
    """A desk on a real socket and the real clock."""
    desk = Desk()
    server = Server(desk)
    desk.core.base_url = f"http://127.0.0.1:{server.port}"
    server.start()
    yield server
    server.stop()
    desk.close()


@pytest.fixture
def line(server: Server) -> Caller:
    return Caller(server.desk.core.base_url)
