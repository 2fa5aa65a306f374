"""A tree as the lines a reader sees: what quotes are looked for in, and what plain text is made of."""

import re
from dataclasses import dataclass, field

from cabinet.bodies.marks import HEADING_CLASS, Mark
from cabinet.bodies.tree import Element, Kind, Leaf

_UNSEEN = re.compile("[\u200b-\u200f\u2060\ufeff\u00ad\u034f\u061c]")
_SPACES = re.compile(r"[ \t\n]+")
_GAPS = frozenset({"p", "blockquote", "pre"})
_TEXT_ONLY = frozenset({Kind.TEXT})
_SEEN = frozenset({Kind.IMAGE, Kind.RULE})
LINE_ENDS = frozenset({Kind.BREAK, Kind.NEWLINE, Kind.RULE})


@dataclass(slots=True, eq=False)
class Line:
    leaves: list[Leaf]
    text: str
    prefix: str = ""  # "- " or "1. "
    gap: bool = False  # an empty line comes before it
    is_rule: bool = False
    is_blank: bool = False  # nothing to be seen: neither a letter nor an image nor a rule


@dataclass(frozen=True, slots=True)
class Span:
    """The lines [start, end) of a marked element."""

    mark: Mark
    start: int
    end: int


@dataclass(slots=True)
class Document:
    lines: list[Line] = field(default_factory=list)
    spans: list[Span] = field(default_factory=list)  # an outer one before those in it


def read_lines(root: Element) -> Document:
    reader = _Reader()
    # Not recursive: how deep a letter nests is its sender's choice.
    todo: list[tuple[Element | Leaf, bool]] = [(root, False)]
    while todo:
        node, leaving = todo.pop()
        if isinstance(node, Leaf):
            reader.leaf(node)
        elif leaving:
            reader.leave(node)
        elif node.mark not in {Mark.HIDDEN, Mark.SUMMARY}:
            reader.enter(node)
            todo.append((node, True))
            todo.extend((child, False) for child in reversed(node.children))
    return reader.finish()


def text_of(lines: list[Line]) -> str:
    """The lines as plain text, never more than one empty line in a row."""
    out: list[str] = []
    for line in lines:
        text = (line.prefix + line.text).rstrip() if not line.is_rule else ""
        if line.gap and out and out[-1]:
            out.append("")
        if text or (out and out[-1]):
            out.append(text)
    return "\n".join(out).rstrip()


class _Reader:
    def __init__(self) -> None:
        self.document = Document()
        self.leaves: list[Leaf] = []
        self.starts: dict[int, tuple[int, int]] = {}
        self.lists: list[Element] = []
        self.preformatted = 0
        self.prefix = ""
        self.gap = False

    def enter(self, element: Element) -> None:
        if element.ends_line:
            self._end_line()
        if element.mark is not None:
            self.starts[id(element)] = (len(self.document.lines), len(self.document.spans))
            self.document.spans.append(Span(element.mark, 0, 0))
        self.gap = self.gap or _has_gap(element)
        self.preformatted += element.tag == "pre"
        if element.tag in {"ul", "ol"}:
            self.lists.append(element)
        elif element.tag == "li":
            bullet = f"{element.ordinal}. " if self.lists and self.lists[-1].tag == "ol" else "- "
            self.prefix = "  " * (len(self.lists) - 1) + bullet

    def leave(self, element: Element) -> None:
        if element.ends_line:
            self._end_line()
        if element.mark is not None:
            start, place = self.starts.pop(id(element))
            self.document.spans[place] = Span(element.mark, start, len(self.document.lines))
        self.gap = self.gap or _has_gap(element)
        self.preformatted -= element.tag == "pre"
        if element.tag in {"ul", "ol"}:
            self.lists.pop()
        elif element.tag == "li":
            self.prefix = ""

    def leaf(self, leaf: Leaf) -> None:
        if leaf.kind is Kind.RULE:
            self._end_line()
        self.leaves.append(leaf)
        if leaf.kind in LINE_ENDS:
            self._end_line()

    def finish(self) -> Document:
        self._end_line()
        return self.document

    def _end_line(self) -> None:
        leaves, self.leaves = self.leaves, []
        kinds = {leaf.kind for leaf in leaves}
        text = self._text(leaves) if Kind.TEXT in kinds else ""
        if kinds <= _TEXT_ONLY and not any(leaf.text.strip(" \t\n") for leaf in leaves):
            return
        is_blank = not kinds & _SEEN and not _UNSEEN.sub("", text).strip()
        line = Line(leaves, text, self.prefix, self.gap, is_rule=Kind.RULE in kinds, is_blank=is_blank)
        self.document.lines.append(line)
        self.prefix, self.gap = "", False

    def _text(self, leaves: list[Leaf]) -> str:
        parts: list[str] = []
        cell: Element | None = None
        for leaf in leaves:
            if leaf.kind is not Kind.TEXT:
                continue
            here = _cell(leaf)
            if parts and here is not cell:
                parts.append(" ")
            cell = here
            parts.append(leaf.text)
        text = "".join(parts)
        if not self.preformatted:
            text = _SPACES.sub(" ", text).strip(" ")
        # After the collapsing: no-break spaces are how typed indentation is kept.
        return text.replace("\u00a0", " ").rstrip()


def _cell(leaf: Leaf) -> Element | None:
    node: Element | None = leaf.parent
    while node is not None and not node.is_block:
        node = node.parent
    return node if node is not None and node.tag in {"td", "th"} else None


def _has_gap(element: Element) -> bool:
    return element.tag in _GAPS or element.attributes.get("class") == HEADING_CLASS
