"""Stores what arrived, and works it off from the row.

The row is the truth: rings may get lost and come twice. Duplicates of a webhook are normal too; what they
hint at is read once, because the synchronisation knows which messages it has.
"""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Count, F
from django.utils import timezone
from django.utils.translation import gettext_noop

from omnidesk_sync import services as sync
from omnidesk_sync.doorbell import ring
from webhooks.models import InboxEntry
from webhooks.parsing import read_body

logger = logging.getLogger(__name__)

PROCESS_TASK = "webhooks.process_entry"

LEASE = timedelta(seconds=60)
"""How long a claimed row is left alone. Working one off makes no call: milliseconds are usual."""

MOST_ATTEMPTS = 8
"""With the doubling below the last one is made about ten minutes after the first."""

SWEEP_ROWS = 200
RINGS_AT_ONCE = 200
DELETE_ROWS = 500
"""A sweep is short: what is left over is found by the next one, seconds later."""

SOONEST = timedelta(seconds=1)
RING_AHEAD = timedelta(seconds=10)
"""A row that is due again within this time is rung for then; what waits longer is found by a sweep."""

KEEP = timedelta(days=30)
"""Long enough to look into a complaint about last month."""

State = InboxEntry.State

INTERNAL_NOTE = gettext_noop("an internal note")
UNREADABLE = gettext_noop("the body could not be read")
NO_CASE = gettext_noop("no case is named")
WORKER_DIED = gettext_noop("the worker was stopped each time")
SAID_AGAIN = gettext_noop("another delivery of the same hint")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one attempt: the new values of the row's own columns."""

    state: State
    reason: str = ""
    due_at: datetime | None = None
    attempts: int | None = None


def store(*, body: bytes, received_at: datetime) -> InboxEntry:
    """Keeps the allow-listed fields of an accepted request and, once that is committed, rings a worker.

    One INSERT and nothing else. A broker that is down costs milliseconds and no error.
    """
    hint = read_body(body)
    entry = InboxEntry.objects.create(
        received_at=received_at,
        event=hint.event,
        case_id=hint.case_id,
        message_id=hint.message_id,
        note=hint.note,
        size=len(body),
        sha256=hashlib.sha256(body).hexdigest(),
        keys=hint.keys,
        parse_error=hint.parse_error,
        due_at=received_at,
    )
    if hint.parse_error:
        logger.warning("Inbox entry %s: the body could not be read (%s).", entry.pk, hint.parse_error)
    _ring_after_commit([entry.pk])
    return entry


def process_entry(entry_id: int) -> None:
    """Works off one row, if it is due and nobody else has it:

    1. Claim it by moving `due_at` past the lease; exactly one row must change. A worker killed after this
       leaves a row that is due again when the lease is over.
    2. Notes, unreadable bodies and rows without a case are settled at once.
    3. Else the synchronisation takes the hint, or says when to ask again.
    4. Record how it went, unless the lease was lost meanwhile; ring again for what is due in a moment.
    5. Settle with it whatever said the same until then: a burst of repeats is worked off as one.
    """
    begun_at = timezone.now()
    entry = _claim(entry_id, now=begun_at)
    if entry is None:
        return
    try:
        outcome = _work_off(entry)
    except Exception as error:
        logger.exception("Inbox entry %s: attempt %s failed.", entry.pk, entry.attempts)
        # Only the class: the text of a database's error may quote values of other tables.
        outcome = _after_failure(entry, type(error).__name__)
    _record(entry, outcome)
    _ring_for_soon(entry, outcome)
    if entry.case_id is not None and outcome.state in (State.DONE, State.IGNORED):
        _settle_repeats(entry, begun_at)


def sweep() -> None:
    """Rings for rows that are due, and deletes a few that are long settled. Two at a time do no harm."""
    now = timezone.now()
    due = InboxEntry.objects.filter(state=State.WAITING, due_at__lte=now).order_by("due_at")
    _ring(due.values_list("pk", flat=True)[:SWEEP_ROWS])
    old = InboxEntry.objects.filter(settled_at__lt=now - KEEP).order_by("settled_at")
    InboxEntry.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:DELETE_ROWS])).delete()


def process_again(entry_ids: Iterable[int]) -> int:
    """Makes rows due again, whatever became of them, and rings; returns how many there were."""
    ids = list(entry_ids)
    changed = InboxEntry.objects.filter(pk__in=ids).update(
        state=State.WAITING, due_at=timezone.now(), attempts=0, reason="", settled_at=None
    )
    _ring_after_commit(ids[:RINGS_AT_ONCE])
    return changed


def unknown_events() -> list[tuple[str, int]]:
    """Names of events that nobody has described, with how many of each are kept, the most frequent first.

    They were answered 200 like all others, and the case that one names was read.
    """
    strange = InboxEntry.objects.exclude(event__in=["", *sync.KNOWN_EVENTS])
    counted = strange.values_list("event").annotate(count=Count("pk")).order_by("-count", "event")
    return [(str(event), int(count)) for event, count in counted]


def _claim(entry_id: int, *, now: datetime) -> InboxEntry | None:
    lease_end = now + LEASE
    # The attempt is counted here and not at the end, so that a row which kills its worker is given up too.
    changed = InboxEntry.objects.filter(pk=entry_id, state=State.WAITING, due_at__lte=now).update(
        due_at=lease_end, attempts=F("attempts") + 1
    )
    if changed != 1:
        return None
    return InboxEntry.objects.filter(pk=entry_id, due_at=lease_end).first()


def _work_off(entry: InboxEntry) -> Outcome:
    if entry.attempts > MOST_ATTEMPTS:
        return Outcome(State.GIVEN_UP, WORKER_DIED)
    if entry.note:
        return Outcome(State.IGNORED, INTERNAL_NOTE)
    if entry.parse_error:
        return Outcome(State.IGNORED, UNREADABLE)
    if entry.case_id is None:
        return Outcome(State.IGNORED, NO_CASE)
    answer = sync.take_hint(
        event=entry.event,
        desk_case_id=entry.case_id,
        desk_message_id=entry.message_id,
        received_at=entry.received_at,
    )
    return _outcome_of(answer, now=timezone.now())


def _outcome_of(answer: sync.HintAnswer, *, now: datetime) -> Outcome:
    match answer.verdict:
        case sync.Verdict.WANTED:
            return Outcome(State.DONE, answer.reason)
        case sync.Verdict.NOTHING:
            return Outcome(State.IGNORED, answer.reason)
        case sync.Verdict.NOT_YET:
            soonest = now + SOONEST
            # It was not a failure: an opening may be on its way for days while the account is paused.
            return Outcome(State.WAITING, answer.reason, max(answer.again_at or soonest, soonest), attempts=0)


def _after_failure(entry: InboxEntry, reason: str) -> Outcome:
    if entry.attempts >= MOST_ATTEMPTS:
        return Outcome(State.GIVEN_UP, reason)
    return Outcome(State.WAITING, reason, timezone.now() + backoff(entry.attempts))


def backoff(attempts: int) -> timedelta:
    """5 seconds after the first failure, then twice as long each time, at most an hour."""
    return timedelta(seconds=min(5 * 2 ** (attempts - 1), 3600))


def _record(entry: InboxEntry, outcome: Outcome) -> None:
    # A changed `due_at` means that the lease ran out or somebody pressed "process again": theirs counts.
    InboxEntry.objects.filter(pk=entry.pk, state=State.WAITING, due_at=entry.due_at).update(
        state=outcome.state,
        reason=outcome.reason[:300],
        due_at=outcome.due_at or entry.due_at,
        attempts=entry.attempts if outcome.attempts is None else outcome.attempts,
        settled_at=None if outcome.state == State.WAITING else timezone.now(),
    )


def _settle_repeats(entry: InboxEntry, begun_at: datetime) -> None:
    """What had come before this row was worked off, and says the same, is answered with it.

    Rows that another worker has claimed are due later than that, and stay his.
    """
    repeats = InboxEntry.objects.filter(
        state=State.WAITING,
        due_at__lte=begun_at,
        received_at__lte=begun_at,
        event=entry.event,
        case_id=entry.case_id,
        message_id=entry.message_id,
        note=entry.note,
        parse_error=entry.parse_error,
    )
    repeats.update(state=State.IGNORED, reason=SAID_AGAIN, settled_at=timezone.now())


def _ring_for_soon(entry: InboxEntry, outcome: Outcome) -> None:
    wait = outcome.due_at - timezone.now() if outcome.due_at else RING_AHEAD
    if wait < RING_AHEAD:
        # A little late, because a ring that comes too early finds nothing due.
        ring(PROCESS_TASK, entry.pk, in_seconds=max(wait.total_seconds(), 0) + 0.2)


def _ring_after_commit(entry_ids: list[int]) -> None:
    # A named function: Django's report of a failing robust callback asks it for its name.
    def ring_worker() -> None:
        _ring(entry_ids)

    transaction.on_commit(ring_worker, robust=True)


def _ring(entry_ids: Iterable[int]) -> None:
    for entry_id in entry_ids:
        if not ring(PROCESS_TASK, entry_id):
            # The broker is away: the rows wait for a later sweep.
            return
