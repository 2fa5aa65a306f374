"""The cabinet's own sweep: rings for what is due, takes out what has had its time. Two at once do no harm."""

import time
from datetime import timedelta

from django.utils import timezone

from cabinet import chores, drafts, erasure, export, limits, services

STALE_UPLOAD = timedelta(days=1)

A_DEPLOY = timedelta(hours=1)
"""Longer than old processes run beside new ones; what they wrote before that, `index_search` finds."""


def sweep() -> None:
    """Exports and erasures that are due, exports that have expired, counters of minutes gone by, uploads and
    drafts that nobody wants any more, cases that the search does not know as they are."""
    now = timezone.now()
    for export_id in export.due(now):
        chores.ring(export.TASK, export_id)
    for erasure_id in erasure.due(now):
        chores.ring(erasure.TASK, erasure_id)
    export.forget_expired(now=now)
    limits.forget_old(now=time.time())
    services.forget_stale_uploads(before=now - STALE_UPLOAD)
    services.index_what_changed(since=now - A_DEPLOY)
    drafts.forget_old(now=now)
