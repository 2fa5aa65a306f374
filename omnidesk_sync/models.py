"""What the synchronisation owns: the vendor's ids, the lanes, the budget, and what is still to be fetched.

Nothing here holds a text: links carry ids, hashes, sizes and times.
"""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinet.models import Case, CaseFile, Message, OutboxEntry, StaffFace
from omnidesk_sync.routing_models import FieldMapping as FieldMapping
from omnidesk_sync.routing_models import TopicMapping as TopicMapping


class Lane(models.Model):
    """The one way of all traffic of a case. Claimed by UPDATE on these columns only; never `.save()` one.

    `wanted` counts wishes to read the case; a reading lowers it only if nobody raised it meanwhile.
    """

    case = models.OneToOneField(
        Case, models.CASCADE, primary_key=True, related_name="lane", verbose_name=_("case")
    )
    lane_until = models.DateTimeField(_("held until"), null=True, blank=True)
    token = models.UUIDField(_("token"), null=True, blank=True)
    wanted = models.PositiveIntegerField(_("wishes to read"), default=0)
    # How many of all wishes so far named a message, and the highest one named: what a reading has seen need
    # not be read again, whenever the wish came.
    hinted = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    hinted_to = models.BigIntegerField(default=0, db_default=0, editable=False)
    wanted_since = models.DateTimeField(_("wanted since"), null=True, blank=True)
    raised_at = models.DateTimeField(_("last wish"), null=True, blank=True)
    # A hint that something is new goes before imports and audits.
    urgent = models.BooleanField(_("urgent"), default=False)
    read_due_at = models.DateTimeField(_("read at"), null=True, blank=True)
    read_failures = models.PositiveIntegerField(_("failed readings"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    # A message that is to appear later, or an absence seen once: the case is read again at this time.
    look_again_at = models.DateTimeField(_("look again at"), null=True, blank=True)
    last_read_at = models.DateTimeField(_("last read"), null=True, blank=True)
    held_back = models.PositiveIntegerField(_("rows held back as not known to be public"), default=0)

    class Meta:
        verbose_name = _("lane")
        verbose_name_plural = _("lanes")
        indexes = [
            models.Index(fields=["read_due_at"], name="lane_wanted", condition=Q(wanted__gt=0)),
            models.Index(
                fields=["look_again_at"], name="lane_look_again", condition=Q(look_again_at__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return str(self.case_id)


class CaseLink(models.Model):
    """Which case of the desk is ours. `detached` marks a case that was handed to somebody else over there."""

    case = models.OneToOneField(Case, models.CASCADE, related_name="desk_link", verbose_name=_("case"))
    desk_case_id = models.BigIntegerField(_("id of the case over there"))
    desk_user_id = models.BigIntegerField(_("id of the profile over there"))
    detached = models.BooleanField(_("handed to somebody else"), default=False)
    # Everything up to this message id has been read without a gap.
    read_through_id = models.BigIntegerField(_("read up to message"), default=0)
    opening_read = models.BooleanField(_("opening read"), default=False)
    updated_at = models.DateTimeField(_("changed over there"), null=True, blank=True)
    # What a list call said of the case, so that a reading just after it need not ask again.
    snapshot = models.JSONField(_("snapshot"), null=True, blank=True)
    snapshot_at = models.DateTimeField(_("snapshot taken"), null=True, blank=True)
    # The next reading goes through the whole thread, whatever was read before.
    audit_wanted = models.BooleanField(_("audit wanted"), default=False)
    audited_at = models.DateTimeField(_("audited"), null=True, blank=True)

    class Meta:
        verbose_name = _("case link")
        verbose_name_plural = _("case links")
        constraints = [
            models.UniqueConstraint(
                fields=["desk_case_id"], condition=Q(detached=False), name="one_case_per_desk_case"
            )
        ]

    def __str__(self) -> str:
        return str(self.desk_case_id)


class MessageLink(models.Model):
    """Which message of the desk is ours. `desk_hash`: of what the desk last said, "" if never read."""

    message = models.OneToOneField(
        Message, models.CASCADE, related_name="desk_link", verbose_name=_("message")
    )
    case = models.ForeignKey(Case, models.CASCADE, related_name="message_links", verbose_name=_("case"))
    desk_message_id = models.BigIntegerField(_("id of the message over there"))
    desk_hash = models.CharField(_("hash over there"), max_length=64, blank=True)
    linked_at = models.DateTimeField(_("linked"))
    absent = models.PositiveSmallIntegerField(_("times not found"), default=0)

    class Meta:
        verbose_name = _("message link")
        verbose_name_plural = _("message links")
        constraints = [
            models.UniqueConstraint(fields=["case", "desk_message_id"], name="one_message_per_desk_message")
        ]
        indexes = [models.Index(fields=["desk_message_id"], name="message_link_desk_id")]

    def __str__(self) -> str:
        return str(self.desk_message_id)


class FileLink(models.Model):
    """A file of the desk that we keep a copy of. `url` is emptied once the copy is here."""

    file = models.OneToOneField(CaseFile, models.CASCADE, related_name="desk_link", verbose_name=_("file"))
    desk_file_id = models.BigIntegerField(_("id of the file over there"), default=0)
    url = models.CharField(_("address"), max_length=1000, blank=True)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("file link")
        verbose_name_plural = _("file links")
        indexes = [models.Index(fields=["due_at"], name="file_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.desk_file_id)


class FaceLink(models.Model):
    """Whose picture a face of the cabinet is. `url` is emptied once the copy is here; the hash stays, so that
    another address is noticed. `said_in` is the newest message that named an address."""

    face = models.OneToOneField(
        StaffFace, models.CASCADE, related_name="desk_link", verbose_name=_("picture")
    )
    staff_id = models.BigIntegerField(_("id of the staff member"), unique=True)
    address_hash = models.CharField(_("hash of the address"), max_length=64, blank=True)
    url = models.CharField(_("address"), max_length=1000, blank=True)
    said_in = models.BigIntegerField(_("newest message that named it"), default=0)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    tried_at = models.DateTimeField(_("last tried"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("picture of a staff member")
        verbose_name_plural = _("pictures of staff members")
        indexes = [models.Index(fields=["due_at"], name="face_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.staff_id)


class PersonLink(models.Model):
    """Which profile of the desk is which person. One person may have several profiles, one per channel."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="desk_links", verbose_name=_("person")
    )
    desk_user_id = models.BigIntegerField(_("id of the profile over there"), unique=True)

    class Meta:
        verbose_name = _("person link")
        verbose_name_plural = _("person links")

    def __str__(self) -> str:
        return str(self.desk_user_id)


class Stranger(models.Model):
    """A profile of the desk that belongs to nobody here: its cases cost no more calls."""

    desk_user_id = models.BigIntegerField(_("id of the profile over there"), unique=True)
    address_hash = models.CharField(_("hash of the address"), max_length=64, blank=True, db_index=True)
    seen_at = models.DateTimeField(_("seen"))

    class Meta:
        verbose_name = _("stranger")
        verbose_name_plural = _("strangers")

    def __str__(self) -> str:
        return str(self.desk_user_id)


class Candidate(models.Model):
    """A case of the desk that is not linked here: to be looked at, or known not to be ours."""

    desk_case_id = models.BigIntegerField(_("id of the case over there"), unique=True)
    desk_user_id = models.BigIntegerField(_("id of the profile over there"), default=0)
    not_ours = models.BooleanField(_("not ours"), default=False)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("candidate case")
        verbose_name_plural = _("candidate cases")
        indexes = [models.Index(fields=["due_at"], name="candidate_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return str(self.desk_case_id)


class AddressImport(models.Model):
    """The older cases of one identity are to be found. `page` is how far the walk has come.

    The identity is a proved address; without an address it is the id by which the cabinet names the person in
    custom channels.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("person")
    )
    address = models.EmailField(_("address"), blank=True)
    page = models.PositiveIntegerField(_("page"), default=1)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    done_at = models.DateTimeField(_("done"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("import of older cases")
        verbose_name_plural = _("imports of older cases")
        constraints = [models.UniqueConstraint(fields=["user", "address"], name="one_import_per_address")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.address}".strip()


class Attempt(models.Model):
    """One try to deliver an outbox entry: what was known before it, and how it ended.

    `baseline` is the highest id known before the call (messages of the case; for an opening, the customer's
    cases); only later ids can be ours. `dead_at` is when the call is certainly over.
    """

    class Outcome(models.TextChoices):
        UNKNOWN = "unknown", _("unknown")
        DELIVERED = "delivered", _("delivered")
        NOT_SENT = "not_sent", _("not sent")
        REFUSED = "refused", _("refused")
        ABSENT = "absent", _("looked, not there")

    entry = models.ForeignKey(
        OutboxEntry, models.CASCADE, related_name="tries", verbose_name=_("outbox entry")
    )
    baseline = models.BigIntegerField(_("highest id known before"), default=0)
    started_at = models.DateTimeField(_("begun"))
    dead_at = models.DateTimeField(_("certainly over"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, default=Outcome.UNKNOWN)
    status = models.PositiveIntegerField(_("HTTP status"), null=True, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    first_look_at = models.DateTimeField(_("first look"), null=True, blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ["entry", "id"]

    def __str__(self) -> str:
        return f"{self.entry_id} {self.outcome}"


class Budget(models.Model):
    """The account's calls per minute, shared by all workers: one row, changed by filtered UPDATEs only."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    version = models.PositiveBigIntegerField(default=0)
    window_started_at = models.DateTimeField(_("minute begun"), null=True, blank=True)
    limit = models.PositiveIntegerField(_("calls a minute"), default=20)
    used_writes = models.PositiveIntegerField(_("units for writes"), default=0)
    used_readings = models.PositiveIntegerField(_("units for readings"), default=0)
    used_background = models.PositiveIntegerField(_("units in the background"), default=0)
    used_by_others = models.PositiveIntegerField(_("units of others"), default=0)
    blocked_until = models.DateTimeField(_("blocked until"), null=True, blank=True)
    paused_since = models.DateTimeField(_("paused since"), null=True, blank=True)
    pause_reason = models.CharField(_("reason of the pause"), max_length=300, blank=True)
    next_probe_at = models.DateTimeField(_("next probe"), null=True, blank=True)
    last_ok_at = models.DateTimeField(_("last success"), null=True, blank=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("account")

    def __str__(self) -> str:
        return "account"


class Reconciliation(models.Model):
    """How far the walk over changed cases has come, in the vendor's own time: one row."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    walked_to = models.DateTimeField(_("walked up to"), null=True, blank=True)
    next_due_at = models.DateTimeField(_("next walk"), null=True, blank=True)
    last_done_at = models.DateTimeField(_("last walk"), null=True, blank=True)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)
    # Since then nothing is known to have never been sent.
    restored_at = models.DateTimeField(_("restored from a backup"), null=True, blank=True)

    class Meta:
        verbose_name = _("reconciliation")
        verbose_name_plural = _("reconciliation")

    def __str__(self) -> str:
        return "reconciliation"


class DriftRun(models.Model):
    """One comparison of both systems that somebody asked for; workers do it in small steps until `due_at` is
    empty. `walked_to` is the last person whose cases have been listed."""

    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("asked for by"),
    )
    requested_at = models.DateTimeField(_("asked for"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    due_at = models.DateTimeField(_("next step"), null=True, blank=True)
    everything = models.BooleanField(_("all cases"), default=True)
    walked_to = models.CharField(max_length=64, blank=True)
    all_listed = models.BooleanField(_("all people listed"), default=False)
    compared = models.PositiveIntegerField(_("compared"), default=0)
    same = models.PositiveIntegerField(_("the same"), default=0)
    in_motion = models.PositiveIntegerField(_("in motion"), default=0)
    differing = models.PositiveIntegerField(_("differing"), default=0)
    failed = models.PositiveIntegerField(_("could not be compared"), default=0)
    units = models.PositiveIntegerField(_("calls spent"), default=0)
    last_error = models.CharField(_("last error"), max_length=300, blank=True)

    class Meta:
        verbose_name = _("comparison with Omnidesk")
        verbose_name_plural = _("comparisons with Omnidesk")
        ordering = ["-id"]
        indexes = [models.Index(fields=["due_at"], name="drift_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return f"{self._meta.verbose_name} {self.pk}"


class DriftCase(models.Model):
    """A case of a comparison: still to be looked at, or what was found. Cases that are the same leave no row.

    `found` names differences by kind, place, ids and times; no text of a message is in it.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("to be compared")
        SAME = "same", _("the same")
        IN_MOTION = "in_motion", _("in motion")
        DIFFERS = "differs", _("differs")
        FAILED = "failed", _("could not be compared")

    run = models.ForeignKey(
        DriftRun, models.CASCADE, related_name="cases", verbose_name=_("comparison with Omnidesk")
    )
    case = models.ForeignKey(
        Case, models.CASCADE, null=True, blank=True, related_name="+", verbose_name=_("case")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("person"),
    )
    desk_case_id = models.BigIntegerField(_("id of the case over there"), default=0)
    number = models.CharField(_("number"), max_length=40, blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.WAITING)
    looks = models.PositiveSmallIntegerField(_("looks"), default=0)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    snapshot = models.JSONField(_("snapshot"), null=True, blank=True)
    snapshot_at = models.DateTimeField(_("snapshot taken"), null=True, blank=True)
    last_state = models.CharField(max_length=10, blank=True)
    found = models.JSONField(_("what differs"), default=list, blank=True)
    notes = models.JSONField(_("also"), default=list, blank=True)
    error = models.CharField(_("last error"), max_length=300, blank=True)
    compared_at = models.DateTimeField(_("compared"), null=True, blank=True)
    mended_at = models.DateTimeField(_("mending asked for"), null=True, blank=True)

    class Meta:
        verbose_name = _("compared case")
        verbose_name_plural = _("compared cases")
        ordering = ["run", "id"]
        indexes = [models.Index(fields=["due_at"], name="drift_case_due", condition=Q(due_at__isnull=False))]

    def __str__(self) -> str:
        return self.number or str(self.case_id or self.desk_case_id)
