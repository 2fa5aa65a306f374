"""Both sides of the house on a stage where anything may happen between any two steps of a worker.

A worker's steps are its queries and the two ends of its calls. At any of them it can be killed, as SIGKILL
would (from there on not one query of it gets through, so that no `finally` and no `except` of the product
tidies up), or stopped while others act and time passes, as a machine that swaps or a debugger would.

The stage keeps its own book of what was written by whom and of what became of it at the desk, and judges by
that: the product's links and states are what is examined.
"""

import logging
import re
import unicodedata
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from unittest import mock

import responses
import time_machine
from django.contrib.auth.models import User
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now
from django.test import override_settings
from django.utils import timezone

from cabinet import services
from cabinet.admin import _try_again as press_try_again
from cabinet.models import OPEN_STATES, Case, Message, OutboxEntry
from cabinet.modes import custom_id_of
from omnidesk_sync import account, files, imports, joining, lane, linking, reconciling, sending, sweeping
from omnidesk_sync.models import (
    AddressImport,
    Budget,
    Candidate,
    CaseLink,
    FileLink,
    Lane,
    MessageLink,
)
from sandbox.cases import Refused
from sandbox.desk import Desk
from sandbox.double import mount
from sandbox.inbound import Reply, Request
from sandbox.records import Case as DeskCase
from sandbox.records import Message as DeskRow
from sandbox.records import Upload
from tests.omnidesk_sync.world import CHANNELS, World
from webhooks import services as inbox
from webhooks.models import InboxEntry

START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
Kind, State = OutboxEntry.Kind, OutboxEntry.State
Move = tuple[str, int, int]

PEOPLE = ("anna@example.ru", "boris@example.ru", "clara@example.ru")
"""Anna and Boris have a cabinet; Clara only writes letters. Dina has a cabinet and no address."""

ANNA, BORIS, DINA = range(3)
OPENERS = (
    *((ANNA, "mail"), (BORIS, "mail"), (ANNA, "mail"), (BORIS, "mail")),
    *((ANNA, "cabinet"), (BORIS, "cabinet"), (ANNA, "chat"), (BORIS, "chat"), (ANNA, "chat")),
    *((DINA, "cabinet"), (DINA, "chat"), (DINA, "chat")),
)
"""Who opens a case, and in which mode."""

SUBJECTS = ("Нет счёта", "Где <b>акт</b>?")
TEXTS = (
    "ok",
    "ok",
    "o k",
    " o\u00a0 k",
    "o\n\n\tk",
    "&lt;ok&gt; &amp; &#8364;",
    "<i>1 < 2</i> && \"3\" > '2'",
    "😀👍🏽 e\u0301 й",
    "Прошу прислать счёт за август",
    "Прошу прислать счёт за август, пожалуйста",
)
STAFF_TEXTS = ("ok", "Вот он.", "a & b <c>", "😀", "Прошу прислать счёт за август")
SECONDS = (1, 2, 5, 16, 31, 61, 95, 130, 310, 1300)
SLEEPS = (3, 19, 55, 125, 400)
FAULTS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("cut_after", {}),
    ("cut_before", {}),
    ("error_500", {"when": "after"}),
    ("error_500", {}),
    ("error_502", {"when": "after"}),
    ("not_json", {}),
    ("not_json", {"when": "before"}),
    ("half_answer", {}),
    ("trickle", {}),
    ("slow", {"seconds": 40.0}),
    ("slow", {"seconds": 40.0, "when": "after"}),
    ("slow", {"seconds": 3.0}),
    ("rate_limited", {}),
    ("wrong_key", {}),
    ("redirect", {}),
)
WHERE: tuple[dict[str, str], ...] = (
    {"method": "POST"},
    {"method": "GET"},
    {"path": "messages"},
    {},
    {"method": "PUT"},
)


class Killed(BaseException):
    """The worker is gone."""


@dataclass
class Trick:
    """What happens to a worker at its step `at`: it dies, or `moves` are made while it stands still."""

    at: int
    moves: tuple[Move, ...] | None = None


@dataclass
class Worker:
    """A worker at work: how many steps it has made, what will happen to it, and what it is sending."""

    tricks: list[Trick]
    steps: int = 0
    dead: bool = False
    sending: OutboxEntry | None = None


@dataclass(frozen=True)
class Landed:
    """A row that a call of ours has made, where, and whose case that was then."""

    message_id: int
    case_id: int
    user_id: int
    owner: int


@dataclass
class Book:
    """What really happened. Desk rows by id, our messages by primary key."""

    landed: dict[uuid.UUID, list[Landed]] = field(default_factory=lambda: defaultdict(list))
    opened: dict[int, uuid.UUID] = field(default_factory=dict)
    """Which case of the desk was made by which opening of ours."""
    first_sent: dict[uuid.UUID, float] = field(default_factory=dict)
    written: dict[int, str] = field(default_factory=dict)
    """What staff and letters said last."""
    letters: dict[int, float] = field(default_factory=dict)
    shown_to: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    """Who could see a row at the desk in his own case at some time: desk row → people here."""
    owners: dict[int, dict[int, float]] = field(default_factory=lambda: defaultdict(dict))
    """Whose a case of the desk was, and when last."""
    secrets: dict[str, int] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    """Broken promises that were seen in the middle of things."""


class _Logs(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Stage:
    """One play. Enter it, make moves, call `settle` and `check` as often as wanted, leave it."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._workers: list[Worker] = []
        self._patience = [1e12]
        self._serial = 0
        self.book = Book()
        self.bag: list[str] = []
        self.cases: list[uuid.UUID] = []
        self._taken = 0
        self.kills = 0
        self.pauses = 0

    def __enter__(self) -> "Stage":
        enter = self._stack.enter_context
        enter(_ids_in_a_row())
        self.travel = enter(time_machine.travel(START, tick=False))
        enter(_undone())
        self._depth = len(connection.savepoint_ids)
        self.logs = _Logs()
        root = logging.getLogger()
        root.addHandler(self.logs)
        self._stack.callback(root.removeHandler, self.logs)
        self.desk = Desk(
            api_key="key-of-the-pretend-account",
            staff_email="robot@acme.example",
            limit=300,
            send_webhook=None,
        )
        self._stack.callback(self.desk.close)
        line = enter(responses.RequestsMock(assert_all_requests_are_fired=False))
        exchange = mount(self.desk, line, base_url="https://acme.omnidesk.ru")
        enter(override_settings(OMNIDESK_CHANNELS=CHANNELS, CABINET_MODES=["mail", "cabinet", "chat"]))
        enter(mock.patch("omnidesk_sync.bells.ring", _no_bell))
        enter(mock.patch("webhooks.services.ring", _no_bell))
        self.world = World(self.desk, exchange, self.travel, [])
        self.boris = self.world.person(PEOPLE[1], "Борис Котов")
        self.dina = User.objects.create(username="dina", first_name="Дина")
        self.people = [self.world.anna, self.boris, self.dina]
        self.world.switch_channels_on()
        # Kept here: whoever looks at the desk in the middle of a worker's steps must make no query.
        self._custom_ids = {custom_id_of(person): person.pk for person in self.people}
        self.desk.install_cabinet_rules("https://cabinet.example/webhooks/omnidesk/", "secret")
        self._answer, self._work = exchange._answer, exchange._work
        exchange._answer = self._watched_answer  # type: ignore[method-assign]
        exchange._work = self._watched_work  # type: ignore[method-assign]
        self._authors: dict[int, tuple[Request, OutboxEntry | None]] = {}
        calls = {kind: self._noting(call) for kind, call in sending._CALLS.items()}
        enter(mock.patch.dict(sending._CALLS, calls))
        enter(connection.execute_wrapper(self._watched_query))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    # ── a worker, step by step ──────────────────────────────────────────────────────────────────────────

    def run(self, job: Callable[[], object], tricks: Sequence[Trick] = ()) -> None:
        """Lets a worker do this job with these tricks played on it."""
        worker = Worker(sorted(tricks, key=lambda trick: trick.at))
        self._workers.append(worker)
        try:
            job()
        except Killed:
            assert worker.dead
            self.kills += 1
        finally:
            self._workers.pop()

    def _watched_query(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        worker = self._workers[-1] if self._workers else None
        if worker is None or sql.startswith(("SAVEPOINT", "RELEASE SAVEPOINT", "ROLLBACK TO")):
            return execute(sql, params, many, context)
        self._step(worker)
        return execute(sql, params, many, context)

    def _step(self, worker: Worker, *, patience: float = 1e9) -> None:
        if worker.dead:
            raise Killed
        worker.steps += 1
        if not worker.tricks or worker.steps < worker.tricks[0].at:
            return
        if worker.tricks[0].moves is None:
            worker.dead = True
            raise Killed
        if self._in_transaction():
            # Others would wait for the locks: nothing can happen before the commit.
            return
        trick = worker.tricks.pop(0)
        self.pauses += 1
        workers, self._workers = self._workers, []
        self._patience.append(patience)
        try:
            for move in trick.moves or ():
                self.move(*move)
        finally:
            self._patience.pop()
            self._workers = workers

    def _in_transaction(self) -> bool:
        return len(connection.savepoint_ids) > self._depth

    def _noting(self, call: Callable[..., None]) -> Callable[..., None]:
        def noted(entry: OutboxEntry, *more: Any) -> None:
            worker = self._workers[-1] if self._workers else None
            if worker is not None:
                worker.sending = entry
            if entry.message_id:
                self.book.first_sent.setdefault(entry.message_id, self.now())
            try:
                call(entry, *more)
            finally:
                if worker is not None:
                    worker.sending = None

        return noted

    def _watched_answer(self, request: Request) -> Any:
        worker = self._workers[-1] if self._workers else None
        writes = request.method != "GET"
        if self._in_transaction():
            self.book.wrong.append(f"a call inside a transaction: {request.method} {request.path}")
        if worker is not None:
            # What is on its way cannot be called back, so a worker that stops here for longer than a call
            # can last sends without a lease; this window is documented. Between any other two steps it may
            # stand still for as long as it likes.
            self._step(worker, patience=19.0 if writes else 1e9)
        entry = worker.sending if worker is not None and writes else None
        self._authors[id(request)] = (request, entry)
        if entry is not None:
            self._overtakes_nobody(entry)
        try:
            return self._answer(request)
        finally:
            self.observe()
            if worker is not None:
                self._step(worker)

    def _watched_work(self, request: Request, fault: str = "") -> Reply:
        _, entry = self._authors.get(id(request), (None, None))
        messages = {row.message_id for row in self.desk.core.messages.all()}
        cases = {row.case_id for row in self.desk.core.cases.all()}
        reply = self._work(request, fault)
        if entry is None or entry.message_id is None or entry.kind not in (Kind.OPEN_CASE, Kind.REPLY):
            return reply
        made = [row for row in self.desk.core.messages.all() if row.message_id not in messages]
        opened = [row.case_id for row in self.desk.core.cases.all() if row.case_id not in cases]
        earlier = self.book.landed[entry.message_id]
        if made and any(self._can_be_known(row) for row in earlier):
            self.book.wrong.append(f"{entry.message.text!r} is at the desk twice")  # type: ignore[union-attr]
        earlier += [Landed(row.message_id, row.case_id, row.user_id, self._owner_of(row)) for row in made]
        self.book.opened.update(dict.fromkeys(opened, entry.case_id))
        return reply

    def _owner_of(self, row: DeskRow) -> int:
        there = self.desk.core.cases.get(row.case_id)
        return there.user_id if there else 0

    def _can_be_known(self, landed: "Landed") -> bool:
        """Whether what arrived can still be known again by looking for it.

        Not if the desk's people have deleted or rewritten it, or given its case away, before we looked
        (docs/guarantees.md: what is changed so much that it is not even similar is sent again).
        """
        row = self.desk.core.messages.get(landed.message_id)
        there = self.desk.core.cases.get(landed.case_id)
        if row is None or there is None or row.deleted or row.edited_at or there.destroyed:
            return False
        if there.user_id != landed.owner:
            return False
        # Of two equal ones in one case of which one was deleted before it was read, nobody can tell which.
        deleted = [other for other in self.desk.core.thread(row.case_id) if other.deleted]
        return not any(other.user_id and squeezed(other.text) == squeezed(row.text) for other in deleted)

    def _overtakes_nobody(self, entry: OutboxEntry) -> None:
        row = OutboxEntry.objects.get(pk=entry.pk)
        earlier = OutboxEntry.objects.filter(case=row.case_id, number__lt=row.number)
        if earlier.filter(state__in=OPEN_STATES).exists():
            self.book.wrong.append(f"entry {row} overtakes one before it")
        if earlier.filter(kind=Kind.OPEN_CASE, state__in=[State.REJECTED, State.UNDECIDED]).exists():
            self.book.wrong.append(f"entry {row} goes before its opening")
        if row.state == State.UNSETTLED:
            self.book.wrong.append(f"entry {row} is sent although its outcome is unknown")

    # ── moves ───────────────────────────────────────────────────────────────────────────────────────────

    def move(self, name: str, one: int = 0, two: int = 0) -> None:
        """Makes a move by name; what a side refuses is no move. The numbers choose among what is there."""
        self.observe()
        with suppress(Refused, services.CaseUnavailable, services.NothingToRetry):
            getattr(self, f"move_{name}")(one, two)
        self.observe()

    def now(self) -> float:
        return self.desk.core.clock()

    def _serial_text(self, what: str) -> str:
        self._serial += 1
        return f"{what}-{self._serial}-"

    # customers

    def move_open(self, one: int, two: int) -> None:
        who, mode = OPENERS[one % len(OPENERS)]
        owner = self.people[who]
        with_file = two % 5 == 4
        services.open_case(
            owner=owner,
            mode=Case.Mode(mode),
            subject=SUBJECTS[one // 2 % 2],
            text=TEXTS[two % len(TEXTS)],
            files=[self.world.upload("a.txt", b"one", owner)] if with_file else [],
        )

    def move_reply(self, one: int, two: int) -> None:
        if case := self.case(one):
            services.post_reply(case=case, author=case.owner, text=TEXTS[two % len(TEXTS)])

    def move_attach(self, one: int, two: int) -> None:
        if case := self.case(one):
            upload = self.world.upload("b.txt", b"x" * (two % 3 + 1), case.owner)
            services.post_reply(case=case, author=case.owner, text=TEXTS[two % 3], files=[upload])

    def move_close(self, one: int, two: int) -> None:
        if case := self.case(one):
            services.close_case(case=case)

    def move_reopen(self, one: int, two: int) -> None:
        if case := self.case(one):
            services.reopen_case(case=case)

    def move_retry(self, one: int, two: int) -> None:
        failed = Message.objects.filter(state=Message.State.FAILED).order_by("case__created_at", "position")
        if message := _pick(list(failed), one):
            services.retry_message(message=message)

    # staff

    def move_answer(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            row = self.desk.staffroom.reply(there.case_id, text=STAFF_TEXTS[two % len(STAFF_TEXTS)])
            self.book.written[row.message_id] = row.text

    def move_file(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            akt = Upload(name="akt.pdf", mime_type="application/pdf", data=b"%PDF-1.4 " + b"y" * (two % 3))
            row = self.desk.staffroom.reply(there.case_id, text="Вот акт", files=[akt])
            self.book.written[row.message_id] = row.text

    def move_note(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            secret = self._serial_text("тайна")
            row = self.desk.staffroom.note(there.case_id, text=f"Не для клиента: {secret}")
            self.book.secrets[secret] = row.message_id

    def move_service_row(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            secret = self._serial_text("тайна")
            row = self.desk.staffroom.service_row(there.case_id, text=f"Служебное: {secret}")
            self.book.secrets[secret] = row.message_id

    def move_delayed(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            secret = self._serial_text("тайна")
            delay = (3, 60, 400)[two % 3]
            row = self.desk.staffroom.reply(there.case_id, text=f"Позже: {secret}", delay_seconds=delay)
            self.book.secrets[secret] = row.message_id
            self.book.written[row.message_id] = row.text

    def move_edit(self, one: int, two: int) -> None:
        rows = [row for row in self.desk.core.messages.all() if not (row.note or row.deleted or row.pending)]
        # What was sent from here keeps our words; only what changes after we have read it follows the desk.
        read = set(MessageLink.objects.exclude(desk_hash="").values_list("desk_message_id", flat=True))
        rows = [
            row for row in rows if row.staff_id or (not row.by_api and row.user_id) or row.message_id in read
        ]
        if row := _pick(rows, one):
            text = f"исправлено {two}"
            self.desk.staffroom.edit(row.message_id, text=text)
            self.book.written[row.message_id] = text

    def move_delete(self, one: int, two: int) -> None:
        if row := _pick([row for row in self.desk.core.messages.all() if not row.deleted], one):
            self.desk.staffroom.delete(row.message_id)

    def move_status(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            self.desk.staffroom.set_status(there.case_id, ("closed", "open", "waiting")[two % 3])

    def move_finish(self, one: int, two: int) -> None:
        """A chat is ended by hand; others end by themselves when nobody has written for a while."""
        chats = [row for row in self.desk.core.cases.all() if row.chat_active]
        if there := _pick(chats, one):
            self.desk.staffroom.finish_chat(there.case_id)

    def move_trash(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            act = (self.desk.staffroom.trash, self.desk.staffroom.spam)[two % 2]
            act(there.case_id)

    def move_restore(self, one: int, two: int) -> None:
        flagged = [row for row in self.desk.core.cases.all() if row.deleted or row.spam]
        if there := _pick(flagged, one):
            self.desk.staffroom.restore(there.case_id)

    def move_destroy(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            self.desk.staffroom.destroy(there.case_id)

    def move_merge(self, one: int, two: int) -> None:
        child, parent = self._desk_case(one), self._desk_case(two)
        if child and parent and child is not parent and not child.parent_case_id:
            self.desk.staffroom.merge(child.case_id, parent.case_id)

    def move_give(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            self.desk.staffroom.give(there.case_id, PEOPLE[two % 3])

    # letters

    def move_letter(self, one: int, two: int) -> None:
        if there := self._desk_case(one):
            style = ("none", "gmail")[two // 10 % 2]
            text = TEXTS[two % len(TEXTS)]
            row = self.desk.mailbox.answer(case_id=there.case_id, text=text, style=style)
            self._wrote(row, text)

    def move_letter_opens(self, one: int, two: int) -> None:
        text = TEXTS[two % len(TEXTS)]
        there = self.desk.mailbox.write(sender=PEOPLE[one % 3], subject=SUBJECTS[one // 3 % 2], text=text)
        self._wrote(self.desk.core.thread(there.case_id)[0], text)

    def _wrote(self, row: DeskRow, text: str) -> None:
        self.book.written[row.message_id] = text.strip()
        self.book.letters[row.message_id] = self.now()

    # webhooks

    def move_deliver(self, one: int, two: int) -> None:
        """One of the bag arrives, by itself or several times; out of order as chosen."""
        self._collect()
        if self.bag:
            body = self.bag.pop(one % len(self.bag))
            for _ in range((1, 1, 2, 10)[two % 4]):
                inbox.store(body=body.encode(), received_at=timezone.now())
            self.move_inbox(0, 0)

    def move_deliver_all(self, one: int, two: int) -> None:
        self._collect()
        bodies = self.bag[::-1] if two % 2 else self.bag
        for body in bodies:
            inbox.store(body=body.encode(), received_at=timezone.now())
        self.bag = []

    def move_lose(self, one: int, two: int) -> None:
        self._collect()
        self.bag = self.bag[two % 3 + 1 :]

    def _collect(self) -> None:
        sent = self.desk.sent_webhooks
        self.bag += [hook.body for hook in sent[self._taken :]]
        self._taken = len(sent)

    # the account

    def move_fault(self, one: int, two: int) -> None:
        kind, details = FAULTS[one % len(FAULTS)]
        if kind in ("wrong_key", "redirect"):
            self.desk.faults.add(kind, count=two % 3 + 1)
        else:
            where = WHERE[two % len(WHERE)]
            self.desk.faults.add(kind, count=two % 2 + 1, **details, **where)

    def move_mend(self, one: int, two: int) -> None:
        self.desk.faults.clear()

    def move_key(self, one: int, two: int) -> None:
        """The key is revoked, or given back."""
        self.desk.api_key = "another key" if one % 2 == 0 else "key-of-the-pretend-account"

    def move_commit_late(self, one: int, two: int) -> None:
        """How long after a cut the work is done: within the quarantine, that is an assumption."""
        self.desk.switch(commit_delay_seconds=(0.0, 2.0, 30.0, 80.0)[one % 4])

    def move_strict(self, one: int, two: int) -> None:
        """The desk refuses texts of more than so many characters."""
        self.desk.switch(max_content_length=(0, 5)[one % 2])

    def move_chats(self, one: int, two: int) -> None:
        """What the desk makes of a message into a chat that has ended, and of a chat without a word."""
        self.desk.switch(
            closed_chat_refuses=one % 2 == 1,
            closed_chat_error=("case_not_found", "case_closed")[two % 2],
            api_user_message_reopens=two % 3 != 2,
            chat_timeout_closes=two % 4 != 3,
        )

    def move_drain(self, one: int, two: int) -> None:
        """Another integration uses the minute up, or the limit is lowered or raised."""
        if two % 2:
            self.desk.limit.per_minute = (300, 20, 6)[one % 3]
        else:
            self.desk.limit.burn(1000)

    # time and work

    def move_wait(self, one: int, two: int) -> None:
        self.wait(SECONDS[one % len(SECONDS)])

    def move_sleep(self, one: int, two: int) -> None:
        """As `wait`, for moves made while a worker stands still: around the lengths that matter."""
        self.wait(SLEEPS[one % len(SLEEPS)])

    def wait(self, seconds: float) -> None:
        """Time passes on every clock, the database's included: leases are in its time."""
        seconds = min(seconds, self._patience[-1])
        self._patience[-1] -= seconds
        self.world.wait(seconds)
        Lane.objects.exclude(lane_until=None).update(lane_until=F("lane_until") - timedelta(seconds=seconds))

    def move_work(self, one: int, two: int) -> None:
        if case := self.case(one):
            self.run(lambda: lane.work(case.pk))

    def move_sweep(self, one: int, two: int) -> None:
        self.run(sweeping.sweep)

    def move_all(self, one: int, two: int) -> None:
        self.work_all()

    def move_inbox(self, one: int, two: int) -> None:
        for job in self._inbox_jobs():
            self.run(job)

    def move_reconcile(self, one: int, two: int) -> None:
        self.run(reconciling.reconcile)

    def move_probe(self, one: int, two: int) -> None:
        self.run(account.probe_if_due)

    # an admin

    def move_try_again(self, one: int, two: int) -> None:
        """A person decides, and rightly: what did arrive is joined, what did not is sent again."""
        entries = OutboxEntry.objects.filter(state__in=[State.UNDECIDED, State.REJECTED, State.WAITING])
        entry = _pick(list(entries.order_by("pk").select_related("message", "case")), one)
        if entry is None:
            return
        if entry.state == State.UNDECIDED and self.is_there(entry):
            joining.join(entry)
        else:
            press_try_again(entry.pk, entry.case_id)

    def is_there(self, entry: OutboxEntry) -> bool:
        if entry.message_id is None:
            return False
        return bool(self.book.landed.get(entry.message_id))

    def move_audit(self, one: int, two: int) -> None:
        """ "Read this case again"."""
        if case := self.case(one):
            Lane.objects.filter(pk=case.pk).update(read_failures=0, last_error="")
            CaseLink.objects.filter(case=case).update(audit_wanted=True)
            linking.want_reading(case.pk, now=timezone.now())

    # ── work ────────────────────────────────────────────────────────────────────────────────────────────

    def jobs(self) -> list[Callable[[], object]]:
        """All that is due now, each as one worker's job."""
        now = timezone.now()
        found: list[Callable[[], object]] = self._inbox_jobs()
        # What a dead worker holds is nobody's until its lease has run out.
        held = set(Lane.objects.filter(lane_until__gt=Now()).values_list("pk", flat=True))
        found += [partial(lane.work, pk) for pk in sweeping.due_lanes(now, 100) if pk not in held]
        for model, work in (
            (Candidate, imports.look_at),
            (AddressImport, imports.run_import),
            (FileLink, files.fetch),
        ):
            due = model._default_manager.filter(due_at__lte=now).order_by("pk")
            found += [partial(work, pk) for pk in due.values_list("pk", flat=True)]
        return found

    def _inbox_jobs(self) -> list[Callable[[], object]]:
        due = InboxEntry.objects.filter(state=InboxEntry.State.WAITING, due_at__lte=timezone.now())
        return [partial(inbox.process_entry, pk) for pk in due.order_by("pk").values_list("pk", flat=True)]

    def work_all(self) -> None:
        for _ in range(30):
            jobs = self.jobs()
            if not jobs:
                return
            for job in jobs:
                self.run(job)
        raise AssertionError("There is no end to what is due: something is due again at once.")

    def settle(self) -> None:
        """All is well again; what was begun is worked off. Webhooks not delivered by now are lost."""
        self.desk.faults.clear()
        self.desk.switch(commit_delay_seconds=0.0, max_content_length=0, closed_chat_refuses=False)
        self.desk.api_key = "key-of-the-pretend-account"
        self.desk.limit.per_minute = 300
        for _ in range(40):
            self.run(sweeping.sweep)
            self.work_all()
            seconds = self._seconds_until_next()
            if seconds is None:
                break
            self.wait(seconds)
        else:
            raise AssertionError("There is no end to what has been begun.")
        # What nobody has told us of, the next walk over changed cases finds.
        for _ in range(2):
            self.wait(70)
            self.run(sweeping.sweep)
            self.run(reconciling.reconcile)
            self.work_all()

    def _seconds_until_next(self) -> float | None:
        """Until the next thing is due; a reading that failed often backs off for up to an hour."""
        times: list[datetime | None] = []
        for entries in (
            OutboxEntry.objects.filter(state__in=OPEN_STATES),
            InboxEntry.objects.filter(state="waiting"),
        ):
            times += entries.values_list("due_at", flat=True)
        for model in (Candidate, AddressImport, FileLink):
            times += model._default_manager.values_list("due_at", flat=True)
        wanted = Lane.objects.filter(wanted__gt=0, case__desk_link__detached=False)
        times += wanted.values_list("read_due_at", flat=True)
        times += Lane.objects.values_list("look_again_at", flat=True)
        times += Budget.objects.values_list("next_probe_at", flat=True)
        now = timezone.now()
        # What stays due for ever (behind an opening that a person decides about) is asked about elsewhere.
        waits = [(moment - now).total_seconds() for moment in times if moment]
        later = [seconds for seconds in waits if seconds > 0]
        if later:
            return min(later) + 0.5
        held = Lane.objects.filter(lane_until__gt=Now()).exists()
        return 60.0 if held else None

    def audit(self) -> None:
        """Every case is read whole, twice: what is absent is withdrawn after the second time."""
        for _ in range(2):
            for case_id in CaseLink.objects.filter(detached=False).values_list("case_id", flat=True):
                CaseLink.objects.filter(case_id=case_id).update(audit_wanted=True)
                linking.want_reading(case_id, now=timezone.now())
            self.wait(70)
            self.work_all()

    # ── who is who ──────────────────────────────────────────────────────────────────────────────────────

    def case(self, number: int) -> Case | None:
        found = Case.objects.exclude(pk__in=self.cases).values_list("pk", flat=True)
        self.cases += sorted(found)
        living = set(Case.objects.values_list("pk", flat=True))
        self.cases = [pk for pk in self.cases if pk in living]
        pk = _pick(self.cases, number)
        return Case.objects.select_related("owner").filter(pk=pk).first()

    def _desk_case(self, number: int) -> DeskCase | None:
        found: DeskCase | None = _pick(
            [row for row in self.desk.core.cases.all() if not row.destroyed], number
        )
        return found

    def owner_at_the_desk(self, there: DeskCase) -> int:
        """Whose case it is, as the person's key here; 0 for somebody without a cabinet."""
        user = self.desk.core.users.get(there.user_id)
        if user is not None and user.custom_id:
            return self._custom_ids.get(user.custom_id, 0)
        found = [person.pk for person in self.people if user and user.email and user.email == person.email]
        return found[0] if found else 0

    def public_rows(self, there: DeskCase) -> list[DeskRow]:
        return [row for row in self.desk.core.thread(there.case_id) if _is_public(row)]

    def observe(self) -> None:
        """Writes down who may see what at the desk just now."""
        for there in self.desk.core.cases.all():
            owner = self.owner_at_the_desk(there)
            self.book.owners[there.case_id][owner] = self.now()
            for row in self.public_rows(there):
                self.book.shown_to[row.message_id].add(owner)


def _is_public(row: DeskRow) -> bool:
    authored = row.user_id > 0 or row.staff_id > 0 or row.sent_via_rule
    return authored and not (row.note or row.deleted or row.pending)


def _pick(found: Sequence[Any], number: int) -> Any:
    return found[number % len(found)] if found else None


def squeezed(text: str) -> str:
    """Letters and signs only: how a text is laid out may change on the way."""
    seen = (sign for sign in unicodedata.normalize("NFC", text) if unicodedata.category(sign) != "Cf")
    return re.sub(r"\s+", "", "".join(seen))


def _no_bell(task: str, *args: object, in_seconds: float = 0.0) -> bool:
    """A ring is a courtesy: whoever is to work is told so by a move."""
    return True


@contextmanager
def _undone() -> Iterator[None]:
    """What happens inside leaves no trace, and costs no flush of tables."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@contextmanager
def _ids_in_a_row() -> Iterator[None]:
    """The same play makes the same ids: the order of equal things must not differ when it is played again."""
    count = iter(range(1, 1_000_000))
    source = SimpleNamespace(urandom=lambda size: next(count).to_bytes(size, "big"))
    with mock.patch.object(uuid, "os", source):
        yield
