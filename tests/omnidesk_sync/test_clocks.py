"""Clocks that are wrong, and clocks that are put right: the desk's times are compared with its own only."""

import re
from datetime import UTC, datetime, timedelta
from datetime import timezone as dt_timezone
from zoneinfo import ZoneInfo

import pytest
from django.test import Client
from django.utils import timezone

from cabinet.models import Case, Message
from omnidesk_sync import sweeping
from omnidesk_sync.models import CaseLink, Lane, PersonLink
from sandbox.records import Upload
from tests.omnidesk_sync.world import World, fresh

MINUTES, HOUR = 600, 3600
State = Message.State


def sweep_for(world: World, seconds: int) -> None:
    for _ in range(seconds // 15):
        sweeping.sweep()
        world.work()
        world.wait(15)


def everything_in_one_case(world: World, mark: str) -> list[str]:
    """An opening, answers of both sides, a mail and a delayed answer: what both sides then hold."""
    case = world.delivered(f"{mark} начало", f"тема {mark}")
    there = world.desk_id(case)
    world.desk.staffroom.reply(there, text=f"{mark} ответ")
    world.desk.staffroom.reply(there, text=f"{mark} позже", delay_seconds=90)
    world.read(case)
    assert world.thread(case) == [f"{mark} начало", f"{mark} ответ"], "the delayed answer is not due"
    world.reply(case, f"{mark} в кабинете")
    world.work()
    world.desk.mailbox.answer(case_id=there, text=f"{mark} по почте", style="none")
    world.read(case)
    sweep_for(world, 150)
    assert world.thread(case)[-1] == f"{mark} позже"
    assert sorted(world.thread(case)) == sorted(world.desk_texts(there))
    return world.thread(case)


@pytest.mark.parametrize("offset", [MINUTES, -MINUTES, HOUR, -HOUR])
def test_a_clock_that_is_off_changes_nothing(world: World, offset: int) -> None:
    world.desk.switch(clock_offset_seconds=offset)
    world.reconcile()
    everything_in_one_case(world, "раз")
    before = len(world.desk.calls)
    world.wait(300)
    world.reconcile()
    world.work()
    world.wait(300)
    world.reconcile()
    world.work()
    assert world.units(before) <= 4, "a quiet account stays cheap"


@pytest.mark.slow
@pytest.mark.parametrize(
    "offsets", [(HOUR, 0), (0, -HOUR), (MINUTES, -MINUTES), (-HOUR, HOUR), (HOUR, -HOUR)]
)
def test_a_clock_that_jumps_loses_and_doubles_nothing_and_withdraws_nothing(
    world: World, offsets: tuple[int, int]
) -> None:
    world.desk.switch(clock_offset_seconds=offsets[0])
    world.reconcile()
    old = world.delivered("старое")
    there = world.desk_id(old)
    world.desk.staffroom.reply(
        there, text="старый ответ", files=[Upload(name="a.txt", mime_type="text/plain", data=b"one")]
    )
    world.read(old)
    world.reply(old, "с файлом", files=[world.upload("b.txt", b"two")])
    world.work()
    world.desk.switch(clock_offset_seconds=offsets[1])
    world.wait(5)
    world.read(old)
    assert world.thread(old) == ["старое", "старый ответ", "с файлом"]
    assert not old.messages.exclude(edited_at=None).exists()
    assert not old.messages.exclude(withdrawn_at=None).exists()
    assert [message.files.count() for message in old.messages.order_by("position")] == [0, 1, 1]
    everything_in_one_case(world, "новое")


@pytest.mark.parametrize("offset", [-MINUTES, -HOUR])
def test_what_changes_after_a_clock_was_set_back_is_found_by_the_walk(world: World, offset: int) -> None:
    """Its times lie before those seen already; no webhook comes."""
    case = world.delivered("начало")
    there = world.desk_id(case)
    world.desk.staffroom.reply(there, text="раз")
    world.wait(5)
    world.reconcile()
    world.work()
    world.wait(200)
    world.desk.switch(clock_offset_seconds=offset)
    world.desk.staffroom.reply(there, text="два")
    world.desk.staffroom.open_case("anna@example.ru", subject="Письмо", text="письмом")
    world.wait(100)
    assert world.reconcile()
    world.work()
    assert world.thread(case) == ["начало", "раз", "два"]
    assert Case.objects.filter(subject="Письмо").exists()
    world.wait(300)
    world.desk.staffroom.reply(there, text="три")
    world.wait(5)
    world.reconcile()
    world.work()
    assert world.thread(case)[-1] == "три"
    before = len(world.desk.calls)
    for _ in range(3):
        world.wait(300)
        world.reconcile()
        world.work()
    assert world.units(before) <= 4, "one walk an interval, and at most one more reading"


def test_a_reply_of_unknown_outcome_is_found_although_the_clock_was_set_back(world: World) -> None:
    case = world.delivered("начало")
    world.desk.faults.add("cut_after", count=1, method="POST", path="messages")
    world.reply(case, "однажды")
    world.work()
    world.desk.switch(clock_offset_seconds=-HOUR)
    world.work_until(240)
    assert world.desk_texts(world.desk_id(case)) == ["начало", "однажды"]
    assert world.thread(case) == ["начало", "однажды"]
    assert world.states(case) == [State.SENT] * 2


def test_a_front_server_some_seconds_behind_withdraws_nothing(world: World) -> None:
    """The desk's answers come from several machines whose clocks differ a little."""
    case = world.delivered("начало")
    reply = world.reply(case, "с файлом", files=[world.upload("b.txt", b"two")])
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="ответ")
    world.read(case)
    world.desk.switch(clock_offset_seconds=-20)
    world.read(case)
    assert world.thread(case) == ["начало", "с файлом", "ответ"]
    assert reply.files.count() == 1


def test_a_known_time_far_ahead_does_not_hide_changes_for_as_long(world: World) -> None:
    world.desk.switch(clock_offset_seconds=HOUR)
    case = world.delivered("начало")
    world.desk.staffroom.reply(world.desk_id(case), text="раз")
    world.wait(5)
    world.reconcile()
    world.work()
    world.desk.switch(clock_offset_seconds=0)
    world.read(case)
    ahead = CaseLink.objects.get(case=case).updated_at
    assert ahead is not None
    world.wait(30)
    world.desk.staffroom.set_status(world.desk_id(case), "closed")
    world.wait(30)
    world.reconcile()
    world.work()
    assert fresh(case).status == Case.Status.CLOSED
    after = CaseLink.objects.get(case=case).updated_at
    assert after is not None
    assert after < ahead - timedelta(minutes=30)


# ── summer time ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_desk_that_changes_its_zone_changes_no_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its dates say +0300 and an hour later +0400: the order and the moments stay."""
    case = world.delivered("начало")
    there = world.desk_id(case)
    world.wait(60)
    world.desk.staffroom.reply(there, text="до")
    moments = [timezone.now()]
    world.read(case)
    world.reconcile()
    world.wait(1800)
    monkeypatch.setattr("sandbox.text.ZONE", dt_timezone(timedelta(hours=4)))
    world.desk.staffroom.reply(there, text="после")
    moments.append(timezone.now())
    world.wait(60)
    before = len(world.desk.calls)
    assert world.reconcile()
    world.work()
    assert world.units(before) == 2
    assert world.thread(case) == ["начало", "до", "после"]
    shown = case.messages.order_by("position").values_list("written_at", flat=True)
    assert list(shown)[1:] == moments
    world.wait(30)
    world.reconcile()
    world.work()
    assert not case.messages.exclude(edited_at=None).exists()


@pytest.mark.parametrize(
    ("day", "clocks"),
    [
        (datetime(2026, 3, 29, 0, 30, tzinfo=UTC), ["01:30", "03:30"]),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), ["02:30", "02:30"]),
    ],
)
def test_a_customer_in_a_zone_with_summer_time_sees_the_right_order_and_clock(
    world: World, client: Client, day: datetime, clocks: list[str]
) -> None:
    case = world.delivered("начало")
    world.travel.move_to(day)
    for text in ("первый", "второй"):
        world.desk.staffroom.reply(world.desk_id(case), text=text)
        world.travel.shift(timedelta(hours=1))
    world.read(case)
    client.force_login(world.anna)
    client.cookies["tz"] = "Europe/Berlin"
    page = client.get(f"/cases/{case.pk}/").content.decode()
    articles = page.split("<article")[2:4]
    assert ["первый" in articles[0], "второй" in articles[1]] == [True, True]
    assert [re.search(r">(\d\d:\d\d)</time>", article)[1] for article in articles] == clocks  # type: ignore[index]


# ── many at once, and no webhook ────────────────────────────────────────────────────────────────────────


@pytest.mark.slow
def test_more_than_a_page_of_our_cases_change_in_one_second(world: World) -> None:
    """They are known here and get an answer each: a list says so, and each is read once."""
    made = [
        world.desk.staffroom.open_case("anna@example.ru", subject=f"тема {number}", text="начало")
        for number in range(105)
    ]
    PersonLink.objects.create(user=world.anna, desk_user_id=made[0].user_id)
    world.wait(60)
    _catch_up(world)
    assert CaseLink.objects.count() == 105
    world.wait(600)
    _catch_up(world)
    for case in made:
        world.desk.staffroom.reply(case.case_id, text=f"ответ {case.case_id}")
    world.wait(60)
    before = len(world.desk.calls)
    _catch_up(world)
    assert world.units(before) <= 10 + len(made)
    for link in CaseLink.objects.select_related("case"):
        assert world.thread(link.case) == ["начало", f"ответ {link.desk_case_id}"]
    world.wait(60)
    before = len(world.desk.calls)
    world.reconcile()
    world.work()
    assert not [call for call in world.calls(before) if not call.endswith("/api/cases.json")], "read again"
    assert world.units(before) <= 6, "pages are turned, and once more for what moved meanwhile"


def _catch_up(world: World) -> None:
    """As workers would, with the account's minutes passing and the snapshots being renewed."""
    for _ in range(6):
        world.reconcile()
        world.work()
        if not Lane.objects.filter(wanted__gt=0).exists():
            return
        world.wait(60)


@pytest.mark.parametrize(
    "hour", [datetime(2027, 3, 28, 1, tzinfo=UTC), datetime(2027, 10, 31, 1, tzinfo=UTC)], ids=["on", "off"]
)
def test_daylight_saving_changes_in_the_middle_of_a_conversation(
    world: World, hour: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The account's zone jumps an hour in the middle: the desk's clock, written in it, does too."""
    berlin = ZoneInfo("Europe/Berlin")
    monkeypatch.setattr("sandbox.text.ZONE", berlin)
    monkeypatch.setattr("sandbox.quoting.ZONE", berlin)
    world.travel.move_to(hour - timedelta(minutes=3))
    world.reconcile()
    case = world.delivered("до перевода")
    world.desk.staffroom.reply(world.desk_id(case), text="ответ до", delay_seconds=300)
    world.wait(60)
    world.desk.staffroom.reply(world.desk_id(case), text="ответ сразу")
    for step in range(40):
        if step == 20:
            world.reply(case, "после перевода")
        world.wait(15)
        if step % 10 == 0:
            world.reconcile()
        world.work()
    assert sorted(world.thread(case)) == ["до перевода", "ответ до", "ответ сразу", "после перевода"]
    assert world.thread(case)[:2] == ["до перевода", "ответ сразу"]
    assert world.states(case) == ["sent"] * 4
    assert sorted(world.thread(case)) == sorted(world.desk_texts(world.desk_id(case)))
    assert not Message.objects.filter(withdrawn_at__isnull=False).exists()
    delayed = Message.objects.get(text="ответ до")
    assert delayed.written_at == hour + timedelta(minutes=2, seconds=5)
