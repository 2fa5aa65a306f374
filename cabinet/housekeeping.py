"""The cabinet's own sweep: rings for what is due, takes out what has had its time. Two at once do no harm."""

import time

from django.utils import timezone

from cabinet import chores, erasure, export, limits


def sweep() -> None:
    """Exports and erasures that are due, exports that have expired, counters of minutes gone by."""
    now = timezone.now()
    for export_id in export.due(now):
        chores.ring(export.TASK, export_id)
    for erasure_id in erasure.due(now):
        chores.ring(erasure.TASK, erasure_id)
    export.forget_expired(now=now)
    limits.forget_old(now=time.time())
