"""What the help desk's side tells the cabinet: deliveries of ours, and what became known from over there.

Callers run these inside their own transaction together with the rows that link both sides, so that a message
and its link appear together or not at all. Every service takes the case's lock first and leaves it stored
under a new revision.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet

from cabinet import closings, filetypes, notices, reading_marks, thread
from cabinet.bodies import Body, body_from_html, body_from_text
from cabinet.models import OPEN_STATES, Case, CaseFile, Message, OutboxEntry
from cabinet.storage import delete_after_commit
from cabinet.types import IncomingFile, IncomingMessage

Kind, State = OutboxEntry.Kind, OutboxEntry.State
MESSAGE_KINDS = (Kind.OPEN_CASE, Kind.REPLY)
STATUS_KINDS = (Kind.CLOSE, Kind.REOPEN, Kind.ENSURE_OPEN)

Named = tuple[uuid.UUID, IncomingFile]


@dataclass(frozen=True, slots=True)
class CaseFacts:
    """How a case stands at the desk."""

    number: str
    status: Case.Status
    availability: Case.Availability
    # "" where the desk said nothing of it.
    rating: str = ""
    rating_comment: str = ""
    closed_at: datetime | None = None
    # "" where it is not the desk's to say.
    subject: str = ""


# ── what was sent ───────────────────────────────────────────────────────────────────────────────────────


def set_aside(entry: OutboxEntry, *, due_at: datetime, reason: str = "", detail: str = "") -> bool:
    """The entry was provably not sent; it waits until `due_at`. False if somebody else has moved it on."""
    return _move(entry, State.WAITING, reason=reason, detail=detail, due_at=due_at)


def bring_forward(*, now: datetime) -> None:
    """The desk can be reached again: what waits for that need not wait for its own time."""
    OutboxEntry.objects.filter(state=State.WAITING, due_at__gt=now).update(due_at=now)


def mark_attempting(entry: OutboxEntry, *, due_at: datetime) -> bool:
    """Commits that a call may happen. False when the entry is no longer waiting: then do not call.

    `due_at` is when the outcome may be looked up if nobody lives to report it.
    """
    changed = OutboxEntry.objects.filter(pk=entry.pk, state=State.WAITING).update(
        state=State.ATTEMPTING, due_at=due_at, attempts=entry.attempts + 1
    )
    if changed != 1:
        return False
    entry.attempts += 1
    entry.state = State.ATTEMPTING
    return True


def mark_unsettled(entry: OutboxEntry, *, due_at: datetime, reason: str, detail: str) -> bool:
    """The call may have had its effect. Nothing is repeated before a look after `due_at`.

    False if somebody else has moved the entry on.
    """
    return _move(entry, State.UNSETTLED, reason=reason, detail=detail, due_at=due_at)


def mark_delivered(entry: OutboxEntry, *, now: datetime, number: str = "") -> None:
    """The entry has reached the desk; its message is shown as sent."""
    with transaction.atomic():
        case = thread.lock(entry.case_id)
        # Whatever anybody concluded meanwhile: it is there.
        _settle(OutboxEntry.objects.all(), entry, State.DELIVERED, settled_at=now)
        if entry.kind in MESSAGE_KINDS and entry.message_id:
            Message.objects.filter(pk=entry.message_id).update(state=Message.State.SENT, failure="")
        if number:
            case.number = number
        thread.store(case, now)


def mark_given_up(
    entry: OutboxEntry, *, state: OutboxEntry.State, now: datetime, reason: str, detail: str
) -> bool:
    """The entry was refused for good, or a person has to decide. Its message is shown as not delivered.

    What was given up stays visible with its reason and can be retried. False if somebody else has moved the
    entry on.
    """
    with transaction.atomic():
        case = thread.lock(entry.case_id)
        if not _move(entry, state, reason=reason, detail=detail, settled_at=now):
            return False
        if entry.kind in MESSAGE_KINDS and entry.message_id:
            Message.objects.filter(pk=entry.message_id).update(state=Message.State.FAILED, failure=reason)
        thread.store(case, now)
    return True


def _move(entry: OutboxEntry, state: OutboxEntry.State, **fields: object) -> bool:
    """From the state its worker knew only: one that slept must not wake up a delivered entry."""
    return _settle(OutboxEntry.objects.filter(state=entry.state), entry, state, **fields)


def _settle(
    entries: QuerySet[OutboxEntry], entry: OutboxEntry, state: OutboxEntry.State, **fields: object
) -> bool:
    values = {"reason": "", "detail": "", **fields, "state": state}
    values["detail"] = str(values["detail"])[:300]
    if entries.filter(pk=entry.pk).update(**values) != 1:
        return False
    for name, value in values.items():
        setattr(entry, name, value)
    return True


# ── what became known ───────────────────────────────────────────────────────────────────────────────────


class PersonGone(Exception):
    """The person's data were erased, or the account was switched off: nothing more is kept for it."""


def hold_person(user_id: int | str) -> bool:
    """Whether the person is here, and keeps it so to the end of the transaction.

    A call that was under way while somebody was erased must not bring anything back.
    """
    rows = get_user_model()._default_manager.select_for_update(no_key=True)
    return rows.filter(pk=user_id, is_active=True).values_list("pk").first() is not None


def import_case(
    *,
    owner: AbstractBaseUser,
    subject: str,
    facts: CaseFacts,
    created_at: datetime,
    now: datetime,
    mode: Case.Mode = Case.Mode.MAIL,
    history_until: datetime | None = None,
) -> Case:
    """A case of this person that was opened somewhere else. Its messages follow by reading it.

    What was written before `history_until` counts as read. Belongs into a transaction. Raises `PersonGone`.
    """
    if not hold_person(owner.pk):
        raise PersonGone
    is_closed = facts.status == Case.Status.CLOSED
    case = Case.objects.create(
        owner_id=owner.pk,
        subject=subject[:255],
        number=facts.number,
        mode=mode,
        status=facts.status,
        availability=facts.availability,
        rating=facts.rating,
        rating_comment=facts.rating_comment,
        rated_at=now if facts.rating else None,
        closed_at=(facts.closed_at or now) if is_closed else None,
        closings=[closings.Change(closed=True, by="", at=facts.closed_at).stored()] if is_closed else None,
        created_at=created_at,
        last_activity_at=created_at,
        changed_at=now,
    )
    if history_until is not None:
        reading_marks.begin_history(case, until=history_until)
    return case


def absorb_case(twin: Case, *, into: Case, now: datetime) -> list[Message]:
    """Moves what a customer wrote in an imported twin to the case it really is. Returns those messages.

    What the desk said stays behind with the twin, which the caller deletes: it is read again.
    """
    with transaction.atomic():
        target, source = thread.lock(into.pk), thread.lock(twin.pk)
        moved = list(Message.objects.filter(case=source, origin=Message.Origin.CABINET))
        for message in moved:
            message.case, message.position = target, thread.take_position(target)
            message.save(update_fields=["case", "position"])
        for entry in OutboxEntry.objects.filter(case=source).order_by("number"):
            entry.case, entry.number = target, target.next_entry_number
            target.next_entry_number += 1
            entry.save(update_fields=["case", "number"])
        thread.store(target, now)
    return moved


def set_facts(case_id: uuid.UUID, facts: CaseFacts, *, merged_into: Case | None, now: datetime) -> None:
    """Takes over number, subject, status, availability and rating.

    A close or reopen of ours on its way keeps our status, a rating of ours on its way our rating. A reply on
    its way does not: what the desk does with the status when it comes, the next reading tells.
    """
    with transaction.atomic():
        case = thread.lock(case_id)
        entries = OutboxEntry.objects.filter(case=case, state__in=OPEN_STATES)
        pending = set(entries.values_list("kind", flat=True))
        status = Case.Status(case.status) if pending & set(STATUS_KINDS) else facts.status
        named = (facts.number or case.number, facts.subject[:255] or case.subject)
        wanted = (*named, status, facts.availability, merged_into)
        dated = status == Case.Status.CLOSED and _take_over_closing(case, facts)
        rated = Kind.RATE not in pending and _take_over_rating(case, facts, now)
        known = (case.number, case.subject, case.status, case.availability, case.merged_into)
        if known == wanted and not (rated or dated):
            return
        case.number, case.subject, case.status, case.availability, case.merged_into = wanted
        thread.store(case, now)


def _take_over_closing(case: Case, facts: CaseFacts) -> bool:
    """Since when the desk has it closed. Only days count, so a few seconds make no difference."""
    said, known = facts.closed_at, case.closed_at
    if said is None or (known is not None and abs(said - known) < timedelta(days=1)):
        return False
    case.closed_at = said
    return True


def _take_over_rating(case: Case, facts: CaseFacts, now: datetime) -> bool:
    """A rating given by mail or over there counts here too. True if it changed anything."""
    said = (facts.rating, facts.rating_comment)
    if not facts.rating or (case.rating, case.rating_comment) == said:
        return False
    case.rating, case.rating_comment = said
    case.rated_at = case.rated_at or now
    return True


def reopen_after(message: Message, *, now: datetime) -> None:
    """The desk has left a case closed in which the customer wrote: a reopening is queued, once a message.

    Not if a close or reopen of ours was queued after the message: then that one counts. A chat is
    opened too: the desk has taken the words, and nobody over there would see them in a closed one.
    """
    with transaction.atomic():
        case = thread.lock(message.case_id)
        entries = OutboxEntry.objects.filter(case=case)
        own = entries.filter(message=message).order_by("-number").values_list("number", flat=True).first()
        if own is None or entries.filter(number__gt=own, kind__in=STATUS_KINDS).exists():
            return
        thread.queue(case, Kind.ENSURE_OPEN, now=now)
        case.status = Case.Status.OPEN
        thread.store(case, now)


def reopen_new(case_id: uuid.UUID, *, now: datetime) -> None:
    """The desk has made a new case the customer's turn, though nobody has answered: it is put right."""
    with transaction.atomic():
        case = thread.lock(case_id)
        if not OutboxEntry.objects.filter(case=case, kind__in=STATUS_KINDS).exists():
            thread.queue(case, Kind.REOPEN, now=now)
            thread.store(case, now)


def record_message(
    case_id: uuid.UUID, incoming: IncomingMessage, *, now: datetime
) -> tuple[Message, list[CaseFile]]:
    """Adds a public message at the end of the thread, with its files still to be fetched."""
    with transaction.atomic():
        case = thread.lock(case_id)
        named = _named(incoming.files)
        body = body_of(incoming, named)
        message = Message.objects.create(
            case=case,
            position=thread.take_position(case),
            author=incoming.author,
            author_user_id=_said_by(incoming, case),
            author_name=incoming.author_name[:200],
            origin=Message.Origin.DESK,
            text=body.text,
            quoted_text=body.quoted_text,
            html=body.html,
            written_at=incoming.written_at,
        )
        files = _add_files(message, named, now)
        reading_marks.pass_history(message, case=case)
        case.last_activity_at = max(case.last_activity_at, incoming.written_at)
        thread.store(case, now)
        notices.want(message, case=case, now=now)
    return message, files


def rewrite_message(
    message: Message,
    incoming: IncomingMessage,
    *,
    fresh: Sequence[IncomingFile] = (),
    kept: Sequence[tuple[CaseFile, IncomingFile]] = (),
    gone: Sequence[CaseFile] = (),
    now: datetime,
) -> list[CaseFile]:
    """The desk's people changed a message: body, author and files follow. Returns the added files.

    `kept` are files that are here already, with what the desk says of them now.
    """
    with transaction.atomic():
        case = thread.lock(message.case_id)
        named = _named(fresh)
        body = body_of(incoming, [*named, *((file.pk, said) for file, said in kept)])
        message.text, message.quoted_text, message.html = body.text, body.quoted_text, body.html
        message.edited_at = now
        message.withdrawn_at = None
        if message.origin == Message.Origin.DESK and message.author != incoming.author:
            _sign(message, incoming, case)
        message.save(
            update_fields=[
                "text",
                "quoted_text",
                "html",
                "edited_at",
                "withdrawn_at",
                "author",
                "author_user",
                "author_name",
            ]
        )
        for file in gone:
            _erase(file)
        files = _add_files(message, named, now)
        thread.store(case, now)
    return files


def _sign(message: Message, incoming: IncomingMessage, case: Case) -> None:
    """Whose words they are over there; what was written here keeps its author."""
    message.author = incoming.author
    message.author_user_id = _said_by(incoming, case)
    message.author_name = incoming.author_name[:200]


def _said_by(incoming: IncomingMessage, case: Case) -> int | None:
    """The id of the person here whose words they are; None for staff's and for another customer's."""
    by_owner = incoming.author == Message.Author.CUSTOMER and incoming.by_owner
    return case.owner_id if by_owner else None


def withdraw_message(message: Message, *, now: datetime) -> None:
    """The message is gone over there: its place stays, its words and files are erased here."""
    with transaction.atomic():
        case = thread.lock(message.case_id)
        message.text = message.quoted_text = message.html = ""
        message.withdrawn_at = now
        message.save(update_fields=["text", "quoted_text", "html", "withdrawn_at"])
        for file in message.files.all():
            _erase(file)
        thread.store(case, now)


def file_coming(file: CaseFile, *, blob_name: str) -> bool:
    """The bytes are about to be stored under this name. False if the file is gone: nobody wants them then."""
    return CaseFile.objects.filter(pk=file.pk).update(blob=blob_name) == 1


def file_arrived(file: CaseFile, *, content_type: str, size: int, blob_name: str, now: datetime) -> bool:
    """The bytes are stored under `blob_name`; the file can be opened. False if the file is gone meanwhile."""
    return _file(
        file, now, state=CaseFile.State.READY, content_type=content_type[:120], size=size, blob=blob_name
    )


def file_unavailable(file: CaseFile, *, now: datetime) -> None:
    """The file could not be fetched and will not be tried again by itself."""
    _file(file, now, state=CaseFile.State.UNAVAILABLE)


def _file(file: CaseFile, now: datetime, **fields: object) -> bool:
    with transaction.atomic():
        case_id = CaseFile.objects.filter(pk=file.pk).values_list("message__case_id", flat=True).first()
        if case_id is None:
            return False
        try:
            case = thread.lock(case_id)
        except Case.DoesNotExist:
            # Erased in this very moment.
            return False
        changed = CaseFile.objects.filter(pk=file.pk).update(**fields)
        thread.store(case, now)
    return changed == 1


def _erase(file: CaseFile) -> None:
    """Deletes the row now and the bytes once that is committed."""
    file.delete()
    delete_after_commit(file.blob)


def _named(files: Sequence[IncomingFile]) -> list[Named]:
    """The ids come first, because the body names the files that it shows."""
    return [(uuid.uuid4(), file) for file in files]


def _add_files(message: Message, files: Sequence[Named], now: datetime) -> list[CaseFile]:
    start = message.files.count()
    return [
        CaseFile.objects.create(
            id=identifier,
            message=message,
            position=position,
            name=filetypes.safe_name(file.name),
            size=file.size,
            content_type=file.content_type[:120],
            state=CaseFile.State.FETCHING,
            created_at=now,
        )
        for position, (identifier, file) in enumerate(files, start)
    ]


def body_of(incoming: IncomingMessage, files: Sequence[Named] = ()) -> Body:
    """What is stored and shown of a message of the desk, its pictures taken from these files."""
    if incoming.html.strip():
        images = {address: str(identifier) for identifier, file in files for address in file.addresses}
        return body_from_html(incoming.html, quote_classes=incoming.quote_classes, images=images)
    return body_from_text(incoming.text)
