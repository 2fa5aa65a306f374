"""Sends whose outcome is unknown: nothing lost, nothing twice, nothing guessed."""

from collections.abc import Callable

import pytest
from django.core.management import call_command

from cabinet.models import Case, OutboxEntry
from omnidesk_sync.models import Attempt, CaseLink, Lane
from tests.omnidesk_sync.world import World

QUARANTINE = 90
State = OutboxEntry.State
LANDED = ["cut_after", "half_answer", "trickle"]
NOT_LANDED = ["cut_before"]
EITHER = ["error_500", "error_502", "not_json"]


@pytest.mark.parametrize("fault", LANDED + NOT_LANDED + EITHER)
def test_an_opening_exists_once_whatever_happened_to_the_answer(world: World, fault: str) -> None:
    world.desk.faults.add(fault, count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?", "Счёт")
    world.work()
    assert world.outbox(case) == [State.UNSETTLED]
    world.work_until(QUARANTINE + 30, step=60)
    assert world.outbox(case) == [State.DELIVERED]
    assert [there.subject for there in world.desk.core.cases.all()] == ["Счёт"]
    world.read(case)
    assert world.thread(case) == ["Где счёт?"]


@pytest.mark.parametrize("fault", LANDED + NOT_LANDED + EITHER)
def test_a_reply_exists_once_whatever_happened_to_the_answer(world: World, fault: str) -> None:
    case = world.delivered("первое")
    world.desk.faults.add(fault, count=1, path="messages", method="POST")
    world.reply(case, "второе")
    world.reply(case, "третье")
    world.work()
    world.work_until(QUARANTINE + 60, step=50)
    assert world.outbox(case) == [State.DELIVERED] * 3
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе", "третье"]
    world.read(case)
    assert world.thread(case) == ["первое", "второе", "третье"]


def test_the_followers_of_an_unsettled_reply_wait_for_it(world: World) -> None:
    case = world.delivered("первое")
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "второе")
    world.reply(case, "третье")
    world.work()
    assert world.outbox(case)[1:] == [State.UNSETTLED, State.WAITING]
    assert world.desk_texts(world.desk_id(case)) == ["первое"]


def test_of_two_equal_replies_the_lost_one_is_told_from_its_twin(world: World) -> None:
    case = world.delivered("первое")
    world.reply(case, "ok")
    world.work()
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "ok")
    world.work()
    world.work_until(QUARANTINE + 60, step=50)
    assert world.desk_texts(world.desk_id(case)) == ["первое", "ok", "ok"]


def test_a_reply_equal_to_the_unread_opening_is_not_taken_for_it(world: World) -> None:
    case = world.opened("ok")
    world.work()
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "ok")
    world.work()
    world.work_until(QUARANTINE + 60, step=50)
    assert world.desk_texts(world.desk_id(case)) == ["ok", "ok"]
    world.read(case)
    assert world.thread(case) == ["ok", "ok"]


def test_a_killed_worker_leaves_a_row_that_is_looked_for(world: World) -> None:
    """Killed between the answer and the commit: the row says "attempting", the desk has the message."""
    case = world.delivered("первое")
    world.reply(case, "второе")
    world.desk.core.after_work = _die_once(world)
    with pytest.raises(KeyboardInterrupt):
        world.work()
    assert world.outbox(case)[-1] == State.ATTEMPTING
    Lane.objects.update(lane_until=None, token=None)
    world.work_until(2 * QUARANTINE)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе"]


def _die_once(world: World) -> Callable[[], None]:
    pump = world.desk.webhooks.pump

    def die() -> None:
        world.desk.core.after_work = pump
        raise KeyboardInterrupt

    return die


def test_something_similar_is_left_to_a_person_and_shown_to_nobody_until_then(world: World) -> None:
    case = world.delivered("первое")
    world.desk.staffroom.reply(world.desk_id(case), text="Слушаю вас")
    world.read(case)
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "Прошу прислать счёт за август по договору восемнадцать")
    world.work()
    letter = "Прошу прислать счёт за август по договору восемнадцать, пожалуйста"
    world.desk.mailbox.answer(case_id=world.desk_id(case), text=letter)
    world.work_until(QUARANTINE + 60, step=50)
    assert world.outbox(case)[-1] == State.UNSETTLED
    assert letter not in world.thread(case)
    world.work_until(600, step=65)
    assert world.outbox(case)[-1] == State.UNDECIDED
    assert world.states(case)[2] == "failed"
    assert any(letter in text for text in world.thread(case))


def test_a_different_mail_in_the_same_window_decides_nothing_and_is_shown(world: World) -> None:
    case = world.delivered("первое")
    world.desk.staffroom.reply(world.desk_id(case), text="Слушаю вас")
    world.read(case)
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    world.reply(case, "Прошу прислать счёт за август")
    world.work()
    world.desk.mailbox.answer(case_id=world.desk_id(case), text="Совсем о другом")
    world.work_until(QUARANTINE + 60, step=50)
    assert world.outbox(case)[-1] == State.DELIVERED
    texts = world.desk_texts(world.desk_id(case))
    assert texts.count("Прошу прислать счёт за август") == 1
    assert sorted(world.thread(case)) == sorted(
        ["первое", "Слушаю вас", "Прошу прислать счёт за август", "Совсем о другом"]
    )


def test_resends_are_capped(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("cut_before", path="messages", method="POST")
    world.reply(case, "никак")
    world.work_until(3600, step=100)
    assert world.outbox(case)[-1] == State.UNDECIDED
    assert Attempt.objects.filter(entry__case=case, outcome=Attempt.Outcome.ABSENT).count() == 5


def test_looking_that_fails_does_not_count_towards_a_persons_decision(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    world.desk.faults.add("error_500", method="GET")
    world.reply(case, "долгая авария")
    world.work_until(4 * 3600, step=1800)
    assert world.outbox(case)[-1] == State.UNSETTLED
    world.desk.faults.clear()
    world.work_until(3900, step=1950)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)).count("долгая авария") == 1


def test_while_an_opening_is_unsettled_no_case_of_its_customer_is_imported(world: World) -> None:
    world.desk.faults.add("cut_after", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?")
    world.work()
    world.reconcile()
    world.work()
    assert Case.objects.count() == 1
    world.work_until(QUARANTINE + 60, step=50)
    world.reconcile()
    world.work()
    assert Case.objects.count() == 1
    assert CaseLink.objects.get().case_id == case.pk


def test_a_twin_that_slipped_in_is_absorbed(world: World) -> None:
    from django.utils import timezone

    from cabinet import desk as cabinet_desk
    from omnidesk_sync import linking

    case = world.opened("Где счёт?")
    there = world.desk.staffroom.open_case("anna@example.ru", subject="Нет счёта", text="Где счёт?")
    facts = cabinet_desk.CaseFacts("1", Case.Status.OPEN, Case.Availability.NORMAL)
    now = timezone.now()
    twin = cabinet_desk.import_case(
        owner=world.anna, subject="Нет счёта", facts=facts, created_at=now, now=now
    )
    linking.link_case(twin, desk_case_id=there.case_id, desk_user_id=there.user_id, now=now)
    world.reply(twin, "уже написал в двойнике")
    linking.link_case(case, desk_case_id=there.case_id, desk_user_id=there.user_id, now=now)
    assert Case.objects.get() == case
    assert world.thread(case) == ["Где счёт?", "уже написал в двойнике"]
    assert CaseLink.objects.get().case_id == case.pk


def test_after_a_restore_what_was_delivered_since_the_backup_is_not_doubled(world: World) -> None:
    case = world.delivered("первое")
    reply = world.reply(case, "отправлено после бэкапа")
    entry = OutboxEntry.objects.get(message=reply)
    waiting = OutboxEntry.objects.filter(pk=entry.pk).values().get()
    world.work()
    # The backup knows nothing of the delivery.
    reply.desk_link.delete()
    OutboxEntry.objects.filter(pk=entry.pk).update(**{k: v for k, v in waiting.items() if k != "id"})
    Attempt.objects.all().delete()
    call_command("omnidesk_after_restore", verbosity=0)
    world.work_until(60)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)) == ["первое", "отправлено после бэкапа"]


def test_after_a_restore_all_replies_that_waited_in_a_case_are_looked_for(world: World) -> None:
    """What came after them is taken over as new, and only that."""
    case = world.delivered("первое")
    replies = [world.reply(case, text) for text in ("второе", "второе", "второе и ещё")]
    backup = list(OutboxEntry.objects.filter(message__in=replies).order_by("number").values())
    later = world.reply(case, "написано после бэкапа")
    world.work()
    later.delete()
    for reply, values in zip(replies, backup, strict=True):
        reply.desk_link.delete()
        OutboxEntry.objects.filter(pk=values["id"]).update(**values)
    Attempt.objects.all().delete()
    call_command("omnidesk_after_restore", verbosity=0)
    world.work_until(120)
    texts = ["первое", "второе", "второе", "второе и ещё", "написано после бэкапа"]
    assert world.desk_texts(world.desk_id(case)) == world.thread(case) == texts


def test_the_reference_field_settles_an_opening_without_comparing_texts(
    world: World, settings: object
) -> None:
    settings.OMNIDESK_CASE_REFERENCE_FIELD = "cf_25"  # type: ignore[attr-defined]
    world.desk.faults.add("cut_after", count=1, path=r"cases\.json", method="POST")
    case = world.opened("Где счёт?")
    world.work()
    (there,) = world.desk.core.cases.all()
    for row in world.desk.core.thread(there.case_id):
        world.desk.staffroom.edit(row.message_id, text="переписано")
    world.work_until(QUARANTINE + 30, step=60)
    assert world.outbox(case) == [State.DELIVERED]
    assert len(world.desk.core.cases.all()) == 1


@pytest.mark.parametrize("fault", ["cut_after", "cut_before"])
def test_a_close_whose_outcome_is_unknown_is_settled_by_the_status(world: World, fault: str) -> None:
    from cabinet import services

    case = world.delivered()
    world.desk.faults.add(fault, count=1, method="PUT")
    services.close_case(case=case)
    world.work()
    world.work_until(QUARANTINE + 30, step=60)
    assert world.outbox(case)[-1] == State.DELIVERED
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "closed"
