"""What staff and mail write becomes known here: once, in order, and only what is public."""

import errno
from datetime import timedelta

import pytest
from django.core.files.storage import FileSystemStorage
from django.utils import timezone

from cabinet.models import Case, CaseFile, OutboxEntry
from omnidesk_sync import files, services
from omnidesk_sync.models import Attempt, FileLink, Lane, MessageLink
from omnidesk_sync.services import Verdict
from sandbox.records import Upload
from tests.omnidesk_sync.world import World, everything_stored, fresh


def hint(world: World, case: Case, event: str = "staff_reply", message_id: int | None = None) -> Verdict:
    answer = services.take_hint(
        event=event,
        desk_case_id=world.desk_id(case),
        desk_message_id=message_id,
        received_at=timezone.now(),
    )
    return answer.verdict


def under_way(entry: OutboxEntry) -> None:
    """A worker is just calling for this entry."""
    now = timezone.now()
    dead_at = now + timedelta(seconds=20)
    OutboxEntry.objects.filter(pk=entry.pk).update(state="attempting", due_at=dead_at + timedelta(seconds=90))
    Attempt.objects.create(entry=entry, started_at=now, dead_at=dead_at)


def test_a_staff_reply_appears_after_its_webhook_and_costs_two_units(world: World) -> None:
    case = world.delivered()
    row = world.desk.staffroom.reply(world.desk_id(case), text="Счёт отправлен.")
    before = len(world.desk.calls)
    world.wait(5)
    assert hint(world, case, message_id=row.message_id) is Verdict.WANTED
    world.work()
    assert world.thread(case)[-1] == "Счёт отправлен."
    last = case.messages.last()
    assert last is not None
    assert last.author == "staff"
    assert world.units(before) == 2


def test_several_replies_close_together_cost_one_reading(world: World) -> None:
    case = world.delivered()
    world.wait(5)
    before = len(world.desk.calls)
    for number in range(5):
        row = world.desk.staffroom.reply(world.desk_id(case), text=f"ответ {number}")
        hint(world, case, message_id=row.message_id)
    world.work()
    assert world.thread(case)[-5:] == [f"ответ {number}" for number in range(5)]
    assert world.units(before) == 2


def test_a_webhook_repeated_costs_nothing(world: World) -> None:
    case = world.delivered()
    row = world.desk.staffroom.reply(world.desk_id(case), text="Счёт отправлен.")
    world.wait(5)
    hint(world, case, message_id=row.message_id)
    world.work()
    before = len(world.desk.calls)
    for _ in range(10):
        assert hint(world, case, message_id=row.message_id) is Verdict.NOTHING
    world.work()
    assert world.units(before) == 0
    assert world.thread(case).count("Счёт отправлен.") == 1


def test_our_own_echo_costs_nothing(world: World) -> None:
    case = world.delivered()
    world.reply(case, "ещё вопрос")
    world.work()
    before = len(world.desk.calls)
    newest = max(MessageLink.objects.filter(case=case).values_list("desk_message_id", flat=True))
    assert hint(world, case, "user_reply", newest) is Verdict.NOTHING
    assert hint(world, case, "new_case", newest) is Verdict.NOTHING
    world.work()
    assert world.units(before) == 0


def test_a_mail_answer_appears_with_its_quote_folded(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Какой договор?")
    row = world.desk.mailbox.answer(case_id=world.desk_id(case), text="Договор 18", style="gmail")
    world.wait(5)
    hint(world, case, "user_reply", row.message_id)
    world.work()
    message = case.messages.last()
    assert message is not None
    assert message.author == "customer"
    assert message.text == "Договор 18"
    assert "Какой договор?" in message.quoted_text
    assert '<details class="quote">' in message.html


@pytest.mark.parametrize("note_fires", [True, False])
def test_an_internal_note_is_stored_nowhere(world: World, note_fires: bool) -> None:
    world.desk.switch(notes_trigger_staff_replied=note_fires)
    case = world.delivered()
    world.desk.staffroom.note(world.desk_id(case), text="клиент грубиян")
    world.read(case)
    assert "грубиян" not in everything_stored()
    assert len(world.thread(case)) == 1


def test_a_note_without_its_flag_is_still_a_note(world: World) -> None:
    world.desk.switch(note_flag="missing")
    case = world.delivered()
    world.desk.staffroom.note(world.desk_id(case), text="клиент грубиян")
    world.read(case)
    assert "грубиян" not in everything_stored()


def test_a_row_of_an_unknown_kind_is_held_back_and_counted(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.service_row(world.desk_id(case), text="служебная тайна")
    world.read(case)
    assert "тайна" not in everything_stored()
    assert Lane.objects.get(pk=case.pk).held_back == 1


def test_a_delayed_answer_is_stored_nowhere_until_its_time(world: World) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="появится позже", delay_seconds=600)
    world.read(case)
    assert "позже" not in everything_stored()
    world.wait(630)
    from omnidesk_sync import sweeping

    sweeping.sweep()
    world.work()
    assert world.thread(case)[-1] == "появится позже"


def test_an_edited_answer_is_shown_as_edited(world: World) -> None:
    case = world.delivered()
    row = world.desk.staffroom.reply(world.desk_id(case), text="Сумма 100")
    world.read(case)
    world.desk.staffroom.edit(row.message_id, text="Сумма 200")
    world.read(case)
    last = case.messages.last()
    assert last is not None
    assert last.text == "Сумма 200"
    assert last.edited_at is not None


def test_our_own_text_is_not_rewritten_by_the_desks_html_of_it(world: World) -> None:
    case = world.delivered("строка  с   пробелами\n\n\nи < знаками >")
    assert world.thread(case) == ["строка  с   пробелами\n\n\nи < знаками >"]
    last = case.messages.last()
    assert last is not None
    assert last.edited_at is None


def test_a_deleted_answer_is_withdrawn_after_two_absences_and_its_words_erased(world: World) -> None:
    case = world.delivered()
    row = world.desk.staffroom.reply(world.desk_id(case), text="ошибочный ответ")
    world.read(case)
    world.desk.staffroom.delete(row.message_id)
    world.read(case)
    assert "ошибочный ответ" in world.thread(case)
    from omnidesk_sync import sweeping

    world.wait(90)
    sweeping.sweep()
    world.work()
    assert "ошибочный" not in everything_stored()
    last = case.messages.last()
    assert last is not None
    assert last.withdrawn_at is not None


@pytest.mark.usefixtures("small_pages")
def test_a_thread_longer_than_a_page_is_read_whole(world: World) -> None:
    case = world.delivered("начало")
    for number in range(23):
        world.desk.staffroom.reply(world.desk_id(case), text=f"ответ {number}")
    world.read(case)
    assert world.thread(case) == ["начало", *(f"ответ {number}" for number in range(23))]


@pytest.mark.usefixtures("small_pages")
def test_a_mail_answer_between_two_of_ours_is_not_skipped(world: World) -> None:
    """Our later message is linked before the mail was read: the reading must go down to what was *read*."""
    case = world.delivered("начало")
    world.desk.staffroom.reply(world.desk_id(case), text="ответьте")
    world.read(case)
    world.desk.mailbox.answer(case_id=world.desk_id(case), text="по почте")
    world.reply(case, "из кабинета")
    world.work()
    for number in range(12):
        world.desk.staffroom.reply(world.desk_id(case), text=f"{number}")
    world.read(case)
    assert "по почте" in world.thread(case)


def test_status_mirrors_the_desk(world: World) -> None:
    case = world.delivered()
    for status in ("waiting", "closed", "open"):
        world.desk.staffroom.set_status(world.desk_id(case), status)
        world.read(case)
        assert fresh(case).status == status


def test_a_staff_file_is_fetched_kept_and_its_address_forgotten(world: World) -> None:
    case = world.delivered()
    upload = Upload(name="акт.pdf", mime_type="application/pdf", data=b"%PDF-1.4 synthetic")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[upload])
    world.read(case)
    file = CaseFile.objects.get()
    assert file.state == CaseFile.State.READY
    with file.blob.open("rb") as blob:
        assert blob.read() == b"%PDF-1.4 synthetic"
    assert FileLink.objects.get().url == ""


def test_a_file_that_cannot_be_had_is_given_up_visibly_and_can_be_tried_again(world: World) -> None:
    case = world.delivered()
    upload = Upload(name="акт.pdf", mime_type="application/pdf", data=b"%PDF-1.4 synthetic")
    world.desk.faults.add("error_500", path="attachment")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[upload])
    world.read(case)
    world.work_until(2 * 24 * 3600, step=3700)
    file = CaseFile.objects.get()
    assert file.state == CaseFile.State.UNAVAILABLE
    assert FileLink.objects.get().last_error
    world.desk.faults.clear()
    files.retry(FileLink.objects.get())
    world.work()
    file.refresh_from_db()
    assert file.state == CaseFile.State.READY


@pytest.mark.parametrize("kind", ["not_json", "error_502", "half_answer", "cut_after"])
def test_a_file_that_could_not_be_had_for_a_moment_comes_by_itself(world: World, kind: str) -> None:
    case = world.delivered()
    upload = Upload(name="акт.pdf", mime_type="application/pdf", data=b"%PDF-1.4 synthetic")
    world.desk.faults.add(kind, path="attachment", count=2)
    world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[upload])
    world.read(case)
    world.work_until(600)
    assert CaseFile.objects.get().state == CaseFile.State.READY


def test_a_file_for_which_there_is_no_room_waits_however_long(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    case = world.delivered()
    upload = Upload(name="акт.pdf", mime_type="application/pdf", data=b"%PDF-1.4 synthetic")
    with monkeypatch.context() as disk:
        disk.setattr(FileSystemStorage, "_save", full)
        world.desk.staffroom.reply(world.desk_id(case), text="Вот акт", files=[upload])
        world.read(case)
        world.work_until(1800, step=70)
        assert CaseFile.objects.get().state == CaseFile.State.FETCHING
        assert FileLink.objects.get().last_error
    world.work_until(70, step=70)
    assert CaseFile.objects.get().state == CaseFile.State.READY


def test_a_case_moves_through_spam_trash_and_back(world: World) -> None:
    case = world.delivered()
    there = world.desk_id(case)
    for act, availability in (
        (world.desk.staffroom.spam, "spam"),
        (world.desk.staffroom.restore, ""),
        (world.desk.staffroom.trash, "deleted"),
        (world.desk.staffroom.restore, ""),
    ):
        act(there)
        world.read(case)
        assert fresh(case).availability == availability
    assert len(world.thread(case)) == 1


def test_a_destroyed_case_is_archived_and_its_thread_kept(world: World) -> None:
    case = world.delivered("начало")
    world.desk.staffroom.destroy(world.desk_id(case))
    world.read(case)
    assert fresh(case).availability == Case.Availability.ARCHIVED
    assert world.thread(case) == ["начало"]


def test_a_case_given_to_somebody_else_shows_its_former_owner_nothing_new(world: World) -> None:
    boris = world.person("boris@example.ru", "Борис")
    case = world.delivered("моё")
    there = world.desk_id(case)
    world.desk.staffroom.give(there, "boris@example.ru")
    world.desk.staffroom.reply(there, text="только для Бориса")
    world.read(case)
    assert fresh(case).availability == Case.Availability.MOVED
    assert world.thread(case) == ["моё"]
    his = Case.objects.get(owner=boris)
    assert "только для Бориса" in world.thread(his)


def test_a_case_given_away_and_back_is_one_case_again(world: World) -> None:
    case = world.delivered("моё")
    there = world.desk_id(case)
    world.desk.staffroom.give(there, "chuzhoy@example.ru")
    world.read(case)
    assert fresh(case).availability == Case.Availability.MOVED
    world.desk.staffroom.give(there, "anna@example.ru")
    services.take_hint(event="status", desk_case_id=there, desk_message_id=None, received_at=timezone.now())
    world.wait(1)
    world.reconcile()
    world.work_until(120)
    assert Case.objects.filter(owner=world.anna).count() == 1
    assert fresh(case).availability == ""


def test_a_merged_case_points_to_its_survivor(world: World) -> None:
    first, second = world.delivered("первое"), world.delivered("второе", "Другая тема")
    world.desk.staffroom.merge(world.desk_id(first), into=world.desk_id(second))
    world.read(first)
    first = fresh(first)
    assert first.availability == Case.Availability.MERGED
    assert first.merged_into == second
    assert world.thread(first) == ["первое"]


def test_a_merge_into_a_strangers_case_shows_nothing_of_it(world: World) -> None:
    boris = world.person("boris@example.ru")
    mine = world.delivered("моё")
    his = world.opened("его", owner=boris)
    world.work()
    world.desk.staffroom.merge(world.desk_id(mine), into=world.desk_id(his))
    world.read(mine)
    assert fresh(mine).availability == Case.Availability.MERGED
    assert fresh(mine).merged_into is None


def test_a_hint_during_our_own_call_waits_for_its_answer(world: World) -> None:
    case = world.delivered()
    reply = world.reply(case, "в пути")
    under_way(reply.outbox.get())
    answer = services.take_hint(
        event="user_reply",
        desk_case_id=world.desk_id(case),
        desk_message_id=99999,
        received_at=timezone.now(),
    )
    assert answer.verdict is Verdict.NOT_YET
    assert answer.again_at is not None


def test_a_hint_about_a_case_whose_opening_is_being_sent_waits(world: World) -> None:
    case = world.opened()
    under_way(case.outbox.get())
    answer = services.take_hint(
        event="new_case", desk_case_id=4711, desk_message_id=None, received_at=timezone.now()
    )
    assert answer.verdict is Verdict.NOT_YET


def test_a_row_without_an_id_is_no_absence(world: World) -> None:
    """A thread that cannot be read whole withdraws nothing."""
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="есть")
    world.read(case)
    world.desk.faults.add("not_json", path="messages", method="GET", count=3)
    world.read(case)
    world.work_until(300)
    assert "есть" in world.thread(case)


def test_a_reply_that_opens_a_waiting_case_costs_two_units_with_all_its_echoes(world: World) -> None:
    """A desk with the advised rules tells of the message and of the status."""
    case = world.delivered()
    there = world.desk_id(case)
    world.desk.staffroom.reply(there, text="ответ")
    world.read(case)
    assert fresh(case).status == Case.Status.WAITING
    before = len(world.desk.calls)
    world.wait(5)
    reply = world.reply(case, "спасибо")
    world.work()
    number = MessageLink.objects.get(message=reply).desk_message_id
    assert hint(world, case, "user_reply", number) is Verdict.NOTHING
    assert hint(world, case, "status", number) is Verdict.NOTHING
    world.wait(5)
    world.work()
    assert world.units(before) == 2
    assert fresh(case).status == Case.Status.OPEN


def test_a_change_of_status_some_time_after_our_reply_is_read(world: World) -> None:
    case = world.delivered()
    there = world.desk_id(case)
    reply = world.reply(case, "спасибо")
    world.work()
    world.wait(10)
    world.desk.staffroom.set_status(there, "closed")
    number = MessageLink.objects.get(message=reply).desk_message_id
    assert hint(world, case, "status", number) is Verdict.WANTED
    world.wait(5)
    world.work()
    assert fresh(case).status == Case.Status.CLOSED


def test_a_status_told_of_during_our_own_call_waits_for_its_answer(world: World) -> None:
    case = world.delivered()
    reply = world.reply(case, "в пути")
    under_way(reply.outbox.get())
    assert hint(world, case, "status", 99999) is Verdict.NOT_YET
