"""What a failing network means, against real sockets: a mock cannot prove that nothing was sent."""

import gzip
import io
import json
import os
import socket
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from requests import adapters

from omnidesk_sync import wire
from omnidesk_sync.client import Client
from omnidesk_sync.errors import (
    AccountTrouble,
    OmnideskError,
    OutcomeUnknown,
    Rejected,
    TryLater,
    Unreadable,
)
from omnidesk_sync.types import NewMessage, OutgoingFile
from tests.omnidesk_sync.raw_server import CERTIFICATE, Connection, Script, serve

DEADLINE = 0.25
SLACK = 0.25
MESSAGE = NewMessage(user_id=5, content="Where is my bicycle?")
ADDED = json.dumps({"message": {"message_id": 9, "user_id": 5, "content": "Where is my bicycle?"}}).encode()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)


def client_for(url: str, *, seconds: float = DEADLINE) -> Client:
    return Client(base_url=url, staff_email="bot@acme.example", api_key="s3cret-key", timeout_seconds=seconds)


@contextmanager
def at_the_deadline(seconds: float = DEADLINE) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert seconds - 0.1 < time.monotonic() - began < seconds + SLACK


def unused_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
    return port


# --- Nothing has left


def test_refused_connection_is_later() -> None:
    with pytest.raises(TryLater) as caught:
        client_for(f"http://127.0.0.1:{unused_port()}").add_message(7, MESSAGE)
    assert caught.value.after_seconds is None


def test_unknown_name_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(TryLater):
        client_for("https://nowhere.example").add_message(7, MESSAGE)


def test_name_lookup_that_hangs_ends_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [over.wait(10)][1:])
    with at_the_deadline(), pytest.raises(TryLater):
        client_for("https://slow.example").add_message(7, MESSAGE)
    over.set()


def test_connection_that_is_not_accepted_is_later() -> None:
    """A full backlog: the kernel leaves our SYN unanswered, as an unreachable host does."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        with at_the_deadline(), pytest.raises(TryLater):
            client_for(f"http://127.0.0.1:{listener.getsockname()[1]}").add_message(7, MESSAGE)
        for filler in fillers:
            filler.close()


def test_connection_ready_after_the_deadline_sends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    real = wire.Attempt.dial

    def late(self: wire.Attempt, *args: object) -> socket.socket:
        sock = real(self, *args)  # type: ignore[arg-type]
        time.sleep(DEADLINE + 0.1)
        return sock

    monkeypatch.setattr(wire.Attempt, "dial", late)
    with serve(read_and_cut) as server, pytest.raises(TryLater):
        client_for(server.url).add_message(7, MESSAGE)
    assert server.requests == [b""]


def test_second_address_is_tried_when_the_first_refuses(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda connection: connection.answer(ADDED)) as server:
        port = int(server.url.rpartition(":")[2])
        family = (socket.AF_INET, socket.SOCK_STREAM, 6, "")
        addresses = [(*family, ("127.0.0.1", unused_port())), (*family, ("127.0.0.1", port))]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
        assert client_for("http://desk").add_message(7, MESSAGE).message_id == 9


# --- TLS


def test_untrusted_certificate_is_account_trouble() -> None:
    with (
        serve(lambda connection: connection.answer(ADDED), tls=True) as server,
        pytest.raises(AccountTrouble),
    ):
        client_for(server.url).add_message(7, MESSAGE)
    assert server.requests == []


def test_plain_server_behind_https_is_account_trouble() -> None:
    def script(connection: Connection) -> None:
        # What is unread at the end would make a reset of it, which may overtake the answer.
        connection.sock.recv(65536)
        connection.sock.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with serve(script) as server, pytest.raises(AccountTrouble):
        client_for(server.url.replace("http:", "https:")).add_message(7, MESSAGE)


def test_server_that_leaves_in_the_handshake_is_later() -> None:
    with serve(reset_in_the_request) as server, pytest.raises(TryLater):
        client_for(server.url.replace("http:", "https:")).add_message(7, MESSAGE)


def test_handshake_that_hangs_is_later() -> None:
    with serve(Connection.hang) as server, at_the_deadline(), pytest.raises(TryLater):
        client_for(server.url.replace("http:", "https:")).add_message(7, MESSAGE)


def test_missing_certificate_bundle_is_account_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere/bundle.pem")
    with pytest.raises(AccountTrouble):
        client_for("https://acme.omnidesk.ru").add_message(7, MESSAGE)


def test_trusted_certificate_from_the_environment_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serve(lambda connection: connection.answer(ADDED), tls=True) as server:
        assert client_for(server.url).add_message(7, MESSAGE).message_id == 9


@pytest.mark.parametrize("cut", ["before the answer", "in the answer"])
def test_tls_that_breaks_in_mid_call_is_unknown(monkeypatch: pytest.MonkeyPatch, cut: str) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))

    def script(connection: Connection) -> None:
        connection.read_request()
        if cut == "in the answer":
            connection.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n{")
        # Under the TLS layer, so that what arrives is no TLS record at all.
        socket.socket.send(connection.sock, b"this is not TLS")

    with serve(script, tls=True) as server, pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, MESSAGE)


def test_tls_call_that_hangs_is_unknown_at_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(CERTIFICATE))
    with serve(read_and_hang, tls=True) as server, at_the_deadline(), pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, MESSAGE)


# --- Something may have left


def read_and_hang(connection: Connection) -> None:
    connection.read_request()
    connection.hang()


def read_and_cut(connection: Connection) -> None:
    connection.read_request()


def cut_in_the_head(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Le")


def cut_in_the_body(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n" + ADDED)


def cut_in_a_chunk(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n")
    connection.sock.sendall(b"%x\r\n%b\r\n" % (len(ADDED), ADDED))


def cut_in_the_status_line(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 2")


def reset_in_the_request(connection: Connection) -> None:
    connection.sock.recv(1)
    connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def talk_nonsense(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"220 mail.example ESMTP\r\n")


def answer_html(connection: Connection) -> None:
    connection.answer(b"<html>It works!</html>", headers=("Content-Type: text/html",))


def answer_too_deep(connection: Connection) -> None:
    connection.answer(b"[" * 100_000)


def answer_broken_gzip(connection: Connection) -> None:
    connection.answer(b"not gzip at all", headers=("Content-Encoding: gzip",))


@pytest.mark.parametrize(
    "script",
    [
        read_and_cut,
        cut_in_the_head,
        cut_in_the_body,
        cut_in_a_chunk,
        cut_in_the_status_line,
        reset_in_the_request,
        talk_nonsense,
        answer_html,
        answer_too_deep,
        answer_broken_gzip,
    ],
)
def test_what_breaks_after_connecting_is_unknown_and_not_repeated(script: Script) -> None:
    with serve(script) as server:
        with pytest.raises(OutcomeUnknown):
            client_for(server.url, seconds=5).add_message(7, MESSAGE)
        assert server.connections == 1


def trickle_head(connection: Connection) -> None:
    connection.read_request()
    connection.trickle(b"HTTP/1.1 201 Created\r\n" + b"X-Patience: yes\r\n" * 20)


def trickle_body(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 201 Created\r\nContent-Length: 900\r\n\r\n")
    connection.trickle(b" " * 100)


def trickle_endless_body(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 201 Created\r\n\r\n")
    connection.trickle(b" " * 100)


def trickle_endless_error(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 900\r\n\r\n")
    connection.trickle(b" " * 100)


@pytest.mark.parametrize(
    "script", [read_and_hang, trickle_head, trickle_body, trickle_endless_body, trickle_endless_error]
)
def test_one_deadline_ends_every_kind_of_slowness(script: Script) -> None:
    with serve(script) as server, at_the_deadline(), pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, MESSAGE)


def test_upload_that_nobody_reads_ends_at_the_deadline() -> None:
    big = b"x" * (8 * 1024 * 1024)
    file = OutgoingFile("big.bin", "application/octet-stream", len(big), lambda: io.BytesIO(big))
    message = NewMessage(user_id=5, content="See the file", files=(file,))
    with serve(Connection.hang) as server, at_the_deadline(), pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, message)


def test_file_that_shrinks_while_it_is_sent_is_unknown() -> None:
    class Shrinking(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(min(size or 0, 10)) if self.tell() < 10 else b""

    file = OutgoingFile("log.txt", "text/plain", 99, lambda: Shrinking(b"x" * 99))
    with serve(read_and_cut) as server, pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, NewMessage(5, "See the log", (file,)))


# --- The status is known, whatever follows


@pytest.mark.parametrize(
    ("status", "error"),
    [
        ("429 Too Many", TryLater),
        ("401 No", AccountTrouble),
        ("302 Found", AccountTrouble),
        ("400 Bad", Rejected),
    ],
)
def test_refusal_with_a_cut_body_stays_a_refusal(status: str, error: type[OmnideskError]) -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        head = f"HTTP/1.1 {status}\r\nLocation: https://evil.example/\r\nContent-Length: 900\r\n\r\n"
        connection.sock.sendall(head.encode())

    with serve(script) as server, pytest.raises(error):
        client_for(server.url).add_message(7, MESSAGE)


def test_redirects_are_not_followed() -> None:
    def script(connection: Connection) -> None:
        connection.answer(b"", status="307 Temporary Redirect", headers=(f"Location: {other.url}/elsewhere",))

    with serve(lambda connection: connection.answer(ADDED)) as other, serve(script) as server:
        with pytest.raises(AccountTrouble) as caught:
            client_for(server.url).add_message(7, MESSAGE)
        assert caught.value.status == 307
        assert other.connections == 0


def test_answer_before_the_upload_ended_is_read() -> None:
    """A gateway refuses a body that is too large without reading it, and closes."""
    big = b"x" * (4 * 1024 * 1024)
    file = OutgoingFile("big.bin", "application/octet-stream", len(big), lambda: io.BytesIO(big))

    def script(connection: Connection) -> None:
        connection.sock.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n")
        connection.sock.shutdown(socket.SHUT_WR)
        while connection.sock.recv(65536):
            pass

    with serve(script) as server, pytest.raises(Rejected) as caught:
        client_for(server.url, seconds=5).add_message(7, NewMessage(5, "See the file", (file,)))
    assert caught.value.status == 413


def test_answer_larger_than_any_real_one_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MAX_ANSWER_BYTES", 10)
    with serve(lambda connection: connection.answer(ADDED)) as server, pytest.raises(OutcomeUnknown):
        client_for(server.url).add_message(7, MESSAGE)


# --- Connections, environment, secrets


def test_every_call_has_its_own_connection() -> None:
    with serve(lambda connection: connection.answer(ADDED)) as server:
        client = client_for(server.url)
        for _ in range(3):
            client.add_message(7, MESSAGE)
        assert server.connections == 3
        assert all(b"\r\nConnection: close\r\n" in request for request in server.requests)


def test_netrc_is_not_read(monkeypatch: pytest.MonkeyPatch, tmp_path: pytest.TempPathFactory) -> None:
    netrc = f"{tmp_path}/netrc"
    with open(netrc, "w") as file:
        file.write("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", netrc)
    with serve(lambda connection: connection.answer(ADDED)) as server:
        client_for(server.url).add_message(7, MESSAGE)
    assert b"Authorization: Basic Ym90QGFjbWUuZXhhbXBsZTpzM2NyZXQta2V5\r\n" in server.requests[0]


def test_proxy_from_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda connection: connection.answer(ADDED)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        assert client_for("http://sandbox:8100").add_message(7, MESSAGE).message_id == 9
    assert proxy.requests[0].startswith(b"POST http://sandbox:8100/api/cases/7/messages.json HTTP/1.1\r\n")


def test_tunnel_that_the_proxy_refuses_is_later(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda connection: connection.answer(b"", status="502 Bad Gateway")) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        with pytest.raises(TryLater):
            client_for("https://acme.omnidesk.ru").add_message(7, MESSAGE)
    assert proxy.requests[0].startswith(b"CONNECT acme.omnidesk.ru:443 ")


def test_proxy_of_an_unknown_kind_is_account_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://127.0.0.1:1")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with pytest.raises(AccountTrouble):
        client_for("https://acme.omnidesk.ru").add_message(7, MESSAGE)


def _refused() -> str:
    return f"http://127.0.0.1:{unused_port()}"


@pytest.mark.parametrize("script", [None, read_and_cut, answer_html, trickle_body])
def test_no_error_carries_the_request(script: Script | None, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    with serve(script or read_and_cut) as server:
        client = client_for(_refused() if script is None else server.url)
        with pytest.raises(OmnideskError) as caught:
            client.add_message(7, MESSAGE)
    told = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(client)
    assert caught.value.__context__ is None
    assert caught.value.__cause__ is None
    assert not any(secret in told for secret in ("s3cret", "bot@acme", "bicycle", "Ym90"))


def test_one_log_line_for_each_call(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="omnidesk_sync.client")
    with serve(lambda connection: connection.answer(ADDED, status="201 Created")) as server:
        client_for(server.url).add_message(7, MESSAGE)
    [line] = [record.getMessage() for record in caplog.records if record.name == "omnidesk_sync.client"]
    assert line.startswith("POST add_message: 201 in ")


def test_what_is_not_our_connection_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionRefusedError("said by who knows whom")

    monkeypatch.setattr(adapters.HTTPAdapter, "send", broken)
    with pytest.raises(OutcomeUnknown):
        client_for("https://acme.omnidesk.ru").add_message(7, MESSAGE)


# --- Downloads


def fetch(script: Script, **options: object) -> tuple[bytes, object]:
    target = io.BytesIO()
    arguments: dict[str, object] = {"max_bytes": 1000, "timeout_seconds": DEADLINE, **options}
    with serve(script) as server:
        got = client_for(server.url).download("/f/1", target, **arguments)  # type: ignore[arg-type]
    return target.getvalue(), got


def unframed(connection: Connection) -> None:
    connection.read_request()
    connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n" + b"p" * 20)


@pytest.mark.parametrize("script", [cut_in_the_body, read_and_hang, read_and_cut, cut_in_the_head])
def test_download_that_breaks_is_unknown(script: Script) -> None:
    with pytest.raises(OmnideskError) as caught:
        fetch(script)
    assert isinstance(caught.value, OutcomeUnknown)


def test_download_without_a_length_needs_the_expected_size() -> None:
    assert fetch(unframed, expected_size=20)[0] == b"p" * 20
    for wrong in (None, 21):
        with pytest.raises(OutcomeUnknown):
            fetch(unframed, expected_size=wrong)


def test_download_has_its_own_deadline() -> None:
    def script(connection: Connection) -> None:
        connection.read_request()
        connection.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n")
        connection.trickle(b"x" * 15)

    assert len(fetch(script, timeout_seconds=5)[0]) == 15
    with at_the_deadline(), pytest.raises(OutcomeUnknown):
        fetch(script)


def test_download_ends_where_the_disk_is_full() -> None:
    class FullDisk(io.BytesIO):
        def write(self, _: object, /) -> int:
            raise OSError(28, "No space left on device")

    with (
        serve(lambda connection: connection.answer(b"file")) as server,
        pytest.raises(OSError, match="No space left"),
    ):
        client_for(server.url).download("/f/1", FullDisk(), max_bytes=1000)


def test_compressed_download_is_measured_unpacked() -> None:
    def script(connection: Connection) -> None:
        connection.answer(gzip.compress(b"0" * 100_000), headers=("Content-Encoding: gzip",))

    with pytest.raises(Rejected) as caught:
        fetch(script)
    assert caught.value.code == "too_large"


def test_unreadable_is_an_unknown_outcome() -> None:
    with serve(answer_html) as server, pytest.raises(Unreadable) as caught:
        client_for(server.url).view_case(7)
    assert caught.value.status == 200


def test_no_thread_or_handle_outlives_a_call() -> None:
    with serve(lambda connection: connection.answer(ADDED)) as server:
        client = client_for(server.url, seconds=30)
        client.add_message(7, MESSAGE)
        handles = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            client.add_message(7, MESSAGE)
        # A watchdog's thread needs a moment to see that it was called off.
        time.sleep(0.05)
        assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
        assert len(os.listdir("/proc/self/fd")) <= handles
