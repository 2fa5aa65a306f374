"""The inbox in the admin: what arrived, what became of it and why, and "process again"."""

from typing import TYPE_CHECKING, Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from cabinet.readonly_admin import ReadOnly
from omnidesk_sync.services import KNOWN_EVENTS
from webhooks import services
from webhooks.models import InboxEntry

# Only the type checker knows which model it is for: at run time Django's class takes no parameter.
if TYPE_CHECKING:
    ModelAdmin = admin.ModelAdmin[InboxEntry]
else:
    ModelAdmin = admin.ModelAdmin


class EventsNobodyKnows(admin.SimpleListFilter):
    """Whether an event is one of those that are described."""

    title = _("whether the event is known")
    parameter_name = "known"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("yes", _("known events")), ("no", _("unknown events")), ("none", _("without a name"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        if self.value() == "yes":
            return queryset.filter(event__in=KNOWN_EVENTS)
        if self.value() == "no":
            return queryset.exclude(event__in=["", *KNOWN_EVENTS])
        return queryset.filter(event="") if self.value() == "none" else queryset


@admin.register(InboxEntry)
class InboxEntryAdmin(ReadOnly, ModelAdmin):
    """Rows are what the outside said, so nobody edits them; old ones go by themselves."""

    list_display = (
        "id",
        "received_at",
        "event",
        "is_known",
        "case_id",
        "message_id",
        "state",
        "reason_in_words",
        "parse_error",
        "attempts",
        "due_at",
    )
    list_filter = ("state", EventsNobodyKnows, ("parse_error", admin.EmptyFieldListFilter), "event")
    change_list_template = "webhooks/inbox.html"
    search_fields = ("=case_id",)
    search_help_text = _("Number of a case in Omnidesk")
    date_hierarchy = "received_at"
    show_full_result_count = False
    actions = ("process_again",)

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """With a word about events that nobody has described: somebody may have to teach the cabinet one."""
        context = {**(extra_context or {}), "unknown_events": services.unknown_events()}
        return super().changelist_view(request, context)

    @admin.display(description=_("known event"), boolean=True, ordering="event")
    def is_known(self, entry: InboxEntry) -> bool | None:
        return entry.event in KNOWN_EVENTS if entry.event else None

    @admin.display(description=_("reason"), ordering="reason")
    def reason_in_words(self, entry: InboxEntry) -> str:
        return gettext(entry.reason) if entry.reason else ""

    @admin.action(description=_("Process again"), permissions=["process"])
    def process_again(self, request: HttpRequest, queryset: QuerySet[InboxEntry]) -> None:
        count = services.process_again(queryset.values_list("pk", flat=True))
        text = ngettext("%d entry will be processed again.", "%d entries will be processed again.", count)
        self.message_user(request, text % count, messages.SUCCESS)

    def has_process_permission(self, request: HttpRequest) -> bool:
        """Whoever may change inbox rows: the form itself stays read-only for everybody."""
        return request.user.has_perm("webhooks.change_inboxentry")
