"""How a case stands, in words: label, sentence, whose turn and looks, always out of one and the same row.

The words are in `cabinet.wording`; admins may say them differently (`StatusText`). A row is read together
with the case it is said of, in the same query: it is never older than the page and costs nothing more. What
comes without it asks once.
"""

import uuid
from dataclasses import dataclass

from django.db.models import Case as Choose
from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import JSONObject

from cabinet import languages, wording
from cabinet.models import Case, OutboxEntry, StatusText, Turn

TEXTS = ("label_ru", "label_en", "sentence_ru", "sentence_en", "turn")
LOOKS = {"open": "open", "unknown": "open", "waiting": "turn", "closed": "closed"}


@dataclass(frozen=True, slots=True)
class Standing:
    """`kind` is a word for the looks: "turn", the only one with the accent, "open", "closed", "gone", or
    "failed" where the desk does not have the case.
    """

    key: str
    kind: str
    label: str
    sentence: str
    turn: Turn

    @property
    def whose_turn(self) -> str:
        # "Your turn" is the name of the tab of cases that wait, which this is none of.
        again = self.kind == "failed" and self.turn == Turn.CUSTOMER
        return str(wording.SEND_AGAIN if again else self.turn.label)


def with_texts(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Each case brings what admins say of how it stands."""
    known = [status for status in Case.Status.values if status in wording.STANDINGS]
    key = Choose(
        When(~Q(availability=Case.Availability.NORMAL), then=F("availability")),
        When(status__in=known, then=F("status")),
        default=Value("unknown"),
        output_field=CharField(),
    )
    # Only what has no number yet can have failed at the beginning: of the others it is not asked.
    opening = Choose(When(number="", then=Subquery(_openings(OuterRef("pk")))), output_field=CharField())
    return cases.annotate(standing_key=key, failed_opening=opening).annotate(
        standing_texts=Subquery(_texts(OuterRef("standing_key")))
    )


def undelivered(case: Case) -> str:
    """What became of an opening that has not reached the desk and is not on its way; "" for all other cases.

    Nothing follows such an opening, so nothing can be added to the case.
    """
    if case.number or case.availability:
        return ""
    if not hasattr(case, "failed_opening"):
        case.failed_opening = _openings(case.pk).first()  # type: ignore[attr-defined]
    return case.failed_opening or ""  # type: ignore[attr-defined]


def standing(case: Case) -> Standing:
    failed = undelivered(case)
    if failed and case.status != Case.Status.CLOSED:
        words = wording.UNDELIVERED[OutboxEntry.State(failed)]
        return Standing(failed, "failed", str(words.label), str(words.sentence), words.turn)
    key, texts = key_of(case), _texts_of(case)
    words = wording.STANDINGS[key]
    language = languages.spoken()
    return Standing(
        key=key,
        kind=LOOKS.get(key, "gone"),
        label=texts.get(f"label_{language}") or str(words.label),
        sentence=texts.get(f"sentence_{language}") or str(words.sentence),
        turn=Turn(texts.get("turn") or words.turn),
    )


def key_of(case: Case) -> str:
    key = case.availability or case.status
    return key if key in wording.STANDINGS else "unknown"


def _texts_of(case: Case) -> dict[str, str]:
    """What came along, unless the case stands otherwise by now."""
    key = key_of(case)
    if getattr(case, "standing_key", None) != key:
        case.standing_texts = _texts(key).first()  # type: ignore[attr-defined]
        case.standing_key = key  # type: ignore[attr-defined]
    return getattr(case, "standing_texts", None) or {}


def _texts(key: object) -> QuerySet[StatusText, dict[str, str]]:
    return StatusText.objects.filter(key=key).values_list(
        JSONObject(**{name: name for name in TEXTS}), flat=True
    )[:1]


def _openings(case_id: uuid.UUID | OuterRef) -> QuerySet[OutboxEntry, str]:
    openings = OutboxEntry.objects.filter(case=case_id, kind=OutboxEntry.Kind.OPEN_CASE)
    failed = openings.filter(state__in=list(wording.UNDELIVERED))
    return failed.order_by("number").values_list("state", flat=True)[:1]
