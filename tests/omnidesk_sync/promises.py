"""The promises as questions to a stage: those that hold at any moment, and those that hold once all is quiet.

Where a promise has an exception that docs/guarantees.md names ("What remains possible", the exceptions of the
order), precisely that is let through here, with a comment; nothing else.
"""

import re
from collections.abc import Iterator

from django.db.models.functions import Now
from django.utils import timezone

from cabinet.models import OPEN_STATES, Case, Message, OutboxEntry
from omnidesk_sync.models import Budget, CaseLink, FileLink, Lane, MessageLink
from sandbox.records import Case as DeskCase
from sandbox.records import Message as DeskRow
from tests.omnidesk_sync.stage import Landed, Stage, squeezed
from tests.omnidesk_sync.world import everything_stored

Kind, State = OutboxEntry.Kind, OutboxEntry.State
SECRET = re.compile(r"тайна-\d+-")


def at_any_moment(stage: Stage) -> None:
    """Nothing leaked, nothing doubled, nothing out of order, and the books in order.

    What is sent twice, overtakes, or is called for inside a transaction the stage has noted when it happened.
    """
    _no_call_was_wrong(stage)
    _nothing_private_is_stored(stage)
    _nothing_is_shown_twice(stage)
    _nobody_sees_anothers(stage)
    _the_desk_has_the_order_of_writing(stage)
    _what_is_said_of_a_message_is_true(stage)
    _the_budget_adds_up(stage)


def when_quiet(stage: Stage) -> None:
    """After everything was worked off, without anybody's reading the whole of a case on purpose."""
    at_any_moment(stage)
    _nothing_is_left_over(stage)
    _nothing_is_lost(stage)
    for there, case in _pairs(stage):
        _both_hold_the_same_rows(stage, there, case)


def when_read_whole(stage: Stage) -> None:
    """After every case was read whole, as the daily audit does one after another: edits and deletions too."""
    when_quiet(stage)
    for there, case in _pairs(stage):
        _both_say_the_same(stage, there, case)


# ── at any moment ───────────────────────────────────────────────────────────────────────────────────────


def _no_call_was_wrong(stage: Stage) -> None:
    assert not stage.book.wrong, stage.book.wrong


def _nothing_private_is_stored(stage: Stage) -> None:
    if not stage.book.secrets:
        return
    kept = set(SECRET.findall(everything_stored() + "\n".join(stage.logs.lines)))
    told = {mark for mark, row in stage.book.secrets.items() if row in stage.book.shown_to}
    assert kept <= told, f"not public, and stored: {kept - told}"


def _nothing_is_shown_twice(stage: Stage) -> None:
    """What was sent from here is not in its own thread a second time as something that came from there."""
    for message, ids in _landed(stage):
        for link in MessageLink.objects.filter(case=message.case_id, desk_message_id__in=ids):
            if link.message_id == message.pk or link.message.origin == Message.Origin.CABINET:
                continue
            # Given to a person: something similar is there too, and all of it is shown until he decides.
            if OutboxEntry.objects.filter(message=message, state=State.UNDECIDED).exists():
                continue
            # A letter with the same words came in between and was taken for ours: two and two all the same.
            if _equal_letter(stage, message) is not None:
                continue
            raise AssertionError(
                f"{message.text!r} is shown twice: as ours and as row {link.desk_message_id}"
            )


def _nobody_sees_anothers(stage: Stage) -> None:
    for link in MessageLink.objects.select_related("message", "case"):
        if link.message.origin == Message.Origin.DESK and not link.message.withdrawn_at:
            seen_by = stage.book.shown_to.get(link.desk_message_id, set())
            if link.case.owner_id not in seen_by:
                assert _was_given_a_moment_ago(stage, link), (
                    f"row {link.desk_message_id} is shown to a stranger"
                )
    for case_link in CaseLink.objects.select_related("case"):
        owners = stage.book.owners[case_link.desk_case_id]
        assert case_link.case.owner_id in owners, f"case {case_link.desk_case_id} is shown to a stranger"


def _was_given_a_moment_ago(stage: Stage, link: MessageLink) -> bool:
    """Written within two seconds of the giving, while the case was being read for its former owner
    (docs/guarantees.md): the desk's times are whole seconds, and a list of messages names no owner.
    """
    row = stage.desk.core.messages.get(link.desk_message_id)
    assert row is not None
    owned = stage.book.owners[row.case_id].get(link.case.owner_id)
    return owned is not None and max(row.created_at, row.sent_at) <= owned + 2


def _the_desk_has_the_order_of_writing(stage: Stage) -> None:
    """By the numbers of the entries: what was rejected or undecided and is sent again has a new one."""
    by_case: dict[object, list[tuple[int, int]]] = {}
    entries = OutboxEntry.objects.filter(kind=Kind.REPLY, state=State.DELIVERED).select_related("message")
    for entry in entries.order_by("case", "number"):
        ids = stage.book.landed.get(entry.message_id) if entry.message_id else None
        # An undecided one was at the desk long before it was sent again or joined: it stepped aside.
        if ids and entry.message and not _ever_stepped_aside(entry):
            by_case.setdefault(entry.case_id, []).append((entry.number, ids[-1].message_id))
    for pairs in by_case.values():
        there = [desk_id for _, desk_id in pairs]
        assert there == sorted(there), f"out of order at the desk: {pairs}"


def _ever_stepped_aside(entry: OutboxEntry) -> bool:
    return OutboxEntry.objects.filter(message=entry.message_id, state=State.DROPPED).exists()


def _what_is_said_of_a_message_is_true(stage: Stage) -> None:
    """ "Rejected" has not arrived (it may be sent again by its author); "sent" has."""
    for entry in OutboxEntry.objects.filter(kind__in=[Kind.OPEN_CASE, Kind.REPLY]).select_related("message"):
        message = entry.message
        assert message is not None
        arrived = bool(stage.book.landed.get(message.pk))
        if entry.state == State.REJECTED:
            assert not arrived, f"{message.text!r} is called rejected ({entry.reason}), and it is there"
        if entry.state == State.DELIVERED:
            assert message.state == Message.State.SENT
            assert arrived or _equal_letter(stage, message) is not None, f"{message.text!r} never arrived"


def _equal_letter(stage: Stage, message: Message) -> int | None:
    """A letter of the same words that came after our first attempt: taken for ours, as nobody could tell
    (docs/guarantees.md: "the customer mails the same text in the very window").
    """
    begun = stage.book.first_sent.get(message.pk)
    for desk_id, at in stage.book.letters.items():
        row = stage.desk.core.messages.get(desk_id)
        if begun is not None and at >= int(begun) and row is not None:
            said = squeezed(stage.book.written.get(desk_id, row.text))
            if said == squeezed(message.text) or squeezed(row.text) == squeezed(message.text):
                return desk_id
    return None


def _the_budget_adds_up(stage: Stage) -> None:
    for row in Budget.objects.all():
        used = row.used_writes + row.used_readings + row.used_background
        assert used <= 300, f"{used} units of 300"
        assert (row.paused_since is None) == (row.pause_reason == "")
        assert row.window_started_at is None or row.window_started_at <= timezone.now()


def _landed(stage: Stage) -> Iterator[tuple[Message, list[int]]]:
    messages = Message.objects.filter(pk__in=list(stage.book.landed)).select_related("case")
    for message in messages:
        yield message, [landed.message_id for landed in stage.book.landed[message.pk]]


# ── when quiet ──────────────────────────────────────────────────────────────────────────────────────────


def _nothing_is_left_over(stage: Stage) -> None:
    blocked = OutboxEntry.objects.filter(kind=Kind.OPEN_CASE, state__in=[State.REJECTED, State.UNDECIDED])
    waiting = OutboxEntry.objects.filter(state__in=OPEN_STATES)
    # Behind an opening that a person has to decide about everything waits, and the admin says so.
    left = waiting.exclude(case__in=blocked.values("case"))
    assert not left.exists(), f"never finished: {list(left.values('kind', 'state', 'reason', 'detail'))}"
    assert not Lane.objects.filter(lane_until__gt=Now()).exists()
    wanted = Lane.objects.filter(wanted__gt=0, case__desk_link__detached=False)
    assert not wanted.exists(), f"never read: {list(wanted.values())}"
    assert not Lane.objects.filter(look_again_at__isnull=False, look_again_at__lte=timezone.now()).exists()
    unfetched = FileLink.objects.filter(due_at__isnull=False).exclude(last_error="")
    assert not unfetched.exists(), f"never fetched: {list(unfetched.values())}"
    paused = Budget.objects.filter(paused_since__isnull=False)
    assert not paused.exists()


def _nothing_is_lost(stage: Stage) -> None:
    for message in Message.objects.filter(origin=Message.Origin.CABINET).select_related("case"):
        last = OutboxEntry.objects.filter(message=message).order_by("-number").first()
        assert last is not None, f"{message.text!r} has nobody to carry it"
        if last.state in (State.REJECTED, State.UNDECIDED):
            assert message.state == Message.State.FAILED, f"{message.text!r} is given up in silence"
            assert last.reason
        elif last.state == State.DELIVERED:
            assert message.state == Message.State.SENT
            arrived = bool(stage.book.landed.get(message.pk))
            assert arrived or _equal_letter(stage, message) is not None


def _pairs(stage: Stage) -> Iterator[tuple[DeskCase, Case]]:
    """Every case that stands open to a person with a cabinet, and ours of it."""
    for there in stage.desk.core.cases.all():
        owner = stage.owner_at_the_desk(there)
        if there.destroyed or there.deleted or there.spam or there.parent_case_id or not owner:
            continue
        link = CaseLink.objects.filter(desk_case_id=there.case_id, detached=False).first()
        assert link is not None, f"case {there.case_id} is missing here"
        assert link.case.owner_id == owner, f"case {there.case_id} is still its former owner's"
        yield there, link.case


def _both_hold_the_same_rows(stage: Stage, there: DeskCase, case: Case) -> None:
    public = {row.message_id for row in stage.public_rows(there)}
    links = MessageLink.objects.filter(case=case)
    shown = set(links.values_list("desk_message_id", flat=True))
    assert public <= shown, f"rows {public - shown} of case {there.case_id} never came"
    untold = case.messages.filter(desk_link=None).exclude(state__in=["failed", "sending"])
    # An opening that was deleted there before it was ever read cannot be known to be gone: nobody has told
    # its id. It stays, as its author has written it.
    deleted = [key for key, rows in stage.book.landed.items() if any(_is_gone(stage, row) for row in rows)]
    untold = untold.exclude(outbox__kind=Kind.OPEN_CASE, pk__in=deleted)
    assert not untold.exists(), f"shown here and not there: {list(untold.values('text', 'origin', 'state'))}"
    assert case.availability == Case.Availability.NORMAL
    assert case.status == there.status, f"{case.status} here, {there.status} there"
    assert case.number == there.case_number


def _is_gone(stage: Stage, landed: Landed) -> bool:
    row = stage.desk.core.messages.get(landed.message_id)
    return row is None or row.deleted


def _both_say_the_same(stage: Stage, there: DeskCase, case: Case) -> None:
    public = {row.message_id: row for row in stage.public_rows(there)}
    for link in MessageLink.objects.filter(case=case).select_related("message"):
        row = public.get(link.desk_message_id)
        if row is None:
            assert link.message.withdrawn_at, f"{link.message.text!r} was deleted there and is shown here"
            assert not link.message.text
            assert not link.message.html
            continue
        assert link.message.withdrawn_at is None
        here = squeezed(link.message.text)
        assert here == _said(stage, row), f"{link.message.text!r} here, {row.text!r} there"
        _the_files_are_the_same(row, link.message)


def _said(stage: Stage, row: DeskRow) -> str:
    return squeezed(stage.book.written.get(row.message_id, row.text))


def _the_files_are_the_same(row: DeskRow, message: Message) -> None:
    assert message.files.count() == len(row.file_ids)
    assert {file.state for file in message.files.all()} <= {"ready"}
