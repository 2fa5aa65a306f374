"""The account's calls per minute: one row for all workers, changed only by filtered UPDATEs.

The limit is the vendor's, per account and minute, shared with the company's other integrations; a write costs
two [documented]. Three classes of calls each keep a floor that the others cannot eat into, so that customers'
words go first and readings are still not starved. Running dry slows, never fails: `take` raises `NoRoom` with
the time to come back, and nothing was sent.

When the account itself is at fault (key, staff, host, certificate) everything pauses and one probe a minute
finds out when it is over; no message is given up for it.
"""

import enum
import random
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone

from omnidesk_sync.errors import TryLater
from omnidesk_sync.models import Budget
from omnidesk_sync.types import Answered

WINDOW_SECONDS = 60
PROBE_SECONDS = 60
LONGEST_BLOCK = 300
"""The limit is per minute: longer waits are not believed, and a time beyond was a clock set back since."""
ROUNDS = 40


class Spending(enum.Enum):
    """What a call is for. The share is the floor each class keeps of the minute's calls."""

    WRITES = ("used_writes", 0.3)
    READINGS = ("used_readings", 0.2)
    BACKGROUND = ("used_background", 0.1)

    def __init__(self, column: str, share: float) -> None:
        self.column = column
        self.share = share


class NoRoom(TryLater):
    """Our own budget says not now; provably nothing was sent."""


class Paused(NoRoom):
    """The account is at fault; everything waits."""


@dataclass(slots=True)
class Window:
    """The minute we count in. The vendor's own minute may be cut elsewhere: then a 429 corrects us."""

    started: datetime
    used: dict[Spending, int] = field(default_factory=lambda: dict.fromkeys(Spending, 0))
    others: int = 0

    @classmethod
    def of(cls, row: Budget, now: datetime) -> "Window":
        """The row's window if it is still running, else a new one.

        A start in the future is a clock that was set back: begin anew rather than wait for it.
        """
        started = row.window_started_at
        if started is None or not started <= now < started + timedelta(seconds=WINDOW_SECONDS):
            return cls(started=now)
        return cls(started, {kind: getattr(row, kind.column) for kind in Spending}, row.used_by_others)

    def total(self) -> int:
        return sum(self.used.values()) + self.others

    def fits(self, units: int, spending: Spending, cap: int) -> bool:
        """Whether the class may take so many: inside its floor, or beyond it if the others keep theirs."""
        if self.total() + units > cap:
            return False
        floors = {kind: int(cap * kind.share) for kind in Spending}
        kept = sum(max(floors[kind] - self.used[kind], 0) for kind in Spending if kind is not spending)
        return self.used[spending] + units <= floors[spending] or self.total() + units + kept <= cap

    def seconds_left(self, now: datetime) -> float:
        return max((self.started + timedelta(seconds=WINDOW_SECONDS) - now).total_seconds(), 0.5)

    def columns(self) -> dict[str, object]:
        counts = {kind.column: count for kind, count in self.used.items()}
        return {"window_started_at": self.started, "used_by_others": self.others, **counts}


def take(units: int, spending: Spending) -> None:
    """Takes so many units of this minute, or raises `NoRoom` (`Paused` while the account is at fault)."""
    for _ in range(ROUNDS):
        now = timezone.now()
        row = _row()
        _refuse_while_closed(row, now)
        window = Window.of(row, now)
        if not window.fits(units, spending, _cap(row)):
            raise NoRoom("The minute's calls are used up.", after_seconds=window.seconds_left(now))
        window.used[spending] += units
        if _swap(row, **window.columns()):
            return
        _wait_a_moment()
    raise NoRoom("Too many workers ask for calls at once.", after_seconds=1.0)


def give_back(units: int, spending: Spending, *, taken_at: datetime) -> None:
    """Units that were taken and not spent are free again, if their minute is still running."""
    for _ in range(ROUNDS):
        row = _row()
        window = Window.of(row, timezone.now())
        if window.started > taken_at:
            return
        window.used[spending] = max(window.used[spending] - units, 0)
        if _swap(row, **window.columns()):
            return
        _wait_a_moment()


def room() -> int:
    """How many units are free right now, for deciding how many lanes are worth ringing."""
    row, now = _row(), timezone.now()
    try:
        _refuse_while_closed(row, now)
    except NoRoom:
        return 0
    return max(_cap(row) - Window.of(row, now).total(), 0)


def limit() -> int:
    """The units per minute that we allow ourselves."""
    return _cap(_row())


def learn(answer: Answered) -> None:
    """Takes over what an answer said about the limit and what is left of it.

    Answers overtake each other, so what others used is only ever raised within a minute.
    """
    for _ in range(ROUNDS):
        now = timezone.now()
        row = _row()
        changes = _learned(row, answer, now)
        unchanged = all(getattr(row, name) == value for name, value in changes.items())
        if unchanged or _swap(row, **changes):
            return
        _wait_a_moment()


def _learned(row: Budget, answer: Answered, now: datetime) -> dict[str, object]:
    changes: dict[str, object] = {}
    if answer.rate_limit_per_minute:
        changes["limit"] = answer.rate_limit_per_minute
        if answer.api_calls_left is not None:
            window = Window.of(row, now)
            ours = sum(window.used.values())
            window.others = max(window.others, answer.rate_limit_per_minute - answer.api_calls_left - ours)
            changes |= window.columns()
    if answer.status == 429:
        wait = min(answer.retry_after or WINDOW_SECONDS, LONGEST_BLOCK)
        changes["blocked_until"] = now + timedelta(seconds=wait)
    fresh = row.last_ok_at is not None and now - row.last_ok_at < timedelta(seconds=1)
    if 200 <= answer.status < 300 and not fresh:
        changes["last_ok_at"] = now
    return changes


def pause(reason: str) -> None:
    """Nobody's message is at fault: everything stops until a probe succeeds."""
    row = _row()
    Budget.objects.filter(pk=row.pk, paused_since=None).update(
        paused_since=timezone.now(), next_probe_at=timezone.now()
    )
    Budget.objects.filter(pk=row.pk).update(pause_reason=reason[:300])


def resume() -> None:
    """The account answers again."""
    Budget.objects.update(paused_since=None, pause_reason="", next_probe_at=None)


def claim_probe() -> bool:
    """True for the one caller who may probe now; the next probe is due a minute later."""
    now = timezone.now()
    # A time beyond the next probe was written before the clock was set back.
    due = Q(next_probe_at__lte=now) | Q(next_probe_at__gt=now + timedelta(seconds=2 * PROBE_SECONDS))
    return (
        Budget.objects.filter(due, paused_since__isnull=False).update(
            next_probe_at=now + timedelta(seconds=PROBE_SECONDS)
        )
        == 1
    )


def proved_since(moment: datetime) -> bool:
    """Whether any call has succeeded after this moment."""
    last = _row().last_ok_at
    return last is not None and last > moment


def _row() -> Budget:
    return Budget.objects.get_or_create(pk=1)[0]


def _cap(row: Budget) -> int:
    return max(int(row.limit * settings.OMNIDESK_BUDGET_SHARE), 4)


def _refuse_while_closed(row: Budget, now: datetime) -> None:
    if row.paused_since is not None:
        raise Paused(f"Paused: {row.pause_reason}", after_seconds=PROBE_SECONDS / 2)
    longest = now + timedelta(seconds=LONGEST_BLOCK)
    if row.blocked_until is not None and now < row.blocked_until <= longest:
        wait = (row.blocked_until - now).total_seconds() + 0.1
        raise NoRoom("Omnidesk asked us to wait.", after_seconds=wait)


def _swap(row: Budget, **changes: object) -> bool:
    unchanged = Budget.objects.filter(pk=row.pk, version=row.version)
    return unchanged.update(version=row.version + 1, **changes) == 1


def _wait_a_moment() -> None:
    time.sleep(random.uniform(0.001, 0.01))  # noqa: S311


def probe_soon() -> None:
    """An admin has mended the account: the next sweep probes without waiting for the minute."""
    Budget.objects.filter(paused_since__isnull=False).update(next_probe_at=timezone.now())
