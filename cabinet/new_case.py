"""The form for a new case as people meet it: topic, subject, text, the topic's own fields, files.

Every value may come by the address (`/cases/new/?topic=…&subject=…`), so that a link can begin a case;
nothing is sent by that. Changing the topic asks for the form once more with everything typed; without
JavaScript by a button of its own, `choose`, and that is never an error.
"""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.http import HttpRequest, QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinet import following, topics
from cabinet.draft_models import Draft
from cabinet.forms import CaseForm
from cabinet.models import MAX_SUBJECT, Case, TopicField
from cabinet.selectors import cases_of
from cabinet.types import Answer

SWITCH = {
    "hx-trigger": "change",
    "hx-target": "#topic-fields",
    "hx-select": "#topic-fields",
    "hx-swap": "outerHTML",
    "hx-sync": "closest form:replace",
    "hx-select-oob": "#id_subject_hint",
    "hx-params": "not files,text",
    "hx-vals": '{"choose": "1"}',
}
"""What makes a field ask for the topic's fields anew. Long text and files need not travel for that."""


@dataclass(frozen=True, slots=True)
class Question:
    """A field of the topic as the page shows it."""

    bound: forms.BoundField
    required: bool
    is_asked: bool
    condition: str
    is_checkbox: bool


class NewCaseForm(CaseForm):
    """A new case with its topic. `answers` is valid after `is_valid`."""

    topic = forms.ChoiceField(
        label=gettext_lazy("What is it about?"),
        required=False,
        error_messages={
            "invalid_choice": gettext_lazy("This topic is no longer offered. Choose another one.")
        },
    )
    field_order = ["topic", "subject", "text", "mode"]

    def __init__(
        self,
        request: HttpRequest,
        author: AbstractBaseUser,
        draft: Draft | None = None,
        *,
        address: str = "",
    ) -> None:
        super().__init__(request, author, draft)
        self.sent: QueryDict = request.POST if request.method == "POST" else request.GET
        if self.draft is not None:
            # What the address says besides, such as which case this one follows, still counts.
            self.sent = self.typed.copy()
            self.sent.update(request.GET)
        self.only_switches = request.method == "POST" and "choose" in request.POST
        if self.only_switches:
            # Nothing is judged yet: what was typed comes back as it is.
            self.is_bound = False
        self.offered = topics.offered()
        self.follow_up = _own_case(author, self.sent.get("follow_up", ""))
        self.chosen = self.offered.get(self.sent.get("topic", ""))
        self.rows: list[TopicField] = list(self.chosen.fields.all()) if self.chosen else []
        self.asked = topics.asked(self.rows, self.sent)
        self._offer(address)

    def _offer(self, address: str) -> None:
        if not self.offered:
            del self.fields["topic"]
            return
        choice = cast("forms.ChoiceField", self.fields["topic"])
        names = [(key, topic.title) for key, topic in self.offered.items()]
        choice.choices = [("", _("Something else")), *names]
        asks_anew = SWITCH | {"hx-post": address}
        choice.widget.attrs |= asks_anew
        decisive = {row.only_if for row in self.rows}
        for row in self.rows:
            self.fields[row.key] = topics.form_field(row)
            if row.key in decisive:
                self.fields[row.key].widget.attrs |= asks_anew

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        """Before it is sent, the form says what its draft says, what it was told by the address, or what was
        typed before a switch."""
        if field_name not in self.sent or (self.draft is not None and field_name in self.typed):
            if field_name == "subject" and self.follow_up:
                return self.follow_up.subject[:MAX_SUBJECT]
            return super().get_initial_for_field(field, field_name)
        value = self.sent.get(field_name, "")
        return value if self.only_switches else _trusted(field, value)

    def clean(self) -> dict[str, Any]:
        data = super().clean()
        for row in self.rows:
            if row.key not in self.asked:
                # Hidden, or a script's: whatever stands there is nobody's answer.
                self.errors.pop(row.key, None)
                data.pop(row.key, None)
            elif (
                row.required and row.key not in self.errors and topics.answer(row, data.get(row.key)) is None
            ):
                self.add_error(row.key, topics.required_words(row))
        if self._has_not_shown_its_fields():
            self.add_error(
                None, _("This topic has a few questions of its own. Look at them below, then send.")
            )
        return data

    def _has_not_shown_its_fields(self) -> bool:
        """The topic was changed and sent at once, so nobody has seen what it asks. A form without the hidden
        name is a script's, which knows what it does."""
        shown = self.data.get("fields_of")
        return bool(self.rows) and shown is not None and shown != self.data.get("topic")

    @property
    def answers(self) -> list[Answer]:
        """What was given under the topic, in order."""
        given = (topics.answer(row, self.cleaned_data.get(row.key)) for row in self.rows)
        return [each for each in given if each is not None]

    @property
    def identity(self) -> list[str]:
        values = (
            f"{name}={self.cleaned_data.get(name)}" for name in ("topic", *(row.key for row in self.rows))
        )
        follows = [f"follow_up={self.follow_up.pk}"] if self.follow_up else []
        return [*super().identity, *follows, *(values if self.chosen else ())]

    # ── for the page ────────────────────────────────────────────────────────────────────────────────────

    @property
    def first_line(self) -> str:
        return following.first_line(self.follow_up) if self.follow_up else ""

    def questions(self) -> Iterator[Question]:
        for row in self.rows:
            yield Question(
                bound=self[row.key],
                required=row.required,
                is_asked=row.key in self.asked,
                condition=topics.condition_words(row, self.rows),
                is_checkbox=row.kind == TopicField.Kind.CHECKBOX,
            )

    def kept(self) -> list[tuple[str, str]]:
        """What was typed under another topic and is not asked under this one: it comes back with a switch."""
        here = {row.key for row in self.rows}
        elsewhere = {row.key for topic in self.offered.values() for row in topic.fields.all()} - here
        values = [(key, self.sent.get(key, "")) for key in sorted(elsewhere)]
        return [(key, value[: topics.MAX_LINES]) for key, value in values if value]


def _own_case(author: AbstractBaseUser, value: str) -> Case | None:
    """The case that this one follows; what is no case of the person's is as if nothing had been said."""
    try:
        return cases_of(author).filter(pk=uuid.UUID(value)).first()
    except ValueError:
        return None


def _trusted(field: forms.Field, value: str) -> object:
    """A value out of an address, as far as the field would take it; too long a text is cut."""
    longest = getattr(field, "max_length", None)
    try:
        cleaned = field.to_python(value)
        if isinstance(cleaned, str):
            cleaned = cleaned[:longest].rstrip() if longest else cleaned
        if cleaned not in field.empty_values:
            field.validate(cleaned)
            field.run_validators(cleaned)
        return topics.is_yes(value) if isinstance(field, forms.BooleanField) else cleaned
    except ValidationError:
        return None
