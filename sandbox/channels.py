"""Custom channels: making them, and telling the site behind one what staff have written (omnidesk-api.md 6).

The webhook of a channel is the desk's own, not a rule's: its body is fixed, it has no headers of ours and no
signature, so a secret can only stand in the address. What is said is said at once, with the values of that
moment; whether and how often it arrives is decided in ``webhooks``, as for rules.
"""

from __future__ import annotations

import json
from typing import Any

from .cases import Refused
from .core import Core, Event
from .records import Case, Channel, Json, Message
from .rules import as_form
from .shapes import Shapes
from .webhooks import Dispatcher, Webhook

TYPES = ("async", "sync")


def cabinet_channels(url: str, secret: str) -> list[Json]:
    """The two channels that a cabinet can use, as a person would fill in the form."""
    address = f"{url.rstrip('/')}/{secret}/" if secret else url
    return [
        {"title": "Cabinet", "channel_type": "async", "webhook_url": address},
        {"title": "Cabinet chat", "channel_type": "sync", "icon": "fa-comments", "webhook_url": address},
    ]


class Channels:
    def __init__(self, core: Core, webhooks: Dispatcher) -> None:
        self._core, self._webhooks, self._shapes = core, webhooks, Shapes(core)

    def save(self, *, test: bool = True, **details: Any) -> Channel:
        """Make a channel, or replace the one of the same id; the form's test request follows."""
        known = details.get("channel_id")
        if not details.get("title") or details.get("channel_type", "async") not in TYPES:
            raise Refused("incorrect_channel")
        with self._core.work():
            channel_id = int(known) if known else self._free_id()
            channel = self._core.channels.put(Channel(**{**details, "channel_id": channel_id}))
            if test and channel.active and self._core.switches.webhook_test_on_save:
                self._say(channel, "test", {})
        return channel

    def _free_id(self) -> int:
        """The next id, passing over those that were given by hand."""
        while self._core.channels.get(found := self._core.next_id("channel")):
            pass
        return found

    def remove(self, channel_id: int) -> None:
        with self._core.work():
            self._core.channels.drop(channel_id)

    def enable(self, channel_id: int, *, active: bool) -> None:
        with self._core.work():
            channel = self._core.channels.get(channel_id)
            if channel is None:
                raise Refused("channel_not_found", 404)
            channel.active = active
            self._core.channels.put(channel)

    def receiving(self, name: str) -> Channel:
        """The channel that a new case is for (Refused when there is none or it is switched off)."""
        channel = self._core.channel(name)
        if channel is None:
            raise Refused("channel_not_found")
        if not channel.active:
            raise Refused("channel_not_active")
        return channel

    def hear(self, event: Event) -> None:
        """Called under the desk's lock for everything that happens to any case."""
        case = self._core.cases.get(event.case_id)
        channel = self._core.channel(case.channel) if case and case.in_custom_channel else None
        if case is None or channel is None or not channel.active:
            return
        message = self._core.messages.get(event.message_id)
        if event.condition in ("case_closed", "chat_left"):
            self._say_other(channel, case, "chat_closed")
        elif message and (self._is_answer(event, message) or self._is_note(event)):
            if not message.note:
                self._say_other(channel, case, "typing", staff_id=message.staff_id)
            self._say(channel, "message_new", self._about(case, message))

    def _is_answer(self, event: Event, message: Message) -> bool:
        # A desk whose notes fire "staff replied" shows the same note twice; the channel hears of it once.
        return event.condition == "staff_replied" and not message.note

    def _is_note(self, event: Event) -> bool:
        return event.condition == "note_added" and self._core.switches.channel_webhook_notes

    def _about(self, case: Case, message: Message) -> Json:
        user = self._core.users.get(case.user_id)
        found: Json = {
            "message_id": message.message_id,
            "case_id": case.case_id,
            "staff_id": message.staff_id,
            "user_id": case.user_id,
            "custom_user_id": user.custom_id if user else "",
            "content": message.text,
            "note": int(message.note),
            "sent_via_rule": int(message.sent_via_rule),
        }
        if self._core.switches.channel_webhook_rich:
            found |= {"content_html": message.html, "attachments": self._shapes.files(message)}
        return found

    def _say_other(self, channel: Channel, case: Case, kind: str, **more: Any) -> None:
        if self._core.switches.channel_webhook_other_types:
            user = self._core.users.get(case.user_id)
            who = {"user_id": case.user_id, "custom_user_id": user.custom_id if user else ""}
            self._say(channel, kind, {"case_id": case.case_id, **who, **more})

    def _say(self, channel: Channel, kind: str, about: Json) -> None:
        if not channel.webhook_url:
            return
        switches = self._core.switches
        if switches.channel_webhook_strings:
            about = {name: str(value) if isinstance(value, int) else value for name, value in about.items()}
        body = json.dumps({"type": kind, "object": about}, ensure_ascii=False)
        form = switches.channel_webhook_encoding == "form"
        content_type = "application/x-www-form-urlencoded" if form else "application/json"
        self._webhooks.post(
            Webhook(
                rule=channel.api_key,
                method="POST",
                url=channel.webhook_url,
                headers={"Content-Type": content_type},
                body=as_form(body) if form else body,
                timeout_seconds=switches.webhook_timeout_seconds,
            )
        )
