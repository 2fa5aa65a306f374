"""The desk's tables, clock, ids and lock; what every other part of the desk stands on.

All changes happen inside ``with core.work():`` - one at a time, and committed before the block ends, so
that an answer sent afterwards never promises what a SIGKILL could take back. What the changes set off
(webhooks) starts only after the lock is free again.
"""

from __future__ import annotations

import random
import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

from .records import CHANNEL_PREFIX, Case, Channel, Letter, Message, Rule, Staff, StoredFile, Upload, User
from .store import MemoryStore, Store
from .switches import Switches
from .text import rfc2822

Clock = Callable[[], float]
Ids = Callable[[str], int]

FIRST_IDS = {
    "case": 7001,
    "message": 9001,
    "user": 123,
    "file": 345,
    "letter": 1,
    "rule": 1332,
    "staff": 41,
    "channel": 101,
}
DESK_NAME = "Acme Support"


class Record(Protocol):
    @property
    def key(self) -> int: ...


R = TypeVar("R", bound=Record)


class Table(Generic[R]):
    """All rows of one kind in memory, written through to the store on every ``put``."""

    def __init__(self, store: Store, kind: str, row_type: type[R]) -> None:
        self._store, self._kind, self._row_type = store, kind, row_type
        self._rows: dict[int, R] = {key: row_type(**row) for key, row in store.load(kind)}

    def get(self, key: int) -> R | None:
        return self._rows.get(key)

    def put(self, row: R) -> R:
        self._rows[row.key] = row
        self._store.put(self._kind, row.key, asdict(row))  # type: ignore[call-overload]
        return row

    def drop(self, key: int) -> None:
        self._rows.pop(key, None)
        self._store.drop(self._kind, key)

    def all(self) -> list[R]:
        return list(self._rows.values())

    def clear(self) -> None:
        self._rows.clear()


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something a rule or a channel may react to. ``kind`` is "new" or "changed", as the desk sorts rules.

    ``case_closed`` and ``chat_left`` are conditions that no rule can have: only channels hear them.
    """

    condition: str
    kind: str
    case_id: int
    message_id: int = 0
    by_api: bool = False


class Core:
    """State without behaviour of its own beyond keeping itself consistent."""

    def __init__(
        self,
        *,
        store: Store | None = None,
        switches: Switches,
        clock: Clock,
        ids: Ids | None = None,
        base_url: str,
        desk_address: str,
        seed: int,
    ) -> None:
        self.store: Store = store or MemoryStore()
        self.switches = switches
        self.clock = clock
        self.base_url = base_url
        self.desk_address = desk_address
        self.random = random.Random(seed)  # noqa: S311 - repeatable faults, nothing secret
        self.lock = threading.RLock()
        self.on_event: Callable[[Event], None] = lambda _event: None
        self.after_work: Callable[[], None] = lambda: None
        self._given_ids = ids
        self._depth = 0
        self._counters = {row["name"]: int(row["last"]) for _, row in self.store.load("counter")}
        self.cases = Table(self.store, "case", Case)
        self.messages = Table(self.store, "message", Message)
        self.users = Table(self.store, "user", User)
        self.staff = Table(self.store, "staff", Staff)
        self.files = Table(self.store, "file", StoredFile)
        self.letters = Table(self.store, "letter", Letter)
        self.rules = Table(self.store, "rule", Rule)
        self.channels = Table(self.store, "channel", Channel)
        for _, row in self.store.load("switches"):
            self.switches.update({name: value for name, value in row.items() if hasattr(switches, name)})

    @contextmanager
    def work(self) -> Iterator[None]:
        """One piece of work: locked, committed at its end, its consequences started after that."""
        with self.lock:
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                outermost = self._depth == 0
                if outermost:
                    self.store.commit()
        if outermost:
            self.after_work()

    def now(self) -> int:
        """The desk's own clock, in whole seconds: the vendor knows nothing finer."""
        return int(self.clock()) + self.switches.clock_offset_seconds

    def next_id(self, kind: str) -> int:
        """Ids only grow, also over deletions and restarts."""
        if self._given_ids is not None:
            return self._given_ids(kind)
        self._counters[kind] = self._counters.get(kind, FIRST_IDS[kind] - 1) + 1
        self._save_counter(kind)
        return self._counters[kind]

    def _save_counter(self, kind: str) -> None:
        row = {"name": kind, "last": self._counters[kind]}
        self.store.put("counter", list(FIRST_IDS).index(kind), row)

    def keep_file(self, case_id: int, upload: Upload) -> int:
        file_id = self.next_id("file")
        self.store.put_blob(file_id, upload.data)
        self.files.put(
            StoredFile(
                file_id=file_id,
                case_id=case_id,
                name=upload.name,
                mime_type=upload.mime_type,
                size=len(upload.data),
                token=secrets.token_hex(8),
            )
        )
        return file_id

    def uploads_of(self, file_ids: list[int]) -> list[Upload]:
        """Copies of stored files, to be kept again under another case."""
        found = [self.files.get(file_id) for file_id in file_ids]
        return [
            Upload(name=row.name, mime_type=row.mime_type, data=self.store.blob(row.file_id))
            for row in found
            if row
        ]

    def file_url(self, row: StoredFile) -> str:
        """The address of a file; with an expiry switched on it carries the moment it was given out."""
        issued = self.now() if self.switches.attachment_expiry_seconds else 0
        place = f"{row.case_id}/{row.file_id}-{row.token}-{issued}/{quote(row.name)}"
        return f"{self.base_url}/attachment/download/{place}"

    def picture_url(self, staff_id: int) -> str:
        """A staff member's picture, open to all as pictures in a chat window are [inferred]."""
        return f"{self.base_url}/staff/pictures/{staff_id}.png"

    def thread(self, case_id: int) -> list[Message]:
        """The messages of a case, also deleted and delayed ones, oldest first."""
        found = [message for message in self.messages.all() if message.case_id == case_id]
        return sorted(found, key=lambda message: (message.created_at, message.message_id))

    def channel(self, name: str) -> Channel | None:
        """The custom channel called ``cch101`` or, as some samples have it, ``101``."""
        number = name.removeprefix(CHANNEL_PREFIX)
        return self.channels.get(int(number)) if number.isascii() and number.isdigit() else None

    def in_sync_channel(self, case: Case) -> bool:
        """Whether the case is (or was) a chat rather than something like mail."""
        channel = self.channel(case.channel) if case.in_custom_channel else None
        return channel is not None and channel.channel_type == "sync"

    def log_change(self, case: Case, event: str, done_by: str, **values: Any) -> None:
        case.changelog.append(
            {"created_at": rfc2822(self.now()), "event": event, "done_by": done_by, **values}
        )

    def save_switches(self) -> None:
        self.store.put("switches", 0, self.switches.as_dict())

    def forget_everything(self) -> None:
        """An empty desk with the same staff, rules, channels and switches; ids go on growing."""
        self.cases.clear()
        self.messages.clear()
        self.users.clear()
        self.files.clear()
        self.letters.clear()
        self.store.clear()
        for member in self.staff.all():
            self.staff.put(member)
        for rule in self.rules.all():
            self.rules.put(rule)
        for channel in self.channels.all():
            self.channels.put(channel)
        for kind in self._counters:
            self._save_counter(kind)
        self.save_switches()
