"""Files both ways (omnidesk-api.md 2.3, 8)."""

from __future__ import annotations

import pytest

from sandbox.desk import Desk

from .conftest import BASE, Caller, Clock

AWKWARD = bytes(range(256)) + b"\r\n--boundary\r\n\r\n" + b"\r\n"


def opened(api: Caller, first: int = 1) -> dict[str, object]:
    parts = {
        "case[user_email]": "anna@example.ru",
        "case[subject]": "Договор",
        "case[content]": "см. файлы",
        "case[custom_fields][cf_25]": "18",
        "case[labels][0]": "101",
    }
    files = {
        f"case[attachments][{first}]": ("договор.pdf", AWKWARD, "application/pdf"),
        f"case[attachments][{first + 1}]": ("a.txt", b"", "text/plain"),
    }
    answer = api.call("POST", "/api/cases.json", data=parts, files=files)
    assert answer.status_code == 201, answer.text
    found: dict[str, object] = answer.json()["case"]
    return found


@pytest.mark.parametrize("first", [0, 1])
def test_multipart_with_bracketed_names(api: Caller, first: int) -> None:
    case = opened(api, first)
    assert (case["custom_fields"], case["labels"]) == ({"cf_25": "18"}, [101])
    sent = case["attachments"]
    assert isinstance(sent, list)
    assert [(row["file_name"], row["file_size"], row["mime_type"]) for row in sent] == [
        ("договор.pdf", len(AWKWARD), "application/pdf"),
        ("a.txt", 0, "text/plain"),
    ]
    assert sent[0]["url"].startswith(f"{BASE}/attachment/download/")
    assert sent[0]["file_id"] == 345


def test_bytes_come_back_as_they_were(api: Caller) -> None:
    case = opened(api)
    url = api.messages(int(str(case["case_id"])))[0]["attachments"][0]["url"].removeprefix(BASE)
    answer = api.call("GET", url)
    assert (answer.content, answer.headers["Content-Type"]) == (AWKWARD, "application/pdf")
    assert api.call("GET", url.replace("345-", "345-0")).status_code == 404


def test_who_may_fetch_a_file(api: Caller, desk: Desk) -> None:
    case_id = int(str(opened(api)["case_id"]))
    url = api.messages(case_id)[0]["attachments"][0]["url"].removeprefix(BASE)
    api.auth = None
    assert api.call("GET", url).status_code == 401
    desk.switch(attachment_access="login_page")
    page = api.call("GET", url)
    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    desk.switch(attachment_access="open")
    assert api.call("GET", url).content == AWKWARD


def test_a_file_behind_a_redirect(api: Caller, desk: Desk) -> None:
    case_id = int(str(opened(api)["case_id"]))
    url = api.messages(case_id)[0]["attachments"][0]["url"].removeprefix(BASE)
    desk.switch(attachment_access="redirect", attachment_redirect_base="https://files.example")
    answer = api.call("GET", url, allow_redirects=False)
    assert answer.status_code == 302
    assert answer.headers["Location"].startswith("https://files.example/attachment/stored/")
    stored = answer.headers["Location"].removeprefix("https://files.example")
    assert api.call("GET", stored, auth=None).content == AWKWARD


def test_an_address_may_expire_and_a_new_reading_gives_another(api: Caller, desk: Desk, clock: Clock) -> None:
    desk.switch(attachment_expiry_seconds=60)
    case_id = int(str(opened(api)["case_id"]))
    old = api.messages(case_id)[0]["attachments"][0]["url"].removeprefix(BASE)
    clock.move(61)
    assert api.call("GET", old).status_code == 403
    fresh = api.messages(case_id)[0]["attachments"][0]["url"].removeprefix(BASE)
    assert api.call("GET", fresh).content == AWKWARD


def test_a_file_alone_is_a_message(api: Caller) -> None:
    case_id = api.open_case()["case_id"]
    answer = api.call(
        "POST",
        f"/api/cases/{case_id}/messages.json",
        data={"message[user_id]": "123", "message[content]": ""},
        files={"message[attachments][0]": ("a.txt", b"x", "text/plain")},
    )
    assert answer.status_code == 201
    assert answer.json()["message"]["user_id"] == 123


def test_limits_of_uploads(api: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.calls.FILE_LIMIT_BYTES", 100)
    given = {"case[user_email]": "a@b.ru", "case[subject]": "x", "case[content]": "y"}
    files = {"case[attachments][1]": ("a", AWKWARD)}
    refused = api.refused("POST", "cases.json", data=given, files=files)
    assert refused == (400, "attachment_too_large")
    monkeypatch.setattr("sandbox.api.REQUEST_LIMIT_BYTES", 100)
    assert api.call("POST", "/api/cases.json", data=given, files=files).status_code == 413


def test_inner_parts_that_are_no_form_are_refused(api: Caller) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        body = b"--x\r\nContent-Type: text/plain\r\n\r\nhello\r\n--x--"
        refused = api.refused("POST", "cases.json", data=body, headers={"Content-Type": content_type})
        assert refused[0] == 400
