"""Lists: shapes, pages, searches, order, times (omnidesk-api.md 1.2-1.4, 4.1)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.desk import Desk
from sandbox.search import text_matches

from .conftest import START, Caller, Clock


def ids(listed: dict[str, Any]) -> list[int]:
    return [value["case"]["case_id"] for key, value in listed.items() if key.isdigit()]


def test_a_list_is_an_object_with_numeric_keys(api: Caller) -> None:
    api.open_case()
    listed = api.get("cases.json")
    assert list(listed) == ["0", "total_count"]
    assert listed["total_count"] == 1


def test_other_shapes_of_lists(api: Caller, desk: Desk) -> None:
    assert api.get("cases.json") == {"total_count": 0}
    desk.switch(empty_list="named")
    assert api.get("cases.json") == {"case": []}
    desk.switch(empty_list="array")
    assert api.get("cases.json") == []
    api.open_case()
    desk.switch(total_count="string")
    assert api.get("cases.json")["total_count"] == "1"
    desk.switch(total_count="missing")
    assert list(api.get("cases.json")) == ["0"]
    desk.switch(list_shape="array")
    assert list(api.get("cases.json")[0]) == ["case"]


@pytest.mark.parametrize(
    ("wanted", "value", "expected"),
    [
        ("me@b.ru", "some@b.ru", True),
        ("^me@b.ru^", "some@b.ru", False),
        ("^ME@b.ru^", "me@b.ru", True),
        ("^some", "some@b.ru", True),
        ("^me@", "some@b.ru", False),
        ("b.ru^", "some@b.ru", True),
        ("some^", "some@b.ru", False),
    ],
)
def test_searches_are_substrings_unless_tied_down(wanted: str, value: str, expected: bool) -> None:
    assert text_matches(wanted, value) is expected


def test_the_substring_trap_catches_other_peoples_cases(api: Caller) -> None:
    mine, other = api.open_case("me@b.ru")["case_id"], api.open_case("some@b.ru")["case_id"]
    assert ids(api.get("cases.json", user_email="me@b.ru")) == [other, mine]
    assert ids(api.get("cases.json", user_email="^me@b.ru^")) == [mine]


def test_short_search_strings_are_refused(api: Caller) -> None:
    assert api.refused("GET", "cases.json", params={"subject": "^abc^"}) == (400, "search_string_too_short")
    assert api.refused("GET", "users.json", params={"user_email": "ab"}) == (400, "search_string_too_short")


@pytest.mark.parametrize(
    "params", [{"page": 0}, {"page": 501}, {"limit": 101}, {"limit": "x"}, {"sort": "id_asc"}]
)
def test_numbers_outside_their_range_are_refused(api: Caller, params: dict[str, Any]) -> None:
    assert api.refused("GET", "cases.json", params=params)[0] == 400


def test_pages(api: Caller) -> None:
    made = [api.open_case()["case_id"] for _ in range(5)]
    assert ids(api.get("cases.json", sort="created_at_asc", limit=2, page=2)) == made[2:4]
    assert api.get("cases.json", limit=1)["total_count"] == 5
    assert ids(api.get("cases.json", page=500)) == []


def test_filters(api: Caller, desk: Desk) -> None:
    first = api.open_case(subject="Счёт за август", custom_fields={"cf_25": "contract 18", "cf_30": True})
    second = api.open_case("boris@example.ru", status="closed", labels=[101], priority="high")
    chat = api.open_case("vera@example.ru", channel="chat")
    desk.staffroom.set_chat(chat["case_id"], active=True)
    expected: list[tuple[dict[str, Any], list[int]]] = [
        ({"status": "closed"}, [second["case_id"]]),
        ({"user_id[]": [first["user_id"], second["user_id"]]}, [second["case_id"], first["case_id"]]),
        ({"user_id": first["user_id"]}, [first["case_id"]]),
        ({"subject": "СЧЁТ ЗА"}, [first["case_id"]]),
        ({"custom_fields[cf_25]": "^contract 18^"}, [first["case_id"]]),
        ({"custom_fields[cf_30]": "1"}, [first["case_id"]]),
        ({"labels[]": "101"}, [second["case_id"]]),
        ({"priority": "high"}, [second["case_id"]]),
        ({"channel": "chat"}, []),
        ({"channel": "chat", "show_active_chats": "true"}, [chat["case_id"]]),
    ]
    for params, found in expected:
        assert ids(api.get("cases.json", **params)) == found, params


def test_times_and_order(api: Caller, clock: Clock) -> None:
    first = api.open_case()["case_id"]
    clock.move(60)
    second = api.open_case()["case_id"]
    clock.move(60)
    api.put(f"cases/{first}.json", {"case": {"status": "closed"}})
    now = int(START)
    assert ids(api.get("cases.json", sort="updated_at_asc")) == [second, first]
    assert ids(api.get("cases.json")) == [first, second]
    assert ids(api.get("cases.json", from_updated_time=now + 61)) == [first]
    assert ids(api.get("cases.json", from_time="2014-05-05 00:16:00")) == [second]
    assert ids(api.get("cases.json", to_time="2014-05-05 00:16:00")) == [first]
    assert ids(api.get("cases.json", from_time="2014-05-06")) == []
    inverted = {"from_updated_time": now + 10, "to_updated_time": now}
    assert api.refused("GET", "cases.json", params=inverted) == (400, "incorrect_time_range")
    assert api.refused("GET", "cases.json", params={"from_time": "yesterday"}) == (400, "incorrect_time")


def test_first_response_speed_only_on_request(api: Caller, desk: Desk, clock: Clock) -> None:
    case_id = api.open_case()["case_id"]
    assert api.get("cases.json", show_first_response_time="true")["0"]["case"]["first_response_speed"] == "-"
    clock.move(180)
    desk.staffroom.reply(case_id, text="Here")
    assert api.get("cases.json", show_first_response_time="true")["0"]["case"]["first_response_speed"] == 3
    assert "first_response_speed" not in api.get("cases.json")["0"]["case"]


def test_users_and_the_password_in_the_answer(api: Caller) -> None:
    user = api.post("users.json", {"user": {"user_email": "anna@example.ru", "user_full_name": "Anna"}})[
        "user"
    ]
    assert user["password"]
    assert "password" not in api.get(f"users/{user['user_id']}.json")["user"]
    assert api.get("users.json", user_email="^anna@example.ru^")["total_count"] == 1
    again = {"user": {"user_email": "anna@example.ru"}}
    assert api.refused("POST", "users.json", json=again) == (400, "email_already_exist")
    assert api.refused("POST", "users.json", json={"user": {"user_email": "x"}}) == (400, "wrong_email")
    assert api.refused("GET", "users/999.json") == (404, "user_not_found")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("staff", "staff"),
        ("labels", "label"),
        ("groups", "group"),
        ("languages", "language"),
        ("custom_fields", "custom_field"),
    ],
)
def test_dictionaries(api: Caller, path: str, name: str) -> None:
    assert list(api.get(f"{path}.json")["0"]) == [name]


def test_there_are_no_custom_channels_yet(api: Caller) -> None:
    assert api.get("custom_channels.json") == {"total_count": 0}


def test_the_desks_clock_may_be_wrong(api: Caller, desk: Desk) -> None:
    desk.switch(clock_offset_seconds=-3600)
    assert api.open_case()["created_at"] == "Sun, 04 May 2014 23:15:17 +0300"
    assert api.call("GET", "/api/staff.json").headers["Date"] == "Sun, 04 May 2014 20:15:17 GMT"
