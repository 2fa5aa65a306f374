"""Where cases of a topic go over there, and which of the desk's fields hold what was given.

Admins edit these rows.
"""

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from cabinet.models import Topic, TopicField
from cabinet.topic_models import choices_of

desk_field = RegexValidator(r"\Acf_[0-9]{1,9}\Z", _("A field of Omnidesk is written cf_25."))
label_ids = RegexValidator(r"\A\s*[0-9]{1,18}(\s*,\s*[0-9]{1,18})*\s*\Z", _("Numbers with commas: 101, 102."))


class TopicMapping(models.Model):
    """What the desk is told of a case with this topic, besides its words."""

    class Priority(models.TextChoices):
        LOW = "low", _("low")
        NORMAL = "normal", _("normal")
        HIGH = "high", _("high")
        CRITICAL = "critical", _("critical")

    topic = models.OneToOneField(Topic, models.CASCADE, related_name="desk_mapping", verbose_name=_("topic"))
    group_id = models.PositiveBigIntegerField(
        _("id of the group"), null=True, blank=True, help_text=_("Empty: as the rules of Omnidesk decide.")
    )
    labels = models.CharField(
        _("ids of labels"), max_length=300, blank=True, validators=[label_ids], help_text="101, 102"
    )
    priority = models.CharField(_("priority"), max_length=10, choices=Priority, blank=True)

    class Meta:
        verbose_name = _("topic at Omnidesk")
        verbose_name_plural = _("topics at Omnidesk")

    def __str__(self) -> str:
        return str(self.topic)

    @property
    def label_ids(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.labels.split(",") if part.strip())


class FieldMapping(models.Model):
    """Which field of the desk holds what was given in a field of a topic."""

    mapping = models.ForeignKey(
        TopicMapping, models.CASCADE, related_name="fields", verbose_name=_("topic at Omnidesk")
    )
    field = models.OneToOneField(
        TopicField, models.CASCADE, related_name="desk_mapping", verbose_name=_("field")
    )
    desk_field = models.CharField(
        _("field of Omnidesk"), max_length=12, validators=[desk_field], help_text="cf_25"
    )
    options = models.TextField(
        _("choices"),
        blank=True,
        help_text=_("One a line: our key=key of the choice at Omnidesk. What is left out keeps its key."),
    )

    class Meta:
        verbose_name = _("field at Omnidesk")
        verbose_name_plural = _("fields at Omnidesk")
        constraints = [
            models.UniqueConstraint(fields=["mapping", "desk_field"], name="one_desk_field_per_topic")
        ]

    def __str__(self) -> str:
        return f"{self.field} → {self.desk_field}"

    def clean(self) -> None:
        if self.field_id and self.mapping_id and self.field.topic_id != self.mapping.topic_id:
            raise ValidationError({"field": _("This field belongs to another topic.")})
        if self.options and self.field_id:
            unknown = choices_of(self.options).keys() - choices_of(self.field.choices_ru).keys()
            if unknown:
                text = _("The field has no such choice: %(keys)s.") % {"keys": ", ".join(sorted(unknown))}
                raise ValidationError({"options": text})
