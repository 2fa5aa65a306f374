"""One API call being answered: who asks, what for, and the small conveniences its handlers share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .cases import Refused
from .core import Core
from .desk import Desk
from .inbound import Reply, Request, json_reply
from .records import Body, Case, Json, Message, Staff, Upload
from .shapes import Shapes
from .text import make_body, parse_time

FILE_LIMIT_BYTES = 25 * 1024 * 1024
REQUEST_LIMIT_BYTES = 50 * 1024 * 1024


@dataclass(kw_only=True)
class Call:
    desk: Desk
    request: Request
    owner: Staff
    shapes: Shapes

    @property
    def core(self) -> Core:
        return self.desk.core

    def made(self, data: Any) -> Reply:
        """The answer to a successful POST."""
        return json_reply(data, self.core.switches.created_status)

    def form(self, name: str) -> Json:
        """The object under its singular name, same on the way in as on the way out (1.2)."""
        found = self.request.payload().get(name)
        if not isinstance(found, dict):
            raise Refused(f"{name}_required")
        return found

    def case(self, reference: str) -> Case:
        """A case by id or by number, as the switches let it be seen."""
        rows = self.core.cases
        found = rows.get(int(reference)) if reference.isdigit() else None
        found = found or next((row for row in rows.all() if row.case_number == reference), None)
        switches = self.core.switches
        if found is None or (found.destroyed and switches.deleted_case == "404"):
            raise Refused("case_not_found", 404)
        if found.deleted and switches.trashed_case == "404":
            raise Refused("case_not_found", 404)
        return found

    def message(self, case: Case, message_id: str, *, note: bool | None = None) -> Message:
        found = self.core.messages.get(int(message_id))
        if found is None or found.deleted or found.case_id != case.case_id:
            raise Refused("message_not_found", 404)
        if note is not None and found.note != note:
            raise Refused("message_not_found", 404)
        return found

    def body(self, form: Json, *, required: bool = True) -> Body:
        """Text of a message from ``content`` / ``content_html``; either is enough."""
        switches = self.core.switches
        text, html = words(form, "content"), words(form, "content_html")
        if required and not text.strip() and not html.strip() and not form.get("attachments"):
            raise Refused("content_required")
        if switches.max_content_length and max(len(text), len(html)) > switches.max_content_length:
            raise Refused("content_too_long")
        return make_body(text, html, style=switches.text_as_html, strict=switches.sanitise_html)


def words(form: Json, name: str) -> str:
    value = form.get(name)
    return "" if value is None else str(value)


def number(form: Json, name: str) -> int:
    """An id; null, an empty string and 0 all mean "none given"."""
    value = words(form, name).strip()
    if not value:
        return 0
    if not value.isdigit():
        raise Refused(f"incorrect_{name}")
    return int(value)


def moment(form: Json, name: str) -> int | None:
    value = words(form, name)
    try:
        return parse_time(value) if value else None
    except ValueError:
        raise Refused(f"incorrect_{name}") from None


def uploads(form: Json) -> list[Upload]:
    """The files of a multipart request. Fetching ``attachment_urls`` is not imitated, and says so."""
    if form.get("attachment_urls"):
        raise Refused("attachment_urls_not_imitated")
    given = form.get("attachments") or []
    found = [item for item in (given if isinstance(given, list) else [given]) if isinstance(item, Upload)]
    if any(len(upload.data) > FILE_LIMIT_BYTES for upload in found):
        raise Refused("attachment_too_large")
    return found
