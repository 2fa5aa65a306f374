"""The same desk on a real socket: faults that only a real connection has, webhooks that really travel."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
import requests

from sandbox.desk import Desk
from sandbox.webhooks import post_webhook
from sandbox.wire import Server

from .conftest import Caller


def wait_for(condition: object, seconds: float = 3.0) -> None:
    assert callable(condition)
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_health_and_a_whole_conversation(line: Caller) -> None:
    assert line.call("GET", "/healthz").text == "ok\n"
    case_id = line.open_case()["case_id"]
    line.door("staff/reply", case_id=case_id, text="Вот он")
    assert [message["content_html"] for message in line.messages(case_id)] == ["Where is it?", "Вот он"]


@pytest.mark.parametrize(("kind", "done"), [("cut_before", 0), ("cut_after", 1), ("half_answer", 1)])
def test_the_connection_is_really_cut(line: Caller, server: Server, kind: str, done: int) -> None:
    server.desk.faults.add(kind, count=1)
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        line.open_case()
    assert len(server.desk.core.cases.all()) == done


def test_a_slow_desk_works_on_after_the_caller_has_gone(line: Caller, server: Server) -> None:
    server.desk.faults.add("slow", count=1, seconds=0.3)
    with pytest.raises(requests.ReadTimeout):
        line.call(
            "POST",
            "/api/cases.json",
            timeout=0.1,
            json={"case": {"user_email": "a@b.ru", "subject": "x", "content": "y"}},
        )
    assert server.desk.core.cases.all() == []
    wait_for(lambda: len(server.desk.core.cases.all()) == 1)


def test_a_trickle_outlives_a_read_timeout(line: Caller, server: Server) -> None:
    """A read timeout never strikes, as bytes keep coming: only a deadline of one's own helps."""
    server.desk.faults.add("trickle", count=1)
    started = time.monotonic()
    with requests.get(f"{line.base}/api/cases.json", auth=line.auth, timeout=0.5, stream=True) as answer:
        got = 0
        for piece in answer.iter_content(1):
            got += len(piece)
            if got == 4:
                break
    assert time.monotonic() - started > 0.7


def test_late_work_is_done_by_the_clockwork(line: Caller, server: Server) -> None:
    server.desk.switch(commit_delay_seconds=0.2)
    server.desk.faults.add("cut_after", count=1)
    with pytest.raises(requests.ConnectionError):
        line.open_case()
    assert server.desk.core.cases.all() == []
    wait_for(lambda: len(server.desk.core.cases.all()) == 1)


def test_a_body_without_a_length_is_understood(line: Caller) -> None:
    pieces = iter([b'{"case": {"user_email": "a@b.ru",', b' "subject": "x", "content": "y"}}'])
    answer = line.call("POST", "/api/cases.json", data=pieces)
    assert answer.status_code == 201


def test_a_connection_is_kept(line: Caller, server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port), timeout=2) as raw:
        for _ in range(2):
            raw.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert raw.recv(4096).endswith(b"ok\n")
        raw.sendall(b"HEAD /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert raw.recv(4096).endswith(b"\r\n\r\n")


class _Cabinet(HTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _CabinetHandler)
        self.got: list[tuple[str, str | None, bytes]] = []


class _CabinetHandler(BaseHTTPRequestHandler):
    server: _Cabinet

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.path, self.headers["X-Webhook-Secret"], body))
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def cabinet() -> Iterator[_Cabinet]:
    cabinet = _Cabinet()
    thread = threading.Thread(target=cabinet.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield cabinet
    cabinet.shutdown()
    thread.join()
    cabinet.server_close()


def test_webhooks_travel_in_the_background(cabinet: _Cabinet) -> None:
    desk = Desk(send_webhook=post_webhook, background=True)
    desk.install_cabinet_rules(f"http://127.0.0.1:{cabinet.server_port}/hook/", "s3cret")
    desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    wait_for(lambda: len(cabinet.got) == 1)
    desk.close()
    body = b'{"v": 1, "event": "new_case", "case_id": "7001", "message_id": "9001"}'
    assert cabinet.got == [("/hook/", "s3cret", body)]
    assert desk.sent_webhooks[0].outcome == "delivered"


def test_a_webhook_nobody_receives_is_only_noted() -> None:
    desk = Desk(send_webhook=post_webhook, background=True)
    desk.install_cabinet_rules("http://127.0.0.1:9/hook/")
    desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    wait_for(lambda: desk.sent_webhooks and desk.sent_webhooks[0].outcome == "failed")
    desk.close()
