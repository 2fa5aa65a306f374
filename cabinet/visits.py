"""What a case's page shows to whoever has it open: which part of the thread, what is new, what becomes read.

A visit begins with the loading of a page. Everything the page fetches later says what the visit began with
(headers, set by live.js), so that the "new" line and the beginning of what is shown stay where they are. A
message becomes read when a page is loaded, or when an open page fetches it while somebody looks: a page in a
hidden tab says so.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Count, IntegerField, Min, OuterRef, Q, QuerySet, Subquery
from django.http import HttpRequest
from django.shortcuts import get_object_or_404

from cabinet import reading_marks, selectors
from cabinet.closings import Change, beside, of
from cabinet.models import Case, Message

WHOLE = 120
"""Messages up to which a thread is shown whole."""

LAST = 100
"""Of a longer one, how many of the last are shown, and the first; never fewer than are new."""

EVERYTHING = 0


@dataclass(frozen=True, slots=True)
class Visit:
    """What a request says of the visit it belongs to; `since` and `first` are None when one begins."""

    looking: bool
    since: int | None = None
    first: int | None = None

    @classmethod
    def of(cls, request: HttpRequest) -> "Visit":
        first = EVERYTHING if request.GET.get("all") else None
        if not request.headers.get("HX-Request"):
            purpose = request.headers.get("Sec-Purpose", "")
            return cls(looking=request.method == "GET" and "prefetch" not in purpose, first=first)
        told = _position(request.headers.get("X-Visit-First"))
        return cls(
            looking=request.headers.get("X-Visit-Looking") == "1",
            since=_position(request.headers.get("X-Visit-Since")),
            first=told if first is None else first,
        )


@dataclass(frozen=True, slots=True)
class Thread:
    """`first` is the position from which everything is shown; `earlier` messages stand before it unshown.

    `closings` stand before the message of their key, those under None after the last.
    """

    messages: Sequence[Message]
    since: int
    first: int
    earlier: int
    first_new: uuid.UUID | None
    newest_answer: uuid.UUID | None
    closings: Mapping[uuid.UUID | None, Sequence[Change]]


def find(user: AbstractBaseUser, case_id: uuid.UUID) -> Case:
    """The person's case with all its page needs to know before the messages, in one query, or a 404."""
    said = Message.objects.filter(case=OuterRef("pk")).order_by()
    cases = selectors.case_pages(user).defer("folded", "merged_into__folded", "follow_up_of__folded")
    cases = cases.annotate(read_position=reading_marks.read_position(user.pk))
    cases = cases.annotate(
        unread=reading_marks.unread_of(user.pk),
        message_count=_of_all(said, Count("pk")),
        first_position=_of_all(said, Min("position")),
        first_new_position=_of_all(reading_marks.new_messages(user.pk), Min("position")),
    )
    return get_object_or_404(cases, pk=case_id)


def _of_all(messages: QuerySet[Message], what: Count | Min) -> Subquery:
    return Subquery(
        messages.values("case").annotate(found=what).values("found"), output_field=IntegerField(null=True)
    )


def open_thread(*, user: AbstractBaseUser, case: Case, visit: Visit, now: datetime) -> Thread:
    """The thread of a case out of `find`. What it shows counts as read if somebody looks.

    Then `case.unread` no longer counts this case.
    """
    first = _first_shown(case, visit)
    part = Q(position__gte=first) | Q(position=_known(case, "first_position") or 0)
    messages = list(selectors.thread_of(case).filter(part if first else Q()))
    since = visit.since if visit.since is not None else (_known(case, "read_position") or 0)
    if visit.looking and messages and _known(case, "first_new_position") is not None:
        reading_marks.mark_read(user=user, case=case, position=messages[-1].position, now=now)
        case.unread -= 1  # type: ignore[attr-defined]
    earlier = max((_known(case, "message_count") or 0) - len(messages), 0) if first else 0
    return Thread(
        messages,
        since,
        first,
        earlier=earlier,
        first_new=next((m.pk for m in messages if m.position > since and _is_new(m, user)), None),
        newest_answer=next((m.pk for m in reversed(messages) if m.author == Message.Author.STAFF), None),
        closings=_closings(case, messages, gap=bool(earlier)),
    )


def _closings(
    case: Case, messages: Sequence[Message], *, gap: bool
) -> dict[uuid.UUID | None, Sequence[Change]]:
    """Not those among the messages that are left out, between the first one and the rest."""
    places = zip([*(message.pk for message in messages), None], beside(messages, of(case)), strict=True)
    return {key: changes for number, (key, changes) in enumerate(places) if not (gap and number < 2)}


def _first_shown(case: Case, visit: Visit) -> int:
    if visit.first is not None:
        return visit.first
    if (_known(case, "message_count") or 0) <= WHOLE:
        return EVERYTHING
    new = _known(case, "first_new_position")
    last = max(case.next_position - LAST, 1)
    return last if new is None else min(last, new)


def _is_new(message: Message, user: AbstractBaseUser) -> bool:
    return message.author_user_id != user.pk and message.withdrawn_at is None


def _known(case: Case, name: str) -> int | None:
    """What `find` has asked along with the case."""
    value: int | None = getattr(case, name)
    return value


def _position(value: str | None) -> int | None:
    """A position as a header tells it; None for what is none."""
    return int(value) if value and value.isascii() and value.isdigit() and len(value) < 10 else None
