"""The lane: all traffic of one case, in both directions, one step at a time.

    claim          one UPDATE on the lane's own columns sets `lane_until` and a fresh token
    loop           renew by token before every step and every call
        head of the outbox unsettled  → settle it (presence at once, absence only after its quarantine)
        head of the outbox waiting    → send it
        a reading is wanted           → read the case
    release        by token, then look once more: what rang in between must not wait for the sweep

Sending and reading never overlap for one case, and no lock is held during a call.
"""

import enum
import logging
import uuid
from datetime import datetime, timedelta

from django.db import InterfaceError, OperationalError
from django.db.models import F, Q
from django.utils import timezone

from cabinet.models import OPEN_STATES, Case, OutboxEntry
from omnidesk_sync import reading, sending, settling
from omnidesk_sync.leases import Lease, LeaseLost
from omnidesk_sync.models import CaseLink, FileLink, Lane

log = logging.getLogger(__name__)

MAX_STEPS = 50
"""Steps of one turn: then the lane is given back for a moment."""

MAX_TIME = timedelta(seconds=60)
"""How long one worker stays with one case. With a last step of several slow calls this is still far from the
task's own time limit, which would strike in the middle of a call."""

STUMBLE = timedelta(minutes=5)
"""How long a case waits after a fault of ours: long enough to be no load, short enough to heal by itself."""

State = OutboxEntry.State


class Step(enum.Enum):
    """What the lane does next."""

    SETTLE = "settle"
    SEND = "send"
    READ = "read"


def work(case_id: uuid.UUID) -> bool:
    """Does all that is due for this case, unless another worker is at it. True when time ran out before.

    After every release it looks once more: what rang in between must not wait for the sweep. A step that
    could not do its work has moved its own time, so there is an end to it.
    """
    until = timezone.now() + MAX_TIME
    for _ in range(MAX_STEPS):
        if next_step(case_id) is None:
            return False
        if timezone.now() >= until:
            return True
        lease = Lease.claim(case_id)
        if lease is None:
            return False
        try:
            _turn(lease, until)
        except LeaseLost:
            log.warning("the lane of case %s was lost to another worker", case_id)
            return False
        finally:
            lease.release()
    return True


def _turn(lease: Lease, until: datetime) -> None:
    """One claim's worth of steps, up to one that could not do its work now."""
    for _ in range(MAX_STEPS):
        step = next_step(lease.case_id)
        if step is None or timezone.now() >= until:
            return
        lease.renew()
        if not _take(step, lease):
            return


def _take(step: Step, lease: Lease) -> bool:
    head = head_of(lease.case_id)
    try:
        if step is Step.READ or head is None:
            return reading.read(lease)
        if step is Step.SETTLE:
            return settling.settle(head, lease)
        return sending.send(head, lease)
    except (LeaseLost, InterfaceError, OperationalError):
        # A database that is away, locked or full is not this case's fault: its rows stand as they were and
        # are found by the next sweep.
        raise
    except Exception as error:
        if not Case.objects.filter(pk=lease.case_id).exists():
            log.info("case %s was erased while it was worked on", lease.case_id)
            return False
        # A fault of ours in one case must neither stop the others nor come back every second.
        log.exception("a step of case %s failed", lease.case_id)
        _stumbled(step, lease, head, type(error).__name__)
        return False


def _stumbled(step: Step, lease: Lease, head: OutboxEntry | None, what: str) -> None:
    later = timezone.now() + STUMBLE
    if step is Step.READ or head is None:
        lane = Lane.objects.filter(pk=lease.case_id)
        lane.update(read_due_at=later, read_failures=F("read_failures") + 1, last_error=f"internal: {what}")
        return
    entries = OutboxEntry.objects.filter(pk=head.pk, state__in=OPEN_STATES)
    # Never earlier than it was due: an attempt that was under way has its quarantine to wait out.
    entries.filter(due_at__lt=later).update(due_at=later)
    entries.update(detail=f"internal: {what}")


def next_step(case_id: uuid.UUID) -> Step | None:
    """What is due now, in the lane's order; None when nothing is."""
    now = timezone.now()
    head = head_of(case_id)
    if head is not None and head.due_at <= now:
        return Step.SEND if head.state == State.WAITING else Step.SETTLE
    if reading_due(case_id, now):
        return Step.READ
    return None


def head_of(case_id: uuid.UUID) -> OutboxEntry | None:
    """The entry whose turn it is, None when nothing waits or the opening stands in the way.

    A rejected reply steps aside; an opening that is rejected or undecided keeps its case waiting, for there
    is nothing over there that its followers could belong to.
    """
    entries = OutboxEntry.objects.filter(case_id=case_id)
    blocked = Q(kind=OutboxEntry.Kind.OPEN_CASE, state__in=[State.REJECTED, State.UNDECIDED])
    head = (
        entries.filter(Q(state__in=OPEN_STATES) | blocked)
        .select_related("message", "case")
        .order_by("number")
        .first()
    )
    if head is None or head.state not in OPEN_STATES:
        return None
    return head


def reading_due(case_id: uuid.UUID, now: datetime) -> bool:
    """Whether a reading is wanted by now and possible: an unlinked case has nothing to read."""
    wanted = Lane.objects.filter(pk=case_id, wanted__gt=0, read_due_at__lte=now)
    return wanted.exists() and CaseLink.objects.filter(case_id=case_id, detached=False).exists()


SOON_SECONDS = 12.0
"""What is due within this time is rung for by whoever sees it; the sweep comes every 15 seconds anyway."""


def seconds_until_next(case_id: uuid.UUID) -> float | None:
    """In how many seconds this case has something to do; 0 for now, None for nothing or for later."""
    head = head_of(case_id)
    wanted = Lane.objects.filter(pk=case_id, wanted__gt=0, read_due_at__isnull=False)
    times = [*([head.due_at] if head else []), *wanted.values_list("read_due_at", flat=True)]
    waits = [(moment - timezone.now()).total_seconds() for moment in times if moment]
    soonest = min(waits, default=None)
    if soonest is None or soonest > SOON_SECONDS:
        return None
    return soonest + 0.05 if soonest > 0 else 0.0


def files_to_fetch(case_id: uuid.UUID) -> list[int]:
    """Files of the case whose copies are still to be fetched now."""
    due = FileLink.objects.filter(file__message__case=case_id, due_at__lte=timezone.now())
    return list(due.values_list("pk", flat=True)[:20])
