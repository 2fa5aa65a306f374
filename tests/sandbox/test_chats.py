"""Chats: cases of a sync channel, from their beginning to their end (omnidesk-api.md 6)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sandbox.cases import Refused
from sandbox.desk import Desk

from .conftest import Caller, Clock


@pytest.fixture
def chat(api: Caller, desk: Desk) -> dict[str, Any]:
    channel = desk.add_channel("Chat", channel_type="sync", webhook_url="http://x/", test=False)
    return api.open_case("", channel=channel.api_key, user_custom_id="anna-8e33", subject="")


def say(api: Caller, chat: dict[str, Any], text: str = "more") -> dict[str, Any]:
    given = {"message": {"user_id": chat["user_id"], "content": text}}
    found: dict[str, Any] = api.post(f"cases/{chat['case_id']}/messages.json", given)["message"]
    return found


def listed(api: Caller) -> bool:
    found: int = api.get("cases.json")["total_count"]
    return found == 1


def state(desk: Desk, chat: dict[str, Any]) -> tuple[bool, str]:
    case = desk.core.cases.get(chat["case_id"])
    assert case is not None
    return case.chat_active, case.status


def test_a_new_case_in_a_sync_channel_is_an_active_chat(
    api: Caller, desk: Desk, chat: dict[str, Any]
) -> None:
    assert not listed(api)
    assert api.get("cases.json", show_active_chats="true")["total_count"] == 1
    assert state(desk, chat) == (True, "open")
    assert api.get(f"cases/{chat['case_id']}.json")["case"]["channel"] == "cch101"


def test_a_case_in_an_async_channel_is_not(api: Caller, desk: Desk) -> None:
    channel = desk.add_channel("Cabinet")
    api.open_case("", channel=channel.api_key, user_custom_id="anna-8e33")
    assert listed(api)


@pytest.mark.parametrize(("closes", "status"), [(True, "closed"), (False, "open")])
def test_without_a_word_for_ten_minutes_it_leaves_the_window(
    api: Caller, desk: Desk, chat: dict[str, Any], clock: Clock, closes: bool, status: str
) -> None:
    desk.switch(chat_timeout_closes=closes)
    clock.move(599)
    desk.tick()
    assert not listed(api)
    clock.move(2)
    desk.tick()
    assert listed(api)
    assert state(desk, chat) == (False, status)
    assert api.get("cases.json", from_updated_time=int(clock()) - 5)["total_count"] == 1


@pytest.mark.parametrize("who", ["customer", "staff"])
def test_every_message_begins_the_ten_minutes_again(
    api: Caller, desk: Desk, chat: dict[str, Any], clock: Clock, who: str
) -> None:
    clock.move(500)
    if who == "customer":
        say(api, chat)
    else:
        desk.staffroom.reply(chat["case_id"], text="Here")
    clock.move(500)
    desk.tick()
    assert state(desk, chat)[0]
    clock.move(101)
    desk.tick()
    assert not state(desk, chat)[0]


def test_a_note_does_not(desk: Desk, chat: dict[str, Any], clock: Clock) -> None:
    clock.move(500)
    desk.staffroom.note(chat["case_id"], text="secret")
    clock.move(101)
    desk.tick()
    assert not state(desk, chat)[0]


def test_the_limit_is_a_switch_and_zero_means_none(desk: Desk, chat: dict[str, Any], clock: Clock) -> None:
    desk.switch(chat_idle_seconds=0)
    clock.move(10_000)
    desk.tick()
    assert state(desk, chat)[0]
    desk.switch(chat_idle_seconds=30)
    desk.tick()
    assert not state(desk, chat)[0]


@pytest.mark.parametrize(("closes", "status"), [(True, "closed"), (False, "open")])
def test_staff_finish_a_chat(desk: Desk, chat: dict[str, Any], closes: bool, status: str) -> None:
    desk.switch(chat_finish_closes=closes)
    desk.staffroom.finish_chat(chat["case_id"])
    assert state(desk, chat) == (False, status)
    with pytest.raises(Refused, match="chat_not_active"):
        desk.staffroom.finish_chat(chat["case_id"])


def test_closing_the_case_ends_the_chat(api: Caller, desk: Desk, chat: dict[str, Any]) -> None:
    api.put(f"cases/{chat['case_id']}.json", {"case": {"status": "closed"}})
    assert state(desk, chat) == (False, "closed")


@pytest.mark.parametrize(
    ("switches", "expected"),
    [
        ({}, (True, "open")),
        ({"chat_reactivates": False}, (False, "open")),
        ({"api_user_message_reopens": False}, (False, "closed")),
    ],
)
def test_a_message_into_a_closed_chat(
    api: Caller, desk: Desk, chat: dict[str, Any], switches: dict[str, Any], expected: tuple[bool, str]
) -> None:
    desk.staffroom.finish_chat(chat["case_id"])
    desk.switch(**switches)
    say(api, chat)
    assert state(desk, chat) == expected


@pytest.mark.parametrize("error", [(404, "case_not_found"), (400, "case_closed")])
def test_a_closed_chat_may_refuse(
    api: Caller, desk: Desk, chat: dict[str, Any], error: tuple[int, str]
) -> None:
    desk.switch(closed_chat_refuses=True, closed_chat_error=error[1])
    say(api, chat)
    desk.staffroom.finish_chat(chat["case_id"])
    given = {"message": {"user_id": chat["user_id"], "content": "more"}}
    assert api.refused("POST", f"cases/{chat['case_id']}/messages.json", json=given) == error
    assert len(api.messages(chat["case_id"])) == 2
    mail = api.open_case()
    desk.staffroom.set_status(mail["case_id"], "closed")
    say(api, mail)


@pytest.mark.parametrize(
    ("shape", "contents"),
    [("text", ("a < b", "")), ("html", ("", "a &lt; b")), ("both", ("a < b", "a &lt; b"))],
)
def test_which_content_is_filled_in_chats(
    api: Caller, desk: Desk, chat: dict[str, Any], shape: str, contents: tuple[str, str]
) -> None:
    desk.switch(chat_content_shape=shape)
    message = say(api, chat, "a < b")
    assert (message["content"], message["content_html"]) == contents


def test_service_rows_tell_of_beginning_and_end(api: Caller, desk: Desk, chat: dict[str, Any]) -> None:
    assert len(api.messages(chat["case_id"])) == 1
    desk.switch(chat_service_rows=True)
    desk.staffroom.finish_chat(chat["case_id"])
    say(api, chat)
    rows = [
        (row["content"], row["user_id"] or row["staff_id"], row["message_type"])
        for row in api.messages(chat["case_id"])
    ]
    assert rows[1] == ("Чат завершён", 0, "")
    assert rows[2][2] == "reply_user"
    assert rows[3] == ("Чат начат", 0, "")
    assert state(desk, chat) == (True, "open")


def test_the_channel_hears_once_that_a_chat_is_over(api: Caller, desk: Desk, chat: dict[str, Any]) -> None:
    desk.switch(channel_webhook_other_types=True)
    for closes in (True, False):
        desk.switch(chat_finish_closes=closes)
        desk.staffroom.finish_chat(chat["case_id"])
        say(api, chat)
    assert [json.loads(hook.body)["type"] for hook in desk.sent_webhooks] == ["chat_closed", "chat_closed"]


def test_the_change_log_knows_the_chat(api: Caller, desk: Desk, chat: dict[str, Any]) -> None:
    desk.staffroom.finish_chat(chat["case_id"])
    log = api.get(f"cases/{chat['case_id']}/changelog.json")["changelog"]
    assert [(entry["event"], entry["done_by"]) for entry in log] == [
        ("chat_activation", f"user_{chat['user_id']}"),
        ("chat_completion", "staff_41"),
        ("status", "staff_41"),
    ]
