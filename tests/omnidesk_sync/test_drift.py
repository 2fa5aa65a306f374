"""The drift report is silent after ordinary life; every difference made on purpose is named and mended."""

import logging
from collections.abc import Callable

import pytest
from django.apps import apps
from django.urls import reverse
from django.utils import timezone

from cabinet import services
from cabinet.models import Case, CaseFile, Message
from omnidesk_sync import drift_runs
from omnidesk_sync.models import (
    Budget,
    Candidate,
    DriftCase,
    DriftRun,
    Lane,
    MessageLink,
)
from tests.omnidesk_sync.drifting import (
    change_a_size,
    change_our_own_files,
    change_our_own_words,
    change_the_author,
    close_here,
    delete_ours_there,
    delete_there,
    destroy_there,
    edit_ours_there,
    edit_there,
    finish,
    forget_the_case,
    freeze_as_moved,
    freeze_here,
    give_away,
    give_up_a_file,
    kinds,
    linked,
    lose_a_file,
    lose_a_message,
    lose_the_link,
    lose_the_link_of_ours,
    lose_the_link_of_the_case,
    make_it_a_note,
    move_the_opening,
    renumber,
    report,
    rewrite_theirs_here,
    settle,
    swap_theirs,
    swap_what_arrived,
    talk,
    trash_there,
    withdraw_here,
)
from tests.omnidesk_sync.world import World, everything_stored, fresh

pytestmark = pytest.mark.usefixtures("patient")


# ── nothing differs ─────────────────────────────────────────────────────────────────────────────────────


def test_after_ordinary_life_nothing_differs(world: World) -> None:
    case = talk(world)
    services.close_case(case=case)
    world.work()
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    world.reconcile()
    world.work()
    world.wait(15)
    world.work()
    said = report()
    assert said.code == 0, said.text
    assert "2 compared: 2 the same" in said.text


def test_an_opening_that_was_never_read_back_is_the_same(world: World) -> None:
    world.opened("Ещё не прочитано\r\n  обратно")
    world.work()
    assert not MessageLink.objects.exists()
    assert report().code == 0


def test_a_case_costs_its_messages_and_its_share_of_a_list(world: World) -> None:
    boris = world.person("boris@example.ru")
    for number in range(3):
        world.delivered(subject=f"тема {number}")
    world.opened(owner=boris)
    world.work()
    before = len(world.desk.calls)
    said = report()
    # One list for each of two people, one call for each of four cases.
    assert world.units(before) == 2 + 4
    assert "6 units" in said.text


def test_one_case_costs_two_units(world: World) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    before = len(world.desk.calls)
    said = report("--case", fresh(case).number)
    assert world.units(before) == 2
    assert "1 compared: 1 the same" in said.text
    assert report("--case", str(case.pk)).code == 0


def test_since_costs_one_list_and_the_changed_cases(world: World) -> None:
    world.delivered(subject="старая")
    world.wait(86400)
    since = timezone.now().isoformat()
    world.wait(60)
    changed = world.delivered(subject="новая")
    before = len(world.desk.calls)
    said = report("--since", since)
    assert world.units(before) == 2
    assert "1 compared: 1 the same" in said.text
    Message.objects.filter(case=changed).update(text="не то")
    assert kinds("--since", since) == {"text"}


@pytest.mark.usefixtures("small_pages")
def test_a_thread_longer_than_a_page_is_compared_whole(world: World) -> None:
    case = world.delivered("начало")
    for number in range(23):
        world.desk.staffroom.reply(world.desk_id(case), text=f"ответ {number}")
    world.read(case)
    assert report().code == 0
    MessageLink.objects.filter(case=case).order_by("desk_message_id")[1].message.delete()
    assert kinds() == {"missing_here"}


def test_reporting_changes_nothing(world: World) -> None:
    case = talk(world)
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    world.desk.staffroom.edit(MessageLink.objects.filter(case=case)[1].desk_message_id, text="иначе")
    world.wait(700)

    def rows() -> list[str]:
        models = (
            apps.get_app_config("cabinet").get_models(),
            apps.get_app_config("omnidesk_sync").get_models(),
        )
        kept = [model for group in models for model in group if model is not Budget]
        return [str(row) for model in kept for row in model._default_manager.order_by("pk").values()]

    before = rows()
    sent = len(world.desk.sent_webhooks)
    assert report().code == 1
    assert rows() == before
    assert len(world.desk.sent_webhooks) == sent
    assert all(call.startswith("GET ") for call in world.calls(-6))


# ── every kind of difference ────────────────────────────────────────────────────────────────────────────


MENDED_BY_READING: list[tuple[Callable[[World, Case], None], str]] = [
    (lose_a_message, "missing_here"),
    (rewrite_theirs_here, "text"),
    (edit_there, "text"),
    (edit_ours_there, "text"),
    (change_the_author, "author"),
    (lose_a_file, "files"),
    (change_a_size, "files"),
    (give_up_a_file, "file_given_up"),
    (delete_there, "missing_there"),
    (delete_ours_there, "missing_there"),
    (make_it_a_note, "not_public"),
    (withdraw_here, "withdrawn_here"),
    (close_here, "status"),
    (renumber, "number"),
    (freeze_here, "availability"),
    (trash_there, "availability"),
    (destroy_there, "gone_there"),
    (give_away, "owner"),
    (forget_the_case, "unknown_here"),
    (freeze_as_moved, "came_back"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("act", "kind"), MENDED_BY_READING)
def test_a_difference_is_named_and_mended(
    world: World, act: Callable[[World, Case], None], kind: str
) -> None:
    case = talk(world)
    act(world, case)
    world.wait(5)
    assert kinds() == {kind}
    # Naming it has mended nothing.
    assert kinds() == {kind}
    said = report("--mend")
    assert said.code == 1
    assert "A person decides" not in said.text
    settle(world)
    assert report().code == 0, report().text


def test_what_was_mended_is_what_the_desk_says(world: World) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    lose_a_file(world, case)
    report("--mend")
    settle(world)
    message = linked(case, "desk").message
    assert message.text == "Какой договор?"
    assert message.author == "staff"
    assert message.files.get().state == CaseFile.State.READY
    assert world.thread(case).count("ок") == 2


# Each of these is left to a person: mending them by a reading would double a message or take words away.


@pytest.mark.slow
@pytest.mark.parametrize(
    ("act", "kind"),
    [
        (lose_the_link, "unlinked"),
        (lose_the_link_of_ours, "unlinked"),
        (lose_the_link_of_the_case, "not_linked"),
        (change_our_own_words, "text"),
        (change_our_own_files, "files"),
        (swap_theirs, "order"),
        (move_the_opening, "order"),
        (swap_what_arrived, "order"),
    ],
)
def test_what_no_reading_mends_is_pointed_at(
    world: World, act: Callable[[World, Case], None], kind: str
) -> None:
    case = talk(world)
    act(world, case)
    assert kind in kinds()
    said = report("--mend")
    assert said.code == 1
    assert "A person decides: " in said.text
    assert reverse("admin:cabinet_case_change", args=[case.pk]) in said.text
    before = world.thread(case)
    assert not Lane.objects.filter(wanted__gt=0).exists()
    assert not Candidate.objects.exists()
    world.work()
    assert world.thread(case) == before


def test_the_opening_deleted_before_it_was_read_is_missing_there(world: World) -> None:
    case = world.opened()
    world.work()
    world.desk.staffroom.delete(world.desk_rows(world.desk_id(case))[0].message_id)
    assert kinds() == {"missing_there"}
    assert "A person decides" in report("--mend").text


def test_messages_of_a_merged_case_are_missed_in_the_other_until_it_is_read_whole(world: World) -> None:
    first, second = world.delivered("первое"), world.delivered("второе", "Другая тема")
    world.desk.staffroom.merge(world.desk_id(first), into=world.desk_id(second))
    world.read(first)
    assert kinds() == {"missing_here"}
    report("--mend")
    settle(world)
    assert report().code == 0
    assert "первое" in world.thread(second)


def test_a_strangers_case_is_nobodys_difference(world: World) -> None:
    world.delivered()
    world.desk.staffroom.open_case("chuzhoy@example.ru", subject="Чужое", text="не наше")
    world.wait(60)
    assert report().code == 0
    assert report("--since", "2026-03-01").code == 0


def test_a_difference_says_where_and_when_and_quotes_nothing(world: World) -> None:
    case = talk(world)
    edit_there(world, case)
    said = report()
    position = linked(case, "desk").message.position
    assert f"message {position}, in Omnidesk {linked(case, 'desk').desk_message_id}, " in said.text
    assert "the text differs" in said.text
    assert "сумма" not in said.text
    assert "договор" not in said.text


# ── what is not public ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("note_flag", ["present", "missing"])
def test_notes_and_delayed_answers_appear_nowhere(
    world: World, caplog: pytest.LogCaptureFixture, note_flag: str
) -> None:
    caplog.set_level(logging.DEBUG)
    world.desk.switch(note_flag=note_flag)
    case = talk(world)
    secret = linked(case, "desk")
    make_it_a_note(world, case)
    world.desk.staffroom.edit(secret.desk_message_id, text="теперь тайна")
    world.desk.staffroom.service_row(world.desk_id(case), text="служебная строка")
    said = report()
    assert kinds() == {"not_public"}
    finish(drift_runs.request_all(None), world)
    assert DriftCase.objects.get().found[0]["kind"] == "not_public"
    everything = "\n".join([said.text, said.errors, report("--json").text, caplog.text, everything_stored()])
    for word in ("грубиян", "появится позже", "теперь тайна", "служебная строка"):
        assert word not in everything
    assert "2 differing" not in said.text


def test_rows_of_a_report_hold_no_words_of_anybody(world: World) -> None:
    case = talk(world)
    for act in (rewrite_theirs_here, lose_a_file, delete_ours_there, close_here, change_our_own_words):
        act(world, case)
    finish(drift_runs.request_all(None), world)
    kept = "\n".join(str(row) for row in [*DriftCase.objects.values(), *DriftRun.objects.values()])
    assert {found["kind"] for found in DriftCase.objects.get().found} >= {"text", "files", "missing_there"}
    for word in ("договор", "дом", "ок'", "Здравствуйте", "Нет счёта", "Совсем", "акт", "Анна"):
        assert word not in kept
