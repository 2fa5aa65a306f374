"""The sweep: finds every row whose time has come and rings for it. It never works itself; rows are the truth.

With the broker down all of this still happens, one sweep later.
"""

import logging
import uuid
from datetime import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from cabinet.models import GIVEN_UP_STATES, OPEN_STATES, OutboxEntry
from omnidesk_sync import account, bells, budget, drift_runs
from omnidesk_sync.models import AddressImport, Candidate, CaseLink, FaceLink, FileLink, Lane

log = logging.getLogger(__name__)

FEW = 8
MANY = 60
"""Least and most lanes rung by one sweep; in between the budget decides: a ring without calls is idle."""


def sweep() -> None:
    """Rings for what is due: outbox rows, wanted readings, candidates, imports, files, pictures of
    staff, reconciliation, comparisons."""
    now = timezone.now()
    account.probe_if_due()
    _want_looks_again(now)
    if _many_readings_wait(now):
        bells.ring_reconcile(at_once=True)
    lanes = min(max(FEW, budget.room() // 2), MANY)
    for case_id in due_lanes(now, lanes):
        bells.ring_lane(case_id)
    for pk in _due(Candidate, now, FEW):
        bells.ring_candidate(pk)
    for pk in _due(AddressImport, now, FEW):
        bells.ring_import(pk)
    for pk in _due(FileLink, now, FEW):
        bells.ring_file(pk)
    for pk in _due(FaceLink, now, FEW):
        bells.ring_face(pk)
    bells.ring_reconcile()
    for pk in drift_runs.due(now, FEW):
        bells.ring_drift(pk)


def due_lanes(now: datetime, most: int) -> list[uuid.UUID]:
    """Cases with something due, customers' words first, then the oldest wish.

    A third of the places is kept for readings: many waiting words must not leave them without any.
    """
    found: dict[uuid.UUID, None] = dict.fromkeys(
        due_heads(now).order_by("due_at").values_list("case_id", flat=True)[:most]
    )
    wanted = Lane.objects.filter(wanted__gt=0, read_due_at__lte=now).filter(
        Exists(CaseLink.objects.filter(case=OuterRef("pk"), detached=False))
    )
    places = max(most - len(found), most // 3)
    for case_id in wanted.order_by("-urgent", "wanted_since").values_list("pk", flat=True)[:places]:
        found.setdefault(case_id)
    return list(found)


def due_heads(now: datetime) -> QuerySet[OutboxEntry]:
    """Due entries that are really at the head: none before them is open, and no opening stands in the way."""
    earlier = OutboxEntry.objects.filter(case=OuterRef("case"), number__lt=OuterRef("number"))
    in_the_way = Q(state__in=OPEN_STATES) | Q(kind=OutboxEntry.Kind.OPEN_CASE, state__in=GIVEN_UP_STATES)
    return OutboxEntry.objects.filter(state__in=OPEN_STATES, due_at__lte=now).exclude(
        Exists(earlier.filter(in_the_way))
    )


def _want_looks_again(now: datetime) -> None:
    """A message that was to appear later, or an absence seen once: its time has come."""
    due = Lane.objects.filter(look_again_at__lte=now)
    due.update(
        look_again_at=None,
        wanted=F("wanted") + 1,
        raised_at=now,
        wanted_since=now,
        read_due_at=now,
        urgent=True,
    )


def _many_readings_wait(now: datetime) -> bool:
    """For many readings at once one list call is cheaper than asking for every case object."""
    without = CaseLink.objects.filter(
        case__lane__wanted__gt=0, case__lane__read_due_at__lte=now, snapshot_at__isnull=True
    )
    return without[: FEW + 1].count() > FEW


def _due(model: type[Candidate | AddressImport | FileLink | FaceLink], now: datetime, most: int) -> list[int]:
    return list(model.objects.filter(due_at__lte=now).order_by("due_at").values_list("pk", flat=True)[:most])
