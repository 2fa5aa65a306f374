"""Who may call, and what it costs (omnidesk-api.md 1.1, 1.5, 1.7)."""

from __future__ import annotations

import pytest

from sandbox.desk import Desk

from .conftest import Caller, Clock


@pytest.mark.parametrize(
    ("login", "key", "expected"),
    [
        ("robot@acme.example", "wrong", (401, "unauthorized")),
        ("nobody@acme.example", "sandbox-key", (403, "forbidden")),
    ],
)
def test_wrong_key_is_401_and_wrong_login_403(
    api: Caller, login: str, key: str, expected: tuple[int, str]
) -> None:
    assert api.refused("GET", "cases.json", auth=(login, key)) == expected


def test_no_credentials_at_all_is_401(api: Caller) -> None:
    api.auth = None
    assert api.refused("GET", "cases.json") == (401, "unauthorized")


def test_a_disabled_owner_of_the_key_is_refused(api: Caller, desk: Desk) -> None:
    owner = desk.people.staff_by_email("robot@acme.example")
    assert owner is not None
    desk.staffroom.enable(owner.staff_id, active=False)
    assert api.refused("GET", "cases.json") == (403, "staff_not_active")


def test_headers_have_the_vendors_names_and_writes_cost_two(api: Caller) -> None:
    read = api.call("GET", "/api/cases.json")
    assert (read.headers["rate_limit_per_minute"], read.headers["api_calls_left"]) == ("300", "299")
    assert "retry_after" not in read.headers
    api.open_case()
    assert api.call("GET", "/api/staff.json").headers["api_calls_left"] == "296"


def test_past_the_limit_is_429_until_the_next_minute(api: Caller, desk: Desk, clock: Clock) -> None:
    api.door("limit", per_minute=3)
    api.open_case()
    refused = api.call("POST", "/api/cases.json", json={})
    assert refused.status_code == 429
    # 00:15:17, so 43 seconds are left; the refused call cost nothing, one more reading fits.
    assert refused.headers["retry_after"] == "43"
    assert api.call("GET", "/api/cases.json").headers["api_calls_left"] == "0"
    clock.move(43)
    assert api.call("GET", "/api/cases.json").headers["api_calls_left"] == "2"


def test_other_integrations_use_the_same_account_up(api: Caller) -> None:
    assert api.door("limit", per_minute=20, burn=20) == {"per_minute": 20, "left": 0}
    assert api.refused("GET", "cases.json") == (429, "rate_limit_exceeded")


@pytest.mark.parametrize(("wanted", "present"), [("always", True), ("never", False)])
def test_retry_after_is_not_always_there(api: Caller, desk: Desk, wanted: str, present: bool) -> None:
    desk.switch(retry_after_header=wanted)
    desk.limit.per_minute = 1 if wanted == "always" else 0
    assert ("retry_after" in api.call("GET", "/api/cases.json").headers) is present


def test_unknown_addresses_are_404_and_rules_are_forbidden(api: Caller) -> None:
    assert api.refused("GET", "nothing.json") == (404, "not_found")
    assert api.refused("GET", "rules.json") == (403, "forbidden")
    assert api.refused("PUT", "cases.json") == (404, "not_found")


def test_a_slash_after_json_is_tolerated(api: Caller) -> None:
    assert api.call("GET", "/api/cases.json/").status_code == 200


def test_the_log_counts_units(api: Caller, desk: Desk) -> None:
    api.open_case()
    api.get("cases.json")
    api.refused("GET", "cases.json", auth=("x", "y"))
    assert [(call["method"], call["status"], call["units"]) for call in desk.calls] == [
        ("POST", 201, 2),
        ("GET", 200, 1),
        ("GET", 401, 0),
    ]
