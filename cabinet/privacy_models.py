"""Rows of a person's rights: consents, exports, erasures; and the counters that hold off floods.

`cabinet.models` imports this module, so that Django finds them.
"""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Consent(models.Model):
    """A person has agreed to one version of the policy. Written once, never changed."""

    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="consents", verbose_name=_("person")
    )
    version = models.CharField(_("version of the policy"), max_length=60)
    policy_url = models.CharField(_("address of the policy"), max_length=500)
    language = models.CharField(_("language"), max_length=8)
    given_at = models.DateTimeField(_("given"))

    class Meta:
        verbose_name = _("consent")
        verbose_name_plural = _("consents")
        ordering = ["-given_at"]
        constraints = [models.UniqueConstraint(fields=["person", "version"], name="one_consent_per_version")]

    def __str__(self) -> str:
        return f"{self.person_id} {self.version}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises `TypeError` for a row that is there already: what was agreed to is not rewritten."""
        if not self._state.adding:
            raise TypeError("A consent is never changed.")
        super().save(*args, **kwargs)


class DataExport(models.Model):
    """A person's own data, asked for and packed by a worker.

    The name of the file stands here before its bytes do, so that nothing lies on the disk that no row knows.
    """

    class State(models.TextChoices):
        PREPARING = "preparing", _("being prepared")
        READY = "ready", _("ready")
        FAILED = "failed", _("could not be prepared")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="data_exports", verbose_name=_("person")
    )
    language = models.CharField(_("language"), max_length=8, blank=True)
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.PREPARING)
    blob = models.FileField(_("content"), upload_to="exports", max_length=200, blank=True)
    size = models.PositiveBigIntegerField(_("size in bytes"), default=0)
    requested_at = models.DateTimeField(_("asked for"))
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=100, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    expires_at = models.DateTimeField(_("kept until"), null=True, blank=True)

    class Meta:
        verbose_name = _("export of personal data")
        verbose_name_plural = _("exports of personal data")
        ordering = ["-requested_at"]
        # Of two clicks one asks.
        constraints = [
            models.UniqueConstraint(
                fields=["person"], condition=Q(state="preparing"), name="one_export_at_a_time"
            )
        ]
        indexes = [models.Index(fields=["due_at"], name="export_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.pk)


class Erasure(models.Model):
    """Somebody's data were erased, or are being erased: when, at whose wish, how much. Never whose they were
    in words: `person_key` is the primary key that the person's row had.

    `confirmed` is what was there when it was confirmed, `erased` what was taken away.
    """

    class AskedBy(models.TextChoices):
        PERSON = "person", _("the person, in the cabinet")
        STAFF = "staff", _("staff")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    person_key = models.CharField(_("key of the person"), max_length=64)
    asked_by = models.CharField(_("asked for by"), max_length=10, choices=AskedBy)
    requested_at = models.DateTimeField(_("asked for"))
    confirmed = models.JSONField(_("what was confirmed"), default=dict)
    erased = models.JSONField(_("what was erased"), default=dict)
    account_kept = models.BooleanField(_("account kept without name and address"), default=False)
    erased_at = models.DateTimeField(_("erased"), null=True, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=100, blank=True)

    class Meta:
        verbose_name = _("erasure")
        verbose_name_plural = _("erasures")
        ordering = ["-requested_at"]
        indexes = [models.Index(fields=["due_at"], name="erasure_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.pk)


class ErasedBytes(models.Model):
    """A file on the disk whose row is gone. It is deleted at once, and again at the second look."""

    erasure = models.ForeignKey(Erasure, models.CASCADE, related_name="bytes_left")
    name = models.CharField(max_length=200)

    class Meta:
        verbose_name = _("erased file")
        verbose_name_plural = _("erased files")

    def __str__(self) -> str:
        return self.name


class Usage(models.Model):
    """How much one person or one address has used of one limit in one minute. `key` tells neither."""

    key = models.CharField(primary_key=True, max_length=64)
    minute = models.PositiveBigIntegerField(db_index=True)
    used = models.PositiveBigIntegerField()

    class Meta:
        verbose_name = _("use of a limit")
        verbose_name_plural = _("use of limits")

    def __str__(self) -> str:
        return f"{self.minute} {self.used}"
