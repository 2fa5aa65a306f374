"""Trouble on demand: which call or webhook goes wrong, how, how often and for whom.

=================  ==========================================================================
kind               what the caller meets
=================  ==========================================================================
slow               nothing for ``seconds``, then the ordinary answer (the work is done either way)
error_500          500 with a short text
error_502          502 with a gateway's HTML page
rate_limited       429, as though somebody else had used the account up; ``retry_after`` in the header
wrong_key          401, as though the key had been revoked
redirect           302 to ``location``
cut_before         the connection is cut; nothing was done
cut_after          the connection is cut; the work was done
half_answer        the work was done; the connection is cut in the middle of the answer
not_json           200 with a web page
trickle            the work was done; the answer comes a byte at a time without end
webhook_lost       a webhook is never sent
webhook_late       it is sent ``seconds`` later
webhook_doubled    it is sent ``times`` times in all, the others at some moments within ``seconds``
webhook_shuffled   it is sent at some moment within ``seconds``
=================  ==========================================================================

``when`` ("before" or "after" the work) matters for error_500, error_502, not_json and slow.
Faults live in the process only: a restart clears them.
"""

from __future__ import annotations

import random
import re
import threading
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

CALL_KINDS = (
    "slow",
    "error_500",
    "error_502",
    "rate_limited",
    "wrong_key",
    "redirect",
    "cut_before",
    "cut_after",
    "half_answer",
    "not_json",
    "trickle",
)
WEBHOOK_KINDS = ("webhook_lost", "webhook_late", "webhook_doubled", "webhook_shuffled")


@dataclass(kw_only=True)
class Fault:
    """One kind of trouble. ``count`` is how often it still happens (None: without end), ``skip`` how
    many matching calls are spared first; ``path`` is a regular expression searched in the call's path
    and query (in a webhook's rule name and address), ``method`` an HTTP method."""

    kind: str
    probability: float = 1.0
    count: int | None = None
    skip: int = 0
    path: str = ""
    method: str = ""
    seconds: float = 3.0
    times: int = 2
    when: str = ""
    location: str = "/"
    retry_after: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in CALL_KINDS + WEBHOOK_KINDS:
            raise ValueError(f"there is no fault {self.kind!r}")
        self.when = self.when or ("after" if self.kind == "not_json" else "before")
        if self.when not in ("before", "after"):
            raise ValueError("when is 'before' or 'after'")
        re.compile(self.path)


class Faults:
    """The faults that are on, in the order they were added; the first that strikes wins."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)  # noqa: S311 - repeatable, nothing secret
        self._lock = threading.Lock()
        self.active: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def add(self, kind: str, **details: Any) -> Fault:
        fault = Fault(kind=kind, **details)
        with self._lock:
            self.active.append(fault)
        return fault

    def clear(self) -> None:
        with self._lock:
            self.active.clear()
            self.fired.clear()

    def reseed(self, seed: int) -> None:
        self._random.seed(seed)

    def strike_call(self, method: str, target: str) -> Fault | None:
        return self._strike(CALL_KINDS, method, target)

    def strike_webhook(self, method: str, target: str) -> Fault | None:
        return self._strike(WEBHOOK_KINDS, method, target)

    def spread(self, seconds: float) -> float:
        """Some moment within so many seconds."""
        return self._random.uniform(0, seconds)

    def describe(self) -> dict[str, Any]:
        with self._lock:
            return {"active": [asdict(fault) for fault in self.active], "fired": dict(self.fired)}

    def _strike(self, kinds: tuple[str, ...], method: str, target: str) -> Fault | None:
        with self._lock:
            for fault in self.active:
                if fault.kind in kinds and self._hits(fault, method, target):
                    self.fired[fault.kind] += 1
                    return fault
        return None

    def _hits(self, fault: Fault, method: str, target: str) -> bool:
        if fault.count == 0 or (fault.method and fault.method.upper() != method):
            return False
        if fault.path and not re.search(fault.path, target):
            return False
        if fault.skip > 0:
            fault.skip -= 1
            return False
        if self._random.random() >= fault.probability:
            return False
        if fault.count is not None:
            fault.count -= 1
        return True
