"""Fetches staff's files: work of its own, outside every lane, so that a slow download blocks no case.

The address is the desk's and never reaches a browser; it is forgotten once the copy is here.
"""

import logging
import tempfile
import uuid
from datetime import timedelta

from django.core.files import File
from django.db import transaction
from django.utils import timezone

from cabinet import desk, filetypes
from omnidesk_sync import linking, policy
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.client import DOWNLOAD_SECONDS
from omnidesk_sync.errors import AccountTrouble, OmnideskError, Rejected, TryLater
from omnidesk_sync.models import CaseLink, FileLink

log = logging.getLogger(__name__)

MAX_BYTES = 60 * 1024 * 1024
"""Above the desk's own limit of 50 MB a request [documented]; a larger answer is not what was announced."""

LEASE = timedelta(seconds=DOWNLOAD_SECONDS + policy.LEASE_MARGIN_SECONDS)
"""Longer than a download can last: who is killed in the middle of one keeps it from the others so long."""

NO_ROOM_SECONDS = 30.0
"""How long a file waits that our own disk did not take: each try downloads all of it."""

TRIES = 10
"""With the backoff these cover hours; then the file is shown as not available and waits for an admin."""


def fetch(link_id: int) -> None:
    """Fetches one file if it is due. A refusal for good gives it up at once, visibly; a page does not."""
    now = timezone.now()
    claimed = FileLink.objects.filter(pk=link_id, due_at__lte=now).update(due_at=now + LEASE)
    if claimed != 1:
        return
    link = FileLink.objects.select_related("file__message").get(pk=link_id)
    try:
        with Account(Spending.READINGS) as account, tempfile.TemporaryFile() as target:
            got = account.client.download(
                link.url,
                target,
                max_bytes=MAX_BYTES,
                expected_type=link.file.content_type,
                expected_size=link.file.size or None,
            )
            _keep(link, File(target), got.size)
    except Rejected as error:
        if error.code == "not_a_file":
            # A page with 200 is also what a front server shows for a few minutes while it is being mended.
            _put_off(link, error)
        elif _may_have_expired(link, error):
            _ask_for_a_fresh_address(link, error)
        else:
            _give_up(link, error)
    except OmnideskError as error:
        _put_off(link, error)
    except OSError as error:
        # Our own disk: nobody's failure, however long it takes to make room.
        log.error("file %s could not be kept: %s", link.file_id, error.strerror or type(error).__name__)
        _put_off(link, TryLater("There is no room to keep it.", after_seconds=NO_ROOM_SECONDS))


def _keep(link: FileLink, content: "File[bytes]", size: int) -> None:
    content.seek(0)
    content_type = filetypes.sniff_type(content.read(filetypes.HEAD_BYTES), link.file.name)
    content.seek(0)
    storage, left_over = link.file.blob.storage, link.file.blob.name
    field = link.file._meta.get_field("blob")
    name = field.generate_filename(link.file, f"{uuid.uuid4().hex}.bin")
    # The row knows the name before the disk does: whoever is killed here leaves nothing that nobody finds.
    if not desk.file_coming(link.file, blob_name=name):
        return
    if left_over:
        storage.delete(left_over)
    storage.save(name, content)
    with transaction.atomic():
        now = timezone.now()
        kept = desk.file_arrived(link.file, content_type=content_type, size=size, blob_name=name, now=now)
        FileLink.objects.filter(pk=link.pk).update(due_at=None, url="", last_error="")
    if not kept:
        # The message was withdrawn meanwhile: nothing of it may stay.
        storage.delete(name)


def _may_have_expired(link: FileLink, error: Rejected) -> bool:
    return link.attempts == 0 and error.status in (403, 404, 410)


def _ask_for_a_fresh_address(link: FileLink, error: Rejected) -> None:
    """How long an address lives is [unknown]: the message is read once more before the file is given up."""
    case_id = link.file.message.case_id if link.file.message else None
    if case_id is not None:
        CaseLink.objects.filter(case_id=case_id).update(audit_wanted=True)
        linking.want_reading(case_id, now=timezone.now())
    _put_off(link, error)


def _put_off(link: FileLink, error: OmnideskError) -> None:
    """The account's own trouble counts as nobody's failure; else a bounded number of tries."""
    waiting = isinstance(error, (TryLater, AccountTrouble))
    attempts = link.attempts if waiting else link.attempts + 1
    if attempts >= TRIES:
        _give_up(link, error)
        return
    seconds = error.after_seconds if isinstance(error, TryLater) else None
    wait = timedelta(seconds=policy.backoff(max(attempts, 3)) if seconds is None else seconds)
    FileLink.objects.filter(pk=link.pk).update(
        due_at=timezone.now() + wait, attempts=attempts, last_error=describe(error)
    )


def _give_up(link: FileLink, error: OmnideskError) -> None:
    with transaction.atomic():
        FileLink.objects.filter(pk=link.pk).update(due_at=None, last_error=describe(error))
        desk.file_unavailable(link.file, now=timezone.now())
    log.warning("file %s could not be fetched: %s", link.file_id, describe(error))


def retry(link: FileLink) -> None:
    """Tries again from the beginning, for an admin."""
    FileLink.objects.filter(pk=link.pk).exclude(url="").update(due_at=timezone.now(), attempts=0)
