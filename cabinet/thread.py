"""The mechanics under every change of a case: its lock, its counters, its revision, its doorbell."""

import uuid
from datetime import datetime

from django.db import transaction

from cabinet import closings
from cabinet.models import Case, Message, OutboxEntry
from cabinet.signals import work_waiting


def lock(case_id: uuid.UUID) -> Case:
    """The case's row, locked until the transaction ends: positions and outbox numbers come from it."""
    return Case.objects.select_for_update().get(pk=case_id)


def take_position(case: Case) -> int:
    """The next place in the thread. The case must be locked and stored afterwards."""
    position = case.next_position
    case.next_position += 1
    return position


def queue(
    case: Case, kind: OutboxEntry.Kind, *, now: datetime, message: Message | None = None
) -> OutboxEntry:
    """Adds a duty at the end of the case's outbox and rings after the commit."""
    entry = OutboxEntry.objects.create(
        case=case,
        number=case.next_entry_number,
        kind=kind,
        message=message,
        due_at=now,
        created_at=now,
    )
    case.next_entry_number += 1
    ring_after_commit(case.pk)
    return entry


def store(case: Case, now: datetime, *, by: object = None) -> None:
    """Saves a locked case under a new revision, which is what open pages compare.

    Since when it is closed follows the status, whoever has changed that: `by` is the key of the person who
    did it in the cabinet.
    """
    if case.status != Case.Status.CLOSED:
        case.closed_at = None
    elif case.closed_at is None:
        case.closed_at = now
    closings.note(case, by=by, now=now)
    case.revision += 1
    case.changed_at = now
    case.save()


def ring_after_commit(case_id: uuid.UUID) -> None:
    """Rings the doorbell once the rows are really there; a bell that fails costs one sweep, nothing else."""

    # A named function and not a partial: Django logs a robust callback's failure by its name.
    def ring() -> None:
        work_waiting.send_robust(sender=Case, case_id=case_id)

    transaction.on_commit(ring, robust=True)
