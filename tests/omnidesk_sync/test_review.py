"""Races, crashes and quiet corners: each of these once lost, doubled, leaked or stalled something."""

import uuid
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from cabinet import selectors
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from omnidesk_sync import budget, files, imports, lane, linking, people, reading, services, sweeping
from omnidesk_sync.errors import TryLater
from omnidesk_sync.leases import Lease, LeaseLost
from omnidesk_sync.models import (
    AddressImport,
    Budget,
    Candidate,
    CaseLink,
    FileLink,
    Lane,
    MessageLink,
    PersonLink,
    Stranger,
)
from omnidesk_sync.services import Verdict
from sandbox.exchange import Outcome
from sandbox.records import Upload
from tests.omnidesk_sync.world import World, fresh

QUARANTINE = 90
State = OutboxEntry.State


def before_call(world: World, method: str, path: str, act: Callable[[], object]) -> None:
    """Lets something happen once, just before the desk takes the next call of this kind."""
    answered = world.exchange.handle

    def handle(verb: str, url: str, *more: Any) -> Outcome:
        if verb == method and path in url:
            world.exchange.handle = answered  # type: ignore[method-assign]
            act()
        return answered(verb, url, *more)

    world.exchange.handle = handle  # type: ignore[method-assign,assignment]


def pdf(name: str = "акт.pdf") -> Upload:
    return Upload(name=name, mime_type="application/pdf", data=b"%PDF-1.4 synthetic")


# ── a worker that slept ─────────────────────────────────────────────────────────────────────────────────


def test_a_worker_that_slept_does_not_wake_up_what_another_has_delivered(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before it took its units, it finds the budget dry afterwards: the entry is not its own now."""
    case = world.delivered("первое")
    world.reply(case, "второе")

    def sleep_and_find_it_dry(units: int, spending: budget.Spending) -> None:
        monkeypatch.undo()
        Lane.objects.update(lane_until=None, token=None)
        lane.work(case.pk)
        raise budget.NoRoom("dry", after_seconds=1)

    monkeypatch.setattr(budget, "take", sleep_and_find_it_dry)
    lane.work(case.pk)
    assert world.outbox(case)[-1] == State.DELIVERED
    world.work_until(60)
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе"]


def test_a_worker_that_lost_its_lane_writes_down_no_attempt(world: World) -> None:
    from omnidesk_sync import sending

    case = world.delivered()
    world.reply(case, "второе")
    lease = Lease.claim(case.pk)
    head = lane.head_of(case.pk)
    assert lease is not None
    assert head is not None
    Lane.objects.update(token=uuid.uuid4())
    with pytest.raises(LeaseLost):
        sending.send(head, lease)
    assert world.outbox(case)[-1] == State.WAITING


def test_a_fault_of_ours_after_the_call_does_not_shorten_the_quarantine(
    world: World, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OMNIDESK_QUARANTINE_SECONDS = 3600
    case = world.delivered("первое")
    world.reply(case, "второе")

    def fail(*args: object, **more: object) -> None:
        raise RuntimeError("the database went away")

    with monkeypatch.context() as patch:
        patch.setattr("omnidesk_sync.delivering.reply_delivered", fail)
        world.work()
    entry = OutboxEntry.objects.get(case=case, state=State.ATTEMPTING)
    assert entry.due_at - timezone.now() >= timedelta(seconds=3600)


def test_an_import_committed_between_our_look_and_our_link_is_absorbed_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = world.opened("Где счёт?", "Счёт")
    link_case = linking.link_case

    def import_first(*args: Any, **more: Any) -> CaseLink:
        monkeypatch.undo()
        there = world.desk.core.cases.all()[0]
        monkeypatch.setattr(imports, "has_unsettled_opening", lambda _: False)
        PersonLink.objects.create(user=world.anna, desk_user_id=there.user_id)
        world.reconcile()
        raise_if_unseen(there.case_id)
        return link_case(*args, **more)

    def raise_if_unseen(desk_case_id: int) -> None:
        # The unique link is what a real race runs into.
        from django.db import IntegrityError

        assert CaseLink.objects.filter(desk_case_id=desk_case_id).exists()
        raise IntegrityError

    monkeypatch.setattr(linking, "link_case", import_first)
    lane.work(case.pk)
    assert world.outbox(case) == [State.DELIVERED]
    assert Case.objects.get() == case


def test_what_rang_during_a_failing_reading_does_not_wait_for_the_sweep(world: World) -> None:
    case = world.delivered("первое")
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    world.desk.faults.add("error_500", method="GET", count=1)
    before_call(world, "GET", "cases/", lambda: world.reply(case, "второе"))
    lane.work(case.pk)
    assert world.outbox(case)[-1] == State.DELIVERED


def test_a_long_queue_is_handed_back_before_the_tasks_time_limit(world: World) -> None:
    case = world.delivered("0")
    for number in range(1, 5):
        world.reply(case, str(number))
    slow = world.desk.core.after_work

    def after_work() -> None:
        world.travel.shift(timedelta(seconds=25))
        slow()

    world.desk.core.after_work = after_work
    assert lane.work(case.pk) is True
    world.desk.core.after_work = slow
    assert 0 < world.outbox(case).count(State.WAITING) < 4
    Lane.objects.update(lane_until=None, token=None)
    world.work()
    assert world.desk_texts(world.desk_id(case)) == ["0", "1", "2", "3", "4"]


def test_a_file_that_is_gone_from_the_disk_is_told_at_once(world: World) -> None:
    case = world.opened(files=[world.upload("счёт.txt", b"one")])
    file = CaseFile.objects.get()
    file.blob.storage.delete(str(file.blob.name))
    world.work()
    assert world.outbox(case) == [State.REJECTED]
    assert list(case.messages.values_list("failure", flat=True)) == ["file_missing"]
    assert world.desk.core.cases.all() == []


@pytest.mark.parametrize("fault", ["error_500", "not_json"])
def test_an_opening_whose_import_fails_is_tried_again_in_seconds(world: World, fault: str) -> None:
    boris = world.person("boris@example.ru", imported=False)
    world.desk.faults.add(fault, method="GET", count=1)
    case = world.opened(owner=boris)
    world.work()
    assert world.outbox(case) == [State.WAITING]
    world.wait(20)
    world.work()
    assert world.outbox(case) == [State.DELIVERED]


# ── readings ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("empty_list", ["counter", "named", "array"])
@pytest.mark.parametrize("total_count", ["number", "missing"])
@pytest.mark.usefixtures("small_pages")
def test_a_thread_of_exactly_one_page_can_be_read(world: World, empty_list: str, total_count: str) -> None:
    world.desk.switch(empty_list=empty_list, total_count=total_count)
    case = world.opened("начало")
    world.work()
    for number in range(9):
        world.desk.staffroom.reply(world.desk_id(case), text=f"{number}")
    world.read(case)
    assert len(world.thread(case)) == 10
    assert Lane.objects.get(pk=case.pk).read_failures == 0


@pytest.mark.usefixtures("small_pages")
def test_a_reply_that_comes_between_two_pages_spoils_nothing(world: World) -> None:
    case = world.opened("начало")
    world.work()
    for number in range(13):
        world.desk.staffroom.reply(world.desk_id(case), text=f"{number}")
    before_call(world, "GET", "page=2", lambda: world.desk.staffroom.reply(world.desk_id(case), text="новое"))
    world.read(case)
    assert Lane.objects.get(pk=case.pk).read_failures == 0
    world.read(case)
    assert world.thread(case) == ["начало", *(f"{number}" for number in range(13)), "новое"]


@pytest.mark.usefixtures("small_pages")
def test_a_deletion_between_two_pages_begins_the_reading_again(world: World) -> None:
    case = world.opened("начало")
    world.work()
    rows = [world.desk.staffroom.reply(world.desk_id(case), text=f"{number}") for number in range(13)]
    before_call(world, "GET", "page=2", lambda: world.desk.staffroom.delete(rows[-1].message_id))
    world.read(case)
    assert world.thread(case) == ["начало"]
    world.work_until(30)
    assert world.thread(case) == ["начало", *(f"{number}" for number in range(12))]


def test_an_automatic_answer_before_the_opening_does_not_double_it(world: World) -> None:
    case = world.opened("Где счёт?")
    world.work()
    there = world.desk_id(case)
    (opening,) = world.desk.core.thread(there)
    automatic = world.desk.staffroom.reply(there, text="Ваше обращение принято", sent_via_rule=True)
    world.desk.core.messages.put(_renumbered(world, automatic.message_id, opening.message_id - 1))
    world.read(case)
    assert sorted(world.thread(case)) == ["Ваше обращение принято", "Где счёт?"]


def _renumbered(world: World, message_id: int, new: int) -> Any:
    import copy

    row = world.desk.core.messages.get(message_id)
    assert row is not None
    early = copy.copy(row)
    row.deleted = True
    world.desk.core.messages.put(row)
    early.message_id = new
    return early


def test_a_snapshot_older_than_a_hint_is_not_used_even_if_the_hint_came_while_it_was_listed(
    world: World,
) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="раз")
    world.wait(5)
    closing = world.desk.staffroom.set_status

    def close_and_hint() -> None:
        world.travel.shift(timedelta(milliseconds=100))
        closing(world.desk_id(case), "closed")
        linking.want_reading(case.pk, now=timezone.now())
        world.travel.shift(timedelta(milliseconds=100))

    answered = world.exchange.handle

    def handle(*call: Any) -> Outcome:
        outcome = answered(*call)
        world.exchange.handle = answered  # type: ignore[method-assign]
        close_and_hint()
        return outcome

    world.exchange.handle = handle  # type: ignore[method-assign,assignment]
    world.reconcile()
    world.work()
    assert fresh(case).status == Case.Status.CLOSED


def test_a_case_handed_over_while_its_reading_waited_shows_nothing_new_to_its_former_owner(
    world: World,
) -> None:
    case = world.delivered("моё")
    world.wait(5)
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.wait(5)
    world.reconcile()
    world.wait(240)
    world.desk.staffroom.give(world.desk_id(case), "boris@example.ru")
    world.desk.staffroom.reply(world.desk_id(case), text="только для Бориса")
    world.work()
    assert "только для Бориса" not in world.thread(case)


def test_readings_that_get_one_call_each_do_not_starve_each_other(world: World) -> None:
    cases = [world.delivered(subject=f"тема {number}") for number in range(4)]
    world.wait(120)
    world.desk.limit.per_minute = 20
    Budget.objects.update(limit=20, window_started_at=timezone.now(), used_writes=14, used_readings=1)
    Budget.objects.update(used_background=2, used_by_others=0)
    before = len(world.desk.calls)
    for case in cases:
        linking.want_reading(case.pk, now=timezone.now())
    for case in cases:
        lease = Lease.claim(case.pk)
        assert lease is not None
        reading.read(lease)
        lease.release()
    assert world.units(before) == 2
    assert Lane.objects.filter(wanted=0).count() == 1


def test_a_forbidden_case_does_not_pause_the_account_at_every_look(world: World) -> None:
    case, other = world.delivered(), world.delivered("другое", "Другая тема")
    world.forbid("GET", f"cases/{world.desk_id(case)}")
    world.read(case)
    assert Budget.objects.get().paused_since is None
    assert "403" in Lane.objects.get(pk=case.pk).last_error
    world.reply(other, "дальше")
    world.work()
    assert world.outbox(other)[-1] == State.DELIVERED


def test_a_case_of_nobody_is_frozen_and_asks_for_nobody(world: World) -> None:
    case = world.delivered("моё")
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    there.user_id = 0
    world.desk.core.cases.put(there)
    world.read(case)
    assert fresh(case).availability == Case.Availability.MOVED
    assert Lane.objects.get(pk=case.pk).read_failures == 0
    assert Candidate.objects.get().not_ours


# ── the status ──────────────────────────────────────────────────────────────────────────────────────────


def test_a_waiting_reply_does_not_keep_the_status_from_being_mirrored(world: World) -> None:
    case = world.delivered()
    reply = world.reply(case, "ещё")
    OutboxEntry.objects.filter(message=reply).update(due_at=timezone.now() + timedelta(hours=1))
    world.desk.staffroom.set_status(world.desk_id(case), "waiting")
    world.read(case)
    assert fresh(case).status == Case.Status.WAITING


def test_a_reply_into_a_case_closed_without_our_knowing_opens_it(world: World) -> None:
    world.desk.switch(api_user_message_reopens=False)
    case = world.delivered()
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.wait(5)
    world.reply(case, "не помогло")
    world.work()
    world.wait(5)
    world.reconcile()
    world.work()
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "open"
    assert fresh(case).status == Case.Status.OPEN


def test_a_case_closed_after_our_reply_stays_closed(world: World) -> None:
    world.desk.switch(api_user_message_reopens=False)
    case = world.delivered()
    world.reply(case, "спасибо")
    world.work()
    world.wait(5)
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.read(case)
    world.work()
    assert fresh(case).status == Case.Status.CLOSED
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    assert there.status == "closed"


# ── hints and candidates ────────────────────────────────────────────────────────────────────────────────


def test_a_hint_about_a_note_that_was_read_costs_nothing(world: World) -> None:
    case = world.delivered()
    note = world.desk.staffroom.note(world.desk_id(case), text="тайна")
    world.read(case)
    before = len(world.desk.calls)
    for _ in range(3):
        world.wait(10)
        answer = services.take_hint(
            event="staff_reply",
            desk_case_id=world.desk_id(case),
            desk_message_id=note.message_id,
            received_at=timezone.now(),
        )
        assert answer.verdict is Verdict.NOTHING
        world.work()
    assert len(world.desk.calls) == before


def test_a_killed_workers_call_does_not_hold_hints_for_the_whole_quarantine(world: World) -> None:
    case = world.delivered()
    reply = world.reply(case, "в пути")
    world.desk.core.after_work = _die
    with pytest.raises(KeyboardInterrupt):
        world.work()
    world.desk.core.after_work = world.desk.webhooks.pump
    assert reply.outbox.get().state == State.ATTEMPTING
    Lane.objects.update(lane_until=None, token=None)
    world.wait(25)
    row = world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    answer = services.take_hint(
        event="staff_reply",
        desk_case_id=world.desk_id(case),
        desk_message_id=row.message_id,
        received_at=timezone.now(),
    )
    assert answer.verdict is Verdict.WANTED
    world.work()
    assert world.thread(case) == ["Пришлите, пожалуйста, счёт.", "в пути", "ответ"]


def _die() -> None:
    raise KeyboardInterrupt


def test_a_candidate_that_was_linked_meanwhile_is_forgotten_without_a_call(world: World) -> None:
    case = world.delivered()
    candidate = Candidate.objects.create(desk_case_id=world.desk_id(case), due_at=timezone.now())
    before = len(world.desk.calls)
    assert imports.look_at(candidate.pk) == case.pk
    assert not Candidate.objects.exists()
    assert len(world.desk.calls) == before


def test_while_an_opening_is_unsettled_other_cases_of_its_customer_cost_no_calls(world: World) -> None:
    first = world.delivered()
    user_id = CaseLink.objects.get(case=first).desk_user_id
    world.desk.faults.add("cut_before", method="POST", count=1)
    world.opened("вторая", "Вторая")
    world.work()
    there = world.desk.staffroom.open_case("anna@example.ru", subject="Письмом", text="письмом")
    imports.mention(there.case_id, desk_user_id=user_id)
    before = len(world.desk.calls)
    for _ in range(4):
        world.wait(15)
        for pk in Candidate.objects.filter(due_at__lte=timezone.now()).values_list("pk", flat=True):
            imports.look_at(pk)
    assert len(world.desk.calls) == before
    world.work_until(240)
    assert Case.objects.filter(owner=world.anna).count() == 3


def test_somebody_who_proves_his_address_while_we_ask_is_no_stranger(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from omnidesk_sync.account import Account
    from omnidesk_sync.budget import Spending

    there = world.desk.staffroom.open_case("boris@example.ru", subject="Письмом", text="письмом")
    look_up = selectors.person_by_address
    answers = [None]

    def first_not(address: str) -> Any:
        if answers:
            world.person("boris@example.ru")
            return answers.pop()
        return look_up(address)

    monkeypatch.setattr(people, "person_by_address", first_not)
    with Account(Spending.READINGS) as account:
        found = people.person_behind(there.user_id, account)
    assert found is not None
    assert not Stranger.objects.exists()


def test_who_proved_an_address_last_gets_what_is_mailed_from_it(world: World) -> None:
    world.delivered()
    user_id = CaseLink.objects.get().desk_user_id
    boris = world.person("boris@example.ru", imported=False)
    row = AddressImport.objects.create(user=boris, address="anna@example.ru", due_at=timezone.now())
    imports.run_import(row.pk)
    assert PersonLink.objects.get(desk_user_id=user_id).user == boris


def test_many_waiting_words_leave_places_for_readings(world: World) -> None:
    read = world.delivered()
    world.wait(10)
    linking.want_reading(read.pk, now=timezone.now())
    for number in range(20):
        world.opened(f"{number}", subject=f"тема {number}")
    assert read.pk in sweeping.due_lanes(timezone.now(), 8)
    assert len(sweeping.due_lanes(timezone.now(), 8)) <= 10


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_file_whose_address_has_expired_is_fetched_from_a_fresh_one(world: World) -> None:
    world.desk.switch(attachment_expiry_seconds=60)
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[pdf()])
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    lane.work(case.pk)
    world.wait(300)
    world.work_until(180)
    assert CaseFile.objects.get().state == CaseFile.State.READY


def test_a_file_of_a_message_withdrawn_while_it_was_fetched_stays_nowhere(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from django.core.files.storage import default_storage

    from cabinet import desk

    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[pdf()])
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    lane.work(case.pk)
    save, names = default_storage.save, []

    def save_late(name: str, content: Any, **more: Any) -> str:
        desk.withdraw_message(Message.objects.get(case=case, author="staff"), now=timezone.now())
        names.append(save(name, content, **more))
        return names[0]

    monkeypatch.setattr(CaseFile._meta.get_field("blob").storage, "save", save_late)
    files.fetch(FileLink.objects.get().pk)
    assert len(names) == 1
    assert not default_storage.exists(names[0])


# ── links ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_link_that_moves_deletes_no_words_of_ours(world: World) -> None:
    case = world.delivered("первое")
    reply = world.reply(case, "второе")
    taken = MessageLink.objects.get(case=case).desk_message_id
    linking.link_message(reply, taken, now=timezone.now())
    assert world.thread(case) == ["первое", "второе"]


def test_a_reply_is_found_under_another_profile_of_its_author(world: World) -> None:
    case = world.delivered("первое")
    world.desk.faults.add("cut_after", method="POST", count=1)
    world.reply(case, "второе")
    world.work()
    world.person("anna.two@example.ru")
    other = world.desk.staffroom.open_case("anna.two@example.ru", subject="x", text="y").user_id
    PersonLink.objects.create(user=world.anna, desk_user_id=other)
    world.desk.staffroom.give(world.desk_id(case), "anna.two@example.ru")
    world.work_until(QUARANTINE + 30)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert world.desk_texts(world.desk_id(case)) == ["первое", "второе"]


def test_nothing_is_probed_while_no_account_is_set(world: World, settings: Any) -> None:
    from dataclasses import replace

    from omnidesk_sync import account

    budget.pause("key")
    settings.OMNIDESK_ACCOUNT = replace(settings.OMNIDESK_ACCOUNT, url="")
    assert account.probe_if_due() is False
    case = world.opened()
    world.work()
    assert world.outbox(case) == [State.WAITING]


def test_a_try_later_without_a_time_waits_a_little(world: World) -> None:
    from omnidesk_sync import sending

    entry = world.opened().outbox.get()
    sending._wait(entry, TryLater("away"))
    entry.refresh_from_db()
    assert timedelta(seconds=10) < entry.due_at - timezone.now() < timedelta(seconds=60)


def test_a_change_in_the_very_second_of_a_snapshot_is_not_hidden_behind_it(world: World) -> None:
    case = world.delivered()
    world.wait(120)
    world.desk.staffroom.reply(world.desk_id(case), text="Готово")
    assert world.reconcile()
    # Same second: the case's time does not move again, and nobody calls us about it.
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.wait(10)
    world.work()
    assert world.reconcile()
    world.wait(10)
    world.work()
    assert fresh(case).status == Case.Status.CLOSED
