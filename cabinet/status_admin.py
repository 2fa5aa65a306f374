"""How statuses are called, and the rules of closed cases, for admins."""

from typing import Any

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from cabinet import wording
from cabinet.models import CaseRules, StatusText


@admin.register(StatusText)
class StatusTextAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """All that can be said of how a case stands. What is left empty is said in the cabinet's own words."""

    list_display = ["__str__", "in_russian", "in_english", "whose_turn"]
    fields = [
        "key",
        ("label_ru", "label_en"),
        ("sentence_ru", "sentence_en"),
        "turn",
        "own_words_ru",
        "own_words_en",
    ]
    readonly_fields = ["own_words_ru", "own_words_en"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:  # noqa: ARG002
        return ["key", *self.readonly_fields] if obj else list(self.readonly_fields)

    def has_add_permission(self, request: HttpRequest) -> bool:
        missing = StatusText.objects.count() < len(StatusText.Key)
        return missing and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    @admin.display(description=_("label in Russian"))
    def in_russian(self, row: StatusText) -> str:
        return row.label_ru or _own(row, "ru")[0]

    @admin.display(description=_("label in English"))
    def in_english(self, row: StatusText) -> str:
        return row.label_en or _own(row, "en")[0]

    @admin.display(description=_("whose turn"))
    def whose_turn(self, row: StatusText) -> str:
        return str(row.get_turn_display() if row.turn else wording.STANDINGS[row.key].turn.label)

    @admin.display(description=_("in the cabinet’s own words, Russian"))
    def own_words_ru(self, row: StatusText) -> str:
        return ": ".join(_own(row, "ru"))

    @admin.display(description=_("in the cabinet’s own words, English"))
    def own_words_en(self, row: StatusText) -> str:
        return ": ".join(_own(row, "en"))


@admin.register(CaseRules)
class CaseRulesAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """One row; without it the defaults hold."""

    list_display = ["__str__", "follow_up_days", "answer_time_ru", "answer_time_en"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return not CaseRules.objects.exists() and super().has_add_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False


def _own(row: StatusText, language: str) -> tuple[str, ...]:
    words = wording.STANDINGS.get(row.key)
    if words is None:
        return ("—",)
    with translation.override(language):
        return str(words.label), str(words.sentence)
