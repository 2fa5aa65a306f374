"""Pictures of staff: kept here once for each person of the staff, shown beside what that person has written.

Whoever knows where a picture comes from hands over its bytes; no address of somebody else's is kept or shown
here. Where there is no picture, initials stand in its place.
"""

import hashlib
import uuid
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.files.base import ContentFile
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.urls import reverse

from cabinet import filetypes, thread
from cabinet.face_models import StaffFace
from cabinet.models import Case, Message
from cabinet.selectors import cases_of
from cabinet.storage import delete_after_commit

MAX_BYTES = 2 * 1024 * 1024
"""More than any picture of a face needs."""

LATELY = timedelta(hours=1)
MOST_PAGES = 20
"""Cases whose open pages are told that a picture has come; all others show it when they change next."""


class NotAPicture(ValueError):
    """The bytes are none of the few kinds that a page may show, whatever they are called; or too many."""


def begin(*, now: datetime) -> StaffFace:
    """Somebody of the staff who has a picture; its bytes follow."""
    return StaffFace.objects.create(changed_at=now)


def put_beside(face_id: uuid.UUID, message_ids: Iterable[uuid.UUID]) -> None:
    """These messages were written by that person. Belongs into the transaction that has recorded them."""
    staffs = Message.objects.filter(pk__in=message_ids, author=Message.Author.STAFF)
    staffs.exclude(staff_face=face_id).update(staff_face=face_id)


def keep(face_id: uuid.UUID, content: bytes, *, now: datetime) -> bool:
    """Stores the picture in place of the one before; True if it is another one. Raises `NotAPicture`."""
    if len(content) > MAX_BYTES or filetypes.served_inline(content[: filetypes.HEAD_BYTES]) is None:
        raise NotAPicture
    digest = hashlib.sha256(content).hexdigest()
    face = StaffFace.objects.filter(pk=face_id).first()
    if face is None:
        return False
    storage, name = face.blob.storage, f"faces/{face_id.hex}-{digest[:16]}.bin"
    if face.digest == digest and storage.exists(name):
        return False
    # The name says the content: what somebody killed here has left behind is written anew.
    storage.delete(name)
    storage.save(name, ContentFile(content))
    changed = StaffFace.objects.filter(pk=face_id).update(digest=digest, blob=name, changed_at=now)
    # What was there before, and what somebody killed here has left.
    for other in storage.listdir("faces")[1]:
        if other.startswith(face_id.hex) and not (changed and name.endswith(other)):
            storage.delete(f"faces/{other}")
    if changed:
        _tell_open_pages(face_id, now)
    return changed == 1


def forget(face_id: uuid.UUID, *, now: datetime) -> None:
    """The picture was taken away: initials again."""
    with transaction.atomic():
        face = StaffFace.objects.select_for_update().filter(pk=face_id).exclude(digest="").first()
        if face is None:
            return
        StaffFace.objects.filter(pk=face_id).update(digest="", blob="", changed_at=now)
        delete_after_commit(face.blob)


def _tell_open_pages(face_id: uuid.UUID, now: datetime) -> None:
    """A new person's first answer is on the page a moment before the picture. One case after another: whoever
    holds a case may be waiting for the picture's row."""
    lately = Message.objects.filter(staff_face=face_id, written_at__gt=now - LATELY)
    for case_id in lately.order_by().values_list("case_id", flat=True).distinct()[:MOST_PAGES]:
        with transaction.atomic():
            try:
                thread.store(thread.lock(case_id), now)
            except Case.DoesNotExist:
                # Erased in this very moment.
                continue


def seen_by(user: AbstractBaseUser | AnonymousUser) -> QuerySet[StaffFace]:
    """The pictures of those who have answered this person."""
    said = Message.objects.filter(staff_face=OuterRef("pk"), case__in=cases_of(user))
    return StaffFace.objects.exclude(digest="").filter(Exists(said))


def address_of(message: Message) -> str:
    """Where the picture beside this message is served; "" if there is none."""
    face = message.staff_face if message.staff_face_id and message.author == Message.Author.STAFF else None
    if face is None or not face.digest:
        return ""
    return reverse("cabinet:face", args=[face.pk, mark_of(face)])


def mark_of(face: StaffFace) -> str:
    """The part of the address that changes with the picture."""
    return face.digest[:16]
