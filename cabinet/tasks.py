"""Doors for Celery: what the clock rings for in this room."""

from celery import shared_task
from django.utils import timezone

from cabinet import notices


@shared_task(name="cabinet.send_notices")
def send_notices() -> None:
    notices.send_due(now=timezone.now())
