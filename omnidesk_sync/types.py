"""Values that cross the border to Omnidesk: frozen, typed, only the fields we use.

No Django here. Nothing in these classes is ever written to a log as a whole: texts and addresses are in them.
Facts about the vendor's shapes come from the public API pages and from clients seen in public code; where a
fact is uncertain the field says so.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Generic, Literal, TypedDict, TypeVar

T = TypeVar("T")
CaseStatus = Literal["open", "waiting", "closed"]
CaseSort = Literal["updated_at_asc", "updated_at_desc", "created_at_asc", "created_at_desc"]
MessageOrder = Literal["asc", "desc"]
FieldValue = str | bool
Rating = Literal["high", "middle", "low"]


@dataclass(frozen=True, slots=True)
class OutgoingFile:
    """One file of a customer on its way to the desk. `open` gives a fresh binary stream each time."""

    name: str
    content_type: str
    size: int
    open: Callable[[], BinaryIO]


@dataclass(frozen=True, slots=True)
class NewCase:
    """What opens a case. The person is found by his identity, and made by the desk when missing.

    Either `user_email`, or `user_custom_id` (an id of ours) together with the `channel` it belongs to.
    Without `group_id`, `labels` and `priority` the desk's own rules decide.
    """

    user_email: str
    user_full_name: str
    subject: str
    content: str
    custom_fields: Mapping[str, FieldValue] = field(default_factory=dict)
    files: tuple[OutgoingFile, ...] = ()
    user_custom_id: str = ""
    channel: str = ""
    group_id: int | None = None
    labels: tuple[int, ...] = ()
    priority: str = ""


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A customer's message. Without `user_id` Omnidesk would post it as staff and mail it to the customer."""

    user_id: int
    content: str
    files: tuple[OutgoingFile, ...] = ()


class CaseFilters(TypedDict, total=False):
    """What to list. Texts match exactly; a filter that is None is left out, an empty one is refused."""

    user_email: str | None
    user_custom_id: str | None
    user_id: int | None
    from_updated_time: datetime | None
    sort: CaseSort | None
    show_active_chats: bool
    show_merged_cases: bool
    custom_fields: Mapping[str, str] | None


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file of a message. `url` carries the desk's own access rules and must never reach a browser."""

    file_id: int
    file_name: str
    file_size: int
    mime_type: str
    url: str


@dataclass(frozen=True, slots=True)
class DeskCase:
    """A case as the desk last said. `status` and `rating` are raw: unknown words are possible. Times are UTC.

    `user_id` is 0 when the answer named no customer. A time is None when it was absent, "-" or unreadable.
    """

    case_id: int
    case_number: str
    subject: str
    user_id: int
    status: str
    channel: str
    created_at: datetime | None
    updated_at: datetime | None
    closed_at: datetime | None
    parent_case_id: int | None
    deleted: bool
    spam: bool
    custom_fields: Mapping[str, str]
    rating: str = ""
    rating_comment: str = ""


@dataclass(frozen=True, slots=True)
class DeskMessage:
    """One row of a case's message list. `message_type` is raw: unknown words are possible. Times are UTC.

    `note` is None when the answer did not say, and True when it said something unclear. `sent_at` is None
    only when the answer gave no such time: a row with an unreadable one is refused, since it may lie in the
    future.
    """

    message_id: int
    user_id: int
    staff_id: int
    content: str
    content_html: str
    attachments: tuple[Attachment, ...]
    note: bool | None
    message_type: str
    sent_via_rule: bool
    created_at: datetime | None
    sent_at: datetime | None
    full_name: str
    # The address of the author's picture; "" for none, None when the answer did not say.
    thumbnail: str | None = None


@dataclass(frozen=True, slots=True)
class DeskUser:
    """One profile: one identity in one channel. `user_email` is empty for profiles of other channels.

    `custom_id` is what somebody called the customer in a custom channel, "" elsewhere and where the answer
    did not say; `custom_channel` is that channel as `cchN`, "" where the answer did not say.
    """

    user_id: int
    user_email: str
    user_full_name: str
    deleted: bool
    custom_id: str = ""
    custom_channel: str = ""


@dataclass(frozen=True, slots=True)
class DeskChannel:
    """A custom channel. `key` is `cchN`; `kind` is raw (`async`, `sync`); `webhook_url` may hold a secret."""

    key: str
    title: str
    kind: str
    webhook_url: str = field(repr=False)
    active: bool


@dataclass(frozen=True, slots=True)
class DeskStaff:
    """A staff member of the account."""

    staff_id: int
    staff_email: str
    active: bool


@dataclass(frozen=True, slots=True)
class DeskField:
    """A custom field. `level` is raw (`user`, `case`), and so is `kind` (`text`, `select`, …)."""

    field_id: int
    title: str
    kind: str
    level: str
    active: bool


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list, in the order asked for.

    `total_count` is None when the answer had no counter. `server_time` is the answer's Date header (UTC), or
    this machine's clock when the header was missing or unreadable.
    """

    items: tuple[T, ...]
    total_count: int | None
    server_time: datetime


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched whole. `content_type` is the answer's, without parameters, or ""."""

    content_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Call:
    """A call about to be made. `units` is its price in the account's budget (writes cost two)."""

    method: str
    name: str
    units: int


@dataclass(frozen=True, slots=True)
class Answered:
    """What an answer said about the account's budget; None where a header was missing or unreadable."""

    status: int
    server_time: datetime | None
    rate_limit_per_minute: int | None
    api_calls_left: int | None
    retry_after: float | None
