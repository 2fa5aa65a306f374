"""The synchronisation for admins: what waits, what was given up and why, and the buttons that ring."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinet.models import Case, OutboxEntry
from cabinet.readonly_admin import ReadOnly
from omnidesk_sync import bells, budget, drift_mending, faces, files, imports, joining
from omnidesk_sync.drift_admin import compare_with_omnidesk
from omnidesk_sync.models import (
    AddressImport,
    Attempt,
    Budget,
    Candidate,
    CaseLink,
    FaceLink,
    FileLink,
    Lane,
    PersonLink,
    Reconciliation,
)


class ActsOnRows(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Read-only rows with buttons: actions need the view permission's people to be staff of this site."""

    def say(self, request: HttpRequest, count: int) -> None:
        text = ngettext("%(count)d row was rung for.", "%(count)d rows were rung for.", count)
        self.message_user(request, text % {"count": count}, messages.SUCCESS)


class StateFilter(admin.SimpleListFilter):
    """What waits and what keeps failing, the two questions an admin has."""

    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:  # noqa: ARG002
        return [("wanted", _("a reading waits")), ("failing", _("cannot be read")), ("held", _("held back"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:  # noqa: ARG002
        choices: dict[str | None, dict[str, Any]] = {
            "wanted": {"wanted__gt": 0},
            "failing": {"read_failures__gt": 0},
            "held": {"held_back__gt": 0},
        }
        return queryset.filter(**choices.get(self.value(), {}))


@admin.register(Lane)
class LaneAdmin(ActsOnRows):
    list_display = (
        "case",
        "wanted",
        "read_due_at",
        "read_failures",
        "last_error",
        "held_back",
        "last_read_at",
    )
    list_filter = (StateFilter,)
    list_select_related = ("case",)
    search_fields = ("case__number", "case__subject", "case__id")
    ordering = ("-wanted", "-last_read_at")
    actions = ("read_again",)

    @admin.action(description=_("Read this case again"))
    def read_again(self, request: HttpRequest, queryset: QuerySet[Lane]) -> None:
        for lane in queryset:
            drift_mending.read_whole(lane.pk)
        self.say(request, len(queryset))


@admin.action(description=_("Read this case again"))
def read_this_case_again(model_admin: Any, request: HttpRequest, queryset: QuerySet[Case]) -> None:
    """The same button where an admin looks for it first: in the list of cases."""
    linked = queryset.filter(desk_link__detached=False)
    for case in linked:
        drift_mending.read_whole(case.pk)
    text = ngettext("%(count)d case will be read.", "%(count)d cases will be read.", len(linked))
    model_admin.message_user(request, text % {"count": len(linked)}, messages.SUCCESS)


@admin.register(CaseLink)
class CaseLinkAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("case", "desk_case_id", "desk_user_id", "detached", "updated_at", "audited_at")
    list_filter = ("detached",)
    list_select_related = ("case",)
    search_fields = ("desk_case_id", "case__number", "case__subject")


@admin.register(FileLink)
class FileLinkAdmin(ActsOnRows):
    list_display = ("file", "desk_file_id", "due_at", "attempts", "last_error")
    list_filter = ("file__state",)
    list_select_related = ("file",)
    exclude = ("url",)
    actions = ("try_again",)

    @admin.action(description=_("Try again now"))
    def try_again(self, request: HttpRequest, queryset: QuerySet[FileLink]) -> None:
        for link in queryset:
            files.retry(link)
            bells.ring_file(link.pk)
        self.say(request, len(queryset))


@admin.register(FaceLink)
class FaceLinkAdmin(ActsOnRows):
    list_display = ("staff_id", "due_at", "tried_at", "attempts", "last_error")
    search_fields = ("staff_id",)
    exclude = ("url", "address_hash")
    actions = ("try_again",)

    @admin.action(description=_("Try again, now or when it is named next"))
    def try_again(self, request: HttpRequest, queryset: QuerySet[FaceLink]) -> None:
        for link in queryset:
            faces.retry(link)
            bells.ring_face(link.pk)
        self.say(request, len(queryset))


@admin.register(Candidate)
class CandidateAdmin(ActsOnRows):
    list_display = ("desk_case_id", "desk_user_id", "not_ours", "due_at", "attempts", "last_error")
    list_filter = ("not_ours",)
    search_fields = ("desk_case_id",)
    actions = ("look_again",)

    @admin.action(description=_("Look again whose case it is"))
    def look_again(self, request: HttpRequest, queryset: QuerySet[Candidate]) -> None:
        for candidate in queryset:
            imports.look_anew(candidate)
            bells.ring_candidate(candidate.pk)
        self.say(request, len(queryset))


@admin.register(AddressImport)
class AddressImportAdmin(ActsOnRows):
    list_display = ("user", "known_by", "page", "due_at", "done_at", "attempts", "last_error")
    list_select_related = ("user",)
    search_fields = ("address", "user__email")
    actions = ("fetch_again",)

    @admin.display(description=_("known by"), ordering="address")
    def known_by(self, row: AddressImport) -> str:
        return row.address or str(_("the cabinet's own id"))

    @admin.action(description=_("Look for older cases again"))
    def fetch_again(self, request: HttpRequest, queryset: QuerySet[AddressImport]) -> None:
        queryset.update(due_at=timezone.now(), page=1)
        for row in queryset:
            bells.ring_import(row.pk)
        self.say(request, len(queryset))


@admin.register(Attempt)
class AttemptAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("entry", "started_at", "outcome", "status", "detail")
    list_filter = ("outcome", "status")
    list_select_related = ("entry",)
    search_fields = ("entry__case__number", "entry__case__id")


@admin.register(PersonLink)
class PersonLinkAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    list_display = ("user", "desk_user_id")
    list_select_related = ("user",)
    search_fields = ("desk_user_id", "user__email")


@admin.register(Budget)
class BudgetAdmin(ActsOnRows):
    list_display = (
        "limit",
        "window_started_at",
        "used_writes",
        "used_readings",
        "used_background",
        "used_by_others",
        "blocked_until",
        "paused_since",
        "pause_reason",
        "last_ok_at",
    )
    actions = ("probe_now",)

    @admin.action(description=_("Probe the account now"))
    def probe_now(self, request: HttpRequest, queryset: QuerySet[Budget]) -> None:
        budget.probe_soon()
        bells.ring_sweep()
        self.say(request, len(queryset))


@admin.register(Reconciliation)
class ReconciliationAdmin(ActsOnRows):
    list_display = ("walked_to", "next_due_at", "last_done_at", "last_error")
    actions = ("walk_now",)

    @admin.action(description=_("Ask for changes now"))
    def walk_now(self, request: HttpRequest, queryset: QuerySet[Reconciliation]) -> None:
        queryset.update(next_due_at=timezone.now())
        bells.ring_reconcile()
        self.say(request, len(queryset))


@admin.action(description=_("It did arrive: join it with what is there"))
def it_did_arrive(model_admin: Any, request: HttpRequest, queryset: QuerySet[OutboxEntry]) -> None:
    """A person's decision about an undecided entry; the other one, "send it", is the cabinet's own button."""
    entries = queryset.select_related("message", "case")
    joined = sum(joining.join(entry) for entry in entries)
    text = ngettext("%(count)d entry was joined.", "%(count)d entries were joined.", joined)
    model_admin.message_user(request, text % {"count": joined}, messages.SUCCESS)
    if joined < len(entries):
        rest = _("The rest: nothing there resembles it, or more than one thing does. Read the case first.")
        model_admin.message_user(request, str(rest), messages.WARNING)


def _add_button(model: type[Model], button: Any) -> None:
    """The cabinet's admin is registered first (INSTALLED_APPS) and knows nothing of a desk to read or ask."""
    registered = admin.site.get_model_admin(model)
    registered.actions = [*(registered.actions or ()), button]


_add_button(Case, read_this_case_again)
_add_button(Case, compare_with_omnidesk)
_add_button(OutboxEntry, it_did_arrive)


# Registers what else the synchronisation shows there.
from omnidesk_sync import routing_admin  # noqa: E402, F401
