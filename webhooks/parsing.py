"""Reads a webhook's body down to the few fields that may be kept. Nothing in here raises.

A body is looked at: JSON if it looks like JSON, else a multipart or urlencoded form. The content type is not
asked, for senders get it wrong. Custom channels post PHP-style forms (`object[case_id]=…`) [seen in code].
All shapes become one flat mapping with PHP's bracket names before a field is chosen.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Never
from urllib.parse import parse_qsl

from django.core.files.uploadhandler import FileUploadHandler, SkipFile
from django.http.multipartparser import MultiPartParser

LARGEST_ID = 2**63 - 1
MOST_FIELDS = 1000
MOST_KEYS_KEPT = 40
KEYS_LENGTH = 300

_FALSE = {"", "0", "false", "no", "off", "none", "null"}
# Ours have underscores; what a channel calls its other events nobody has described: also `chat.closed`.
_EVENT = re.compile(r"[a-z0-9_][a-z0-9_.:-]{0,39}")
# A form misread out of somebody's prose would have sentences for keys: only identifiers are kept.
_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}(\[[A-Za-z0-9_]{0,40}\]){0,2}")
_BOUNDARY = re.compile(rb"\s*--([A-Za-z0-9'()+_,./:=?-]{1,70})[ \t]*\r\n")


class EmptyBody(ValueError):
    """There was nothing in it."""


class NotAnObject(ValueError):
    """JSON, but not an object."""


class NotAForm(ValueError):
    """Neither JSON nor a form."""


@dataclass(frozen=True, slots=True)
class Hint:
    """What may be kept of a body. `parse_error` is a class of error, `keys` names only; never a value."""

    event: str = ""
    case_id: int | None = None
    message_id: int | None = None
    note: bool | None = None
    keys: str = ""
    parse_error: str = ""


def read_body(body: bytes) -> Hint:
    """The hint in a body; for a body that cannot be read, a hint that says only why."""
    try:
        fields = _fields(body)
        return Hint(
            event=_event(fields.get("event")) or _event(fields.get("type")),
            case_id=_first_id(fields, "case_id"),
            message_id=_first_id(fields, "message_id"),
            note=_note(fields),
            keys=_key_names(fields),
        )
    except Exception as error:  # noqa: BLE001 - no body may cause a 5xx: sending it again would not mend it
        return Hint(parse_error=type(error).__name__)


def _fields(body: bytes) -> Mapping[str, object]:
    text = _text(body)
    if not text:
        raise EmptyBody
    if text[0] in "{[":
        return _json_fields(text)
    boundary = _BOUNDARY.match(body)
    if boundary:
        return _multipart_fields(body, boundary[1].decode("ascii"))
    return _form_fields(text)


def _text(body: bytes) -> str:
    """The body as text without byte order mark and NULs; undecodable bytes become replacement marks.

    The header's charset is not asked: what is kept is ASCII, and looks the same in every charset but UTF-16
    and UTF-32, which the bytes themselves give away.
    """
    text = body.decode(json.detect_encoding(body), "replace")
    return text.replace("\0", "").strip("\ufeff \t\r\n")


def _json_fields(text: str) -> dict[str, object]:
    """`strict=False`: bodies are written by hand in a form, and line breaks stay in them unescaped."""
    document = json.loads(text, strict=False, parse_int=_json_int)
    if not isinstance(document, dict):
        raise NotAnObject
    fields = dict(document)
    inner = document.get("object")
    if isinstance(inner, dict):
        fields |= {f"object[{key}]": value for key, value in inner.items()}
    return fields


def _json_int(digits: str) -> int:
    """Python refuses to read numbers of thousands of digits; nobody's id has more than 20 characters."""
    return int(digits) if len(digits) <= 20 else -1


class _NoFiles(FileUploadHandler):
    """Form parts that are files are skipped: nothing of them reaches a disk."""

    def new_file(self, *args: object, **kwargs: object) -> Never:  # noqa: ARG002
        raise SkipFile

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        """Never called: every file was skipped."""

    def file_complete(self, file_size: int) -> None:
        """Nothing was collected."""


def _multipart_fields(body: bytes, boundary: str) -> dict[str, object]:
    """The boundary is the body's own: the header that should name it may be missing or wrong."""
    meta = {
        "CONTENT_TYPE": f'multipart/form-data; boundary="{boundary}"',
        "CONTENT_LENGTH": str(len(body)),
    }
    post, _files = MultiPartParser(meta, BytesIO(body.lstrip()), [_NoFiles()]).parse()
    return dict(post.items())


def _form_fields(text: str) -> dict[str, object]:
    if "=" not in text:
        raise NotAForm
    return dict(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS, errors="replace"))


def _event(value: object) -> str:
    return value if isinstance(value, str) and _EVENT.fullmatch(value) else ""


def _first_id(fields: Mapping[str, object], name: str) -> int | None:
    candidates = (_id(fields.get(key)) for key in (name, f"object[{name}]"))
    return next((number for number in candidates if number is not None), None)


def _id(value: object) -> int | None:
    """A positive 64-bit number out of a number or a string of digits; everything else is no id."""
    if isinstance(value, str):
        digits = value.strip()
        # `isascii`: "٣" and "²" are digits too.
        value = int(digits) if digits.isascii() and digits.isdigit() and len(digits) <= 20 else 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 1 <= value <= LARGEST_ID else None


def _note(fields: Mapping[str, object]) -> bool | None:
    """Whether the sender says it is an internal note; None if it says nothing. Unclear means yes."""
    flags = [_flag(fields.get(key)) for key in ("note", "object[note]")]
    return None if flags == [None, None] else True in flags


def _flag(value: object) -> bool | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip().lower() not in _FALSE
    return bool(value) if isinstance(value, int | float) else True


def _key_names(fields: Mapping[str, object]) -> str:
    names = (name if _KEY.fullmatch(name) else "?" for name in islice(fields, MOST_KEYS_KEPT))
    return ", ".join(dict.fromkeys(names))[:KEYS_LENGTH]
