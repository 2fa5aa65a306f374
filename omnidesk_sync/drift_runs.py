"""Comparisons an admin has asked for: rows that workers work off in small steps, in the background's class.

A page only writes the row. A step claims the run by moving its time, as everywhere: who dies in a step leaves
a run that is due again, and the sweep rings for it. Each case is concluded by one filtered write, so that a
worker that slept counts nothing twice.
"""

import logging
from dataclasses import asdict
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import transaction
from django.db.models import F, Min
from django.utils import timezone

from cabinet.models import Case
from omnidesk_sync import bells, budget, drift, drift_scope, policy, snapshots
from omnidesk_sync.account import describe
from omnidesk_sync.drift import Finding, Meter, State, Subject
from omnidesk_sync.drift_differences import Difference
from omnidesk_sync.errors import OmnideskError, TryLater
from omnidesk_sync.models import DriftCase, DriftRun

log = logging.getLogger(__name__)

KEPT = 10
"""Older comparisons are forgotten when a new one is asked for."""

STEP_PIECES = 10
STEP_TIME = timedelta(seconds=20)
"""How much one step does at most before it lets others have the worker."""

MOST_CALLS = 8
"""Calls of one piece: a list of several pages, or a case, its pages and a probe."""

RETRY = timedelta(seconds=60)

Asker = AbstractBaseUser | AnonymousUser | None

_COUNTERS = {
    State.SAME: "same",
    State.IN_MOTION: "in_motion",
    State.DIFFERS: "differing",
    State.FAILED: "failed",
}


def request_all(user: Asker) -> DriftRun | None:
    """Asks for a comparison of everything; None while one is under way."""
    if DriftRun.objects.filter(everything=True, due_at__isnull=False).exists():
        return None
    return _request(user, everything=True)


def request_cases(cases: list[Case], user: Asker) -> DriftRun:
    """Asks for a comparison of these cases."""
    return _request(user, everything=False, subjects=drift_scope.of_cases(cases))


def request_again(rows: list[DriftCase], user: Asker) -> DriftRun:
    """Asks for the cases of these rows once more."""
    return _request(user, everything=False, subjects=[_subject(row, None) for row in rows])


def _request(user: Asker, *, everything: bool, subjects: list[Subject] | None = None) -> DriftRun:
    now = timezone.now()
    with transaction.atomic():
        run = DriftRun.objects.create(
            requested_by_id=user.pk if user is not None else None,
            requested_at=now,
            due_at=now,
            everything=everything,
            all_listed=not everything,
        )
        _queue(run, subjects or [], {}, now)
        kept = DriftRun.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT]
        DriftRun.objects.filter(due_at=None).exclude(pk__in=list(kept)).delete()
    bells.ring_drift(run.pk)
    return run


# ── steps ───────────────────────────────────────────────────────────────────────────────────────────────


def step(run_id: int) -> bool:
    """Does the next few pieces of a run that is due. True when there is more to do at once."""
    now = timezone.now()
    claimed = now + _lease()
    if DriftRun.objects.filter(pk=run_id, due_at__lte=now).update(due_at=claimed) != 1:
        return False
    meter = Meter()
    try:
        due_at = _work(run_id, meter, until=now + STEP_TIME)
        error = ""
    except OmnideskError as trouble:
        seconds = trouble.after_seconds if isinstance(trouble, TryLater) else None
        due_at = timezone.now() + (RETRY if seconds is None else timedelta(seconds=seconds))
        error = "" if isinstance(trouble, budget.NoRoom) else describe(trouble)
    finally:
        # What was spent is spent, whatever came of it.
        DriftRun.objects.filter(pk=run_id).update(units=F("units") + meter.units)
    ends = {} if due_at is not None else {"finished_at": timezone.now()}
    DriftRun.objects.filter(pk=run_id, due_at=claimed).update(due_at=due_at, last_error=error, **ends)
    return due_at is not None and due_at <= timezone.now()


def _lease() -> timedelta:
    """Longer than a step: the last piece begins before its time is over and ends after its calls."""
    calls = MOST_CALLS * settings.OMNIDESK_TIMEOUT_SECONDS
    return STEP_TIME + timedelta(seconds=calls + policy.LEASE_MARGIN_SECONDS)


def _work(run_id: int, meter: Meter, *, until: datetime) -> datetime | None:
    """Looks at what is due, then lists the next person. Returns when to come again, None when all is done."""
    for _ in range(STEP_PIECES):
        run, now = DriftRun.objects.get(pk=run_id), timezone.now()
        if now >= until:
            return now
        waiting = run.cases.filter(state=DriftCase.State.WAITING)
        row = waiting.filter(due_at__lte=now).order_by("due_at", "pk").first()
        if row is not None:
            _look(row, meter)
        elif not run.all_listed:
            _list_next(run, meter)
        else:
            next_due: datetime | None = waiting.aggregate(first=Min("due_at"))["first"]
            return next_due
    return timezone.now()


def _list_next(run: DriftRun, meter: Meter) -> None:
    person = drift_scope.people(after=run.walked_to).first()
    if person is None:
        DriftRun.objects.filter(pk=run.pk).update(all_listed=True)
        return
    now = timezone.now()
    listed = drift_scope.list_person(person, meter)
    taken = {row.case.case_id: snapshots.snapshot_of(row.case, server_time=row.server_time) for row in listed}
    with transaction.atomic():
        moved = DriftRun.objects.filter(pk=run.pk, walked_to=run.walked_to).update(walked_to=str(person.pk))
        if moved == 1:
            _queue(run, drift_scope.of_person(person, listed), taken, now)


def _queue(
    run: DriftRun, subjects: list[Subject], taken: dict[int, dict[str, object] | None], now: datetime
) -> None:
    DriftCase.objects.bulk_create(
        DriftCase(
            run=run,
            case_id=subject.case_id,
            owner_id=subject.owner_id,
            desk_case_id=subject.desk_case_id,
            number=subject.number[:40],
            due_at=now,
            snapshot=taken.get(subject.desk_case_id),
            snapshot_at=now,
        )
        for subject in subjects
    )


def _look(row: DriftCase, meter: Meter) -> None:
    now = timezone.now()
    fresh = row.looks == 0 and row.snapshot_at is not None and now - row.snapshot_at <= snapshots.FRESH
    latest = _look_safely(_subject(row, row.snapshot if fresh else None), meter)
    concluded = drift.conclude(_earlier(row), latest, looks=row.looks + 1)
    values = {
        "looks": row.looks + 1,
        "compared_at": timezone.now(),
        "found": [difference.values() for difference in (concluded or latest).differences],
        "notes": [asdict(note) for note in (concluded or latest).notes],
        "error": (concluded or latest).error[:300],
        "snapshot": None,
    }
    mine = DriftCase.objects.filter(pk=row.pk, state=DriftCase.State.WAITING)
    if concluded is None:
        again = timezone.now() + timedelta(seconds=drift.AGAIN_SECONDS)
        mine.update(due_at=again, last_state=latest.state.value, **values)
        return
    with transaction.atomic():
        if mine.update(due_at=None, state=concluded.state.value, **values) == 1:
            _count(row, concluded)


def _look_safely(subject: Subject, meter: Meter) -> Finding:
    try:
        return drift.look(subject, meter)
    except OmnideskError:
        raise
    except Exception as error:
        # A fault of ours in one case must not keep the others from being compared.
        log.exception("case %s could not be compared", subject.case_id or subject.desk_case_id)
        return Finding(State.FAILED, error=f"internal: {type(error).__name__}")


def _count(row: DriftCase, concluded: Finding) -> None:
    counter = _COUNTERS[concluded.state]
    DriftRun.objects.filter(pk=row.run_id).update(compared=F("compared") + 1, **{counter: F(counter) + 1})
    if concluded.state is State.SAME and not concluded.notes:
        DriftCase.objects.filter(pk=row.pk).delete()


def _subject(row: DriftCase, snapshot: dict[str, object] | None) -> Subject:
    listed = snapshots.case_of_snapshot(snapshot) if snapshot else None
    return Subject(row.case_id, row.desk_case_id, row.number, listed, row.owner_id)


def _earlier(row: DriftCase) -> Finding | None:
    if not row.last_state:
        return None
    return Finding(State(row.last_state), tuple(Difference(**values) for values in row.found))


def due(now: datetime, most: int) -> list[int]:
    """Runs whose next step has come, also those whose worker died."""
    rows = DriftRun.objects.filter(due_at__lte=now).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:most])
