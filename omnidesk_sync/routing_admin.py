"""Topics at Omnidesk for admins: groups, labels, and which field goes where."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import ForeignKey, QuerySet
from django.forms import ModelChoiceField
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext_lazy as _

from cabinet.models import TopicField
from omnidesk_sync import routing
from omnidesk_sync.models import FieldMapping, TopicMapping


class FieldMappingInline(admin.TabularInline):  # type: ignore[type-arg]
    model = FieldMapping
    extra = 0

    def formfield_for_foreignkey(
        self, db_field: "ForeignKey[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> ModelChoiceField | None:  # type: ignore[type-arg]
        """Only fields of this topic; on the page that adds one, of all topics, by their keys."""
        if db_field.name == "field":
            fields = TopicField.objects.select_related("topic").order_by("topic__key", "position")
            match = request.resolver_match
            pk = str(match.kwargs.get("object_id", "")) if match else ""
            mapping = TopicMapping.objects.filter(pk=int(pk)).first() if pk.isdecimal() else None
            kwargs["queryset"] = fields.filter(topic=mapping.topic_id) if mapping else fields
        return super().formfield_for_foreignkey(db_field, request, **kwargs)


@admin.register(TopicMapping)
class TopicMappingAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """What the desk is told of a topic's cases. Read anew at each sending."""

    list_display = ("topic", "group_id", "labels", "priority", "field_names")
    list_select_related = ("topic",)
    inlines = (FieldMappingInline,)

    def get_queryset(self, request: HttpRequest) -> QuerySet[TopicMapping]:
        rows: QuerySet[TopicMapping] = super().get_queryset(request)
        return rows.prefetch_related("fields__field__topic")

    @admin.display(description=_("fields"))
    def field_names(self, row: TopicMapping) -> str:
        return ", ".join(f"{each.field.key} → {each.desk_field}" for each in row.fields.all()) or "—"

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """Says what the desk is not told."""
        if request.method == "GET" and (missing := routing.unmapped()):
            names = ", ".join(str(row) for row in missing)
            text = _("Shown in the cabinet only, no field of Omnidesk is named for: %(names)s.")
            messages.warning(request, text % {"names": names})
        return super().changelist_view(request, extra_context)
