"""Cases that were opened elsewhere: older ones of a proved address, mailed ones, and those of strangers."""

import pytest
from django.utils import timezone

from cabinet.models import Case
from cabinet.reading_marks import count_cases_with_news
from cabinet.signals import address_proved
from omnidesk_sync import imports, services
from omnidesk_sync.models import AddressImport, Candidate, CaseLink, Stranger
from omnidesk_sync.services import Verdict
from tests.omnidesk_sync.test_reconciling import written_by_mail
from tests.omnidesk_sync.world import World

pytestmark = pytest.mark.slow


def hint(desk_case_id: int, event: str = "user_reply") -> Verdict:
    answer = services.take_hint(
        event=event, desk_case_id=desk_case_id, desk_message_id=77, received_at=timezone.now()
    )
    return answer.verdict


def signed_in(world: World, address: str) -> AddressImport:
    person = world.person(address, imported=False)
    address_proved.send(sender=type(person), user_id=person.pk, address=address)
    return AddressImport.objects.get(user_id=person.pk)


def test_the_older_cases_of_a_proved_address_appear(world: World) -> None:
    for number in range(3):
        written_by_mail(world, "boris@example.ru", number)
    written_by_mail(world, "bobboris@example.ru", 9)
    row = signed_in(world, "boris@example.ru")
    assert ("omnidesk_sync.import_address", (row.pk,)) in world.rings
    world.work()
    cases = Case.objects.filter(owner_id=row.user_id).order_by("subject")
    assert [world.thread(case) for case in cases] == [["письмом 0"], ["письмом 1"], ["письмом 2"]]
    assert AddressImport.objects.get(pk=row.pk).done_at is not None


def test_nothing_of_an_older_case_is_new_to_its_customer_until_somebody_writes_again(world: World) -> None:
    desk_case_id = written_by_mail(world, "boris@example.ru", 1).case_id
    world.desk.staffroom.reply(desk_case_id, text="answered long ago")
    world.wait(3600)
    row = signed_in(world, "boris@example.ru")
    world.work()
    case = Case.objects.get(owner_id=row.user_id)
    assert world.thread(case)[-1] == "answered long ago"
    assert count_cases_with_news(case.owner) == 0
    world.desk.staffroom.reply(desk_case_id, text="one more thing")
    world.read(case)
    assert world.thread(case)[-1] == "one more thing"
    assert count_cases_with_news(case.owner) == 1


@pytest.mark.parametrize("total_count", ["number", "missing"])
@pytest.mark.parametrize("how_many", [10, 20, 23])
@pytest.mark.usefixtures("small_pages")
def test_more_than_a_page_of_older_cases_appears(world: World, total_count: str, how_many: int) -> None:
    world.desk.switch(total_count=total_count)
    for number in range(how_many):
        written_by_mail(world, "boris@example.ru", number)
    row = signed_in(world, "boris@example.ru")
    while imports.run_import(row.pk):
        pass
    assert Case.objects.filter(owner_id=row.user_id).count() == how_many


@pytest.mark.usefixtures("small_pages")
def test_an_import_goes_on_where_it_was_interrupted(world: World) -> None:
    for number in range(13):
        written_by_mail(world, "boris@example.ru", number)
    row = signed_in(world, "boris@example.ru")
    world.desk.faults.add("error_500", path="page=2", count=1)
    imports.run_import(row.pk)
    imports.run_import(row.pk)
    row.refresh_from_db()
    assert (row.page, row.done_at) == (2, None)
    assert "500" in row.last_error
    world.wait(20)
    imports.run_import(row.pk)
    assert Case.objects.filter(owner_id=row.user_id).count() == 13


def test_signing_in_again_the_same_day_costs_nothing(world: World) -> None:
    row = signed_in(world, "boris@example.ru")
    world.work()
    before = len(world.desk.calls)
    address_proved.send(sender=object, user_id=row.user_id, address=row.address)
    world.work()
    assert world.units(before) == 0
    world.wait(25 * 3600)
    written_by_mail(world, "boris@example.ru")
    address_proved.send(sender=object, user_id=row.user_id, address=row.address)
    world.work()
    assert Case.objects.filter(owner_id=row.user_id).count() == 1


def test_a_mailed_case_of_somebody_with_a_cabinet_appears_after_its_webhook(world: World) -> None:
    mailed = written_by_mail(world)
    assert hint(mailed.case_id, "new_case") is Verdict.WANTED
    world.work()
    case = Case.objects.get(owner_id=world.anna.pk)
    assert case.subject == "Письмо 0"
    assert world.thread(case) == ["письмом 0"]


def test_a_strangers_webhook_costs_nothing_the_second_time(world: World) -> None:
    mailed = written_by_mail(world, "chuzhoy@example.ru")
    assert hint(mailed.case_id, "new_case") is Verdict.WANTED
    world.work()
    before = len(world.desk.calls)
    for _ in range(10):
        assert hint(mailed.case_id) is Verdict.NOTHING
    world.work()
    assert len(world.desk.calls) == before
    assert not Case.objects.exists()


@pytest.mark.parametrize("address", ["chuzhoy@example.ru", "Chuzhoy@Example.RU"])
def test_a_stranger_who_signs_in_is_no_stranger_any_more(world: World, address: str) -> None:
    mailed = written_by_mail(world, address)
    hint(mailed.case_id, "new_case")
    world.work()
    assert Stranger.objects.count() == 1
    assert "chuzhoy" not in str(list(Stranger.objects.values()))
    row = signed_in(world, "chuzhoy@example.ru")
    world.work()
    assert not Stranger.objects.exists()
    assert not Candidate.objects.exists()
    second = written_by_mail(world, address, 2)
    hint(second.case_id, "new_case")
    world.work()
    assert Case.objects.filter(owner_id=row.user_id).count() == 2


def test_the_first_opening_waits_for_the_older_cases(world: World) -> None:
    """They are its baseline: an old case with the same words is not taken for the new one."""
    boris = world.person("boris@example.ru", imported=False)
    old = world.desk.staffroom.open_case("boris@example.ru", subject="Счёт", text="Где счёт?")
    world.desk.faults.add("cut_before", method="POST", count=1)
    case = world.opened("Где счёт?", "Счёт", owner=boris)
    world.work_until(150, step=50)
    assert CaseLink.objects.get(case=case).desk_case_id != old.case_id
    assert len(world.desk.core.cases.all()) == 2
    assert Case.objects.filter(owner_id=boris.pk).count() == 2


@pytest.mark.parametrize("act", ["trash", "spam"])
def test_what_is_in_the_trash_is_not_imported_until_it_comes_back(world: World, act: str) -> None:
    mailed = written_by_mail(world, "boris@example.ru")
    getattr(world.desk.staffroom, act)(mailed.case_id)
    row = signed_in(world, "boris@example.ru")
    world.work()
    assert not Case.objects.exists()
    world.wait(5)
    world.desk.staffroom.restore(mailed.case_id)
    world.wait(5)
    world.reconcile()
    world.work()
    assert Case.objects.get().owner_id == row.user_id


def test_a_case_that_is_gone_before_anybody_looked_is_forgotten(world: World) -> None:
    assert hint(424242, "new_case") is Verdict.WANTED
    world.work()
    assert not Candidate.objects.exists()
    assert not Case.objects.exists()
