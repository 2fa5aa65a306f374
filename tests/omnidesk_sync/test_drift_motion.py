"""What is on its way raises no alarm, nor what changes while it is compared."""

from datetime import timedelta

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from cabinet import services
from cabinet.models import Case, OutboxEntry
from omnidesk_sync import drift, drift_now, linking, sweeping
from omnidesk_sync.drift import Finding, State
from omnidesk_sync.drift_differences import Difference
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import (
    Candidate,
    Lane,
)
from tests.omnidesk_sync.drifting import (
    edit_there,
    kinds,
    report,
    rewrite_theirs_here,
    states,
    talk,
)
from tests.omnidesk_sync.test_review import before_call, pdf
from tests.omnidesk_sync.world import World

pytestmark = [pytest.mark.usefixtures("patient"), pytest.mark.slow]


def test_what_waits_to_be_sent_is_on_its_way_with_the_reason(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("error_500", path="messages", method="POST", count=1)
    world.reply(case, "в пути")
    world.work()
    before = len(world.desk.calls)
    said = report()
    assert said.code == 0
    assert "on its way" in said.text
    assert "HTTP 500" in said.text
    assert "1 in motion" in said.text
    # Its person is listed; for the case itself nothing is asked while it moves.
    assert world.units(before) == 1


def test_an_opening_on_its_way_is_no_difference(world: World) -> None:
    world.desk.faults.add("cut_before", path="cases", method="POST")
    world.opened()
    assert states() == {"in_motion": 1}
    world.work()
    assert states() == {"in_motion": 1}
    assert report().code == 0


def test_what_was_given_up_is_named_and_differs_from_nothing(world: World) -> None:
    case = world.delivered()
    world.forbid("POST", f"cases/{world.desk_id(case)}/messages")
    message = world.reply(case, "не дойдёт")
    for _ in range(4):
        world.work()
        world.wait(70)
        sweeping.sweep()
    assert OutboxEntry.objects.get(message=message).state == "rejected"
    said = report()
    assert said.code == 0
    assert "given up, a person decides" in said.text
    assert "message 2" in said.text


def test_an_opening_that_was_given_up_is_named(world: World) -> None:
    case = world.opened()
    OutboxEntry.objects.filter(case=case).update(state="rejected", reason="no_address")
    assert states() == {"same": 1}
    assert "given up" in report().text


def test_a_file_on_its_way_is_no_difference(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("error_500", path="attachment")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот", files=[pdf()])
    world.read(case)
    said = report()
    assert said.code == 0
    assert "a file is being fetched" in said.text


def test_a_case_held_by_a_worker_is_looked_at_once_he_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    lease = Lease.claim(case.pk)
    assert lease is not None

    def wait(seconds: float) -> None:
        world.wait(seconds)
        lease.release()

    monkeypatch.setattr(drift_now, "pause", wait)
    assert kinds() == {"text"}


def test_a_worker_that_stays_keeps_the_case_in_motion(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    lease = Lease.claim(case.pk)
    assert lease is not None

    def wait(seconds: float) -> None:
        world.wait(seconds)
        lease.renew()

    monkeypatch.setattr(drift_now, "pause", wait)
    said = report()
    assert said.code == 0
    assert "a worker is at it" in said.text


def test_a_wanted_reading_keeps_the_case_in_motion(world: World) -> None:
    case = talk(world)
    edit_there(world, case)
    linking.want_reading(case.pk, now=timezone.now())
    assert states() == {"in_motion": 1}
    world.work()
    assert report().code == 0


def test_what_reconciliation_has_not_seen_yet_is_in_motion(world: World) -> None:
    case = talk(world)
    world.wait(60)
    world.reconcile()
    world.work()
    world.wait(60)
    world.desk.staffroom.reply(world.desk_id(case), text="только что")
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    assert states() == {"in_motion": 2}
    assert states("--since", "2026-03-01") == {"in_motion": 2}
    # With reconciliation dead it would stay unknown for ever: then it is a difference.
    world.wait(3600)
    assert kinds() == {"missing_here", "status", "unknown_here"}
    assert kinds("--since", "2026-03-01") == {"missing_here", "status", "unknown_here"}
    world.reconcile()
    world.work()
    assert report().code == 0


def test_what_reconciliation_passed_by_is_a_difference(world: World) -> None:
    case = talk(world)
    world.desk.staffroom.reply(world.desk_id(case), text="пропущено")
    world.wait(60)
    world.desk.staffroom.open_case("chuzhoy@example.ru", subject="Чужое", text="позже")
    world.wait(5)
    world.reconcile()
    Lane.objects.update(wanted=0, read_due_at=None)
    # Staff's answer has made it the customer's turn, too.
    assert kinds() == {"missing_here", "status"}


def test_a_reply_written_during_the_calls_is_no_difference(world: World) -> None:
    case = talk(world)
    before_call(world, "GET", "messages.json", lambda: world.reply(case, "прямо сейчас"))
    assert report().code == 0
    world.work()
    assert report().code == 0


def test_what_begins_during_the_calls_makes_the_look_worth_nothing(world: World) -> None:
    case = talk(world)
    before_call(world, "GET", "messages.json", lambda: services.close_case(case=case))
    found = drift.look(drift.Subject(case.pk), drift.Meter())
    assert found.state is State.IN_MOTION
    assert not found.differences


def test_a_look_whose_lane_was_taken_is_worth_nothing(world: World) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)

    def take() -> None:
        Lane.objects.update(lane_until=None)
        assert Lease.claim(case.pk) is not None

    before_call(world, "GET", "messages.json", take)
    found = drift.look(drift.Subject(case.pk), drift.Meter())
    assert found.state is State.IN_MOTION
    assert not found.differences
    # What another holds is not given back.
    assert Lease.claim(case.pk) is None


def test_whoever_found_the_lane_held_is_rung_for_afterwards(world: World) -> None:
    case = talk(world)
    world.wait(30)

    def want() -> None:
        linking.want_reading(case.pk, now=timezone.now())
        world.rings.clear()

    before_call(world, "GET", "messages.json", want)
    drift.look(drift.Subject(case.pk), drift.Meter())
    assert world.rings == [("omnidesk_sync.work_lane", (str(case.pk),))]


def test_a_case_whose_owner_is_being_found_out_is_in_motion(world: World) -> None:
    there = world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    Candidate.objects.create(desk_case_id=there.case_id, due_at=timezone.now() + timedelta(days=1))
    assert states() == {"in_motion": 1}
    Candidate.objects.all().delete()
    assert kinds() == {"unknown_here"}


def test_while_an_opening_is_unsettled_no_case_is_missed(world: World) -> None:
    """It may be that very opening."""
    world.desk.faults.add("cut_after", path="cases", method="POST", count=1)
    world.opened()
    world.work()
    assert states() == {"in_motion": 2}
    world.wait(120)
    world.work()
    assert states() == {"same": 1}


def test_the_lane_is_held_during_the_calls_and_free_after_them(world: World) -> None:
    case = talk(world)
    claims: list[object] = []
    before_call(world, "GET", "messages.json", lambda: claims.append(Lease.claim(case.pk)))
    report()
    assert claims == [None]
    assert Lease.claim(case.pk) is not None


def test_a_change_between_the_list_and_the_messages_is_no_difference(world: World) -> None:
    case = talk(world)
    there = world.desk_id(case)

    def close() -> None:
        world.desk.staffroom.set_status(there, "closed")
        Case.objects.filter(pk=case.pk).update(status="closed")

    before_call(world, "GET", "messages.json", close)
    assert report().code == 0


def test_a_difference_that_changes_from_look_to_look_is_in_motion(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)

    def wait(seconds: float) -> None:
        world.wait(seconds)
        Case.objects.filter(pk=case.pk).update(number=f"000-{timezone.now().timestamp()}")

    monkeypatch.setattr(drift_now, "pause", wait)
    said = report()
    assert said.code == 0
    assert "changed while it was compared" in said.text


findings = st.builds(
    Finding,
    st.sampled_from(State),
    st.lists(st.builds(Difference, st.sampled_from("abc")), max_size=2).map(tuple),
)


@given(earlier=st.none() | findings, latest=findings, looks=st.integers(1, drift.MOST_LOOKS))
def test_an_alarm_needs_the_same_difference_twice(
    earlier: Finding | None, latest: Finding, looks: int
) -> None:
    concluded = drift.conclude(earlier, latest, looks=looks)
    if concluded is not None and concluded.state is State.DIFFERS:
        assert earlier is not None
        assert earlier.state is State.DIFFERS
        assert set(earlier.differences) == set(latest.differences)
    if looks == drift.MOST_LOOKS or latest.state is State.SAME:
        assert concluded is not None
