"""The desk on a real socket, with connections that can really be cut, halved and trickled."""

from __future__ import annotations

import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from .desk import Desk
from .exchange import Exchange, Outcome
from .inbound import Reply

TICK_SECONDS = 0.05
TRICKLE_SECONDS = 0.2
# A kept connection that stays silent longer than this is closed, as every front server does.
IDLE_SECONDS = 30


class Server(ThreadingHTTPServer):
    """Serves one desk and moves its clockwork. ``start`` and ``stop`` from any thread."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, desk: Desk, host: str = "127.0.0.1", port: int = 0) -> None:
        self.desk = desk
        self.stopping = threading.Event()
        self.exchange = Exchange(desk, sleep=self.stopping.wait)
        super().__init__((host, port), _Handler)
        self._threads_started: list[threading.Thread] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def start(self) -> None:
        for target in (self._serve, self._tick):
            thread = threading.Thread(target=target, name=f"sandbox-{target.__name__}", daemon=True)
            thread.start()
            self._threads_started.append(thread)

    def stop(self) -> None:
        self.stopping.set()
        self.shutdown()
        for thread in self._threads_started:
            thread.join(timeout=5)
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error here; everything else is shown."""
        if not isinstance(sys.exc_info()[1], ConnectionError | TimeoutError):
            super().handle_error(request, client_address)

    def _serve(self) -> None:
        self.serve_forever(poll_interval=TICK_SECONDS)

    def _tick(self) -> None:
        while not self.stopping.wait(TICK_SECONDS):
            self.desk.tick()


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    # Head and body leave in one piece: unbuffered, each answer would wait for a delayed acknowledgement.
    wbufsize = 64 * 1024
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._exchange()

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _exchange(self) -> None:
        body = self._read_body()
        method = "GET" if self.command == "HEAD" else self.command
        outcome = self.server.exchange.handle(method, self.path, dict(self.headers.items()), body)
        deliver = {"cut": self._cut, "half": self._half, "trickle": self._trickle}.get(
            outcome.delivery, self._whole
        )
        deliver(outcome)

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            return self._read_chunks()
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _read_chunks(self) -> bytes:
        found = b""
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            found += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return found

    def _head(self, reply: Reply, length: int) -> None:
        self.send_response_only(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _whole(self, outcome: Outcome) -> None:
        self._head(outcome.reply, len(outcome.reply.body))
        if self.command != "HEAD":
            self.wfile.write(outcome.reply.body)

    def _cut(self, outcome: Outcome) -> None:
        del outcome
        self.close_connection = True

    def _half(self, outcome: Outcome) -> None:
        body = outcome.reply.body
        self._head(outcome.reply, max(len(body), 2))
        self.wfile.write(body[: len(body) // 2])
        self.close_connection = True

    def _trickle(self, outcome: Outcome) -> None:
        """One byte at a time, and spaces for ever after: only a deadline of the caller's own ends it."""
        body = outcome.reply.body
        self._head(outcome.reply, len(body) + 10**6)
        self.close_connection = True
        place = 0
        while not self.server.stopping.wait(TRICKLE_SECONDS):
            self.wfile.write(body[place : place + 1] or b" ")
            self.wfile.flush()
            place += 1
