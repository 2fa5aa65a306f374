"""Rules and their webhooks (omnidesk-api.md 7)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.cases import Refused
from sandbox.desk import Desk
from sandbox.rules import as_form
from sandbox.webhooks import Webhook

from .conftest import Caller, Clock

URL = "http://cabinet.example/webhooks/omnidesk/"


def events(desk: Desk) -> list[tuple[str, str, str]]:
    """(event, case, message) of everything sent so far."""
    bodies = [json.loads(hook.body) for hook in desk.sent_webhooks]
    return [(body["event"], body["case_id"], body["message_id"]) for body in bodies]


@pytest.fixture
def wired(desk: Desk) -> Desk:
    desk.install_cabinet_rules(URL, "s3cret")
    return desk


def test_the_four_rules_of_a_cabinet(wired: Desk) -> None:
    case = wired.mailbox.write(sender="anna@example.ru", subject="Счёт", text="Где?")
    wired.staffroom.reply(case.case_id, text="Вот")
    wired.mailbox.answer(case_id=case.case_id, text="Спасибо")
    assert events(wired) == [
        ("new_case", "7001", "9001"),
        ("staff_reply", "7001", "9002"),
        ("status", "7001", "9002"),
        ("user_reply", "7001", "9003"),
        ("status", "7001", "9003"),
    ]
    hook = wired.sent_webhooks[0]
    assert (hook.method, hook.url) == ("POST", URL)
    assert hook.headers == {"X-Webhook-Secret": "s3cret", "Content-Type": "application/json"}


def test_without_headers_the_secret_stands_in_the_address(wired: Desk) -> None:
    wired.switch(webhook_headers=False)
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    hook = wired.sent_webhooks[0]
    assert hook.url == URL + "s3cret/"
    assert "X-Webhook-Secret" not in hook.headers


def test_bodies_as_a_php_form(wired: Desk) -> None:
    wired.switch(webhook_encoding="form")
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    hook = wired.sent_webhooks[0]
    assert hook.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(hook.body)) == {
        "v": "1",
        "event": "new_case",
        "case_id": "7001",
        "message_id": "9001",
    }


def test_nested_bodies_get_bracketed_names() -> None:
    form = as_form('{"type": "message_new", "object": {"note": false, "ids": [4, null]}}')
    assert form == "type=message_new&object%5Bnote%5D=0&object%5Bids%5D%5B0%5D=4&object%5Bids%5D%5B1%5D="
    assert as_form("not json") == "not json"


@pytest.mark.parametrize("echo", [True, False])
def test_changes_made_by_api_fire_rules_or_do_not(api: Caller, wired: Desk, echo: bool) -> None:
    wired.switch(api_echo=echo)
    case_id = api.open_case()["case_id"]
    api.post(f"cases/{case_id}/messages.json", {"message": {"user_id": 123, "content": "more"}})
    api.put(f"cases/{case_id}.json", {"case": {"status": "closed"}})
    assert [event for event, _, _ in events(wired)] == (["new_case", "user_reply", "status"] if echo else [])


def test_notes_fire_nothing_unless_the_switch_says_so(wired: Desk) -> None:
    case = wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    wired.staffroom.note(case.case_id, text="secret")
    assert [event for event, _, _ in events(wired)] == ["new_case"]
    wired.switch(notes_trigger_staff_replied=True)
    wired.staffroom.note(case.case_id, text="secret")
    assert events(wired)[-1] == ("staff_reply", "7001", "9001")


@pytest.mark.parametrize(("when", "first", "second"), [("due", 1, 3), ("written", 3, 3)])
def test_a_delayed_answer_fires_when_it_goes_out_or_when_it_is_written(
    wired: Desk, clock: Clock, when: str, first: int, second: int
) -> None:
    wired.switch(delayed_fires=when)
    case = wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    wired.staffroom.reply(case.case_id, text="later", delay_seconds=10)
    assert len(wired.sent_webhooks) == first
    clock.move(11)
    wired.tick()
    assert len(wired.sent_webhooks) == second


def test_values_are_strings_and_labels_are_russian(desk: Desk) -> None:
    names = "case_status case_priority user_email staff_id note_text custom_field_25 unknown last_message"
    body = "|".join(f"{{{name}}}" for name in names.split())
    desk.save_rule(
        test=False, name="all", condition="staff_replied", url="http://x/{case_number}/", body=body
    )
    case = desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    case.custom_fields["cf_25"] = "contract 18"
    desk.staffroom.note(case.case_id, text="he is new")
    desk.staffroom.reply(case.case_id, text="a & b")
    hook = desk.sent_webhooks[0]
    assert hook.body == "в ожидании|Обычный|anna@example.ru|0|he is new|contract 18||a &amp; b"
    assert hook.url == f"http://x/{case.case_number}/"


@pytest.mark.parametrize(("escapes", "readable"), [(True, True), (False, False)])
def test_values_may_break_the_json_of_a_body(desk: Desk, escapes: bool, readable: bool) -> None:
    desk.switch(webhook_escapes_json=escapes)
    desk.save_rule(
        test=False, name="r", kind="new", condition="new_case", url=URL, body='{"s": "{case_subject}"}'
    )
    desk.mailbox.write(sender="anna@example.ru", subject='say "hi"', text="y")
    try:
        json.loads(desk.sent_webhooks[0].body)
        found = True
    except ValueError:
        found = False
    assert found is readable


def test_group_and_labels_are_told_by_their_titles(api: Caller, desk: Desk) -> None:
    body = "{case_group}|{case_tags}"
    desk.save_rule(test=False, name="r", condition="staff_replied", url=URL, body=body)
    case_id = api.open_case(group_id=45, labels=[101, 102])["case_id"]
    desk.staffroom.reply(case_id, text="Here")
    assert desk.sent_webhooks[0].body == "Бухгалтерия|Кабинет, Счета"


def test_several_rules_may_match_in_any_order(desk: Desk) -> None:
    for name in ("first", "second"):
        desk.save_rule(test=False, name=name, kind="new", condition="new_case", url=URL, body=name)
    desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    desk.switch(rule_order="reversed")
    desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert [hook.body for hook in desk.sent_webhooks] == ["first", "second", "second", "first"]


def test_a_rule_can_be_switched_off_and_removed(wired: Desk) -> None:
    wired.enable_rules(enabled=False)
    wired.install_cabinet_rules(URL + "moved/", "s3cret")
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert wired.sent_webhooks == []
    wired.enable_rules(enabled=True, name="Cabinet: new case")
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert [hook.url for hook in wired.sent_webhooks] == [URL + "moved/"]
    wired.remove_rule(wired.core.rules.all()[-1].rule_id)
    assert len(wired.core.rules.all()) == 3


def test_saving_a_rule_sends_a_test_request_without_a_case(desk: Desk) -> None:
    desk.save_rule(name="r", condition="staff_replied", url=URL, body='{"case_id": "{case_id}"}')
    assert [hook.body for hook in desk.sent_webhooks] == ['{"case_id": ""}']


def test_the_change_log_tells_which_rule_fired(api: Caller, wired: Desk) -> None:
    case_id = api.open_case()["case_id"]
    entry = api.get(f"cases/{case_id}/changelog.json")["changelog"][0]
    rule = wired.core.rules.all()[-1]
    assert (entry["event"], entry["done_by"]) == ("rules", f"rule_{rule.rule_id}")
    assert entry["old_value"] == f"Cabinet: new case (ID - {rule.rule_id})"


def test_two_quick_answers_may_show_one_id(wired: Desk, clock: Clock) -> None:
    wired.switch(webhook_values_at="sending")
    wired.faults.add("webhook_late", seconds=5)
    case = wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    wired.staffroom.reply(case.case_id, text="one")
    wired.staffroom.reply(case.case_id, text="two")
    clock.move(6)
    wired.tick()
    assert [message for event, _, message in events(wired) if event == "staff_reply"] == ["9003", "9003"]


def test_merging_may_fire(wired: Desk) -> None:
    cases = [wired.mailbox.write(sender="anna@example.ru", subject="x", text="y") for _ in range(3)]
    wired.staffroom.merge(cases[0].case_id, cases[2].case_id)
    assert len(wired.sent_webhooks) == 3
    wired.switch(merge_fires_rules=True)
    wired.staffroom.merge(cases[1].case_id, cases[2].case_id)
    assert events(wired)[-1][:2] == ("status", str(cases[1].case_id))


@pytest.mark.parametrize(
    ("fault", "seconds", "at_once", "later"),
    [
        ("webhook_lost", 0.0, 0, 0),
        ("webhook_late", 5.0, 0, 1),
        ("webhook_doubled", 0.0, 2, 2),
        ("webhook_doubled", 5.0, 1, 2),
        ("webhook_shuffled", 5.0, 0, 1),
    ],
)
def test_troubled_webhooks(
    wired: Desk, clock: Clock, fault: str, seconds: float, at_once: int, later: int
) -> None:
    wired.faults.add(fault, seconds=seconds)
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert len(wired.sent_webhooks) == at_once
    clock.move(6)
    wired.tick()
    assert len(wired.sent_webhooks) == later
    assert len(wired.webhooks.lost) == (fault == "webhook_lost")


def test_a_webhook_can_come_ten_times(wired: Desk, clock: Clock) -> None:
    wired.faults.add("webhook_doubled", times=10, seconds=5, count=1)
    wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    assert len(wired.sent_webhooks) == 1
    clock.move(6)
    wired.tick()
    assert len(wired.sent_webhooks) == 10
    assert len({(hook.body, hook.url) for hook in wired.sent_webhooks}) == 1


def test_shuffled_webhooks_overtake_each_other(wired: Desk, clock: Clock) -> None:
    wired.faults.add("webhook_shuffled", seconds=5)
    for _ in range(8):
        wired.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    clock.move(6)
    wired.tick()
    arrived = [case for _, case, _ in events(wired)]
    assert sorted(arrived) != arrived
    assert len(arrived) == 8


class Receiver:
    """Somebody at the other end who answers what the test wants."""

    def __init__(self, *answers: int | None) -> None:
        self.answers, self.got = list(answers), 0

    def __call__(self, hook: Webhook) -> int | None:
        self.got += 1
        return self.answers.pop(0)


@pytest.mark.parametrize(
    ("retries", "answers", "outcomes"),
    [
        (0, [500], ["refused"]),
        (2, [500, None, 200], ["refused", "failed", "delivered"]),
        (1, [500, 500], ["refused", "refused"]),
    ],
)
def test_retries(clock: Clock, retries: int, answers: list[int | None], outcomes: list[str]) -> None:
    desk = Desk(clock=clock, send_webhook=Receiver(*answers), switches={"webhook_retries": retries})
    desk.install_cabinet_rules(URL)
    desk.mailbox.write(sender="anna@example.ru", subject="x", text="y")
    for _ in range(4):
        clock.move(6)
        desk.tick()
    assert [hook.outcome for hook in desk.sent_webhooks] == outcomes
    assert [hook.attempt for hook in desk.sent_webhooks] == list(range(1, len(outcomes) + 1))


@pytest.mark.parametrize("details", [{"condition": "full_moon"}, {"name": ""}, {"url": ""}])
def test_a_rule_needs_a_name_an_address_and_a_known_condition(desk: Desk, details: dict[str, Any]) -> None:
    rule = {"name": "r", "condition": "new_case", "url": URL, **details}
    with pytest.raises(Refused, match="incorrect_rule"):
        desk.save_rule(**rule)
