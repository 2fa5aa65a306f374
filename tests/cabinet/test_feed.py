"""What the listeners of one process are told, and what telling costs."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinet.feed import MOST_WAITING, OVERLAP, Change, Feed, Listener, changed_since
from tests.factories import case_of, delivered, staff_reply

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
CASE, OTHER = uuid.UUID(int=1), uuid.UUID(int=2)


class Table:
    """Rows as the database would show them, and how often it was asked."""

    def __init__(self) -> None:
        self.rows: dict[uuid.UUID, Change] = {}
        self.now = NOON
        self.asked = 0
        self.broken = False

    def ask(self, moment: datetime) -> list[Change]:
        self.asked += 1
        if self.broken:
            raise ConnectionError("the database is away")
        return [change for change in self.rows.values() if change.changed_at > moment]

    def clock(self) -> datetime:
        return self.now

    def change(self, case: uuid.UUID, owner: str, *, ago: float = 0.0) -> None:
        revision = self.rows[case].revision + 1 if case in self.rows else 1
        self.rows[case] = Change(case, owner, revision, self.now - timedelta(seconds=ago))


def played(table: Table, story: Callable[[Feed], Awaitable[None]]) -> None:
    async def play() -> None:
        await asyncio.wait_for(story(Feed(table.ask, clock=table.clock, seconds=0.01)), 10)

    asyncio.run(play())


async def looks(table: Table, times: int = 2) -> None:
    """Until the feed has looked so often again."""
    wanted = table.asked + times
    while table.asked < wanted:
        table.now += timedelta(seconds=0.5)
        await asyncio.sleep(0.005)


def taken(listener: Listener) -> list[uuid.UUID]:
    return [listener.get_nowait() for _ in range(listener.qsize())]


def test_everybody_hears_of_his_own_cases_and_of_nobody_elses() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with (
            feed.listening("anna") as anna,
            feed.listening("anna") as second_tab,
            feed.listening("ivan") as ivan,
        ):
            table.change(CASE, "anna")
            await looks(table)
            assert (taken(anna), taken(second_tab), taken(ivan)) == ([CASE], [CASE], [])

    played(table, story)


def test_a_change_is_told_once_and_the_next_one_again() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with feed.listening("anna") as anna:
            table.change(CASE, "anna")
            await looks(table, 4)
            assert taken(anna) == [CASE]
            table.change(CASE, "anna")
            await looks(table, 4)
            assert taken(anna) == [CASE]

    played(table, story)


def test_what_was_committed_late_is_told_although_its_time_is_older() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with feed.listening("anna") as anna:
            table.change(CASE, "anna")
            await looks(table)
            table.change(OTHER, "anna", ago=OVERLAP.total_seconds() - 5)
            await looks(table)
            assert taken(anna) == [CASE, OTHER]

    played(table, story)


def test_a_case_given_away_is_news_to_both() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with feed.listening("anna") as anna, feed.listening("ivan") as ivan:
            table.change(CASE, "anna")
            await looks(table)
            taken(anna)
            table.change(CASE, "ivan")
            await looks(table)
            assert (taken(anna), taken(ivan)) == ([CASE], [CASE])

    played(table, story)


def test_a_thousand_listeners_cost_one_question_a_look_and_nobody_costs_none() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        managers = [feed.listening(f"person {number}") for number in range(1000)]
        listeners = [manager.__enter__() for manager in managers]
        assert feed.count == 1000
        table.change(CASE, "person 7")
        before = table.asked
        await looks(table, 3)
        assert table.asked - before == 3
        assert [len(taken(listener)) for listener in listeners] == [
            int(number == 7) for number in range(1000)
        ]
        for manager in managers:
            manager.__exit__(None, None, None)
        await asyncio.sleep(0.05)
        quiet = table.asked
        await asyncio.sleep(0.1)
        assert (table.asked, feed.count) == (quiet, 0)

    played(table, story)


def test_with_the_database_away_it_goes_on_and_tells_afterwards() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with feed.listening("anna") as anna:
            table.broken = True
            await looks(table)
            table.change(CASE, "anna")
            table.now += 3 * OVERLAP
            await looks(table)
            table.broken = False
            await looks(table)
            assert taken(anna) == [CASE]

    played(table, story)


def test_a_listener_who_takes_nothing_does_not_fill_the_memory() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        with feed.listening("anna") as anna:
            for number in range(MOST_WAITING + 50):
                table.change(uuid.UUID(int=number), "anna")
            await looks(table)
            assert anna.qsize() == MOST_WAITING

    played(table, story)


def test_who_comes_after_everybody_has_gone_hears_again() -> None:
    table = Table()

    async def story(feed: Feed) -> None:
        for _ in range(2):
            with feed.listening("anna") as anna:
                table.change(CASE, "anna")
                await looks(table)
                assert taken(anna) == [CASE]
            await asyncio.sleep(0.05)

    played(table, story)


def test_the_question_is_one_query(
    alice: AbstractBaseUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    case = delivered(case_of(alice))
    before = timezone.now()
    staff_reply(case, "An answer.")
    with django_assert_num_queries(1):
        [change] = changed_since(before)
    case.refresh_from_db()
    assert change == (case.pk, alice.pk, case.revision, case.changed_at)
    assert changed_since(timezone.now() + timedelta(seconds=1)) == []
