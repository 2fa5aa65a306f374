"""From the vendor's JSON to our frozen values. Pure functions: no network, no clock, no Django.

Owns the taming of types (numbers as strings, booleans as "0"), the shapes of lists, dates, and the removal of
characters a database refuses. Refuses to guess: what cannot be read and matters raises `Unreadable`, because
a row that was silently dropped would later look as if somebody had deleted it.

The shapes come from the vendor's API pages [documented] and from public clients [seen in code]; each function
says which.
"""

import math
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TypeVar

from omnidesk_sync.errors import Unreadable
from omnidesk_sync.types import (
    Answered,
    Attachment,
    DeskCase,
    DeskChannel,
    DeskField,
    DeskMessage,
    DeskStaff,
    DeskUser,
)

T = TypeVar("T")

# The largest id a database column of ours can hold; real ones are far below.
MAX_ID = 2**63 - 1
# Clients of public code met all of these for "no value"; "-" in dates and numbers [seen in code].
_NO_VALUE = (None, "", "-")
_TRUE = frozenset({"1", "true", "yes", "on"})
_FALSE = frozenset({"0", "false", "no", "off"})
_SURROGATES = re.compile("[\ud800-\udfff]")
_SECONDS = re.compile(r"[0-9]+(\.[0-9]+)?")
_DIGITS = re.compile(r"[0-9]{1,19}")
_CHANNEL = re.compile(r"(?:cch)?([0-9]{1,18})")
# Unix seconds with nine to eleven digits: 1973 to 5138. A shorter number is not a time.
_UNIX_SECONDS = re.compile(r"[0-9]{9,11}")


# --- Single values


def clean_text(value: str) -> str:
    """The text without what breaks later: NUL (PostgreSQL) and lone surrogates (UTF-8)."""
    return _SURROGATES.sub("\ufffd", value.replace("\x00", ""))


def read_text(value: object) -> str:
    """A string, or "" for anything that is not text; numbers are written out [seen in code: webhooks]."""
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    return ""


def read_id(value: object, name: str) -> int:
    """A positive id, also as a string of digits. Raises `Unreadable`."""
    number = _whole_number(value)
    if number is None or not 0 < number <= MAX_ID:
        raise Unreadable(f"The answer has no usable {name}.")
    return number


def read_optional_id(value: object, name: str) -> int:
    """An id, or 0 where the desk says nobody: 0, "0", false, "", "-" or null. Raises `Unreadable`."""
    if _says_nothing(value):
        return 0
    return read_id(value, name)


def read_count(value: object) -> int | None:
    """A number that is not negative, also as a string; None for everything else."""
    number = _whole_number(value)
    return number if number is not None and 0 <= number <= MAX_ID else None


def read_flag(value: object, *, unclear: bool) -> bool:
    """A boolean, also as a number or a word: `bool("0")` is True. What is not clear becomes `unclear`."""
    if isinstance(value, int | float):
        return value != 0
    if value in _NO_VALUE:
        return False
    word = value.strip().lower() if isinstance(value, str) else ""
    if word in _TRUE:
        return True
    return False if word in _FALSE else unclear


def read_time(value: object) -> datetime | None:
    """A time in UTC from RFC 2822 [documented] or unix seconds; None for "-", "" and whatever is no time."""
    seconds = _whole_number(value)
    try:
        if seconds is not None:
            return datetime.fromtimestamp(seconds, UTC) if _UNIX_SECONDS.fullmatch(str(seconds)) else None
        moment = parsedate_to_datetime(value) if isinstance(value, str) else None
        # "-0000" gives a naive time: RFC 2822 says it is UTC from an unknown zone.
        return moment and _in_utc(moment)
    except (ValueError, TypeError, IndexError, OverflowError, OSError):
        return None


def _says_nothing(value: object) -> bool:
    return value is False or value in _NO_VALUE or _whole_number(value) == 0


def _in_utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _whole_number(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and _DIGITS.fullmatch(value.strip()):
        return int(value.strip())
    return None


# --- Envelopes


def read_object(document: object, key: str) -> Mapping[str, object]:
    """The object under its singular name: `{"case": {…}}` [documented]. Raises `Unreadable`."""
    inner = document.get(key) if isinstance(document, dict) else None
    if not isinstance(inner, dict) or not inner:
        raise Unreadable(f"The answer holds no {key}.")
    return inner


def read_rows(document: object, key: str, parse: Callable[[Mapping[str, object]], T]) -> list[T]:
    """The rows of a list, in the desk's order.

    A list is an object with decimal keys and a counter [documented], or an array, and an empty one has been
    `{"<key>": []}` [both seen in code]. Entries without the singular key are skipped, as the vendor's counter
    is; but an answer that has entries and not one of ours, or no sign of being a list at all, is
    `Unreadable`.
    """
    entries = _entries(document, key)
    wrapped = [entry for entry in entries if isinstance(entry, dict) and key in entry]
    if entries and not wrapped:
        raise Unreadable(f"The list holds entries, but no {key}.")
    return [parse(read_object(entry, key)) for entry in wrapped]


def read_total(document: object) -> int | None:
    """The counter of a list; it can be absent or a string [seen in code]."""
    return read_count(document.get("total_count")) if isinstance(document, dict) else None


def _entries(document: object, key: str) -> list[object]:
    if isinstance(document, list):
        return document
    if not isinstance(document, dict):
        raise Unreadable("The answer is not a list.")
    numbered = _numbered(document)
    if not numbered and document and "total_count" not in document and document.get(key) not in ([], {}):
        raise Unreadable(f"The answer is not a list of {key}s.")
    return numbered


def _numbered(entries: Mapping[str, object]) -> list[object]:
    """The values under decimal keys, in the order of the numbers."""
    keys = [key for key in entries if _DIGITS.fullmatch(key)]
    return [entries[key] for key in sorted(keys, key=int)]


# --- Objects


def read_case(row: Mapping[str, object]) -> DeskCase:
    """A case [documented: doc/cases; `parent_case_id` and the rating seen in code].

    `Unreadable` without `case_id`.
    """
    return DeskCase(
        case_id=read_id(row.get("case_id"), "case_id"),
        case_number=read_text(row.get("case_number")),
        subject=read_text(row.get("subject")),
        user_id=read_optional_id(row.get("user_id"), "user_id"),
        status=read_text(row.get("status")),
        channel=read_text(row.get("channel")),
        created_at=read_time(row.get("created_at")),
        updated_at=read_time(row.get("updated_at")),
        closed_at=read_time(row.get("closed_at")),
        parent_case_id=read_optional_id(row.get("parent_case_id"), "parent_case_id") or None,
        deleted=read_flag(row.get("deleted"), unclear=True),
        spam=read_flag(row.get("spam"), unclear=True),
        custom_fields=_read_custom_fields(row.get("custom_fields")),
        rating=read_text(row.get("rating")),
        rating_comment=read_text(row.get("rating_comment")),
    )


def read_message(row: Mapping[str, object]) -> DeskMessage:
    """A message [seen in code: laravel, php-msg]. Raises `Unreadable` without `message_id`.

    Whatever decides about being public is read so that doubt hides: an unclear `note` is a note, an unclear
    `sent_via_rule` is no rule, an unreadable `sent_at` is refused.
    """
    return DeskMessage(
        message_id=read_id(row.get("message_id"), "message_id"),
        user_id=read_optional_id(row.get("user_id"), "user_id"),
        staff_id=read_optional_id(row.get("staff_id"), "staff_id"),
        content=read_text(row.get("content")),
        content_html=read_text(row.get("content_html")),
        attachments=_read_attachments(row.get("attachments")),
        note=None if row.get("note") in _NO_VALUE else read_flag(row.get("note"), unclear=True),
        message_type=read_text(row.get("message_type")),
        sent_via_rule=read_flag(row.get("sent_via_rule"), unclear=False),
        created_at=read_time(row.get("created_at")),
        sent_at=_read_sent_at(row.get("sent_at")),
        full_name=read_text(row.get("full_name")),
        thumbnail=_read_thumbnail(row),
    )


def _read_thumbnail(row: Mapping[str, object]) -> str | None:
    """The address of the author's picture, "" where there is none, None where nothing readable was said."""
    said = row.get("thumbnail")
    if not isinstance(said, str):
        return None
    address = clean_text(said).strip()
    return "" if address in _NO_VALUE else address


def read_user(row: Mapping[str, object]) -> DeskUser:
    """A profile [documented: doc/users]. Raises `Unreadable` without `user_id`.

    Only these fields are taken: the same object can hold a password in clear text [documented]. How a profile
    of a custom channel looks is [unknown]: the names are those of the list's filters, and of the webhook.
    """
    custom_id = row.get("user_custom_id") or row.get("custom_user_id") or row.get("custom_id")
    return DeskUser(
        user_id=read_id(row.get("user_id"), "user_id"),
        user_email=read_text(row.get("user_email")),
        user_full_name=read_text(row.get("user_full_name")),
        deleted=read_flag(row.get("deleted"), unclear=True),
        custom_id=read_text(custom_id).strip(),
        custom_channel=read_channel_key(row.get("user_custom_channel") or row.get("custom_channel")),
    )


def read_channel_key(value: object) -> str:
    """A custom channel's key as `cchN`; "" for what names none.

    `cch101` in one place and `101` in another [both seen in code: laravel].
    """
    found = _CHANNEL.fullmatch(read_text(value).strip().lower())
    return f"cch{int(found[1])}" if found else ""


def read_channel(row: Mapping[str, object]) -> DeskChannel:
    """A custom channel [seen in code: laravel]. Raises `Unreadable` without a key."""
    key = read_channel_key(row.get("channel_api_key")) or read_channel_key(row.get("channel_id"))
    if not key:
        raise Unreadable("A custom channel has no key.")
    return DeskChannel(
        key=key,
        title=read_text(row.get("title")),
        kind=read_text(row.get("channel_type")).strip().lower(),
        webhook_url=read_text(row.get("webhook_url")).strip(),
        active=read_flag(row.get("active"), unclear=False),
    )


def read_staff(row: Mapping[str, object]) -> DeskStaff:
    """A staff member [documented: doc/staff]."""
    return DeskStaff(
        staff_id=read_id(row.get("staff_id"), "staff_id"),
        staff_email=read_text(row.get("staff_email")).strip(),
        active=read_flag(row.get("active"), unclear=False),
    )


def read_field(row: Mapping[str, object]) -> DeskField:
    """A custom field [seen in code: laravel]."""
    return DeskField(
        field_id=read_id(row.get("field_id"), "field_id"),
        title=read_text(row.get("title")),
        kind=read_text(row.get("field_type")),
        level=read_text(row.get("field_level")),
        active=read_flag(row.get("active"), unclear=False),
    )


def _read_sent_at(value: object) -> datetime | None:
    moment = read_time(value)
    if moment is None and not _says_nothing(value):
        raise Unreadable("A message has a sending time that cannot be read.")
    return moment


def _read_attachments(value: object) -> tuple[Attachment, ...]:
    """A list of files [documented: doc/cases], or an object, as PHP writes lists with gaps [inferred]."""
    if value in _NO_VALUE or value is False:
        return ()
    rows: Iterable[object]
    if isinstance(value, dict):
        rows = [value] if "file_id" in value else value.values()
    elif isinstance(value, list):
        rows = value
    else:
        raise Unreadable("The attachments of a message cannot be read.")
    return tuple(_read_attachment(row) for row in rows)


def _read_attachment(row: object) -> Attachment:
    if not isinstance(row, dict):
        raise Unreadable("An attachment cannot be read.")
    return Attachment(
        file_id=read_id(row.get("file_id"), "file_id"),
        file_name=read_text(row.get("file_name")),
        file_size=read_count(row.get("file_size")) or 0,
        mime_type=read_text(row.get("mime_type")),
        url=read_text(row.get("url")),
    )


def _read_custom_fields(value: object) -> dict[str, str]:
    """Custom fields as text: checkboxes as "true"/"false". PHP writes an empty object as `[]` [inferred]."""
    if not isinstance(value, dict):
        return {}
    return {clean_text(key): _read_custom_value(inner) for key, inner in value.items()}


def _read_custom_value(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return read_text(value)


# --- Headers and errors


def read_answered(status: int, headers: Mapping[str, str]) -> Answered:
    """What the headers say about the budget and the server's clock. Never raises.

    The names have underscores [documented: kb/324737]; `retry_after` is not always there [documented]. The
    ordinary `Retry-After` is read too, for a proxy in between [inferred].
    """
    return Answered(
        status=status,
        server_time=read_time(headers.get("Date")),
        rate_limit_per_minute=read_count(headers.get("rate_limit_per_minute")),
        api_calls_left=read_count(headers.get("api_calls_left")),
        retry_after=_read_seconds(headers.get("retry_after", headers.get("Retry-After"))),
    )


def read_error_code(document: object) -> str:
    """The vendor's `error` word: `{"error": "case_not_found"}` [seen in code]; "" when there is none."""
    error = document.get("error") if isinstance(document, dict) else None
    if not error:
        return ""
    # Something that is not a word still says "this failed".
    return (read_text(error) or "error")[:100]


def _read_seconds(value: str | None) -> float | None:
    seconds = float(value.strip()) if value is not None and _SECONDS.fullmatch(value.strip()) else math.inf
    return seconds if seconds < math.inf else None
