"""A person is erased in the cabinet: the links go, nothing comes back by itself, and no worker stumbles."""

import logging
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.utils import timezone
from pytest_django import Settings

from cabinet import erasure
from cabinet.models import Case, CaseFile, OutboxEntry
from cabinet.privacy_models import Erasure
from omnidesk_sync import imports, lane, linking, tasks
from omnidesk_sync.leases import Lease, LeaseLost
from omnidesk_sync.models import (
    AddressImport,
    Attempt,
    Candidate,
    CaseLink,
    DriftCase,
    DriftRun,
    FileLink,
    Lane,
    MessageLink,
    PersonLink,
    Stranger,
)
from omnidesk_sync.people import address_hash
from sandbox.exchange import Outcome
from sandbox.records import Upload
from tests.between import in_every_gap
from tests.omnidesk_sync.world import World, everything_stored

LINKS = (Lane, CaseLink, MessageLink, FileLink, PersonLink, AddressImport, Attempt, DriftCase)
OURS = (Case, CaseFile, OutboxEntry)


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = str(tmp_path / "media")


def erase(person: User) -> Erasure:
    made = erasure.request(person=person, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    while erasure.work_off(made.pk):
        pass
    made.refresh_from_db()
    assert made.erased_at is not None, made.last_error
    return made


def left() -> list[str]:
    return [model.__name__ for model in (*LINKS, *OURS) if model._default_manager.exists()]


def on_call(
    world: World, method: str, path: str, then: Callable[[], object], *, before: bool = False
) -> None:
    """Once, when such a call is made: `then` happens while the worker waits for its answer."""
    answered = world.exchange.handle

    def handle(verb: str, url: str, *more: Any) -> Outcome:
        if verb != method or path not in url:
            return answered(verb, url, *more)
        world.exchange.handle = answered  # type: ignore[method-assign]
        if before:
            then()
        outcome = answered(verb, url, *more)
        if not before:
            then()
        return outcome

    world.exchange.handle = handle  # type: ignore[method-assign,assignment]


def with_everything(world: World) -> Case:
    """A case with an answer, its file, a candidate, a stranger and a comparison about the same person."""
    case = world.delivered("Моё секретное дело", "Секрет")
    report = Upload(name="план.txt", data=b"plan", mime_type="text/plain")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот он, Анна.", files=[report])
    world.read(case)
    profile = PersonLink.objects.get().desk_user_id
    Candidate.objects.create(desk_case_id=990, desk_user_id=profile, not_ours=True)
    Candidate.objects.create(desk_case_id=991, desk_user_id=5, not_ours=True)
    Stranger.objects.create(
        desk_user_id=992, address_hash=address_hash("anna@example.ru"), seen_at=timezone.now()
    )
    run = DriftRun.objects.create(requested_at=timezone.now())
    DriftCase.objects.create(run=run, case=case, number="1")
    DriftCase.objects.create(run=run, desk_case_id=world.desk_id(case), number="2")
    DriftCase.objects.create(run=run, owner=world.anna, number="3")
    return case


def test_the_links_go_with_what_they_link(world: World) -> None:
    with_everything(world)
    other = world.person("boris@example.ru", "Борис")
    kept = world.opened("чужое", owner=other)
    world.work()
    erase(world.anna)
    assert list(Case.objects.all()) == [kept]
    assert CaseLink.objects.get().case_id == kept.pk
    assert PersonLink.objects.get().user_id == other.pk
    assert AddressImport.objects.get().user_id == other.pk
    assert list(Candidate.objects.values_list("desk_case_id", flat=True)) == [991]
    assert not Stranger.objects.exists()
    assert not DriftCase.objects.exists()
    stored = everything_stored()
    for words in ("секрет", "anna", "Анна", "план", address_hash("anna@example.ru")):
        assert words.lower() not in stored.lower(), words


def test_what_happens_over_there_afterwards_brings_nothing_back(world: World) -> None:
    case = with_everything(world)
    desk_id = world.desk_id(case)
    erase(world.anna)
    before = len(world.desk.calls)
    for number in range(3):
        world.wait(30)
        world.desk.staffroom.reply(desk_id, text=f"Анна, ещё ответ {number}")
        world.reconcile()
        world.work()
    assert left() == []
    # One look at whose the case is, and then never again.
    looks = [call for call in world.calls(before) if "/users/" in call or f"/cases/{desk_id}" in call]
    assert len(looks) <= 2
    assert "Анна" not in everything_stored()


def test_who_signs_in_again_gets_what_the_desk_still_has(world: World) -> None:
    case = with_everything(world)
    world.desk.staffroom.reply(world.desk_id(case), text="После удаления")
    erase(world.anna)
    world.wait(120)
    world.reconcile()
    world.work()
    anna = User.objects.create(username="anna-again")
    EmailAddress.objects.create(user=anna, email="anna@example.ru", verified=True, primary=True)
    imports.want_import(anna, "anna@example.ru")
    world.work()
    again = Case.objects.get()
    assert (again.owner_id, again.subject) == (anna.pk, "Секрет")
    assert world.thread(again)[-1] == "После удаления"


# ── a worker that is in the middle of it ────────────────────────────────────────────────────────────────


def assert_nothing_came_back(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Neither rows nor errors, now and later."""
    assert left() == []
    world.work_until(400, step=100)
    assert left() == []
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.parametrize("before", [True, False], ids=["before it lands", "after it landed"])
def test_erased_while_a_reply_is_being_sent(
    world: World, caplog: pytest.LogCaptureFixture, before: bool
) -> None:
    case = world.delivered()
    world.reply(case, "ещё одно")
    on_call(world, "POST", "messages", lambda: erase(world.anna), before=before)
    assert lane.work(case.pk) is False
    assert_nothing_came_back(world, caplog)


@pytest.mark.parametrize("before", [True, False], ids=["before it lands", "after it landed"])
def test_erased_while_a_case_is_being_opened(
    world: World, caplog: pytest.LogCaptureFixture, before: bool
) -> None:
    case = world.opened()
    on_call(world, "POST", "cases.json", lambda: erase(world.anna), before=before)
    assert lane.work(case.pk) is False
    assert_nothing_came_back(world, caplog)


def test_erased_while_the_outcome_of_a_send_is_unknown(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    case = world.delivered()
    world.desk.faults.add("cut_after", count=1, path="messages", method="POST")
    world.reply(case, "ещё одно")
    on_call(world, "POST", "messages", lambda: erase(world.anna), before=True)
    lane.work(case.pk)
    assert_nothing_came_back(world, caplog)


@pytest.mark.parametrize("path", ["/messages.json", "/cases/"])
def test_erased_while_a_case_is_being_read(world: World, caplog: pytest.LogCaptureFixture, path: str) -> None:
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Для Анны")
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    on_call(world, "GET", path, lambda: erase(world.anna))
    assert lane.work(case.pk) is False
    assert_nothing_came_back(world, caplog)


def test_erased_while_older_cases_are_being_fetched(world: World, caplog: pytest.LogCaptureFixture) -> None:
    world.desk.mailbox.write(sender="Анна <anna@example.ru>", subject="Письмо", text="Старое письмо Анны")
    row = AddressImport.objects.get()
    AddressImport.objects.update(done_at=None, due_at=timezone.now())
    on_call(world, "GET", "cases.json", lambda: erase(world.anna))
    assert imports.run_import(row.pk) is False
    assert_nothing_came_back(world, caplog)


def test_erased_while_a_walk_finds_a_new_case_of_theirs(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.delivered()
    world.wait(120)
    world.reconcile()
    world.desk.mailbox.write(sender="Анна <anna@example.ru>", subject="Письмо", text="Новое письмо Анны")
    world.wait(5)
    on_call(world, "GET", "cases.json", lambda: erase(world.anna))
    world.reconcile()
    world.work()
    assert_nothing_came_back(world, caplog)


def test_erased_while_a_file_is_being_fetched(
    world: World, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    case = world.delivered()
    report = Upload(name="план.txt", data=b"plan of anna", mime_type="text/plain")
    world.desk.staffroom.reply(world.desk_id(case), text="Вот он.", files=[report])
    world.wait(5)
    linking.want_reading(case.pk, now=timezone.now())
    lane.work(case.pk)
    link = FileLink.objects.get()
    on_call(world, "GET", "attach", lambda: erase(world.anna))
    tasks.fetch_file(link.pk)
    assert_nothing_came_back(world, caplog)
    # Who answered is no customer's data: pictures of staff stay.
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert [path for path in kept if path.parent.name != "faces"] == []


def test_rung_for_a_case_that_is_gone(world: World, caplog: pytest.LogCaptureFixture) -> None:
    case = world.delivered()
    erase(world.anna)
    tasks.work_lane(str(case.pk))
    assert Lease.claim(case.pk) is None
    assert_nothing_came_back(world, caplog)


def test_an_account_that_is_kept_gets_nothing_back_either(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "_belongs_to_more", lambda _: True)
    case = with_everything(world)
    desk_id = world.desk_id(case)
    AddressImport.objects.update(done_at=None, due_at=timezone.now())
    row = AddressImport.objects.get()
    on_call(world, "GET", "cases.json", lambda: erase(world.anna))
    imports.run_import(row.pk)
    world.desk.staffroom.reply(desk_id, text="Анна?")
    world.wait(60)
    world.reconcile()
    world.work()
    assert User.objects.filter(pk=world.anna.pk, is_active=False).exists()
    assert_nothing_came_back(world, caplog)


def test_a_worker_that_holds_the_lane_finds_its_lease_gone(world: World) -> None:
    case = world.delivered()
    lease = Lease.claim(case.pk)
    assert lease is not None
    erase(world.anna)
    with pytest.raises(LeaseLost):
        lease.renew()
    with pytest.raises(LeaseLost), lease.guard():
        pass
    lease.release()


@pytest.mark.slow
def test_asked_for_in_every_gap_of_a_worker_that_sends(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither waits for the other: nobody sees an error, and no worker loses what the desk has told it."""

    def with_a_reply(number: int) -> tuple[User, Case]:
        person = world.person(f"anna-{number}@example.ru", "Анна")
        case = world.opened(owner=person)
        world.work()
        world.reply(case, "второе", author=person)
        return person, case

    def send(scene: tuple[User, Case]) -> None:
        lane.work(scene[1].pk)

    def ask(scene: tuple[User, Case]) -> None:
        erasure.request(person=scene[0], asked_by=Erasure.AskedBy.PERSON, now=timezone.now())

    for (person, case), gap in in_every_gap(with_a_reply, send, ask, fewest=20):
        if gap.met:
            erase(person)
            assert not Case.objects.filter(pk=case.pk).exists(), gap.before
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.slow
def test_erased_while_several_workers_are_at_it(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """Real threads and real locks: whoever loses begins again, and nothing is left between the chairs."""
    for _round in range(3):
        cases = [world.delivered(f"первое {number}", f"Дело {number}") for number in range(4)]
        for case in cases:
            world.reply(case, "второе")
            linking.want_reading(case.pk, now=timezone.now())
        begins = threading.Barrier(len(cases) + 1)

        def work(case_id: uuid.UUID, begins: threading.Barrier = begins) -> None:
            try:
                begins.wait()
                for _ in range(3):
                    lane.work(case_id)
            except OperationalError:
                # Of two that wait for each other PostgreSQL ends one: its task ends, a sweep rings again.
                pass
            finally:
                connection.close()

        workers = [threading.Thread(target=work, args=(case.pk,)) for case in cases]
        for worker in workers:
            worker.start()
        begins.wait()
        made = erasure.request(person=world.anna, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
        while made.erased_at is None:
            erasure.work_off(made.pk)
            made.refresh_from_db()
            world.travel.shift(20)
        for worker in workers:
            worker.join()
        assert left() == []
        world.anna = world.person("anna@example.ru", "Анна Петрова")
    assert [record.getMessage() for record in caplog.records if record.exc_info] == []
