"""A comparison that somebody waits for: all looks one after another, at the pace the budget allows.

Nothing is stored. What is known so far stands in `report` at any time, also after an interruption.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar

from django.utils import timezone

from omnidesk_sync import drift
from omnidesk_sync.account import NotConnected
from omnidesk_sync.budget import Paused
from omnidesk_sync.drift import Finding, Meter, State, Subject
from omnidesk_sync.errors import OutcomeUnknown, TryLater

T = TypeVar("T")

NETWORK_TRIES = 5
"""In a row; a network that is away for longer is told to whoever waits."""

WITHOUT_A_HINT = 15.0
"""Seconds until the next try where nobody said when."""


pause = time.sleep


@dataclass(frozen=True, slots=True)
class Result:
    subject: Subject
    finding: Finding


@dataclass(slots=True)
class Report:
    """What is known so far. `results` holds every case about which there is something to say."""

    compared: int = 0
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    results: list[Result] = field(default_factory=list)
    unfinished: int = 0

    def add(self, result: Result) -> None:
        self.compared += 1
        self.counts[result.finding.state] += 1
        if result.finding.state is not State.SAME or result.finding.notes:
            self.results.append(result)


@dataclass(slots=True)
class _Pending:
    subject: Subject
    earlier: Finding
    looks: int
    due_at: datetime


class Comparison:
    """`pause` waits so many seconds (tests let their own clock run); `say` tells whoever waits why."""

    def __init__(self, *, say: Callable[[float], None], pause: Callable[[float], None]) -> None:
        self.report = Report()
        self.meter = Meter()
        self._say = say
        self._pause = pause
        self._pending: list[_Pending] = []

    def run(self, batches: Iterable[Callable[[], list[Subject]]]) -> Report:
        """Compares what each batch names. Raises the error where waiting does not help."""
        for batch in batches:
            for subject in self._patiently(batch):
                self._look(subject, None, 0)
        while self._pending:
            pending = self._pending.pop(0)
            self._until(pending.due_at)
            self.report.unfinished -= 1
            self._look(pending.subject, pending.earlier, pending.looks)
        return self.report

    def _look(self, subject: Subject, earlier: Finding | None, looks: int) -> None:
        self.report.unfinished += 1
        latest = self._patiently(lambda: drift.look(subject, self.meter))
        concluded = drift.conclude(earlier, latest, looks=looks + 1)
        if concluded is None:
            due_at = timezone.now() + timedelta(seconds=drift.AGAIN_SECONDS)
            self._pending.append(_Pending(drift.anew(subject), latest, looks + 1, due_at))
            return
        self.report.unfinished -= 1
        self.report.add(Result(subject, concluded))

    def _patiently(self, act: Callable[[], T]) -> T:
        """Waits while the budget has no room, or the desk asks us to."""
        tries = 0
        while True:
            try:
                return act()
            except (Paused, NotConnected):
                raise
            except (TryLater, OutcomeUnknown) as error:
                after_seconds = error.after_seconds if isinstance(error, TryLater) else None
                tries = tries + 1 if after_seconds is None else tries
                if tries >= NETWORK_TRIES:
                    raise
                seconds = WITHOUT_A_HINT if after_seconds is None else after_seconds
                self._say(seconds)
                self._pause(seconds)

    def _until(self, moment: datetime) -> None:
        seconds = (moment - timezone.now()).total_seconds()
        if seconds > 0:
            self._pause(seconds)
