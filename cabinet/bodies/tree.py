"""Tokens into a small tree that nests the way a browser would nest it when reading it again.

A node is an `Element` or a `Leaf`; leaves are what is seen (text, a line break, the place of an image),
elements only hold them. Elements that mean nothing by themselves (`span`, `font`) are left out, elements that
only group (a hidden part, our own fold) stay in the tree with an empty `tag` and are not written out.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from types import MappingProxyType

from cabinet.bodies.links import safe_href
from cabinet.bodies.marks import HEADING_CLASS, IMAGE_CLASS, SIGNATURE_FOLLOWS, TABLE_CLASS, Mark, mark_of
from cabinet.bodies.tokens import SILENT, Tag, attributes, names, tokens

# Deeper elements are left out and their text kept: real letters stay below it, bombs do not.
MAX_DEPTH = 100

INLINE = names("a b strong i em u s del ins sub sup small code kbd")
_ALIASES = {"strike": "s", "tt": "code", "samp": "code"}
_AS_DIV = names(
    "div section article header footer main aside nav address center form fieldset legend figure figcaption "
    "dl dt dd caption details summary"
)
_HEADINGS = names("h1 h2 h3 h4 h5 h6")
_BLOCKS = names("p blockquote pre ul ol li table tr td th") | _AS_DIV | _HEADINGS
_IGNORED = SILENT | names("meta link base input col wbr area embed source track param keygen frame")
_CELLS = frozenset({"td", "th"})
_TABLE_PARTS = names("tr td th")
_TABLE_GROUPS = names("thead tbody tfoot")
_SPACE = re.compile(r"[ \t\n]+")
_EMPTY_LINES = re.compile(r"\n(?:[ \t]*+\n)+")
_GAP = re.compile(" {2,}")
_SPACES = " \t\n"
_SMALL_NUMBER = re.compile(r"[1-9][0-9]?")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}")
_FILE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class Kind(Enum):
    TEXT = auto()
    BREAK = auto()  # <br>
    NEWLINE = auto()  # the end of a line inside <pre>
    RULE = auto()  # <hr>
    IMAGE = auto()
    EMPTY = auto()  # a table cell with nothing in it, kept for the sake of its column


@dataclass(slots=True, eq=False)
class Element:
    tag: str
    source: str  # the name it had in the letter, which its end tag will have
    parent: "Element | None" = None
    attributes: dict[str, str] = field(default_factory=dict)
    mark: Mark | None = None
    ordinal: int = 0  # of an <li>: its number; of a list: the next one
    children: "list[Element | Leaf]" = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        return self.source not in INLINE

    @property
    def ends_line(self) -> bool:
        """A cell does not: "Subject:" and what stands beside it are read as one."""
        return self.is_block and self.tag not in _CELLS


@dataclass(slots=True, eq=False)
class Leaf:
    kind: Kind
    parent: Element
    text: str = ""
    file: str = ""  # of an image: our own copy of it


def parse(
    source: str, quote_classes: Collection[str] = (), images: Mapping[str, str] = MappingProxyType({})
) -> Element:
    """`images`: by the address that a letter gives a picture, the id of our own copy."""
    builder = _Builder(quote_classes, images)
    for token in tokens(source):
        if isinstance(token, str):
            builder.write(token)
        elif token.closing:
            builder.end(token.name)
        else:
            builder.start(token)
    return builder.finish()


def tree_of_text(text: str) -> Element:
    """Typed text; indentation and gaps become no-break spaces, which HTML does not collapse."""
    root = Element("", "#root")
    for paragraph in _EMPTY_LINES.split(text):
        if not paragraph.strip():
            continue
        element = Element("p", "p", root)
        root.children.append(element)
        for number, line in enumerate(paragraph.strip("\n").split("\n")):
            if number:
                element.children.append(Leaf(Kind.BREAK, element))
            element.children.append(Leaf(Kind.TEXT, element, _typed_line(line)))
    return root


def _typed_line(line: str) -> str:
    if line == "-- ":
        return "--\u00a0"  # the one place where a space at the end means something
    line = line.expandtabs(4).rstrip(" ")
    indent = len(line) - len(line.lstrip(" "))
    return "\u00a0" * indent + _GAP.sub(lambda gap: "\u00a0" * (len(gap[0]) - 1) + " ", line[indent:])


class _Builder:
    def __init__(self, quote_classes: Collection[str], images: Mapping[str, str]) -> None:
        self.quote_classes = quote_classes
        self.images = images
        self.root = Element("", "#root")
        self.stack = [self.root]
        self.open: dict[str, int] = {}
        self.skipped: dict[str, int] = {}
        self.text: list[str] = []
        self.break_due = False
        self.fresh_pre = False
        self.signature_follows = False

    def write(self, text: str) -> None:
        self.text.append(text)

    def start(self, tag: Tag) -> None:
        name = _ALIASES.get(tag.name, tag.name)
        if name in _IGNORED:
            return
        found = attributes(tag.attributes) if tag.attributes else {}
        if name == "br":
            self._leaf(Kind.BREAK)
            self.signature_follows = found.get("id") == SIGNATURE_FOLLOWS
        elif name == "hr":
            self._close_paragraph()
            self._leaf(Kind.RULE)
        elif name == "img" or found.get("class") == IMAGE_CLASS:
            self._image(name, found)
        elif name in _TABLE_GROUPS and self.open.get("table"):
            self._flush()
            self._pop_to(("table",))
        elif not self._open(name, found) and self.open.get(name):
            # Its end tag will come and must not close the outer element of the same name.
            self.skipped[name] = self.skipped.get(name, 0) + 1

    def end(self, name: str) -> None:
        name = _ALIASES.get(name, name)
        if name == "br":
            self._leaf(Kind.BREAK)
        if not self.open.get(name):
            return
        if self.skipped.get(name):
            self.skipped[name] -= 1
            return
        self._flush()
        index = self._index_to_close(name)
        if index:
            self._pop(index)

    def finish(self) -> Element:
        self._flush()
        self._pop(1)
        return self.root

    def _open(self, name: str, found: dict[str, str]) -> bool:
        mark = mark_of(name, found, self.quote_classes) if found or name == "blockquote" else None
        if self.signature_follows and name == "div":
            mark, self.signature_follows = mark or Mark.SIGNATURE, False
        if name in _BLOCKS:
            return self._block(name, _block_element(name, found, mark))
        if mark is Mark.HIDDEN:
            return self._push(Element("", name, mark=mark))
        if mark is not None and mark is not Mark.BORDER:
            return self._block(name, Element("", name, mark=mark))
        return name in INLINE and self._inline(name, found)

    def _block(self, name: str, element: Element) -> bool:
        self._flush()
        if len(self.stack) >= MAX_DEPTH:
            self.break_due = True
            return False
        self._close_paragraph()
        if name == "pre":
            self.fresh_pre = True
            element.tag = "div" if self.open.get("pre") else element.tag
        elif name == "li":
            self._prepare_item(element)
        elif name in _TABLE_PARTS:
            self._prepare_table_part(name, element)
        elif name in _HEADINGS and self.stack[-1].source in _HEADINGS:
            self._pop(len(self.stack) - 1)
        return self._push(element)

    def _inline(self, name: str, found: Mapping[str, str]) -> bool:
        if self.open.get(name):
            return False  # a <b> within a <b> says nothing, an <a> within an <a> is not allowed
        element = Element(name, name)
        if name == "a":
            href = safe_href(found.get("href", ""))
            if not href:
                return False
            element.attributes["href"] = href
        return self._push(element)

    def _prepare_item(self, element: Element) -> None:
        for index in range(len(self.stack) - 1, 0, -1):
            source = self.stack[index].source
            if source == "li":
                self._pop(index)
                break
            if source in _BLOCKS and source != "p" and source not in _AS_DIV:
                break
        parent = self.stack[-1]
        if parent.tag in {"ul", "ol"}:
            element.ordinal = parent.ordinal
            parent.ordinal += 1
        else:
            element.tag = "div"

    def _prepare_table_part(self, name: str, element: Element) -> None:
        if not self.open.get("table"):
            element.tag = "div"
            return
        self._pop_to(("table",) if name == "tr" else ("tr", "table"))
        if name in _CELLS and self.stack[-1].source == "table":
            self._attach(Element("tr", "tr"))

    def _push(self, element: Element) -> bool:
        self._flush()
        if len(self.stack) >= MAX_DEPTH:
            return False
        if element.source not in _TABLE_PARTS:
            self._enter_cell()
        self._attach(element)
        return True

    def _attach(self, element: Element) -> None:
        element.parent = self.stack[-1]
        element.parent.children.append(element)
        self.stack.append(element)
        self.open[element.source] = self.open.get(element.source, 0) + 1

    def _enter_cell(self) -> None:
        """What stands in a table outside its cells would be moved out of it by a browser."""
        if self.stack[-1].tag == "table":
            self._attach(Element("tr", "tr"))
        if self.stack[-1].tag == "tr":
            self._attach(Element("td", "td"))

    def _close_paragraph(self) -> None:
        for index in range(len(self.stack) - 1, 0, -1):
            if self.stack[index].source == "p":
                self._flush()
                self._pop(index)
                return
            if self.stack[index].is_block:
                return

    def _index_to_close(self, name: str) -> int:
        """Where the element to be closed stands; 0 if the end tag may not reach it."""
        for index in range(len(self.stack) - 1, 0, -1):
            source = self.stack[index].source
            if source == name or (name in _HEADINGS and source in _HEADINGS):
                return index
            if name in INLINE and self.stack[index].is_block:
                return 0
            if name not in _TABLE_PARTS and name != "table" and source in {"td", "th", "table"}:
                return 0
            if name in _TABLE_PARTS and source == "table":
                return 0
        return 0

    def _pop_to(self, sources: tuple[str, ...]) -> None:
        index = len(self.stack) - 1
        while index and self.stack[index].source not in sources:
            index -= 1
        self._pop(index + 1)

    def _pop(self, index: int) -> None:
        while len(self.stack) > index:
            element = self.stack.pop()
            self.open[element.source] -= 1
            if not self.open[element.source]:
                self.skipped.pop(element.source, None)
            if element.tag in _CELLS and not element.children:
                element.children.append(Leaf(Kind.EMPTY, element))

    def _flush(self) -> None:
        text, self.text = "".join(self.text), []
        if not text:
            return
        if self.open.get("pre"):
            for index, line in enumerate(text.split("\n")):
                if index and not self.fresh_pre:
                    self._append(Kind.NEWLINE)
                if line:
                    self._append(Kind.TEXT, line)
            return
        if text.strip(_SPACES):
            self._append(Kind.TEXT, _SPACE.sub(" ", text))
        elif self.stack[-1].tag not in {"table", "tr", "ul", "ol"}:
            self._append(Kind.TEXT, " ")

    def _leaf(self, kind: Kind, text: str = "") -> None:
        self._flush()
        self._append(kind, text)

    def _append(self, kind: Kind, text: str = "", file: str = "") -> None:
        self._enter_cell()
        self.fresh_pre = False
        parent = self.stack[-1]
        if self.break_due:
            self.break_due = False
            parent.children.append(Leaf(Kind.BREAK, parent))
        parent.children.append(Leaf(kind, parent, text, file))

    def _image(self, name: str, found: Mapping[str, str]) -> None:
        file = self.images.get(found.get("src", "").strip(), "") if name == "img" else _own_file(found)
        if name == "img" and not file:
            if {found.get("width"), found.get("height")} & {"0", "1", "0px", "1px"}:
                return  # nobody is meant to see it: it counts who opens the letter
            if mark_of(name, found, ()) is Mark.HIDDEN:
                return
        alt = _SPACE.sub(" ", found.get("alt") or found.get("data-alt") or "").strip()
        if not file and alt and len(alt) <= 8 and all(ord(letter) > 0x2000 for letter in alt):
            self.write(alt)  # a smiley that the mail program drew as a picture
            return
        self._flush()
        self._append(Kind.IMAGE, alt[:200], file)


def _own_file(found: Mapping[str, str]) -> str:
    """In a body finished by us. Whoever else writes it can only name a file of his own message."""
    file = found.get("data-file", "")
    return file if _FILE.fullmatch(file) else ""


def _block_element(name: str, found: Mapping[str, str], mark: Mark | None) -> Element:
    element = Element(_written_as(name, found, mark), name, mark=mark)
    if found.get("dir", "").lower() == "rtl":
        element.attributes["dir"] = "rtl"
    classes = found.get("class", "").split()
    if name in _HEADINGS or (name == "div" and classes == [HEADING_CLASS]):
        element.attributes["class"] = HEADING_CLASS
    if name in _CELLS:
        for key in ("colspan", "rowspan"):
            if _SMALL_NUMBER.fullmatch(found.get(key, "")):
                element.attributes[key] = found[key]
    if name == "ol":
        start = found.get("start", "")
        element.ordinal = int(start) if _NUMBER.fullmatch(start) else 1
    return element


def _written_as(name: str, found: Mapping[str, str], mark: Mark | None) -> str:
    if mark in {Mark.ROOT, Mark.FOLDED, Mark.SUMMARY, Mark.HIDDEN} and name not in _TABLE_PARTS:
        return ""
    classes = found.get("class", "").split()
    if name == "div" and classes == [TABLE_CLASS]:
        return ""
    # Word's paragraphs have no space between them; as <p> every line would stand alone.
    if name == "p" and any(one.startswith("Mso") for one in classes):
        return "div"
    return "div" if name in _AS_DIV or name in _HEADINGS else name
