"""Claims under real threads with real connections, judged by a small model of what a claim is.

The same file runs on SQLite and, with `make test-postgresql`, on PostgreSQL. That the model can fail is shown
by claims that are wrong on purpose: they are caught.
"""

import random
import threading
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils import timezone

from cabinet.models import Case
from omnidesk_sync import budget
from omnidesk_sync.budget import NoRoom, Spending
from omnidesk_sync.leases import Lease, LeaseLost, lease_length
from omnidesk_sync.models import Budget, Lane
from tests import factories
from webhooks import services as inbox
from webhooks.models import InboxEntry

pytestmark = pytest.mark.django_db(transaction=True, available_apps=settings.INSTALLED_APPS)

THREADS = 5
PATIENCE = 30.0
"""How long a thread waits for the others: a loaded machine takes its time."""


def together(jobs: list[Callable[[], None]]) -> None:
    """Runs the jobs at once, each in a thread with its own connection; raises what one of them raised."""
    barrier = threading.Barrier(len(jobs))
    failures: list[BaseException] = []

    def run(job: Callable[[], None]) -> None:
        try:
            connection.ensure_connection()
            barrier.wait(PATIENCE)
            job()
        except BaseException as failure:  # noqa: BLE001 - raised again below
            failures.append(failure)
            barrier.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=[job]) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


class Model:
    """Who holds the lane, told before anybody can take it and after nobody can: what disagrees is wrong."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.holder: uuid.UUID | None = None
        self.takeable = True
        self.recording: uuid.UUID | None = None
        self.claims = 0
        self.wrong: list[str] = []

    def claimed(self, token: uuid.UUID) -> None:
        with self._lock:
            if not self.takeable:
                self.wrong.append(f"claimed by {token} while {self.holder} held it")
            if self.recording is not None:
                self.wrong.append("claimed while its holder was writing down what he had read")
            self.holder, self.takeable = token, False
            self.claims += 1

    def may_be_taken(self, token: uuid.UUID | None = None) -> None:
        """Before a release (of this token), or before the lease is made to run out (of whoever has it)."""
        with self._lock:
            if token is None or token == self.holder:
                self.takeable = True

    def is_somebody_elses(self, token: uuid.UUID) -> bool:
        with self._lock:
            return self.holder != token

    def begins_to_record(self, token: uuid.UUID) -> None:
        with self._lock:
            if self.holder != token:
                self.wrong.append(f"{token} writes a reading down in the lane of {self.holder}")
            self.recording = token

    def has_recorded(self) -> None:
        with self._lock:
            self.recording = None


@pytest.fixture
def case() -> Case:
    made = factories.case_of(factories.person("alice"))
    Lane.objects.create(case=made)
    return made


# ── lanes ───────────────────────────────────────────────────────────────────────────────────────────────


class Worker:
    """Claims, renews, records, releases in an order of its own, and checks what it is told with the model."""

    def __init__(self, case: Case, model: Model, seed: int) -> None:
        self.case, self.model, self.random = case, model, random.Random(seed)

    def __call__(self) -> None:
        for _ in range(12):
            lease = Lease.claim(self.case.pk)
            if lease is None:
                continue
            self.model.claimed(lease.token)
            self._use(lease)

    def _use(self, lease: Lease) -> None:
        for act in self.random.choices((self._renew, self._record, self._expire), (4, 4, 1), k=3):
            act(lease)
        if self.random.random() < 0.7:
            self.model.may_be_taken(lease.token)
            lease.release()
        else:
            # Killed: nothing is given back, and the lease runs out.
            self._expire(lease)

    def _renew(self, lease: Lease) -> None:
        lost = self.model.is_somebody_elses(lease.token)
        try:
            lease.renew()
        except LeaseLost:
            return
        if lost:
            self.model.wrong.append(f"{lease.token} was renewed after somebody else had taken the lane")

    def _record(self, lease: Lease) -> None:
        try:
            with lease.guard():
                self.model.begins_to_record(lease.token)
                Lane.objects.filter(pk=self.case.pk).update(held_back=F("held_back") + 1)
                self.model.has_recorded()
        except LeaseLost:
            return

    def _expire(self, lease: Lease) -> None:
        """Time passes, whoever tells the database so; only a lane that is held runs out."""
        with transaction.atomic():
            held = Lane.objects.select_for_update().filter(pk=self.case.pk, token=lease.token)
            if held.update(token=lease.token):
                self.model.may_be_taken(lease.token)
                held.update(lane_until=Now() - timedelta(seconds=1))


def test_a_lane_has_at_most_one_holder_and_its_token_decides(case: Case) -> None:
    for number in range(8):
        model = Model()
        Lane.objects.update(lane_until=None, token=None)
        together([Worker(case, model, seed=number * THREADS + place) for place in range(THREADS)])
        assert model.wrong == []
        assert model.claims > 0


@pytest.mark.parametrize(
    "until",
    [
        pytest.param(Now() - timedelta(seconds=1), id="run out"),
        pytest.param(Now() + timedelta(days=3650), id="absurdly far away"),
        pytest.param(Now() + lease_length() + timedelta(seconds=5), id="further than a lease reaches"),
        pytest.param(None, id="free"),
    ],
)
def test_what_has_expired_is_taken_over_exactly_once(case: Case, until: object) -> None:
    for _ in range(10):
        Lane.objects.update(lane_until=until, token=uuid.uuid4())
        taken: list[Lease] = []

        def claim(taken: list[Lease] = taken) -> None:
            if lease := Lease.claim(case.pk):
                taken.append(lease)

        together([claim] * THREADS)
        assert len(taken) == 1
        assert taken[0].holds()


def test_while_a_reading_is_written_down_the_lane_is_not_taken_over(case: Case) -> None:
    """The lease runs out in the very moment: whoever claims waits for the commit, or finds it held."""
    lease = Lease.claim(case.pk)
    assert lease is not None
    model = Model()
    model.claimed(lease.token)
    writing = threading.Event()

    def record() -> None:
        with lease.guard():
            model.begins_to_record(lease.token)
            writing.set()
            # Long enough for the other's UPDATE to arrive and to wait.
            threading.Event().wait(0.2)
            model.has_recorded()

    def take_over() -> None:
        assert writing.wait(PATIENCE)
        model.may_be_taken()
        Lane.objects.filter(pk=case.pk).update(lane_until=Now() - timedelta(seconds=1))
        if other := Lease.claim(case.pk):
            model.claimed(other.token)

    together([record, take_over])
    assert model.wrong == []
    assert model.claims == 2


# ── wrong on purpose ────────────────────────────────────────────────────────────────────────────────────


def test_a_claim_that_looks_first_and_saves_then_is_caught(case: Case) -> None:
    model = Model()
    both_have_looked = threading.Barrier(2)

    def claim() -> None:
        lane = Lane.objects.get(pk=case.pk)
        free = lane.lane_until is None
        both_have_looked.wait(PATIENCE)
        if free:
            lane.token, lane.lane_until = uuid.uuid4(), timezone.now() + lease_length()
            lane.save()
            model.claimed(lane.token)

    together([claim] * 2)
    assert any("while" in what for what in model.wrong)


def test_a_claim_filtered_through_a_join_is_caught_where_it_is_wrong(case: Case) -> None:
    """PostgreSQL looks at a row that changed under it once more, but not at what the row was joined with.

    SQLite has one writer at a time, and there it does no harm: the model must not cry wolf either.
    """
    model = Model()
    free = Q(lane_until=None) | Q(lane_until__lte=Now())

    def claim() -> None:
        token = uuid.uuid4()
        lanes = Lane.objects.filter(free, pk=case.pk, case__owner__is_active=True)
        if lanes.update(lane_until=Now() + lease_length(), token=token):
            model.claimed(token)

    for _ in range(20):
        Lane.objects.update(lane_until=None, token=None)
        model.may_be_taken()
        together([claim] * THREADS)
    if connection.vendor == "postgresql":
        assert model.wrong
    else:
        assert model.wrong == []
        assert model.claims == 20


def test_a_reading_written_down_without_asking_for_the_lease_is_caught(case: Case) -> None:
    model = Model()
    old = Lease.claim(case.pk)
    assert old is not None
    model.claimed(old.token)
    model.may_be_taken()
    Lane.objects.update(lane_until=Now() - timedelta(seconds=1))
    new = Lease.claim(case.pk)
    assert new is not None
    model.claimed(new.token)
    model.begins_to_record(old.token)
    assert any("writes a reading down" in what for what in model.wrong)


# ── the inbox ───────────────────────────────────────────────────────────────────────────────────────────


def test_a_webhook_is_worked_off_by_one_and_taken_over_once(db: None) -> None:
    now = timezone.now()
    entry = InboxEntry.objects.create(received_at=now, size=2, sha256="0" * 64, due_at=now)
    for number in range(1, 6):
        taken: list[InboxEntry] = []

        def claim(taken: list[InboxEntry] = taken) -> None:
            if row := inbox._claim(entry.pk, now=timezone.now()):
                taken.append(row)

        together([claim] * THREADS)
        assert len(taken) == 1
        assert taken[0].attempts == number
        # Killed, and its lease runs out.
        InboxEntry.objects.update(due_at=timezone.now())


def test_who_slept_over_his_webhook_settles_nothing(db: None) -> None:
    now = timezone.now()
    entry = InboxEntry.objects.create(received_at=now, size=2, sha256="0" * 64, due_at=now)
    slept = inbox._claim(entry.pk, now=now)
    assert slept is not None
    InboxEntry.objects.update(due_at=now)
    awake = inbox._claim(entry.pk, now=timezone.now())
    assert awake is not None
    done = inbox.Outcome(InboxEntry.State.DONE)
    inbox._record(slept, done)
    assert InboxEntry.objects.get().state == InboxEntry.State.WAITING
    inbox._record(awake, done)
    assert InboxEntry.objects.get().state == InboxEntry.State.DONE


# ── the budget ──────────────────────────────────────────────────────────────────────────────────────────

LIMIT = 30


@pytest.fixture
def account() -> Budget:
    return Budget.objects.create(pk=1, limit=LIMIT, window_started_at=timezone.now() + timedelta(seconds=0))


def _spend(taken: "Counter[Spending]", take: Callable[[int, Spending], None], seed: int) -> None:
    choose = random.Random(seed)
    for _ in range(12):
        spending, units = choose.choice(list(Spending)), choose.choice((1, 2))
        try:
            take(units, spending)
        except NoRoom:
            continue
        with _counting:
            taken[spending] += units
        if choose.random() < 0.2:
            # Before the units are free again, or another could take them first.
            with _counting:
                taken[spending] -= units
            budget.give_back(units, spending, taken_at=timezone.now())


_counting = threading.Lock()


def test_units_are_never_over_claimed(account: Budget) -> None:
    for number in range(3):
        Budget.objects.update(
            used_writes=0, used_readings=0, used_background=0, window_started_at=timezone.now()
        )
        taken: Counter[Spending] = Counter()
        seeds = range(number * THREADS, (number + 1) * THREADS)
        together([partial(_spend, taken, budget.take, seed) for seed in seeds])
        row = Budget.objects.get()
        assert {kind: getattr(row, kind.column) for kind in Spending} == {
            kind: taken[kind] for kind in Spending
        }
        assert sum(taken.values()) <= LIMIT


def test_units_that_are_read_and_then_saved_are_caught(account: Budget) -> None:
    both_have_looked = threading.Barrier(2)
    taken: Counter[Spending] = Counter()

    def take() -> None:
        row = Budget.objects.get()
        both_have_looked.wait(PATIENCE)
        row.used_writes += 2
        row.save()
        with _counting:
            taken[Spending.WRITES] += 2

    together([take] * 2)
    assert Budget.objects.get().used_writes != taken[Spending.WRITES]


def test_one_worker_probes_a_paused_account(account: Budget) -> None:
    budget.pause("HTTP 401")
    for _ in range(5):
        probing: list[bool] = []
        together([lambda probing=probing: probing.append(budget.claim_probe())] * THREADS)  # type: ignore[misc]
        assert probing.count(True) == 1
        budget.probe_soon()
