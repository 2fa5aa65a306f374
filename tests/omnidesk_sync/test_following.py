"""What the desk says of closed cases and statuses, and how it learns what a new case follows."""

import pytest

from cabinet import closings, services
from cabinet.models import Case, OutboxEntry
from omnidesk_sync import mapping
from omnidesk_sync.parsing import read_case
from tests.omnidesk_sync.world import World, fresh

State = OutboxEntry.State


def follow_up(world: World, old: Case) -> Case:
    return services.open_case(owner=world.anna, subject=old.subject, text="Снова.", follow_up_of=old)


@pytest.mark.parametrize("fault", ["", "cut_after", "cut_before"])
def test_staff_read_the_old_number_whatever_happened_to_the_answer(world: World, fault: str) -> None:
    old = fresh(world.delivered())
    if fault:
        world.desk.faults.add(fault, count=1, path=r"cases\.json", method="POST")
    new = follow_up(world, old)
    world.work_until(150 if fault else 1, step=60)
    assert world.outbox(new) == [State.DELIVERED]
    (text,) = world.desk_texts(world.desk_id(new))
    assert text.splitlines()[0].endswith(f"№ {old.number}")
    assert text.endswith("\n\nСнова.")
    world.read(new)
    assert world.thread(new) == world.desk_texts(world.desk_id(new))


def test_since_when_a_case_is_closed_is_the_desks_word(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there
    assert there.closed_at
    world.wait(3 * 86400)
    world.read(case)
    closed_at = fresh(case).closed_at
    assert closed_at
    assert closed_at.timestamp() == there.closed_at
    world.desk.staffroom.set_status(world.desk_id(case), "open")
    world.read(case)
    assert fresh(case).closed_at is None


def test_a_case_closed_with_an_answer_tells_it_after_the_answer(world: World) -> None:
    case = world.delivered()
    world.wait(30)
    world.desk.staffroom.reply(world.desk_id(case), text="Готово, закрываю.")
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.wait(30)
    world.read(case)
    (change,) = closings.of(fresh(case))
    assert change.closed
    assert closings.beside(list(case.messages.order_by("position")), [change]) == [[], [], [change]]


def test_a_status_that_nobody_has_described_is_one_of_its_own(world: World) -> None:
    case = world.delivered()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there
    there.status = "paused"
    world.desk.core.cases.put(there)
    world.read(case)
    assert fresh(case).status == Case.Status.UNKNOWN
    world.reply(case, "ещё вопрос")
    world.work()
    assert world.outbox(case)[-1] == State.DELIVERED


@pytest.mark.parametrize(("word", "status"), [("open", "open"), ("", "open"), ("pending", "unknown")])
def test_a_case_without_a_status_counts_as_being_with_support(word: str, status: str) -> None:
    assert mapping.facts(read_case({"case_id": 1, "status": word})).status == status
