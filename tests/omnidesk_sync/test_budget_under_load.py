"""A small account with much to do, and one whose key is taken away: slower, in order, nothing given up."""

import json
from collections.abc import Sequence

import pytest
from django.utils import timezone

from cabinet.models import Case, OutboxEntry
from omnidesk_sync import account, services, sweeping
from omnidesk_sync.models import Budget, Lane
from tests.omnidesk_sync.world import World

pytestmark = pytest.mark.slow

LIMIT = 20
CASES, REPLIES = 10, 20
ANSWERS_A_MINUTE = 1
State = OutboxEntry.State


class Office:
    """Both sides at work, a quarter of a minute at a time, with the rules' webhooks delivered."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.told = 0
        world.desk.install_cabinet_rules("https://cabinet.example/webhooks/omnidesk/")

    def deliver_webhooks(self) -> None:
        hooks = self.world.desk.sent_webhooks
        for hook in hooks[self.told :]:
            body = json.loads(hook.body)
            services.take_hint(
                event=body["event"],
                desk_case_id=int(body["case_id"]),
                desk_message_id=int(body["message_id"]),
                received_at=timezone.now(),
            )
        self.told = len(hooks)

    def quarter(self) -> None:
        sweeping.sweep()
        self.world.work()
        self.deliver_webhooks()
        self.world.work()
        self.world.wait(15)

    def minute(self) -> tuple[int, int]:
        """Units of writes and of everything else in one minute of the desk."""
        before = len(self.world.desk.calls)
        for _ in range(4):
            self.quarter()
        calls = self.world.desk.calls[before:]
        writes = sum(call["units"] for call in calls if call["method"] != "GET")
        return writes, sum(call["units"] for call in calls) - writes


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


def settled(world: World, count: int) -> list[Case]:
    """So many cases that have arrived and were read."""
    cases = []
    for number in range(count):
        cases.append(world.delivered("начало", f"тема {number}"))
        world.wait(15)
    return cases


def given_up() -> int:
    return OutboxEntry.objects.exclude(state__in=[State.DELIVERED, State.WAITING]).count()


def test_the_limit_is_lowered_while_200_messages_wait(office: Office) -> None:
    world = office.world
    cases = settled(world, CASES)
    office.deliver_webhooks()
    world.wait(60)
    for number in range(REPLIES):
        for case in cases:
            world.reply(case, f"ответ {number}")
    world.desk.limit.per_minute = LIMIT
    before, said = len(world.desk.calls), 0
    minutes: list[tuple[int, int]] = []
    longest = 0.0
    while OutboxEntry.objects.filter(state=State.WAITING).exists():
        for _ in range(ANSWERS_A_MINUTE):
            world.desk.staffroom.reply(world.desk_id(cases[said % CASES]), text=f"от нас {said}")
            said += 1
        minutes.append(office.minute())
        assert len(minutes) < 45, "it takes its time, but not for ever"
        assert given_up() == 0
        longest = max(longest, *(_longest_wait(case) for case in cases))
    assert longest <= 120, "a reading waits for a minute or two, and not until all is written"
    calls = world.desk.calls[before:]
    refused = [call for call in calls if call["status"] == 429]
    assert len(refused) <= 1, "only what left before the new limit was known"
    full = minutes[1:-1]
    assert all(writes + others <= LIMIT for writes, others in minutes)
    assert min(writes for writes, _ in full) >= LIMIT * 0.6, "customers' words go first"
    assert min(others for _, others in full) >= 2, "and readings are not starved"
    assert sum(call["units"] for call in calls if call["method"] == "POST") == 2 * CASES * REPLIES
    readings = sum(call["units"] for call in calls if call["method"] == "GET")
    assert readings <= 2 * said + len(minutes), "an answer costs a reading at most, and a walk now and then"
    for _ in range(3):
        office.minute()
    _both_sides_agree(world, cases, REPLIES)


def _longest_wait(case: Case) -> float:
    wanted = Lane.objects.filter(case=case, wanted__gt=0).values_list("wanted_since", flat=True).first()
    return (timezone.now() - wanted).total_seconds() if wanted else 0.0


def test_the_key_is_revoked_for_ten_minutes_and_given_back(office: Office) -> None:
    world = office.world
    cases = settled(world, 3)
    office.deliver_webhooks()
    world.wait(60)
    fault = world.desk.faults.add("wrong_key")
    for number in range(5):
        for case in cases:
            world.reply(case, f"ответ {number}")
            world.desk.staffroom.reply(world.desk_id(case), text=f"от нас {number}")
    opened = world.opened("новое", "Новая тема")
    before = len(world.desk.calls)
    for _ in range(10):
        office.minute()
    calls = world.desk.calls[before:]
    assert len(calls) <= 10 + 4, "one probe a minute, and what was under way when it happened"
    assert given_up() == 0
    assert Budget.objects.get().paused_since is not None
    assert all(world.thread(case)[1:] == [f"ответ {number}" for number in range(5)] for case in cases)
    world.desk.faults.active.remove(fault)
    before = len(world.desk.calls)
    office.minute()
    office.quarter()
    assert Budget.objects.get().paused_since is None
    assert not OutboxEntry.objects.filter(state=State.WAITING).exists(), "nothing waits longer than the probe"
    office.minute()
    _both_sides_agree(world, cases, 5)
    assert world.desk_texts(world.desk_id(opened)) == ["новое"]
    posts = [call for call in world.desk.calls[before:] if call["method"] == "POST"]
    assert len(posts) == 3 * 5 + 1, "each once"


def test_a_key_given_back_within_the_minute_is_noticed_by_the_next_probe(world: World) -> None:
    case = world.delivered()
    fault = world.desk.faults.add("wrong_key")
    world.reply(case, "подождёт")
    world.work()
    assert Budget.objects.get().paused_since is not None
    assert not account.probe_if_due()
    world.desk.faults.active.remove(fault)
    world.wait(30)
    assert not account.probe_if_due(), "one a minute"
    world.wait(31)
    assert account.probe_if_due()
    world.work()
    assert world.desk_texts(world.desk_id(case))[-1] == "подождёт"


def _both_sides_agree(world: World, cases: Sequence[Case], replies: int) -> None:
    words = [f"ответ {number}" for number in range(replies)]
    for case in cases:
        there, here = world.desk_texts(world.desk_id(case)), world.thread(case)
        assert sorted(there) == sorted(here), "the same on both sides"
        assert [text for text in there if text in words] == words, "once each, in order"
        assert [text for text in here if text in words] == words
        assert set(world.states(case)) == {"sent"}
