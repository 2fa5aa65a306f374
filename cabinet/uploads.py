"""What people attach: limits, and uploads that outlive a form sent back with an error."""

import logging
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.http import HttpRequest, QueryDict
from django.utils.datastructures import MultiValueDict
from django.utils.translation import gettext as _

from cabinet import limits, services
from cabinet.models import CaseFile

logger = logging.getLogger(__name__)

MEGABYTE = 1024 * 1024
MAX_FILE_BYTES = 25 * MEGABYTE
"""What mail servers let through; a larger file would be refused behind us, where nobody can explain it."""
MAX_MESSAGE_BYTES = 50 * MEGABYTE
MAX_FILES = 20
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
    problems: list[str] = field(default_factory=list)
    # Set when a file came too soon after many others.
    wait_seconds: int = 0

    @property
    def total(self) -> int:
        return sum(file.size for file in self.kept)

    @property
    def fingerprint(self) -> str:
        return "\n".join(f"{file.name}\t{file.size}" for file in self.kept)


def seconds_until_room(request: HttpRequest) -> Callable[[int], int]:
    """Uses up so many bytes of the sender's limit; else says in how many seconds there will be room."""
    return lambda size: limits.take(request, limits.UPLOAD, amount=size, unit=MEGABYTE)


def collect(
    owner: AbstractBaseUser,
    data: QueryDict,
    files: "MultiValueDict[str, UploadedFile[bytes]]",
    wait_for: Callable[[int], int] = lambda size: 0,  # noqa: ARG005
) -> Attachments:
    """Stages the new uploads of a form beside those staged before (`uploaded`), less those in `remove`.

    A file that breaks a limit fails alone. Tokens of others, or of files already sent, are worth nothing.
    """
    removed = set(_identities(data.getlist("remove")))
    wanted = [token for token in _identities(data.getlist("uploaded")) if token not in removed]
    staged = CaseFile.objects.filter(owner_id=owner.pk, message=None).in_bulk(wanted[:MAX_FILES])
    attachments = Attachments(kept=[staged[token] for token in wanted if token in staged])
    for upload in files.getlist("files"):
        problem = _problem(upload, attachments) or _too_soon(upload, attachments, wait_for)
        problem = problem or _stage(owner, upload, attachments)
        if problem:
            attachments.problems.append(problem)
    return attachments


def _too_soon(upload: "UploadedFile[bytes]", attachments: Attachments, wait_for: Callable[[int], int]) -> str:
    seconds = wait_for(upload.size or 0)
    if not seconds:
        return ""
    attachments.wait_seconds = seconds
    return limits.file_sentence(upload.name or "", seconds)


def _stage(owner: AbstractBaseUser, upload: "UploadedFile[bytes]", attachments: Attachments) -> str:
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
