"""What the cabinet owns: people's profiles, cases, messages, files, and the outbox of what must be forwarded.

It knows no vendor. `OutboxEntry` says what has to reach the help desk; whoever delivers it reports back
through `cabinet.services`, never by saving these rows itself.
"""

import uuid
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from cabinet import draft_models, privacy_models  # noqa: F401 - Django looks for every row here
from cabinet.face_models import StaffFace as StaffFace
from cabinet.search import FoldedField
from cabinet.search.following import SearchedQuerySet
from cabinet.status_models import CaseRules as CaseRules
from cabinet.status_models import StatusText as StatusText
from cabinet.status_models import Turn as Turn
from cabinet.topic_models import Topic as Topic
from cabinet.topic_models import TopicField as TopicField
from cabinet.types import Answer

MAX_SUBJECT = 140
MAX_TEXT = 100_000
MAX_EXTERNAL_ID = 200


class Profile(models.Model):
    """What we know of a person beside the site's own user row. Made on first need."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="cabinet_profile", verbose_name=_("person")
    )
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True)
    language = models.CharField(_("language"), max_length=8, blank=True)
    enter_sends = models.BooleanField(_("Enter sends in the chat"), default=True, db_default=True)
    chat_sound = models.BooleanField(_("a sound for an answer in the chat"), default=True, db_default=True)
    chat_flash = models.BooleanField(_("the title flashes for an answer"), default=True, db_default=True)
    wants_notices = models.BooleanField(_("letters about answers"), default=True, db_default=True)
    # Names the person where no address does: stable, unguessable, nobody's e-mail. Null only in rows of an
    # older version, until it is needed.
    custom_id = models.UUIDField(_("own id"), default=uuid.uuid4, null=True, unique=True, editable=False)
    # By which the company's own site knows the person it hands over; null where it never did.
    external_id = models.CharField(
        _("id at the company's site"), max_length=MAX_EXTERNAL_ID, null=True, blank=True, unique=True
    )

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")

    def __str__(self) -> str:
        return str(self.user)


class UsedToken(models.Model):
    """A token of the company's site that has let somebody in. Its row may go once the token has expired."""

    digest = models.CharField(max_length=64, unique=True)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        verbose_name = _("used token")
        verbose_name_plural = _("used tokens")

    def __str__(self) -> str:
        return self.digest


class Case(models.Model):
    """One request of one customer. `number` is the desk's own and empty until the case arrived there."""

    class Status(models.TextChoices):
        OPEN = "open", _("With support")
        WAITING = "waiting", _("Your turn")
        CLOSED = "closed", _("Closed")
        # The desk has a word for it that nobody has described: it counts as open.
        UNKNOWN = "unknown", _("In progress")

    class Mode(models.TextChoices):
        """How answers reach the customer besides the cabinet; a case keeps its mode for life."""

        MAIL = "mail", _("With answers by e-mail")
        CABINET = "cabinet", _("In the cabinet only")
        CHAT = "chat", _("Chat")

    class Availability(models.TextChoices):
        """Why nothing more can be written here; empty while everything is normal."""

        NORMAL = "", _("Available")
        MERGED = "merged", _("Merged into another case")
        SPAM = "spam", _("Marked as spam")
        DELETED = "deleted", _("Deleted")
        ARCHIVED = "archived", _("Archived")
        MOVED = "moved", _("Handed to another person")

    class Rating(models.TextChoices):
        HIGH = "high", _("Good")
        MIDDLE = "middle", _("So-so")
        LOW = "low", _("Bad")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, related_name="cases", verbose_name=_("owner")
    )
    number = models.CharField(_("number"), max_length=40, blank=True)
    subject = models.CharField(_("subject"), max_length=255, blank=True)
    mode = models.CharField(_("mode"), max_length=10, choices=Mode, default=Mode.MAIL, db_default=Mode.MAIL)
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.OPEN)
    availability = models.CharField(
        _("availability"), max_length=10, choices=Availability, default=Availability.NORMAL, blank=True
    )
    merged_into = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="merged_cases",
        verbose_name=_("merged into"),
    )
    follow_up_of = models.ForeignKey(
        "self",
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="followers",
        verbose_name=_("follow-up to"),
    )
    closed_at = models.DateTimeField(_("closed since"), null=True, blank=True)
    # When it was closed and opened again: see `cabinet.closings`.
    closings = models.JSONField(null=True, blank=True, editable=False)
    topic = models.ForeignKey(
        Topic, models.PROTECT, null=True, blank=True, related_name="cases", verbose_name=_("topic")
    )
    # What was asked under the topic, with the words of that day: see `answers`.
    fields = models.JSONField(_("fields"), null=True, blank=True, editable=False)
    rating = models.CharField(
        _("rating"), max_length=10, choices=Rating, blank=True, default="", db_default=""
    )
    rating_comment = models.TextField(_("comment on the rating"), blank=True, default="", db_default="")
    rated_at = models.DateTimeField(_("rated"), null=True, blank=True)
    submission_key = models.UUIDField(default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField(_("created"))
    last_activity_at = models.DateTimeField(_("last activity"))
    # Whatever a page shows has changed: the revision is what an open page compares.
    revision = models.PositiveIntegerField(default=1, editable=False)
    changed_at = models.DateTimeField(editable=False)
    next_position = models.PositiveIntegerField(default=1, editable=False)
    next_entry_number = models.PositiveIntegerField(default=1, editable=False)
    folded = FoldedField(of=("number", "subject"))

    objects = SearchedQuerySet.as_manager()

    class Meta:
        verbose_name = _("case")
        verbose_name_plural = _("cases")
        ordering = ["-last_activity_at"]
        constraints = [
            models.UniqueConstraint(fields=["owner", "submission_key"], name="one_case_per_submission")
        ]
        indexes = [
            models.Index(fields=["owner", "-last_activity_at"], name="case_list"),
            models.Index(fields=["changed_at"], name="case_changed"),
        ]

    def __str__(self) -> str:
        return f"{self.number or self.id} {self.subject}".strip()

    @property
    def is_ended_chat(self) -> bool:
        """A chat that was closed is over: what is written next begins another one."""
        return self.mode == self.Mode.CHAT and self.status == self.Status.CLOSED

    @property
    def accepts_messages(self) -> bool:
        """A closed case does (a reply reopens it); an ended chat and an unavailable case do not."""
        return self.availability == self.Availability.NORMAL and not self.is_ended_chat

    @property
    def goes_on_in(self) -> "Case | None":
        """Where the conversation goes on, if that is a case of the same person."""
        other = self.merged_into if self.availability == self.Availability.MERGED else None
        return other if other is not None and other.owner_id == self.owner_id else None

    @property
    def answers(self) -> list[Answer]:
        """What the customer gave under the topic when the case was opened, in the order it was asked."""
        return [Answer.restored(values) for values in self.fields or []]


class Message(models.Model):
    """One public message of a case; internal notes never become one.

    `text` is what was written (plain, the new part only for mail); `html` is sanitised and safe to show.
    """

    class Author(models.TextChoices):
        CUSTOMER = "customer", _("Customer")
        STAFF = "staff", _("Support")

    class Origin(models.TextChoices):
        CABINET = "cabinet", _("Cabinet")
        DESK = "desk", _("Help desk")

    class State(models.TextChoices):
        SENDING = "sending", _("Sending")
        SENT = "sent", _("Sent")
        FAILED = "failed", _("Not delivered")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    case = models.ForeignKey(Case, models.CASCADE, related_name="messages", verbose_name=_("case"))
    position = models.PositiveIntegerField(_("position"))
    author = models.CharField(_("author"), max_length=10, choices=Author)
    author_user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="cabinet_messages",
        verbose_name=_("person"),
    )
    author_name = models.CharField(_("name of the author"), max_length=200, blank=True)
    staff_face = models.ForeignKey(
        StaffFace,
        models.SET_NULL,
        null=True,
        blank=True,
        editable=False,
        related_name="messages",
        verbose_name=_("picture of staff"),
    )
    origin = models.CharField(_("origin"), max_length=10, choices=Origin)
    text = models.TextField(_("text"), blank=True)
    quoted_text = models.TextField(_("quoted text"), blank=True)
    html = models.TextField(_("HTML"), blank=True)
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.SENT)
    failure = models.CharField(_("reason of the failure"), max_length=40, blank=True)
    submission_key = models.UUIDField(default=uuid.uuid4, editable=False)
    written_at = models.DateTimeField(_("written"))
    edited_at = models.DateTimeField(_("edited"), null=True, blank=True)
    withdrawn_at = models.DateTimeField(_("withdrawn"), null=True, blank=True)
    folded = FoldedField(of=("text",))

    objects = SearchedQuerySet.as_manager()

    class Meta:
        verbose_name = _("message")
        verbose_name_plural = _("messages")
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["case", "position"], name="one_message_per_position"),
            models.UniqueConstraint(fields=["case", "submission_key"], name="one_message_per_submission"),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}/{self.position}"

    def save(self, *args: Any, update_fields: Iterable[str] | None = None, **kwargs: Any) -> None:
        """What is searched follows the text, also where only named fields are saved."""
        if update_fields is not None and "text" in update_fields:
            update_fields = {*update_fields, "folded"}
        super().save(*args, update_fields=update_fields, **kwargs)


class CaseFile(models.Model):
    """A file of a message, or an upload waiting for its message (then only `owner` is set, and its draft).

    The bytes are private: only a view that has checked who asks may open `blob`.
    """

    class State(models.TextChoices):
        READY = "ready", _("Ready")
        FETCHING = "fetching", _("Being fetched")
        UNAVAILABLE = "unavailable", _("Not available")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, verbose_name=_("owner")
    )
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, blank=True, related_name="files", verbose_name=_("message")
    )
    draft = models.ForeignKey(
        "cabinet.Draft", models.SET_NULL, null=True, blank=True, related_name="files", verbose_name=_("draft")
    )
    position = models.PositiveIntegerField(_("position"), default=0)
    name = models.CharField(_("name"), max_length=200)
    size = models.PositiveBigIntegerField(_("size in bytes"))
    content_type = models.CharField(_("type"), max_length=120, blank=True)
    blob = models.FileField(_("content"), upload_to="files/%Y/%m", max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.READY)
    created_at = models.DateTimeField(_("created"))
    folded = FoldedField(of=("name",))

    objects = SearchedQuerySet.as_manager()

    class Meta:
        verbose_name = _("file")
        verbose_name_plural = _("files")
        ordering = ["position", "created_at"]

    def __str__(self) -> str:
        return self.name


class ReadMark(models.Model):
    """How far one person has read one case: what stands after `position` is new to them.

    `seen_at` is when an open page of the case last said that it is looked at. `history_until`: what was
    written before that counts as read when it becomes known, because the case is older than its owner's
    cabinet.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="read_marks", verbose_name=_("person")
    )
    case = models.ForeignKey(Case, models.CASCADE, related_name="read_marks", verbose_name=_("case"))
    position = models.PositiveIntegerField(_("read up to"), default=0)
    seen_at = models.DateTimeField(_("last looked at"), null=True, blank=True)
    history_until = models.DateTimeField(_("older is history"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("read mark")
        verbose_name_plural = _("read marks")
        constraints = [models.UniqueConstraint(fields=["user", "case"], name="one_mark_per_reader")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.case_id}/{self.position}"


class Notice(models.Model):
    """How it stands with letters of the cabinet's own to one person about one case: at most one until read.

    `position` is the newest answer a letter is wanted for, `told_position` the newest one a letter told of.
    """

    class State(models.TextChoices):
        QUIET = "quiet", _("nothing to say")
        WAITING = "waiting", _("waiting")
        SENDING = "sending", _("being sent")
        SENT = "sent", _("sent")
        UNKNOWN = "unknown", _("outcome unknown")
        REFUSED = "refused", _("given up")

    case = models.ForeignKey(Case, models.CASCADE, related_name="notices", verbose_name=_("case"))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="case_notices", verbose_name=_("person")
    )
    state = models.CharField(_("state"), max_length=10, choices=State, default=State.QUIET)
    muted = models.BooleanField(_("muted"), default=False)
    position = models.PositiveIntegerField(_("newest answer"), default=0)
    told_position = models.PositiveIntegerField(_("newest answer told of"), default=0)
    due_at = models.DateTimeField(_("due"), null=True, blank=True)
    sent_at = models.DateTimeField(_("last sent"), null=True, blank=True)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("letter about answers")
        verbose_name_plural = _("letters about answers")
        constraints = [models.UniqueConstraint(fields=["user", "case"], name="one_notice_per_reader")]
        indexes = [
            models.Index(fields=["due_at"], name="notice_due", condition=Q(state="waiting")),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} {self.case_id}/{self.position}"


class SearchEntry(models.Model):
    """What a case says in all: the words of its number, subject, messages and file names.

    The database's own index stands over `words` (`cabinet.search.schema`). A `revision` that is not that of
    the case says that somebody wrote who knew nothing of this table: the sweep then makes the entry anew.
    """

    case = models.OneToOneField(Case, models.CASCADE, related_name="search_entry")
    revision = models.PositiveIntegerField()
    head = models.TextField()
    words = models.TextField()

    def __str__(self) -> str:
        return str(self.case_id)


class SearchPassage(models.Model):
    """What one message says, with the names of its files. A withdrawn message has none."""

    message = models.OneToOneField(Message, models.CASCADE, primary_key=True, related_name="search_passage")
    words = models.TextField()
    file_names = models.TextField()

    def __str__(self) -> str:
        return str(self.message_id)


class OutboxEntry(models.Model):
    """One thing that must reach the help desk, numbered per case: the lowest open number goes first.

    `attempting` is committed before the call, so a killed worker leaves a row saying "it may have happened".
    """

    class Kind(models.TextChoices):
        OPEN_CASE = "open_case", _("open the case")
        REPLY = "reply", _("reply")
        CLOSE = "close", _("close")
        REOPEN = "reopen", _("reopen")
        ENSURE_OPEN = "ensure_open", _("reopen if still closed")
        RATE = "rate", _("rating")

    class State(models.TextChoices):
        WAITING = "waiting", _("waiting")
        ATTEMPTING = "attempting", _("being sent")
        UNSETTLED = "unsettled", _("outcome unknown")
        DELIVERED = "delivered", _("delivered")
        REJECTED = "rejected", _("rejected")
        UNDECIDED = "undecided", _("a person decides")
        DROPPED = "dropped", _("dropped")

    case = models.ForeignKey(Case, models.CASCADE, related_name="outbox", verbose_name=_("case"))
    number = models.PositiveIntegerField(_("number"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    message = models.ForeignKey(
        Message, models.CASCADE, null=True, blank=True, related_name="outbox", verbose_name=_("message")
    )
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.WAITING)
    due_at = models.DateTimeField(_("due"))
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    reason = models.CharField(_("reason"), max_length=40, blank=True)
    detail = models.CharField(_("detail"), max_length=300, blank=True)
    created_at = models.DateTimeField(_("created"))
    settled_at = models.DateTimeField(_("settled"), null=True, blank=True)

    class Meta:
        verbose_name = _("outbox entry")
        verbose_name_plural = _("outbox")
        ordering = ["case", "number"]
        constraints = [models.UniqueConstraint(fields=["case", "number"], name="one_entry_per_number")]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="outbox_due",
                condition=Q(state__in=["waiting", "attempting", "unsettled"]),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.case_id}#{self.number} {self.kind}"


OPEN_STATES = (OutboxEntry.State.WAITING, OutboxEntry.State.ATTEMPTING, OutboxEntry.State.UNSETTLED)
"""States in which an entry still stands between its followers and the desk."""

GIVEN_UP_STATES = (OutboxEntry.State.REJECTED, OutboxEntry.State.UNDECIDED)
"""States in which a person has to look at an entry."""
