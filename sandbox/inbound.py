"""Requests as they come in and answers as they go out, free of any HTTP library.

Bodies may be JSON, ``multipart/form-data`` with PHP-style bracketed names, or a form. Bracketed names
become nested objects; an object whose names are all numbers is a list, whether it starts at 0 or 1
(both are met: omnidesk-api.md 2.3).
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from email.message import Message as MimeHeaders
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from .cases import Refused
from .records import Json, Upload


@dataclass(kw_only=True)
class Request:
    """``headers`` have lower-case names."""

    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def target(self) -> str:
        return self.path + (
            "?" + "&".join(f"{name}={value}" for name, value in self.query) if self.query else ""
        )

    def first(self, name: str, default: str = "") -> str:
        return next((value for key, value in self.query if key == name), default)

    def all(self, name: str) -> list[str]:
        """The values of ``name``, ``name[]`` and ``name[3]`` alike."""
        pattern = re.compile(re.escape(name) + r"(\[\d*\])?")
        return [value for key, value in self.query if pattern.fullmatch(key)]

    def payload(self) -> Json:
        """The body as one nested object (Refused for a body that cannot be read)."""
        kind = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "multipart/form-data":
            return nested(multipart(self.body, self.headers["content-type"]))
        if kind == "application/x-www-form-urlencoded":
            return nested(parse_qsl(self.body.decode("utf-8", "replace"), keep_blank_values=True))
        if not self.body.strip():
            return {}
        try:
            found = json.loads(self.body)
        except ValueError:
            raise Refused("incorrect_json") from None
        if not isinstance(found, dict):
            raise Refused("incorrect_json")
        return found


@dataclass(kw_only=True)
class Reply:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


def make_request(method: str, url: str, headers: dict[str, str], body: bytes) -> Request:
    parts = urlsplit(url)
    return Request(
        method=method.upper(),
        path=unquote(parts.path) or "/",
        query=parse_qsl(parts.query, keep_blank_values=True),
        headers={name.lower(): value for name, value in headers.items()},
        body=body,
    )


def json_reply(data: Any, status: int = 200) -> Reply:
    body = json.dumps(data, ensure_ascii=False).encode()
    return Reply(status=status, body=body, headers={"Content-Type": "application/json; charset=utf-8"})


def html_reply(html: str, status: int = 200) -> Reply:
    return Reply(status=status, body=html.encode(), headers={"Content-Type": "text/html; charset=utf-8"})


def redirect(location: str, status: int = 303) -> Reply:
    return Reply(status=status, headers={"Location": location})


def multipart(body: bytes, content_type: str) -> list[tuple[str, str | Upload]]:
    """The parts of a multipart body; bytes of files are kept as they came."""
    head = MimeHeaders()
    head["Content-Type"] = content_type
    boundary = head.get_param("boundary")
    if not isinstance(boundary, str):
        raise Refused("incorrect_multipart")
    found: list[tuple[str, str | Upload]] = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:]:
        if part.startswith(b"--"):
            break
        raw_head, _, data = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        found.append(_part(raw_head, data))
    return found


def _part(raw_head: bytes, data: bytes) -> tuple[str, str | Upload]:
    lines = dict(
        line.split(":", 1) for line in raw_head.decode("utf-8", "replace").split("\r\n") if ":" in line
    )
    headers = {name.strip().lower(): value.strip() for name, value in lines.items()}
    disposition = headers.get("content-disposition", "")
    name = _parameter(disposition, "name")
    file_name = _parameter(disposition, "filename")
    if name is None:
        raise Refused("incorrect_multipart")
    if file_name is None:
        return name, data.decode("utf-8", "replace")
    mime_type = headers.get("content-type", "application/octet-stream").partition(";")[0]
    return name, Upload(name=_base_name(file_name), mime_type=mime_type, data=data)


def _parameter(disposition: str, name: str) -> str | None:
    """A parameter of Content-Disposition, also in the ``filename*=utf-8''…`` form for other alphabets."""
    extended = re.search(rf"(?i)[;\s]{name}\*\s*=\s*utf-8''([^;\s]+)", disposition)
    if extended:
        return unquote(extended.group(1))
    plain = re.search(rf'(?i)[;\s]{name}\s*=\s*(?:"((?:\\.|[^"\\])*)"|([^;\s]*))', disposition)
    if plain is None:
        return None
    quoted, bare = plain.groups()
    if quoted is None:
        return str(bare)
    return re.sub(r'\\(["\\])', r"\1", quoted).replace("%22", '"')


def _base_name(name: str) -> str:
    return re.split(r"[/\\]", name)[-1] or "file"


def nested(pairs: Any) -> Json:
    """``case[labels][0]=7`` and its like as nested objects."""
    found: Json = {}
    for name, value in pairs:
        head, bracket, rest = name.partition("[")
        _put(found, [head, *re.findall(r"\[?([^\[\]]*)\]", bracket + rest)], value)
    listed: Json = _with_lists(found)
    return listed


def _put(target: Json, keys: list[str], value: Any) -> None:
    head = keys[0] or str(len(target))
    if len(keys) == 1:
        target[head] = value
    else:
        inner = target.setdefault(head, {})
        if not isinstance(inner, dict):
            raise Refused("incorrect_form")
        _put(inner, keys[1:], value)


def _with_lists(value: Any, *, top: bool = True) -> Any:
    if not isinstance(value, dict):
        return value
    items = {key: _with_lists(inner, top=False) for key, inner in value.items()}
    if items and not top and all(key.isdigit() for key in items):
        return [items[key] for key in sorted(items, key=int)]
    return items
