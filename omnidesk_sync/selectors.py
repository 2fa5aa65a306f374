"""How the synchronisation stands, for `/readyz/` and the admin."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from cabinet.models import GIVEN_UP_STATES, OPEN_STATES, OutboxEntry
from omnidesk_sync.models import Budget, Lane, Reconciliation

LATE = timedelta(minutes=10)
"""Waiting longer than this is trouble, whatever the reason."""


@dataclass(frozen=True, slots=True)
class Health:
    """`detail` says in words what is wrong, "" when `ok`."""

    ok: bool
    detail: str
    waiting: int
    given_up: int
    oldest_waiting_seconds: float | None


def health() -> Health:
    """Whether everything that was accepted is on its way, and what is new over there on its way here: four
    small queries."""
    now = timezone.now()
    outbox = OutboxEntry.objects.aggregate(
        waiting=Count("pk", filter=Q(state__in=OPEN_STATES)),
        given_up=Count("pk", filter=Q(state__in=GIVEN_UP_STATES)),
        openings=Count("pk", filter=Q(state__in=GIVEN_UP_STATES, kind=OutboxEntry.Kind.OPEN_CASE)),
        oldest=Min("created_at", filter=Q(state__in=OPEN_STATES)),
    )
    oldest = (now - outbox["oldest"]).total_seconds() if outbox["oldest"] else None
    troubles = [*_account_troubles(), *_lane_troubles(now)]
    if outbox["openings"]:
        troubles.append(f"{outbox['openings']} opening(s) given up, their cases wait")
    if oldest is not None and oldest > LATE.total_seconds():
        troubles.append("something has been waiting for long")
    return Health(
        ok=not troubles,
        detail="; ".join(troubles),
        waiting=outbox["waiting"],
        given_up=outbox["given_up"],
        oldest_waiting_seconds=oldest,
    )


def _account_troubles() -> list[str]:
    if not settings.OMNIDESK_ACCOUNT.url:
        return ["no account is connected"]
    row = Budget.objects.filter(pk=1).first()
    return [f"paused: {row.pause_reason}"] if row is not None and row.paused_since else []


def _lane_troubles(now: datetime) -> list[str]:
    lanes = Lane.objects.aggregate(
        failing=Count("pk", filter=Q(read_failures__gte=3)),
        late=Count(
            "pk", filter=Q(wanted__gt=0, urgent=True, read_failures__lt=3, wanted_since__lt=now - LATE)
        ),
    )
    walk = Reconciliation.objects.filter(pk=1).first()
    troubles = [f"{lanes['failing']} case(s) cannot be read"] if lanes["failing"] else []
    if lanes["late"]:
        troubles.append(f"{lanes['late']} case(s) have had something new for long")
    if walk is not None and walk.last_error:
        troubles.append("reconciliation failed last time")
    elif walk is not None and walk.last_done_at is not None and walk.last_done_at < now - _walk_late():
        troubles.append("reconciliation has not run for long")
    return troubles


def _walk_late() -> timedelta:
    return max(LATE, 3 * timedelta(seconds=settings.OMNIDESK_RECONCILE_SECONDS))
