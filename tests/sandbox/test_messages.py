"""Messages and notes over the API (omnidesk-api.md 3)."""

from __future__ import annotations

from typing import Any

import pytest

from sandbox.desk import Desk

from .conftest import Caller, Clock


@pytest.fixture
def case_id(api: Caller) -> int:
    found: int = api.open_case(user_full_name="Anna Petrova")["case_id"]
    return found


def add(api: Caller, case_id: int, **fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.post(f"cases/{case_id}/messages.json", {"message": fields})["message"]
    return found


def test_a_customers_message(api: Caller, case_id: int) -> None:
    message = add(api, case_id, user_id=123, content="a < b\nand more")
    assert message["message_id"] == 9002
    assert (message["user_id"], message["staff_id"], message["message_type"]) == (123, 0, "reply_user")
    assert (message["content"], message["content_html"]) == ("", "a &lt; b<br>and more")
    assert (message["full_name"], message["note"], message["sent_via_rule"]) == ("Anna Petrova", False, False)
    assert message["created_at"] == message["sent_at"] == "Mon, 05 May 2014 00:15:17 +0300"


@pytest.mark.parametrize("nobody", [{}, {"user_id": None}, {"user_id": ""}, {"user_id": 0}])
def test_a_message_without_user_id_is_posted_as_staff_and_mailed_to_the_customer(
    api: Caller, desk: Desk, case_id: int, nobody: dict[str, Any]
) -> None:
    message = add(api, case_id, content="Still nothing", **nobody)
    owner = desk.people.staff_by_email("robot@acme.example")
    assert owner is not None
    assert (message["user_id"], message["staff_id"]) == (0, owner.staff_id)
    assert message["message_type"] == "reply_staff"
    assert "Still nothing" in desk.post.mailbox("anna@example.ru")[0].text


def test_staff_answers_by_api(api: Caller, desk: Desk, case_id: int) -> None:
    assert add(api, case_id, staff_id=41, content_html="<p>Sent.</p>")["staff_id"] == 41
    assert api.get(f"cases/{case_id}.json")["case"]["status"] == "waiting"
    desk.staffroom.enable(41, active=False)
    refused = api.refused(
        "POST", f"cases/{case_id}/messages.json", json={"message": {"staff_id": 41, "content": "x"}}
    )
    assert refused == (400, "staff_not_active")


def test_do_not_send_email(api: Caller, desk: Desk, case_id: int) -> None:
    add(api, case_id, staff_id=41, content="quiet", do_not_send_email=True)
    assert desk.post.mailbox("anna@example.ru") == []
    desk.switch(honour_do_not_send_email=False)
    add(api, case_id, staff_id=41, content="loud", do_not_send_email=True)
    assert len(desk.post.mailbox("anna@example.ru")) == 1


def test_a_customers_message_mails_nobody_unless_the_switch_says_so(
    api: Caller, desk: Desk, case_id: int
) -> None:
    add(api, case_id, user_id=123, content="one")
    assert desk.post.mailbox("anna@example.ru") == []
    desk.switch(api_user_message_mails="customer")
    add(api, case_id, user_id=123, content="two")
    assert len(desk.post.mailbox("anna@example.ru")) == 1


@pytest.mark.parametrize(("reopens", "status"), [(True, "open"), (False, "closed")])
def test_a_message_to_a_closed_case(
    api: Caller, desk: Desk, case_id: int, reopens: bool, status: str
) -> None:
    desk.switch(api_user_message_reopens=reopens)
    api.put(f"cases/{case_id}.json", {"case": {"status": "closed"}})
    add(api, case_id, user_id=123, content="Again")
    assert api.get(f"cases/{case_id}.json")["case"]["status"] == status


def test_user_id_must_exist_and_perhaps_own_the_case(api: Caller, desk: Desk, case_id: int) -> None:
    path, stranger = f"cases/{case_id}/messages.json", api.open_case("boris@example.ru")["user_id"]
    unknown = {"message": {"user_id": 999, "content": "x"}}
    assert api.refused("POST", path, json=unknown) == (404, "user_not_found")
    add(api, case_id, user_id=stranger, content="me too")
    desk.switch(message_user_must_own_case=True)
    theirs = {"message": {"user_id": stranger, "content": "me too"}}
    assert api.refused("POST", path, json=theirs) == (400, "incorrect_user_id")


def test_created_at_backdates(api: Caller, case_id: int) -> None:
    assert add(api, case_id, user_id=123, content="x", created_at=1399200000)["created_at"].startswith(
        "Sun, 04 May"
    )
    assert add(api, case_id, user_id=123, content="x", created_at="2014-05-01 10:00:00")["created_at"] == (
        "Thu, 01 May 2014 10:00:00 +0300"
    )


def test_without_a_page_the_last_hundred_come(api: Caller, desk: Desk, case_id: int) -> None:
    desk.limit.per_minute = 1000
    for number in range(104):
        add(api, case_id, user_id=123, content=f"line {number}")
    last = api.messages(case_id)
    assert (len(last), last[0]["content_html"], last[-1]["content_html"]) == (100, "line 4", "line 103")
    assert api.messages(case_id, page=1, limit=2)[1]["content_html"] == "line 0"
    assert api.messages(case_id, order="desc", limit=1)[0]["content_html"] == "line 103"
    assert api.get(f"cases/{case_id}/messages.json", limit=1)["total_count"] == 105


def test_editing_and_deleting(api: Caller, case_id: int) -> None:
    message_id = add(api, case_id, user_id=123, content="tpyo")["message_id"]
    path = f"cases/{case_id}/messages/{message_id}.json"
    assert api.put(path, {"message": {"content": "typo"}})["message"]["content_html"] == "typo"
    deleted = api.call("DELETE", f"/api/{path}")
    assert (deleted.status_code, deleted.content) == (200, b"")
    assert [message["message_id"] for message in api.messages(case_id)] == [9001]
    assert api.refused("PUT", path, json={"message": {"content": "x"}}) == (404, "message_not_found")


@pytest.mark.parametrize(("touches", "updated"), [(False, "00:15:17"), (True, "00:16:17")])
def test_an_edit_may_leave_no_trace_in_updated_at(
    api: Caller, desk: Desk, clock: Clock, case_id: int, touches: bool, updated: str
) -> None:
    desk.switch(edit_touches_case=touches)
    clock.move(60)
    desk.staffroom.edit(9001, text="changed")
    assert updated in api.get(f"cases/{case_id}.json")["case"]["updated_at"]


def test_notes_stand_in_the_same_list(api: Caller, case_id: int) -> None:
    path = f"cases/{case_id}/note.json"
    note = api.post(path, {"note": {"content": "He is angry"}})["message"]
    assert (note["note"], note["message_type"], note["user_id"]) == (True, "note", 0)
    assert [message["note"] for message in api.messages(case_id)] == [False, True]
    note_path = f"cases/{case_id}/note/{note['message_id']}.json"
    assert api.put(note_path, {"note": {"content": "Very"}})["message"]["content_html"] == "Very"
    assert api.call("DELETE", f"/api/{note_path}").status_code == 200
    assert len(api.messages(case_id)) == 1
    assert api.refused("DELETE", f"cases/{case_id}/note/9001.json") == (404, "message_not_found")


def test_a_note_may_hide_its_flag(api: Caller, desk: Desk, case_id: int) -> None:
    desk.staffroom.note(case_id, text="secret")
    desk.switch(note_flag="missing", note_type="staff_note")
    note = api.messages(case_id)[-1]
    assert "note" not in note
    assert note["message_type"] == "staff_note"
    assert api.messages(case_id)[0].get("note") is None
    desk.switch(note_flag="false")
    assert api.messages(case_id)[-1]["note"] is False


def test_a_service_row_has_no_author_and_an_automatic_answer_says_so(
    api: Caller, desk: Desk, case_id: int
) -> None:
    desk.staffroom.service_row(case_id, text="The chat has ended")
    desk.staffroom.reply(case_id, text="We are closed", sent_via_rule=True)
    service, automatic = api.messages(case_id)[-2:]
    assert (service["message_type"], service["user_id"], service["staff_id"]) == ("", 0, 0)
    assert (automatic["sent_via_rule"], automatic["staff_id"], automatic["message_type"]) == (
        True,
        0,
        "reply_staff",
    )


def test_a_delayed_answer_stands_there_before_it_goes_out(
    api: Caller, desk: Desk, clock: Clock, case_id: int
) -> None:
    desk.staffroom.reply(case_id, text="Tomorrow", delay_seconds=60)
    waiting = api.messages(case_id)[-1]
    assert waiting["sent_at"] == "Mon, 05 May 2014 00:16:17 +0300" != waiting["created_at"]
    assert desk.post.mailbox("anna@example.ru") == []
    assert api.get(f"cases/{case_id}.json")["case"]["status"] == "open"
    clock.move(61)
    assert api.get(f"cases/{case_id}.json")["case"]["status"] == "waiting"
    assert len(desk.post.mailbox("anna@example.ru")) == 1


def test_send_at_by_api(api: Caller, desk: Desk, clock: Clock, case_id: int) -> None:
    add(api, case_id, staff_id=41, content="Later", send_at=int(clock()) + 30)
    assert desk.post.mailbox("anna@example.ru") == []
    clock.move(31)
    desk.tick()
    assert len(desk.post.mailbox("anna@example.ru")) == 1


def test_rating_one_answer(api: Caller, desk: Desk, case_id: int) -> None:
    answer = desk.staffroom.reply(case_id, text="Here")
    path = f"cases/{case_id}/rate/{answer.message_id}.json"
    rated = api.put(path, {"rate": {"rating": "low", "rating_comment": "late"}})["message"]
    assert (rated["rating"], rated["rating_comment"], rated["rated_staff_id"]) == ("low", "late", 41)


@pytest.mark.parametrize(
    ("shape", "expected"),
    [("html", ("", "a<br>b")), ("text", ("a\nb", "")), ("both", ("a\nb", "a<br>b"))],
)
def test_which_of_the_two_texts_is_filled(
    api: Caller, desk: Desk, case_id: int, shape: str, expected: tuple[str, str]
) -> None:
    desk.switch(content_shape=shape)
    message = add(api, case_id, user_id=123, content="a\r\nb" if shape == "html" else "a\nb")
    assert (message["content"], message["content_html"]) == expected


@pytest.mark.parametrize(
    ("style", "html"),
    [("br_newline", "a<br />\nb<br />\n<br />\nc"), ("paragraphs", "<p>a<br>b</p><p>c</p>")],
)
def test_how_plain_text_becomes_html(api: Caller, desk: Desk, case_id: int, style: str, html: str) -> None:
    desk.switch(text_as_html=style)
    assert add(api, case_id, user_id=123, content="a\nb\n\nc")["content_html"] == html


def test_a_strict_desk_cleans_html(api: Caller, desk: Desk, case_id: int) -> None:
    desk.switch(sanitise_html=True)
    html = '<p class="x" onclick="y()">a <a href="/b" title="c">b</a></p><script>evil()</script>'
    assert add(api, case_id, user_id=123, content_html=html)["content_html"] == '<p>a <a href="/b">b</a></p>'


@pytest.mark.parametrize(("shape", "value"), [("number", 0), ("string", "0")])
def test_booleans_may_come_as_something_else(
    api: Caller, desk: Desk, case_id: int, shape: str, value: object
) -> None:
    desk.switch(bool_shape=shape)
    found = api.messages(case_id)[0]["note"]
    assert found == value
    assert type(found) is type(value)
