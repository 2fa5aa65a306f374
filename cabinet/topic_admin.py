"""Topics for admins: what people may choose when they open a case, and what is asked then."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from cabinet.models import Topic, TopicField


class FieldSet(BaseInlineFormSet):  # type: ignore[type-arg]
    """A condition must name another field of the same topic, and a value that this one can have."""

    def clean(self) -> None:
        super().clean()
        kept = [form.cleaned_data for form in self.forms if getattr(form, "cleaned_data", None)]
        rows = {row["key"]: row for row in kept if row.get("key") and not row.get("DELETE")}
        for form in self.forms:
            values = getattr(form, "cleaned_data", None) or {}
            if values.get("only_if") and not values.get("DELETE"):
                self._check_condition(form, rows)

    def _check_condition(self, form: forms.BaseForm, rows: dict[str, Any]) -> None:
        values = form.cleaned_data
        other = rows.get(values["only_if"])
        if other is not None and not {"kind", "choices_ru"} <= other.keys():
            # That one has a mistake of its own, and is said already.
            return
        if other is None:
            form.add_error("only_if", ValidationError(_("This topic has no such field.")))
            return
        wanted = values.get("only_if_value", "").strip()
        possible = TopicField(kind=other["kind"], choices_ru=other["choices_ru"]).choices
        if other["kind"] == TopicField.Kind.CHECKBOX:
            possible = {"yes": "", "no": ""}
        if possible and wanted not in possible:
            text = _("That field has no such value. Possible: %(values)s.") % {"values": ", ".join(possible)}
            form.add_error("only_if_value", ValidationError(text))


class FieldInline(admin.StackedInline):  # type: ignore[type-arg]
    model = TopicField
    formset = FieldSet
    extra = 0
    fieldsets = [
        (None, {"fields": [("key", "kind", "required", "position"), ("label_ru", "label_en")]}),
        (
            _("More"),
            {
                "classes": ["collapse"],
                "fields": [
                    ("hint_ru", "hint_en"),
                    ("choices_ru", "choices_en"),
                    ("only_if", "only_if_value"),
                ],
            },
        ),
    ]


@admin.register(Topic)
class TopicAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """A topic with its fields. One that cases have cannot be deleted; switched off, it is offered no more."""

    list_display = ["key", "title_ru", "title_en", "position", "active", "field_count", "link"]
    list_editable = ["position", "active"]
    list_filter = ["active"]
    search_fields = ["key", "title_ru", "title_en"]
    inlines = [FieldInline]
    fieldsets = [
        (None, {"fields": ["key", ("title_ru", "title_en"), ("position", "active")]}),
        (_("Hints"), {"fields": [("hint_ru", "hint_en"), ("subject_hint_ru", "subject_hint_en")]}),
    ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Topic]:
        topics: QuerySet[Topic] = super().get_queryset(request)
        return topics.annotate(fields_there=Count("fields"))

    @admin.display(description=_("fields"))
    def field_count(self, topic: Topic) -> int:
        return int(getattr(topic, "fields_there", 0))

    @admin.display(description=_("address"))
    def link(self, topic: Topic) -> SafeString:
        return format_html("<code>/cases/new/?topic={}</code>", topic.key)
