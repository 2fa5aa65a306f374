"""A case that changes hands while it is being read: who may see what was written then."""

import uuid

import pytest
from django.contrib.auth.models import AbstractBaseUser

from cabinet.models import Case, Message
from omnidesk_sync import imports
from omnidesk_sync.models import Candidate, MessageLink, PersonLink
from tests.omnidesk_sync.test_review import before_call
from tests.omnidesk_sync.world import World, fresh


@pytest.fixture
def handed_over(world: World) -> Case:
    """Anna's case with an answer that has not been read yet; Boris has a cabinet too."""
    world.person("boris@example.ru", "Борис")
    case = world.delivered("моё")
    world.wait(5)
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    return case


def give(world: World, case: Case) -> None:
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
    world.desk.staffroom.reply(world.desk_id(case), text="только для Бориса")


@pytest.mark.parametrize("call", ["messages", f"cases/{7001}.json"])
def test_a_case_handed_over_between_two_calls_of_a_reading_leaks_nothing(
    world: World, handed_over: Case, call: str
) -> None:
    assert str(world.desk_id(handed_over)) in f"7001 {call}"
    before_call(world, "GET", call, lambda: give(world, handed_over))
    world.read(handed_over)
    assert "только для Бориса" not in world.thread(handed_over)
    world.read(handed_over)
    world.work()
    assert fresh(handed_over).availability == Case.Availability.MOVED
    assert world.thread(Case.objects.get(owner__email="boris@example.ru")) == [
        "моё",
        "ответ",
        "только для Бориса",
    ]


def test_a_case_handed_over_after_it_was_listed_leaks_nothing(world: World, handed_over: Case) -> None:
    """What the list said of its owner was true when it was said, and no longer when it is read."""
    world.wait(5)
    world.reconcile()
    world.wait(5)
    give(world, handed_over)
    world.work()
    assert "только для Бориса" not in world.thread(handed_over)
    assert fresh(handed_over).availability == Case.Availability.MOVED


def test_an_edit_after_a_handover_is_not_shown_to_the_former_owner(world: World, handed_over: Case) -> None:
    world.read(handed_over)
    world.wait(30)
    world.desk.staffroom.set_status(world.desk_id(handed_over), "closed")
    world.wait(5)
    world.reconcile()
    answer = world.desk_rows(world.desk_id(handed_over))[-1]
    world.wait(5)
    world.desk.staffroom.give(world.desk_id(handed_over), "boris@example.ru")
    world.desk.staffroom.edit(answer.message_id, text="пароль Бориса")
    world.work()
    assert world.thread(handed_over) == ["моё", "ответ"]


def test_a_list_still_saves_the_call_where_nothing_is_younger(world: World, handed_over: Case) -> None:
    world.wait(60)
    world.reconcile()
    before = len(world.desk.calls)
    world.work()
    assert world.thread(handed_over) == ["моё", "ответ"]
    assert world.units(before) == 1


def test_two_workers_that_find_a_case_at_once_import_it_once_under_one_address(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A walk and a look at a candidate: whoever comes second changes nothing, for the page may be open."""
    world.reconcile()
    mailed = world.desk.staffroom.open_case("anna@example.ru", subject="Письмо", text="письмом")
    PersonLink.objects.create(user=world.anna, desk_user_id=mailed.user_id)
    candidate = imports.mention(mailed.case_id)
    assert candidate is not None
    seen: list[uuid.UUID] = []
    unsettled = imports.has_unsettled_opening

    def meanwhile(user: AbstractBaseUser) -> bool:
        monkeypatch.setattr(imports, "has_unsettled_opening", unsettled)
        world.wait(5)
        world.reconcile()
        seen.append(Case.objects.get(subject="Письмо").pk)
        return unsettled(user)

    monkeypatch.setattr(imports, "has_unsettled_opening", meanwhile)
    imports.look_at(candidate.pk)
    world.work()
    assert [Case.objects.get(subject="Письмо").pk] == seen
    assert world.thread(Case.objects.get(subject="Письмо")) == ["письмом"]
    assert not Candidate.objects.filter(desk_case_id=mailed.case_id).exists()


@pytest.mark.parametrize("apart", [0, 300])
def test_a_case_merged_into_one_that_was_not_read_yet_takes_nobodys_place(world: World, apart: int) -> None:
    """The older case's words come first in the thread, and are not the opening of the other."""
    first = world.opened("из первого", "Первое")
    world.work()
    world.wait(apart)
    second = world.opened("из второго", "Второе")
    world.work()
    there = world.desk_id(second)
    world.desk.staffroom.merge(world.desk_id(first), into=there)
    world.desk.staffroom.reply(there, text="ответ")
    world.read(second)
    assert sorted(world.thread(second)) == sorted(world.desk_texts(there))
    link = MessageLink.objects.get(message=second.messages.get(origin=Message.Origin.CABINET))
    assert world.desk.core.messages.get(link.desk_message_id).text == "из второго"  # type: ignore[union-attr]


def test_the_words_of_a_former_owner_are_shown_as_his(world: World) -> None:
    boris = world.person("boris@example.ru", "Борис")
    case = world.delivered("моё")
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
    world.desk.mailbox.write(sender="boris@example.ru", subject="ещё", text="и ещё одно")
    world.read(case)
    world.reconcile()
    world.work()
    his = Case.objects.get(owner=boris, subject=case.subject)
    [by_anna] = his.messages.all()
    assert (by_anna.author, by_anna.author_name) == (Message.Author.CUSTOMER, "Анна Петрова")
    assert by_anna.author_user_id is None
    [own] = Case.objects.get(owner=boris, subject="ещё").messages.all()
    assert own.author_user_id == boris.pk
