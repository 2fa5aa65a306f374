"""Questions to the cabinet's tables. Access is a queryset: what is not in it does not exist for the asker."""

import uuid
from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Case as Choice
from django.db.models import (
    Count,
    Expression,
    IntegerField,
    Max,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Left

from cabinet import answer_times, following, rating, reading_marks, standings
from cabinet.models import Case, CaseFile, Message
from cabinet.search.lookup import says
from cabinet.search.words import Search

PREVIEW_LENGTH = 200
TABS = {
    "all": Q(),
    "turn": Q(status=Case.Status.WAITING, availability=Case.Availability.NORMAL),
    "open": ~Q(status=Case.Status.CLOSED) & Q(availability=Case.Availability.NORMAL),
    "closed": Q(status=Case.Status.CLOSED) | ~Q(availability=Case.Availability.NORMAL),
}
"""The tabs of the list. "turn" is a part of "open"; what can no longer be written in counts as closed."""


def cases_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Case]:
    """Every case the person may see."""
    if not user.is_authenticated:
        return Case.objects.none()
    return Case.objects.filter(owner_id=user.pk)


def case_pages(user: AbstractBaseUser | AnonymousUser) -> QuerySet[Case]:
    """The person's cases with all that a page of one shows besides its thread, in one query."""
    cases = cases_of(user).select_related("merged_into", "topic")
    cases = answer_times.with_answer_times(standings.with_texts(rating.with_answered(cases)))
    return following.with_follow_ups(cases)


class Overview(NamedTuple):
    """Of a person's cases: how many stand under each tab, while searching of those found; how many there are
    in all, in how many is news, when one last changed."""

    counts: dict[str, int]
    total: int
    unread: int
    changed: datetime | None


def overview(user: AbstractBaseUser, search: Search | None = None) -> Overview:
    """Of everything the person may see, in one query."""
    under = {f"in_{tab}": _whether(condition) for tab, condition in TABS.items()}
    # By what tabs have in common, so that the index is asked once and not once a tab.
    rows = list(
        reading_marks.knowing_news(cases_of(user), user.pk)
        .order_by()
        .annotate(**under)
        .values(*under)
        .annotate(
            total=Count("pk"),
            found=Count("pk", filter=Q() if search is None else says(search, user)),
            unread=Count("pk", filter=Q(has_news=True)),
            changed=Max("changed_at"),
        )
    )
    counts = {tab: sum(row["found"] for row in rows if row[f"in_{tab}"]) for tab in TABS}
    total, unread = (sum(row[name] for row in rows) for name in ("total", "unread"))
    return Overview(counts, total, unread, max((row["changed"] for row in rows), default=None))


def _whether(condition: Q) -> Expression:
    """1 or 0. "all" asks nothing."""
    if not condition:
        return Value(1)
    return Choice(When(condition, then=Value(1)), default=Value(0), output_field=IntegerField())


ORDERS = {"": "-last_activity_at", "newest": "-created_at", "oldest": "created_at"}
"""What the list may be ordered by; without a word the latest activity comes first."""


def cases_under(user: AbstractBaseUser, tab: str, order: str = "") -> QuerySet[Case]:
    """The cases of a tab in one of `ORDERS`."""
    return (
        standings.with_texts(cases_of(user)).filter(TABS[tab]).order_by(ORDERS[order], "pk").defer("folded")
    )


class Preview(NamedTuple):
    """The beginning of a case's last message, and how many of its messages are new to the reader."""

    author: str
    author_name: str
    author_user_id: object
    state: str
    text: str
    new: int


def previews(cases: Iterable[Case], reader: AbstractBaseUser) -> dict[uuid.UUID, Preview]:
    """How the last messages of these cases begin; empty text where only a file was sent."""
    # For the few cases of one page: in the list's own query it would be worked out for all those before them.
    said = Message.objects.filter(case__in=[case.pk for case in cases], withdrawn_at=None)
    last = Message.objects.filter(case=OuterRef("case"), withdrawn_at=None).order_by("-position").values("pk")
    rows = (
        said.filter(pk=Subquery(last[:1]))
        .order_by()
        .annotate(read_position=reading_marks.read_position(reader.pk, "case"))
        .annotate(new=reading_marks.how_many_new(reader.pk, "case"))
    )
    columns = ("author", "author_name", "author_user_id", "state", Left("text", PREVIEW_LENGTH), "new")
    return {case_id: Preview(*rest) for case_id, *rest in rows.values_list("case_id", *columns)}


def thread_of(case: Case) -> QuerySet[Message]:
    """The messages of a case with their files, oldest first."""
    return case.messages.defer("folded", "quoted_text").select_related("staff_face").prefetch_related("files")


def files_of(user: AbstractBaseUser | AnonymousUser) -> QuerySet[CaseFile]:
    """Every file of a case the person may see."""
    return CaseFile.objects.filter(message__case__in=cases_of(user))


def address_of(user: AbstractBaseUser) -> str:
    """The proved address under which the person is known at the desk, "" if there is none."""
    rows = EmailAddress.objects.filter(user_id=user.pk, verified=True).order_by("-primary", "pk")
    first = rows.values_list("email", flat=True).first()
    return str(first or "")


def person_by_address(address: str) -> AbstractBaseUser | None:
    """The active person who has proved this address, None if nobody has."""
    row = (
        EmailAddress.objects.filter(email__iexact=address, verified=True, user__is_active=True)
        .order_by("pk")
        .select_related("user")
        .first()
    )
    return row.user if row else None


def person(user_id: int | str) -> AbstractBaseUser | None:
    """The active person with this primary key."""
    found = get_user_model().objects.filter(pk=user_id, is_active=True).first()
    return found if isinstance(found, AbstractBaseUser) else None


def name_of(user: AbstractBaseUser) -> str:
    """The name to show and to tell the desk: the full name if the user class has one, else the address."""
    return full_name_of(user) or address_of(user) or str(user)


def full_name_of(user: AbstractBaseUser) -> str:
    """The full name if the user class has one, "" otherwise."""
    get_full_name = getattr(user, "get_full_name", None)
    return str(get_full_name() if callable(get_full_name) else "").strip()
