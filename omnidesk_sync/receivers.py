"""Listens to the cabinet and rings. Receivers only ring or write one row; the work is a task's."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver

from cabinet.selectors import person
from cabinet.signals import address_proved, cases_erased, chore_waiting, person_erased, work_waiting
from omnidesk_sync import bells, erasing, imports


@receiver(work_waiting)
def ring_the_lane(case_id: uuid.UUID, **_: Any) -> None:
    bells.ring_lane(case_id)


@receiver(address_proved)
def fetch_older_cases(user_id: int, address: str, **_: Any) -> None:
    user = person(user_id)
    row = imports.want_import(user, address) if user is not None else None
    if row is not None:
        bells.ring_import(row.pk)


@receiver(chore_waiting)
def ring_for_the_cabinet(task: str, key: str, **_: Any) -> None:
    bells.ring_task(task, key)


# These two are no rings: they are the rows' own end, inside the transaction that erases a person.


@receiver(cases_erased)
def forget_cases(case_ids: Sequence[uuid.UUID], **_: Any) -> None:
    erasing.forget_cases(case_ids)


@receiver(person_erased)
def forget_person(user_id: int, addresses: Sequence[str], **_: Any) -> None:
    erasing.forget_person(user_id, addresses)
