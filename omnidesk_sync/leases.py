"""Claims on lanes: filtered UPDATEs on the lane's own columns, in the database's time.

A claim filtered through a join was taken twice in most rounds on PostgreSQL; a lock held over a call would
hold a connection too. So: one UPDATE that must change exactly one row, and a token that proves it later.
"""

import uuid
from datetime import timedelta

from django.conf import settings
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from omnidesk_sync import policy
from omnidesk_sync.models import Lane


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
        Lane.objects.get_or_create(case_id=case_id)
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

    def release(self) -> None:
        """Gives the lane back; does nothing if somebody else holds it by now."""
        Lane.objects.filter(pk=self.case_id, token=self.token).update(lane_until=None, token=None)

    def _mine(self) -> QuerySet[Lane]:
        return Lane.objects.filter(pk=self.case_id, token=self.token, lane_until__gt=Now())
