"""Pictures of the people who answer."""

import uuid

from django.db import models
from django.utils.translation import gettext_lazy as _


class StaffFace(models.Model):
    """One person of the staff, as far as it has a picture. Without `digest` there is none (yet, or any more).

    `digest` is of the bytes: it stands in the address, so that a browser may keep what it has fetched.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    digest = models.CharField(_("hash of the content"), max_length=64, blank=True)
    blob = models.FileField(_("content"), upload_to="faces", max_length=200, blank=True)
    changed_at = models.DateTimeField(_("changed"))

    class Meta:
        verbose_name = _("picture of staff")
        verbose_name_plural = _("pictures of staff")

    def __str__(self) -> str:
        return str(self.pk)
