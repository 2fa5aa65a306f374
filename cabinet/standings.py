"""How a case stands, in words: label, sentence, whose turn and looks, always out of one and the same row.

The words are in `cabinet.wording`; admins may say them differently (`StatusText`). A row is read together
with the case it is said of, in the same query: it is never older than the page and costs nothing more. What
comes without it asks once.
"""

from dataclasses import dataclass

from django.db.models import Case as Choose
from django.db.models import CharField, F, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import JSONObject

from cabinet import languages, wording
from cabinet.models import Case, StatusText, Turn

TEXTS = ("label_ru", "label_en", "sentence_ru", "sentence_en", "turn")
LOOKS = {"open": "open", "unknown": "open", "waiting": "turn", "closed": "closed"}


@dataclass(frozen=True, slots=True)
class Standing:
    """`kind` is a word for the looks: "turn", the only one with the accent, "open", "closed" or "gone"."""

    key: str
    kind: str
    label: str
    sentence: str
    turn: Turn

    @property
    def whose_turn(self) -> str:
        return str(self.turn.label)


def with_texts(cases: QuerySet[Case]) -> QuerySet[Case]:
    """Each case brings what admins say of how it stands."""
    known = [status for status in Case.Status.values if status in wording.STANDINGS]
    key = Choose(
        When(~Q(availability=Case.Availability.NORMAL), then=F("availability")),
        When(status__in=known, then=F("status")),
        default=Value("unknown"),
        output_field=CharField(),
    )
    return cases.annotate(standing_key=key).annotate(
        standing_texts=Subquery(_texts(OuterRef("standing_key")))
    )


def standing(case: Case) -> Standing:
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
