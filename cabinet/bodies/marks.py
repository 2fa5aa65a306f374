"""What mail programs say about a part of a letter by the names they give to its elements."""

import re
from collections.abc import Collection, Mapping
from enum import Enum, auto

from cabinet.bodies.tokens import names

# The classes of ours that may stand in a finished body.
ROOT_CLASS = "cabinet-body"
QUOTE_CLASS = "quote"
DOTS_CLASS = "quote-dots"
IMAGE_CLASS = "blocked-image"
HEADING_CLASS = "mail-heading"
TABLE_CLASS = "table-wrap"


class Mark(Enum):
    ROOT = auto()  # a body finished by us: only our own folds count
    FOLDED = auto()  # our own fold
    SUMMARY = auto()  # the button of our own fold
    HIDDEN = auto()
    CITE = auto()  # certainly a quote
    BARE = auto()  # a quote if an introduction says so; else somebody's own emphasis
    CONTAINER = auto()  # holds a quote, perhaps answers between its parts too
    ATTRIBUTION = auto()  # "On … wrote:"
    TAIL = auto()  # from here on all is the original
    BORDER = auto()  # Outlook's line above the original's header
    APPEND = auto()  # Outlook's place for the original, often empty
    SIGNATURE = auto()


_CONTAINERS = names(
    "gmail_quote gmail_quote_container yahoo_quoted protonmail_quote mail-quote-collapse zmail_extra "
    "tutanota_quote moz-forward-container ms-outlook-mobile-reference-message "
    "mail-editor-reference-message-container OLK_SRC_BODY_SECTION"
)
_CITES = names("gmail_quote protonmail_quote tutanota_quote mailru-blockquote")
_ATTRIBUTIONS = names("moz-cite-prefix gmail_attr")
_SIGNATURES = names(
    "gmail_signature gmail_signature_prefix moz-signature k9mail-signature protonmail_signature_block "
    "Signature MsoAutoSig ms-outlook-mobile-signature AppleMailSignature composer_signature yahoo-signature"
)
SIGNATURE_FOLLOWS = "lineBreakAtBeginningOfSignature"
"""The id of Apple Mail's line break: the element after it is the signature."""
_HIDING = re.compile(r"(?:^|;)display:none", re.IGNORECASE)
_BORDER_TOP = re.compile(
    r"border-top:[^;]*(?:#(?:e1e1e1|b5c4df)|rgb\((?:225,225,225|181,196,223)\))", re.IGNORECASE
)
_BORDER_LEFT = re.compile(r"border-left:[^;]*solid", re.IGNORECASE)


def mark_of(tag: str, attributes: Mapping[str, str], quote_classes: Collection[str]) -> Mark | None:
    classes = set(attributes.get("class", "").split())
    own = _own(tag, classes)
    if own is not None:
        return own
    # Outlook's web mail puts "x_" before every name of a letter it quotes.
    known = {name.removeprefix("x_") for name in (*classes, attributes.get("id", ""))}
    return _by_name(tag, known, attributes, quote_classes) or _by_style(tag, attributes)


def _own(tag: str, classes: set[str]) -> Mark | None:
    if tag == "div" and classes == {ROOT_CLASS}:
        return Mark.ROOT
    if tag == "details" and classes == {QUOTE_CLASS}:
        return Mark.FOLDED
    return Mark.SUMMARY if DOTS_CLASS in classes else None


def _by_name(
    tag: str, known: set[str], attributes: Mapping[str, str], quote_classes: Collection[str]
) -> Mark | None:
    if tag == "blockquote" and (known & _CITES or attributes.get("type", "").lower() == "cite"):
        return Mark.CITE
    if known & _CONTAINERS or not known.isdisjoint(quote_classes):
        return Mark.CONTAINER
    if known & _ATTRIBUTIONS:
        return Mark.ATTRIBUTION
    if known & _SIGNATURES or "data-signature-widget" in attributes:
        return Mark.SIGNATURE
    # Gmail on a telephone says it in no class.
    if attributes.get("data-smartmail") == "gmail_signature":
        return Mark.SIGNATURE
    if "divRplyFwdMsg" in known:
        return Mark.TAIL
    return Mark.APPEND if "appendonsend" in known else None


def _by_style(tag: str, attributes: Mapping[str, str]) -> Mark | None:
    style = re.sub(r"\s+", "", attributes.get("style", "")[:2000])
    if "hidden" in attributes or _HIDING.search(style):
        return Mark.HIDDEN
    if _BORDER_TOP.search(style):
        return Mark.BORDER
    if tag == "blockquote" and "border:none" in style.lower():
        return None  # what editors make of an indented paragraph
    if tag == "blockquote" or (tag == "div" and _BORDER_LEFT.search(style)):
        return Mark.BARE
    return None
