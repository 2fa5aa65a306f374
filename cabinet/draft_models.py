"""What was typed and not sent yet: drafts, and forms whose person had to sign in first."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

WORDS = frozenset({"subject", "text"})
MECHANICS = frozenset(
    {"choose", "close", "csrfmiddlewaretoken", "fields_of", "file", "files", "remove", "revision"}
    | {"case", "step", "submission", "swap", "uploaded"}
)
"""Names in the forms that are not what somebody typed. No field of a topic can have one of them."""


class Draft(models.Model):
    """What one person has typed and attached on one page: a case's, the chat's, or the form's for a new case
    (both without a case).

    `extra` holds whatever other fields the form had, by name. `aside` is what another device had typed when
    both had changed the same draft (subject, text, extra): neither of the two is thrown away.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="drafts", verbose_name=_("person")
    )
    case = models.ForeignKey(
        "cabinet.Case", models.CASCADE, null=True, blank=True, related_name="drafts", verbose_name=_("case")
    )
    chat = models.BooleanField(_("chat"), default=False, db_default=False)
    subject = models.TextField(_("subject"), blank=True)
    text = models.TextField(_("text"), blank=True)
    extra = models.JSONField(default=dict)
    aside = models.JSONField(default=dict)
    # Milliseconds: a draft begun after one that was sent is never taken for that one.
    revision = models.PositiveBigIntegerField()
    # The page that saved last, by the key of its form, and which of its savings that was.
    page = models.CharField(max_length=40, blank=True)
    step = models.PositiveIntegerField(default=0)
    updated_at = models.DateTimeField(_("changed"), db_index=True)

    class Meta:
        verbose_name = _("draft")
        verbose_name_plural = _("drafts")
        constraints = [
            models.UniqueConstraint(fields=["user", "case"], name="one_draft_per_case"),
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(case=None, chat=False),
                name="one_draft_of_a_new_case_per_person",
            ),
            models.UniqueConstraint(
                fields=["user"], condition=Q(chat=True), name="one_draft_of_the_chat_per_person"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.case_id or ('chat' if self.chat else 'new')}"


class UnsentForm(models.Model):
    """A form that arrived when its person's session had ended; see `cabinet.interrupted`.

    It is nobody's draft until that person signs in in the same browser. Its `files` have no owner meanwhile.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="+")
    case = models.ForeignKey("cabinet.Case", models.CASCADE, null=True, related_name="+")
    chat = models.BooleanField(default=False, db_default=False)
    subject = models.TextField(blank=True)
    text = models.TextField(blank=True)
    extra = models.JSONField(default=dict)
    files = models.JSONField(default=list)
    staged = models.JSONField(default=list)
    revision = models.PositiveBigIntegerField(default=0)
    created_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("unsent form")
        verbose_name_plural = _("unsent forms")

    def __str__(self) -> str:
        return str(self.id)
