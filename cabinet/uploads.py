"""What people attach: limits, and uploads that outlive a form sent back with an error."""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.db.models import Count, Sum
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from cabinet import drafts, limits, services
from cabinet.draft_models import Draft
from cabinet.limits import MEGABYTE
from cabinet.models import CaseFile

logger = logging.getLogger(__name__)

MAX_FILE_BYTES = 25 * MEGABYTE
"""What mail servers let through; a larger file would be refused behind us, where nobody can explain it."""
MAX_MESSAGE_BYTES = 50 * MEGABYTE
MAX_FILES = 20
MAX_WAITING_BYTES = 500 * MEGABYTE
"""Of one person, in all drafts: ten messages' worth."""
MAX_WAITING_FILES = 200
MAX_REQUEST_BYTES = 250 * MEGABYTE
"""Beyond this not even a friendly error is worth the disk: the request is refused before it is read."""


class RequestGuard(FileUploadHandler):
    """First of the upload handlers: refuses an absurdly large request by its declared length."""

    def handle_raw_input(
        self,
        input_data: object,  # noqa: ARG002
        META: object,  # noqa: ARG002
        content_length: int,
        boundary: object,  # noqa: ARG002
        encoding: object = None,  # noqa: ARG002
    ) -> None:
        if content_length > MAX_REQUEST_BYTES:
            raise RequestDataTooBig

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:  # noqa: ARG002
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """The handlers behind this one keep the file."""


@dataclass(slots=True)
class Attachments:
    """The files of one form: those kept so far, and in words what is wrong with others."""

    kept: list[CaseFile] = field(default_factory=list)
    # Those that stand in a message already: this form may have been sent before, and its answer not heard.
    sent: list[CaseFile] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    # Set when a file came too soon after many others.
    wait_seconds: int = 0

    @property
    def total(self) -> int:
        return sum(file.size for file in self.kept)

    @property
    def fingerprint(self) -> str:
        """Of the files that the form was sent with, whether or not they have arrived since."""
        return "\n".join(f"{file.name}\t{file.size}" for file in [*self.sent, *self.kept])


WaitFor = Callable[[int], int]
"""In how many seconds so many bytes may be sent; 0: at once."""


def no_wait(size: int) -> int:  # noqa: ARG001
    return 0


def seconds_until_room(request: HttpRequest) -> WaitFor:
    """Uses up so many bytes of the sender's limit; else says in how many seconds there will be room."""
    return lambda size: limits.take(request, limits.UPLOAD, amount=size, unit=MEGABYTE)


def collect(
    owner: AbstractBaseUser,
    data: QueryDict,
    files: "MultiValueDict[str, UploadedFile[bytes]]",
    wait_for: WaitFor = no_wait,
) -> Attachments:
    """Stages the new uploads of a form beside those staged before (`uploaded`), less those in `remove`.

    A file that breaks a limit fails alone. Tokens of others, or of files already sent, are worth nothing.
    """
    wanted, removed = still_wanted(data), _identities(data.getlist("remove"))
    theirs = CaseFile.objects.filter(owner_id=owner.pk)
    staged, free = theirs.in_bulk(wanted), theirs.filter(message=None)
    attachments = Attachments()
    for file in (staged[token] for token in wanted if token in staged):
        if file.message_id is not None:
            attachments.sent.append(file)
            continue
        # They came one by one, perhaps at the same time: only here all of them are seen together.
        too_much = _too_much(file.name, file.size, attachments)
        attachments.problems.append(too_much) if too_much else attachments.kept.append(file)
    if removed:
        drafts.drop_files(free.filter(pk__in=removed[:MAX_FILES]))
    add(owner, files.getlist("files"), attachments, wait_for)
    return attachments


def still_wanted(data: QueryDict) -> list[uuid.UUID]:
    """The tokens of uploads that a form holds and does not want removed."""
    removed = set(_identities(data.getlist("remove")))
    tokens = [token for token in _identities(data.getlist("uploaded")) if token not in removed]
    return tokens[:MAX_FILES]


def add(
    owner: AbstractBaseUser | None,
    files: "Iterable[UploadedFile[bytes]]",
    attachments: Attachments,
    wait_for: WaitFor = no_wait,
) -> None:
    """Stages uploads beside what is there; one that breaks a limit fails alone."""
    for upload in files:
        problem = _problem(upload, attachments) or _too_soon(upload, attachments, wait_for)
        problem = problem or _stage(owner, upload, attachments)
        if problem:
            attachments.problems.append(problem)


def _too_soon(upload: "UploadedFile[bytes]", attachments: Attachments, wait_for: WaitFor) -> str:
    seconds = wait_for(upload.size or 0)
    if not seconds:
        return ""
    attachments.wait_seconds = seconds
    return limits.file_sentence(upload.name or "", seconds)


class Refused(Exception):
    """A file was not taken; the words name it and say why."""


def take(
    upload: "UploadedFile[bytes]",
    *,
    owner: AbstractBaseUser,
    place: drafts.Place,
    seen: drafts.Seen,
    now: datetime,
    wait_for: WaitFor = no_wait,
) -> tuple[CaseFile, Draft]:
    """Stages one file ahead of its message, in the draft of the page. Raises `Refused`.

    The files that the page has `seen` are those which it took out: they take no room of its message.
    """
    if no_room := _no_room_for(owner, upload.name or ""):
        raise Refused(no_room)
    held = drafts.find(owner, place)
    beside = [file for file in held.files.all() if str(file.pk) not in seen.files] if held else []
    attachments = Attachments(kept=beside)
    add(owner, [upload], attachments, wait_for)
    if attachments.problems:
        raise Refused(attachments.problems[0])
    staged = attachments.kept[-1]
    return staged, drafts.add_file(staged, user=owner, place=place, seen=seen, now=now)


def _no_room_for(owner: AbstractBaseUser, name: str) -> str:
    """In words why nothing more can be staged for this person just now; "" if something can."""
    waiting = CaseFile.objects.filter(owner_id=owner.pk, message=None)
    found = waiting.aggregate(size=Sum("size"), count=Count("pk"))
    if (found["size"] or 0) < MAX_WAITING_BYTES and found["count"] < MAX_WAITING_FILES:
        return ""
    return _(
        "“%(name)s” was left out: very many files wait in your unfinished messages. Send or discard one."
    ) % {"name": name}


def _stage(owner: AbstractBaseUser | None, upload: "UploadedFile[bytes]", attachments: Attachments) -> str:
    """Keeps the file; in words what is wrong if the disk does not take it, since the text still can go."""
    try:
        attachments.kept.append(services.stage_file(owner=owner, upload=upload, name=upload.name or ""))
    except OSError as error:
        logger.error("An upload could not be stored: %s.", error.strerror or type(error).__name__)
        return _(
            "“%(name)s” could not be stored, through no fault of yours. Send your message without it, "
            "or try again a little later."
        ) % {"name": upload.name or ""}
    return ""


def _problem(upload: "UploadedFile[bytes]", attachments: Attachments) -> str:
    name, size = upload.name or "", upload.size or 0
    if size == 0:
        return _("“%(name)s” is empty.") % {"name": name}
    if size > MAX_FILE_BYTES:
        return _("“%(name)s” is larger than %(limit)d MB.") % {
            "name": name,
            "limit": MAX_FILE_BYTES // MEGABYTE,
        }
    return _too_much(name, size, attachments)


def _too_much(name: str, size: int, attachments: Attachments) -> str:
    if attachments.total + size > MAX_MESSAGE_BYTES:
        return _("“%(name)s” does not fit: all files of a message together may have %(limit)d MB.") % {
            "name": name,
            "limit": MAX_MESSAGE_BYTES // MEGABYTE,
        }
    if len(attachments.kept) >= MAX_FILES:
        return _("“%(name)s” was left out: a message may have %(limit)d files.") % {
            "name": name,
            "limit": MAX_FILES,
        }
    return ""


def _identities(values: Iterable[str]) -> list[uuid.UUID]:
    found = []
    for value in values:
        try:
            found.append(uuid.UUID(value))
        except ValueError:
            continue
    return list(dict.fromkeys(found))
