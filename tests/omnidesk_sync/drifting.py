"""For tests of the drift report: an ordinary case, differences made on purpose, and what the report says."""

import json
from dataclasses import dataclass
from io import StringIO

from django.core.management import call_command
from django.utils import timezone, translation

from cabinet.models import Case, CaseFile, Message
from omnidesk_sync import drift_runs, sweeping
from omnidesk_sync.models import (
    Candidate,
    CaseLink,
    DriftRun,
    FileLink,
    MessageLink,
)
from tests.omnidesk_sync.test_review import pdf
from tests.omnidesk_sync.world import World


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


def twelve_cases_on_a_small_account(world: World) -> None:
    """More calls than one of its minutes has."""
    for number in range(12):
        world.delivered(subject=f"тема {number}")
    world.wait(120)
    world.desk.limit.per_minute = 20
    world.reconcile()
    world.wait(60)


def settle(world: World) -> None:
    """Lets the lane do what a mending has asked for: an absence needs two looks."""
    world.work()
    world.wait(90)
    sweeping.sweep()
    world.work()
    world.wait(30)
    world.work()


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
    Candidate.objects.create(desk_case_id=world.desk_id(case), not_ours=True)
    case.delete()


def freeze_as_moved(world: World, case: Case) -> None:
    CaseLink.objects.filter(case=case).update(detached=True)
    Case.objects.filter(pk=case.pk).update(availability="moved")


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
