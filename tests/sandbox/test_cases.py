"""Cases over the API: making, reading, changing, throwing away (omnidesk-api.md 2, 4)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.desk import Desk

from .conftest import Caller, Clock


def test_a_new_case_looks_like_the_vendors_sample(api: Caller) -> None:
    case = api.open_case(user_full_name="Anna Petrova", custom_fields={"cf_25": "contract 18"}, labels=[101])
    assert case["case_id"] == 7001
    assert case["user_id"] == 123
    assert case["created_at"] == "Mon, 05 May 2014 00:15:17 +0300"
    assert (case["closed_at"], case["closing_speed"]) == ("-", "-")
    assert (case["status"], case["channel"], case["recipient"]) == ("open", "web", "anna@example.ru")
    assert (case["custom_fields"], case["labels"]) == ({"cf_25": "contract 18"}, [101])
    assert "attachments" not in case


def test_the_same_address_is_the_same_user_and_ids_grow(api: Caller) -> None:
    first, second, other = (
        api.open_case(),
        api.open_case("ANNA@example.ru"),
        api.open_case("boris@example.ru"),
    )
    assert first["user_id"] == second["user_id"] != other["user_id"]
    assert first["case_id"] < second["case_id"] < other["case_id"]
    assert len({first["case_number"], second["case_number"], other["case_number"]}) == 3


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"user_email": "no address"}, "incorrect_user_email"),
        ({"user_email": None}, "user_required"),
        ({"user_email": None, "user_id": 123}, "user_required"),
        ({"subject": " "}, "subject_required"),
        ({"content": ""}, "content_required"),
        ({"status": "new"}, "incorrect_status"),
        ({"priority": "urgent"}, "incorrect_priority"),
        ({"staff_id": 999}, "staff_has_not_access"),
        ({"labels": ["billing"]}, "incorrect_labels"),
        ({"attachment_urls": ["https://x/a.pdf"]}, "attachment_urls_not_imitated"),
    ],
)
def test_what_cannot_become_a_case_leaves_nothing_behind(
    api: Caller, desk: Desk, fields: dict[str, Any], error: str
) -> None:
    given = {"user_email": "anna@example.ru", "subject": "Invoice", "content": "Where?"}
    assert api.refused("POST", "cases.json", json={"case": {**given, **fields}}) == (400, error)
    assert desk.core.cases.all() == []
    assert desk.core.users.all() == []


def test_status_of_a_case_made_by_api(api: Caller, desk: Desk) -> None:
    assert api.open_case()["status"] == "open"
    assert api.open_case(status=None)["status"] == "waiting"
    desk.switch(api_case_status="waiting")
    assert api.open_case()["status"] == "waiting"


def test_user_id_can_identify_the_customer_where_the_switch_allows_it(api: Caller, desk: Desk) -> None:
    owner = api.open_case()["user_id"]
    desk.switch(create_case_by_user_id=True)
    assert api.open_case("", user_id=owner)["user_id"] == owner


def test_a_case_is_found_by_id_and_by_number(api: Caller) -> None:
    case = api.open_case()
    assert api.get(f"cases/{case['case_id']}.json") == api.get(f"cases/{case['case_number']}.json")
    assert api.refused("GET", "cases/1.json") == (404, "case_not_found")


def test_closing_and_reopening(api: Caller, clock: Clock) -> None:
    case_id = api.open_case()["case_id"]
    clock.move(120)
    closed = api.put(f"cases/{case_id}.json", {"case": {"status": "closed"}})["case"]
    assert (closed["status"], closed["closing_speed"]) == ("closed", 2)
    assert closed["closed_at"] == closed["updated_at"] == "Mon, 05 May 2014 00:17:17 +0300"
    assert api.put(f"cases/{case_id}.json", {"case": {"status": "open"}})["case"]["closed_at"] == "-"
    log = api.get(f"cases/{case_id}/changelog.json")["changelog"]
    assert [(entry["event"], entry["old_value"], entry["value"]) for entry in log] == [
        ("status", "open", "closed"),
        ("status", "closed", "open"),
    ]


def test_editing_a_case(api: Caller) -> None:
    case_id = api.open_case(labels=[101])["case_id"]
    fields = {
        "subject": "Found",
        "priority": "high",
        "staff_id": 41,
        "custom_fields": {"cf_30": True},
        "add_labels": [102],
        "delete_labels": [101],
    }
    case = api.put(f"cases/{case_id}.json", {"case": fields})["case"]
    assert (case["subject"], case["priority"], case["staff_id"]) == ("Found", "high", 41)
    assert (case["custom_fields"], case["labels"]) == ({"cf_30": True}, [102])


def test_rating_a_case(api: Caller) -> None:
    case_id = api.open_case()["case_id"]
    rated = api.put(f"cases/{case_id}/rate.json", {"rate": {"rating": "high", "rating_comment": "thanks"}})
    assert (rated["case"]["rating"], rated["case"]["rating_comment"]) == ("high", "thanks")
    assert api.refused("PUT", f"cases/{case_id}/rate.json", json={"rate": {"rating": "5"}}) == (
        400,
        "incorrect_rating",
    )


def test_trash_and_spam_are_flags_and_deletion_is_404(api: Caller, desk: Desk) -> None:
    first, second = api.open_case()["case_id"], api.open_case()["case_id"]
    assert api.put(f"cases/{first}/trash.json")["case"]["deleted"] is True
    assert api.put(f"cases/{first},{second}/spam.json") == {"case_success_id": [first, second]}
    assert api.get(f"cases/{first}.json")["case"]["spam"] is True
    assert api.put(f"cases/{first}/restore.json")["case"]["spam"] is False
    assert api.call("DELETE", f"/api/cases/{first}.json").status_code == 200
    assert api.refused("GET", f"cases/{first}.json") == (404, "case_not_found")
    assert api.refused("POST", f"cases/{first}/messages.json", json={}) == (404, "case_not_found")
    assert api.get("cases.json")["total_count"] == 1
    desk.switch(deleted_case="flagged", trashed_case="404")
    assert api.get(f"cases/{first}.json")["case"]["deleted"] is True


def test_at_most_ten_cases_at_once(api: Caller) -> None:
    ids = ",".join(str(number) for number in range(11))
    assert api.refused("PUT", f"cases/{ids}/trash.json") == (400, "too_many_cases")


def test_merging_moves_the_messages_and_hides_the_child(api: Caller, desk: Desk) -> None:
    child, parent = api.open_case()["case_id"], api.open_case()["case_id"]
    desk.staffroom.merge(child, parent)
    assert api.get(f"cases/{child}.json")["case"]["parent_case_id"] == parent
    assert api.messages(child) == []
    assert [message["message_id"] for message in api.messages(parent)] == [9001, 9002]
    assert api.get("cases.json")["total_count"] == 1
    assert api.get("cases.json", show_merged_cases="true")["total_count"] == 2


@pytest.mark.parametrize(("where", "lands"), [("to_parent", "parent"), ("stays", "child")])
def test_a_message_to_a_merged_case(api: Caller, desk: Desk, where: str, lands: str) -> None:
    places = {"child": api.open_case()["case_id"], "parent": api.open_case()["case_id"]}
    desk.staffroom.merge(places["child"], places["parent"])
    desk.switch(merged_case_message=where)
    api.post(f"cases/{places['child']}/messages.json", {"message": {"user_id": 123, "content": "more"}})
    assert api.messages(places[lands])[-1]["content_html"] == "more"


def test_giving_a_case_to_another_customer(api: Caller, desk: Desk) -> None:
    case = api.open_case()
    desk.staffroom.give(case["case_id"], "boris@example.ru")
    given = api.get(f"cases/{case['case_id']}.json")["case"]
    assert given["user_id"] != case["user_id"]
    assert given["recipient"] == "boris@example.ru"
    assert api.messages(case["case_id"])[0]["user_id"] == case["user_id"]


def test_longest_texts(api: Caller, desk: Desk) -> None:
    desk.switch(max_subject_length=3, max_content_length=3)
    given = {"user_email": "anna@example.ru", "subject": "Inv", "content": "Wher"}
    assert api.refused("POST", "cases.json", json={"case": given}) == (400, "content_too_long")
    given |= {"subject": "Invo", "content": "Whe"}
    assert api.refused("POST", "cases.json", json={"case": given}) == (400, "subject_too_long")


@pytest.mark.parametrize("body", [b"{", b"[1]", b'{"case": 5}', b""])
def test_unreadable_bodies_are_400(api: Caller, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    assert api.refused("POST", "cases.json", data=body, headers=headers)[0] == 400
