"""When a case may be rated: once it is closed, if support has answered; for some days that can be changed."""

import enum
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef, QuerySet

from cabinet.models import Case, Message

CHANGE_FOR = timedelta(days=7)
"""How long a rating may be changed, counted from the first one."""

MAX_COMMENT = 2000


class Asking(enum.Enum):
    """What the page says about the rating."""

    NOTHING = "nothing"
    ASK = "ask"
    CHANGEABLE = "changeable"
    GIVEN = "given"


def with_answered(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Each case knows `staff_answered`: whether anything that support said can be read in it."""
    return cases.annotate(staff_answered=Exists(_answers().filter(case=OuterRef("pk"))))


def staff_answered(case: Case) -> bool:
    known = getattr(case, "staff_answered", None)
    return _answers().filter(case=case).exists() if known is None else bool(known)


def _answers() -> QuerySet[Message]:
    return Message.objects.filter(author=Message.Author.STAFF, withdrawn_at=None)


def asking(case: Case, *, now: datetime) -> Asking:
    """A case that is open again, or away, asks nothing and shows nothing. A chat that has ended does ask."""
    is_here = case.availability == Case.Availability.NORMAL
    if case.status != Case.Status.CLOSED or not is_here or not staff_answered(case):
        return Asking.NOTHING
    if not case.rating:
        return Asking.ASK
    changeable = case.rated_at is None or now - case.rated_at <= CHANGE_FOR
    return Asking.CHANGEABLE if changeable else Asking.GIVEN


def may_rate(case: Case, *, now: datetime) -> bool:
    return asking(case, now=now) in (Asking.ASK, Asking.CHANGEABLE)
