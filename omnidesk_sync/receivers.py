"""Listens to the cabinet and rings. Receivers only ring or write one row; the work is a task's."""

import uuid
from typing import Any

from django.dispatch import receiver

from cabinet.selectors import person
from cabinet.signals import address_proved, work_waiting
from omnidesk_sync import bells, imports


@receiver(work_waiting)
def ring_the_lane(case_id: uuid.UUID, **_: Any) -> None:
    bells.ring_lane(case_id)


@receiver(address_proved)
def fetch_older_cases(user_id: int, address: str, **_: Any) -> None:
    user = person(user_id)
    row = imports.want_import(user, address) if user is not None else None
    if row is not None:
        bells.ring_import(row.pk)
