"""The chat: one conversation for the person, a row of cases for the desk.

A chat that the desk has closed is never opened again: what is written next begins another case, and the page
shows it below the earlier ones.
"""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from cabinet import drafts, modes, reading_marks, services
from cabinet.models import Case, CaseFile, Message, OutboxEntry, Profile, ReadMark
from cabinet.selectors import cases_of

PAGE_SIZE = 60
STEP = 30
"""The first line moves on by so many at once: not every answer takes one from whoever reads there."""
MOST_SHOWN = 3000
"""Messages of one page, however often "show earlier" was pressed; older ones stand on their cases' pages."""
SUBJECT_LENGTH = 70


def is_on() -> bool:
    """Whether this site has chats at all."""
    return Case.Mode.CHAT in modes.switched_on()


def page_of(case: Case) -> str:
    """Where this case is read and answered: a chat in the chat, as long as there is one."""
    if case.mode == Case.Mode.CHAT and is_on():
        return reverse("cabinet:chat")
    return reverse("cabinet:case", args=[case.pk])


def chats_of(user: AbstractBaseUser) -> QuerySet[Case]:
    """The person's chats, the latest first."""
    return cases_of(user).filter(mode=Case.Mode.CHAT).order_by("-created_at", "-pk").defer("folded")


def current_chat(user: AbstractBaseUser) -> Case | None:
    """The person's latest chat, open or not."""
    return chats_of(user).first()


def was_closed_by_owner(case: Case) -> bool:
    """Whether it was the customer who ended it here; otherwise the desk did, by hand or by its time limit."""
    return case.outbox.filter(kind=OutboxEntry.Kind.CLOSE).exists()


# ── saying something ────────────────────────────────────────────────────────────────────────────────────


def say(
    *,
    author: AbstractBaseUser,
    text: str,
    files: Sequence[CaseFile] = (),
    submission_key: uuid.UUID,
    seen: drafts.Seen | None = None,
) -> Message:
    """Writes into the chat that is open, or begins one. The same `submission_key` gives the same message.

    Closed while it was typed: then these words begin the next chat. The chat's draft ends with it; `seen` is
    the one that the page knew.
    """
    Profile.objects.get_or_create(user_id=author.pk)
    with transaction.atomic():
        # One after another for one person: two first words at once would begin two chats.
        Profile.objects.select_for_update().get(user_id=author.pk)
        message = said_before(author, submission_key) or _say(author, text, files, submission_key)
        now = timezone.now()
        drafts.sent(user_id=author.pk, place=drafts.CHAT, subject="", text=text, seen=seen, now=now)
        return message


def _say(author: AbstractBaseUser, text: str, files: Sequence[CaseFile], key: uuid.UUID) -> Message:
    case = current_chat(author)
    if case is not None and case.accepts_messages:
        # Between this look and the lock the desk may close it.
        try:
            return services.post_reply(case=case, author=author, text=text, files=files, submission_key=key)
        except services.CaseUnavailable:
            pass
    subject, mode = subject_of(text, files), Case.Mode.CHAT
    case = services.open_case(
        owner=author, subject=subject, text=text, files=files, mode=mode, submission_key=key
    )
    return case.messages.earliest("position")


def said_before(author: AbstractBaseUser, submission_key: uuid.UUID) -> Message | None:
    """The message that these words have become already, sent by a page that has not heard of it."""
    return Message.objects.filter(case__in=chats_of(author).order_by(), submission_key=submission_key).first()


def subject_of(text: str, files: Sequence[CaseFile] = ()) -> str:
    """A chat has no subject line: its first words name it, or its first file."""
    words = " ".join(text.split())
    if not words:
        return files[0].name[:SUBJECT_LENGTH] if files else _("Chat")
    if len(words) <= SUBJECT_LENGTH:
        return words
    cut = words[:SUBJECT_LENGTH].rpartition(" ")[0]
    return f"{cut}…" if cut else Truncator(words).chars(SUBJECT_LENGTH)


# ── showing it ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the conversation: a `day`, something `said`, or a chat's `end`."""

    kind: str
    case: Case
    message: Message | None = None
    when: date | None = None
    opens: bool = False
    closes: bool = False


@dataclass(frozen=True, slots=True)
class Conversation:
    """The last messages of all chats of a person, oldest first, and how many were asked for."""

    lines: list[Line]
    current: Case | None
    shown: int
    has_earlier: bool

    @property
    def shown_next(self) -> int:
        return min(self.shown + PAGE_SIZE, MOST_SHOWN)

    @property
    def is_over(self) -> bool:
        """Whether what is written next begins another chat, with something above it."""
        return self.current is not None and not self.current.accepts_messages


def conversation(user: AbstractBaseUser, *, shown: int) -> Conversation:
    """At least the last `shown` messages with their files, and what stands between them: four queries."""
    current = current_chat(user)
    rows = Message.objects.filter(case__in=chats_of(user).order_by()) if current else Message.objects.none()
    total = rows.count() if current else 0
    skipped = max(0, total - shown) // STEP * STEP
    newest = (
        rows.select_related("case", "staff_face")
        .defer("folded", "quoted_text", "case__folded")
        .prefetch_related("files")
        .order_by("-case__created_at", "-case_id", "-position")[: total - skipped]
    )
    lines = list(_lines(list(newest)[::-1], current))
    return Conversation(lines, current, shown, has_earlier=skipped > 0 and shown < MOST_SHOWN)


def news(talk: Conversation, *, user: AbstractBaseUser) -> list[Message]:
    """What of the page is new to the person, oldest first."""
    said = _said(talk)
    marks = ReadMark.objects.filter(user_id=user.pk, case__in={message.case_id for message in said})
    read_so_far = dict(marks.values_list("case_id", "position"))
    return [message for message in said if _is_news(message, user, read_so_far)]


def read(talk: Conversation, found: Sequence[Message], *, user: AbstractBaseUser, now: datetime) -> int:
    """What the page shows counts as read. Returns in how many chats something of it, its `news`, was new."""
    last = {message.case_id: message for message in _said(talk)}
    chats = {message.case_id for message in found}
    for case_id in chats:
        position = last[case_id].position
        reading_marks.mark_read(user=user, case=last[case_id].case, position=position, now=now)
    return len(chats)


def _said(talk: Conversation) -> list[Message]:
    return [line.message for line in talk.lines if line.kind == "said" and line.message]


def _is_news(message: Message, user: AbstractBaseUser, read_so_far: dict[uuid.UUID, int]) -> bool:
    if message.author_user_id == user.pk or message.withdrawn_at:
        return False
    return message.position > read_so_far.get(message.case_id, 0)


def _lines(messages: Sequence[Message], current: Case | None) -> Iterator[Line]:
    """Days, bubbles grouped by author and minute, and where one chat ended and the next began."""
    for before, message, after in _with_neighbours(messages):
        case = message.case
        began = before is None or before.case_id != message.case_id
        if began or _day(before) != _day(message):
            yield Line("day", case, message, when=_day(message))
        opens = began or before is None or not _belong(before, message)
        closes = after is None or after.case_id != message.case_id or not _belong(message, after)
        yield Line("said", case, message, opens=opens, closes=closes)
        ended = after is None or after.case_id != message.case_id
        if ended and not case.accepts_messages and (current is None or case.pk != current.pk):
            yield Line("end", case)


def _with_neighbours(
    messages: Sequence[Message],
) -> Iterable[tuple[Message | None, Message, Message | None]]:
    return zip([None, *messages[:-1]], messages, [*messages[1:], None], strict=True) if messages else ()


def _belong(one: Message, other: Message) -> bool:
    """Whether two messages, one after the other, look like one: the same author within the same minute."""
    if one.withdrawn_at or other.withdrawn_at or _minute(one) != _minute(other):
        return False
    return (one.author, one.author_user_id, one.author_name) == (
        other.author,
        other.author_user_id,
        other.author_name,
    )


def _minute(message: Message) -> datetime:
    return message.written_at.replace(second=0, microsecond=0)


def _day(message: Message | None) -> date | None:
    return timezone.localtime(message.written_at).date() if message else None
