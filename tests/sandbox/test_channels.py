"""Custom channels: identity inside one, no letters, and the channel's own webhook (omnidesk-api.md 5, 6)."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from sandbox.__main__ import arguments, build
from sandbox.cases import Draft, Refused
from sandbox.desk import Desk
from sandbox.records import Body, Channel
from sandbox.webhooks import Webhook

from .conftest import Caller, Clock

URL = "http://cabinet.example/webhooks/omnidesk/s3cret/"
HERS = "8e33a1f0-anna"


@pytest.fixture
def channel(desk: Desk) -> Channel:
    return desk.add_channel("Cabinet", webhook_url=URL, test=False)


def open_case(api: Caller, channel: Channel, custom_id: str = HERS, **fields: Any) -> dict[str, Any]:
    return api.open_case("", channel=channel.api_key, user_custom_id=custom_id, **fields)


def said(desk: Desk) -> list[tuple[str, Any]]:
    """(type, object) of every JSON webhook of a channel."""
    bodies = [json.loads(hook.body) for hook in desk.sent_webhooks]
    return [(body["type"], body["object"]) for body in bodies]


def test_channels_are_listed_as_the_vendor_lists_them(api: Caller, channel: Channel) -> None:
    assert api.get("custom_channels.json") == {
        "0": {
            "custom_channel": {
                "channel_id": 101,
                "channel_api_key": "cch101",
                "title": "Cabinet",
                "channel_type": "async",
                "icon": "fa-question-circle",
                "webhook_url": URL,
                "active": True,
            }
        },
        "total_count": 1,
    }


def test_somebody_is_one_profile_in_each_channel_and_another_by_mail(
    api: Caller, desk: Desk, channel: Channel
) -> None:
    other = desk.add_channel("Another")
    by_mail = api.open_case()
    first = open_case(api, channel, user_email="anna@example.ru", user_full_name="Anna Petrova")
    again = open_case(api, channel, subject="")
    elsewhere = open_case(api, other)
    assert first["user_id"] == again["user_id"]
    assert len({by_mail["user_id"], first["user_id"], elsewhere["user_id"]}) == 3
    assert api.open_case()["user_id"] == by_mail["user_id"]
    user = api.get(f"users/{first['user_id']}.json")["user"]
    assert (user["type"], user["user_custom_id"], user["user_custom_channel"], user["user_full_name"]) == (
        "custom_channel",
        HERS,
        "cch101",
        "Anna Petrova",
    )
    assert (first["channel"], first["recipient"]) == ("cch101", "")


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"channel": "cch9"}, "channel_not_found"),
        ({"channel": "cch"}, "channel_not_found"),
        ({"channel": "cch102"}, "channel_not_active"),
        ({"user_custom_id": " "}, "user_required"),
        ({"user_custom_id": "", "user_email": "anna@example.ru"}, "user_required"),
        ({"channel": "web"}, "channel_required"),
    ],
)
def test_what_a_channel_refuses_leaves_nothing_behind(
    api: Caller, desk: Desk, channel: Channel, fields: dict[str, Any], error: str
) -> None:
    desk.add_channel("Old", active=False)
    given = {"channel": "cch101", "user_custom_id": HERS, "content": "Where?", "subject": "x", **fields}
    assert api.refused("POST", "cases.json", json={"case": given}) == (400, error)
    assert (desk.core.cases.all(), desk.core.users.all()) == ([], [])


def test_finding_by_custom_id_is_a_substring_search_too(api: Caller, desk: Desk, channel: Channel) -> None:
    other = desk.add_channel("Another")
    hers, longer, elsewhere = (
        open_case(api, channel, "client-18")["case_id"],
        open_case(api, channel, "client-181")["case_id"],
        open_case(api, other, "client-18")["case_id"],
    )
    expected: list[tuple[dict[str, Any], set[int]]] = [
        ({"user_custom_id": "client-18"}, {hers, longer, elsewhere}),
        ({"user_custom_id": "^client-18^"}, {hers, elsewhere}),
        ({"user_custom_id": "^client-18^", "user_custom_channel": "cch101"}, {hers}),
        ({"user_custom_id": "^client-18^", "user_custom_channel": "102"}, {elsewhere}),
        ({"channel": "cch101"}, {hers, longer}),
        ({"user_custom_channel": "cch10"}, set()),
    ]
    for params, found in expected:
        listed = api.get("cases.json", **params)
        assert {row["case"]["case_id"] for key, row in listed.items() if key.isdigit()} == found, params
        if "channel" not in params:
            assert api.get("users.json", **params)["total_count"] == len(found), params


def test_the_channel_of_a_profile_may_be_a_bare_number(api: Caller, desk: Desk, channel: Channel) -> None:
    user_id = open_case(api, channel)["user_id"]
    desk.switch(user_custom_channel_shape="number")
    assert api.get(f"users/{user_id}.json")["user"]["user_custom_channel"] == "101"


def test_making_a_profile_of_a_channel(api: Caller, channel: Channel) -> None:
    given = {"user": {"user_custom_id": HERS, "user_custom_channel": "101"}}
    user = api.post("users.json", given)["user"]
    assert user["user_custom_channel"] == "cch101"
    assert open_case(api, channel)["user_id"] == user["user_id"]
    assert api.refused("POST", "users.json", json=given) == (400, "custom_id_already_exist")


def test_answers_in_a_channel_are_posted_and_never_mailed(api: Caller, desk: Desk, channel: Channel) -> None:
    case = open_case(api, channel, user_email="anna@example.ru")
    answer = desk.staffroom.reply(case["case_id"], text="Help is coming!", staff_id=41)
    hook = desk.sent_webhooks[0]
    assert (hook.method, hook.url, hook.headers) == ("POST", URL, {"Content-Type": "application/json"})
    assert said(desk) == [
        (
            "message_new",
            {
                "message_id": answer.message_id,
                "case_id": case["case_id"],
                "staff_id": 41,
                "user_id": case["user_id"],
                "custom_user_id": HERS,
                "content": "Help is coming!",
                "note": 0,
                "sent_via_rule": 0,
            },
        )
    ]
    assert desk.core.letters.all() == []


def test_the_customers_own_words_are_not_told_to_the_channel(
    api: Caller, desk: Desk, channel: Channel
) -> None:
    case = open_case(api, channel)
    more = {"message": {"user_id": case["user_id"], "content": "more"}}
    message = api.post(f"cases/{case['case_id']}/messages.json", more)["message"]
    assert (message["user_id"], message["message_type"]) == (case["user_id"], "reply_user")
    assert desk.sent_webhooks == []


def test_an_answer_by_api_is_told_even_on_a_desk_that_is_quiet_to_rules(
    api: Caller, desk: Desk, channel: Channel
) -> None:
    """The lost user_id of 3.3 reaches the customer here as well, only not by mail."""
    desk.switch(api_echo=False)
    case_id = open_case(api, channel)["case_id"]
    api.post(f"cases/{case_id}/messages.json", {"message": {"content": "still nothing"}})
    assert [about["content"] for _, about in said(desk)] == ["still nothing"]


def test_notes_and_rules_answers_are_marked(api: Caller, desk: Desk, channel: Channel) -> None:
    case_id = open_case(api, channel)["case_id"]
    desk.staffroom.note(case_id, text="secret")
    desk.staffroom.reply(case_id, text="automatic", sent_via_rule=True)
    found = [(about["content"], about["note"], about["sent_via_rule"]) for _, about in said(desk)]
    assert found == [("secret", 1, 0), ("automatic", 0, 1)]


def test_notes_are_kept_back_by_a_switch_and_never_told_twice(
    api: Caller, desk: Desk, channel: Channel
) -> None:
    case_id = open_case(api, channel)["case_id"]
    desk.switch(notes_trigger_staff_replied=True)
    desk.staffroom.note(case_id, text="secret")
    assert len(said(desk)) == 1
    desk.switch(channel_webhook_notes=False)
    desk.staffroom.note(case_id, text="secret")
    assert len(said(desk)) == 1


def test_the_webhook_as_a_php_form(api: Caller, desk: Desk, channel: Channel) -> None:
    desk.switch(channel_webhook_encoding="form")
    case = open_case(api, channel)
    desk.staffroom.reply(case["case_id"], text="a & b", staff_id=41)
    hook = desk.sent_webhooks[0]
    assert hook.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(hook.body)) == {
        "type": "message_new",
        "object[message_id]": "9002",
        "object[case_id]": str(case["case_id"]),
        "object[staff_id]": "41",
        "object[user_id]": str(case["user_id"]),
        "object[custom_user_id]": HERS,
        "object[content]": "a & b",
        "object[note]": "0",
        "object[sent_via_rule]": "0",
    }


def test_numbers_as_strings_and_richer_contents(api: Caller, desk: Desk, channel: Channel) -> None:
    desk.switch(channel_webhook_strings=True, channel_webhook_rich=True)
    case_id = open_case(api, channel)["case_id"]
    desk.staffroom.reply(case_id, html="<p>a</p>")
    about = said(desk)[0][1]
    assert (about["case_id"], about["note"], about["content"]) == (str(case_id), "0", "a")
    assert (about["content_html"], about["attachments"]) == ("<p>a</p>", [])


def test_types_that_nobody_expects(api: Caller, desk: Desk, channel: Channel) -> None:
    desk.switch(channel_webhook_other_types=True)
    case_id = open_case(api, channel)["case_id"]
    desk.staffroom.reply(case_id, text="Here")
    api.put(f"cases/{case_id}.json", {"case": {"status": "closed"}})
    assert [kind for kind, _ in said(desk)] == ["typing", "message_new", "chat_closed"]
    assert {about["custom_user_id"] for _, about in said(desk)} == {HERS}


def test_a_delayed_answer_is_told_when_it_goes_out(
    api: Caller, desk: Desk, channel: Channel, clock: Clock
) -> None:
    case_id = open_case(api, channel)["case_id"]
    desk.staffroom.reply(case_id, text="later", delay_seconds=10)
    assert said(desk) == []
    clock.move(11)
    desk.tick()
    assert len(said(desk)) == 1


@pytest.mark.parametrize(
    ("fault", "at_once", "later"), [("webhook_lost", 0, 0), ("webhook_late", 0, 1), ("webhook_doubled", 1, 2)]
)
def test_the_faults_of_webhooks_strike_channels(
    api: Caller, desk: Desk, channel: Channel, clock: Clock, fault: str, at_once: int, later: int
) -> None:
    desk.faults.add(fault, seconds=5, path="^cch101 ")
    desk.staffroom.reply(open_case(api, channel)["case_id"], text="Here")
    assert len(desk.sent_webhooks) == at_once
    clock.move(6)
    desk.tick()
    assert len(desk.sent_webhooks) == later
    assert [hook.rule for hook in desk.webhooks.lost] == (["cch101"] if fault == "webhook_lost" else [])


def test_a_refused_delivery_is_repeated_as_it_was(clock: Clock) -> None:
    answers = [500, None, 200]
    sent: list[Webhook] = []

    def receive(hook: Webhook) -> int | None:
        sent.append(hook)
        return answers.pop(0)

    desk = Desk(clock=clock, send_webhook=receive, switches={"webhook_retries": 2})
    channel = desk.add_channel("Cabinet", webhook_url=URL, test=False)
    user = desk.people.meet(custom_id=HERS, channel=channel.api_key)
    case = desk.cases.open_case(
        user,
        Draft(body=Body(text="Where?", html="Where?"), user_id=user.user_id),
        subject="x",
        channel=channel.api_key,
        status="open",
    )
    desk.staffroom.reply(case.case_id, text="Here")
    for _ in range(3):
        clock.move(6)
        desk.tick()
    assert [hook.outcome for hook in sent] == ["refused", "failed", "delivered"]
    assert len({hook.body for hook in sent}) == 1
    desk.close()


@pytest.mark.parametrize(("match", "fired"), [(True, ["new_case", "staff_reply", "status"]), (False, [])])
def test_rules_fire_for_cases_of_channels_or_do_not(
    api: Caller, desk: Desk, match: bool, fired: list[str]
) -> None:
    silent = desk.add_channel("Without a webhook")
    desk.install_cabinet_rules("http://cabinet.example/webhooks/omnidesk/", "s3cret")
    desk.switch(rules_match_custom_channels=match)
    desk.staffroom.reply(open_case(api, silent)["case_id"], text="Here")
    assert [json.loads(hook.body)["event"] for hook in desk.sent_webhooks] == fired


def test_a_channel_that_is_off_tells_nothing(api: Caller, desk: Desk, channel: Channel) -> None:
    case_id = open_case(api, channel)["case_id"]
    desk.channels.enable(channel.channel_id, active=False)
    desk.staffroom.reply(case_id, text="Here")
    assert desk.sent_webhooks == []


def test_saving_sends_a_test_request_without_a_case(desk: Desk) -> None:
    desk.add_channel("Cabinet", webhook_url=URL)
    assert said(desk) == [("test", {})]
    desk.switch(webhook_test_on_save=False)
    desk.add_channel("Another", webhook_url=URL)
    assert len(said(desk)) == 1


@pytest.mark.parametrize("details", [{"title": ""}, {"title": "x", "channel_type": "both"}])
def test_a_channel_needs_a_title_and_a_known_type(desk: Desk, details: dict[str, Any]) -> None:
    with pytest.raises(Refused, match="incorrect_channel"):
        desk.add_channel(**details)


def test_the_process_starts_with_a_cabinets_channels_when_asked() -> None:
    options = ["--port", "0", "--smtp-port", "0", "--webhook-url", "http://a/hooks/", "--webhook-secret", "s"]
    desk, server, smtp = build(arguments([*options, "--cabinet-channels"]))
    smtp.start()
    smtp.stop()
    server.server_close()
    assert {row.api_key: row.webhook_url for row in desk.core.channels.all()} == {
        "cch101": "http://a/hooks/s/",
        "cch102": "http://a/hooks/s/",
    }
    desk.close()


def test_installing_the_channels_of_a_cabinet_again_only_moves_them(desk: Desk) -> None:
    first = desk.install_cabinet_channels("http://a/webhooks/omnidesk/", "s3cret")
    assert [(row.api_key, row.channel_type) for row in first] == [("cch101", "async"), ("cch102", "sync")]
    assert first[0].webhook_url == "http://a/webhooks/omnidesk/s3cret/"
    desk.channels.enable(102, active=False)
    again = desk.install_cabinet_channels("http://b/webhooks/omnidesk/", "s3cret")
    assert [(row.channel_id, row.active, row.webhook_url[:9]) for row in again] == [
        (101, True, "http://b/"),
        (102, False, "http://b/"),
    ]
    assert desk.sent_webhooks == []
