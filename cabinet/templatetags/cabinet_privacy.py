"""What every page says about personal data, and how an export says its rows."""

from datetime import datetime
from typing import Any

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import linebreaks
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from cabinet import privacy

register = template.Library()

LABELS = {
    "user_name": gettext_lazy("User name"),
    "name": gettext_lazy("Name"),
    "external_id": gettext_lazy("Who you are at the company’s own site"),
    "language": gettext_lazy("Language"),
    "time_zone": gettext_lazy("Time zone"),
    "joined_at": gettext_lazy("First sign-in"),
    "last_sign_in_at": gettext_lazy("Last sign-in"),
    "address": gettext_lazy("Address"),
    "proved": gettext_lazy("Proved"),
    "main": gettext_lazy("Main address"),
    "given_at": gettext_lazy("Given"),
    "version": gettext_lazy("Version of the policy"),
    "policy": gettext_lazy("Address of the policy"),
    "at": gettext_lazy("When"),
    "network_address": gettext_lazy("Network address"),
    "browser": gettext_lazy("Browser"),
    "signed_out_at": gettext_lazy("Signed out"),
    "size": gettext_lazy("Size in bytes"),
    "type": gettext_lazy("Type"),
    "uploaded_at": gettext_lazy("Uploaded"),
    "case": gettext_lazy("Case"),
    "in_chat": gettext_lazy("In the chat"),
    "subject": gettext_lazy("Subject"),
    "text": gettext_lazy("Text"),
    "fields": gettext_lazy("Other fields"),
    "from_another_device": gettext_lazy("Typed on another device"),
    "changed_at": gettext_lazy("Changed"),
}


@register.simple_tag
def policy_url() -> str:
    return privacy.policy_url()


@register.simple_tag
def privacy_contact() -> str:
    return privacy.contact()


@register.filter
def field_label(key: str) -> str:
    """A key of data.json in words; one nobody has put into words as it is."""
    return str(LABELS.get(key, key.replace("_", " ")))


@register.filter
def as_words(value: Any) -> str:
    """A value for reading: times in the reader's zone, yes and no, a dash for nothing."""
    if isinstance(value, datetime):
        return date_format(timezone.localtime(value), "j E Y, H:i")
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, dict):
        value = "; ".join(f"{field_label(name)}: {as_words(part)}" for name, part in value.items())
    if isinstance(value, list):
        value = ", ".join(as_words(part) for part in value)
    return str(value) if value not in (None, "") else "—"


@register.filter
def as_body(message: dict[str, Any]) -> SafeString:
    """The body of an exported message: what `cabinet.bodies` has made safe, else the plain text."""
    return mark_safe(message["html"] or linebreaks(message["text"], autoescape=True))  # noqa: S308
