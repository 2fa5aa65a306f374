"""A machine that plays customers, staff, mail, webhooks, workers and troubles against each other.

What a worker does is interrupted at any of its steps: it is killed there, or it stands still while others go
on. After every move the promises of `tests.omnidesk_sync.promises` are asked for; at the end everything is
well again, and then both sides must hold the same.

    pytest tests/omnidesk_sync/test_lane_machine.py              the same few plays every time
    pytest tests/omnidesk_sync/test_lane_machine.py -m slow --timeout=0 --hypothesis-profile=search
"""

import sys
import uuid
from collections.abc import Iterator
from datetime import timedelta
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from cabinet.models import OutboxEntry
from omnidesk_sync import lane, policy, reading, reconciling, sending
from tests.omnidesk_sync import promises
from tests.omnidesk_sync.stage import FAULTS, Stage, Trick
from tests.profiles import searching

small = st.sampled_from((0, 0, 0, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
any_fault = st.integers(0, len(FAULTS) - 1)
CUSTOMERS = ("open", "reply", "reply", "attach", "close", "reopen", "retry")
STAFF = ("answer", "note", "delayed", "file", "edit", "delete", "status", "service_row", "finish")
MOVERS = ("trash", "restore", "give", "merge", "destroy")
MAIL = ("letter", "letter_opens")
WEBHOOKS = ("deliver", "deliver_all", "lose")
TROUBLE = ("fault", "fault", "key", "drain", "strict", "chats", "commit_late", "mend")
WORK = ("work", "sweep", "inbox", "reconcile", "probe", "try_again", "audit")

during = st.lists(
    st.tuples(
        st.sampled_from(
            ("sleep", "sleep", "work", "work", *CUSTOMERS, *STAFF, *MOVERS, *MAIL, *WEBHOOKS, *TROUBLE, *WORK)
        ),
        small,
        small,
    ),
    min_size=1,
    max_size=5,
).map(tuple)
tricks = st.lists(st.builds(Trick, at=st.integers(1, 80), moves=st.none() | during), min_size=0, max_size=2)


class LaneMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage()
        self.stage.__enter__()

    @rule(what=st.sampled_from(CUSTOMERS), one=small, two=small)
    def a_customer(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(STAFF), one=small, two=small)
    def staff(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(MOVERS), one=small, two=small)
    def staff_with_the_whole_case(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(MAIL), one=small, two=small)
    def mail(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(WEBHOOKS), one=small, two=small)
    def webhooks(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(TROUBLE), one=small, two=small)
    def trouble(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(what=st.sampled_from(WORK), one=small, two=small)
    def work(self, what: str, one: int, two: int) -> None:
        self.stage.move(what, one, two)

    @rule(one=small)
    def time_passes(self, one: int) -> None:
        self.stage.move("wait", one)

    @rule()
    def everything_due_is_done(self) -> None:
        self.stage.move("all")

    @rule(fault=any_fault, where=st.integers(0, 4), text=small, what=tricks)
    def a_reply_goes_into_trouble(self, fault: int, where: int, text: int, what: list[Trick]) -> None:
        self.stage.move("fault", fault, where)
        self.stage.move("reply", 0, text)
        self.work_lane(0, what)

    @rule(seconds=small, what=tricks)
    def what_waited_is_taken_up(self, seconds: int, what: list[Trick]) -> None:
        self.stage.move("wait", seconds)
        self.work_lane(0, what)

    @rule(which=small, what=tricks)
    def a_lane_is_worked_with_tricks(self, which: int, what: list[Trick]) -> None:
        self.work_lane(which, what)

    def work_lane(self, which: int, what: list[Trick]) -> None:
        if case := self.stage.case(which):
            self.stage.run(partial(lane.work, case.pk), what)

    @rule(which=small, what=tricks)
    def a_job_is_done_with_tricks(self, which: int, what: list[Trick]) -> None:
        if jobs := self.stage.jobs():
            self.stage.run(jobs[which % len(jobs)], what)

    @rule(what=tricks)
    def a_walk_is_made_with_tricks(self, what: list[Trick]) -> None:
        self.stage.run(reconciling.reconcile, what)

    @invariant()
    def the_promises_hold(self) -> None:
        promises.at_any_moment(self.stage)

    def teardown(self) -> None:
        try:
            # A play that has failed has nothing to settle.
            if sys.exc_info()[0] is None:
                self.stage.settle()
                promises.when_quiet(self.stage)
                self.stage.audit()
                promises.when_read_whole(self.stage)
        finally:
            self.stage.__exit__()


def play(examples: int, steps: int) -> None:
    chosen = settings(
        max_examples=settings().max_examples if searching() else examples,
        stateful_step_count=steps,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    run_state_machine_as_test(LaneMachine, settings=chosen)


def test_the_promises_hold_in_a_few_short_plays(db: None) -> None:
    play(examples=5, steps=12)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_promises_hold_in_longer_plays(db: None) -> None:
    play(examples=25, steps=25)


# ── would it be noticed? ────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def stage(db: None) -> Iterator[Stage]:
    """A case of Anna's at the desk, read, with nothing on its way."""
    with Stage() as prepared:
        prepared.move("open", 0, 8)
        prepared.move("all")
        yield prepared


def test_a_quarantine_shorter_than_the_desks_delay_is_noticed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "quarantine", lambda: timedelta(0))
    stage.move("commit_late", 2)
    stage.move("fault", 0, 0)
    stage.move("reply", 0, 0)
    stage.move("work")
    stage.move("wait", 1)
    stage.move("work")
    stage.move("wait", 6)
    with pytest.raises(AssertionError, match="at the desk twice"):
        promises.at_any_moment(stage)


@pytest.mark.parametrize("move", ["note", "delayed", "service_row"])
def test_what_is_not_public_and_stored_is_noticed(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, move: str
) -> None:
    monkeypatch.setattr(policy, "visibility", lambda *_, **__: policy.Visibility.PUBLIC)
    stage.move(move, 0, 2)
    stage.move("audit")
    stage.move("wait", 3)
    stage.move("all")
    with pytest.raises(AssertionError, match="not public, and stored"):
        promises.at_any_moment(stage)


def test_a_follower_that_overtakes_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def last(case_id: uuid.UUID) -> OutboxEntry | None:
        waiting = OutboxEntry.objects.filter(case_id=case_id, state="waiting").select_related(
            "message", "case"
        )
        return waiting.order_by("-number").first()

    monkeypatch.setattr(lane, "head_of", last)
    stage.move("reply", 0, 0)
    stage.move("reply", 0, 8)
    stage.move("work")
    with pytest.raises(AssertionError, match="overtakes"):
        promises.at_any_moment(stage)


def test_a_case_shown_to_its_former_owner_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_take_over_case", lambda *_: True)
    stage.move("give", 0, 1)
    stage.move("wait", 2)
    stage.move("answer", 0, 1)
    stage.move("audit")
    stage.move("wait", 3)
    stage.move("all")
    with pytest.raises(AssertionError, match="shown to a stranger"):
        promises.at_any_moment(stage)


def test_a_message_that_never_comes_is_noticed(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconciling, "_take_in", lambda *_: None)
    stage.move("wait", 5)
    stage.move("answer", 0, 1)
    stage.settle()
    with pytest.raises(AssertionError, match="never came"):
        promises.when_quiet(stage)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("opener", [0, 4, 10], ids=["by mail", "in the cabinet", "chat"])
def test_a_worker_can_be_killed_at_every_one_of_its_steps(db: None, opener: int) -> None:
    """From the claim to the release, a reply with its words in doubt: wherever it dies, it arrives once."""
    step = 1
    while True:
        with Stage() as stage:
            stage.move("open", opener, 8)
            stage.move("all")
            stage.move("reply", 0, 0)
            case = stage.case(0)
            assert case is not None
            stage.run(partial(lane.work, case.pk), [Trick(at=step)])
            killed = stage.kills
            stage.settle()
            promises.when_quiet(stage)
            assert case.messages.filter(state="sent").count() == 2
        if not killed:
            break
        step += 1
    assert step > 15
