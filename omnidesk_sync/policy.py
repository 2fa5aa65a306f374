"""Decisions, made from plain values: no Django, no clock, no call.

What a customer may see, whether a message over there is ours, and how long to wait after which failure.
"""

import enum
import unicodedata
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from omnidesk_sync.types import DeskMessage

LEASE_MARGIN_SECONDS = 30.0
"""How much longer than one call a lane is held: the database work before and after the call."""

RESENDS = 5
"""How often an entry that was looked for and not found is sent again before a person decides."""

DECIDE_SECONDS = 300.0
"""How long something similar but not equal is looked at again, counted from the first successful look."""

LOOK_AGAIN_SECONDS = 60.0
"""Until the second look after an absence, and between looks at something similar."""

CALL_FAILURE_BACKOFF = (15.0, 3600.0)
"""First and longest wait, in seconds, after a failure that is not the message's fault."""

KNOWN_TYPES = ("reply_user", "reply_staff")


class Visibility(enum.Enum):
    """Whether a row of the message list may be stored here."""

    PUBLIC = "public"
    LATER = "not yet: its sending time lies ahead"
    PRIVATE = "a note"
    HELD_BACK = "not known to be public"


def visibility(message: DeskMessage, *, server_time: datetime) -> Visibility:
    """What is not known to be public is held back.

    `note` alone is never relied upon: an answer may lack it, and notes also say so in `message_type`. A type
    nobody has described stays hidden; an empty type counts as described only with `note` plainly false, since
    service rows carry an empty type too but nobody as author. [seen in code]

    Only staff write for later. A customer's own words with a time ahead come from a clock that was set back,
    and hidden they would be taken for never sent.
    """
    if message.note or "note" in message.message_type.lower():
        return Visibility.PRIVATE
    authored = message.user_id > 0 or message.staff_id > 0 or message.sent_via_rule
    described = message.message_type in KNOWN_TYPES or (message.message_type == "" and message.note is False)
    if not (authored and described):
        return Visibility.HELD_BACK
    appears_at = message.sent_at or message.created_at
    by_customer = message.user_id > 0 and message.staff_id <= 0
    if appears_at is not None and appears_at > server_time and not by_customer:
        return Visibility.LATER
    return Visibility.PUBLIC


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures in a row: doubled each time, capped."""
    first, longest = CALL_FAILURE_BACKOFF
    return float(min(first * 2 ** min(max(failures - 1, 0), 16), longest))


CHAT_SPACING_SECONDS = 1.0
"""Between two readings of a chat while there are calls enough: answers in a burst still share one."""


def read_spacing(limit: int, *, chat_room: int | None = None) -> float:
    """Seconds between two readings of one case, so that replies close together cost one reading.

    A chat is to feel alive: while at least half of the minute's calls are free (`chat_room`: how many are),
    its readings keep a second only. Below that it takes its turn like everything else, so that one lively
    chat cannot eat what all others share.
    """
    usual = max(2.0, 120.0 / max(limit, 1))
    if chat_room is not None and chat_room * 2 >= limit:
        return min(CHAT_SPACING_SECONDS, usual)
    return usual


# ── is it ours? ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Words:
    """What a message says, for comparing: text however laid out, and the sizes of its files in bytes."""

    text: str
    file_sizes: tuple[int, ...] = ()


class Likeness(enum.Enum):
    """How a message over there compares with the one we may have sent."""

    EQUAL = "equal"
    SIMILAR = "similar"
    OTHER = "other"


UNSEEN = ("Cc", "Cf", "Cn")
"""Controls, format signs and signs that do not exist; some of these come back as U+FFFD."""


def normalised(text: str) -> str:
    """The text without what a desk may change on the way: white space, what nobody sees, composed letters.

    Word puts a vertical tab for a line break, and no desk keeps one in its HTML.
    """
    seen = "".join(sign for sign in text if sign in "\t\n\r" or unicodedata.category(sign) not in UNSEEN)
    return " ".join(unicodedata.normalize("NFC", seen.replace("\ufffd", "")).split())


def likeness(ours: Words, theirs: Words) -> Likeness:
    """EQUAL: the same normalised text and the same files by count and size. SIMILAR: too close to call."""
    mine, other = normalised(ours.text), normalised(theirs.text)
    same_files = sorted(ours.file_sizes) == sorted(theirs.file_sizes)
    if mine == other and same_files:
        return Likeness.EQUAL
    if mine == other or _overlap(mine, other) > 0.5:
        return Likeness.SIMILAR
    if ours.file_sizes and same_files:
        return Likeness.SIMILAR
    return Likeness.OTHER


def _overlap(one: str, other: str) -> float:
    """The share of words in common, counted against the shorter text: a cut text is similar to the whole."""
    left, right = Counter(one.casefold().split()), Counter(other.casefold().split())
    shorter = min(left.total(), right.total())
    return (left & right).total() / shorter if shorter else 0.0


class Look(enum.Enum):
    """What looking for an unsettled send came to."""

    FOUND = "found"
    ABSENT = "absent"
    UNCLEAR = "unclear"


def look_for(ours: Words, candidates: Sequence[tuple[int, Words]]) -> tuple[Look, int, tuple[int, ...]]:
    """Finds ours among later, unlinked messages of the same customer.

    Returns the verdict, the id if found, and the ids that are similar: those are shown to nobody until it is
    decided. The earliest equal one is taken: of two equal texts ours was sent first.
    """
    judged = [
        (identifier, likeness(ours, words)) for identifier, words in sorted(candidates, key=lambda c: c[0])
    ]
    equal = _ids(judged, Likeness.EQUAL)
    similar = _ids(judged, Likeness.SIMILAR)
    if equal:
        return Look.FOUND, equal[0], ()
    return (Look.UNCLEAR if similar else Look.ABSENT), 0, similar


def _ids(judged: Iterable[tuple[int, Likeness]], wanted: Likeness) -> tuple[int, ...]:
    return tuple(identifier for identifier, found in judged if found is wanted)


class AfterLook(enum.Enum):
    """What happens to an unsettled entry that was looked for and not found."""

    SEND_AGAIN = "send again"
    LOOK_AGAIN = "look again later"
    UNDECIDED = "a person decides"


def after_look(look: Look, *, resends: int, seconds_since_first_look: float) -> AfterLook:
    """Only after the quarantine. Absence means send again, up to a cap; what is unclear is never guessed."""
    if look is Look.ABSENT:
        return AfterLook.SEND_AGAIN if resends < RESENDS else AfterLook.UNDECIDED
    if seconds_since_first_look >= DECIDE_SECONDS:
        return AfterLook.UNDECIDED
    return AfterLook.LOOK_AGAIN
