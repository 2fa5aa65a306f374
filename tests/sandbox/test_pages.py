"""The staff page, the mailbox page and the control page, as a browser without JavaScript uses them."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.desk import Desk
from sandbox.records import Case

from .conftest import Caller

EVIL = "<script>alert(1)</script>"


@pytest.fixture
def case(desk: Desk) -> Case:
    return desk.mailbox.write(sender="anna@example.ru", subject=f"Счёт {EVIL}", text=f"Где? {EVIL}")


def page(api: Caller, path: str) -> str:
    answer = api.call("GET", path)
    assert answer.status_code == 200, answer.text
    assert EVIL not in answer.text
    return answer.text


def submit(api: Caller, path: str, files: Any = None, /, **form: str) -> str:
    """Post a form the way a browser does; gives the page it leads to."""
    sent = {name: (None, value) for name, value in form.items()} | dict(files or {"files[]": ("", b"")})
    answer = api.call("POST", path, files=sent, allow_redirects=False)
    assert answer.status_code == 303, answer.text
    return page(api, answer.headers["Location"])


def test_the_list_finds_cases(api: Caller, case: Case) -> None:
    assert case.case_number in page(api, "/staff/")
    assert case.case_number in page(api, "/staff/?q=anna")
    assert case.case_number not in page(api, "/staff/?q=boris")
    assert api.call("GET", "/", allow_redirects=False).headers["Location"] == "/staff/"


def test_answering_with_files_html_and_delay(api: Caller, desk: Desk, case: Case) -> None:
    place = f"/staff/cases/{case.case_id}"
    files = {"files[]": ("счёт.pdf", b"%PDF", "application/pdf")}
    html = submit(
        api, f"{place}/reply", files, text="<p>Вот</p>", as_html="1", staff_id="42", delay_seconds="0"
    )
    assert "Павел Громов" in html
    assert "счёт.pdf" in html
    answer = desk.core.thread(case.case_id)[-1]
    assert answer.html == "<p>Вот</p>"
    downloaded = api.call("GET", f"/files/{answer.file_ids[0]}")
    assert (downloaded.content, downloaded.headers["Content-Type"]) == (b"%PDF", "application/pdf")
    html = submit(api, f"{place}/reply", text="later", staff_id="41", delay_seconds="60")
    assert "pending" in html
    assert desk.core.thread(case.case_id)[-1].file_ids == []


def test_everything_staff_can_do(api: Caller, desk: Desk, case: Case) -> None:
    other = desk.mailbox.write(sender="boris@example.ru", subject="x", text="y")
    place = f"/staff/cases/{case.case_id}"
    note = submit(api, f"{place}/note", text="secret", staff_id="41")
    assert 'class="note"' in note
    message_id = str(desk.core.thread(case.case_id)[0].message_id)
    assert "edited" in submit(api, f"{place}/edit", message_id=message_id, text="Changed")
    assert "gone" in submit(api, f"{place}/delete", message_id=message_id)
    assert "закрытое" in submit(api, f"{place}/status", status="closed")
    assert "deleted" in submit(api, f"{place}/trash")
    assert "spam" in submit(api, f"{place}/spam")
    submit(api, f"{place}/restore")
    assert "boris@example.ru" in submit(api, f"{place}/give", email="boris@example.ru")
    assert f"merged into {other.case_id}" in submit(api, f"{place}/merge", into=f"#{other.case_number}")
    assert "destroyed" in submit(api, f"/staff/cases/{other.case_id}/destroy")
    assert "vera@example.ru" in submit(api, "/staff/open", email="vera@example.ru", subject="x", text="y")


def test_a_chat_on_the_staffs_pages(api: Caller, desk: Desk, case: Case) -> None:
    chat = desk.add_channel("Чат на сайте", channel_type="sync")
    made = api.open_case(
        "", channel=chat.api_key, user_custom_id="anna-8e33", user_full_name=f"Anna {EVIL}", subject=""
    )
    place = f"/staff/cases/{made['case_id']}"
    html = page(api, f"/staff/cases/chat/{made['case_number']}")
    assert "cch101 Чат на сайте (sync)" in html
    assert "anna-8e33" in html
    assert "active chat" in html
    assert "Finish the chat" in html
    assert "Вот" in submit(api, f"{place}/reply", text="Вот", staff_id="41", delay_seconds="0")
    html = submit(api, f"{place}/finish_chat")
    assert "закрытое" in html
    assert "Finish the chat" not in html
    assert "Finish the chat" not in page(api, f"/staff/cases/record/{case.case_number}")


def test_the_list_can_be_narrowed_to_a_channel_and_to_active_chats(
    api: Caller, desk: Desk, case: Case
) -> None:
    channel = desk.add_channel("Cabinet")
    chat = desk.add_channel("Chat", channel_type="sync")
    numbers = {
        "mail": case.case_number,
        "case": api.open_case("", channel=channel.api_key, user_custom_id="anna-8e33")["case_number"],
        "chat": api.open_case("", channel=chat.api_key, user_custom_id="anna-8e33")["case_number"],
    }
    for query, expected in (
        ("", {"mail", "case", "chat"}),
        ("?channel=email", {"mail"}),
        ("?channel=cch101", {"case"}),
        ("?chats=active", {"chat"}),
        ("?chats=other", {"mail", "case"}),
        ("?q=8E33&chats=other", {"case"}),
    ):
        html = page(api, f"/staff/{query}")
        assert {name for name, number in numbers.items() if f"#{number}" in html} == expected, query


def test_the_case_page_shows_where_a_case_belongs_and_how_it_was_rated(api: Caller) -> None:
    fields = {"cf_25": f"18 {EVIL}", "cf_31": "2", "cf_99": "x"}
    case = api.open_case(group_id=45, labels=[102, 999], custom_fields=fields)
    rating = {"rating": "low", "rating_comment": f"slow {EVIL}"}
    api.put(f"cases/{case['case_id']}/rate.json", {"rate": rating})
    html = page(api, f"/staff/cases/record/{case['case_number']}")
    for words in ("Бухгалтерия", "Счета, 999", "Договор", "18 &lt;script", "Отдел", "cf_99", "low slow"):
        assert words in html


def test_staff_have_pictures(api: Caller, desk: Desk, case: Case) -> None:
    desk.staffroom.reply(case.case_id, text="Вот", staff_id=41)
    message = api.messages(case.case_id)[-1]
    assert message["full_name"] == "Мария Орлова"
    assert message["thumbnail"] == api.get("staff.json")["0"]["staff"]["thumbnail"]
    picture = api.call("GET", message["thumbnail"].removeprefix(api.base), auth=None)
    assert picture.headers["Content-Type"] == "image/png"
    assert picture.content.startswith(b"\x89PNG\r\n")
    assert len(picture.content) < 2000
    assert api.messages(case.case_id)[0]["thumbnail"] == ""
    desk.switch(message_authors="absent")
    assert not {"full_name", "thumbnail"} & set(api.messages(case.case_id)[-1])


def test_mailboxes(api: Caller, desk: Desk, case: Case) -> None:
    desk.staffroom.reply(case.case_id, text="Вот")
    assert "anna@example.ru" in page(api, "/mailbox/")
    box = page(api, "/mailbox/anna@example.ru/")
    assert "Answer this letter" in box
    letter = desk.post.mailbox("anna@example.ru")[0]
    files = {"files[]": ("a.txt", b"x", "text/plain")}
    path = f"/mailbox/letters/{letter.letter_id}/answer"
    assert "Спасибо" in submit(api, path, files, text="Спасибо", style="apple", language="en", **{"from": ""})
    assert "Apple-interchange" in desk.core.thread(case.case_id)[-1].html
    assert "Новое" in submit(api, "/mailbox/write", **{"from": "vera@example.ru"}, subject="Новое", text="y")
    assert "No letters" in page(api, "/mailbox/nobody@example.ru/")


def test_the_control_page(api: Caller, desk: Desk) -> None:
    submit(api, "/control/switch", name="api_echo", value="False")
    submit(api, "/control/limit", per_minute="20")
    submit(api, "/control/fault", kind="slow", count="2", probability="0.5", seconds="1", path="messages")
    submit(api, "/control/fault", kind="trickle", count="", probability="", seconds="", path="")
    body = '{"case_id": "{case_id}"}'
    rule = {"name": "mine", "condition": "new_case", "url": "http://x/", "header": "X-Token: s", "body": body}
    assert "mine" in submit(api, "/control/save_rule", **rule)
    assert "Switch on" in submit(api, "/control/rule", name="mine", enabled="0")
    assert (desk.switches.api_echo, desk.limit.per_minute, len(desk.faults.active)) == (False, 20, 2)
    saved = desk.core.rules.all()[0]
    assert (saved.kind, saved.headers, saved.enabled) == ("new", {"X-Token": "s"}, False)
    submit(api, "/control/calm")
    assert desk.faults.active == []
    channel = {"title": "Chat", "channel_type": "sync", "webhook_url": "http://y/", "icon": ""}
    assert "cch101, sync" in submit(api, "/control/save_channel", **channel)
    again = {**channel, "channel_id": "101", "webhook_url": "http://z/", "active": "1"}
    assert "http://z/" in submit(api, "/control/save_channel", **again)
    submit(api, "/control/channel", channel_id="101", active="0")
    kept = desk.core.channels.all()
    assert [(row.api_key, row.webhook_url, row.active) for row in kept] == [("cch101", "http://z/", False)]
    assert [hook.url for hook in desk.sent_webhooks if hook.rule == "cch101"] == ["http://y/", "http://z/"]
    desk.switch(api_echo=True)
    api.get("cases.json")
    assert "/api/cases.json" in page(api, "/control/")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/staff/cases/record/1-2", 404),
        ("GET", "/nowhere", 404),
        ("GET", "/files/9", 404),
        ("GET", "/staff/pictures/9.png", 404),
        ("POST", "/control/channel", 400),
        ("POST", "/staff/cases/1/dance", 404),
        ("POST", "/staff/cases/1/trash", 404),
        ("POST", "/control/dance", 404),
        ("POST", "/control/switch", 400),
        ("POST", "/mailbox/letters/1/answer", 400),
    ],
)
def test_refusals_are_pages_too(api: Caller, method: str, path: str, status: int) -> None:
    answer = api.call(method, path)
    assert answer.status_code == status
    assert "refuses" in answer.text
