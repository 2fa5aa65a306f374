"""How the synchronisation stands, for `/readyz/` and the admin."""

from dataclasses import dataclass
from datetime import timedelta

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
    """Whether everything that was accepted is on its way: three small queries."""
    now = timezone.now()
    outbox = OutboxEntry.objects.aggregate(
        waiting=Count("pk", filter=Q(state__in=OPEN_STATES)),
        given_up=Count("pk", filter=Q(state__in=GIVEN_UP_STATES)),
        openings=Count("pk", filter=Q(state__in=GIVEN_UP_STATES, kind=OutboxEntry.Kind.OPEN_CASE)),
        oldest=Min("created_at", filter=Q(state__in=OPEN_STATES)),
    )
    oldest = (now - outbox["oldest"]).total_seconds() if outbox["oldest"] else None
    troubles = [*_account_troubles(), *_lane_troubles()]
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


def _lane_troubles() -> list[str]:
    failing = Lane.objects.filter(read_failures__gte=3).count()
    walk = Reconciliation.objects.filter(pk=1).first()
    troubles = [f"{failing} case(s) cannot be read"] if failing else []
    if walk is not None and walk.last_error:
        troubles.append("reconciliation failed last time")
    return troubles
