"""Names and types of files: what is said about them is not believed.

A name comes from somebody's computer or mail, a type from its bytes. Only a few kinds of picture are ever
shown in a page; everything else, active kinds (SVG, HTML, XML) above all, is a download.
"""

import mimetypes
import re
import unicodedata

import filetype

MAX_NAME = 150
"""Characters of a name that are kept; the ending stays whole."""

INLINE_TYPES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})
"""Pictures that a browser may show: it decodes them and runs nothing."""

UNKNOWN = "application/octet-stream"
HEAD_BYTES = 4096
"""So many first bytes tell the type."""
_ACTIVE = re.compile(r"html|xml|svg|javascript|ecmascript", re.IGNORECASE)
_MAX_ENDING = 16


def safe_name(name: str) -> str:
    """The name without folders, control characters and direction tricks; never empty, never very long."""
    base = name.replace("\\", "/").rsplit("/", 1)[-1]
    # Invisible formatting (Cf) goes too: an override in it makes "gpj.exe" read "exe.jpg". Zl and Zp are line
    # breaks.
    kept = "".join(" " if unicodedata.category(c) in ("Zl", "Zp") else c for c in base if _printable(c))
    kept = " ".join(unicodedata.normalize("NFC", kept).split()).lstrip(".")
    if not kept:
        return "file"
    stem, dot, ending = kept.rpartition(".")
    if not dot or not stem or len(ending) > _MAX_ENDING:
        return kept[:MAX_NAME]
    return f"{stem[: MAX_NAME - len(ending) - 1]}.{ending}"


def _printable(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def sniff_type(head: bytes, name: str) -> str:
    """The type by the first bytes, else by the ending; what a browser would run is "unknown"."""
    found = _by_content(head)
    guessed = found or mimetypes.guess_type(safe_name(name))[0] or UNKNOWN
    # A picture is known by its bytes; what only its name calls one would be a broken image on the page.
    believed = found is not None or guessed not in INLINE_TYPES
    return guessed if believed and not _ACTIVE.search(guessed) else UNKNOWN


def served_inline(head: bytes) -> str | None:
    """The type under which a page may show these bytes, whatever they are called; None: only a download."""
    found = _by_content(head)
    return found if found in INLINE_TYPES else None


def _by_content(head: bytes) -> str | None:
    found: str | None = filetype.guess_mime(head) if head else None
    # An animated PNG is a PNG to every browser.
    return "image/png" if found == "image/apng" else found
