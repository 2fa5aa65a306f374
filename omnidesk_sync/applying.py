"""Applies what a reading brought: what is new, changed or gone. Runs in one transaction under the lease."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from cabinet import desk
from cabinet.models import CaseFile, Message, OutboxEntry
from cabinet.types import IncomingMessage
from omnidesk_sync import delivering, faces, linking, mapping, policy
from omnidesk_sync.models import Attempt, CaseLink, FileLink, Lane, MessageLink
from omnidesk_sync.policy import Likeness, Look, Visibility
from omnidesk_sync.types import Attachment, DeskCase, DeskMessage

if TYPE_CHECKING:
    from omnidesk_sync.reading import Read

FAR_AHEAD = timedelta(minutes=5)
"""Longer than any reading lasts."""


@dataclass(slots=True)
class Sorted:
    """The rows of a reading by what may be done with them."""

    public: list[DeskMessage] = field(default_factory=list)
    hidden_ids: set[int] = field(default_factory=set)
    later: list[DeskMessage] = field(default_factory=list)
    held_back: int = 0


def apply(link: CaseLink, case: DeskCase, read: "Read", *, unsettled: Sequence[OutboxEntry]) -> Look:
    """Takes over the reading. The verdict is about the first of `unsettled`; ABSENT when there is none."""
    now = timezone.now()
    known = {
        row.desk_message_id: row
        for row in MessageLink.objects.filter(case=link.case_id).select_related("message")
    }
    rows = sort_rows(read, known)
    if read.complete_from == 0 and not link.opening_read:
        _link_opening(link, case, rows.public, known, unsettled, now)
    missing = {
        row.desk_file_id: row
        for row in FileLink.objects.filter(file__message__case=link.case_id).exclude(due_at=None)
    }
    profiles = _profiles(link)
    look, waiting_ids = _match_unsettled(profiles, rows.public, known, unsettled)
    for row in rows.public:
        if row.message_id in known:
            _follow(known[row.message_id], row, read, profiles, missing, now)
        elif row.message_id not in waiting_ids:
            _insert(link, row, _incoming(row, read, profiles), now)
    faces.take_over(link.case_id, rows.public, now=now)
    _ensure_open(case, read, rows.public, known, now)
    _withdraw_hidden(rows.hidden_ids, known, now)
    absence = _count_absences(read, known, now)
    _advance(link, case, read, rows, waiting_ids)
    _plan_next_look(link, rows, absence, read, now)
    return look


def sort_rows(read: "Read", known: Collection[int]) -> Sorted:
    """Sorts the rows by `policy.visibility`: what may be stored, what may not, what not yet."""
    rows = Sorted()
    for message in read.messages:
        found = policy.visibility(message, server_time=read.server_time)
        # What has appeared does not go back into the future: its desk's clock was set back.
        appeared = found is Visibility.LATER and message.message_id in known
        if found is Visibility.PUBLIC or appeared:
            rows.public.append(message)
        elif found is Visibility.LATER:
            rows.later.append(message)
            rows.hidden_ids.add(message.message_id)
        else:
            rows.hidden_ids.add(message.message_id)
            rows.held_back += found is Visibility.HELD_BACK
    return rows


# ── ours ────────────────────────────────────────────────────────────────────────────────────────────────


def _link_opening(
    link: CaseLink,
    case: DeskCase,
    public: Sequence[DeskMessage],
    known: dict[int, MessageLink],
    unsettled: Sequence[OutboxEntry],
    now: datetime,
) -> None:
    """The first row of a case that was opened here is our opening, whatever the desk made of its text.

    Its id is not in the answer to the creation [documented], so the first whole reading learns it. A row
    written well after or before the case is not the opening: that one has been deleted over there, or the
    rows of another case were merged into this one. If some row says what the opening said, it is that row.
    """
    opening = OutboxEntry.objects.filter(
        case=link.case_id, kind=OutboxEntry.Kind.OPEN_CASE, state=OutboxEntry.State.DELIVERED
    ).first()
    if opening is None or opening.message is None:
        return
    first = opening_row(opening.message, case, public, known)
    if first is None or MessageLink.objects.filter(message=opening.message).exists():
        return
    # The opening was deleted before it was read, and this is the reply that we are looking for.
    replies = [mapping.ours(entry.message) for entry in unsettled if entry.message is not None]
    said = [mapping.ours(opening.message), *replies]
    likest = [policy.likeness(words, mapping.theirs(first)) for words in said]
    if likest[0] is not Likeness.EQUAL and Likeness.EQUAL in likest:
        return
    known[first.message_id] = linking.link_message(opening.message, first.message_id, now=now)


def opening_row(
    opening: Message, case: DeskCase, public: Sequence[DeskMessage], known: Collection[int]
) -> DeskMessage | None:
    """The row that a case was opened with; None if it has been deleted over there."""
    # An automatic answer may stand before it.
    rows = [row for row in public if row.user_id > 0 and row.message_id not in known and _opens(row, case)]
    said = mapping.ours(opening)
    equal = (row for row in rows if policy.likeness(said, mapping.theirs(row)) is Likeness.EQUAL)
    return next(equal, rows[0] if rows else None)


def _opens(message: DeskMessage, case: DeskCase) -> bool:
    """Whether it was written when the case was opened, as far as that is known."""
    if message.created_at is None or case.created_at is None:
        return True
    return abs(message.created_at - case.created_at) <= timedelta(seconds=60)


def _match_unsettled(
    profiles: set[int],
    public: Sequence[DeskMessage],
    known: dict[int, MessageLink],
    entries: Sequence[OutboxEntry],
) -> tuple[Look, tuple[int, ...]]:
    """Which unsettled replies are among the later, unlinked messages of their customer: those are adopted.

    All of them are looked for, since what is not taken for ours now is taken over as somebody's new message.
    The verdict is about the first.
    """
    left = [entry for entry in entries if _match(profiles, public, known, entry)[0] is not Look.FOUND]
    # Only now: what is similar to one of them may have been another one's for certain.
    again = [_match(profiles, public, known, entry) for entry in left]
    waiting_ids = tuple(sorted({identifier for _, similar in again for identifier in similar}))
    if not entries:
        return Look.ABSENT, ()
    return (again[0][0] if entries[0] in left else Look.FOUND), waiting_ids


def _match(
    profiles: set[int], public: Sequence[DeskMessage], known: dict[int, MessageLink], entry: OutboxEntry
) -> tuple[Look, tuple[int, ...]]:
    """Not filtered by time: the desk has whole seconds and another clock."""
    attempt = Attempt.objects.filter(entry=entry).order_by("-id").first()
    if attempt is None or entry.message is None:
        return Look.ABSENT, ()
    candidates = [
        (row.message_id, mapping.theirs(row))
        for row in public
        if row.message_id > attempt.baseline and row.message_id not in known and row.user_id in profiles
    ]
    look, found, similar = policy.look_for(mapping.ours(entry.message), candidates)
    if look is Look.FOUND:
        row = next(row for row in public if row.message_id == found)
        delivering.reply_delivered(entry, found, attempt, desk_hash=mapping.desk_hash(row))
        known[found] = MessageLink.objects.select_related("message").get(message=entry.message)
    return look, similar


def _profiles(link: CaseLink) -> set[int]:
    """Who the customer is over there: the case may have moved to another profile of the same person."""
    return {link.desk_user_id, *linking.profiles_of(link.case.owner_id)}


# ── theirs ──────────────────────────────────────────────────────────────────────────────────────────────


def _insert(link: CaseLink, row: DeskMessage, incoming: IncomingMessage, now: datetime) -> None:
    message, files = desk.record_message(link.case_id, incoming, now=now)
    linking.link_message(message, row.message_id, now=now, desk_hash=mapping.desk_hash(row))
    _link_files(files, row.attachments, now)


def _incoming(row: DeskMessage, read: "Read", profiles: set[int]) -> IncomingMessage:
    incoming = mapping.incoming(row, fallback_time=read.server_time)
    if row.user_id > 0 and row.user_id not in profiles:
        # Written when the case was another's, merged into it, or mailed by a colleague.
        return replace(incoming, by_owner=False)
    return incoming


def _follow(
    link: MessageLink,
    row: DeskMessage,
    read: "Read",
    profiles: set[int],
    missing: dict[int, FileLink],
    now: datetime,
) -> None:
    """Compares with what the desk last said. Our own words are not rewritten by the desk's HTML of them."""
    _renew_addresses(row, missing)
    current = mapping.desk_hash(row)
    back_again = link.message.withdrawn_at is not None
    if link.desk_hash == current and not back_again:
        if link.absent:
            MessageLink.objects.filter(pk=link.pk).update(absent=0)
        return
    if link.desk_hash or back_again:
        _rewrite(link.message, row, _incoming(row, read, profiles), now)
    MessageLink.objects.filter(pk=link.pk).update(desk_hash=current, absent=0)


def _rewrite(message: Message, row: DeskMessage, incoming: IncomingMessage, now: datetime) -> None:
    present = {file.file_id: file for file in row.attachments}
    linked = {
        file_link.desk_file_id: file_link.file
        for file_link in FileLink.objects.filter(file__message=message).select_related("file")
    }
    kept = {file_id: file for file_id, file in linked.items() if _is_still(file, present.get(file_id))}
    # Files of our own upload carry no link and stay: they are not fetched back.
    ours = message.files.filter(desk_link=None).exists()
    said = dict(zip((file.file_id for file in row.attachments), incoming.files, strict=True))
    fresh = [] if ours else [file for file in row.attachments if file.file_id not in kept]
    gone = [file for file_id, file in linked.items() if file_id not in kept]
    files = desk.rewrite_message(
        message,
        incoming,
        fresh=[said[file.file_id] for file in fresh],
        kept=[(file, said[file_id]) for file_id, file in kept.items()],
        gone=gone,
        now=now,
    )
    _link_files(files, fresh, now)


def _is_still(file: CaseFile, attachment: Attachment | None) -> bool:
    """Whether our copy is of the file that the desk has now; a size of 0 says nothing."""
    if attachment is None:
        return False
    ready = file.state == CaseFile.State.READY
    return not (ready and attachment.file_size and attachment.file_size != file.size)


def _renew_addresses(row: DeskMessage, missing: dict[int, FileLink]) -> None:
    """The address of a file may live for a short time only [unknown]; every reading brings a fresh one."""
    for attachment in row.attachments:
        link = missing.get(attachment.file_id)
        if link is not None and link.url != attachment.url[:1000]:
            FileLink.objects.filter(pk=link.pk).exclude(due_at=None).update(url=attachment.url[:1000])


def _link_files(files: Sequence[CaseFile], attachments: Sequence[Attachment], now: datetime) -> None:
    for file, attachment in zip(files, attachments, strict=True):
        FileLink.objects.create(
            file=file, desk_file_id=attachment.file_id, url=attachment.url[:1000], due_at=now
        )


def _ensure_open(
    case: DeskCase,
    read: "Read",
    public: Sequence[DeskMessage],
    known: dict[int, MessageLink],
    now: datetime,
) -> None:
    """A reply of ours came into a case that the desk had closed without our knowing, and left closed.

    Whether an API message reopens a case is [unknown]. Both times are the desk's; a reply that seems to lie
    far ahead is from before its clock was set back, and says nothing about a closing.
    """
    ours = [row for row in public if row.message_id in known and row.user_id > 0]
    last = max(ours, key=lambda row: row.message_id, default=None)
    if case.status != "closed" or case.closed_at is None or last is None or last.created_at is None:
        return
    message = known[last.message_id].message
    ahead = last.created_at - read.server_time > FAR_AHEAD
    if last.created_at > case.closed_at and not ahead and message.origin == Message.Origin.CABINET:
        desk.reopen_after(message, now=now)


# ── gone ────────────────────────────────────────────────────────────────────────────────────────────────


def _withdraw_hidden(hidden_ids: set[int], known: dict[int, MessageLink], now: datetime) -> None:
    """What was public and is no longer known to be is erased at once."""
    for desk_id in hidden_ids & known.keys():
        if known[desk_id].message.withdrawn_at is None:
            desk.withdraw_message(known[desk_id].message, now=now)


def _count_absences(read: "Read", known: dict[int, MessageLink], now: datetime) -> bool:
    """Withdraws what is absent twice. True when something was absent for the first time.

    Only inside the range that was read without a gap, and only what was linked before the reading began: a
    message sent in between could not have been in it.
    """
    present = {message.message_id for message in read.messages}
    first_time = False
    for desk_id, link in known.items():
        if desk_id in present or desk_id < read.complete_from or link.linked_at >= read.started_at:
            continue
        if link.message.withdrawn_at is not None:
            continue
        if link.absent:
            desk.withdraw_message(link.message, now=now)
        else:
            first_time = True
        MessageLink.objects.filter(pk=link.pk).update(absent=link.absent + 1)
    return first_time


# ── how far we are ──────────────────────────────────────────────────────────────────────────────────────


def _advance(link: CaseLink, case: DeskCase, read: "Read", rows: Sorted, waiting_ids: Sequence[int]) -> None:
    """Everything up to the newest row is read, except what is kept for later: the next reading reaches it."""
    kept = [*(row.message_id for row in rows.later), *waiting_ids]
    newest = max((message.message_id for message in read.messages), default=link.read_through_id)
    CaseLink.objects.filter(pk=link.pk).update(
        read_through_id=min([newest, *(kept_id - 1 for kept_id in kept)]),
        opening_read=link.opening_read or read.complete_from == 0,
        updated_at=_settled_time(case, read),
        audit_wanted=False,
        audited_at=timezone.now() if read.complete_from == 0 else link.audited_at,
        snapshot=None,
        snapshot_at=None,
    )


def _settled_time(case: DeskCase, read: "Read") -> datetime | None:
    """The case's time of change, as far as it can be relied on.

    It has whole seconds: a case whose messages were read within the very second of its change may change once
    more without its time changing, so that second counts as not yet read. The case object is younger than the
    messages: what it knows of later is not in them. A time far ahead is from before a clock was set back.
    """
    if case.updated_at is None or case.updated_at - read.server_time > FAR_AHEAD:
        return case.updated_at
    return min(case.updated_at, read.server_time - timedelta(seconds=1))


def _plan_next_look(link: CaseLink, rows: Sorted, absence: bool, read: "Read", now: datetime) -> None:
    """When the case must be read again although nobody will say so: the time is in our clock."""
    times = []
    if absence:
        times.append(now + timedelta(seconds=policy.LOOK_AGAIN_SECONDS))
    for row in rows.later:
        appears_at = row.sent_at or read.server_time
        times.append(now + (appears_at - read.server_time) + timedelta(seconds=1))
    Lane.objects.filter(pk=link.case_id).update(
        look_again_at=min(times, default=None), held_back=rows.held_back
    )
