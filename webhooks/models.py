"""What arrived at the webhook doors: allow-listed fields only, never a text, an address or a secret."""

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class InboxEntry(models.Model):
    """One accepted request. It is only a hint; what it hints at comes from reading the case.

    `case_id` and `message_id` are the desk's own numbers, as the sender wrote them.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        DONE = "done", _("done")
        IGNORED = "ignored", _("nothing to do")
        GIVEN_UP = "given_up", _("given up")

    received_at = models.DateTimeField(_("received"))
    event = models.CharField(_("event"), max_length=40, blank=True)
    case_id = models.BigIntegerField(_("case in Omnidesk"), null=True, blank=True)
    message_id = models.BigIntegerField(_("message in Omnidesk"), null=True, blank=True)
    note = models.BooleanField(_("internal note"), null=True, blank=True)
    size = models.PositiveIntegerField(_("size in bytes"))
    sha256 = models.CharField(_("SHA-256 of the body"), max_length=64)
    keys = models.CharField(_("names of the keys"), max_length=300, blank=True)
    parse_error = models.CharField(_("reading error"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    reason = models.CharField(_("reason"), max_length=300, blank=True)
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("inbox entry")
        verbose_name_plural = _("inbox")
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["due_at"], name="inbox_due", condition=Q(state="waiting")),
            models.Index(fields=["settled_at"], name="inbox_settled"),
        ]

    def __str__(self) -> str:
        return f"{self.event or '?'} {self.case_id or ''}".strip()
