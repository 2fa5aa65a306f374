"""What a new case can be about, and what is asked then. Admins edit it; a case keeps what it was told."""

import re

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinet import languages
from cabinet.draft_models import MECHANICS, WORDS

MAX_KEY = 40
MAX_CHOICE = 100

RESERVED = MECHANICS | WORDS | {"email", "follow_up", "mode", "next", "q", "topic"}
"""Names of the form for a new case that are taken."""

valid_key = RegexValidator(
    r"\A[a-z][a-z0-9_]*\Z", _("Small Latin letters, digits and underscores, beginning with a letter.")
)


def in_language(ru: str, en: str) -> str:
    """The text in the reader's language, or in the other one where that is missing."""
    russian = languages.spoken() == "ru"
    return (ru or en) if russian else (en or ru)


class Topic(models.Model):
    """A kind of case. One that is not active is offered no more; the cases that have it keep it."""

    key = models.CharField(
        _("key"),
        max_length=MAX_KEY,
        unique=True,
        validators=[valid_key],
        help_text=_("Stands in addresses: /cases/new/?topic=key"),
    )
    title_ru = models.CharField(_("title in Russian"), max_length=100)
    title_en = models.CharField(_("title in English"), max_length=100, blank=True)
    hint_ru = models.CharField(_("hint in Russian"), max_length=300, blank=True)
    hint_en = models.CharField(_("hint in English"), max_length=300, blank=True)
    subject_hint_ru = models.CharField(_("example of a subject in Russian"), max_length=140, blank=True)
    subject_hint_en = models.CharField(_("example of a subject in English"), max_length=140, blank=True)
    position = models.PositiveIntegerField(_("order"), default=0)
    active = models.BooleanField(_("active"), default=True)

    class Meta:
        verbose_name = _("topic")
        verbose_name_plural = _("topics")
        ordering = ["position", "key"]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        return in_language(self.title_ru, self.title_en)

    @property
    def hint(self) -> str:
        return in_language(self.hint_ru, self.hint_en)

    @property
    def subject_hint(self) -> str:
        return in_language(self.subject_hint_ru, self.subject_hint_en)


class TopicField(models.Model):
    """One thing that is asked under a topic; with `only_if`, only if another field says so."""

    class Kind(models.TextChoices):
        TEXT = "text", _("one line")
        TEXTAREA = "textarea", _("several lines")
        CHOICE = "choice", _("one of several")
        CHECKBOX = "checkbox", _("yes or no")
        DATE = "date", _("date")
        NUMBER = "number", _("number")

    topic = models.ForeignKey(Topic, models.CASCADE, related_name="fields", verbose_name=_("topic"))
    key = models.CharField(
        _("key"),
        max_length=MAX_KEY,
        validators=[valid_key],
        help_text=_("Stands in addresses. What is typed moves along between topics under the same key."),
    )
    kind = models.CharField(_("kind"), max_length=10, choices=Kind, default=Kind.TEXT)
    label_ru = models.CharField(_("label in Russian"), max_length=100)
    label_en = models.CharField(_("label in English"), max_length=100, blank=True)
    hint_ru = models.CharField(_("hint in Russian"), max_length=300, blank=True)
    hint_en = models.CharField(_("hint in English"), max_length=300, blank=True)
    required = models.BooleanField(_("required"), default=False)
    choices_ru = models.TextField(
        _("choices in Russian"), blank=True, help_text=_("One a line: key=label. For “one of several”.")
    )
    choices_en = models.TextField(
        _("choices in English"), blank=True, help_text=_("The same keys; what is left out stays Russian.")
    )
    only_if = models.CharField(
        _("only if the field"),
        max_length=MAX_KEY,
        blank=True,
        help_text=_("The key of another field of this topic. Empty: always asked."),
    )
    only_if_value = models.CharField(
        _("has the value"),
        max_length=MAX_CHOICE,
        blank=True,
        help_text=_("The key of a choice; for “yes or no”: yes or no."),
    )
    position = models.PositiveIntegerField(_("order"), default=0)

    class Meta:
        verbose_name = _("field")
        verbose_name_plural = _("fields")
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["topic", "key"], name="one_field_per_key")]

    def __str__(self) -> str:
        return f"{self.topic.key}.{self.key}"

    @property
    def label(self) -> str:
        return in_language(self.label_ru, self.label_en)

    @property
    def hint(self) -> str:
        return in_language(self.hint_ru, self.hint_en)

    @property
    def choices(self) -> dict[str, str]:
        """The choices in the reader's language, by key."""
        ru, en = choices_of(self.choices_ru), choices_of(self.choices_en)
        return {key: in_language(label, en.get(key, "")) for key, label in ru.items()}

    def clean(self) -> None:
        if self.key in RESERVED or re.search("_(error|helptext|hint)$", self.key):
            raise ValidationError({"key": _("This key is taken by the form itself.")})
        if self.kind == self.Kind.CHOICE:
            self._clean_choices()
        if self.only_if == self.key and self.key:
            raise ValidationError({"only_if": _("A field cannot depend on itself.")})

    def _clean_choices(self) -> None:
        choices = choices_of(self.choices_ru)
        if not choices:
            raise ValidationError({"choices_ru": _("Write at least one choice.")})
        if any(len(key) > MAX_CHOICE for key in choices):
            raise ValidationError({"choices_ru": _("A key is too long.")})
        if len(choices) != len([line for line in self.choices_ru.splitlines() if line.strip()]):
            raise ValidationError({"choices_ru": _("Each key may stand there once.")})
        if choices_of(self.choices_en).keys() - choices.keys():
            raise ValidationError({"choices_en": _("These keys must be those of the Russian choices.")})


def choices_of(lines: str) -> dict[str, str]:
    """Choices written one a line as `key=label`; a line without a key is its own."""
    choices: dict[str, str] = {}
    for line in lines.splitlines():
        key, separator, label = (part.strip() for part in line.partition("="))
        if key:
            choices.setdefault(key, label if separator and label else key)
    return choices
