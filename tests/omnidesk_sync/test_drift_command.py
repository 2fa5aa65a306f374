"""`omnidesk_reconcile --report`: its exit codes, its pace, and what it does with bad input."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone, translation

from cabinet.models import Case, Message
from omnidesk_sync import budget, drift_runs
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import (
    AddressImport,
    Budget,
    MessageLink,
)
from tests.omnidesk_sync.drifting import (
    finish,
    report,
    states,
    talk,
    twelve_cases_on_a_small_account,
)
from tests.omnidesk_sync.test_review import before_call
from tests.omnidesk_sync.world import World

pytestmark = [pytest.mark.usefixtures("patient"), pytest.mark.slow]


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
    twelve_cases_on_a_small_account(world)
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
        for number in range(45)
    ]
    AddressImport.objects.update(due_at=timezone.now(), done_at=None)
    world.work()
    for _ in range(2):
        world.wait(60)
        world.reconcile()
        world.work()
    assert MessageLink.objects.count() == len(made)
    world.wait(60)
    world.desk.limit.per_minute = 6
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
