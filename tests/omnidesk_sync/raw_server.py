"""A server that does on its socket exactly what a test says: cut, trickle, hang, lie about lengths."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

CERTIFICATE = Path(__file__).parent / "certs" / "localhost.pem"

Script = Callable[["Connection"], None]


class Connection:
    """One accepted connection, seen from the server."""

    def __init__(self, sock: socket.socket, stop: threading.Event) -> None:
        self.sock = sock
        self.stop = stop
        self.request = b""

    def read_request(self) -> bytes:
        """The whole request: head, and as much body as Content-Length says."""
        while b"\r\n\r\n" not in self.request:
            self._receive()
        head = self.request.partition(b"\r\n\r\n")[0]
        while len(self.request) < len(head) + 4 + _content_length(head):
            self._receive()
        return self.request

    def answer(self, body: bytes, *, status: str = "200 OK", headers: tuple[str, ...] = ()) -> None:
        self.read_request()
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def trickle(self, data: bytes, *, pause: float = 0.02) -> None:
        for byte in data:
            self.sock.sendall(bytes([byte]))
            time.sleep(pause)

    def hang(self) -> None:
        self.stop.wait(10)

    def _receive(self) -> None:
        block = self.sock.recv(65536)
        if not block:
            raise ConnectionError("the client went away")
        self.request += block


class RawServer:
    """Where to call, and what arrived. `requests` holds each request as far as it was read."""

    def __init__(self, scheme: str, port: int) -> None:
        self.url = f"{scheme}://127.0.0.1:{port}"
        self.requests: list[bytes] = []
        self.connections = 0


@contextmanager
def serve(script: Script, *, tls: bool = False) -> Iterator[RawServer]:
    """Run `script` for every connection; closing it is the script's end."""
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = RawServer("https" if tls else "http", listener.getsockname()[1])
        context = _context() if tls else None
        thread = threading.Thread(target=_accept, args=(listener, context, script, server, stop), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            stop.set()
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _accept(
    listener: socket.socket,
    context: ssl.SSLContext | None,
    script: Script,
    server: RawServer,
    stop: threading.Event,
) -> None:
    while not stop.is_set():
        try:
            sock, _ = listener.accept()
        except OSError:
            return
        server.connections += 1
        with sock, suppress(OSError):
            plain = context.wrap_socket(sock, server_side=True) if context else sock
            with plain:
                _follow(script, Connection(plain, stop), server)


def _follow(script: Script, connection: Connection, server: RawServer) -> None:
    try:
        script(connection)
    finally:
        server.requests.append(connection.request)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATE)
    return context


def _content_length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name == b"content-length":
            return int(value)
    return 0
