"""The drift report for cases of custom channels: listed by the person's own id, judged like all others."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from cabinet.models import Case
from omnidesk_sync import drift_scope
from omnidesk_sync.drift import Meter
from omnidesk_sync.models import Reconciliation
from tests.omnidesk_sync import drifting
from tests.omnidesk_sync.drifting import report, states
from tests.omnidesk_sync.world import CHANNELS, World, fresh

pytestmark = pytest.mark.usefixtures("patient")
MODES = [Case.Mode.CABINET, Case.Mode.CHAT]


@pytest.fixture
def dina(world: World, settings: Any) -> User:
    """No address of hers is proved."""
    world.switch_channels_on()
    settings.OMNIDESK_CHANNELS = CHANNELS
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    return User.objects.create(username="dina", first_name="Дина")


def talk(world: World, dina: User, mode: Case.Mode) -> Case:
    case = world.opened("Вы тут?", mode=mode, owner=dina)
    world.work()
    world.read(case)
    world.desk.staffroom.reply(world.desk_id(case), text="Да")
    world.read(case)
    world.wait(120)
    world.reconcile()
    world.work()
    return fresh(case)


@pytest.mark.parametrize("mode", MODES)
def test_a_case_of_a_channel_that_is_the_same_is_the_same(world: World, dina: User, mode: Case.Mode) -> None:
    talk(world, dina, mode)
    assert states() == {"same": 1}


@pytest.mark.parametrize("mode", MODES)
def test_a_running_chat_too_is_listed_by_its_persons_id_in_one_call(
    world: World, dina: User, mode: Case.Mode
) -> None:
    case = talk(world, dina, mode)
    world.desk.staffroom.set_chat(world.desk_id(case), active=True)
    listed = drift_scope.list_person(dina, Meter())
    assert [row.case.case_id for row in listed] == [world.desk_id(case)]


def test_both_identities_of_a_person_are_listed(world: World, dina: User) -> None:
    by_mail = world.delivered("письмом")
    chat = talk(world, world.anna, Case.Mode.CHAT)
    cabinet = talk(world, world.anna, Case.Mode.CABINET)
    meter = Meter()
    listed = {row.case.case_id for row in drift_scope.list_person(world.anna, meter)}
    assert listed == {world.desk_id(case) for case in (by_mail, chat, cabinet)}
    assert meter.units == 2


@pytest.mark.parametrize("mode", MODES)
def test_what_differs_in_a_channel_is_named_and_mended(world: World, dina: User, mode: Case.Mode) -> None:
    case = talk(world, dina, mode)
    drifting.rewrite_theirs_here(world, case)
    said = report()
    assert said.code == 1
    assert "the text differs" in said.text
    assert report("--mend").code == 1
    drifting.settle(world)
    assert report().code == 0
    assert world.thread(case) == ["Вы тут?", "Да"]


@pytest.mark.parametrize("mode", MODES)
def test_a_case_of_a_channel_that_nobody_here_knows_is_found_and_fetched_in_its_mode(
    world: World, dina: User, mode: Case.Mode
) -> None:
    case = talk(world, dina, mode)
    there = world.desk_id(case)
    drifting.forget_the_case(world, case)
    Reconciliation.objects.all().delete()
    assert drifting.kinds() == {"unknown_here"}
    report("--mend")
    world.work()
    found = Case.objects.get(desk_link__desk_case_id=there)
    assert (found.owner_id, found.mode) == (dina.pk, mode)
    assert world.thread(found) == ["Вы тут?", "Да"]
