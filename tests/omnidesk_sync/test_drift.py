"""The drift report: silent after ordinary life, and every difference made on purpose is named and mended."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO

import pytest
from django.apps import apps
from django.contrib.auth.models import Permission, User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone, translation
from hypothesis import given
from hypothesis import strategies as st

from cabinet import services
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from omnidesk_sync import budget, drift, drift_now, drift_runs, linking, sweeping
from omnidesk_sync.drift import Finding, State
from omnidesk_sync.drift_differences import Difference
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import (
    AddressImport,
    Budget,
    Candidate,
    CaseLink,
    DriftCase,
    DriftRun,
    FileLink,
    Lane,
    MessageLink,
)
from omnidesk_sync.tasks import compare
from tests.omnidesk_sync.test_in import everything_stored
from tests.omnidesk_sync.test_review import before_call, pdf
from tests.omnidesk_sync.world import World, fresh


@pytest.fixture(autouse=True)
def our_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits in a report lets the tests' clock run instead of sleeping."""
    if "world" in request.fixturenames:
        monkeypatch.setattr(drift_now, "pause", request.getfixturevalue("world").wait)


@dataclass(frozen=True)
class Said:
    """What the command answered: its exit code and everything it printed."""

    code: object
    text: str
    errors: str


def report(*options: str) -> Said:
    out, err, code = StringIO(), StringIO(), 0
    try:
        with translation.override("en"):
            call_command("omnidesk_reconcile", "--report", *options, stdout=out, stderr=err)
    except SystemExit as end:
        code = end.code  # type: ignore[assignment]
    return Said(code, out.getvalue(), err.getvalue())


def kinds(*options: str) -> set[str]:
    """The kinds of differences that a report names."""
    cases = json.loads(report("--json", *options).text)["cases"]
    return {difference["kind"] for case in cases for difference in case["differences"]}


def states(*options: str) -> dict[str, int]:
    totals: dict[str, int] = json.loads(report("--json", *options).text)["totals"]
    return {name: totals[name] for name in ("same", "in_motion", "differing", "failed") if totals[name]}


def talk(world: World) -> Case:
    """A case with everything in it that ordinary life brings."""
    case = world.delivered("Здравствуйте, где   счёт?\n\n> <цитата> & «ёлка» 🎄")
    there = world.desk_id(case)
    world.desk.staffroom.reply(there, html="<p>Какой <b>договор</b>?</p>", files=[pdf()])
    world.read(case)
    world.desk.mailbox.answer(case_id=there, text="Договор 18", style="gmail")
    world.read(case)
    world.reply(case, "ок", files=[world.upload("a.txt", b"text")])
    world.reply(case, "ок")
    world.work()
    world.desk.staffroom.note(there, text="клиент грубиян")
    world.desk.staffroom.reply(there, text="появится позже", delay_seconds=86400)
    world.read(case)
    return case


def settle(world: World) -> None:
    """Lets the lane do what a mending has asked for: an absence needs two looks."""
    world.work()
    world.wait(90)
    sweeping.sweep()
    world.work()
    world.wait(30)
    world.work()


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


def linked(case: Case, origin: str, index: int = 0) -> MessageLink:
    links = MessageLink.objects.filter(case=case, message__origin=origin).select_related("message")
    return links.order_by("desk_message_id")[index]


def alter(case: Case, origin: str, **fields: object) -> None:
    Message.objects.filter(pk=linked(case, origin).message_id).update(**fields)


def lose_a_message(world: World, case: Case) -> None:
    linked(case, "desk").message.delete()


def rewrite_theirs_here(world: World, case: Case) -> None:
    alter(case, "desk", text="Какой дом?")


def edit_there(world: World, case: Case) -> None:
    world.desk.staffroom.edit(linked(case, "desk").desk_message_id, text="Какая сумма?")


def edit_ours_there(world: World, case: Case) -> None:
    world.desk.staffroom.edit(linked(case, "cabinet", 1).desk_message_id, text="вовсе не ок")


def change_the_author(world: World, case: Case) -> None:
    alter(case, "desk", author="customer")


def lose_a_file(world: World, case: Case) -> None:
    CaseFile.objects.get(message=linked(case, "desk").message).delete()


def change_a_size(world: World, case: Case) -> None:
    CaseFile.objects.filter(message=linked(case, "desk").message).update(size=7)


def give_up_a_file(world: World, case: Case) -> None:
    file = CaseFile.objects.get(message=linked(case, "desk").message)
    CaseFile.objects.filter(pk=file.pk).update(state="unavailable", blob="")
    address = world.desk.core.file_url(next(iter(world.desk.core.files.all())))
    FileLink.objects.filter(file=file).update(url=address, due_at=None)


def delete_there(world: World, case: Case) -> None:
    world.desk.staffroom.delete(linked(case, "desk").desk_message_id)


def delete_ours_there(world: World, case: Case) -> None:
    world.desk.staffroom.delete(linked(case, "cabinet", 1).desk_message_id)


def make_it_a_note(world: World, case: Case) -> None:
    row = world.desk.core.messages.get(linked(case, "desk").desk_message_id)
    assert row is not None
    row.note, row.message_type = True, "note"
    world.desk.core.messages.put(row)


def withdraw_here(world: World, case: Case) -> None:
    alter(case, "desk", withdrawn_at=timezone.now(), text="", html="")


def close_here(world: World, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(status="closed")


def renumber(world: World, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(number="000-1")


def freeze_here(world: World, case: Case) -> None:
    Case.objects.filter(pk=case.pk).update(availability="spam")


def trash_there(world: World, case: Case) -> None:
    world.desk.staffroom.trash(world.desk_id(case))


def destroy_there(world: World, case: Case) -> None:
    world.desk.staffroom.destroy(world.desk_id(case))


def give_away(world: World, case: Case) -> None:
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")


def forget_the_case(world: World, case: Case) -> None:
    case.delete()


def freeze_as_moved(world: World, case: Case) -> None:
    CaseLink.objects.filter(case=case).update(detached=True)
    Case.objects.filter(pk=case.pk).update(availability="moved")


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


def lose_the_link(world: World, case: Case) -> None:
    linked(case, "desk").delete()


def lose_the_link_of_ours(world: World, case: Case) -> None:
    linked(case, "cabinet", 1).delete()


def lose_the_link_of_the_case(world: World, case: Case) -> None:
    CaseLink.objects.filter(case=case).delete()


def change_our_own_words(world: World, case: Case) -> None:
    alter(case, "cabinet", text="Совсем другое")


def change_our_own_files(world: World, case: Case) -> None:
    CaseFile.objects.filter(message=linked(case, "cabinet", 1).message).update(size=5)


def swap_theirs(world: World, case: Case) -> None:
    first, second = linked(case, "desk").message, linked(case, "desk", 1).message
    for message, position in ((first, 999), (second, first.position), (first, second.position)):
        Message.objects.filter(pk=message.pk).update(position=position)


def move_the_opening(world: World, case: Case) -> None:
    alter(case, "cabinet", position=999)


def swap_what_arrived(world: World, case: Case) -> None:
    one, other = linked(case, "cabinet", 1), linked(case, "cabinet", 2)
    for link, desk_id in ((one, 1), (other, one.desk_message_id), (one, other.desk_message_id)):
        MessageLink.objects.filter(pk=link.pk).update(desk_message_id=desk_id, desk_hash="")


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


# ── in motion ───────────────────────────────────────────────────────────────────────────────────────────


def test_what_waits_to_be_sent_is_on_its_way_with_the_reason(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("error_500", path="messages", method="POST", count=1)
    world.reply(case, "в пути")
    world.work()
    before = len(world.desk.calls)
    said = report()
    assert said.code == 0
    assert "on its way" in said.text
    assert "HTTP 500" in said.text
    assert "1 in motion" in said.text
    # Its person is listed; for the case itself nothing is asked while it moves.
    assert world.units(before) == 1


def test_an_opening_on_its_way_is_no_difference(world: World) -> None:
    world.desk.faults.add("cut_before", path="cases", method="POST")
    world.opened()
    assert states() == {"in_motion": 1}
    world.work()
    assert states() == {"in_motion": 1}
    assert report().code == 0


def test_what_was_given_up_is_named_and_differs_from_nothing(world: World) -> None:
    case = world.delivered()
    world.forbid("POST", f"cases/{world.desk_id(case)}/messages")
    message = world.reply(case, "не дойдёт")
    for _ in range(4):
        world.work()
        world.wait(70)
        sweeping.sweep()
    assert OutboxEntry.objects.get(message=message).state == "rejected"
    said = report()
    assert said.code == 0
    assert "given up, a person decides" in said.text
    assert "message 2" in said.text


def test_an_opening_that_was_given_up_is_named(world: World) -> None:
    case = world.opened()
    OutboxEntry.objects.filter(case=case).update(state="rejected", reason="no_address")
    assert states() == {"same": 1}
    assert "given up" in report().text


def test_a_file_on_its_way_is_no_difference(world: World) -> None:
    case = world.delivered()
    world.desk.faults.add("error_500", path="attachment")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот", files=[pdf()])
    world.read(case)
    said = report()
    assert said.code == 0
    assert "a file is being fetched" in said.text


def test_a_case_held_by_a_worker_is_looked_at_once_he_is_gone(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    lease = Lease.claim(case.pk)
    assert lease is not None

    def wait(seconds: float) -> None:
        world.wait(seconds)
        lease.release()

    monkeypatch.setattr(drift_now, "pause", wait)
    assert kinds() == {"text"}


def test_a_worker_that_stays_keeps_the_case_in_motion(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    lease = Lease.claim(case.pk)
    assert lease is not None

    def wait(seconds: float) -> None:
        world.wait(seconds)
        lease.renew()

    monkeypatch.setattr(drift_now, "pause", wait)
    said = report()
    assert said.code == 0
    assert "a worker is at it" in said.text


def test_a_wanted_reading_keeps_the_case_in_motion(world: World) -> None:
    case = talk(world)
    edit_there(world, case)
    linking.want_reading(case.pk, now=timezone.now())
    assert states() == {"in_motion": 1}
    world.work()
    assert report().code == 0


def test_what_reconciliation_has_not_seen_yet_is_in_motion(world: World) -> None:
    case = talk(world)
    world.wait(60)
    world.reconcile()
    world.work()
    world.wait(60)
    world.desk.staffroom.reply(world.desk_id(case), text="только что")
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    assert states() == {"in_motion": 2}
    assert states("--since", "2026-03-01") == {"in_motion": 2}
    # With reconciliation dead it would stay unknown for ever: then it is a difference.
    world.wait(3600)
    assert kinds() == {"missing_here", "status", "unknown_here"}
    assert kinds("--since", "2026-03-01") == {"missing_here", "status", "unknown_here"}
    world.reconcile()
    world.work()
    assert report().code == 0


def test_what_reconciliation_passed_by_is_a_difference(world: World) -> None:
    case = talk(world)
    world.desk.staffroom.reply(world.desk_id(case), text="пропущено")
    world.wait(60)
    world.desk.staffroom.open_case("chuzhoy@example.ru", subject="Чужое", text="позже")
    world.wait(5)
    world.reconcile()
    Lane.objects.update(wanted=0, read_due_at=None)
    # Staff's answer has made it the customer's turn, too.
    assert kinds() == {"missing_here", "status"}


def test_a_reply_written_during_the_calls_is_no_difference(world: World) -> None:
    case = talk(world)
    before_call(world, "GET", "messages.json", lambda: world.reply(case, "прямо сейчас"))
    said = report()
    assert said.code == 0
    # The lane was held: whoever sends was rung for once it was given back.
    assert ("omnidesk_sync.work_lane", (str(case.pk),)) in world.rings
    world.work()
    assert report().code == 0


def test_the_lane_is_held_during_the_calls_and_free_after_them(world: World) -> None:
    case = talk(world)
    claims: list[object] = []
    before_call(world, "GET", "messages.json", lambda: claims.append(Lease.claim(case.pk)))
    report()
    assert claims == [None]
    assert Lease.claim(case.pk) is not None


def test_a_change_between_the_list_and_the_messages_is_no_difference(world: World) -> None:
    case = talk(world)
    there = world.desk_id(case)

    def close() -> None:
        world.desk.staffroom.set_status(there, "closed")
        Case.objects.filter(pk=case.pk).update(status="closed")

    before_call(world, "GET", "messages.json", close)
    assert report().code == 0


def test_a_difference_that_changes_from_look_to_look_is_in_motion(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)

    def wait(seconds: float) -> None:
        world.wait(seconds)
        Case.objects.filter(pk=case.pk).update(number=f"000-{timezone.now().timestamp()}")

    monkeypatch.setattr(drift_now, "pause", wait)
    said = report()
    assert said.code == 0
    assert "changed while it was compared" in said.text


findings = st.builds(
    Finding,
    st.sampled_from(State),
    st.lists(st.builds(Difference, st.sampled_from("abc")), max_size=2).map(tuple),
)


@given(earlier=st.none() | findings, latest=findings, looks=st.integers(1, drift.MOST_LOOKS))
def test_an_alarm_needs_the_same_difference_twice(
    earlier: Finding | None, latest: Finding, looks: int
) -> None:
    concluded = drift.conclude(earlier, latest, looks=looks)
    if concluded is not None and concluded.state is State.DIFFERS:
        assert earlier is not None
        assert earlier.state is State.DIFFERS
        assert set(earlier.differences) == set(latest.differences)
    if looks == drift.MOST_LOOKS or latest.state is State.SAME:
        assert concluded is not None


# ── the command ─────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--report", "--case", "999-999"], "999-999"),
        (["--report", "--case", "not a number"], "not a number"),
        (["--report", "--case", ""], "no case"),
        (["--report", "--since", "yesterday"], "yesterday"),
        (["--report", "--since", "2026-13-45"], "2026-13-45"),
        (["--report", "--since", "2099-01-01"], "future"),
        (["--report", "--since", "2026-01-01", "--case", "1"], "Either"),
        (["--mend"], "--report"),
        (["--case", "1"], "--report"),
        (["--json"], "--report"),
    ],
)
def test_bad_input_is_told_and_costs_nothing(world: World, options: list[str], said: str) -> None:
    world.delivered()
    before = len(world.desk.calls)
    with translation.override("en"), pytest.raises(CommandError, match=said) as refused:
        call_command("omnidesk_reconcile", *options)
    assert refused.value.returncode == 2
    assert world.units(before) == 0


def test_without_report_it_still_reconciles(world: World) -> None:
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="Здравствуйте")
    call_command("omnidesk_reconcile", stdout=StringIO())
    world.work()
    assert Case.objects.get().subject == "Письмом"


def test_a_dry_budget_makes_it_slower_and_says_so(world: World) -> None:
    for number in range(12):
        world.delivered(subject=f"тема {number}")
    world.wait(120)
    world.desk.limit.per_minute = 20
    world.reconcile()
    world.wait(60)
    said = report()
    assert said.code == 0
    assert "12 compared: 12 the same" in said.text
    assert "Waiting " in said.errors
    row = Budget.objects.get()
    assert row.limit == 20
    # The floors of customers' writes and of readings were left alone.
    assert row.used_background <= 20 - 6 - 4


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
def test_a_thread_longer_than_the_minute_is_given_up_and_the_rest_goes_on(world: World) -> None:
    case = world.delivered("начало")
    for number in range(62):
        world.desk.staffroom.reply(world.desk_id(case), text=f"ответ {number}")
    world.read(case)
    world.delivered(subject="Другая")
    world.wait(120)
    world.desk.limit.per_minute = 8
    world.reconcile()
    said = report()
    assert said.code == 2
    assert "1 the same" in said.text
    assert "The minute's calls are used up" in said.text
    run = finish(drift_runs.request_all(None), world)
    assert (run.same, run.failed) == (1, 1)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
def test_a_long_list_goes_on_where_the_minute_ended(world: World) -> None:
    case = world.delivered()
    for number in range(75):
        world.desk.staffroom.open_case("chuzhoy@example.ru", subject=f"{number}", text="не наше")
        world.travel.shift(timedelta(seconds=2))
    world.wait(120)
    world.desk.limit.per_minute = 8
    world.reconcile()
    Message.objects.filter(case=case).update(text="не то")
    said = report("--since", "2026-03-01")
    assert "1 differing" in said.text
    assert "Waiting" in said.errors


@pytest.mark.slow
@pytest.mark.usefixtures("small_pages")
def test_a_person_with_more_cases_than_the_minute_lists_is_compared_all_the_same(world: World) -> None:
    made = [
        world.desk.staffroom.open_case("anna@example.ru", subject=f"{number}", text="Здравствуйте").case_id
        for number in range(62)
    ]
    AddressImport.objects.update(due_at=timezone.now(), done_at=None)
    world.work()
    for _ in range(2):
        world.wait(60)
        world.reconcile()
        world.work()
    assert MessageLink.objects.count() == len(made)
    world.wait(60)
    world.desk.limit.per_minute = 8
    run = finish(drift_runs.request_all(None), world)
    assert (run.same, run.in_motion) == (len(made), 0)


def test_a_paused_account_ends_it_with_the_reason(world: World) -> None:
    talk(world)
    budget.pause("wrong key")
    with pytest.raises(CommandError, match="wrong key"):
        call_command("omnidesk_reconcile", "--report", stdout=StringIO())


def test_a_wrong_key_proves_nothing_gone(world: World) -> None:
    talk(world)
    world.desk.api_key = "another"
    with pytest.raises(CommandError):
        call_command("omnidesk_reconcile", "--report", stdout=StringIO())
    assert Budget.objects.get().paused_since is not None


def test_what_cannot_be_compared_is_counted_and_fails(world: World) -> None:
    talk(world)
    world.desk.faults.add("error_500", path="messages", method="GET")
    said = report()
    assert said.code == 2
    assert "1 could not be compared" in said.text
    assert "HTTP 500" in said.text


def test_a_forbidden_case_does_not_keep_the_others_from_being_compared(world: World) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    world.forbid("GET", f"cases/{world.desk_id(case)}/messages")
    assert states() == {"same": 1, "failed": 1}


def test_an_interruption_prints_what_is_known(world: World) -> None:
    cases = [world.delivered(subject=f"тема {number}") for number in range(3)]
    Message.objects.filter(case=cases[0]).update(text="не то")

    def interrupt() -> None:
        raise KeyboardInterrupt

    def arm() -> None:
        before_call(world, "GET", f"cases/{world.desk_id(cases[2])}/messages", interrupt)

    before_call(world, "GET", f"cases/{world.desk_id(cases[1])}/messages", arm)
    said = report("--mend")
    assert said.code == 130
    assert "1 compared: 1 the same" in said.text
    assert "2 not finished" in said.text
    assert all(Lease.claim(case.pk) for case in cases)


# ── comparisons in the admin ────────────────────────────────────────────────────────────────────────────


def finish(run: DriftRun | None, world: World) -> DriftRun:
    """Lets workers and sweeps do the comparison to its end."""
    assert run is not None
    for _ in range(400):
        if not drift_runs.step(run.pk):
            run.refresh_from_db()
            if run.due_at is None:
                return run
            world.wait(15)
    raise AssertionError("The comparison has no end.")


@pytest.fixture
def root(world: World) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", "root@example.ru", "-"))
    return client


def staff_with(*permissions: str) -> Client:
    user = User.objects.create_user("clerk", "clerk@example.ru", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


BUTTON = "admin:omnidesk_sync_compare"
RUNS = "admin:omnidesk_sync_driftrun_changelist"
ROWS = "admin:omnidesk_sync_driftcase_changelist"


def press(client: Client, action: str, row: DriftCase) -> str:
    answer = client.post(reverse(ROWS), {"action": action, "_selected_action": [str(row.pk)]}, follow=True)
    assert answer.status_code == 200
    return answer.content.decode()


def test_compare_now_makes_no_call_and_workers_do_the_rest(world: World, root: Client) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    edit_there(world, case)
    before = len(world.desk.calls)
    page = root.post(reverse(BUTTON), follow=True)
    assert page.status_code == 200
    assert world.units(before) == 0
    run = DriftRun.objects.get()
    assert ("omnidesk_sync.compare", (run.pk,)) in world.rings
    finish(run, world)
    run.refresh_from_db()
    assert (run.compared, run.same, run.differing) == (2, 1, 1)
    assert run.finished_at is not None
    # One list, each case's messages, and a second look that asks anew.
    assert run.units == world.units(before) == 1 + 2 + 2
    row = DriftCase.objects.get()
    assert row.case == case
    assert row.snapshot is None
    page = root.get(reverse("admin:omnidesk_sync_driftrun_change", args=[run.pk]))
    with translation.override("en"):
        shown = root.get(reverse(ROWS), headers={"accept-language": "en"}).content.decode()
    assert "the text differs" in shown
    assert page.status_code == 200
    assert f"{reverse(ROWS)}?run__id__exact={run.pk}" in page.content.decode()
    assert root.get(reverse("admin:omnidesk_sync_driftcase_change", args=[row.pk])).status_code == 200


def test_mend_and_compare_again(world: World, root: Client) -> None:
    case = talk(world)
    rewrite_theirs_here(world, case)
    finish(drift_runs.request_all(None), world)
    row = DriftCase.objects.get()
    press(root, "mend", row)
    row.refresh_from_db()
    assert row.mended_at is not None
    assert Lane.objects.get(pk=case.pk).wanted
    settle(world)
    press(root, "compare_again", row)
    again = DriftRun.objects.latest("pk")
    assert not again.everything
    finish(again, world)
    again.refresh_from_db()
    assert (again.compared, again.same) == (1, 1)
    assert not again.cases.exists()


def test_a_missing_case_is_looked_for_by_the_button(world: World, root: Client) -> None:
    talk(world).delete()
    finish(drift_runs.request_all(None), world)
    press(root, "mend", DriftCase.objects.get())
    settle(world)
    assert Case.objects.count() == 1
    finish(drift_runs.request_again(list(DriftCase.objects.all()), None), world)
    assert DriftRun.objects.latest("pk").same == 1


def test_what_a_person_decides_is_not_mended_by_the_button(world: World, root: Client) -> None:
    case = talk(world)
    lose_the_link_of_ours(world, case)
    finish(drift_runs.request_all(None), world)
    page = press(root, "mend", DriftCase.objects.get())
    assert 'class="warning"' in page
    assert DriftCase.objects.get().mended_at is None
    assert not Lane.objects.filter(wanted__gt=0).exists()


def test_a_case_is_compared_from_the_list_of_cases(world: World, root: Client) -> None:
    case = talk(world)
    world.delivered(subject="Другая")
    answer = root.post(
        reverse("admin:cabinet_case_changelist"),
        {"action": "compare_with_omnidesk", "_selected_action": [str(case.pk)]},
        follow=True,
    )
    assert answer.status_code == 200
    run = finish(DriftRun.objects.get(), world)
    assert (run.compared, run.same) == (1, 1)


def test_the_button_is_for_those_who_may(world: World) -> None:
    assert Client().post(reverse(BUTTON)).status_code == 302
    onlooker = staff_with("view_driftrun", "view_driftcase")
    assert onlooker.post(reverse(BUTTON)).status_code == 403
    page = onlooker.get(reverse(RUNS)).content.decode()
    assert reverse(BUTTON) not in page
    talk(world)
    row = DriftCase.objects.create(
        run=DriftRun.objects.create(requested_at=timezone.now()), state="differs", number="1"
    )
    for action in ("mend", "compare_again"):
        press(onlooker, action, row)
    assert DriftRun.objects.count() == 1
    row.refresh_from_db()
    assert row.mended_at is None


def test_staff_without_any_right_see_nothing_of_it(world: World) -> None:
    clerk = staff_with("view_case")
    assert clerk.get(reverse(RUNS)).status_code == 403
    assert clerk.get(reverse(ROWS)).status_code == 403
    case = world.delivered()
    answer = clerk.post(
        reverse("admin:cabinet_case_changelist"),
        {"action": "compare_with_omnidesk", "_selected_action": [str(case.pk)]},
    )
    assert answer.status_code == 403
    assert not DriftRun.objects.exists()


def test_those_who_may_compare_and_mend(world: World) -> None:
    clerk = staff_with("view_driftrun", "view_driftcase", "add_driftrun", "change_driftcase")
    assert reverse(BUTTON) in clerk.get(reverse(RUNS)).content.decode()
    assert clerk.post(reverse(BUTTON)).status_code == 302
    assert DriftRun.objects.count() == 1


def test_the_button_takes_nothing_without_its_token_or_by_get(world: World) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.create_superuser("root", "root@example.ru", "-"))
    assert strict.post(reverse(BUTTON)).status_code == 403
    assert strict.get(reverse(BUTTON)).status_code == 405
    assert not DriftRun.objects.exists()


def test_only_one_comparison_of_everything_is_under_way(world: World, root: Client) -> None:
    world.delivered()
    root.post(reverse(BUTTON))
    root.post(reverse(BUTTON))
    assert DriftRun.objects.count() == 1
    finish(DriftRun.objects.get(), world)
    root.post(reverse(BUTTON))
    assert DriftRun.objects.count() == 2


def test_old_comparisons_are_forgotten(world: World) -> None:
    runs = [finish(drift_runs.request_all(None), world) for _ in range(drift_runs.KEPT + 3)]
    kept = list(DriftRun.objects.order_by("pk").values_list("pk", flat=True))
    assert kept == [run.pk for run in runs[-drift_runs.KEPT :]]


def test_a_comparison_whose_worker_died_is_taken_up_by_a_sweep(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        world.delivered(subject=f"тема {number}")
    run = drift_runs.request_all(None)
    assert run is not None

    class Killed(BaseException):
        pass

    def die() -> None:
        raise Killed

    before_call(world, "GET", "messages.json", die)
    with pytest.raises(Killed):
        drift_runs.step(run.pk)
    assert not drift_runs.step(run.pk)
    world.rings.clear()
    sweeping.sweep()
    assert ("omnidesk_sync.compare", (run.pk,)) not in world.rings
    world.wait(drift_runs._lease().total_seconds())
    sweeping.sweep()
    assert ("omnidesk_sync.compare", (run.pk,)) in world.rings
    compare(run.pk)
    run = finish(run, world)
    assert (run.compared, run.same) == (3, 3)


def test_a_worker_that_slept_counts_nothing_twice(world: World) -> None:
    case = talk(world)
    run = drift_runs.request_cases([case], None)

    def another() -> None:
        DriftRun.objects.update(due_at=timezone.now())
        Lane.objects.update(lane_until=None, token=None)
        assert not drift_runs.step(run.pk)

    before_call(world, "GET", "messages.json", another)
    drift_runs.step(run.pk)
    finish(run, world)
    run.refresh_from_db()
    assert run.compared == 1


def test_a_comparison_waits_for_the_budget_and_goes_on(world: World) -> None:
    for number in range(12):
        world.delivered(subject=f"тема {number}")
    world.wait(120)
    world.desk.limit.per_minute = 20
    world.reconcile()
    world.wait(60)
    run = finish(drift_runs.request_all(None), world)
    assert (run.compared, run.same, run.last_error) == (12, 12, "")


def test_trouble_with_the_account_stands_in_the_row_and_nothing_is_concluded(world: World) -> None:
    talk(world)
    key, world.desk.api_key = world.desk.api_key, "another"
    run = drift_runs.request_all(None)
    assert run is not None
    assert not drift_runs.step(run.pk)
    run.refresh_from_db()
    assert "401" in run.last_error
    assert run.compared == 0
    world.desk.api_key = key
    world.wait(90)
    sweeping.sweep()
    finish(run, world)
    run.refresh_from_db()
    assert (run.compared, run.same, run.last_error) == (1, 1, "")


def test_a_fault_of_ours_in_one_case_does_not_stop_the_others(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, _ = world.delivered(subject="одна"), world.delivered(subject="другая")
    honest = drift.look

    def look(subject: drift.Subject, meter: drift.Meter) -> Finding:
        if subject.case_id == bad.pk:
            raise RuntimeError
        return honest(subject, meter)

    monkeypatch.setattr(drift, "look", look)
    run = finish(drift_runs.request_all(None), world)
    assert (run.same, run.failed) == (1, 1)
    assert DriftCase.objects.get().error == "internal: RuntimeError"
