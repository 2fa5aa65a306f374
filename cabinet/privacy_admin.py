"""What staff see of people's rights: consents, exports and erasures, to look at; and erasing by request.

`cabinet.admin` imports this module, so that Django finds it.
"""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinet import erasure
from cabinet.models import Profile
from cabinet.privacy_models import Consent, DataExport, Erasure
from cabinet.readonly_admin import ReadOnly


@admin.register(Consent)
class ConsentAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Who has agreed to what, and when. Nobody adds or changes a consent by hand."""

    list_display = ["person", "version", "given_at", "language", "policy_url"]
    list_filter = ["version", "language", "given_at"]
    list_select_related = ["person"]
    search_fields = ["person__emailaddress__email", "version"]
    date_hierarchy = "given_at"
    ordering = ["-given_at"]
    show_full_result_count = False


@admin.register(DataExport)
class DataExportAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """Copies that people asked for. Only they can open them."""

    list_display = ["person", "state", "size", "requested_at", "finished_at", "expires_at", "last_error"]
    list_filter = ["state", "requested_at"]
    list_select_related = ["person"]
    search_fields = ["=id", "person__emailaddress__email"]
    exclude = ["blob"]
    ordering = ["-requested_at"]
    show_full_result_count = False


@admin.register(Erasure)
class ErasureAdmin(ReadOnly, admin.ModelAdmin):  # type: ignore[type-arg]
    """What was erased. What waits and does not move shows its error here."""

    list_display = ["id", "asked_by", "requested_at", "erased_at", "account_kept", "attempts", "last_error"]
    list_filter = ["asked_by", "account_kept", "requested_at"]
    search_fields = ["=id", "=person_key"]
    ordering = ["-requested_at"]
    show_full_result_count = False


@admin.action(description=gettext_lazy("Erase the person’s data…"), permissions=["erase"])
def erase_people(model_admin: Any, request: HttpRequest, queryset: QuerySet[Profile]) -> HttpResponse | None:
    """Asks once more with numbers, then begins."""
    people = [profile.user for profile in queryset.select_related("user")]
    if request.POST.get("confirmed") != "yes":
        rows = [(person, erasure.counts_of(person)) for person in people]
        context = {**model_admin.admin_site.each_context(request), "rows": rows, "profiles": queryset}
        context |= {"title": _("Erase the person’s data"), "opts": model_admin.model._meta}
        context["action_checkbox_name"] = helpers.ACTION_CHECKBOX_NAME
        return TemplateResponse(request, "admin/cabinet/erase.html", context)
    for person in people:
        try:
            erasure.request(person=person, asked_by=Erasure.AskedBy.STAFF, now=timezone.now())
        except erasure.StaffAccount:
            messages.error(request, _("An account of staff is not erased: take its rights away first."))
        else:
            messages.success(request, _("Erasing has begun; Erasures shows when it is done."))
    return None
