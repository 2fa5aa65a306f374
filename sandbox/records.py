"""What the pretend desk remembers: plain rows, one dataclass per kind of thing.

Rows hold the desk's own truth (unix seconds, both forms of a text). How the API shows them - RFC 2822
dates, "-" for nothing, empty ``content`` - is decided in ``shapes``, so that one stored history can be
shown in every shape the switches know.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

CHANNEL_PREFIX = "cch"


@dataclass(kw_only=True)
class Case:
    """A case. ``deleted`` means "in the trash"; ``destroyed`` means deleted for good.

    ``chat_spoken_at`` is when somebody last wrote in a chat that has a time limit, 0 in all other cases.
    """

    case_id: int
    case_number: str
    subject: str
    user_id: int
    created_at: int
    updated_at: int
    staff_id: int = 0
    group_id: int = 44
    status: str = "open"
    priority: str = "normal"
    channel: str = "web"
    recipient: str = ""
    cc_emails: str = ""
    bcc_emails: str = ""
    deleted: bool = False
    spam: bool = False
    destroyed: bool = False
    chat_active: bool = False
    chat_spoken_at: int = 0
    closed_at: int | None = None
    first_response_at: int | None = None
    last_response_at: int | None = None
    language_id: int = 2
    parent_case_id: int = 0
    custom_fields: Json = field(default_factory=dict)
    labels: list[int] = field(default_factory=list)
    rating: str = ""
    rating_comment: str = ""
    rated_staff_id: int = 0
    changelog: list[Json] = field(default_factory=list)

    @property
    def key(self) -> int:
        return self.case_id

    @property
    def in_custom_channel(self) -> bool:
        return self.channel.startswith(CHANNEL_PREFIX)


@dataclass(kw_only=True)
class Message:
    """A row of a thread. ``pending`` is true until a delayed message has really gone out."""

    message_id: int
    case_id: int
    user_id: int
    staff_id: int
    text: str
    html: str
    message_type: str
    created_at: int
    sent_at: int
    full_name: str = ""
    note: bool = False
    sent_via_rule: bool = False
    file_ids: list[int] = field(default_factory=list)
    pending: bool = False
    mail_customer: bool = False
    by_api: bool = False
    deleted: bool = False
    edited_at: int | None = None
    came_from_case_id: int = 0
    rating: str = ""
    rating_comment: str = ""
    rated_staff_id: int = 0

    @property
    def key(self) -> int:
        return self.message_id


@dataclass(kw_only=True)
class User:
    """One identity in one channel (omnidesk-api.md 5.1), so one person may have several rows."""

    user_id: int
    full_name: str
    type: str
    created_at: int
    updated_at: int
    email: str = ""
    phone: str = ""
    custom_id: str = ""
    custom_channel: str = ""
    company_name: str = ""
    company_position: str = ""
    user_note: str = ""
    active: bool = True
    deleted: bool = False
    language_id: int = 2
    custom_fields: Json = field(default_factory=dict)
    linked_users: list[int] = field(default_factory=list)

    @property
    def key(self) -> int:
        return self.user_id


@dataclass(kw_only=True)
class Staff:
    staff_id: int
    email: str
    full_name: str
    active: bool = True

    @property
    def key(self) -> int:
        return self.staff_id


@dataclass(kw_only=True)
class StoredFile:
    """An attachment's description; its bytes lie in the store under the same id."""

    file_id: int
    case_id: int
    name: str
    mime_type: str
    size: int
    token: str

    @property
    def key(self) -> int:
        return self.file_id


@dataclass(kw_only=True)
class Letter:
    """A letter in somebody's mailbox.

    ``origin`` says how it came to be: ``desk`` (the desk mailed a customer), ``customer`` (a customer
    wrote to the desk), ``smtp`` (a stranger, such as the cabinet, delivered it to our SMTP door).
    """

    letter_id: int
    origin: str
    sender: str
    to: str
    subject: str
    text: str
    html: str
    created_at: int
    case_id: int = 0
    message_id: int = 0
    file_ids: list[int] = field(default_factory=list)

    @property
    def key(self) -> int:
        return self.letter_id


@dataclass(kw_only=True)
class Rule:
    """An automation rule whose action is "send a webhook" (omnidesk-api.md 7.1).

    ``url_without_headers`` is called instead of ``url`` while the switch says that the desk's form has no
    field for headers: whoever relies on a secret header then has to put the secret into the address.
    """

    rule_id: int
    name: str
    condition: str
    url: str
    kind: str = "changed"
    method: str = "POST"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""
    content_type: str = "application/json"
    enabled: bool = True
    url_without_headers: str = ""

    @property
    def key(self) -> int:
        return self.rule_id


@dataclass(kw_only=True)
class Channel:
    """A custom channel: ``async`` like mail, ``sync`` like a chat (omnidesk-api.md 6)."""

    channel_id: int
    title: str
    channel_type: str = "async"
    icon: str = "fa-question-circle"
    webhook_url: str = ""
    active: bool = True

    @property
    def key(self) -> int:
        return self.channel_id

    @property
    def api_key(self) -> str:
        """How cases and users name the channel: ``cch101``."""
        return f"{CHANNEL_PREFIX}{self.channel_id}"


@dataclass(kw_only=True)
class Upload:
    """A file on its way in, before it has an id."""

    name: str
    mime_type: str
    data: bytes


@dataclass(frozen=True, kw_only=True)
class Body:
    """One text in both of its forms."""

    text: str
    html: str
