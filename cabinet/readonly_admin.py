"""Rows for admins of every room: to look at, never to edit by hand."""

from django.db.models import Model
from django.http import HttpRequest


class ReadOnly:
    """Put before `ModelAdmin` or an inline. Rows are changed by what they describe and by buttons: a link set
    wrong would show a stranger's case."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:  # noqa: ARG002
        return False
