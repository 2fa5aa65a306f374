"""The body of a message: what was mailed or typed, as HTML that is safe to show and as text to search.

    letter ─ tokens ─► tree ─► lines ─► quotes (what to fold) ─► render ─► sanitiser ─► Body

Safe to show means: only elements and attributes from `render`'s lists, no address but in links, nothing that
a browser would fetch by itself. A quote or a signature is folded into `<details class="quote">`, never cut.
The finished HTML carries no word of ours, so it needs no translating.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from itertools import groupby
from types import MappingProxyType

from cabinet.bodies import render
from cabinet.bodies.lines import Document, read_lines, text_of
from cabinet.bodies.marks import IMAGE_CLASS
from cabinet.bodies.quotes import folded_lines
from cabinet.bodies.tokens import Tag, attributes, names, tidy, tokens
from cabinet.bodies.tree import parse, tree_of_text

__all__ = [
    "MAX_HTML",
    "MAX_LINES",
    "MAX_MARKUP",
    "MAX_TEXT",
    "Body",
    "body_from_html",
    "body_from_text",
    "files_in",
    "image_addresses",
    "plain_text",
    "with_pictures",
]

# HTML beyond this, in length or in tags and entities, is shown as plain text: nobody wrote that by hand.
MAX_HTML = 500_000
MAX_MARKUP = 30_000
# Of what is longer still only the beginning is read; the desk has the rest.
MAX_SOURCE = 2_000_000
# Plain text beyond this is shown up to here, with more lines than this without folds and links.
MAX_TEXT = 500_000
MAX_LINES = 20_000

_EMBEDDED = re.compile(r"""(src\s*+=\s*+["']?)data:[^"'>\s]*+""", re.IGNORECASE)
_PICTURE = re.compile(
    rf'<span class="{IMAGE_CLASS}" data-alt="(?P<alt>[^"]*+)" data-file="(?P<file>[^"]*+)"></span>'
)
_LINE_TAGS = names("br p div tr li hr blockquote pre table h1 h2 h3 h4 h5 h6")


@dataclass(frozen=True, slots=True)
class Body:
    """`text` is what is seen at once, `quoted_text` what is folded away; together they are all of it."""

    html: str
    text: str
    quoted_text: str


def body_from_html(
    html: str,
    *,
    quote_classes: Collection[str] = (),
    fold: bool = True,
    images: Mapping[str, str] = MappingProxyType({}),
) -> Body:
    """`quote_classes`: the classes by which the sender's system marks a quoted original.

    `images`: by the address of a picture in the letter (see `image_addresses`), the id of our own file of it.
    The finished HTML names that file; what stands in its place is said when it is shown (`with_pictures`).
    """
    html = _prepared(html)
    if _is_too_much(html):
        return _verbatim(_rough_text(html))
    document = read_lines(parse(html, quote_classes, images))
    folded = folded_lines(document) if fold else [False] * len(document.lines)
    finished = render.through_the_gate(render.render(document, folded))
    if render.has_dead_link(finished):
        finished = render.through_the_gate(render.render(*_read_finished(finished)))
    # The texts are read off the finished page: what is searched is what is seen.
    return _body(finished, *_read_finished(finished))


def body_from_text(text: str, *, fold: bool = True, mailed: bool = True) -> Body:
    """Plain text as it was typed: paragraphs, line breaks, indentation and web addresses are kept.

    `mailed`: not written into the cabinet's own box, where nobody has a signature put below by a program.
    """
    text = _cut(tidy(text), MAX_TEXT)
    if text.count("\n") > MAX_LINES:
        return _verbatim(text)
    document = read_lines(tree_of_text(text))
    folded = folded_lines(document, typed=True, closings=mailed) if fold else [False] * len(document.lines)
    return _body(render.render(document, folded), document, folded)


def image_addresses(html: str) -> list[str]:
    """The addresses of the pictures in a letter, as `images` of `body_from_html` wants them."""
    html = _prepared(html)
    if _is_too_much(html):
        return []
    found = (attributes(tag.attributes) for tag in tokens(html) if isinstance(tag, Tag) and tag.name == "img")
    return [each["src"].strip() for each in found if each.get("src", "").strip()]


def files_in(html: str) -> list[str]:
    """The ids of our own files that a finished body shows in place."""
    return [match["file"] for match in _PICTURE.finditer(html)] if "data-file" in html else []


def with_pictures(html: str, show: Callable[[str, str], str]) -> str:
    """A finished body with its pictures put in place: `show(file, alt)` is the HTML for one, "" for none.

    `alt` is as it stands in an attribute: escaped.
    """
    if "data-file" not in html:
        return html
    return _PICTURE.sub(lambda match: show(match["file"], match["alt"]) or match[0], html)


def plain_text(html: str) -> str:
    """All that is said in the HTML, quotes included, as readable text."""
    html = _prepared(html)
    return _rough_text(html) if _is_too_much(html) else text_of(read_lines(parse(html)).lines)


def _body(html: str, document: Document, folded: list[bool]) -> Body:
    parts: dict[bool, list[str]] = {False: [], True: []}
    for is_folded, group in groupby(zip(document.lines, folded, strict=True), key=lambda pair: pair[1]):
        parts[is_folded].append(text_of([line for line, _ in group]))
    visible, hidden = ("\n\n".join(filter(None, parts[key])) for key in (False, True))
    return Body(html=html, text=visible, quoted_text=hidden)


def _read_finished(html: str) -> tuple[Document, list[bool]]:
    document = read_lines(parse(html))
    return document, folded_lines(document)


def _prepared(html: str) -> str:
    if len(html) > MAX_HTML:
        # Embedded pictures are not shown anyway and are most of what makes real letters long.
        html = _EMBEDDED.sub(r"\1", html)
    return tidy(_cut(html, MAX_SOURCE))


def _is_too_much(html: str) -> bool:
    return len(html) > MAX_HTML or sum(map(html.count, "<&\u00a0")) > MAX_MARKUP


def _verbatim(text: str) -> Body:
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    text = _cut(re.sub(r"\n{3,}", "\n\n", lines).strip("\n"), MAX_TEXT)
    return Body(html=render.preformatted(text) if text else "", text=text, quoted_text="")


def _rough_text(html: str) -> str:
    """The text of what is too much to be understood."""
    parts: list[str] = []
    for token in tokens(html):
        if isinstance(token, str):
            parts.append(token)
        elif token.name in _LINE_TAGS:
            parts.append("\n")
    lines = (line.strip() for line in "".join(parts).split("\n"))
    return "\n".join(line for line in lines if line)


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
