"""After a set number of days a closed case is not opened again: a new one about the same follows it.

The new one names the old number in the first line of its text, written here before it is kept: the customer
reads it, staff read it, and the text here stays the text over there.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import JSONObject
from django.utils.translation import gettext as _

from cabinet.models import Case, CaseRules
from cabinet.status_models import DEFAULT_FOLLOW_UP_DAYS


@dataclass(frozen=True, slots=True)
class Newer:
    """The latest case that follows another one."""

    pk: uuid.UUID
    number: str


def with_follow_ups(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Each case knows the rule and its latest follower, out of the same query."""
    rule = CaseRules.objects.filter(pk=1).values("follow_up_days")
    followers = Case.objects.filter(follow_up_of=OuterRef("pk"), owner=OuterRef("owner")).order_by(
        "-created_at"
    )
    found = followers.values(found=JSONObject(pk="pk", number="number"))[:1]
    return cases.select_related("follow_up_of").annotate(
        follow_up_days=Subquery(rule), follower=Subquery(found)
    )


def newer(case: Case) -> Newer | None:
    """Of a case out of `with_follow_ups`."""
    found = getattr(case, "follower", None)
    return Newer(uuid.UUID(str(found["pk"])), found["number"]) if found else None


def is_over(case: Case, *, now: datetime) -> bool:
    """Whether it is closed for too long to be opened again."""
    if case.status != Case.Status.CLOSED or not case.accepts_messages:
        return False
    days = _days(case)
    # An older version beside this one closes cases without saying when.
    closed_at = case.closed_at or case.last_activity_at
    return bool(days) and now - closed_at > timedelta(days=days)


def _days(case: Case) -> int:
    known = getattr(case, "follow_up_days", None)
    if not hasattr(case, "follow_up_days"):
        known = CaseRules.objects.filter(pk=1).values_list("follow_up_days", flat=True).first()
    return DEFAULT_FOLLOW_UP_DAYS if known is None else int(known)


def first_line(old: Case) -> str:
    """How the text of a follow-up begins."""
    if old.number:
        return _("Follow-up to case № %(number)s") % {"number": old.number}
    return _("Follow-up to my case “%(subject)s”") % {"subject": old.subject}
