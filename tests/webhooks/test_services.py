"""What becomes of an inbox row: worked off once, waited for, tried again, given up where it can be seen."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from model_bakery import baker
from pytest_django import DjangoCaptureOnCommitCallbacks

from omnidesk_sync.models import Candidate
from omnidesk_sync.services import HintAnswer, Verdict
from tests import rings
from tests.webhooks.conftest import PretendSync
from webhooks import services
from webhooks.models import InboxEntry

State = InboxEntry.State
NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)

pytestmark = pytest.mark.django_db


def an_entry(**values: Any) -> InboxEntry:
    defaults: dict[str, Any] = {
        "received_at": NOON,
        "due_at": NOON,
        "event": "staff_reply",
        "case_id": 985687,
        "message_id": 42577887,
        "state": State.WAITING,
        "attempts": 0,
        "settled_at": None,
    }
    entry: InboxEntry = baker.make(InboxEntry, **(defaults | values))
    return entry


def processed(entry: InboxEntry, *, at: datetime = NOON) -> InboxEntry:
    with time_machine.travel(at, tick=False):
        services.process_entry(entry.pk)
    entry.refresh_from_db()
    return entry


def test_the_synchronisation_is_given_the_hint(pretend_sync: PretendSync) -> None:
    entry = processed(an_entry())

    assert pretend_sync.asked == [
        {
            "event": "staff_reply",
            "desk_case_id": 985687,
            "desk_message_id": 42577887,
            "received_at": NOON,
        }
    ]
    assert (entry.state, entry.settled_at) == (State.DONE, NOON)


def test_a_wanted_reading_settles_the_row_even_if_rung_again(pretend_sync: PretendSync) -> None:
    entry = processed(processed(an_entry()), at=NOON + timedelta(hours=1))

    assert len(pretend_sync.asked) == 1
    assert entry.settled_at == NOON


def test_the_real_synchronisation_looks_at_a_case_it_does_not_know() -> None:
    entry = processed(an_entry(event="message_new"))

    assert (entry.state, entry.reason) == (State.DONE, "looking whose case it is")
    assert Candidate.objects.filter(desk_case_id=985687).exists()


def test_nothing_to_do_is_recorded_with_its_reason(pretend_sync: PretendSync) -> None:
    pretend_sync.answer = HintAnswer(Verdict.NOTHING, "our own message")

    entry = processed(an_entry())

    assert (entry.state, entry.reason) == (State.IGNORED, "our own message")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"note": True}, "an internal note"),
        ({"note": True, "case_id": None}, "an internal note"),
        ({"parse_error": "JSONDecodeError", "case_id": None}, "the body could not be read"),
        ({"case_id": None}, "no case is named"),
    ],
)
def test_notes_and_rows_without_a_case_ask_nobody(
    pretend_sync: PretendSync, values: dict[str, Any], reason: str
) -> None:
    entry = processed(an_entry(**values))

    assert (entry.state, entry.reason, entry.settled_at) == (State.IGNORED, reason, NOON)
    assert pretend_sync.asked == []


def test_a_false_note_flag_is_no_note(pretend_sync: PretendSync) -> None:
    assert processed(an_entry(note=False)).state == State.DONE


class TestRepeats:
    def test_a_burst_of_the_same_is_worked_off_as_one(self, pretend_sync: PretendSync) -> None:
        repeats = [an_entry() for _ in range(5)]
        others = [an_entry(message_id=1), an_entry(case_id=1), an_entry(event="user_reply")]
        unread = an_entry(parse_error="JSONDecodeError")

        assert processed(repeats[0]).state == State.DONE

        for entry in repeats[1:]:
            entry.refresh_from_db()
            assert (entry.state, entry.settled_at) == (State.IGNORED, NOON)
            assert entry.reason == "another delivery of the same hint"
        for entry in [*others, unread]:
            entry.refresh_from_db()
            assert entry.state == State.WAITING
        assert len(pretend_sync.asked) == 1

    def test_what_comes_while_one_is_worked_off_is_asked_about_itself(
        self, pretend_sync: PretendSync
    ) -> None:
        later = an_entry(received_at=NOON + timedelta(seconds=1), due_at=NOON + timedelta(seconds=1))
        claimed = an_entry(due_at=NOON + services.LEASE)
        processed(an_entry())

        for entry in (later, claimed):
            entry.refresh_from_db()
            assert entry.state == State.WAITING
        assert processed(later, at=NOON + timedelta(seconds=2)).state == State.DONE
        assert len(pretend_sync.asked) == 2

    def test_what_has_to_wait_settles_nothing(self, pretend_sync: PretendSync) -> None:
        pretend_sync.answer = HintAnswer(Verdict.NOT_YET, "a call is under way", NOON + timedelta(seconds=5))
        repeat = an_entry()
        processed(an_entry())

        repeat.refresh_from_db()
        assert repeat.state == State.WAITING


class TestNotYet:
    """An event for a case whose opening is still being sent."""

    def test_it_waits_until_it_is_worth_asking_again(self, pretend_sync: PretendSync) -> None:
        later = NOON + timedelta(minutes=3)
        pretend_sync.answer = HintAnswer(Verdict.NOT_YET, "the case is being opened", later)

        entry = processed(an_entry())
        assert (entry.state, entry.due_at, entry.settled_at) == (State.WAITING, later, None)
        assert entry.reason == "the case is being opened"

        processed(entry, at=later - timedelta(seconds=1))
        assert len(pretend_sync.asked) == 1

        pretend_sync.answer = HintAnswer(Verdict.WANTED)
        entry = processed(entry, at=later)
        assert (entry.state, entry.reason) == (State.DONE, "")

    @pytest.mark.parametrize("again_at", [None, NOON - timedelta(days=1)])
    def test_never_at_once(self, pretend_sync: PretendSync, again_at: datetime | None) -> None:
        pretend_sync.answer = HintAnswer(Verdict.NOT_YET, again_at=again_at)

        assert processed(an_entry()).due_at == NOON + services.SOONEST

    def test_a_moments_wait_does_not_last_until_the_next_sweep(self, pretend_sync: PretendSync) -> None:
        pretend_sync.answer = HintAnswer(Verdict.NOT_YET, again_at=NOON + timedelta(seconds=1))
        entry = processed(an_entry())
        assert rings.drain() == [(services.PROCESS_TASK, [entry.pk])]

        pretend_sync.answer = HintAnswer(Verdict.NOT_YET, again_at=NOON + timedelta(minutes=1))
        processed(entry, at=entry.due_at)
        assert rings.drain() == []

    def test_waiting_is_not_failing(self, pretend_sync: PretendSync) -> None:
        entry = an_entry()
        for hour in range(30):
            at = NOON + timedelta(hours=hour)
            pretend_sync.answer = HintAnswer(Verdict.NOT_YET, again_at=at + timedelta(minutes=59))
            entry = processed(entry, at=at)

        assert (entry.state, entry.attempts) == (State.WAITING, 0)


class TestFailures:
    def test_a_failure_is_tried_again_later_and_says_why(self, pretend_sync: PretendSync) -> None:
        pretend_sync.answer = RuntimeError("a text with anna@example.ru in it")

        entry = processed(an_entry())

        assert (entry.state, entry.attempts, entry.reason) == (State.WAITING, 1, "RuntimeError")
        assert entry.due_at == NOON + timedelta(seconds=5)

    def test_it_is_given_up_in_the_end_and_stays_visible(self, pretend_sync: PretendSync) -> None:
        pretend_sync.answer = RuntimeError()
        entry = an_entry()
        for _ in range(services.MOST_ATTEMPTS):
            assert entry.state == State.WAITING
            entry = processed(entry, at=entry.due_at)

        assert (entry.state, entry.reason) == (State.GIVEN_UP, "RuntimeError")
        assert entry.settled_at is not None
        assert len(pretend_sync.asked) == services.MOST_ATTEMPTS

    def test_success_after_failures_clears_the_reason(self, pretend_sync: PretendSync) -> None:
        pretend_sync.answer = RuntimeError()
        entry = processed(an_entry())
        pretend_sync.answer = HintAnswer(Verdict.WANTED)

        entry = processed(entry, at=entry.due_at)

        assert (entry.state, entry.reason) == (State.DONE, "")

    def test_the_pauses_double_up_to_an_hour(self) -> None:
        seconds = [services.backoff(attempts).total_seconds() for attempts in (1, 2, 3, 10, 11, 50)]

        assert seconds == [5, 10, 20, 2560, 3600, 3600]


class TestClaims:
    def test_a_row_that_is_not_due_is_left_alone(self, pretend_sync: PretendSync) -> None:
        processed(an_entry(due_at=NOON + timedelta(seconds=1)))

        assert pretend_sync.asked == []

    def test_a_row_that_is_gone_is_no_error(self) -> None:
        services.process_entry(10**9)

    def test_while_one_works_a_second_ring_does_nothing(
        self, pretend_sync: PretendSync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = an_entry()
        inner = pretend_sync.take_hint

        def rung_meanwhile(**hint: Any) -> HintAnswer:
            services.process_entry(entry.pk)
            return inner(**hint)

        monkeypatch.setattr("omnidesk_sync.services.take_hint", rung_meanwhile)

        assert processed(entry).state == State.DONE
        assert len(pretend_sync.asked) == 1

    def test_a_killed_worker_leaves_a_row_that_is_due_again(self, pretend_sync: PretendSync) -> None:
        class Killed(BaseException):
            pass

        def killed(**hint: Any) -> HintAnswer:
            raise Killed

        entry = an_entry()
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("omnidesk_sync.services.take_hint", killed)
            with pytest.raises(Killed):
                processed(entry)

        entry.refresh_from_db()
        assert (entry.state, entry.due_at) == (State.WAITING, NOON + services.LEASE)
        assert processed(entry, at=entry.due_at).state == State.DONE

    def test_a_row_that_kills_every_worker_is_given_up(self, pretend_sync: PretendSync) -> None:
        entry = processed(an_entry(attempts=services.MOST_ATTEMPTS))

        assert (entry.state, entry.reason) == (State.GIVEN_UP, services.WORKER_DIED)
        assert pretend_sync.asked == []

    def test_who_lost_the_lease_records_nothing(
        self, pretend_sync: PretendSync, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        entry = an_entry()
        inner = pretend_sync.take_hint

        def pressed_meanwhile(**hint: Any) -> HintAnswer:
            InboxEntry.objects.update(due_at=NOON + timedelta(hours=5))
            return inner(**hint)

        monkeypatch.setattr("omnidesk_sync.services.take_hint", pressed_meanwhile)

        entry = processed(entry)
        assert (entry.state, entry.due_at) == (State.WAITING, NOON + timedelta(hours=5))


class TestSweep:
    def swept(self) -> list[object]:
        with time_machine.travel(NOON, tick=False):
            services.sweep()
        return [args[0] for name, args in rings.drain() if name == services.PROCESS_TASK]

    def test_it_rings_for_what_is_due_oldest_first(self) -> None:
        second = an_entry(due_at=NOON - timedelta(seconds=5))
        first = an_entry(due_at=NOON - timedelta(hours=5))
        an_entry(due_at=NOON + timedelta(seconds=1))
        for state in (State.DONE, State.IGNORED, State.GIVEN_UP):
            an_entry(state=state, settled_at=NOON)

        assert self.swept() == [first.pk, second.pk]

    def test_it_only_rings(self, pretend_sync: PretendSync) -> None:
        entry = an_entry()
        self.swept()

        entry.refresh_from_db()
        assert (entry.state, entry.due_at) == (State.WAITING, NOON)
        assert pretend_sync.asked == []

    def test_it_rings_a_bounded_number(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "SWEEP_ROWS", 3)
        for _ in range(5):
            an_entry()

        assert len(self.swept()) == 3

    def test_two_at_a_time_work_a_row_off_once(self, pretend_sync: PretendSync) -> None:
        entry = an_entry()
        for entry_id in self.swept() + self.swept():
            assert entry_id == entry.pk
            processed(entry)

        assert len(pretend_sync.asked) == 1

    def test_what_is_long_settled_goes_in_small_portions(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(services, "DELETE_ROWS", 2)
        old = NOON - services.KEEP - timedelta(seconds=1)
        for state in (State.DONE, State.IGNORED, State.GIVEN_UP):
            an_entry(state=state, settled_at=old)
        kept = [
            an_entry(state=State.DONE, settled_at=NOON - services.KEEP),
            an_entry(received_at=old, due_at=NOON + timedelta(hours=1)),
        ]

        self.swept()
        assert InboxEntry.objects.count() == 3
        self.swept()
        assert set(InboxEntry.objects.values_list("pk", flat=True)) == {entry.pk for entry in kept}

    def test_a_broker_that_is_away_is_asked_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[object] = []

        def nobody_there(task: str, entry_id: int) -> bool:
            asked.append(entry_id)
            return False

        monkeypatch.setattr(services, "ring", nobody_there)
        for _ in range(3):
            an_entry()
        self.swept()

        assert len(asked) == 1


@pytest.mark.parametrize("state", [State.DONE, State.IGNORED, State.GIVEN_UP])
def test_process_again_makes_a_row_due_and_rings(
    pretend_sync: PretendSync,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    state: State,
) -> None:
    entry = an_entry(state=state, settled_at=NOON, attempts=8, reason="RuntimeError")

    with django_capture_on_commit_callbacks(execute=True), time_machine.travel(NOON, tick=False):
        assert services.process_again([entry.pk]) == 1

    assert rings.drain() == [(services.PROCESS_TASK, [entry.pk])]
    assert processed(entry).state == State.DONE
    assert entry.reason == ""
