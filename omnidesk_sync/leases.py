"""Claims on lanes: filtered UPDATEs on the lane's own columns, in the database's time.

A claim filtered through a join was taken twice in most rounds on PostgreSQL; a lock held over a call would
hold a connection too. So: one UPDATE that must change exactly one row, and a token that proves it later.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now as StatementNow

from omnidesk_sync import policy
from omnidesk_sync.models import Lane


class Now(StatementNow):
    """The database's time when a row is looked at, not when the statement began.

    A claim that began first and then waited for another's would find a lease that begins after its own "now",
    take it for one from a wrong clock, and take it.
    """

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="CLOCK_TIMESTAMP()", **context)


class LeaseLost(Exception):
    """Somebody else holds the lane now: start nothing more."""


def lease_length() -> timedelta:
    """Longer than one call can last, so that a call started under a lease also ends under it."""
    return timedelta(seconds=settings.OMNIDESK_TIMEOUT_SECONDS + policy.LEASE_MARGIN_SECONDS)


class Lease:
    """A claim on one case's lane. All methods are single UPDATEs; none waits."""

    def __init__(self, case_id: uuid.UUID, token: uuid.UUID) -> None:
        self.case_id = case_id
        self.token = token

    @classmethod
    def claim(cls, case_id: uuid.UUID) -> "Lease | None":
        """The lane, if it is free or its lease has run out; None while somebody holds it.

        A `lane_until` further away than a lease can reach was written by a wrong clock and counts as expired.
        """
        length = lease_length()
        try:
            Lane.objects.get_or_create(case_id=case_id)
        except IntegrityError:
            # The case was erased since somebody rang for it.
            return None
        free = Q(lane_until=None) | Q(lane_until__lte=Now()) | Q(lane_until__gt=Now() + length)
        token = uuid.uuid4()
        changed = Lane.objects.filter(free, pk=case_id).update(lane_until=Now() + length, token=token)
        return cls(case_id, token) if changed == 1 else None

    def renew(self) -> None:
        """Begins the lease anew. Raises `LeaseLost` if it has run out or was taken."""
        if self._mine().update(lane_until=Now() + lease_length()) != 1:
            raise LeaseLost

    def holds(self) -> bool:
        """Whether the lease still stands. Inside a transaction this also keeps it until the commit."""
        return self._mine().update(token=F("token")) == 1

    @contextmanager
    def guard(self) -> Iterator[None]:
        """A transaction in which the lease is ours to the commit. Else `LeaseLost`, and nothing is written.

        What a worker concludes from a call goes in here. Between `renew` and a write it may sleep, and a row
        that another has moved on since may stand in the same state again, for another reason.
        """
        with transaction.atomic():
            if not self.holds():
                raise LeaseLost
            yield

    def release(self) -> None:
        """Gives the lane back; does nothing if somebody else holds it by now."""
        Lane.objects.filter(pk=self.case_id, token=self.token).update(lane_until=None, token=None)

    def _mine(self) -> QuerySet[Lane]:
        return Lane.objects.filter(pk=self.case_id, token=self.token, lane_until__gt=Now())
