"""A logo out of a file of the server: which file is one, and how large it is shown.

It is only ever shown as a picture, in which browsers run nothing and fetch nothing. What is refused here
would be a surprise all the same: a script, an address elsewhere, a file that is not what its name says.
"""

import hashlib
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from cabinet import filetypes

LARGEST = 100 * 1024
"""Bytes: it comes with the first page a person ever sees."""

HEIGHT = 32
"""Pixels of its place at the top of a page; `.brand-logo` in cabinet.css says the same."""

SVG = "image/svg+xml"
PNG = "image/png"
TYPES = {".svg": SVG, ".png": PNG}

_SVG_NAME = "{http://www.w3.org/2000/svg}"
_ACTIVE = {"script", "foreignObject", "iframe", "embed", "object", "audio", "video", "handler", "listener"}
_LENGTH = re.compile(r"\s*([0-9]*\.?[0-9]+)\s*(?:px|pt|mm|cm|in|pc)?\s*")
_FOREIGN = re.compile(r"url\(\s*[\"']?\s*(?!#|data:)|@import", re.IGNORECASE)
_PNG_END = b"\x00\x00\x00\x00IEND\xaeB`\x82"


class NotALogo(Exception):
    """Why a file cannot be the logo, as the end of a sentence that began with its path."""


@dataclass(frozen=True, slots=True)
class Logo:
    """A picture with its place: `width` by `height` pixels, known before it has arrived."""

    content: bytes
    content_type: str
    width: int
    height: int

    @property
    def mark(self) -> str:
        """Stands in its address, so that a browser may keep it for ever."""
        return mark_of(self.content)


def mark_of(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def read(path: Path) -> Logo:
    """The logo, or `NotALogo` with the reason."""
    content_type = TYPES.get(path.suffix.lower())
    if content_type is None:
        raise NotALogo("must be an .svg or a .png")
    content = _content(path)
    wide, high = _size_of_svg(content) if content_type == SVG else _size_of_png(content)
    return Logo(content, content_type, max(round(HEIGHT * wide / high), 1), HEIGHT)


def _content(path: Path) -> bytes:
    try:
        if not path.exists():
            raise NotALogo("does not exist")
        # A pipe would wait for whoever writes into it.
        if not path.is_file():
            raise NotALogo("is not a file")
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise NotALogo(f"cannot be read ({error.strerror})") from None
    if len(content) > LARGEST:
        raise NotALogo(f"is larger than {LARGEST // 1024} KB")
    return content


def _size_of_png(content: bytes) -> tuple[float, float]:
    if filetypes.served_inline(content) != PNG or content[12:16] != b"IHDR":
        raise NotALogo("is not a PNG, whatever its name says")
    if not content.endswith(_PNG_END):
        raise NotALogo("is a PNG of which the end is missing")
    wide, high = struct.unpack(">II", content[16:24])
    return _checked(wide, high)


def _size_of_svg(content: bytes) -> tuple[float, float]:
    try:
        root = ElementTree.fromstring(content)  # noqa: S314 - of the site's own server, and small
    except (ElementTree.ParseError, ValueError, LookupError):
        raise NotALogo("is not an SVG, whatever its name says: it cannot be read as XML") from None
    if root.tag != f"{_SVG_NAME}svg":
        raise NotALogo('is not an SVG, whatever its name says: it does not begin with <svg xmlns="…">')
    _refuse_what_acts(root)
    numbers = re.split(r"[\s,]+", root.get("viewBox", "").strip())
    try:
        _left, _top, wide, high = map(float, numbers)
    except ValueError:
        raise NotALogo("has no viewBox, without which it cannot be shown smaller than it was drawn") from None
    lengths = [_LENGTH.fullmatch(root.get(name, "")) for name in ("width", "height")]
    if lengths[0] and lengths[1]:
        wide, high = float(lengths[0][1]), float(lengths[1][1])
    return _checked(wide, high)


def _checked(wide: float, high: float) -> tuple[float, float]:
    if not (0 < wide < float("inf") and 0 < high < float("inf")):
        raise NotALogo("has no size")
    if not 0.25 <= wide / high <= 12:
        raise NotALogo("is too narrow or too flat for the top of a page: at most 12 times as wide as high")
    return wide, high


def _refuse_what_acts(root: ElementTree.Element) -> None:
    for element in root.iter():
        name = str(element.tag).rpartition("}")[2]
        if name in _ACTIVE:
            raise NotALogo(f"has <{name}> in it, and a logo is a still picture")
        for attribute, value in element.attrib.items():
            plain = attribute.rpartition("}")[2].lower()
            if plain.startswith("on"):
                raise NotALogo(f"has a script in it ({plain})")
            if plain in ("href", "src") and not value.strip().startswith(("#", "data:image/")):
                raise NotALogo(f"points to another address ({value.strip()[:80]})")
            if _FOREIGN.search(value):
                raise NotALogo(f"points to another address in {plain}")
        if name == "style" and _FOREIGN.search("".join(element.itertext())):
            raise NotALogo("points to another address in its style")
