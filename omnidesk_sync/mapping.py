"""Between the vendor's values and the cabinet's."""

import hashlib
import json
from datetime import datetime

from cabinet.bodies import plain_text
from cabinet.desk import CaseFacts
from cabinet.models import Case, Message
from cabinet.types import IncomingFile, IncomingMessage
from omnidesk_sync.pictures import in_place
from omnidesk_sync.policy import Words
from omnidesk_sync.types import DeskCase, DeskMessage

QUOTE_CLASSES = ("omni_orig_reply",)
"""By these classes Omnidesk marks the quoted original of a mail answer [seen in code]."""

_STATUSES = {"open": Case.Status.OPEN, "waiting": Case.Status.WAITING, "closed": Case.Status.CLOSED}


def facts(case: DeskCase) -> CaseFacts:
    """Number, subject, status, availability and rating. A status nobody has described is one of its own.

    A case in a custom channel keeps the subject it has here: over there it may stand under another name.
    """
    rating = case.rating if case.rating in Case.Rating else ""
    return CaseFacts(
        number=case.case_number[:40],
        subject="" if case.channel.startswith("cch") else case.subject.strip(),
        status=_STATUSES.get(case.status, Case.Status.UNKNOWN if case.status else Case.Status.OPEN),
        availability=_availability(case),
        closed_at=case.closed_at,
        rating=rating,
        rating_comment=case.rating_comment if rating else "",
    )


def _availability(case: DeskCase) -> Case.Availability:
    if case.parent_case_id:
        return Case.Availability.MERGED
    if case.spam:
        return Case.Availability.SPAM
    if case.deleted:
        return Case.Availability.DELETED
    return Case.Availability.NORMAL


def incoming(message: DeskMessage, *, fallback_time: datetime) -> IncomingMessage:
    """A public message for the cabinet; `fallback_time` where the desk gave none that could be read."""
    return IncomingMessage(
        author=Message.Author.CUSTOMER if message.user_id > 0 else Message.Author.STAFF,
        author_name=message.full_name,
        html=message.content_html,
        text=message.content,
        written_at=message.sent_at or message.created_at or fallback_time,
        quote_classes=QUOTE_CLASSES,
        files=incoming_files(message),
    )


def incoming_files(message: DeskMessage) -> tuple[IncomingFile, ...]:
    """The files of a message, in the order of its attachments."""
    shown = in_place(message.content_html, message.attachments)
    return tuple(
        IncomingFile(file.file_name, file.file_size, file.mime_type, shown.get(file.file_id, ()))
        for file in message.attachments
    )


def theirs(message: DeskMessage) -> Words:
    """What a message over there says, for comparing with what we sent."""
    text = plain_text(message.content_html) if message.content_html.strip() else message.content
    return Words(text, tuple(file.file_size for file in message.attachments))


def ours(message: Message) -> Words:
    """What we sent."""
    return Words(message.text, tuple(message.files.values_list("size", flat=True)))


def desk_hash(message: DeskMessage) -> str:
    """Changes when the desk's version of a message changes; says nothing about the words."""
    files = sorted((file.file_id, file.file_name, file.file_size) for file in message.attachments)
    parts = json.dumps([message.content, message.content_html, files])
    return hashlib.sha256(parts.encode("utf-8", "surrogatepass")).hexdigest()
