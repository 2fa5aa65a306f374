"""Faults through the double: what a caller meets, and whether the work was done."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from sandbox.desk import Desk
from sandbox.faults import Faults

from .conftest import Caller, Clock

NEW_CASE = {"case": {"user_email": "anna@example.ru", "subject": "Invoice", "content": "Where?"}}


def attempt(api: Caller) -> requests.Response:
    return api.call("POST", "/api/cases.json", json=NEW_CASE)


@pytest.mark.parametrize(
    ("kind", "raised", "done"),
    [
        ("cut_before", requests.ConnectionError, 0),
        ("cut_after", requests.ConnectionError, 1),
        ("half_answer", requests.exceptions.ChunkedEncodingError, 1),
        ("trickle", requests.ReadTimeout, 1),
        ("slow", requests.ReadTimeout, 1),
    ],
)
def test_broken_lines(api: Caller, desk: Desk, kind: str, raised: type[Exception], done: int) -> None:
    desk.faults.add(kind, count=1)
    with pytest.raises(raised):
        attempt(api)
    assert len(desk.core.cases.all()) == done
    assert attempt(api).status_code == 201
    assert desk.faults.describe()["fired"] == {kind: 1}


@pytest.mark.parametrize(
    ("fault", "status", "done"),
    [
        ({"kind": "error_500"}, 500, 0),
        ({"kind": "error_500", "when": "after"}, 500, 1),
        ({"kind": "error_502"}, 502, 0),
        ({"kind": "error_502", "when": "after"}, 502, 1),
        ({"kind": "rate_limited"}, 429, 0),
        ({"kind": "wrong_key"}, 401, 0),
        ({"kind": "not_json"}, 200, 1),
        ({"kind": "not_json", "when": "before"}, 200, 0),
    ],
)
def test_wrong_answers(api: Caller, desk: Desk, fault: dict[str, Any], status: int, done: int) -> None:
    desk.faults.add(**fault)
    answer = attempt(api)
    assert answer.status_code == status
    assert len(desk.core.cases.all()) == done
    if status in (502, 200):
        assert "<html" in answer.text


def test_a_throttled_call_has_the_vendors_headers(api: Caller, desk: Desk) -> None:
    desk.faults.add("rate_limited")
    assert attempt(api).headers["retry_after"] == "43"


def test_a_throttled_call_says_when_to_come_again(api: Caller, desk: Desk) -> None:
    desk.faults.add("rate_limited", retry_after=2)
    assert attempt(api).headers["retry_after"] == "2"


def test_a_redirect(api: Caller, desk: Desk) -> None:
    desk.faults.add("redirect", location="https://elsewhere.example/")
    answer = api.call("GET", "/api/cases.json", allow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (302, "https://elsewhere.example/")


def test_a_patient_caller_waits_a_slow_answer_out(api: Caller, desk: Desk) -> None:
    desk.faults.add("slow", seconds=1.5, when="after")
    assert attempt(api).status_code == 201


def test_the_work_may_be_done_long_after_the_cut(api: Caller, desk: Desk, clock: Clock) -> None:
    desk.switch(commit_delay_seconds=20)
    desk.faults.add("cut_after", count=1)
    with pytest.raises(requests.ConnectionError):
        attempt(api)
    assert api.get("cases.json")["total_count"] == 0
    clock.move(21)
    assert api.get("cases.json")["total_count"] == 1


def test_filters_of_a_fault(api: Caller, desk: Desk) -> None:
    desk.faults.add("error_500", method="post", path=r"/messages\.json", skip=1, count=1)
    case_id = api.open_case()["case_id"]
    path, message = f"/api/cases/{case_id}/messages.json", {"message": {"user_id": 123, "content": "x"}}
    statuses = [api.call("POST", path, json=message).status_code for _ in range(3)]
    assert statuses == [201, 500, 201]
    assert api.call("GET", path).status_code == 200


def test_probability_is_repeatable() -> None:
    def strikes(seed: int) -> list[bool]:
        faults = Faults(seed)
        faults.add("error_500", probability=0.5)
        return [faults.strike_call("GET", "/api/x") is not None for _ in range(20)]

    assert strikes(7) == strikes(7) != strikes(8)
    assert {True, False} <= set(strikes(7))


@pytest.mark.parametrize("details", [{"kind": "gremlin"}, {"kind": "slow", "when": "never"}])
def test_unknown_faults_are_refused(details: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"fault|when"):
        Faults(1).add(**details)


def test_files_and_doors(api: Caller, desk: Desk) -> None:
    desk.faults.add("error_500")
    assert api.call("GET", "/attachment/download/1/1-ab-0/x").status_code == 500
    assert api.call("GET", "/sandbox/faults").status_code == 200
    desk.faults.clear()
    desk.faults.add("wrong_key")
    assert api.call("GET", "/attachment/download/1/1-ab-0/x").status_code == 401
