"""Questions to the cabinet's tables. Access is a queryset: what is not in it does not exist for the asker."""

import uuid
from collections.abc import Iterable
from typing import NamedTuple

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Left

from cabinet.models import Case, CaseFile, Message
from cabinet.search.lookup import found
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


def tab_counts(user: AbstractBaseUser, search: Search | None = None) -> dict[str, int]:
    """How many cases stand under each tab, in one query; while searching, how many of those found."""
    cases = cases_of(user) if search is None else found(cases_of(user), search, user)
    counts: dict[str, int] = cases.aggregate(
        **{tab: Count("pk", filter=condition) for tab, condition in TABS.items()}
    )
    return counts


def cases_under(user: AbstractBaseUser, tab: str) -> QuerySet[Case]:
    """The cases of a tab, the latest activity first; each knows `last_message_id`."""
    last = (
        Message.objects.filter(case=OuterRef("pk"), withdrawn_at=None).order_by("-position").values("pk")[:1]
    )
    return (
        cases_of(user)
        .filter(TABS[tab])
        .annotate(last_message_id=Subquery(last))
        .order_by("-last_activity_at", "pk")
        .defer("folded")
    )


class Preview(NamedTuple):
    """The beginning of a case's last message."""

    author: str
    author_name: str
    author_user_id: object
    state: str
    text: str


def previews(cases: Iterable[Case]) -> dict[uuid.UUID, Preview]:
    """How the last messages of cases out of `cases_under` begin; empty text where only a file was sent."""
    last: list[uuid.UUID] = [case.last_message_id for case in cases if case.last_message_id]  # type: ignore[attr-defined]
    rows = Message.objects.filter(pk__in=last).values_list(
        "case_id", "author", "author_name", "author_user_id", "state", Left("text", PREVIEW_LENGTH)
    )
    return {case_id: Preview(*rest) for case_id, *rest in rows}


def thread_of(case: Case) -> QuerySet[Message]:
    """The messages of a case with their files, oldest first."""
    return case.messages.defer("folded", "quoted_text").prefetch_related("files")


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
