"""What staff see of the cabinet: what waits, what was given up and why, and the buttons to move it on.

Mostly for reading. The words of a case are the customer's and the desk's; nobody edits or deletes them here,
a superuser included. The desk would still have the thread, and the next reading would bring it back; a reply
that is on its way and the bytes of files would be lost. What is to go is deleted at the desk, which withdraws
it here; all that is a person's is erased by `cabinet.erasure`, with a button under Profiles.
"""

import uuid
from typing import Any

from django.contrib import admin, messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinet import notices, services, thread, topics
from cabinet.models import GIVEN_UP_STATES, OPEN_STATES, Case, CaseFile, Message, Notice, OutboxEntry, Profile
from cabinet.privacy_admin import erase_people
from cabinet.readonly_admin import ReadOnly


class Condition(admin.SimpleListFilter):
    """What staff look for: entries on their way, and entries somebody has to look at."""

    title = _("condition")
    parameter_name = "condition"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("waits", _("on its way")), ("given_up", _("given up"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        states = {"waits": OPEN_STATES, "given_up": GIVEN_UP_STATES}.get(self.value() or "")
        return queryset.filter(**{f"{self.outbox}state__in": states}).distinct() if states else queryset

    outbox = ""


class CaseCondition(Condition):
    """Cases by what is in their outbox."""

    outbox = "outbox__"


class MessageInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = Message
    fields = (
        "position",
        "author",
        "author_name",
        "state",
        "failure",
        "written_at",
        "beginning",
        "file_names",
    )
    readonly_fields = fields
    extra = 0
    show_change_link = True

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        return super().get_queryset(request).defer("html", "folded", "quoted_text").prefetch_related("files")

    @admin.display(description=_("text"))
    def beginning(self, message: Message) -> str:
        return Truncator(message.text).chars(160)

    @admin.display(description=_("files"))
    def file_names(self, message: Message) -> str:
        return ", ".join(f"{file.name} ({file.get_state_display()})" for file in message.files.all())


class OutboxInline(ReadOnly, admin.TabularInline):  # type: ignore[type-arg]
    model = OutboxEntry
    fields = ("number", "kind", "state", "reason", "detail", "attempts", "due_at", "created_at", "settled_at")
    readonly_fields = fields
    extra = 0
    show_change_link = True


@admin.register(Case)
class CaseAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """A case with its whole history."""

    list_display = [
        "__str__",
        "owner",
        "status",
        "availability",
        "last_activity_at",
        "unsent",
        "given_up",
        "page",
    ]
    list_filter = [CaseCondition, "status", "availability", "created_at"]
    list_select_related = ["owner"]
    search_fields = ["=id", "number", "folded", "owner__emailaddress__email"]
    date_hierarchy = "last_activity_at"
    ordering = ["-last_activity_at"]
    inlines = [MessageInline, OutboxInline]
    exclude = ["submission_key", "folded"]
    readonly_fields = ["given"]
    show_full_result_count = False

    @admin.display(description=_("given under the topic"))
    def given(self, case: Case) -> str:
        said = (f"{topics.label_of(answer)}: {topics.shown_value(answer)}" for answer in case.answers)
        return "\n".join(said) or "—"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Case]:
        cases: QuerySet[Case] = super().get_queryset(request)
        return cases.annotate(
            unsent_count=Count("outbox", filter=Q(outbox__state__in=OPEN_STATES)),
            given_up_count=Count("outbox", filter=Q(outbox__state__in=GIVEN_UP_STATES)),
        )

    @admin.display(description=_("on its way"))
    def unsent(self, case: Case) -> int:
        return int(getattr(case, "unsent_count", 0))

    @admin.display(description=_("given up"))
    def given_up(self, case: Case) -> int:
        return int(getattr(case, "given_up_count", 0))

    @admin.display(description=_("outbox"))
    def page(self, case: Case) -> SafeString:
        address = reverse("admin:cabinet_outboxentry_changelist")
        return format_html('<a href="{}?case__id__exact={}">{}</a>', address, case.pk, _("outbox"))


@admin.register(Message)
class MessageAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Single messages, to look for what was not delivered."""

    list_display = [
        "beginning",
        "case_link",
        "author",
        "author_name",
        "origin",
        "state",
        "failure",
        "written_at",
    ]
    list_display_links = ["beginning"]
    list_filter = ["state", "failure", "author", "origin", "written_at"]
    list_select_related = ["case"]
    search_fields = ["=id", "=case__id", "case__number", "folded"]
    exclude = ["submission_key", "folded", "html"]
    show_full_result_count = False
    ordering = ["-written_at"]

    @admin.display(description=_("text"))
    def beginning(self, message: Message) -> str:
        return Truncator(message.text).chars(80) or "—"

    @admin.display(description=_("case"), ordering="case")
    def case_link(self, message: Message) -> SafeString:
        return _link_to(message.case)


@admin.register(CaseFile)
class CaseFileAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Files and what became of them. Their bytes are opened in the case, not here."""

    list_display = ["name", "state", "size", "content_type", "case_link", "created_at"]
    list_filter = ["state", "created_at"]
    list_select_related = ["message__case"]
    search_fields = ["=id", "folded", "message__case__number"]
    exclude = ["folded", "blob"]
    show_full_result_count = False
    ordering = ["-created_at"]

    @admin.display(description=_("case"))
    def case_link(self, file: CaseFile) -> SafeString | str:
        return _link_to(file.message.case) if file.message else str(_("not sent yet"))


@admin.register(OutboxEntry)
class OutboxEntryAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """What has to reach the help desk; what was given up can be sent again or dropped."""

    list_display = [
        "number_in_case",
        "case_link",
        "kind",
        "state",
        "reason",
        "detail",
        "attempts",
        "due_at",
        "settled_at",
    ]
    list_filter = [Condition, "state", "kind", "reason", "created_at"]
    list_select_related = ["case"]
    search_fields = ["=case__id", "case__number", "case__folded", "reason", "detail"]
    actions = ["try_again", "drop"]
    ordering = ["-created_at"]
    show_full_result_count = False

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Sending again and dropping are changes, though nothing is edited by hand."""
        return super(ReadOnly, self).has_change_permission(request)

    @admin.display(description=_("no."), ordering="number")
    def number_in_case(self, entry: OutboxEntry) -> int:
        return entry.number

    @admin.display(description=_("case"), ordering="case")
    def case_link(self, entry: OutboxEntry) -> SafeString:
        return _link_to(entry.case)

    @admin.action(description=_("Try again now"), permissions=["move"])
    def try_again(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        count = sum(_try_again(entry.pk, entry.case_id) for entry in queryset)
        said = ngettext("%(count)d entry will be sent now.", "%(count)d entries will be sent now.", count)
        messages.success(request, said % {"count": count})

    @admin.action(description=_("Drop: never send"), permissions=["move"])
    def drop(self, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
        count = sum(_drop(entry.pk, entry.case_id) for entry in queryset)
        said = ngettext("%(count)d entry was dropped.", "%(count)d entries were dropped.", count)
        messages.success(request, said % {"count": count})


@admin.register(Notice)
class NoticeAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Letters about answers, in the modes without mail: which went out, and why others did not."""

    list_display = [
        "user",
        "case_link",
        "state",
        "reason",
        "muted",
        "due_at",
        "sent_at",
        "attempts",
    ]
    list_filter = ["state", "muted", "sent_at"]
    list_select_related = ["case", "user"]
    search_fields = ["=case__id", "case__number", "user__emailaddress__email", "reason"]
    actions = ["send_again"]
    ordering = ["-pk"]
    show_full_result_count = False

    def has_move_permission(self, request: HttpRequest) -> bool:
        """Sending is a change, though nothing is edited by hand."""
        return super(ReadOnly, self).has_change_permission(request)

    @admin.display(description=_("case"), ordering="case")
    def case_link(self, notice: Notice) -> SafeString:
        return _link_to(notice.case)

    @admin.action(description=_("Send the letter after all"), permissions=["move"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[Notice]) -> None:
        now = timezone.now()
        count = sum(notices.send_again(notice, now=now) for notice in queryset)
        said = ngettext("%(count)d letter will be sent now.", "%(count)d letters will be sent now.", count)
        messages.success(request, said % {"count": count})


@admin.register(Profile)
class ProfileAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Language and time zone of people, as their browsers told, and who they are at the company's site."""

    list_display = ["user", "external_id", "language", "time_zone"]
    list_filter = ["language"]
    list_select_related = ["user"]
    search_fields = ["user__emailaddress__email", "=external_id"]
    actions = [erase_people]

    def has_erase_permission(self, request: HttpRequest) -> bool:
        return bool(getattr(request.user, "is_superuser", False))


def _link_to(case: Case) -> SafeString:
    return format_html('<a href="{}">{}</a>', reverse("admin:cabinet_case_change", args=[case.pk]), case)


def _try_again(entry_id: int, case_id: uuid.UUID) -> bool:
    """Given up: queued afresh. Waiting: due now. Anything else is in the middle of something and stays."""
    now = timezone.now()
    with transaction.atomic():
        case = thread.lock(case_id)
        entry = OutboxEntry.objects.select_related("message").get(pk=entry_id)
        if entry.state in GIVEN_UP_STATES:
            services.requeue(entry, case=case, now=now)
        elif entry.state == OutboxEntry.State.WAITING:
            OutboxEntry.objects.filter(pk=entry_id).update(due_at=now)
        else:
            return False
        thread.ring_after_commit(case_id)
    return True


def _drop(entry_id: int, case_id: uuid.UUID) -> bool:
    """The desk will never hear of it; its message is shown as not delivered. Not while it is being sent."""
    now = timezone.now()
    with transaction.atomic():
        case = thread.lock(case_id)
        droppable = OutboxEntry.objects.filter(
            pk=entry_id, state__in=[OutboxEntry.State.WAITING, *GIVEN_UP_STATES]
        )
        if not droppable.update(state=OutboxEntry.State.DROPPED, settled_at=now):
            return False
        Message.objects.filter(outbox=entry_id, state=Message.State.SENDING).update(
            state=Message.State.FAILED, failure="dropped"
        )
        thread.store(case, now)
        thread.ring_after_commit(case_id)
    return True


# Registers what else the cabinet shows there.
from cabinet import status_admin, topic_admin  # noqa: E402, F401
