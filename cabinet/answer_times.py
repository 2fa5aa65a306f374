"""When support answers, in a sentence that admins write: said where a case is opened and while one waits.

It promises what the company promises: hours and days off are the company's, and nothing here counts them.
"""

from django.db.models import QuerySet, Subquery
from django.db.models.functions import JSONObject

from cabinet import languages
from cabinet.models import Case, CaseRules

_SAID = CaseRules.objects.filter(pk=1).values_list(
    JSONObject(ru="answer_time_ru", en="answer_time_en"), flat=True
)


def with_answer_times(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Each case brings the sentence along, out of the same query."""
    return cases.annotate(answer_times=Subquery(_SAID[:1]))


def answer_time(case: Case | None = None) -> str:
    """In the reader's language; "" if the company says nothing in it."""
    known = getattr(case, "answer_times", None) if hasattr(case, "answer_times") else _SAID.first()
    return str((known or {}).get(languages.spoken(), ""))
