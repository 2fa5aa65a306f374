"""The flows of custom channels with every answer that the vendor's open questions may have."""

from typing import Any

import pytest
from django.utils import timezone

from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync.models import Lane
from sandbox.switches import Switches
from tests.omnidesk_sync.test_switches import CHANNELS as SWITCHES
from tests.omnidesk_sync.world import CHANNELS, World, everything_stored, fresh
from webhooks import services as inbox
from webhooks.models import InboxEntry

WORLDS: tuple[dict[str, object], ...] = (
    {},
    {
        "rules_match_custom_channels": False,
        "channel_webhook_encoding": "form",
        "channel_webhook_strings": True,
        "channel_webhook_rich": True,
        "channel_webhook_other_types": True,
        "user_custom_channel_shape": "number",
        "chat_timeout_closes": False,
        "chat_finish_closes": False,
        "chat_reactivates": False,
        "chat_service_rows": True,
        "chat_content_shape": "both",
    },
    {
        "channel_webhook_encoding": "form",
        "channel_webhook_notes": False,
        "chat_idle_seconds": 0,
        "chat_content_shape": "html",
        "chat_service_rows": True,
        "api_case_status": "waiting",
        "api_user_message_reopens": False,
    },
    {
        "channel_webhook_strings": True,
        "channel_webhook_other_types": True,
        "closed_chat_refuses": True,
        "closed_chat_error": "case_closed",
        "list_shape": "array",
        "total_count": "missing",
        "empty_list": "array",
        "bool_shape": "string",
        "message_user_must_own_case": True,
    },
    {
        "closed_chat_refuses": True,
        "api_user_message_mails": "customer",
        "staff_reply_status": "closed",
        "note_flag": "missing",
        "clock_offset_seconds": 600,
        "chat_reactivates": False,
    },
)


@pytest.fixture(autouse=True)
def channels(world: World, settings: Any) -> None:
    world.switch_channels_on()
    world.desk.install_cabinet_rules("https://cabinet.example/webhooks/omnidesk/", "secret")
    settings.OMNIDESK_CHANNELS = CHANNELS
    settings.CABINET_MODES = ["cabinet", "chat"]


def test_every_value_of_every_switch_of_channels_is_tried() -> None:
    for switch in Switches().describe():
        name = switch["name"]
        if name not in SWITCHES:
            continue
        tried = {values.get(name, switch["default"]) for values in WORLDS}
        choices = {True, False} if isinstance(switch["default"], bool) else set(switch["options"])
        assert tried >= choices, name
        assert len(tried) > 1, name


def hear(world: World) -> None:
    """Every webhook since the last time arrives and is worked off, and so is what it asks for."""
    for hook in world.desk.sent_webhooks:
        inbox.process_entry(inbox.store(body=hook.body.encode(), received_at=timezone.now()).pk)
    world.desk.sent_webhooks.clear()
    world.wait(7)
    for entry in InboxEntry.objects.filter(state=InboxEntry.State.WAITING):
        inbox.process_entry(entry.pk)
    world.work()


@pytest.mark.slow
@pytest.mark.parametrize("values", WORLDS)
@pytest.mark.parametrize("mode", [Case.Mode.CABINET, Case.Mode.CHAT])
def test_the_main_flows_of_a_channel(world: World, mode: Case.Mode, values: dict[str, object]) -> None:
    """Opened, answered by webhook, noted, replied to with a lost answer, ended, and written to once more."""
    world.desk.switch(**values)
    case = world.opened("Где счёт?\n\n  <b>&</b> ещё", files=[world.upload("a.txt", b"one")], mode=mode)
    world.work()
    there = world.desk_id(case)
    hear(world)

    world.desk.staffroom.reply(there, text="Вот он & <ваш>")
    hear(world)
    world.desk.staffroom.note(there, text="тайная пометка")
    world.desk.staffroom.reply(there, text="отложенная тайна", delay_seconds=30_000)
    hear(world)
    assert world.thread(case) == ["Где счёт?\n\n  <b>&</b> ещё", "Вот он & <ваш>"]
    status_then = fresh(case).status
    if status_then == Case.Status.CLOSED:
        world.desk.staffroom.set_status(there, "open")
        hear(world)
    world.desk.faults.add("cut_after", method="POST", count=1)
    world.reply(fresh(case), "Спасибо,\nпонятно")
    world.work()
    world.work_until(120, step=40)
    assert world.desk_texts(there).count("Спасибо,\nпонятно") == 1
    assert world.thread(case)[-1] == "Спасибо,\nпонятно"
    assert "тайн" not in everything_stored()

    world.desk.staffroom.set_status(there, "closed")
    if mode == Case.Mode.CHAT:
        # A chat that is known as closed takes no more words: these are written before it is.
        world.wait(2)
        late = world.reply(fresh(case), "Всё-таки нет")
        world.work()
        hear(world)
    else:
        hear(world)
        world.reconcile()
        world.work()
        assert fresh(case).status == Case.Status.CLOSED
        late = world.reply(fresh(case), "Всё-таки нет")
        world.work()
    world.wait(5)
    world.work()
    late.refresh_from_db()
    refused = values.get("closed_chat_refuses") and mode == Case.Mode.CHAT
    if refused:
        assert (late.state, late.failure) == ("failed", "chat_closed")
        assert world.desk.core.cases.get(there).status == "closed"  # type: ignore[union-attr]
    else:
        assert late.state == Message.State.SENT
        assert world.desk.core.cases.get(there).status == "open"  # type: ignore[union-attr]
        assert set(world.outbox(case)) == {OutboxEntry.State.DELIVERED}
    assert Lane.objects.get(pk=case.pk).read_failures == 0
    assert not any(letter.origin == "desk" for letter in world.desk.core.letters.all())


@pytest.mark.parametrize("encoding", ["json", "form"])
@pytest.mark.parametrize("strings", [True, False])
@pytest.mark.parametrize("rich", [True, False])
def test_the_channels_webhook_alone_brings_an_answer_in_every_shape(
    world: World, encoding: str, strings: bool, rich: bool
) -> None:
    world.desk.switch(
        rules_match_custom_channels=False,
        channel_webhook_encoding=encoding,
        channel_webhook_strings=strings,
        channel_webhook_rich=rich,
    )
    case = world.opened("Вы тут?", mode=Case.Mode.CHAT)
    world.work()
    world.desk.staffroom.note(world.desk_id(case), text="тайна")
    hear(world)
    note = InboxEntry.objects.get()
    assert (note.event, note.note, note.state) == ("message_new", True, InboxEntry.State.IGNORED)
    world.desk.staffroom.reply(world.desk_id(case), text="Да")
    hear(world)
    assert world.thread(case) == ["Вы тут?", "Да"]
    assert "тайна" not in everything_stored()


def test_types_nobody_knows_are_kept_by_name_and_the_case_is_read(world: World) -> None:
    world.desk.switch(channel_webhook_other_types=True, rules_match_custom_channels=False)
    case = world.opened("Вы тут?", mode=Case.Mode.CHAT)
    world.work()
    world.desk.staffroom.reply(world.desk_id(case), text="Да")
    world.desk.staffroom.finish_chat(world.desk_id(case))
    hear(world)
    assert dict(inbox.unknown_events()) == {"typing": 1, "chat_closed": 1}
    assert world.thread(case) == ["Вы тут?", "Да"]
    assert fresh(case).status == Case.Status.CLOSED
