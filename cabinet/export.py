"""A person asks for his data; a worker packs them; they can be fetched for a day.

    ask      a row "being prepared" with a due time, and a ring
    build    claimed by moving the due time; the ZIP is written where the row says, then "ready"
    fetch    by its owner only, until it expires; the sweep deletes row and bytes

However large the account is, no page waits for it.
"""

import logging
import uuid
import zoneinfo
from datetime import datetime, timedelta
from pathlib import Path

from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import Storage
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone, translation

from cabinet import archive, chores
from cabinet.privacy_models import DataExport

logger = logging.getLogger(__name__)

TASK = "cabinet.build_export"
LEASE = timedelta(minutes=5)
"""Longer than a task may run (CELERY_TASK_TIME_LIMIT): who is killed in the middle leaves a row due again."""

MOST_ATTEMPTS = 3
AGAIN = timedelta(minutes=1)
KEEP = timedelta(days=1)
FRESH = timedelta(minutes=10)
"""Asking again so soon gives the same one: packing an account is work."""

State = DataExport.State


def latest(person: AbstractBaseUser, *, now: datetime) -> DataExport | None:
    """The person's newest export that can be waited for, fetched, or is known to have failed."""
    rows = DataExport.objects.filter(person_id=person.pk)
    return rows.exclude(expires_at__lte=now).order_by("-requested_at").first()


def ask(*, person: AbstractBaseUser, now: datetime, language: str = "", time_zone: str = "") -> DataExport:
    """The person wants his data. One that is being prepared, or was a moment ago, is given again."""
    found = latest(person, now=now)
    if found is not None and found.state == State.PREPARING:
        return found
    if (
        found is not None
        and found.finished_at
        and now - found.finished_at < FRESH
        and found.state == State.READY
    ):
        return found
    try:
        with transaction.atomic():
            made = DataExport(person_id=person.pk, language=language, time_zone=time_zone)
            made.requested_at = made.due_at = now
            made.blob = f"exports/{made.pk.hex}.zip"
            made.save(force_insert=True)
            chores.ring_after_commit(TASK, made.pk)
    except IntegrityError:
        return DataExport.objects.get(person_id=person.pk, state=State.PREPARING)
    return made


def build(export_id: uuid.UUID) -> None:
    """Packs one export, if it is due and nobody else is at it."""
    now = timezone.now()
    rows = DataExport.objects.filter(pk=export_id, state=State.PREPARING, due_at__lte=now)
    if rows.update(due_at=now + LEASE, attempts=F("attempts") + 1) != 1:
        return
    export = DataExport.objects.select_related("person").get(pk=export_id)
    try:
        size = _pack(export, made_at=now)
    except Exception as error:  # noqa: BLE001 - whatever it was, it is tried again or said
        # Only the class: the text of an error may quote what was to be packed.
        logger.error("export %s could not be packed: %s", export_id, type(error).__name__)
        _failed(export, type(error).__name__)
        return
    now = timezone.now()
    done = {"state": State.READY, "size": size, "due_at": None, "finished_at": now, "expires_at": now + KEEP}
    if not DataExport.objects.filter(pk=export_id, state=State.PREPARING).update(**done, last_error=""):
        # The person's data were erased meanwhile: nothing of them may stay.
        export.blob.storage.delete(str(export.blob.name))


def _pack(export: DataExport, *, made_at: datetime) -> int:
    """Written where it will lie: a copy of gigabytes would need their room twice."""
    path = Path(_storage().path(str(export.blob.name)))
    path.parent.mkdir(parents=True, exist_ok=True)
    language = translation.override(export.language or None)
    with language, timezone.override(_zone(export.time_zone)), path.open("wb") as target:
        archive.write(export.person, target, made_at=made_at)
    return path.stat().st_size


def _failed(export: DataExport, what: str) -> None:
    _storage().delete(str(export.blob.name))
    rows = DataExport.objects.filter(pk=export.pk, state=State.PREPARING)
    now = timezone.now()
    if export.attempts < MOST_ATTEMPTS:
        rows.update(due_at=now + AGAIN, last_error=what)
    else:
        rows.update(state=State.FAILED, due_at=None, finished_at=now, expires_at=now + KEEP, last_error=what)


def forget_expired(*, now: datetime) -> int:
    """Deletes what was kept for its day, bytes first. Returns how many."""
    count = 0
    for export in DataExport.objects.filter(expires_at__lte=now):
        export.blob.storage.delete(str(export.blob.name))
        count += export.delete()[0]
    return count


def due(now: datetime) -> list[uuid.UUID]:
    rows = DataExport.objects.filter(state=State.PREPARING, due_at__lte=now).order_by("due_at")
    return list(rows.values_list("pk", flat=True)[:20])


def _storage() -> Storage:
    storage: Storage = DataExport._meta.get_field("blob").storage
    return storage


def _zone(name: str) -> zoneinfo.ZoneInfo:
    default = timezone.get_default_timezone_name()
    try:
        return zoneinfo.ZoneInfo(name or default)
    except (ValueError, zoneinfo.ZoneInfoNotFoundError, OSError):
        return zoneinfo.ZoneInfo(default)
