"""The JSON doors that demo scripts and tests use, and the switches behind one of them."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from sandbox.desk import Desk
from sandbox.switches import Switches

from .conftest import Caller

FILE = {"name": "a.txt", "mime_type": "text/plain", "content_base64": base64.b64encode(b"hello").decode()}


def test_the_whole_story_through_doors(api: Caller, desk: Desk) -> None:
    case_id = api.door("mail/new", **{"from": "anna@example.ru"}, subject="Счёт", text="Где?", files=[FILE])[
        "case_id"
    ]
    answer = api.door("staff/reply", case_id=case_id, text="Вот", staff_id=42, files=[FILE])
    note = api.door("staff/note", case_id=case_id, html="<b>secret</b>")
    late = api.door("staff/reply", case_id=case_id, text="later", delay_seconds=60)
    api.door("staff/edit", message_id=answer["message_id"], html="<p>Вот он</p>")
    api.door("staff/delete", message_id=note["message_id"])
    api.door("staff/service", case_id=case_id, text="row")
    api.door("mail/reply", case_id=case_id, text="Спасибо", style="yandex")
    api.door("staff/status", case_id=case_id, status="closed")
    state = api.call("GET", "/sandbox/state").json()
    thread = state["cases"][0]["messages"]
    assert [(row["html"][:14], row["note"], row["deleted"], row["pending"]) for row in thread[:4]] == [
        ("Где?", False, False, False),
        ("<p>Вот он</p>", False, False, False),
        ("<b>secret</b>", True, True, False),
        ("later", False, False, True),
    ]
    assert thread[0]["files"][0]["size"] == 5
    assert answer["staff_id"] == 42
    assert late["sent_at"] - late["created_at"] == 60
    assert state["cases"][0]["status"] == "closed"
    assert len(state["letters"]) == 3
    mailbox = api.call("GET", "/sandbox/mailbox", params={"address": "anna@example.ru"}).json()
    assert [row["origin"] for row in mailbox] == ["customer", "desk", "customer"]
    assert api.call("GET", "/sandbox/mailbox").json() == {"addresses": ["anna@example.ru"]}


def test_doors_that_move_cases(api: Caller) -> None:
    first, second = api.open_case()["case_id"], api.open_case()["case_id"]
    assert api.door("staff/trash", case_id=first)["deleted"] is True
    assert api.door("staff/spam", case_id=first)["spam"] is True
    assert api.door("staff/restore", case_id=first)["spam"] is False
    assert api.door("staff/chat", case_id=first, active=True)["chat_active"] is True
    assert api.door("staff/give", case_id=first, email="boris@example.ru")["recipient"] == "boris@example.ru"
    assert len(api.door("staff/merge", case_id=first, into=second)["messages"]) == 2
    assert api.door("staff/destroy", case_id=second)["destroyed"] is True
    assert api.door("staff/enable", staff_id=41, active=False) == {"ok": True}


def test_channels_through_their_door(api: Caller, desk: Desk) -> None:
    made = api.door("channels", install={"url": "http://x/hooks/", "secret": "s3cret"})
    assert [(row["channel_api_key"], row["channel_type"], row["webhook_url"]) for row in made] == [
        ("cch101", "async", "http://x/hooks/s3cret/"),
        ("cch102", "sync", "http://x/hooks/s3cret/"),
    ]
    case_id = api.open_case("", channel="cch102", user_custom_id="client-18")["case_id"]
    assert api.door("staff/finish", case_id=case_id)["chat_active"] is False
    made = api.door("channels", title="Mine", channel_type="sync", webhook_url="http://y/", channel_id=103)
    assert [hook["url"] for hook in api.call("GET", "/sandbox/webhooks").json()] == ["http://y/"]
    assert [row["channel_id"] for row in api.door("channels", title="Next")] == [101, 102, 103, 104]
    assert api.door("channels", channel_id=103, active=False)[2]["active"] is False
    assert len(api.door("channels", delete=104)) == 3
    assert api.call("GET", "/sandbox/channels").json() == [*made[:2], {**made[2], "active": False}]
    desk.reset()
    assert len(desk.core.channels.all()) == 3


def test_doors_that_change_behaviour(api: Caller, desk: Desk) -> None:
    assert api.door("switches", api_echo=False, commit_delay_seconds=2)["commit_delay_seconds"] == 2.0
    described = api.call("GET", "/sandbox/switches").json()
    assert {"name", "value", "default", "options", "doc"} == set(described[0])
    assert api.door("faults", kind="slow", seconds=9)["active"][0]["seconds"] == 9
    active = api.door("faults", clear=True, seed=3, faults=[{"kind": "error_500"}, {"kind": "trickle"}])[
        "active"
    ]
    assert [fault["kind"] for fault in active] == ["error_500", "trickle"]
    desk.faults.clear()
    assert len(api.door("rules", install={"url": "http://x/", "secret": "s"})) == 4
    assert not any(rule["enabled"] for rule in api.door("rules", enabled=False))
    rules = api.door("rules", name="mine", condition="note_added", url="http://x/", body="{note_text}")
    assert len(api.door("rules", delete=rules[-1]["rule_id"])) == 4
    assert len(api.call("GET", "/sandbox/rules").json()) == 4
    assert api.door("limit", per_minute=7, reset=True) == {"per_minute": 7, "left": 7}
    assert [hook["rule"] for hook in api.call("GET", "/sandbox/webhooks").json()] == ["mine"]
    assert api.door("tick") == {"ok": True}
    assert api.door("reset") == {"ok": True}
    assert api.call("GET", "/sandbox/calls").json() == []


@pytest.mark.parametrize(
    ("door", "data", "status"),
    [
        ("staff/reply", {"case_id": 1, "text": "x"}, 404),
        ("staff/reply", {"text": "x"}, 400),
        ("staff/note", {"case_id": 7001, "text": " "}, 400),
        ("staff/note", {"case_id": 7001, "text": "x", "files": [{**FILE, "content_base64": "!"}]}, 400),
        ("staff/status", {"case_id": 7001, "status": "lost"}, 400),
        ("staff/merge", {"case_id": 7001, "into": 7001}, 400),
        ("staff/give", {"case_id": 7001, "email": "x"}, 400),
        ("staff/edit", {"message_id": 1, "text": "x"}, 404),
        ("staff/enable", {"staff_id": 1, "active": True}, 404),
        ("switches", {"no_such": 1}, 400),
        ("faults", {"kind": "slow", "colour": "red"}, 400),
        ("rules", {"name": "x"}, 400),
        ("channels", {"title": "x", "channel_type": "both"}, 400),
        ("channels", {"title": "x", "colour": "red"}, 400),
        ("channels", {"channel_id": 9, "active": False}, 404),
        ("staff/finish", {"case_id": 7001}, 400),
        ("nowhere", {}, 404),
    ],
)
def test_doors_refuse_in_words(api: Caller, door: str, data: dict[str, Any], status: int) -> None:
    api.open_case()
    answer = api.call("POST", f"/sandbox/{door}", json=data)
    assert (answer.status_code, list(answer.json())) == (status, ["error"])


@pytest.mark.parametrize(
    ("name", "given", "kept"),
    [
        ("api_echo", "off", False),
        ("api_echo", "True", True),
        ("webhook_retries", "3", 3),
        ("note_type", "n", "n"),
    ],
)
def test_switches_tame_what_forms_send(name: str, given: str, kept: object) -> None:
    switches = Switches()
    switches.update({name: given})
    assert getattr(switches, name) == kept


@pytest.mark.parametrize(
    "values", [{"content_shape": "odd"}, {"api_echo": "perhaps"}, {"webhook_retries": "x"}]
)
def test_a_bad_value_changes_nothing(values: dict[str, Any]) -> None:
    switches = Switches()
    with pytest.raises(ValueError, match="switch"):
        switches.update({"note_type": "changed", **values})
    assert switches == Switches()


def test_ids_can_be_given() -> None:
    desk = Desk(ids=lambda kind: {"case": 5, "message": 6, "user": 7, "letter": 8, "staff": 9}[kind])
    case = desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert (case.case_id, case.user_id) == (5, 7)
