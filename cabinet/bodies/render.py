"""Lines back into HTML, and the gate every letter passes last."""

from collections.abc import Iterable
from html import escape
from itertools import groupby

import nh3

from cabinet.bodies.lines import LINE_ENDS, Document, Line
from cabinet.bodies.links import split_addresses
from cabinet.bodies.marks import (
    DOTS_CLASS,
    HEADING_CLASS,
    IMAGE_CLASS,
    QUOTE_CLASS,
    ROOT_CLASS,
    TABLE_CLASS,
)
from cabinet.bodies.tokens import names
from cabinet.bodies.tree import Element, Kind, Leaf

LINK_REL = "noopener noreferrer nofollow"
_LINK_ATTRIBUTES = f' target="_blank" rel="{LINK_REL}"'
_FOLD_START = f'<details class="{QUOTE_CLASS}"><summary><span class="{DOTS_CLASS}">•••</span></summary>'
_PLAIN = {Kind.BREAK: "<br>", Kind.RULE: "<hr>", Kind.NEWLINE: "\n", Kind.EMPTY: ""}

ALLOWED_TAGS = names(
    "a b blockquote br code del details div em hr i ins kbd li ol p pre s small span strong sub summary sup "
    "table tbody td th tr u ul"
)
ALLOWED_ATTRIBUTES = {
    "*": {"dir"},
    "a": {"href"},
    "ol": {"start"},
    "span": {"data-alt", "data-file"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
ALLOWED_CLASSES = {
    "details": {QUOTE_CLASS},
    "div": {ROOT_CLASS, HEADING_CLASS, TABLE_CLASS},
    "span": {DOTS_CLASS, IMAGE_CLASS},
}
URL_SCHEMES = frozenset({"http", "https", "mailto", "tel"})

_GATE = nh3.Cleaner(
    tags=set(ALLOWED_TAGS),
    clean_content_tags={"script", "style"},
    attributes=ALLOWED_ATTRIBUTES,
    allowed_classes=ALLOWED_CLASSES,
    link_rel=LINK_REL,
    set_tag_attribute_values={"a": {"target": "_blank"}},
    url_schemes=set(URL_SCHEMES),
    url_relative="deny",
)
# A link whose address the gate did not believe.
_DEAD_LINK = f"<a{_LINK_ATTRIBUTES}>"


def through_the_gate(html: str) -> str:
    """The sanitiser has the last word, whatever was made of a letter before."""
    return _GATE.clean(html)


def has_dead_link(html: str) -> bool:
    return _DEAD_LINK in html


def render(document: Document, folded: list[bool]) -> str:
    """The lines as HTML, those to be folded in their own `<details>`; "" for nothing."""
    parts: list[str] = []
    for hidden, group in groupby(zip(document.lines, folded, strict=True), key=lambda pair: pair[1]):
        part = _Writer().write(line for line, _ in group)
        parts.append(f"{_FOLD_START}{part}</details>" if hidden else part)
    return f'<div class="{ROOT_CLASS}">{"".join(parts)}</div>' if parts else ""


def preformatted(text: str) -> str:
    return f'<div class="{ROOT_CLASS}"><pre>{_escape(text)}</pre></div>'


class _Writer:
    """Writes leaves and, around them, those of their elements that are not open yet.

    A fold that begins in the middle of an element divides it: one half before, one half in the fold.
    """

    def __init__(self) -> None:
        self.out: list[str] = []
        self.stack: list[Element] = []
        self.open: set[int] = set()
        self.tables = 0
        self.links = 0
        self.preformatted = 0
        self.fresh_pre = False
        self.at_line_start = True

    def write(self, lines: Iterable[Line]) -> str:
        for line in lines:
            for number, leaf in enumerate(line.leaves):
                if leaf.kind is Kind.NEWLINE and (self.fresh_pre or not self.preformatted):
                    continue  # a browser swallows the newline after <pre>, and its next reading one more
                self._move_to(leaf.parent)
                if not number and not self.at_line_start:
                    self.out.append("<br>")  # what ended the line before is not written out
                self.at_line_start = leaf.kind in LINE_ENDS
                self._leaf(leaf)
        self._close_to(None)
        return "".join(self.out)

    def _move_to(self, parent: Element) -> None:
        missing: list[Element] = []
        node: Element | None = parent
        while node is not None and id(node) not in self.open:
            missing.append(node)
            node = node.parent
        self._close_to(node)
        for index in range(len(missing) - 1, -1, -1):
            self._start(missing[index], missing[index - 1] if index else None)

    def _close_to(self, keep: Element | None) -> None:
        while self.stack and self.stack[-1] is not keep:
            element = self.stack.pop()
            self.open.discard(id(element))
            if element.tag:
                self.out.append(f"</{element.tag}>")
                self.at_line_start = self.at_line_start or element.ends_line
            if element.tag == "table":
                self.tables -= 1
                if not self.tables:
                    self.out.append("</div>")
            self.links -= element.tag == "a"
            self.preformatted -= element.tag == "pre"

    def _start(self, element: Element, child: Element | None) -> None:
        self.stack.append(element)
        self.open.add(id(element))
        if not element.tag:
            return
        if element.tag == "table":
            if not self.tables:
                self.out.append(f'<div class="{TABLE_CLASS}">')
            self.tables += 1
        self.links += element.tag == "a"
        self.preformatted += element.tag == "pre"
        self.fresh_pre = self.fresh_pre or element.tag == "pre"
        self.out.append(_start_tag(element, child))
        self.at_line_start = self.at_line_start or element.ends_line

    def _leaf(self, leaf: Leaf) -> None:
        self.fresh_pre = False
        if leaf.kind is Kind.TEXT:
            self.out.append(_text(leaf.text, linked=self.links > 0))
        elif leaf.kind is Kind.IMAGE:
            own = f' data-file="{leaf.file}"' if leaf.file else ""
            self.out.append(f'<span class="{IMAGE_CLASS}" data-alt="{_attribute(leaf.text)}"{own}></span>')
        else:
            self.out.append(_PLAIN[leaf.kind])


def _start_tag(element: Element, child: Element | None) -> str:
    attributes = "".join(f' {name}="{_attribute(value)}"' for name, value in element.attributes.items())
    if element.tag == "a":
        attributes += _LINK_ATTRIBUTES
    if element.tag == "ol" and child is not None and child.ordinal > 1:
        attributes += f' start="{child.ordinal}"'
    return f"<{element.tag}{attributes}>"


def _text(text: str, *, linked: bool) -> str:
    if linked or "://" not in text:
        return _escape(text)
    return "".join(
        f'<a href="{_attribute(piece)}"{_LINK_ATTRIBUTES}>{_escape(piece)}</a>'
        if is_address
        else _escape(piece)
        for piece, is_address in split_addresses(text)
    )


def _escape(text: str) -> str:
    """Exactly as the sanitiser writes text, so that what it has seen and what it has not look the same."""
    return escape(text, quote=False).replace("\u00a0", "&nbsp;")


def _attribute(value: str) -> str:
    return _escape(value).replace('"', "&quot;")
