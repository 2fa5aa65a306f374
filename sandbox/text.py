"""Texts and dates as the desk treats them: plain ↔ HTML, RFC 2822 with the account's zone, filters."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime
from html import escape
from html.parser import HTMLParser

from .records import Body

# The account's zone: Moscow, as in the vendor's samples (omnidesk-api.md 1.4).
ZONE = timezone(timedelta(hours=3))

_BREAKING = {"br", "p", "div", "li", "tr", "blockquote", "h1", "h2", "h3", "hr", "pre"}
_SILENT = {"script", "style", "head", "title"}


def rfc2822(moment: int) -> str:
    return format_datetime(datetime.fromtimestamp(moment, ZONE))


def http_date(moment: float) -> str:
    return format_datetime(datetime.fromtimestamp(int(moment), UTC), usegmt=True)


def parse_time(value: str) -> int:
    """Unix seconds from what filters and ``created_at`` accept: seconds, dates, RFC 2822 (ValueError)."""
    value = value.strip()
    if re.fullmatch(r"\d{1,12}", value):
        return int(value)
    for pattern in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"):
        try:
            return int(datetime.strptime(value, pattern).replace(tzinfo=ZONE).timestamp())
        except ValueError:
            continue
    try:
        return int(parsedate_to_datetime(value).timestamp())
    except (TypeError, IndexError):
        raise ValueError(f"not a time: {value}") from None


def text_to_html(text: str, style: str) -> str:
    """Plain text as the desk would store it: escaped, with its line breaks kept (switch text_as_html)."""
    safe = escape(text.replace("\r\n", "\n").replace("\r", "\n"), quote=False)
    if style == "paragraphs":
        return "".join(f"<p>{part.replace(chr(10), '<br>')}</p>" for part in safe.split("\n\n"))
    return safe.replace("\n", "<br />\n" if style == "br_newline" else "<br>")


def html_to_text(html: str) -> str:
    """The words of some HTML, with line breaks where blocks end."""
    reader = _Words()
    reader.feed(html)
    reader.close()
    lines = [line.strip() for line in "".join(reader.parts).split("\n")]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip()


class _Words(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        if tag in _SILENT:
            self._silent += 1
        if tag == "br":
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _SILENT:
            self._silent = max(0, self._silent - 1)
        elif tag in _BREAKING and tag != "br":
            self.parts.append("\n")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.parts.append(re.sub(r"\s+", " ", data))


def sanitise(html: str) -> str:
    """A strict desk: scripts and styles go with their content, of the attributes only href and src stay."""
    html = re.sub(r"(?is)<(script|style)\b.*?</\1\s*>", "", html)

    def plain_tag(match: re.Match[str]) -> str:
        kept = re.findall(r"""(?i)\s(href|src)\s*=\s*("[^"]*"|'[^']*')""", match.group(3))
        return f"<{match.group(1)}{match.group(2)}{''.join(f' {name}={value}' for name, value in kept)}>"

    return re.sub(r"<(/?)([A-Za-z][A-Za-z0-9]*)([^>]*)>", plain_tag, html)


def make_body(text: str | None, html: str | None, *, style: str, strict: bool) -> Body:
    """Both forms of a text of which usually only one was given; HTML wins when both were."""
    if html:
        html = sanitise(html) if strict else html
        return Body(text=text or html_to_text(html), html=html)
    text = (text or "").strip()
    return Body(text=text, html=text_to_html(text, style))
