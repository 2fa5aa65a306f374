"""One HTTP exchange with a hard end, and the knowledge whether anything can have left this machine.

Owns connections, the deadline, and the verdict on a failing network. Refuses to know what a case is or what a
status means, to follow a redirect, and to repeat anything.

**What may have left.** Our connection classes note when `connect()` begins and when it is complete, TLS
included. A failure in between is before the first byte of the request, whatever exception it is; a failure
after it may have been after the last one. Message texts are never looked at.

**The deadline.** The timeouts of `requests` are per `recv`: a server that sends a byte a second holds a call
for ever. Here a watchdog thread shuts the connection down at the deadline, which wakes whatever blocks on it.
The name lookup, which has no timeout at all, runs in a thread that is left behind; and a connection that is
complete only after the deadline sends nothing.

**Fresh connections.** Every call opens its own: a kept one that the server has just closed looks exactly
like a request whose outcome is unknown. It costs a TLS handshake; calls are too few for that to matter.
"""

import http.client
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from time import monotonic
from types import TracebackType
from typing import Any, Self, TypeVar

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from omnidesk_sync.errors import AccountTrouble, OmnideskError, OutcomeUnknown, TryLater
from omnidesk_sync.multipart import MultipartBody

T = TypeVar("T")

# A page of a hundred long letters is a few megabytes; more than this is not an answer to read into memory.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
_BLOCK_BYTES = 64 * 1024
_NETWORK_ERRORS = (
    requests.RequestException,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
    ValueError,
)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A request to be made. `body` is JSON for a mapping, multipart for a `MultipartBody`."""

    method: str
    url: str
    params: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    body: Mapping[str, object] | MultipartBody | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    with_credentials: bool = True


@dataclass(frozen=True, slots=True)
class RawAnswer:
    """An answer that was read to its end. `headers` ignores case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


class Wire:
    """Sends requests with our credentials. Holds no connection between calls.

    Proxies and certificate bundles are taken from the environment as `requests` does; a netrc file is not
    read, since credentials are always given.
    """

    def __init__(self, *, staff_email: str, api_key: str, user_agent: str) -> None:
        self._session = requests.Session()
        # As bytes: requests would encode text as Latin-1 and fail on anything else.
        self._session.auth = HTTPBasicAuth(staff_email.encode(), api_key.encode())
        self._session.headers.update({"User-Agent": user_agent, "Connection": "close"})

    def close(self) -> None:
        self._session.close()

    def exchange(self, outgoing: Outgoing, *, seconds: float) -> RawAnswer:
        """The answer, whole, within `seconds`.

        Raises `TryLater` when nothing can have left, `AccountTrouble` when TLS or our own configuration
        failed before that, `OutcomeUnknown` for everything later. The body of an answer that is no success
        may be cut: its status has already said what is to be known.
        """
        with self.open(outgoing, seconds=seconds) as arriving:
            body = b""
            try:
                body = arriving.read(MAX_ANSWER_BYTES)
            except OutcomeUnknown:
                if 200 <= arriving.status < 300:
                    raise
            return RawAnswer(arriving.status, arriving.headers, body)

    @contextmanager
    def open(self, outgoing: Outgoing, *, seconds: float) -> Iterator["Arriving"]:
        """The answer with its body still to be read; the deadline covers the whole block."""
        with ExitStack() as stack:
            attempt = stack.enter_context(Attempt(seconds))
            adapter = stack.enter_context(closing(_FreshAdapter()))
            response = attempt.run(lambda: self._send(outgoing, adapter, seconds))
            yield Arriving(attempt, stack.enter_context(closing(response)))

    def _send(self, outgoing: Outgoing, adapter: HTTPAdapter, seconds: float) -> requests.Response:
        request = requests.Request(outgoing.method, outgoing.url, params=outgoing.params)
        request.headers = dict(outgoing.headers)
        if not outgoing.with_credentials:
            request.auth = _anonymously
        if isinstance(outgoing.body, MultipartBody):
            request.data = outgoing.body
            request.headers["Content-Type"] = outgoing.body.content_type
        else:
            request.json = outgoing.body
        prepared = self._session.prepare_request(request)
        settings: dict[str, Any] = {}
        settings |= self._session.merge_environment_settings(outgoing.url, {}, True, None, None)
        # Not through Session.send: even with redirects off it reads their body and takes their address apart.
        return adapter.send(prepared, timeout=seconds, **settings)


class Arriving:
    """An answer whose status and headers are here."""

    def __init__(self, attempt: "Attempt", response: requests.Response) -> None:
        self._attempt = attempt
        self._response = response
        self.status = response.status_code
        self.headers: Mapping[str, str] = response.headers

    @property
    def is_framed(self) -> bool:
        """Whether a cut body could be told from a whole one."""
        return self.length is not None or self.headers.get("Transfer-Encoding", "").lower() == "chunked"

    @property
    def length(self) -> int | None:
        """What the answer says about its length; None also when that is no number."""
        announced = self.headers.get("Content-Length", "")
        return int(announced) if announced.isascii() and announced.isdigit() else None

    def read(self, at_most: int) -> bytes:
        """The whole body. Raises `OutcomeUnknown` when it is cut, late, or longer than `at_most`."""
        blocks: list[bytes] = []
        size = 0
        for block in self.blocks():
            size += len(block)
            if size > at_most:
                raise OutcomeUnknown("The answer is too long to be read.", status=self.status)
            blocks.append(block)
        return b"".join(blocks)

    def blocks(self) -> Iterator[bytes]:
        """The body piece by piece, decompressed. Raises `OutcomeUnknown` when it is cut or late."""
        source = self._response.iter_content(_BLOCK_BYTES)
        while True:
            block = self._attempt.run(lambda: next(source, None), status=self.status)
            if block is None:
                break
            yield block
        # A body without a length ends with its connection, and so the watchdog ends it too.
        if self._attempt.expired and not self.is_framed:
            raise OutcomeUnknown("The answer did not end in time.", status=self.status)


class Attempt:
    """What is known about one exchange while it runs, and the watchdog that ends it.

    A context manager for one thread; the connections made inside it find it by themselves.
    """

    def __init__(self, seconds: float) -> None:
        self._deadline = monotonic() + seconds
        self._lock = threading.Lock()
        self._guard: socket.socket | None = None
        self._watchdog = threading.Timer(seconds, self._expire)
        self._watchdog.daemon = True
        self.dialled = False
        self.connected = False
        self.expired = False
        self.misconfigured = False
        self.connect_error: BaseException | None = None

    def __enter__(self) -> Self:
        self._token = _current.set(self)
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._watchdog.cancel()
        _current.reset(self._token)
        with self._lock:
            if self._guard is not None:
                self._guard.close()
                self._guard = None

    def run(self, step: Callable[[], T], *, status: int | None = None) -> T:
        """Take one step; what goes wrong in it becomes one of our errors.

        It is raised outside the handler: an exception of `requests` holds the whole request, credentials and
        texts included, and would travel along as the context.
        """
        try:
            return step()
        except _NETWORK_ERRORS as error:
            failure = self._verdict(error, status)
        raise failure

    def dial(self, host: str, port: int, options: list[tuple[int, int, int | bytes]] | None) -> socket.socket:
        """A TCP connection to the first address that answers, within what is left of the time."""
        refusal: OSError = OSError("The name has no address.")
        for family, kind, protocol, _, address in self._look_up(host.strip("[]"), port):
            sock = socket.socket(family, kind, protocol)
            try:
                for option in options or ():
                    sock.setsockopt(*option)
                sock.settimeout(self._time_left())
                sock.connect(address)
                self._watch(sock)
            except OSError as error:
                sock.close()
                refusal = error
            else:
                return sock
        raise refusal

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Around `connect()`: inside it nothing of the request has left, after it anything may have."""
        self.dialled = True
        try:
            yield
        except BaseException as error:
            self.connect_error = error
            raise
        with self._lock:
            self._time_left()
            self.connected = True

    def _look_up(self, host: str, port: int) -> list[tuple[Any, ...]]:
        """`getaddrinfo` with an end. A lookup that hangs is left to itself: it changes nothing anywhere."""
        outcome: list[list[tuple[Any, ...]] | OSError] = []

        def ask() -> None:
            try:
                outcome.append([*socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)])
            except (OSError, UnicodeError) as error:
                outcome.append(error if isinstance(error, OSError) else OSError("The name is malformed."))

        asking = threading.Thread(target=ask, daemon=True, name="omnidesk-name-lookup")
        asking.start()
        asking.join(self._time_left())
        found = outcome[0] if outcome else TimeoutError("The name lookup did not end in time.")
        if isinstance(found, OSError):
            raise found
        return found

    def _time_left(self) -> float:
        left = self._deadline - monotonic()
        if self.expired or left <= 0:
            raise TimeoutError("The time for this call is over.")
        return left

    def _watch(self, sock: socket.socket) -> None:
        with self._lock:
            self._time_left()
            if self._guard is not None:
                self._guard.close()
            # A second handle: TLS takes the first one away from its socket object, and a number that was
            # closed meanwhile could belong to somebody else.
            self._guard = sock.dup()

    def _expire(self) -> None:
        with self._lock:
            self.expired = True
            if self._guard is not None:
                with suppress(OSError):
                    self._guard.shutdown(socket.SHUT_RDWR)

    def _verdict(self, error: Exception, status: int | None) -> OmnideskError:
        if self.connected or status is not None:
            how = "did not end in time" if self._was_late(error) else "broke"
            return OutcomeUnknown(f"The exchange with Omnidesk {how}.", status=status)
        if self.dialled:
            return self._verdict_before_sending()
        if self.misconfigured or isinstance(error, _CONFIGURATION_ERRORS):
            return AccountTrouble(f"The request could not be made ({type(error).__name__}).")
        if _is_about_connecting(error):
            return TryLater("Omnidesk cannot be reached.")
        # Not one of our connections: nothing is proven.
        return OutcomeUnknown("The exchange with Omnidesk broke.")

    def _verdict_before_sending(self) -> OmnideskError:
        trouble = self.connect_error
        if self.expired or isinstance(trouble, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            # The other side went away in the middle of the handshake, as in a restart.
            return TryLater("Omnidesk cannot be reached.")
        if isinstance(trouble, ssl.SSLError | ssl.CertificateError | urllib3.exceptions.SSLError):
            return AccountTrouble("No trusted TLS connection to Omnidesk can be made.")
        return TryLater("Omnidesk cannot be reached.")

    def _was_late(self, error: Exception) -> bool:
        return self.expired or isinstance(error, requests.Timeout) or monotonic() >= self._deadline


_current: ContextVar[Attempt] = ContextVar("omnidesk_attempt")
_CONFIGURATION_ERRORS = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.InvalidHeader,
)


def _is_about_connecting(error: Exception) -> bool:
    """The types alone prove it: urllib3 makes these only where it opens a connection."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(getattr(cause, "reason", cause), urllib3.exceptions.NewConnectionError)


def _anonymously(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Takes the place of our credentials, and keeps a netrc file from being read."""
    return request


class _Connection(HTTPConnection):
    def _new_conn(self) -> socket.socket:
        return _current.get().dial(self._dns_host, self.port, self.socket_options)

    def connect(self) -> None:
        with _current.get().connecting():
            super().connect()


class _TLSConnection(HTTPSConnection):
    def _new_conn(self) -> socket.socket:
        return _current.get().dial(self._dns_host, self.port, self.socket_options)

    def connect(self) -> None:
        with _current.get().connecting():
            super().connect()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _TLSPool(HTTPSConnectionPool):
    ConnectionCls = _TLSConnection


_POOLS = {"http": _Pool, "https": _TLSPool}


class _FreshAdapter(HTTPAdapter):
    """An adapter for one exchange, directly or through a proxy; it repeats nothing (`max_retries` is 0)."""

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = _POOLS
        return manager

    def cert_verify(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().cert_verify(*args, **kwargs)  # type: ignore[no-untyped-call]
        except OSError:
            # A certificate bundle named in the environment that is not there.
            _current.get().misconfigured = True
            raise
