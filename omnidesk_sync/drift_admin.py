"""The drift report for admins: "compare now", what was found, "mend" and "compare again"."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from cabinet.models import Case
from cabinet.readonly_admin import ReadOnly
from omnidesk_sync import drift_mending, drift_runs, drift_words
from omnidesk_sync.drift_mending import Mended
from omnidesk_sync.models import DriftCase, DriftRun


def may_compare(request: HttpRequest) -> bool:
    """Comparing costs calls: looking at the rows is not enough."""
    return request.user.has_perm("omnidesk_sync.add_driftrun")


@admin.register(DriftRun)
class DriftRunAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Comparisons of both systems. The button only writes a row: workers compare, page views never call."""

    list_display = (
        "requested_at",
        "requested_by",
        "everything",
        "compared",
        "same",
        "in_motion",
        "differing",
        "failed",
        "units",
        "finished_at",
        "rows",
        "last_error",
    )
    list_select_related = ("requested_by",)
    exclude = ("walked_to",)
    readonly_fields = ("rows",)
    change_list_template = "omnidesk_sync/drift_runs.html"

    @admin.display(description=_("what was found"))
    def rows(self, run: DriftRun) -> SafeString:
        address = reverse("admin:omnidesk_sync_driftcase_changelist")
        return format_html('<a href="{}?run__id__exact={}">{}</a>', address, run.pk, _("compared cases"))

    def get_urls(self) -> list[URLPattern]:
        button = path("compare/", self.admin_site.admin_view(self.compare), name="omnidesk_sync_compare")
        return [button, *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        context = {**(extra_context or {}), "may_compare": may_compare(request)}
        return super().changelist_view(request, context)

    def compare(self, request: HttpRequest) -> HttpResponse:
        """Asks for a comparison of everything, unless one is under way."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        if not may_compare(request):
            raise PermissionDenied
        if drift_runs.request_all(request.user) is None:
            self.message_user(request, str(_("A comparison is under way already.")), messages.WARNING)
        else:
            self.message_user(request, str(_("The comparison has been asked for.")), messages.SUCCESS)
        return HttpResponseRedirect(reverse("admin:omnidesk_sync_driftrun_changelist"))


@admin.register(DriftCase)
class DriftCaseAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """What was found, case by case; cases that are the same have no row."""

    list_display = ("__str__", "case", "desk_case_id", "state", "in_words", "compared_at", "mended_at")
    list_filter = ("state", "run")
    list_select_related = ("case", "run")
    search_fields = ("number", "desk_case_id", "case__subject")
    fields = (
        "run",
        "case",
        "owner",
        "desk_case_id",
        "number",
        "state",
        "in_words",
        "looks",
        "compared_at",
        "mended_at",
    )
    ordering = ("-run", "id")
    actions = ("mend", "compare_again")

    def has_mend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("omnidesk_sync.change_driftcase")

    def has_compare_permission(self, request: HttpRequest) -> bool:
        return may_compare(request)

    @admin.display(description=_("what differs"))
    def in_words(self, row: DriftCase) -> SafeString:
        return _in_words(row)

    @admin.action(description=_("Mend: read the case again in full"), permissions=["mend"])
    def mend(self, request: HttpRequest, queryset: QuerySet[DriftCase]) -> None:
        by_hand = 0
        rows = list(queryset.filter(state=DriftCase.State.DIFFERS))
        for row in rows:
            done = drift_mending.mend(row.case_id, row.desk_case_id, row.found)
            by_hand += done is Mended.BY_HAND
            if done is not Mended.BY_HAND:
                DriftCase.objects.filter(pk=row.pk).update(mended_at=timezone.now())
        asked = len(rows) - by_hand
        text = ngettext("Mending %(count)d case.", "Mending %(count)d cases.", asked)
        self.message_user(request, text % {"count": asked}, messages.SUCCESS)
        if by_hand:
            rest = _("The rest: a reading does not mend it. Open the case and decide about its outbox.")
            self.message_user(request, str(rest), messages.WARNING)

    @admin.action(description=_("Compare again"), permissions=["compare"])
    def compare_again(self, request: HttpRequest, queryset: QuerySet[DriftCase]) -> None:
        rows = list(queryset)
        drift_runs.request_again(rows, request.user)
        _say_compared(self, request, len(rows))


def _in_words(row: DriftCase) -> SafeString:
    said = drift_words.found_lines(row.found, row.notes, row.error)
    return format_html_join("", "<div>{}</div>", ((line,) for line in said))


def _say_compared(model_admin: Any, request: HttpRequest, count: int) -> None:
    text = ngettext("%(count)d case will be compared.", "%(count)d cases will be compared.", count)
    model_admin.message_user(request, text % {"count": count}, messages.SUCCESS)


@admin.action(description=_("Compare with Omnidesk"))
def compare_with_omnidesk(model_admin: Any, request: HttpRequest, queryset: QuerySet[Case]) -> None:
    """The same in the list of cases, for whoever has a customer's case before him."""
    if not may_compare(request):
        raise PermissionDenied
    cases = list(queryset)
    drift_runs.request_cases(cases, request.user)
    _say_compared(model_admin, request, len(cases))
