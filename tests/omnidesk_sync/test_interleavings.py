"""What the machine of `test_lane_machine` has found, each in as few moves as show it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from cabinet import services
from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync import budget, lane, linking, reading, settling
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import Lane
from tests.omnidesk_sync.world import World, fresh

QUARANTINE = 90
State = OutboxEntry.State


def run_out() -> None:
    Lane.objects.update(lane_until=Now() - timedelta(seconds=1))


# ── a case that cannot be read for a while ──────────────────────────────────────────────────────────────


@pytest.mark.parametrize("away", ["trash", "spam"])
def test_a_reply_that_arrived_in_a_case_that_was_put_away_is_found_when_it_is_back(
    world: World, away: str
) -> None:
    """It was called rejected, for nothing can be sent there; sent again by its author it was there twice."""
    case = world.delivered("первое")
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    world.reply(case, "второе")
    world.work()
    getattr(world.desk.staffroom, away)(world.desk_id(case))
    world.work_until(QUARANTINE + 60, step=50)
    assert world.outbox(case)[-1] == State.UNSETTLED
    world.desk.staffroom.restore(world.desk_id(case))
    world.work_until(70, step=35)
    world.read(case)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)) == world.thread(case) == ["первое", "второе"]


@pytest.mark.parametrize("gone", ["trash", "destroy", "give", "merge"])
def test_a_reply_that_cannot_be_looked_for_is_left_to_a_person(world: World, gone: str) -> None:
    case = world.delivered("первое")
    other = world.delivered("другое", "Другое дело")
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    message = world.reply(case, "второе")
    world.work()
    arguments: dict[str, list[object]] = {"give": ["boris@example.ru"], "merge": [world.desk_id(other)]}
    more = arguments.get(gone, [])
    getattr(world.desk.staffroom, gone)(world.desk_id(case), *more)
    world.work_until(QUARANTINE + 500, step=65)
    assert world.outbox(case)[-1] == State.UNDECIDED
    message.refresh_from_db()
    assert message.state == Message.State.FAILED
    with pytest.raises(services.NothingToRetry):
        services.retry_message(message=message)


def test_a_reply_is_not_taken_for_the_opening_that_was_deleted_before_it(world: World) -> None:
    """Linked as the opening, the reply itself was absent, and was sent again."""
    case = world.opened("первое")
    world.desk.faults.add("half_answer", count=1, path="messages", method="POST")
    world.reply(case, "второе")
    world.work()
    world.desk.staffroom.delete(world.desk.core.thread(world.desk_id(case))[0].message_id)
    world.work_until(QUARANTINE + 60, step=50)
    assert world.outbox(case) == [State.DELIVERED] * 2
    assert world.desk_texts(world.desk_id(case)) == ["второе"]


# ── whose case it is ────────────────────────────────────────────────────────────────────────────────────


def test_what_is_said_after_a_snapshot_is_not_read_for_whose_case_it_was_then(world: World) -> None:
    """Listed, given to somebody else, answered for him, and read within the two minutes of the snapshot."""
    case = world.delivered("первое")
    world.wait(5)
    world.desk.staffroom.reply(world.desk_id(case), text="для Анны")
    world.wait(5)
    world.reconcile()
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
    world.wait(5)
    world.desk.staffroom.reply(world.desk_id(case), text="для Бориса")
    world.work()
    assert fresh(case).availability == Case.Availability.MOVED
    assert "для Бориса" not in world.thread(case)


def test_what_is_said_between_the_two_calls_of_a_reading_is_not_read_for_a_former_owner(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.delivered("первое")
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    fetch = reading._fetch

    def sleep_and_fetch(*args: Any) -> object:
        monkeypatch.setattr(reading, "_fetch", fetch)
        world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
        world.wait(5)
        world.desk.staffroom.reply(world.desk_id(case), text="для Бориса")
        return fetch(*args)

    monkeypatch.setattr(reading, "_fetch", sleep_and_fetch)
    world.work()
    assert fresh(case).availability == Case.Availability.MOVED
    assert "для Бориса" not in world.thread(case)


# ── a worker that slept ─────────────────────────────────────────────────────────────────────────────────


def test_who_slept_after_his_look_does_not_send_what_another_has_sent_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The row he comes back to stands in the same state, but for another attempt."""
    case = world.delivered("первое")
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    world.reply(case, "второе")
    world.work()
    world.wait(QUARANTINE + 1)
    look = settling._look

    def look_and_sleep(*args: Any) -> object:
        found = look(*args)
        monkeypatch.setattr(settling, "_look", look)
        run_out()
        lane.work(case.pk)
        assert world.outbox(case)[-1] == State.UNSETTLED
        return found

    monkeypatch.setattr(settling, "_look", look_and_sleep)
    lane.work(case.pk)
    assert world.outbox(case)[-1] == State.UNSETTLED
    world.work_until(2 * QUARANTINE, step=60)
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе"]


def test_who_slept_after_his_reading_does_not_lower_the_wish_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One wish served by somebody else, and one raised since: the counter stands where it stood."""
    case = world.delivered()
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    read = reading._read

    def read_and_sleep(*args: Any, **more: Any) -> object:
        found = read(*args, **more)
        monkeypatch.setattr(reading, "_read", read)
        run_out()
        lane.work(case.pk)
        world.desk.staffroom.reply(world.desk_id(case), text="Вот он.")
        linking.want_reading(case.pk, now=timezone.now())
        assert Lane.objects.get(pk=case.pk).wanted == 1
        return found

    monkeypatch.setattr(reading, "_read", read_and_sleep)
    lane.work(case.pk)
    assert Lane.objects.get(pk=case.pk).wanted == 1
    world.wait(5)
    world.work()
    assert world.thread(case)[-1] == "Вот он."


def test_who_slept_while_he_asked_for_units_makes_no_call(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.delivered()
    services.close_case(case=case)
    world.work()
    services.post_reply(case=case, author=world.anna, text="Всё-таки нет")
    world.work()
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    waiting = {"state": State.WAITING, "due_at": timezone.now()}
    OutboxEntry.objects.filter(case=case, kind=OutboxEntry.Kind.ENSURE_OPEN).update(**waiting)
    take = budget.take
    asked: list[int] = []

    def take_and_sleep(units: int, spending: budget.Spending) -> None:
        take(units, spending)
        asked.append(units)
        if len(asked) == 2:
            run_out()

    monkeypatch.setattr(budget, "take", take_and_sleep)
    before = len(world.desk.calls)
    lane.work(case.pk)
    assert len(asked) == 2
    assert not [call for call in world.calls(before) if call.startswith("PUT")]


# ── a claim ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_claim_that_began_first_and_waited_does_not_take_what_was_claimed_meanwhile(world: World) -> None:
    """By its own "now" the other's lease reaches further than a lease can; on PostgreSQL it took it."""
    case = world.opened()
    Lane.objects.create(case=case)
    taken: list[Lease | None] = []
    begins = threading.Event()

    def claim() -> None:
        try:
            begins.set()
            taken.append(Lease.claim(case.pk))
        finally:
            connection.close()

    other = threading.Thread(target=claim)
    with transaction.atomic():
        Lane.objects.filter(pk=case.pk).update(wanted=0)
        other.start()
        assert begins.wait(30)
        # Time for the other claim to arrive and to wait for this row.
        threading.Event().wait(0.3)
        first = Lease.claim(case.pk)
    other.join()
    assert first is not None
    assert taken == [None]
    assert first.holds()
