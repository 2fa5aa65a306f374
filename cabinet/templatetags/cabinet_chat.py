"""What templates say about chats and about the cabinet's own letters."""

from typing import Any

from django import template
from django.template.context import RequestContext
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from cabinet import chat, faces, notices
from cabinet.forms import ChatSettingsForm
from cabinet.models import Case, Message, Profile

register = template.Library()


@register.simple_tag
def chat_is_on() -> bool:
    """Whether there is a chat to lead to."""
    return chat.is_on()


@register.simple_tag
def chat_settings(profile: Profile) -> ChatSettingsForm:
    """The boxes as the person has them."""
    fields = ("enter_sends", "chat_sound", "chat_flash")
    return ChatSettingsForm(initial={name: getattr(profile, name) for name in fields})


@register.simple_tag
def avatar(message: Message, visible: bool = True, initials: bool = True) -> SafeString:
    """The picture of a person of the staff, over its initials: they show where no picture comes.

    Once for a group of bubbles, where not `visible` only the place is kept. Without `initials` there is
    nothing at all where there is no picture.
    """
    if not visible:
        return SafeString('<span class="avatar" aria-hidden="true"></span>')
    address = faces.address_of(message)
    if not address and not initials:
        return SafeString("")
    picture = format_html('<img src="{}" alt="" width="34" height="34">', address) if address else ""
    return format_html('<span class="avatar" aria-hidden="true">{}{}</span>', _initials(message), picture)


def _initials(message: Message) -> str:
    words = (message.author_name or pgettext("author", "Support")).split()
    return "".join(word[0] for word in (words[:1] + words[1:][-1:]) if word[0].isalnum()).upper() or "?"


@register.inclusion_tag("cabinet/_letters.html", takes_context=True)
def letters_about(context: RequestContext, case: Case) -> dict[str, Any]:
    """The switch for letters about this case, where there are any."""
    user = context["user"]
    if not notices.are_possible(user=user, case=case):
        return {"possible": False}
    return {
        "possible": True,
        "case": case,
        "csrf_token": context.get("csrf_token"),
        "wanted": notices.wanted_by(user),
        "muted": notices.is_muted(user=user, case=case),
    }
