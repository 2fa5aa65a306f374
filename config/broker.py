"""Celery's filesystem transport, made to survive whoever dies half way.

Kombu writes its files in place: a reader that meets a half-written message or routing table raises, and its
worker stops or never starts again. Here every file appears under its final name only when it is whole, and
what cannot be read is skipped. A lost message costs a sweep, never data: the rows are the truth.
"""

import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty
from time import monotonic, sleep, time_ns
from typing import IO, Any

from kombu.transport import filesystem
from kombu.transport.filesystem import exchange_queue_t
from kombu.utils.encoding import bytes_to_str, str_to_bytes
from kombu.utils.json import dumps, loads

STALE_SECONDS = 600
"""Whatever was rung so long ago has been rung again by forty sweeps. So a beat that ran all weekend without a
worker leaves no mountain, and what a killed reader or writer left half way goes too."""

LOCK_SECONDS = 0.4
"""Routing tables are changed within a millisecond: who holds their lock longer is frozen, and no page waits
for that. Then the broker counts as away."""

_STAMP = 20  # digits of the nanoseconds every file name begins with


class Channel(filesystem.Channel):
    """Whole files in, unreadable ones out of the way."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Said at once, for a health check as for a worker; kombu would find out at the first message.
        for folder in {self.data_folder_in, self.data_folder_out}:
            if not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
                raise PermissionError("the broker's folder cannot be written to")

    # Made on every use: any of the processes may be the first, and a reset may remove it under the others.
    @property
    def data_folder_in(self) -> str:
        return _made(self.transport_options["data_folder_in"])

    @property
    def data_folder_out(self) -> str:
        return _made(self.transport_options["data_folder_out"])

    def _put(self, queue: str, payload: dict[str, Any], **_: Any) -> None:  # type: ignore[override]
        # Wall-clock nanoseconds: kombu's own monotonic prefix starts again at every boot and would put
        # yesterday's messages behind today's.
        name = f"{time_ns():0{_STAMP}d}_{uuid.uuid4()}.{queue}.msg"
        _write_whole(Path(self.data_folder_out) / name, payload)

    def _get(self, queue: str, timeout: float | None = None) -> Any:  # noqa: ARG002
        try:
            folder = Path(self.data_folder_in)
            names = sorted(os.listdir(folder))
        except OSError:
            # Unplugged or replaced: as good as empty until it is back. Celery ends a worker over an OSError.
            raise Empty from None
        ending = f"{queue}.msg"
        for name in names:
            if _is_stale(name):
                (folder / name).unlink(missing_ok=True)
            elif name.partition(".")[2] == ending:
                payload = _take(folder / name)
                if _is_message(payload):
                    return payload
        raise Empty

    # Routing tables, used by `celery inspect` and other remote control: same care, under one lock.
    def get_table(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._table(exchange).read_text("utf-8"))
            return [exchange_queue_t(*row) for row in rows]
        except FileNotFoundError:
            return []
        except (ValueError, TypeError):
            # Cut off by a power failure: whoever binds next writes a new one.
            return []

    def _queue_bind(
        self, exchange: str, routing_key: str | None, pattern: str | None, queue: str | None
    ) -> None:
        row = exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._change_table(exchange, lambda rows: rows if row in rows else [row, *rows])

    def _delete(self, queue: str, exchange: str, routing_key: str, pattern: str, *_: Any, **__: Any) -> None:
        row = exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self._purge(queue)
        self._change_table(exchange, lambda rows: [other for other in rows if other != row])

    def _change_table(self, exchange: str, change: Callable[[list[Any]], list[Any]]) -> None:
        with self._tables_locked():
            before = self.get_table(exchange)
            after = change(before)
            if after != before:
                _write_whole(self._table(exchange), after)

    def _table(self, exchange: str) -> Path:
        # Kombu's own check: the exchange's name becomes a file's name.
        return Path(self._exchange_file(exchange))  # type: ignore[attr-defined]

    @contextmanager
    def _tables_locked(self) -> Iterator[None]:
        """The lock is a file of its own: a table's file is a new one after every change."""
        with open(Path(_made(self.control_folder)) / "lock", "a") as guard:
            deadline = monotonic() + LOCK_SECONDS
            while not _locked(guard):
                if monotonic() > deadline:
                    raise TimeoutError("the lock of the broker's folder is held by somebody who hangs")
                sleep(0.01)
            yield


class Transport(filesystem.Transport):
    """Named in settings as the transport of the embedded default."""

    Channel = Channel
    # A folder that cannot be used is a broker that is away: beat then waits for it instead of dying.
    connection_errors = (*filesystem.Transport.connection_errors, OSError)


def _locked(guard: IO[str]) -> bool:
    try:
        fcntl.flock(guard, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _made(folder: str | Path) -> str:
    os.makedirs(folder, exist_ok=True)
    return str(folder)


def _write_whole(path: Path, content: Any) -> None:
    # The temporary name begins like a message's, so that it is swept away like one if the writer dies.
    half = path.with_name(f".{time_ns():0{_STAMP}d}_{uuid.uuid4()}.half")
    half.write_bytes(str_to_bytes(dumps(content)))
    os.replace(half, path)


def _take(path: Path) -> Any:
    """The content of a message that is ours alone from now on; None if another reader was quicker."""
    mine = path.with_name(f".{path.name}.{os.getpid()}.taken")
    try:
        # The rename is the claim: of several readers only one succeeds.
        os.rename(path, mine)
        content = mine.read_bytes()
        mine.unlink()
        return loads(bytes_to_str(content))
    except (OSError, ValueError):
        return None


def _is_message(payload: Any) -> bool:
    """Whether kombu can make a message of it; it would raise, and the worker stop."""
    properties = payload.get("properties") if isinstance(payload, dict) else None
    return isinstance(properties, dict) and "delivery_tag" in properties


def _is_stale(name: str) -> bool:
    stamp = name.lstrip(".")[:_STAMP]
    return len(stamp) == _STAMP and stamp.isdigit() and time_ns() - int(stamp) > STALE_SECONDS * 10**9
