"""What differs between both systems in one case, by kind, place, ids and time: never by anybody's words.

Decided from rows that were read already: no call, nothing is written. "Public" is `policy.visibility`, as for
every reading. "Equal" is the product's own notion: of the desk's messages the hash of what it last said, and
that our copy says it; of our own the normalised text; of files their count and sizes.
"""

import enum
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from cabinet import desk
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from omnidesk_sync import applying, mapping, policy
from omnidesk_sync.models import CaseLink, MessageLink
from omnidesk_sync.reading import Read
from omnidesk_sync.types import DeskCase, DeskMessage


class Said(enum.Enum):
    """Members are a code, which is stored, and the sentence an admin reads."""

    def __init__(self, code: str, sentence: str) -> None:
        self.code = code
        self.sentence = sentence


class Kind(Said):
    """Kinds of differences, each with the sentence an admin reads."""

    # Of the case.
    GONE_THERE = "gone_there", _("the case is not in Omnidesk any more, and nobody here knows")
    UNKNOWN_HERE = "unknown_here", _("the customer's case is not in the cabinet")
    CAME_BACK = "came_back", _("the case belongs to its former owner again, but is frozen here")
    NOT_LINKED = "not_linked", _("the case was delivered, but which one it is in Omnidesk is not known")
    OWNER = "owner", _("in Omnidesk the case belongs to somebody else")
    NUMBER = "number", _("the number differs")
    STATUS = "status", _("the status differs")
    AVAILABILITY = "availability", _("merged, spam, deleted or not: that differs")
    # Of a message.
    MISSING_HERE = "missing_here", _("missing in the cabinet")
    MISSING_THERE = "missing_there", _("missing in Omnidesk")
    NOT_PUBLIC = "not_public", _("shown in the cabinet, but not public in Omnidesk")
    WITHDRAWN_HERE = "withdrawn_here", _("withdrawn in the cabinet, but public in Omnidesk")
    UNLINKED = "unlinked", _("which message it is in Omnidesk is not known")
    TEXT = "text", _("the text differs")
    AUTHOR = "author", _("the author differs")
    FILES = "files", _("the files differ")
    FILE_GIVEN_UP = "file_given_up", _("a file could not be fetched")
    ORDER = "order", _("not in the promised order")


KINDS = {kind.code: kind for kind in Kind}
PERSONS = (Kind.NOT_LINKED, Kind.UNLINKED, Kind.ORDER)
"""Reading the case again mends none of these: a person decides."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `here` and `there` are words of the system (a status, "2 files, 300 bytes"), never of
    a person. `by_hand`: no reading mends it."""

    kind: str
    message_id: str = ""
    position: int = 0
    desk_message_id: int = 0
    at: str = ""
    here: str = ""
    there: str = ""
    by_hand: bool = False

    def values(self) -> dict[str, object]:
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Theirs:
    """What the desk holds: the case, None if it is gone; its messages, None where they are not to be read."""

    case: DeskCase | None
    read: Read | None = None


def describe(values: Mapping[str, object]) -> str:
    """A difference in a sentence of the reader's language."""
    kind = KINDS.get(str(values.get("kind")))
    parts = [str(kind.sentence) if kind is not None else str(values.get("kind"))]
    if values.get("here") or values.get("there"):
        compared = {"here": values.get("here") or "—", "there": values.get("there") or "—"}
        parts.append(gettext("here %(here)s, there %(there)s") % compared)
    return f"{_place(values)}{'; '.join(parts)}"


def in_this_zone(moment: datetime) -> str:
    """The same in every language: reports are compared, sorted and sent on."""
    return f"{timezone.localtime(moment):%Y-%m-%d %H:%M}"


def _place(values: Mapping[str, object]) -> str:
    known = []
    if values.get("position"):
        known.append(gettext("message %(position)s") % values)
    if values.get("desk_message_id"):
        known.append(gettext("in Omnidesk %(desk_message_id)s") % values)
    moment = parse_datetime(str(values.get("at") or ""))
    if moment is not None:
        known.append(in_this_zone(moment))
    return f"{', '.join(known)}: " if known else ""


# ── the case ────────────────────────────────────────────────────────────────────────────────────────────


def of_case(case: Case, there: DeskCase) -> Iterator[Difference]:
    """Number, status and availability. The status of a case that is away is nobody's any more."""
    facts = mapping.facts(there)
    if facts.number and facts.number != case.number:
        yield Difference(Kind.NUMBER.code, here=case.number, there=facts.number)
    if facts.availability != case.availability:
        yield Difference(Kind.AVAILABILITY.code, here=case.availability, there=facts.availability)
    elif facts.availability == Case.Availability.NORMAL and facts.status != case.status:
        yield Difference(Kind.STATUS.code, here=case.status, there=facts.status)


# ── the thread ──────────────────────────────────────────────────────────────────────────────────────────


def of_thread(link: CaseLink, there: DeskCase, read: Read) -> list[Difference]:
    """Every public message once on each side, by the same author, with equal text and files, in order.

    Messages of ours that have not arrived are left out: they are on their way, or were given up.
    """
    messages = list(link.case.messages.prefetch_related("files").order_by("position"))
    links = {row.message_id: row for row in MessageLink.objects.filter(case=link.case_id)}
    arrived = _arrived(link)
    linked_ids = {row.desk_message_id for row in links.values()}
    rows = applying.sort_rows(read, linked_ids)
    public = {row.message_id: row for row in rows.public}
    opening = _unread_opening(link, there, rows.public, linked_ids, arrived, links)
    found: list[Difference] = []
    for message in messages:
        known = links.get(message.pk)
        if known is None and opening is not None and message.pk == opening[0]:
            known = MessageLink(message=message, case_id=link.case_id, desk_message_id=opening[1])
            linked_ids.add(opening[1])
        if known is not None:
            found += _of_message(message, known, public.get(known.desk_message_id), rows.hidden_ids, read)
        elif message.origin == Message.Origin.DESK:
            found.append(_about(Kind.UNLINKED, message, by_hand=True))
        elif message.pk in arrived:
            # An opening that was deleted over there before it was ever read has no counterpart to lose.
            gone = arrived[message.pk].kind == OutboxEntry.Kind.OPEN_CASE and opening is None
            found.append(_about(Kind.MISSING_THERE if gone else Kind.UNLINKED, message, by_hand=True))
    for row in rows.public:
        if row.message_id not in linked_ids:
            at = row.sent_at or row.created_at
            moment = at.isoformat() if at else ""
            found.append(Difference(Kind.MISSING_HERE.code, desk_message_id=row.message_id, at=moment))
    return [*found, *_out_of_order(messages, links, arrived)]


def _arrived(link: CaseLink) -> dict[uuid.UUID, OutboxEntry]:
    """The delivered entries by message: what was sent from here and must be there."""
    entries = OutboxEntry.objects.filter(
        case=link.case_id, state=OutboxEntry.State.DELIVERED, kind__in=desk.MESSAGE_KINDS
    )
    ordered = entries.select_related("message").order_by("number")
    return {entry.message_id: entry for entry in ordered if entry.message_id}


def _unread_opening(
    link: CaseLink,
    there: DeskCase,
    public: Sequence[DeskMessage],
    linked_ids: set[int],
    arrived: Mapping[uuid.UUID, OutboxEntry],
    links: Mapping[uuid.UUID, MessageLink],
) -> tuple[uuid.UUID, int] | None:
    """Our opening and its row, where no reading has joined them yet: its id is not in the desk's answer."""
    openings = [entry for entry in arrived.values() if entry.kind == OutboxEntry.Kind.OPEN_CASE]
    message = openings[0].message if openings else None
    if link.opening_read or message is None or message.pk in links:
        return None
    row = applying.opening_row(message, there, public, linked_ids)
    return (message.pk, row.message_id) if row is not None else None


def _of_message(
    message: Message, link: MessageLink, row: DeskMessage | None, hidden_ids: set[int], read: Read
) -> Iterator[Difference]:
    if row is None:
        if message.withdrawn_at is None:
            hidden = link.desk_message_id in hidden_ids
            never_joined = link.pk is None
            kind = Kind.NOT_PUBLIC if hidden else Kind.MISSING_THERE
            yield _about(kind, message, link, by_hand=never_joined)
        return
    if message.withdrawn_at is not None:
        yield _about(Kind.WITHDRAWN_HERE, message, link)
        return
    ours = message.origin == Message.Origin.CABINET
    incoming = mapping.incoming(row, fallback_time=read.server_time)
    if incoming.author != message.author:
        yield _about(Kind.AUTHOR, message, link, message.author, incoming.author, by_hand=ours)
    changed = bool(link.desk_hash) and link.desk_hash != mapping.desk_hash(row)
    if changed or not _says_the_same(message, row, read):
        yield _about(Kind.TEXT, message, link, by_hand=ours and not changed)
    yield from _of_files(message, link, row, by_hand=ours)


def _says_the_same(message: Message, row: DeskMessage, read: Read) -> bool:
    """Equal words. Where a quote begins may be judged otherwise than when it was stored: they still count."""
    ours = message.origin == Message.Origin.CABINET
    if ours and policy.normalised(message.text) == policy.normalised(mapping.theirs(row).text):
        return True
    if ours and message.edited_at is None:
        return False
    body = desk.body_of(mapping.incoming(row, fallback_time=read.server_time))
    return _words(message.text, message.quoted_text) == _words(body.text, body.quoted_text)


def _words(*texts: str) -> Counter[str]:
    return Counter(policy.normalised(" ".join(texts)).split())


def _of_files(
    message: Message, link: MessageLink, row: DeskMessage, *, by_hand: bool
) -> Iterator[Difference]:
    here = sorted(file.size for file in message.files.all())
    there = sorted(file.file_size for file in row.attachments)
    # A size of 0 says nothing.
    equal = len(here) == len(there) if 0 in there else here == there
    if not equal:
        yield _about(Kind.FILES, message, link, _files(here), _files(there), by_hand=by_hand)
    elif any(file.state == CaseFile.State.UNAVAILABLE for file in message.files.all()):
        yield _about(Kind.FILE_GIVEN_UP, message, link)


def _files(sizes: Sequence[int]) -> str:
    return f"{len(sizes)} / {sum(sizes)} B"


def _about(
    kind: Kind,
    message: Message,
    link: MessageLink | None = None,
    here: str = "",
    there: str = "",
    *,
    by_hand: bool = False,
) -> Difference:
    return Difference(
        kind.code,
        message_id=str(message.pk),
        position=message.position,
        desk_message_id=link.desk_message_id if link is not None else 0,
        at=message.written_at.isoformat(),
        here=here,
        there=there,
        by_hand=by_hand or kind in PERSONS,
    )


# ── order ───────────────────────────────────────────────────────────────────────────────────────────────


def _out_of_order(
    messages: Sequence[Message],
    links: Mapping[uuid.UUID, MessageLink],
    arrived: Mapping[uuid.UUID, OutboxEntry],
) -> Iterator[Difference]:
    """What was promised: ours reached the desk in the order they were queued; the opening stands first; the
    desk's stand in the order they became known here. Between ours and theirs nothing was promised."""
    linked = {message.pk: message for message in messages if message.pk in links}
    queued = sorted((key for key in arrived if key in linked), key=lambda key: arrived[key].number)
    yield from _not_rising([linked[key] for key in queued], links, lambda link: (0, link.desk_message_id))
    openings = [key for key in queued if arrived[key].kind == OutboxEntry.Kind.OPEN_CASE]
    if openings and messages and messages[0].pk != openings[0]:
        yield _about(Kind.ORDER, linked[openings[0]], links[openings[0]])
    theirs = [row for row in messages if row.pk in links and row.origin == Message.Origin.DESK]
    yield from _not_rising(theirs, links, _KnownSince(theirs, links))


class _KnownSince:
    """A place for each message: by the reading that brought it, and inside one by the desk's order.

    Readings are told apart by the time they linked at; their order is that of their rows, since a clock may
    be set back.
    """

    def __init__(self, messages: Iterable[Message], links: Mapping[uuid.UUID, MessageLink]) -> None:
        self._first: dict[datetime, int] = {}
        for link in sorted((links[message.pk] for message in messages), key=lambda row: row.pk):
            self._first.setdefault(link.linked_at, link.pk)

    def __call__(self, link: MessageLink) -> tuple[int, int]:
        return self._first[link.linked_at], link.desk_message_id


def _not_rising(
    messages: Sequence[Message],
    links: Mapping[uuid.UUID, MessageLink],
    place: Callable[[MessageLink], tuple[int, int]],
) -> Iterator[Difference]:
    highest = (-1, -1)
    for message in messages:
        link = links[message.pk]
        if place(link) < highest:
            yield _about(Kind.ORDER, message, link)
        highest = max(highest, place(link))
