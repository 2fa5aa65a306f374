"""Doors for Celery: an id in, one service call. What is due is decided by the rows, not by who rings."""

import uuid

from celery import shared_task
from django.utils import timezone

from cabinet import erasure, export, housekeeping, notices


@shared_task(name=export.TASK)
def build_export(export_id: str) -> None:
    export.build(uuid.UUID(export_id))


@shared_task(name=erasure.TASK)
def erase(erasure_id: str) -> None:
    """Works at one erasure for a while; rings itself again while there is more."""
    erasure.work_off(uuid.UUID(erasure_id))


@shared_task(name="cabinet.sweep")
def sweep() -> None:
    housekeeping.sweep()


@shared_task(name="cabinet.send_notices")
def send_notices() -> None:
    notices.send_due(now=timezone.now())
