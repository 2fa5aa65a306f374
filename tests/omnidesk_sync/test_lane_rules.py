"""The rules of the lane, each under its own number in docs/architecture.md. Each was a hole once."""

import threading
import uuid
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import OperationalError, connection, transaction
from django.db.models.functions import Now
from django.utils import timezone

from cabinet import services
from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync import budget, lane, linking, sending, sweeping
from omnidesk_sync.leases import Lease, LeaseLost, lease_length
from omnidesk_sync.models import Attempt, Budget, CaseLink, Lane
from tests.omnidesk_sync.world import World, fresh

QUARANTINE = 90
State = OutboxEntry.State


# ── rule 1: claim on own columns only ───────────────────────────────────────────────────────────────────


def test_rule_1_a_lane_is_held_by_one(world: World) -> None:
    case = world.opened()
    first = Lease.claim(case.pk)
    assert first is not None
    assert Lease.claim(case.pk) is None
    first.release()
    assert Lease.claim(case.pk) is not None


def test_rule_1_a_claim_is_one_update_without_a_join(world: World, django_assert_num_queries: object) -> None:
    case = world.opened()
    Lane.objects.create(case=case)
    with django_assert_num_queries(2) as queries:  # type: ignore[operator]
        Lease.claim(case.pk)
    updates = [query["sql"] for query in queries.captured_queries if query["sql"].startswith("UPDATE")]
    assert len(updates) == 1
    assert "JOIN" not in updates[0]
    assert "SELECT" not in updates[0]


def test_rule_1_threads_that_claim_at_once_get_it_once(world: World) -> None:
    case = world.opened()
    Lane.objects.create(case=case)
    for _ in range(5):
        Lane.objects.update(lane_until=None, token=None)
        taken: list[Lease | None] = []
        barrier = threading.Barrier(6)

        def claim(barrier: threading.Barrier = barrier, taken: list[Lease | None] = taken) -> None:
            barrier.wait()
            try:
                taken.append(Lease.claim(case.pk))
            finally:
                connection.close()

        threads = [threading.Thread(target=claim) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len([lease for lease in taken if lease]) == 1


# ── rule 2: leases and late results ─────────────────────────────────────────────────────────────────────


def test_rule_2_an_expired_lease_can_be_claimed_and_the_old_token_is_worth_nothing(world: World) -> None:
    case = world.opened()
    old = Lease.claim(case.pk)
    assert old is not None
    Lane.objects.update(lane_until=Now() - timedelta(seconds=1))
    new = Lease.claim(case.pk)
    assert new is not None
    with pytest.raises(LeaseLost):
        old.renew()
    old.release()
    assert new.holds()


def test_rule_2_a_lease_from_a_wrong_clock_counts_as_expired(world: World) -> None:
    case = world.opened()
    Lane.objects.create(case=case, token=uuid.uuid4())
    Lane.objects.update(lane_until=Now() + lease_length() + timedelta(hours=1))
    assert Lease.claim(case.pk) is not None


def test_rule_2_a_lease_outlasts_a_call(world: World, settings: object) -> None:
    assert lease_length().total_seconds() > settings.OMNIDESK_TIMEOUT_SECONDS  # type: ignore[attr-defined]


def test_rule_2_a_posts_answer_is_recorded_even_after_the_lease_was_lost(world: World) -> None:
    case = world.delivered()
    world.reply(case, "поздний ответ")
    world.desk.core.after_work = _steal(case, world.desk.core.after_work)
    world.work()
    world.desk.core.after_work = world.desk.webhooks.pump
    Lane.objects.update(lane_until=None, token=None)
    world.work_until(2 * QUARANTINE, step=60)
    assert world.states(case) == [Message.State.SENT] * 2
    assert world.desk_texts(world.desk_id(case)).count("поздний ответ") == 1


def test_rule_2_a_reading_that_comes_after_the_lease_was_lost_is_dropped(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="вот он")
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    lease = Lease.claim(case.pk)
    assert lease is not None
    with pytest.raises(LeaseLost):
        _read_while_it_is_stolen(world, lease, case)
    assert "вот он" not in world.thread(case)


def _steal(case: Case, then: Callable[[], None]) -> Callable[[], None]:
    def after_work() -> None:
        Lane.objects.filter(pk=case.pk).update(token=uuid.uuid4())
        then()

    return after_work


def _read_while_it_is_stolen(world: World, lease: Lease, case: Case) -> None:
    from omnidesk_sync import reading

    original = world.desk.core.thread

    def thread(case_id: int) -> object:
        Lane.objects.filter(pk=case.pk).update(token=uuid.uuid4())
        return original(case_id)

    world.desk.core.thread = thread  # type: ignore[method-assign,assignment]
    try:
        reading.read(lease)
    finally:
        world.desk.core.thread = original  # type: ignore[method-assign]


# ── rule 3: wanted is a counter ─────────────────────────────────────────────────────────────────────────


def test_rule_3_a_wish_raised_during_a_reading_survives_it(world: World) -> None:
    case = world.delivered()
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    original = world.desk.core.thread

    def thread(case_id: int) -> object:
        world.desk.core.thread = original  # type: ignore[method-assign]
        linking.want_reading(case.pk, now=timezone.now())
        return original(case_id)

    world.desk.core.thread = thread  # type: ignore[method-assign,assignment]
    lane.work(case.pk)
    assert Lane.objects.get(pk=case.pk).wanted == 2
    world.wait(5)
    world.work()
    assert Lane.objects.get(pk=case.pk).wanted == 0


# ── rule 4: presence settles at once ────────────────────────────────────────────────────────────────────


def test_rule_4_presence_settles_at_once(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    world.reply(case, "дошло ли?")
    world.work()
    assert world.outbox(case)[-1] == State.UNSETTLED
    world.read(case)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.thread(case)[-1] == "дошло ли?"
    assert world.states(case)[-1] == Message.State.SENT


def test_rule_4_absence_needs_the_quarantine(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "дошло ли?")
    world.work()
    world.read(case)
    assert world.outbox(case)[-1] == State.UNSETTLED
    assert "дошло ли?" not in world.desk_texts(world.desk_id(case))
    world.work_until(QUARANTINE + 30, step=60)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)).count("дошло ли?") == 1


# ── rule 5: what is rejected ────────────────────────────────────────────────────────────────────────────


def test_rule_5_a_rejected_reply_steps_aside_and_its_followers_go_on(world: World) -> None:
    case = world.delivered()
    world.desk.switch(max_content_length=20)
    world.reply(case, "слишком длинно для этого стола")
    world.reply(case, "короче")
    world.work()
    assert world.outbox(case)[-2:] == [State.REJECTED, State.DELIVERED]
    assert world.states(case)[-2:] == [Message.State.FAILED, Message.State.SENT]
    assert world.desk_texts(world.desk_id(case))[-1] == "короче"


def test_rule_5_a_rejected_reply_can_be_sent_again_by_its_author(world: World) -> None:
    case = world.delivered()
    world.desk.switch(max_content_length=20)
    failed = world.reply(case, "слишком длинно для этого стола")
    world.work()
    world.desk.switch(max_content_length=0)
    services.retry_message(message=Message.objects.get(pk=failed.pk))
    world.work()
    assert world.states(case)[-1] == Message.State.SENT
    assert world.desk_texts(world.desk_id(case))[-1] == "слишком длинно для этого стола"


def test_rule_5_a_rejected_opening_keeps_its_case_waiting_and_shows(world: World) -> None:
    from omnidesk_sync.selectors import health

    world.desk.switch(max_subject_length=5)
    case = world.opened(subject="длинная тема")
    world.reply(case, "и ещё")
    world.work()
    assert world.outbox(case) == [State.REJECTED, State.WAITING]
    assert not health().ok
    assert "opening" in health().detail
    assert sweeping.due_lanes(timezone.now(), 10) == []
    world.desk.switch(max_subject_length=0)
    services.retry_message(message=case.messages.get(position=1))
    world.work()
    assert world.outbox(case) == [State.DELIVERED, State.DELIVERED]
    assert world.desk_texts(world.desk_id(case))[-1] == "и ещё"


# ── rule 6: not the message's fault ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("fault", ["wrong_key", "redirect"])
def test_rule_6_trouble_with_the_account_pauses_all_and_gives_nothing_up(world: World, fault: str) -> None:
    case = world.delivered()
    world.desk.faults.add(fault)
    world.reply(case, "не пропаду")
    world.work_until(600, step=60)
    assert world.outbox(case)[-1] == State.WAITING
    assert Budget.objects.get().paused_since is not None
    before = len(world.desk.calls)
    world.work_until(300, step=60)
    assert len(world.desk.calls) == before, "a paused account is only probed"
    world.desk.faults.clear()
    sweeping.sweep()
    assert Budget.objects.get().paused_since is None
    world.work_until(120)
    assert world.outbox(case)[-1] == State.DELIVERED


def test_rule_6_one_probe_a_minute(world: World) -> None:
    world.desk.faults.add("wrong_key")
    world.opened()
    world.work()
    before = len(world.desk.calls)
    for _ in range(12):
        sweeping.sweep()
        world.work()
        world.wait(15)
    assert 3 <= len(world.desk.calls) - before <= 4


def test_rule_6_one_forbidden_case_does_not_stop_the_account(world: World) -> None:
    case = world.delivered()
    other = world.opened("другое обращение")
    world.forbid("POST", f"cases/{world.desk_id(case)}/messages")
    world.reply(case, "сюда нельзя")
    for _ in range(20):
        sweeping.sweep()
        world.work()
        world.wait(15)
    assert world.outbox(case)[-1] == State.REJECTED
    assert world.outbox(other) == [State.DELIVERED]
    assert Budget.objects.get().paused_since is None


# ── rule 7: never sleep, never ring more than can be served ─────────────────────────────────────────────


def test_rule_7_a_dry_budget_puts_the_row_back_and_frees_the_lane(world: World) -> None:
    world.desk.limit.per_minute = 4
    cases = [world.opened(f"обращение {number}") for number in range(4)]
    Budget.objects.update_or_create(pk=1, defaults={"limit": 4})
    world.work()
    assert [world.outbox(case)[0] for case in cases].count(State.DELIVERED) == 2
    assert not Lane.objects.filter(token__isnull=False).exists()
    world.work_until(200)
    assert [world.outbox(case)[0] for case in cases] == [State.DELIVERED] * 4
    assert len(world.desk.core.cases.all()) == 4
    assert not Attempt.objects.filter(outcome=Attempt.Outcome.REFUSED).exists()


def test_rule_7_a_case_that_cannot_be_read_backs_off_visibly(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("error_500", path=f"cases/{world.desk_id(case)}", method="GET")
    world.read(case)
    before = len(world.desk.calls)
    world.work_until(3600, step=120)
    row = Lane.objects.get(pk=case.pk)
    assert row.read_failures >= 4
    assert "500" in row.last_error
    assert len(world.desk.calls) - before < 15
    world.desk.faults.clear()
    world.work_until(7200, step=3600)
    assert Lane.objects.get(pk=case.pk).read_failures == 0


def test_no_call_is_made_inside_a_transaction(world: World) -> None:
    seen: list[bool] = []
    original = budget.take

    def take(units: int, spending: budget.Spending) -> None:
        seen.append(connection.in_atomic_block)
        original(units, spending)

    budget.take = take
    try:
        case = world.delivered()
        world.reply(case, "ещё")
        world.work()
        world.read(case)
    finally:
        budget.take = original
    assert seen
    assert not any(seen)


def test_a_fault_of_ours_in_one_case_does_not_stop_the_others(world: World) -> None:
    broken, fine = world.opened("сломано"), world.opened("целое")
    OutboxEntry.objects.filter(case=broken).update(kind="unheard_of")
    world.work()
    assert world.outbox(fine) == [State.DELIVERED]
    assert world.outbox(broken) == [State.WAITING]
    assert fresh(broken).number == ""
    assert transaction.get_connection().in_atomic_block is False
    assert not CaseLink.objects.filter(case=broken).exists()


def test_a_database_that_is_away_for_a_moment_is_not_the_cases_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The case does not wait as it would for a fault of ours: the next sweep finds its rows as they were."""

    def away(*_: object) -> bool:
        raise OperationalError("the connection was lost")

    case = world.opened()
    with monkeypatch.context() as database:
        database.setattr(sending, "send", away)
        with pytest.raises(OperationalError):
            lane.work(case.pk)
    assert Lane.objects.get(case=case).lane_until is None
    world.work()
    assert world.outbox(case) == [State.DELIVERED]
