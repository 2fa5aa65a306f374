"""What customers do. Every service writes the words and the duty to forward them in one transaction.

Services that the help desk's side calls are in `cabinet.desk`.
"""

import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.core.files import File
from django.db import IntegrityError, transaction
from django.utils import timezone

from cabinet import drafts, filetypes, following, standings, thread
from cabinet.bodies import body_from_text
from cabinet.models import Case, CaseFile, Message, OutboxEntry, Topic
from cabinet.rating import may_rate
from cabinet.search.indexing import Indexer
from cabinet.selectors import name_of
from cabinet.types import Answer

MOST_INDEXED = 200
"""Cases at a time: more wait for the next time."""


class CaseUnavailable(Exception):
    """The case takes no more messages: merged, deleted, spam, archived or handed over."""


class CaseUndelivered(CaseUnavailable):
    """The desk does not have the case and will not get it by itself, so nothing can follow in it."""


class ChatEnded(CaseUnavailable):
    """The chat was closed; see `cabinet.chat.say`, which begins the next one."""


class CaseTooOld(CaseUnavailable):
    """The case is closed for so long that a new one follows it instead."""


class NothingToRetry(Exception):
    """The message is not one that failed in a way that sending again could mend."""


class CannotRate(Exception):
    """The case is not closed, support never answered in it, or it was rated too long ago."""


def open_case(
    *,
    owner: AbstractBaseUser,
    subject: str,
    text: str,
    files: Sequence[CaseFile] = (),
    mode: Case.Mode = Case.Mode.MAIL,
    topic: Topic | None = None,
    answers: Sequence[Answer] = (),
    follow_up_of: Case | None = None,
    submission_key: uuid.UUID | None = None,
    seen: drafts.Seen | None = None,
) -> Case:
    """Stores a new case with its first message and the duty to open it at the desk.

    `mode` is the case's for life; `answers` are what was given under its `topic`. The same `submission_key`
    of the same owner gives the same case: a double click makes one. `files` are staged uploads of the owner
    (see `stage_file`). With `follow_up_of`, a case of the same owner, the text begins with that one's number.
    Its draft ends with it; `seen` is the one that the page knew.
    """
    if follow_up_of is not None:
        if follow_up_of.owner_id != owner.pk:
            raise ValueError("A case follows one of the same owner.")
        text = f"{following.first_line(follow_up_of)}\n\n{text}"
    key = submission_key or uuid.uuid4()
    now = timezone.now()
    try:
        with transaction.atomic():
            case = Case.objects.create(
                owner_id=owner.pk,
                subject=subject,
                mode=mode,
                topic=topic,
                follow_up_of=follow_up_of,
                fields=[answer.stored() for answer in answers] or None,
                submission_key=key,
                created_at=now,
                last_activity_at=now,
                changed_at=now,
            )
            message = _write(case, author=owner, text=text, files=files, key=key, now=now)
            thread.queue(case, OutboxEntry.Kind.OPEN_CASE, now=now, message=message)
            thread.store(case, now)
            drafts.sent(user_id=owner.pk, place=None, subject=subject, text=text, seen=seen, now=now)
    except IntegrityError:
        earlier = Case.objects.filter(owner_id=owner.pk, submission_key=key).first()
        if earlier is None:
            raise
        with transaction.atomic():
            drafts.sent(user_id=owner.pk, place=None, subject=subject, text=text, seen=seen, now=now)
        return earlier
    return case


def post_reply(
    *,
    case: Case,
    author: AbstractBaseUser,
    text: str,
    files: Sequence[CaseFile] = (),
    submission_key: uuid.UUID | None = None,
    close: bool = False,
    seen: drafts.Seen | None = None,
) -> Message:
    """Stores a customer's reply and the duty to forward it; reopens a closed case on both sides, or with
    `close` closes it after the reply.

    The same `submission_key` in the same case gives the same message. Its draft ends with it; `seen` is the
    one that the page knew. Raises `CaseUnavailable`: for a chat that was closed `ChatEnded`, since the desk
    has left that conversation and it is never reopened; for a case that a new one follows instead
    `CaseTooOld`; for one that never reached the desk `CaseUndelivered`.
    """
    key = submission_key or uuid.uuid4()
    now = timezone.now()
    with transaction.atomic():
        locked = thread.lock(case.pk)
        earlier = Message.objects.filter(case=locked, submission_key=key).first()
        if earlier is not None:
            drafts.sent(user_id=author.pk, place=locked, subject="", text=text, seen=seen, now=now)
            return earlier
        if not locked.accepts_messages:
            raise ChatEnded if locked.is_ended_chat else CaseUnavailable
        if following.is_over(locked, now=now):
            raise CaseTooOld
        if standings.undelivered(locked):
            raise CaseUndelivered
        message = _write(locked, author=author, text=text, files=files, key=key, now=now)
        drafts.sent(user_id=author.pk, place=locked, subject="", text=text, seen=seen, now=now)
        thread.queue(locked, OutboxEntry.Kind.REPLY, now=now, message=message)
        if close:
            thread.queue(locked, OutboxEntry.Kind.CLOSE, now=now)
        elif locked.status == Case.Status.CLOSED:
            thread.queue(locked, OutboxEntry.Kind.ENSURE_OPEN, now=now)
        locked.status = Case.Status.CLOSED if close else Case.Status.OPEN
        locked.last_activity_at = now
        thread.store(locked, now, by=author.pk)
    return message


def close_case(*, case: Case) -> None:
    """The customer says it is solved. Raises `CaseUnavailable`; closing a closed case changes nothing."""
    _set_status(case, Case.Status.CLOSED, OutboxEntry.Kind.CLOSE)


def reopen_case(*, case: Case) -> None:
    """The customer says it is not solved after all. Raises `CaseUnavailable`, for a closed chat too.

    An open case stays as it is.
    """
    _set_status(case, Case.Status.OPEN, OutboxEntry.Kind.REOPEN)


def _set_status(case: Case, status: Case.Status, kind: OutboxEntry.Kind) -> None:
    now = timezone.now()
    with transaction.atomic():
        locked = thread.lock(case.pk)
        if locked.availability != Case.Availability.NORMAL:
            raise CaseUnavailable
        if (locked.status == Case.Status.CLOSED) == (status == Case.Status.CLOSED):
            return
        if locked.is_ended_chat:
            raise ChatEnded
        if following.is_over(locked, now=now):
            raise CaseTooOld
        locked.status = status
        locked.last_activity_at = now
        thread.queue(locked, kind, now=now)
        thread.store(locked, now, by=locked.owner_id)


def rate_case(*, case: Case, rating: Case.Rating, comment: str = "") -> None:
    """The customer says how it went, or changes that. Raises `CannotRate`; the same again changes nothing.

    `rated_at` stays that of the first time: changing it does not prolong the time for changes.
    """
    now = timezone.now()
    with transaction.atomic():
        locked = thread.lock(case.pk)
        if not may_rate(locked, now=now):
            raise CannotRate
        if (locked.rating, locked.rating_comment) == (rating, comment):
            return
        locked.rating, locked.rating_comment = rating, comment
        locked.rated_at = locked.rated_at or now
        # One duty a change: one that is being sent may have read the values before this one.
        thread.queue(locked, OutboxEntry.Kind.RATE, now=now)
        thread.store(locked, now)


def retry_message(*, message: Message) -> None:
    """Queues a rejected message once more. Raises `NothingToRetry` for any other state, and where no reply
    is taken either `CaseUnavailable`.

    A reply goes to the end of the thread, because that is where the desk will show it; an opening keeps its
    place, since its followers are waiting behind it.
    """
    now = timezone.now()
    with transaction.atomic():
        case = thread.lock(message.case_id)
        entry = (
            OutboxEntry.objects.filter(message=message, state=OutboxEntry.State.REJECTED)
            .order_by("-number")
            .first()
        )
        if entry is None or message.state != Message.State.FAILED:
            raise NothingToRetry
        if not case.accepts_messages:
            raise ChatEnded if case.is_ended_chat else CaseUnavailable
        if following.is_over(case, now=now):
            raise CaseTooOld
        requeue(entry, case=case, now=now)


def requeue(entry: OutboxEntry, *, case: Case, now: datetime) -> None:
    """Makes a given-up entry wait again, under the lock of its case, and its message say "sending"."""
    message = entry.message
    if entry.kind == OutboxEntry.Kind.OPEN_CASE:
        OutboxEntry.objects.filter(pk=entry.pk).update(
            state=OutboxEntry.State.WAITING, due_at=now, reason="", detail="", settled_at=None, attempts=0
        )
    else:
        OutboxEntry.objects.filter(pk=entry.pk).update(state=OutboxEntry.State.DROPPED, settled_at=now)
        thread.queue(case, OutboxEntry.Kind(entry.kind), now=now, message=message)
    if message is not None:
        if entry.kind != OutboxEntry.Kind.OPEN_CASE:
            message.position = thread.take_position(case)
        message.state = Message.State.SENDING
        message.failure = ""
        message.save(update_fields=["position", "state", "failure"])
    thread.store(case, now)


def stage_file(*, owner: AbstractBaseUser | None, upload: "File[bytes]", name: str) -> CaseFile:
    """Keeps an upload until its message is written, so that a form with an error loses nothing.

    The row comes first: whatever is killed after it, nothing lies on the disk that no row knows, and what
    was never sent goes with its row (`forget_stale_uploads`). Without an owner it waits for whoever signs in
    (`cabinet.interrupted`). Raises `OSError` if there is no room for it.
    """
    file = CaseFile(
        owner_id=owner.pk if owner else None,
        name=filetypes.safe_name(name),
        size=upload.size,
        content_type=filetypes.sniff_type(_head(upload), name),
        created_at=timezone.now(),
    )
    field = CaseFile._meta.get_field("blob")
    file.blob = field.generate_filename(file, f"{uuid.uuid4().hex}.bin")
    file.save(force_insert=True)
    try:
        file.blob.storage.save(str(file.blob.name), File(upload))
    except OSError:
        file.delete()
        raise
    return file


def forget_stale_uploads(*, before: datetime) -> int:
    """Deletes uploads whose message was never written and that no draft holds. Returns how many."""
    stale = CaseFile.objects.filter(message=None, draft=None, created_at__lt=before)
    count = 0
    for file in stale.iterator(chunk_size=100):
        # Asked once more while deleting: in this very moment it may have found its message.
        if CaseFile.objects.filter(pk=file.pk, message=None).delete()[0]:
            file.blob.delete(save=False)
            count += 1
    return count


def index_what_changed(*, since: datetime) -> int:
    """Makes searchable what a version of the code that knows no index wrote. Returns how many cases.

    Such a version runs beside this one while a deploy goes on; afterwards this finds nothing to do.
    """
    indexer = Indexer()
    return indexer.index_many(list(indexer.stale(since)[:MOST_INDEXED]))


def _head(upload: "File[bytes]") -> bytes:
    upload.seek(0)
    head: bytes = upload.read(filetypes.HEAD_BYTES)
    upload.seek(0)
    return head


def _write(
    case: Case,
    *,
    author: AbstractBaseUser,
    text: str,
    files: Iterable[CaseFile],
    key: uuid.UUID,
    now: datetime,
) -> Message:
    plain = text.replace("\r\n", "\n").replace("\r", "\n").strip()
    message = Message.objects.create(
        case=case,
        position=thread.take_position(case),
        author=Message.Author.CUSTOMER,
        author_user_id=author.pk,
        author_name=name_of(author),
        origin=Message.Origin.CABINET,
        text=plain,
        html=body_from_text(plain, mailed=False).html,
        state=Message.State.SENDING,
        submission_key=key,
        written_at=now,
    )
    for position, file in enumerate(files):
        # Only a file that is still free and this author's own: a staged upload belongs to one message.
        CaseFile.objects.filter(pk=file.pk, message=None, owner_id=author.pk).update(
            message=message, draft=None, position=position
        )
    return message
