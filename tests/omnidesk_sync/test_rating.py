"""A rating reaches the desk once whatever happens on the way, and one given over there is known here."""

import pytest
from django.core.management import call_command

from cabinet import services
from cabinet.models import Case, OutboxEntry
from omnidesk_sync import imports, sweeping
from omnidesk_sync.models import Attempt
from sandbox.records import Case as DeskCase
from tests.omnidesk_sync.test_reconciling import written_by_mail
from tests.omnidesk_sync.world import World, fresh

State, Rating = OutboxEntry.State, Case.Rating


def solved(world: World) -> Case:
    """Answered by staff, closed by the customer, and read back."""
    case = world.delivered()
    world.desk.staffroom.reply(world.desk_id(case), text="Вот он.")
    world.read(case)
    services.close_case(case=case)
    world.work()
    world.read(case)
    return fresh(case)


def at_desk(world: World, case: Case) -> DeskCase:
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there
    return there


def rated_at_desk(world: World, case: Case, rating: str, comment: str = "") -> None:
    there = at_desk(world, case)
    there.rating, there.rating_comment = rating, comment
    there.updated_at = world.desk.core.now()
    world.desk.core.cases.put(there)


def test_the_score_shows_on_the_desks_case(world: World) -> None:
    case = solved(world)
    before = len(world.desk.calls)
    services.rate_case(case=case, rating=Rating.HIGH, comment="Быстро & <b>хорошо</b>")
    world.work()
    there = at_desk(world, case)
    assert (there.rating, there.rating_comment) == ("high", "Быстро & <b>хорошо</b>")
    assert world.units(before) == 2
    assert world.outbox(case)[-1] == State.DELIVERED


def test_a_changed_rating_follows(world: World) -> None:
    case = solved(world)
    services.rate_case(case=case, rating=Rating.LOW)
    services.rate_case(case=case, rating=Rating.HIGH, comment="передумала")
    world.work()
    assert (at_desk(world, case).rating, at_desk(world, case).rating_comment) == ("high", "передумала")
    assert world.outbox(case)[-2:] == [State.DELIVERED] * 2
    world.read(case)
    assert fresh(case).rating == "high"


@pytest.mark.slow
@pytest.mark.parametrize("fault", ["cut_after", "cut_before", "error_500", "half_answer"])
def test_an_unknown_outcome_is_looked_at_and_sent_again_if_it_is_not_there(world: World, fault: str) -> None:
    case = solved(world)
    world.desk.faults.add(fault, count=1, path="rate", method="PUT")
    services.rate_case(case=case, rating=Rating.MIDDLE, comment="так себе")
    world.work()
    assert world.outbox(case)[-1] == State.UNSETTLED
    assert at_desk(world, case).rating == ("middle" if fault in ("cut_after", "half_answer") else "")
    before = len(world.desk.calls)
    world.work_until(150, step=50)
    assert world.outbox(case)[-1] == State.DELIVERED
    assert at_desk(world, case).rating == "middle"
    sent = [call for call in world.calls(before) if "rate" in call]
    assert len(sent) == (0 if fault in ("cut_after", "half_answer") else 1)


@pytest.mark.slow
def test_after_a_restore_a_rating_that_is_there_is_not_sent_again(world: World) -> None:
    case = solved(world)
    services.rate_case(case=case, rating=Rating.HIGH)
    rated_at_desk(world, case, "high")
    call_command("omnidesk_after_restore")
    before = len(world.desk.calls)
    world.work()
    assert world.outbox(case)[-1] == State.DELIVERED
    assert not [call for call in world.calls(before) if "rate" in call]


def test_a_rating_given_over_there_is_known_here(world: World) -> None:
    case = solved(world)
    rated_at_desk(world, case, "low", "долго")
    world.reconcile()
    world.work()
    world.wait(60)
    world.reconcile()
    world.work()
    case = fresh(case)
    assert (case.rating, case.rating_comment) == ("low", "долго")
    assert case.rated_at


@pytest.mark.slow
def test_ours_on_its_way_is_not_overwritten(world: World) -> None:
    case = solved(world)
    rated_at_desk(world, case, "low", "по почте")
    services.rate_case(case=case, rating=Rating.HIGH, comment="в кабинете")
    world.desk.faults.add("rate_limited", count=1, path="rate", method="PUT")
    world.work()
    world.read(case)
    assert (fresh(case).rating, fresh(case).rating_comment) == ("high", "в кабинете")
    world.work_until(120, step=30)
    world.read(case)
    assert at_desk(world, case).rating == "high"
    assert fresh(case).rating == "high"


@pytest.mark.slow
@pytest.mark.parametrize("word", ["", "excellent", "-"])
def test_a_desk_that_says_nothing_we_know_takes_nothing_back(world: World, word: str) -> None:
    case = solved(world)
    services.rate_case(case=case, rating=Rating.HIGH, comment="спасибо")
    world.work()
    rated_at_desk(world, case, word)
    world.read(case)
    assert (fresh(case).rating, fresh(case).rating_comment) == ("high", "спасибо")


@pytest.mark.slow
def test_an_imported_case_brings_its_rating(world: World) -> None:
    there = written_by_mail(world, "boris@example.ru", 1)
    there.rating, there.rating_comment = "high", "отлично"
    world.desk.core.cases.put(there)
    boris = world.person("boris@example.ru", imported=False)
    imports.want_import(boris, "boris@example.ru")
    world.work()
    mine = Case.objects.get(owner=boris)
    assert (mine.rating, mine.rating_comment) == ("high", "отлично")


@pytest.mark.slow
def test_a_refused_rating_steps_aside_and_is_seen_in_the_admin(world: World) -> None:
    case = solved(world)
    world.forbid("PUT", "rate")
    services.rate_case(case=case, rating=Rating.HIGH)
    world.reply(case, "ещё вопрос")
    for _ in range(20):
        sweeping.sweep()
        world.work()
        world.wait(15)
    entry = OutboxEntry.objects.get(case=case, kind=OutboxEntry.Kind.RATE)
    assert (entry.state, entry.reason) == (State.REJECTED, "forbidden")
    assert "ещё вопрос" in world.desk_texts(world.desk_id(case))


# ── old code beside new ──


def test_a_kind_that_this_version_does_not_know_waits(world: World) -> None:
    """A newer version beside this one has queued it: neither lost nor rejected, it goes when it can."""
    case = solved(world)
    services.rate_case(case=case, rating=Rating.HIGH)
    entry = OutboxEntry.objects.filter(case=case, kind=OutboxEntry.Kind.RATE)
    entry.update(kind="applaud")
    world.work()
    (row,) = OutboxEntry.objects.filter(case=case, kind="applaud")
    assert (row.state, row.attempts) == (State.WAITING, 0)
    assert not Attempt.objects.filter(entry=row).exists()
    world.work_until(900, step=60)
    row.refresh_from_db()
    assert row.state == State.WAITING
    entry.model.objects.filter(pk=row.pk).update(kind=OutboxEntry.Kind.RATE)
    world.work_until(360, step=60)
    row.refresh_from_db()
    assert row.state == State.DELIVERED
    assert at_desk(world, case).rating == "high"


def test_a_row_without_a_rating_costs_no_call(world: World) -> None:
    case = solved(world)
    services.rate_case(case=case, rating=Rating.HIGH)
    Case.objects.filter(pk=case.pk).update(rating="")
    before = len(world.desk.calls)
    world.work()
    assert world.outbox(case)[-1] == State.REJECTED
    assert not [call for call in world.calls(before) if call.startswith("PUT")]
