"""How far people have read: one mark a person and case, and what follows from it.

New to a person is every message after his mark that he did not write himself and that was not withdrawn.
Marks only move forwards. Moving one changes nothing of the case, so no open page fetches itself anew for it;
the number of cases with something new stands in every page's mark (see `cabinet.live`), which is how the
badges of his other tabs drop.
"""

from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import connection
from django.db.models import (
    BooleanField,
    Count,
    Exists,
    ExpressionWrapper,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from cabinet.models import Case, Message, ReadMark

FORWARDS = """
    INSERT INTO cabinet_readmark (user_id, case_id, position, seen_at) VALUES (%s, %s, %s, %s)
    ON CONFLICT (user_id, case_id) DO UPDATE SET seen_at = excluded.seen_at, position =
        CASE WHEN excluded.position > cabinet_readmark.position THEN excluded.position
        ELSE cabinet_readmark.position END
"""


def mark_read(*, user: AbstractBaseUser, case: Case, position: int, now: datetime) -> None:
    """The person has the case before him, up to the message at this position.

    One statement, the same on both databases: of two tabs that read at once the one that got further wins.
    """
    fields = {field.name: field for field in ReadMark._meta.concrete_fields}
    values = {"user": user.pk, "case": case.pk, "position": position, "seen_at": now}
    with connection.cursor() as cursor:
        cursor.execute(
            FORWARDS,
            [fields[name].get_db_prep_save(value, connection) for name, value in values.items()],
        )


def begin_history(case: Case, *, until: datetime) -> None:
    """An older case was taken over: what was said before `until`, its owner has read elsewhere."""
    ReadMark.objects.create(user_id=case.owner_id, case=case, history_until=until)


def pass_history(message: Message, *, case: Case) -> None:
    """Moves the owner's mark over a message that just became known and is history (see `begin_history`).

    Only while everything before it is read: what came after the history is new, in whatever order it comes.
    """
    ReadMark.objects.filter(
        user_id=case.owner_id,
        case=case,
        history_until__gt=message.written_at,
        position=message.position - 1,
    ).update(position=message.position)


# ── what is new to whom ─────────────────────────────────────────────────────────────────────────────────


def read_position(user_id: Any, case: str = "pk") -> Combinable:
    """For a query of cases, or of rows with one: up to where this person has read it, 0 if he never did."""
    mark = ReadMark.objects.filter(user_id=user_id, case=OuterRef(case))
    return Coalesce(Subquery(mark.values("position")[:1]), 0, output_field=IntegerField())


def new_messages(user_id: Any, case: str = "pk") -> QuerySet[Message]:
    """For a query of cases that knows `read_position`: the messages of each that are new to this person."""
    after = Message.objects.filter(
        case=OuterRef(case), position__gt=OuterRef("read_position"), withdrawn_at=None
    )
    return after.exclude(author_user_id=user_id).order_by()


def how_many_new(user_id: Any, case: str = "pk") -> Combinable:
    """For the same: how many they are."""
    counted = new_messages(user_id, case).values("case").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())


def knowing_news(cases: QuerySet[Case], user_id: Any) -> QuerySet[Case]:
    """The cases, each with `has_news`: whether something in it is new to this person."""
    # First what stands in the row itself: most cases are read to their end, and need no look at a message.
    unfinished = Q(next_position__gt=F("read_position") + 1)
    return cases.annotate(read_position=read_position(user_id)).annotate(
        has_news=ExpressionWrapper(unfinished & Q(Exists(new_messages(user_id))), output_field=BooleanField())
    )


def count_cases_with_news(user: AbstractBaseUser | AnonymousUser) -> int:
    """How many of the person's cases hold something new to him."""
    if not user.is_authenticated:
        return 0
    return knowing_news(Case.objects.filter(owner_id=user.pk), user.pk).filter(Q(has_news=True)).count()


def unread_of(person_id: Any) -> Combinable:
    """For a query of people that finds this one: the number of his cases with something new."""
    cases = knowing_news(Case.objects.filter(owner_id=person_id), person_id).order_by()
    counted = cases.filter(Q(has_news=True)).values("owner").annotate(count=Count("pk")).values("count")
    return Coalesce(Subquery(counted), 0, output_field=IntegerField())
