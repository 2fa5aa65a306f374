"""How the API shows the desk's rows: the shapes of omnidesk-api.md 1.2, 1.4, 2.2, 3.1, 4.2 and 5.2.

Every doubtful detail asks a switch here and nowhere else.
"""

from __future__ import annotations

from typing import Any

from .core import Core
from .records import CHANNEL_PREFIX, Case, Channel, Json, Message, Staff, StoredFile, User
from .text import rfc2822

NO_VALUE = "-"


class Shapes:
    def __init__(self, core: Core) -> None:
        self._core = core

    def case(self, case: Case, *, with_speed: bool = False, with_files: bool = False) -> Json:
        flag = self._flag
        found: Json = {
            "case_id": case.case_id,
            "case_number": case.case_number,
            "subject": case.subject,
            "user_id": case.user_id,
            "staff_id": case.staff_id,
            "group_id": case.group_id,
            "status": case.status,
            "priority": case.priority,
            "channel": case.channel,
            "recipient": case.recipient,
            "cc_emails": case.cc_emails,
            "bcc_emails": case.bcc_emails,
            "deleted": flag(case.deleted or case.destroyed),
            "spam": flag(case.spam),
            "created_at": rfc2822(case.created_at),
            "updated_at": rfc2822(case.updated_at),
            "closed_at": rfc2822(case.closed_at) if case.closed_at else NO_VALUE,
            "last_response_at": rfc2822(case.last_response_at) if case.last_response_at else NO_VALUE,
            "closing_speed": (case.closed_at - case.created_at) // 60 if case.closed_at else NO_VALUE,
            "language_id": case.language_id,
            "parent_case_id": case.parent_case_id,
            "custom_fields": case.custom_fields,
            "labels": case.labels,
            "locked_labels": [],
            "rating": case.rating,
            "rating_comment": case.rating_comment,
            "rated_staff_id": case.rated_staff_id,
        }
        if with_speed:
            first = case.first_response_at
            found["first_response_speed"] = (first - case.created_at) // 60 if first else NO_VALUE
        if with_files:
            opening = self._core.thread(case.case_id)[0]
            found["attachments"] = self.files(opening)
        return {"case": found}

    def message(self, message: Message) -> Json:
        text, html = self._content(message)
        found: Json = {
            "message_id": message.message_id,
            "user_id": message.user_id,
            "staff_id": message.staff_id,
            **self._author(message),
            "content": text,
            "content_html": html,
            "attachments": self.files(message),
            "note": self._flag(message.note and self._core.switches.note_flag != "false"),
            "message_type": self._core.switches.note_type if message.note else message.message_type,
            "sent_via_rule": self._flag(message.sent_via_rule),
            "created_at": rfc2822(message.created_at),
            "sent_at": rfc2822(message.sent_at),
            "parent_id": 0,
            "is_viewed": self._flag(False),
        }
        if self._core.switches.note_flag == "missing":
            del found["note"]
        if message.rating:
            found |= {
                "rating": message.rating,
                "rating_comment": message.rating_comment,
                "rated_staff_id": message.rated_staff_id,
            }
        return {"message": found}

    def user(self, user: User, *, password: str = "") -> Json:
        found: Json = {
            "user_id": user.user_id,
            "user_full_name": user.full_name,
            "company_name": user.company_name,
            "company_position": user.company_position,
            "thumbnail": "",
            "confirmed": self._flag(False),
            "active": self._flag(user.active),
            "deleted": self._flag(user.deleted),
            "created_at": rfc2822(user.created_at),
            "updated_at": rfc2822(user.updated_at),
            "type": user.type,
            "user_email": user.email,
            "user_phone": user.phone,
            "language_id": user.language_id,
            "custom_fields": user.custom_fields,
            "linked_users": user.linked_users,
        }
        if user.custom_id:
            bare = self._core.switches.user_custom_channel_shape == "number"
            channel = user.custom_channel.removeprefix(CHANNEL_PREFIX) if bare else user.custom_channel
            found |= {"user_custom_id": user.custom_id, "user_custom_channel": channel}
        if password:
            found["password"] = password
        return {"user": found}

    def staff(self, member: Staff) -> Json:
        return {
            "staff": {
                "staff_id": member.staff_id,
                "staff_email": member.email,
                "staff_full_name": member.full_name,
                "staff_signature": "",
                "staff_signature_chat": "",
                "thumbnail": self._core.picture_url(member.staff_id),
                "active": self._flag(member.active),
                "status": "online",
                "status_id": 1,
            }
        }

    def channel(self, channel: Channel) -> Json:
        """Without its envelope."""
        return {
            "channel_id": channel.channel_id,
            "channel_api_key": channel.api_key,
            "title": channel.title,
            "channel_type": channel.channel_type,
            "icon": channel.icon,
            "webhook_url": channel.webhook_url,
            "active": self._flag(channel.active),
        }

    def file(self, row: StoredFile) -> Json:
        return {
            "file_id": row.file_id,
            "file_name": row.name,
            "file_size": row.size,
            "mime_type": row.mime_type,
            "url": self._core.file_url(row),
        }

    def many(self, items: list[Json], total: int, *, name: str) -> Any:
        """A list in the shape that the switches ask for; ``name`` is the singular key of its items."""
        switches = self._core.switches
        if not items and switches.empty_list != "counter":
            return [] if switches.empty_list == "array" else {name: []}
        if switches.list_shape == "array":
            return items
        found: Json = {str(place): item for place, item in enumerate(items)}
        if switches.total_count != "missing":
            found["total_count"] = str(total) if switches.total_count == "string" else total
        return found

    def files(self, message: Message) -> list[Json]:
        rows = [self._core.files.get(file_id) for file_id in message.file_ids]
        return [self.file(row) for row in rows if row]

    def _content(self, message: Message) -> tuple[str, str]:
        switches = self._core.switches
        shape = switches.chat_content_shape if self._in_chat(message) else switches.content_shape
        return ("" if shape == "html" else message.text), ("" if shape == "text" else message.html)

    def _author(self, message: Message) -> Json:
        if self._core.switches.message_authors == "absent":
            return {}
        picture = self._core.picture_url(message.staff_id) if message.staff_id else ""
        return {"full_name": message.full_name, "thumbnail": picture}

    def _in_chat(self, message: Message) -> bool:
        case = self._core.cases.get(message.case_id)
        return case is not None and self._core.in_sync_channel(case)

    def _flag(self, value: bool) -> bool | int | str:
        shape = self._core.switches.bool_shape
        if shape == "bool":
            return value
        return int(value) if shape == "number" else str(int(value))
