"""Lost webhooks cost time, not messages: the walk over changed cases finds all they would have brought."""

from datetime import timedelta

import pytest
from django.utils import timezone

from cabinet.models import Case
from omnidesk_sync import imports, reconciling, sweeping
from omnidesk_sync.models import Candidate, CaseLink, Lane, PersonLink, Reconciliation, Stranger
from sandbox.records import Case as DeskCase
from tests.omnidesk_sync.test_review import before_call
from tests.omnidesk_sync.world import World, fresh

pytestmark = pytest.mark.slow


def written_by_mail(world: World, address: str = "anna@example.ru", number: int = 0) -> DeskCase:
    return world.desk.staffroom.open_case(address, subject=f"Письмо {number}", text=f"письмом {number}")


def test_without_any_webhook_everything_arrives(world: World) -> None:
    world.reconcile()
    case = world.delivered("начало")
    world.wait(30)
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.desk.mailbox.answer(case_id=world.desk_id(case), text="по почте", style="none")
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    written_by_mail(world)
    world.wait(30)
    assert world.reconcile()
    world.work()
    assert world.thread(case) == ["начало", "ответ", "по почте"]
    assert fresh(case).status == Case.Status.CLOSED
    mailed = Case.objects.filter(owner_id=world.anna.pk).exclude(pk=case.pk).get()
    assert world.thread(mailed) == ["письмом 0"]


def test_a_quiet_account_costs_one_unit_an_interval(world: World) -> None:
    world.delivered()
    world.wait(300)
    world.reconcile()
    world.work()
    for _ in range(3):
        before = len(world.desk.calls)
        world.wait(300)
        world.reconcile()
        world.work()
        assert world.units(before) == 1


@pytest.mark.parametrize("how_many", [30, 35])
@pytest.mark.usefixtures("small_pages")
def test_more_than_a_page_of_changed_cases_is_walked_to_the_end(world: World, how_many: int) -> None:
    PersonLink.objects.create(user=world.anna, desk_user_id=written_by_mail(world).user_id)
    world.reconcile()
    world.wait(90)
    for number in range(how_many):
        written_by_mail(world, number=number)
        world.travel.shift(timedelta(seconds=2))
    before = len(world.desk.calls)
    world.wait(5)
    world.reconcile()
    # Each page begins with the last row of the one before.
    assert world.units(before) <= 5
    assert CaseLink.objects.count() == how_many + 1


def test_more_changed_cases_than_the_desk_lists_at_once_are_all_found(world: World) -> None:
    """With the real size of a page."""
    PersonLink.objects.create(user=world.anna, desk_user_id=written_by_mail(world).user_id)
    world.reconcile()
    for number in range(105):
        written_by_mail(world, number=number)
        world.travel.shift(timedelta(seconds=1))
    before = len(world.desk.calls)
    world.reconcile()
    assert world.units(before) == 2
    assert CaseLink.objects.count() == 106


@pytest.mark.usefixtures("small_pages")
def test_many_changes_within_one_second_turn_pages_and_miss_none(world: World) -> None:
    PersonLink.objects.create(user=world.anna, desk_user_id=written_by_mail(world).user_id)
    world.reconcile()
    world.wait(60)
    made = [written_by_mail(world, number=number) for number in range(1, 26)]
    world.wait(5)

    def change_one_more() -> None:
        # It leaves its place in the list while pages are being turned.
        world.desk.staffroom.set_status(made[3].case_id, "closed")

    before_call(world, "GET", "page=2", change_one_more)
    assert world.reconcile()
    assert CaseLink.objects.count() == 26


def test_a_change_in_the_very_second_of_a_reading_is_not_missed(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="раз")
    world.wait(5)
    world.desk.staffroom.reply(world.desk_id(case), text="два")
    Lane.objects.filter(pk=case.pk).update(wanted=1, read_due_at=timezone.now(), raised_at=timezone.now())
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="три")
    world.wait(60)
    world.reconcile()
    world.work()
    assert world.thread(case)[-3:] == ["раз", "два", "три"]


def test_a_case_that_cannot_be_taken_in_stops_no_other(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    PersonLink.objects.create(user=world.anna, desk_user_id=written_by_mail(world).user_id)
    bad, good = written_by_mail(world, number=1), written_by_mail(world, number=2)
    adopt = imports.adopt

    def fail(case: object, *args: object, **more: object) -> None:
        if case.case_id == bad.case_id:  # type: ignore[attr-defined]
            raise RuntimeError
        adopt(case, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(imports, "adopt", fail)
        assert world.reconcile()
    assert CaseLink.objects.filter(desk_case_id=good.case_id).exists()
    assert "RuntimeError" in Candidate.objects.get(desk_case_id=bad.case_id).last_error
    world.work_until(360, step=90)
    assert CaseLink.objects.filter(desk_case_id=bad.case_id).exists()


def test_a_time_in_the_future_does_not_blind_the_walk(world: World) -> None:
    case = world.delivered()
    odd = written_by_mail(world)
    odd.updated_at += 365 * 24 * 3600
    world.desk.core.cases.put(odd)
    world.wait(5)
    world.reconcile()
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.wait(60)
    world.reconcile()
    world.work()
    assert world.thread(case)[-1] == "ответ"


def test_two_schedulers_do_no_harm(world: World) -> None:
    world.delivered()
    Reconciliation.objects.update_or_create(pk=1, defaults={"next_due_at": timezone.now()})
    before = len(world.desk.calls)
    assert [reconciling.reconcile_if_due(), reconciling.reconcile_if_due()] == [True, False]
    assert world.units(before) == 1
    for _ in range(2):
        sweeping.sweep()
    world.work()
    assert Case.objects.count() == 1


def test_a_walk_that_fails_says_so_and_comes_again_soon(world: World) -> None:
    world.desk.faults.add("error_500", count=1)
    assert not world.reconcile()
    row = Reconciliation.objects.get()
    assert "500" in row.last_error
    assert row.next_due_at is not None
    assert row.next_due_at - timezone.now() <= timedelta(seconds=60)
    assert world.reconcile()
    assert Reconciliation.objects.get().last_error == ""


def test_the_audit_finds_quiet_edits_and_deletions(world: World) -> None:
    case = world.delivered("начало")
    edited = world.desk.staffroom.reply(world.desk_id(case), text="Сумма 100")
    deleted = world.desk.staffroom.reply(world.desk_id(case), text="ошибочный")
    world.read(case)
    world.desk.staffroom.edit(edited.message_id, text="Сумма 200")
    world.desk.staffroom.delete(deleted.message_id)
    world.wait(25 * 3600)
    world.reconcile()
    world.work()
    assert world.thread(case) == ["начало", "Сумма 200", "ошибочный"]
    world.wait(90)
    sweeping.sweep()
    world.work()
    assert world.thread(case) == ["начало", "Сумма 200", ""]


def test_the_audit_takes_one_case_an_interval(world: World) -> None:
    for number in range(3):
        world.delivered(subject=f"тема {number}")
    world.wait(25 * 3600)
    world.reconcile()
    assert CaseLink.objects.filter(audit_wanted=True).count() == 1


def test_strangers_cost_nothing_the_second_time(world: World) -> None:
    mailed = written_by_mail(world, "chuzhoy@example.ru")
    world.reconcile()
    world.work()
    assert Stranger.objects.filter(desk_user_id=mailed.user_id).exists()
    world.desk.staffroom.reply(mailed.case_id, text="не для кабинета")
    written_by_mail(world, "chuzhoy@example.ru", 2)
    before = len(world.desk.calls)
    world.wait(60)
    world.reconcile()
    world.work()
    assert world.units(before) == 1
