"""HTML into tokens, in time that grows with the length and with nothing else.

The standard library's parser and every full HTML5 parser can be made to take minutes by half a megabyte of
unclosed tags, so neither sees a letter before this does. What this reads only decides how a letter looks:
whether it is safe is decided by the sanitiser at the end.
"""

import re
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple


def names(words: str) -> frozenset[str]:
    return frozenset(words.split())


# Their content is never text that somebody wrote.
SILENT = names(
    "script style title template svg math iframe noembed noframes object applet audio video canvas"
)

_TOKEN = re.compile(
    r"""
    (?P<comment> <!--(?: -?> | .*?(?: --!?> | \Z ) ) | <(?: [!?] | /(?=[^a-zA-Z]) )[^>]*+(?: > | \Z ) )
  | <(?P<close>/)?+ (?P<name>[a-zA-Z][^\s/>]*+)
    (?P<attrs>(?: [^>=]++ | =\s*+(?: "[^"]*+" | '[^']*+' ) | = )*+) >
    """,
    re.VERBOSE | re.DOTALL,
)
_ATTR = re.compile(r"""([^\s"'>/=][^\s/>=]*+)(?:\s*+=\s*+("[^"]*+"|'[^']*+'|[^\s>]*+))?""")
_MARKUP = re.compile(r"<[a-zA-Z/!?]")
# Python refuses to read a number of thousands of digits, and no character has more than seven.
_LONG_NUMBER = re.compile(r"&#\d{8,};?")
_UNWANTED = dict.fromkeys((*range(9), 11, 12, *range(13, 32), *range(127, 160)), "")
_UNWANTED |= dict.fromkeys((0xFFFE, 0xFFFF), "\ufffd")
_SURROGATE = re.compile("[\ud800-\udfff]")


class Tag(NamedTuple):
    name: str
    closing: bool
    attributes: str


def tidy(text: str) -> str:
    """Text that can be stored and encoded: no control characters but tab and newline, no half characters."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _SURROGATE.sub("\ufffd", text.translate(_UNWANTED))


def decode(text: str) -> str:
    return tidy(unescape(_LONG_NUMBER.sub("\ufffd", text))) if "&" in text else text


def attributes(source: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTR.finditer(source):
        value = match[2] or ""
        if value[:1] in {'"', "'"}:
            value = value[1:-1] if len(value) > 1 and value[-1] == value[0] else value[1:]
        found.setdefault(match[1].lower(), decode(value))
    return found


def tokens(source: str) -> Iterator[str | Tag]:
    """Text and tags in order; comments, declarations and silent content are left out."""
    unclosed: set[str] = set()
    position, size = 0, len(source)
    while position < size:
        found = _MARKUP.search(source, position)
        start = found.start() if found else size
        if start > position:
            yield decode(source[position:start])
        if start == size:
            return
        match = _TOKEN.match(source, start)
        if match is None:
            # A tag that never ends takes the rest as text: trying again at each "<" would be quadratic.
            yield decode(source[start:])
            return
        position = match.end()
        if match["comment"] is None:
            tag = Tag(match["name"].lower(), match["close"] is not None, match["attrs"])
            position = _after_silent(source, position, tag, unclosed)
            yield tag


def _after_silent(source: str, position: int, tag: Tag, unclosed: set[str]) -> int:
    if tag.closing or tag.name not in SILENT or tag.name in unclosed or tag.attributes.endswith("/"):
        return position
    end = re.compile(rf"</{tag.name}(?=[\s/>])[^>]*+>", re.IGNORECASE).search(source, position)
    if end is not None:
        return end.end()
    if tag.name in {"script", "style"}:
        return len(source)
    unclosed.add(tag.name)
    return position
