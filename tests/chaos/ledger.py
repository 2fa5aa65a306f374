"""What was written by whom: the only thing the checker knows beside the two histories."""

import enum
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field


class Fate(enum.Enum):
    """What the writer was told. Only what was accepted is a promise."""

    ACCEPTED = "accepted"
    UNKNOWN = "no answer"
    REFUSED = "refused"


class Side(enum.Enum):
    CABINET = "customers in the cabinet"
    MAIL = "customers by mail"
    STAFF = "staff"


@dataclass
class Written:
    """One message. `key` is its first line, by which both sides know it; `subject` names its case."""

    side: Side
    subject: str
    key: str
    text: str
    fate: Fate = Fate.ACCEPTED
    opening: bool = False
    file_sizes: tuple[int, ...] = ()
    delayed: bool = False
    deleted: bool = False
    desk_id: int = 0
    retried: bool = False
    at: float = field(default_factory=time.time)


class Ledger:
    """Filled by many threads; entries stand in the order they were begun."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: list[Written] = []
        self.secrets: list[str] = []
        self.remarks: list[str] = []
        self.slowest_page = 0.0

    def add(self, entry: Written) -> Written:
        with self._lock:
            self._entries.append(entry)
        return entry

    def keep_secret(self, words: str) -> None:
        """Words that must be nowhere in the cabinet."""
        with self._lock:
            self.secrets.append(words)

    def remark(self, words: str) -> None:
        """Something a person should read, such as a page that answered 500."""
        with self._lock:
            self.remarks.append(f"{time.strftime('%H:%M:%S')} {words}")

    def page_took(self, seconds: float) -> None:
        with self._lock:
            self.slowest_page = max(self.slowest_page, seconds)

    def entries(self, *sides: Side) -> list[Written]:
        with self._lock:
            return [entry for entry in self._entries if not sides or entry.side in sides]

    def retried(self, subject: str, key: str) -> None:
        """A retried message moves to the end of its thread: its place says nothing any more."""
        for entry in self.entries(Side.CABINET):
            if (entry.subject, entry.key) == (subject, key):
                entry.retried = True


def by_case(entries: Iterable[Written]) -> dict[str, list[Written]]:
    found: dict[str, list[Written]] = {}
    for entry in entries:
        found.setdefault(entry.subject, []).append(entry)
    return found
