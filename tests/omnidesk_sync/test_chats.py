"""A chat ends by itself or by staff's hand; what was written too late, and how soon an answer is seen."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone, translation

from cabinet import services as customers
from cabinet.models import Case, Message, OutboxEntry
from cabinet.wording import FAILURES
from omnidesk_sync import budget, linking, policy, services
from omnidesk_sync.models import Lane
from tests.omnidesk_sync.test_review import before_call
from tests.omnidesk_sync.world import CHANNELS, World, fresh
from webhooks import services as inbox

State = OutboxEntry.State
REFUSALS = ["case_not_found", "case_closed"]


@pytest.fixture
def chat(world: World, settings: Any) -> Case:
    """A chat at the desk, with an answer, read."""
    world.switch_channels_on()
    settings.OMNIDESK_CHANNELS = CHANNELS
    settings.CABINET_MODES = ["chat"]
    world.desk.install_cabinet_rules("https://cabinet.example/webhooks/omnidesk/", "secret")
    case = world.opened("Вы тут?", "Вопрос", mode=Case.Mode.CHAT)
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="Слушаю вас")
    world.read(case)
    return fresh(case)


def at_the_desk(world: World, case: Case) -> str:
    there = world.desk.core.cases.get(world.desk_id(case))
    assert there is not None
    return there.status


def deliver_webhooks(world: World) -> None:
    for hook in world.desk.sent_webhooks:
        entry = inbox.store(body=hook.body.encode(), received_at=timezone.now())
        inbox.process_entry(entry.pk)
    world.desk.sent_webhooks.clear()


# ── it ends ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("told", ["by the rule", "by the channel", "by nobody"])
def test_a_chat_closed_by_its_time_limit_is_closed_here(world: World, chat: Case, told: str) -> None:
    world.reconcile()
    world.desk.switch(channel_webhook_other_types=told == "by the channel")
    if told != "by the rule":
        world.desk.enable_rules(enabled=False)
    world.desk.sent_webhooks.clear()
    world.wait(700)
    assert at_the_desk(world, chat) == "closed"
    if told == "by nobody":
        world.reconcile()
    else:
        deliver_webhooks(world)
    world.work()
    assert fresh(chat).status == Case.Status.CLOSED
    assert world.thread(chat) == ["Вы тут?", "Слушаю вас"]


@pytest.mark.parametrize("rows", [True, False])
def test_a_chat_that_leaves_the_window_open_goes_on(world: World, chat: Case, rows: bool) -> None:
    world.desk.switch(chat_timeout_closes=False, chat_service_rows=rows)
    world.wait(700)
    assert at_the_desk(world, chat) != "closed"
    world.reply(chat, "ещё вопрос")
    world.work()
    world.read(chat)
    assert world.states(chat)[-1] == Message.State.SENT
    assert world.thread(chat) == ["Вы тут?", "Слушаю вас", "ещё вопрос"]


# ── written too late ────────────────────────────────────────────────────────────────────────────────────


def end(world: World, chat: Case) -> Case:
    """Over there; nobody here knows it yet."""
    world.desk.staffroom.finish_chat(world.desk_id(chat))
    return fresh(chat)


def test_into_a_chat_that_is_known_to_be_over_nothing_more_is_written(world: World, chat: Case) -> None:
    end(world, chat)
    world.read(chat)
    for act in (
        lambda: world.reply(fresh(chat), "и ещё"),
        lambda: customers.reopen_case(case=fresh(chat)),
    ):
        with pytest.raises(customers.ChatEnded):
            act()
    assert world.thread(chat) == ["Вы тут?", "Слушаю вас"]


@pytest.mark.parametrize("reopens", [True, False])
@pytest.mark.parametrize("reactivates", [True, False])
def test_a_desk_that_takes_the_message_has_an_open_case_afterwards(
    world: World, chat: Case, reopens: bool, reactivates: bool
) -> None:
    world.desk.switch(api_user_message_reopens=reopens, chat_reactivates=reactivates)
    world.wait(3)
    end(world, chat)
    world.wait(3)
    world.reply(fresh(chat), "и ещё")
    world.work()
    world.read(chat)
    world.work()
    assert world.states(chat) == ["sent"] * 3
    assert at_the_desk(world, chat) == "open"
    assert fresh(chat).status == Case.Status.OPEN
    assert world.desk_texts(world.desk_id(chat))[-1] == "и ещё"


@pytest.mark.parametrize("error", REFUSALS)
def test_a_desk_that_refuses_leaves_the_message_here_with_its_reason(
    world: World, chat: Case, error: str
) -> None:
    world.desk.switch(closed_chat_refuses=True, closed_chat_error=error)
    end(world, chat)
    message = world.reply(fresh(chat), "и ещё")
    world.reply(fresh(chat), "и последнее")
    world.work()
    world.wait(5)
    world.work()
    message.refresh_from_db()
    assert (message.state, message.failure, message.text) == ("failed", "chat_closed", "и ещё")
    with translation.override("en"):
        assert "new chat" in str(FAILURES[message.failure])
    assert world.states(chat)[-2:] == ["failed", "failed"]
    assert at_the_desk(world, chat) == "closed"
    assert fresh(chat).status == Case.Status.CLOSED
    given_up = OutboxEntry.objects.filter(case=chat, state=State.REJECTED)
    assert {entry.reason for entry in given_up} == {"chat_closed"}
    assert given_up.count() == 2
    assert not OutboxEntry.objects.filter(
        case=chat, state__in=["waiting", "attempting", "unsettled"]
    ).exists()


@pytest.mark.parametrize("error", REFUSALS)
def test_a_refused_message_can_be_sent_again(world: World, chat: Case, error: str) -> None:
    world.desk.switch(closed_chat_refuses=True, closed_chat_error=error)
    end(world, chat)
    message = world.reply(fresh(chat), "и ещё")
    world.work()
    world.read(chat)
    with pytest.raises(customers.ChatEnded):
        customers.retry_message(message=Message.objects.get(pk=message.pk))
    assert world.states(chat)[-1] == "failed"
    world.desk.staffroom.set_status(world.desk_id(chat), "open")
    world.read(chat)
    customers.retry_message(message=Message.objects.get(pk=message.pk))
    world.work()
    world.read(chat)
    assert world.states(chat)[-1] == "sent"
    assert world.desk_texts(world.desk_id(chat)).count("и ещё") == 1
    assert world.thread(chat).count("и ещё") == 1


def test_what_is_refused_for_another_reason_is_not_called_the_chats_end(world: World, chat: Case) -> None:
    world.desk.switch(max_content_length=5)
    message = world.reply(chat, "слишком длинно")
    world.work()
    message.refresh_from_db()
    assert (message.state, message.failure) == ("failed", "rejected")
    assert at_the_desk(world, chat) == "waiting"


def test_a_chat_that_is_gone_for_good_is_not_called_closed(world: World, chat: Case) -> None:
    world.desk.staffroom.destroy(world.desk_id(chat))
    message = world.reply(chat, "и ещё")
    world.work()
    message.refresh_from_db()
    assert (message.state, message.failure) == ("failed", "not_found")
    world.wait(3)
    world.work()
    assert fresh(chat).availability == Case.Availability.ARCHIVED


@pytest.mark.parametrize("error", REFUSALS)
def test_a_reply_in_doubt_whose_chat_was_closed_meanwhile_ends_well(
    world: World, chat: Case, error: str
) -> None:
    """The first try was cut before it arrived; when it is looked for, the chat is over."""
    world.desk.switch(closed_chat_refuses=True, closed_chat_error=error)
    world.desk.faults.add("cut_before", count=1, path="messages", method="POST")
    message = world.reply(chat, "и ещё")
    world.work()
    end(world, chat)
    world.work_until(200, step=50)
    message.refresh_from_db()
    assert (message.state, message.failure) == ("failed", "chat_closed")


def test_cases_by_mail_know_no_such_reason(world: World, chat: Case) -> None:
    case = world.delivered("письмом")
    world.desk.staffroom.destroy(world.desk_id(case))
    message = world.reply(case, "и ещё")
    world.work()
    message.refresh_from_db()
    assert message.failure == "not_found"


# ── how soon an answer is seen ──────────────────────────────────────────────────────────────────────────


def seconds_to_reading(world: World, case: Case, text: str) -> float:
    """From the webhook to the reading, by the rows: what a worker that is rung in time does."""
    row = world.desk.staffroom.reply(world.desk_id(case), text=text)
    services.take_hint(
        event="message_new",
        desk_case_id=row.case_id,
        desk_message_id=row.message_id,
        received_at=timezone.now(),
    )
    due_at = Lane.objects.get(pk=case.pk).read_due_at
    assert due_at is not None
    return max((due_at - timezone.now()).total_seconds(), 0.0)


def test_a_chats_answers_are_read_within_a_second_of_the_last(world: World, chat: Case) -> None:
    waits = []
    for number in range(6):
        world.wait(0.4)
        waits.append(seconds_to_reading(world, chat, f"ответ {number}"))
        world.wait(waits[-1] + 0.01)
        world.work()
        assert world.thread(chat)[-1] == f"ответ {number}"
    assert sorted(waits)[len(waits) // 2] <= policy.CHAT_SPACING_SECONDS <= 1.5


def test_a_burst_of_answers_in_a_chat_costs_one_reading(world: World, chat: Case) -> None:
    world.wait(0.2)
    before = len(world.desk.calls)
    waits = [seconds_to_reading(world, chat, f"ответ {number}") for number in range(5)]
    world.wait(waits[-1] + 0.01)
    world.work()
    assert world.units(before) == 2
    assert len(world.thread(chat)) == 7


@pytest.mark.parametrize("call", ["messages", "cases/7001.json"])
def test_an_answer_told_of_once_more_while_it_is_read_costs_no_second_reading(
    world: World, chat: Case, call: str
) -> None:
    """The channel and the rule tell of it at the same moment; the second is heard in the middle."""
    world.wait(3)
    row = world.desk.staffroom.reply(world.desk_id(chat), text="Да")
    before = len(world.desk.calls)
    told(row.case_id, row.message_id, "message_new")
    before_call(world, "GET", call, lambda: told(row.case_id, row.message_id, "staff_reply"))
    world.work_until(10, step=2)
    assert world.thread(chat)[-1] == "Да"
    assert world.units(before) == 2


@pytest.mark.parametrize(("event", "units"), [("staff_reply", 4), ("status", 4)])
def test_what_comes_after_the_messages_were_fetched_is_read_all_the_same(
    world: World, chat: Case, event: str, units: int
) -> None:
    world.wait(3)
    there = world.desk_id(chat)
    first = world.desk.staffroom.reply(there, text="Да")
    before = len(world.desk.calls)
    told(there, first.message_id, "message_new")

    def meanwhile() -> None:
        if event == "status":
            world.desk.staffroom.set_status(there, "closed")
            told(there, first.message_id, event)
        else:
            told(there, world.desk.staffroom.reply(there, text="Нет").message_id, event)

    before_call(world, "GET", f"cases/{there}.json", meanwhile)
    world.work_until(10, step=2)
    assert world.units(before) == units
    if event == "status":
        assert fresh(chat).status == Case.Status.CLOSED
    else:
        assert world.thread(chat)[-2:] == ["Да", "Нет"]


def told(case: int, message: int, event: str) -> None:
    services.take_hint(event=event, desk_case_id=case, desk_message_id=message, received_at=timezone.now())


def test_on_a_small_account_a_chat_slows_down_before_it_eats_everything(world: World, chat: Case) -> None:
    world.desk.limit.per_minute = 20
    world.wait(61)
    waits = []
    for number in range(12):
        waits.append(seconds_to_reading(world, chat, f"ответ {number}"))
        world.wait(waits[-1] + 0.01)
        world.work()
        assert budget.room() >= 20 - 12
    assert waits[1] <= policy.CHAT_SPACING_SECONDS
    assert max(waits) >= policy.read_spacing(20)
    world.reply(fresh(chat), "и клиент не ждёт")
    world.work()
    assert world.states(chat)[-1] == "sent"


def test_cases_that_are_no_chats_keep_their_spacing(world: World, chat: Case) -> None:
    case = world.opened("в кабинете", mode=Case.Mode.CABINET)
    world.work()
    assert linking.spacing_of(case.pk) == timedelta(seconds=policy.read_spacing(budget.limit()))
    assert linking.spacing_of(chat.pk) == timedelta(seconds=policy.CHAT_SPACING_SECONDS)


def test_an_ended_chat_is_rated_like_a_case(world: World, chat: Case) -> None:
    world.desk.staffroom.finish_chat(world.desk_id(chat))
    world.read(chat)
    customers.rate_case(case=fresh(chat), rating=Case.Rating.HIGH, comment="Быстро")
    world.work()
    there = world.desk.core.cases.get(world.desk_id(chat))
    assert there is not None
    assert (there.rating, there.rating_comment, there.status) == ("high", "Быстро", "closed")
    world.read(chat)
    assert fresh(chat).status == Case.Status.CLOSED, "a rating opens nothing"
