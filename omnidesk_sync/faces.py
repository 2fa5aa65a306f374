"""Pictures of staff: whose stands beside which message, and fetching them, as work of its own like files.

The address comes with each message that is read (`thumbnail` [seen in code: php-msg, affairs]); where such
pictures lie, and whether they want credentials, is [unknown]. So they are treated as files are: from the
account's own host only, never in a request or a lane, and an address is forgotten once the copy is here. A
picture is an ornament. Failing to get one pauses nothing, blocks nobody, and shows initials.
"""

import hashlib
import io
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from cabinet import faces
from omnidesk_sync import bells, policy
from omnidesk_sync.account import connect, describe
from omnidesk_sync.errors import OmnideskError, Rejected
from omnidesk_sync.models import FaceLink, MessageLink
from omnidesk_sync.types import DeskMessage

log = logging.getLogger(__name__)

SECONDS = 30.0
"""How long one picture may take to come."""

LEASE = timedelta(seconds=SECONDS + policy.LEASE_MARGIN_SECONDS)

REST = timedelta(hours=1)
"""Between two tries for another address: one that is signed anew for each reading costs little so."""

LOOK_AGAIN = timedelta(days=7)
"""Another picture may lie at the same address; and what was refused may be there by now."""

TRIES = 4
FIRST_WAIT_FAILURES = 4
"""Where the backoff begins: an ornament is not worth a try each few seconds."""

LONGEST_ADDRESS = 1000


# ── what a reading says ─────────────────────────────────────────────────────────────────────────────────


def take_over(case_id: UUID, rows: Sequence[DeskMessage], *, now: datetime) -> None:
    """Puts faces beside the messages of these public rows. Belongs into the reading's transaction."""
    said: defaultdict[int, list[DeskMessage]] = defaultdict(list)
    for row in rows:
        if row.staff_id > 0 and row.user_id <= 0 and row.thumbnail is not None:
            said[row.staff_id].append(row)
    known = {link.staff_id: link for link in FaceLink.objects.filter(staff_id__in=said)} if said else {}
    # In one order, so that two readings do not wait for each other.
    for staff_id in sorted(said):
        newest = max(said[staff_id], key=lambda row: row.message_id)
        link = known.get(staff_id) or _begin(newest, now)
        if link is None:
            continue
        _follow(link, newest, now)
        ids = [row.message_id for row in said[staff_id]]
        links = MessageLink.objects.filter(case=case_id, desk_message_id__in=ids)
        faces.put_beside(link.face_id, links.values_list("message_id", flat=True))


def _begin(row: DeskMessage, now: datetime) -> FaceLink | None:
    if not _address(row):
        return None
    with transaction.atomic():
        face = faces.begin(now=now)
        link, made = FaceLink.objects.get_or_create(staff_id=row.staff_id, defaults={"face": face})
        if not made:
            face.delete()
    return link


def _follow(link: FaceLink, row: DeskMessage, now: datetime) -> None:
    """The newest message of all counts: what stands beside older ones may be an older address."""
    if row.message_id < link.said_in:
        return
    address = _address(row)
    digest = hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest() if address else ""
    tried = link.tried_at
    values: dict[str, object] = {}
    if row.message_id > link.said_in:
        values["said_in"] = row.message_id
    if digest != link.address_hash:
        due = max(now, tried + REST) if tried else now
        values |= {"address_hash": digest, "url": address, "attempts": 0, "last_error": ""}
        values["due_at"] = due if address else None
        if not address:
            faces.forget(link.face_id, now=now)
    elif values and address and link.due_at is None and tried and now - tried > LOOK_AGAIN:
        values |= {"url": address, "attempts": 0, "due_at": now}
    if values:
        FaceLink.objects.filter(Q(said_in__lte=row.message_id), pk=link.pk).update(**values)
    if values.get("due_at") == now:
        transaction.on_commit(_ring_for(link.pk), robust=True)


def _ring_for(pk: int) -> Callable[[], None]:
    # A named function and not a partial: Django logs a robust callback's failure by its name.
    def ring() -> None:
        bells.ring_face(pk)

    return ring


def _address(row: DeskMessage) -> str:
    address = (row.thumbnail or "").strip()
    return address if len(address) <= LONGEST_ADDRESS else ""


# ── fetching ────────────────────────────────────────────────────────────────────────────────────────────


def fetch(link_id: int) -> None:
    """Fetches one picture if it is due. What is refused, or is none, leaves initials in its place."""
    now = timezone.now()
    due = FaceLink.objects.filter(pk=link_id, due_at__lte=now)
    if not settings.OMNIDESK_ACCOUNT.url or due.update(due_at=now + LEASE, tried_at=now) != 1:
        return
    link = FaceLink.objects.get(pk=link_id)
    try:
        faces.keep(link.face_id, _bytes_at(link.url), now=timezone.now())
    except faces.NotAPicture:
        _give_up(link, "This is no picture that a page may show.")
    except Rejected as error:
        _give_up(link, describe(error))
    except OmnideskError as error:
        # Also what would pause the account if a message met it: a picture may lie behind other doors.
        _put_off(link, describe(error))
    except OSError as error:
        log.error("a picture of staff could not be kept: %s", error.strerror or type(error).__name__)
        _settle(link, due_at=timezone.now() + REST, last_error="There is no room to keep it.")
    else:
        _settle(link, url="", attempts=0, last_error="")


def _bytes_at(url: str) -> bytes:
    target = io.BytesIO()
    # Beside the budget: a download is no call of the API, and nothing here may pause the account.
    with connect() as client:
        client.download(
            url,
            target,
            max_bytes=faces.MAX_BYTES,
            expected_type="image/*",
            timeout_seconds=SECONDS,
        )
    return target.getvalue()


def _give_up(link: FaceLink, error: str) -> None:
    faces.forget(link.face_id, now=timezone.now())
    _settle(link, url="", last_error=error)
    log.info("a picture of staff is not shown: %s", error)


def _put_off(link: FaceLink, error: str) -> None:
    """A bounded number of tries; then what was there before stays until the address is read anew."""
    attempts = link.attempts + 1
    if attempts >= TRIES:
        _settle(link, url="", attempts=attempts, last_error=error)
        return
    wait = timedelta(seconds=policy.backoff(FIRST_WAIT_FAILURES + attempts))
    _settle(link, due_at=timezone.now() + wait, attempts=attempts, last_error=error)


def _settle(link: FaceLink, **values: object) -> None:
    """Unless another address was read meanwhile: that one has its own time."""
    mine = FaceLink.objects.filter(pk=link.pk, address_hash=link.address_hash)
    mine.update(**{"due_at": None, **values})


def retry(link: FaceLink) -> None:
    """Looks at the picture anew when it is named next, for an admin."""
    waiting = FaceLink.objects.filter(pk=link.pk).exclude(url="")
    if not waiting.update(due_at=timezone.now(), attempts=0):
        FaceLink.objects.filter(pk=link.pk).update(address_hash="", tried_at=None)
