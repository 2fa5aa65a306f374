"""The part of the form for a new case that depends on its topic.

Which fields there are, which of them are asked, and what the customer gave: all of it is decided here on the
server, so that it is the same without JavaScript. Fields that are not asked are there all the same, hidden
where scripts run and named as "only if" where they do not: what was typed in them stays.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal

from django import forms
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from cabinet.forms import OneLineField, TextField
from cabinet.models import Topic, TopicField
from cabinet.topic_models import choices_of, in_language
from cabinet.types import Answer

Kind = TopicField.Kind
YES = "yes"
MAX_LINE, MAX_LINES = 200, 5000


def offered() -> dict[str, Topic]:
    """The topics people may choose, with their fields, by key."""
    topics = Topic.objects.filter(active=True).prefetch_related("fields")
    return {topic.key: topic for topic in topics}


def form_field(row: TopicField) -> forms.Field:
    """The form's field of a row.

    One with a condition is not required as such: a browser would insist on what is not asked. The form does.
    """
    field = _FIELDS[Kind(row.kind)](row)
    field.label, field.help_text = row.label, row.hint
    field.error_messages["required"] = required_words(row)
    field.required = row.required and not row.only_if
    if row.required and row.only_if:
        field.widget.attrs["aria-required"] = "true"
    return field


def required_words(row: TopicField) -> str:
    return _("Please fill in “%(label)s”.") % {"label": row.label}


def _line(row: TopicField) -> forms.Field:  # noqa: ARG001
    return OneLineField(max_length=MAX_LINE, widget=forms.TextInput(attrs={"autocomplete": "off"}))


def _lines(row: TopicField) -> forms.Field:  # noqa: ARG001
    return TextField(max_length=MAX_LINES, widget=forms.Textarea(attrs={"rows": 3}))


def _choice(row: TopicField) -> forms.Field:
    return forms.ChoiceField(choices=[("", "—"), *row.choices.items()])


def _checkbox(row: TopicField) -> forms.Field:  # noqa: ARG001
    return forms.BooleanField()


def _date(row: TopicField) -> forms.Field:  # noqa: ARG001
    widget = forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    # A browser without a calendar of its own leaves the way of writing to people.
    return forms.DateField(widget=widget, input_formats=["%Y-%m-%d", "%d.%m.%Y"])


def _number(row: TopicField) -> forms.Field:  # noqa: ARG001
    widget = forms.NumberInput(attrs={"step": "any", "inputmode": "decimal"})
    return forms.DecimalField(max_digits=20, decimal_places=6, widget=widget)


_FIELDS = {
    Kind.TEXT: _line,
    Kind.TEXTAREA: _lines,
    Kind.CHOICE: _choice,
    Kind.CHECKBOX: _checkbox,
    Kind.DATE: _date,
    Kind.NUMBER: _number,
}


# ── conditions ──────────────────────────────────────────────────────────────────────────────────────────


def asked(rows: Iterable[TopicField], data: Mapping[str, object]) -> set[str]:
    """The keys of the fields that are asked, given what is typed so far.

    A field that depends on one which is not asked is not asked either. One that depends on a field nobody
    knows always is: a mistake in the admin must not swallow a question.
    """
    known = {row.key: row for row in rows}
    return {key for key in known if _is_asked(key, known, data, ())}


def _is_asked(
    key: str, rows: Mapping[str, TopicField], data: Mapping[str, object], seen: tuple[str, ...]
) -> bool:
    row = rows[key]
    if not row.only_if or row.only_if not in rows or row.only_if in seen:
        return True
    if not _is_asked(row.only_if, rows, data, (*seen, key)):
        return False
    return _said(rows[row.only_if], data) == row.only_if_value.strip()


def _said(row: TopicField, data: Mapping[str, object]) -> str:
    value = str(data.get(row.key) or "").strip()
    if row.kind == Kind.CHECKBOX:
        return YES if is_yes(value) else "no"
    return value


def is_yes(value: str) -> bool:
    return value.strip().lower() not in ("", "0", "no", "off", "false")


def condition_words(row: TopicField, rows: Iterable[TopicField]) -> str:
    """In words, when a field is asked; "" for always."""
    other = next((other for other in rows if other.key == row.only_if), None)
    if other is None:
        return ""
    value = row.only_if_value.strip()
    if other.kind == Kind.CHECKBOX:
        said = _("yes") if value == YES else _("no")
    else:
        said = other.choices.get(value, value)
    return _("Only if “%(field)s” is “%(value)s”") % {"field": other.label, "value": said}


# ── what was given ──────────────────────────────────────────────────────────────────────────────────────


def answer(row: TopicField, value: object) -> Answer | None:
    """What is kept of a cleaned value, None for nothing. An empty checkbox is nothing."""
    text = _written(value)
    if not text:
        return None
    chosen = row.kind == Kind.CHOICE
    return Answer(
        key=row.key,
        kind=row.kind,
        value=text,
        label_ru=row.label_ru,
        label_en=row.label_en,
        choice_ru=choices_of(row.choices_ru).get(text, "") if chosen else "",
        choice_en=choices_of(row.choices_en).get(text, "") if chosen else "",
    )


def _written(value: object) -> str:
    if isinstance(value, bool):
        return YES if value else ""
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return "" if value is None else str(value)


def label_of(given: Answer) -> str:
    return in_language(given.label_ru, given.label_en)


def shown_value(given: Answer) -> str:
    """A value as people read it."""
    if given.kind == Kind.CHECKBOX:
        return _("yes")
    if given.kind == Kind.CHOICE:
        return in_language(given.choice_ru, given.choice_en) or given.value
    if given.kind == Kind.DATE:
        try:
            return date_format(date.fromisoformat(given.value), "j E Y")
        except ValueError:
            return given.value
    return given.value
