"""A person decides about what is undecided; both decisions end with one message on both sides."""

import pytest

from cabinet.models import Case, OutboxEntry
from omnidesk_sync import joining
from tests.omnidesk_sync.world import World

pytestmark = pytest.mark.slow

State = OutboxEntry.State
OURS = "Прошу прислать счёт за август по договору восемнадцать"
LIKE_IT = "Прошу прислать счёт за август по договору восемнадцать, пожалуйста"


def undecided_reply(world: World) -> tuple[Case, OutboxEntry]:
    case = world.delivered("первое")
    world.desk.staffroom.reply(world.desk_id(case), text="Слушаю вас")
    world.read(case)
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, OURS)
    world.work()
    world.desk.mailbox.answer(case_id=world.desk_id(case), text=LIKE_IT)
    world.work_until(600, step=60)
    entry = OutboxEntry.objects.get(message__text=OURS)
    assert entry.state == State.UNDECIDED
    return case, entry


def test_an_undecided_reply_that_did_arrive_becomes_one_with_it(world: World) -> None:
    case, entry = undecided_reply(world)
    assert joining.join(entry)
    assert sorted(world.thread(case)) == sorted(["первое", "Слушаю вас", OURS])
    assert set(world.states(case)) == {"sent"}
    world.read(case)
    assert len(world.thread(case)) == 3
    entry.refresh_from_db()
    assert not joining.join(entry), "decided is decided"


def test_where_two_things_resemble_it_nobody_can_say_which(world: World) -> None:
    case, entry = undecided_reply(world)
    world.desk.mailbox.answer(case_id=world.desk_id(case), text=LIKE_IT + " ещё раз")
    world.read(case)
    before = world.thread(case)
    assert not joining.join(entry)
    assert world.thread(case) == before


def test_an_undecided_opening_that_did_arrive_becomes_one_with_it(world: World) -> None:
    world.desk.faults.add("cut_before", count=1, path=r"cases\.json", method="POST")
    case = world.opened(OURS, "Счёт за август")
    world.work()
    world.desk.staffroom.open_case("anna@example.ru", subject="Счёт", text=LIKE_IT)
    world.work_until(600, step=60)
    entry = OutboxEntry.objects.get(case=case)
    assert entry.state == State.UNDECIDED
    world.reconcile()
    world.work()
    assert Case.objects.count() == 2
    assert joining.join(entry)
    world.work_until(30)
    assert Case.objects.get() == case
    assert world.thread(case) == [OURS]
    assert world.outbox(case) == [State.DELIVERED]
