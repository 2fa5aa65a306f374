"""The account's calls per minute: shared by all workers, floors for each class, corrected by answers."""

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from omnidesk_sync import budget, linking, sweeping
from omnidesk_sync.budget import NoRoom, Spending
from omnidesk_sync.models import Budget
from omnidesk_sync.types import Answered
from sandbox.exchange import Outcome
from tests.omnidesk_sync.world import World

ALL = (Spending.WRITES, Spending.READINGS, Spending.BACKGROUND)


def heard(
    *, status: int = 200, limit: int | None = 20, left: int | None = None, retry_after: float | None = None
) -> Answered:
    return Answered(status, None, limit, left, retry_after)


def small(world: World, limit: int = 20) -> None:
    """From now on a small account, in a minute of its own."""
    world.desk.limit.per_minute = limit
    world.wait(120)
    Budget.objects.update_or_create(pk=1, defaults={"limit": limit, "used_by_others": 0})


def spend(spending: Spending, units: int = 1) -> int:
    """Takes until nothing is given any more. Returns how much it was."""
    taken = 0
    try:
        while taken < 1000:
            budget.take(units, spending)
            taken += units
    except NoRoom:
        return taken
    raise AssertionError("The budget has no end.")


@pytest.mark.parametrize("spending", ALL)
def test_nobody_can_eat_what_is_kept_for_the_others(world: World, spending: Spending) -> None:
    small(world)
    taken = spend(spending)
    assert taken == 20 - sum(int(20 * kind.share) for kind in ALL if kind is not spending)
    for kind in ALL:
        if kind is not spending:
            assert spend(kind) == int(20 * kind.share)


def test_a_minute_never_gives_more_than_the_limit(world: World) -> None:
    small(world)
    assert sum(spend(kind) for kind in ALL) == 20
    with pytest.raises(NoRoom) as caught:
        budget.take(1, Spending.WRITES)
    assert 0 < (caught.value.after_seconds or 0) <= 60
    world.wait(caught.value.after_seconds or 0)
    budget.take(2, Spending.WRITES)


def test_the_smallest_account_still_moves(world: World) -> None:
    small(world, limit=1)
    for kind in ALL:
        budget.take(2, kind)
        world.wait(60)


def test_the_share_is_what_we_allow_ourselves(world: World, settings: object) -> None:
    settings.OMNIDESK_BUDGET_SHARE = 0.5  # type: ignore[attr-defined]
    small(world)
    assert sum(spend(kind) for kind in ALL) == 10


def test_threads_never_overspend(world: World) -> None:
    small(world, limit=50)
    taken: list[int] = []
    barrier = threading.Barrier(6)

    def run(kind: Spending) -> None:
        barrier.wait()
        try:
            for _ in range(12):
                try:
                    budget.take(2, kind)
                    taken.append(2)
                except NoRoom:
                    pass
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(kind,)) for kind in ALL * 2]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    row = Budget.objects.get()
    assert sum(taken) == row.used_writes + row.used_readings + row.used_background
    assert sum(taken) <= 50


def test_units_that_were_not_spent_come_back(world: World) -> None:
    small(world)
    taken_at = timezone.now()
    budget.take(2, Spending.WRITES)
    budget.give_back(2, Spending.WRITES, taken_at=taken_at)
    assert budget.room() == 20


def test_units_of_an_old_minute_do_not_come_back_in_a_new_one(world: World) -> None:
    small(world)
    taken_at = timezone.now()
    budget.take(2, Spending.WRITES)
    world.wait(61)
    budget.take(6, Spending.WRITES)
    budget.give_back(2, Spending.WRITES, taken_at=taken_at)
    assert budget.room() == 14


# ── what answers say ────────────────────────────────────────────────────────────────────────────────────


def test_answers_that_overtake_each_other_keep_the_minutes_minimum(world: World) -> None:
    small(world)
    budget.take(1, Spending.READINGS)
    budget.learn(heard(left=5))
    budget.learn(heard(left=12))
    assert budget.room() == 5
    world.wait(60)
    assert budget.room() == 20


def test_the_limit_is_taken_from_the_answers(world: World) -> None:
    world.delivered()
    assert budget.limit() == 300
    world.desk.limit.per_minute = 40
    world.delivered()
    assert budget.limit() == 40


@pytest.mark.parametrize(("retry_after", "waits"), [(None, 60), (0, 60), (17, 17), (86_400, 300)])
def test_a_429_stops_all_for_as_long_as_it_says(world: World, retry_after: float | None, waits: int) -> None:
    small(world)
    budget.learn(heard(status=429, retry_after=retry_after))
    with pytest.raises(NoRoom) as caught:
        budget.take(1, Spending.READINGS)
    assert caught.value.after_seconds == pytest.approx(waits, abs=0.2)
    assert budget.room() == 0
    world.wait(waits + 1)
    budget.take(1, Spending.READINGS)


@pytest.mark.parametrize("header", ["limited", "never"])
def test_a_429_gives_nothing_up_and_loses_nothing(world: World, header: str) -> None:
    world.desk.switch(retry_after_header=header)
    case = world.delivered("первое")
    world.desk.faults.add("rate_limited", count=3)
    world.reply(case, "второе")
    world.work_until(300, step=30)
    assert world.outbox(case) == ["delivered", "delivered"]
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе"]


@pytest.mark.parametrize("column", ["blocked_until", "window_started_at"])
def test_a_clock_that_was_set_back_does_not_block_for_long(world: World, column: str) -> None:
    small(world)
    Budget.objects.update(**{column: timezone.now() + timedelta(days=1)})
    budget.take(2, Spending.WRITES)


def test_a_clock_that_was_set_back_does_not_stop_the_probes(world: World) -> None:
    budget.pause("key")
    Budget.objects.update(next_probe_at=timezone.now() + timedelta(days=1))
    assert budget.claim_probe()
    assert not budget.claim_probe()


# ── a small account under load ──────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_on_a_small_account_words_go_first_readings_go_on_and_nothing_is_refused(world: World) -> None:
    """Nine openings and five staff answers wait at 20 units a minute."""
    read = [world.delivered(subject=f"читать {number}") for number in range(5)]
    small(world)
    for case in read:
        world.desk.staffroom.reply(world.desk_id(case), text="ответ")
        linking.want_reading(case.pk, now=timezone.now())
    written = [world.opened(f"{number}", subject=f"писать {number}") for number in range(9)]
    refused = _count_429(world)
    minutes = [_one_minute(world) for _ in range(2)]
    assert refused == []
    assert minutes[0][0] >= 6
    assert minutes[0][1] >= 4
    assert all(writes + reads <= 20 for writes, reads in minutes)
    world.work_until(120, step=60)
    assert all(world.outbox(case) == ["delivered"] for case in written)
    assert all(world.thread(case)[-1] == "ответ" for case in read)


def _one_minute(world: World) -> tuple[int, int]:
    """Units of writes and of readings in one minute with a sweep at each quarter."""
    before = len(world.desk.calls)
    for _ in range(4):
        sweeping.sweep()
        world.work()
        world.wait(15)
    calls = world.desk.calls[before:]
    writes = sum(call["units"] for call in calls if call["method"] != "GET")
    return writes, sum(call["units"] for call in calls) - writes


def _count_429(world: World) -> list[int]:
    seen: list[int] = []
    answered = world.exchange.handle

    def handle(method: str, url: str, headers: dict[str, str], body: bytes) -> Outcome:
        outcome = answered(method, url, headers, body)
        if outcome.reply.status == 429:
            seen.append(429)
        return outcome

    world.exchange.handle = handle  # type: ignore[method-assign]
    return seen


def test_the_table_of_costs(world: World) -> None:
    before = len(world.desk.calls)
    case = world.opened()
    world.work()
    assert world.units(before) == 2
    world.read(case)
    before = len(world.desk.calls)
    world.reply(case, "ещё")
    world.work()
    assert world.units(before) == 2
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.read(case)
    before = len(world.desk.calls)
    world.reply(case, "и ещё")
    world.work()
    assert world.units(before) == 3, "after a closed case one look at its status"
    spent = Budget.objects.get()
    total = sum(call["units"] for call in world.desk.calls)
    assert spent.used_writes + spent.used_readings + spent.used_background == total


def test_many_readings_cost_one_list_call_and_one_each(world: World) -> None:
    cases = [world.delivered(subject=f"тема {number}") for number in range(5)]
    world.wait(60)
    world.reconcile()
    world.work()
    world.wait(60)
    for case in cases:
        world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    before = len(world.desk.calls)
    world.wait(5)
    world.reconcile()
    world.work()
    assert all(world.thread(case)[-1] == "ответ" for case in cases)
    assert world.units(before) == 1 + len(cases)


@pytest.mark.slow
def test_many_waiting_readings_ask_for_a_list_first_and_not_too_often(world: World) -> None:
    cases = [world.delivered(subject=f"тема {number}") for number in range(10)]
    small(world)
    world.reconcile()
    for case in cases:
        linking.want_reading(case.pk, now=timezone.now())
    world.wait(90)
    world.rings.clear()
    sweeping.sweep()
    assert ("omnidesk_sync.reconcile", (True,)) in world.rings
    from omnidesk_sync import reconciling

    assert reconciling.reconcile_if_due(at_once=True)
    world.wait(15)
    assert not reconciling.reconcile_if_due(at_once=True)
