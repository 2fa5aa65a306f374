"""What admins may say differently about how cases stand, and the rules of closed cases."""

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

DEFAULT_FOLLOW_UP_DAYS = 30
_ANSWER_TIME = _(
    "A sentence for the form of a new case, an empty chat and cases that wait for you, with your hours: "
    "“We answer within four hours on working days from 9 to 18, Moscow time.”"
)


class Turn(models.TextChoices):
    """Who has to do something next."""

    CUSTOMER = "customer", _("Your turn")
    SUPPORT = "support", _("Support’s turn")
    NOBODY = "nobody", _("Nobody has to do anything")


class StatusText(models.Model):
    """What is said of a case that stands like this. What is empty is said in the cabinet's own words."""

    class Key(models.TextChoices):
        OPEN = "open", _("open")
        WAITING = "waiting", _("waiting for the customer")
        CLOSED = "closed", _("closed")
        UNKNOWN = "unknown", _("a status that nobody has described")
        MERGED = "merged", _("merged into another case")
        SPAM = "spam", _("marked as spam")
        DELETED = "deleted", _("deleted")
        ARCHIVED = "archived", _("no longer kept at the help desk")
        MOVED = "moved", _("handed to another person")

    key = models.CharField(_("how the case stands"), max_length=10, choices=Key, unique=True)
    label_ru = models.CharField(_("label in Russian"), max_length=60, blank=True)
    label_en = models.CharField(_("label in English"), max_length=60, blank=True)
    sentence_ru = models.CharField(_("sentence in Russian"), max_length=300, blank=True)
    sentence_en = models.CharField(_("sentence in English"), max_length=300, blank=True)
    turn = models.CharField(_("whose turn"), max_length=10, choices=Turn, blank=True)

    class Meta:
        verbose_name = _("status in words")
        verbose_name_plural = _("statuses in words")
        ordering = ["pk"]

    def __str__(self) -> str:
        return str(self.get_key_display())

    def clean(self) -> None:
        """The tab "your turn", its counter and the accent mean this one status, whatever it is called."""
        if self.turn and (self.turn == Turn.CUSTOMER) != (self.key == self.Key.WAITING):
            raise ValidationError(
                {"turn": _("It is the customer’s turn while the desk waits for him, and only then.")}
            )


class CaseRules(models.Model):
    """One row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    follow_up_days = models.PositiveSmallIntegerField(
        _("days until a closed case is not reopened"),
        default=DEFAULT_FOLLOW_UP_DAYS,
        help_text=_("After these a new case about the same is offered instead. 0: never."),
    )
    answer_time_ru = models.CharField(
        _("when you answer, in Russian"), max_length=300, blank=True, help_text=_ANSWER_TIME
    )
    answer_time_en = models.CharField(_("when you answer, in English"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("rules for cases")
        verbose_name_plural = _("rules for cases")

    def __str__(self) -> str:
        return str(self._meta.verbose_name)
