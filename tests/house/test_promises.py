"""Nothing private is kept, lost webhooks cost only time, and calls cost what the budget says."""

import base64
import time
from collections import Counter

import pytest

from scripts.visitor import Visitor
from tests.house.checks import await_same, await_true, find, opened, quiet_units, somebody
from tests.house.conftest import Builder, Lender
from tests.house.premises import Premises

RECONCILED = pytest.mark.xdist_group("reconciled")
OWN = pytest.mark.xdist_group("a house of its own")
SECRET_WORDS = ("xylophone-of-the-staff", "zeppelin-of-tomorrow", "ksenon-v-zametke")


@RECONCILED
def test_a_note_and_a_delayed_answer_are_kept_nowhere(lend: Lender) -> None:
    house = lend(OMNIDESK_RECONCILE_SECONDS="5")
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Private words")
    # As indiscreet as a desk can be: it calls us for notes and for what is to appear tomorrow.
    desk.do("switches", notes_trigger_staff_replied=True, delayed_fires="written")
    for flag in ("present", "missing"):
        desk.do("switches", note_flag=flag)
        desk.note(case_id, f"{SECRET_WORDS[0]} ({flag})")
        desk.do("staff/note", case_id=case_id, text="see file", files=[file_with(SECRET_WORDS[2])])
        desk.reply(case_id, SECRET_WORDS[1], delay_seconds=3600)
        desk.reply(case_id, f"public, flag {flag}")
        await_last(visitor, path, f"public, flag {flag}")
    # Two reconciliations more, so that every reader has had its chance.
    time.sleep(35)
    assert [message.text for message in visitor.thread(path)[1:]] == [
        "public, flag present",
        "public, flag missing",
    ]
    assert find(house, "public, flag missing"), "the search itself must find something"
    assert find(house, *SECRET_WORDS) == []
    desk.do("switches", notes_trigger_staff_replied=False, delayed_fires="due", note_flag="present")


def test_a_delayed_answer_appears_when_its_time_has_come(calm_house: Premises) -> None:
    visitor, desk = calm_house.sign_in(somebody()), calm_house.desk
    path, case_id = opened(calm_house, visitor, f"Delayed {somebody()}")
    desk.reply(case_id, "in ten seconds", delay_seconds=10)
    time.sleep(4)
    assert len(visitor.thread(path)) == 1
    await_true("the delayed answer", lambda: len(visitor.thread(path)) == 2)


@RECONCILED
def test_without_webhooks_reconciliation_brings_everything(lend: Lender) -> None:
    house = lend(OMNIDESK_RECONCILE_SECONDS="5")
    address = somebody()
    visitor, desk = house.sign_in(address), house.desk
    path, case_id = opened(house, visitor, "Rules off")
    desk.do("rules", enabled=False)
    desk.reply(case_id, "from the staff")
    desk.mail_reply(case_id, "by mail")
    expected = [("customer", "Hello?"), ("staff", "from the staff"), ("customer", "by mail")]
    await_same(house, visitor, path, case_id, expected)
    desk.mail_new(address, "Opened by mail", "Hello again")
    await_true(
        "the mailed case", lambda: any("Opened by mail" in words for words in visitor.cases().values())
    )
    desk.do("staff/status", case_id=case_id, status="closed")
    await_true(
        "closed in the cabinet", lambda: any("reopen" in form.action for form in visitor.page(path).forms)
    )
    desk.do("rules", enabled=True)


@OWN
def test_what_happens_costs_what_the_budget_says(new_house: Builder) -> None:
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    quiet_units(desk, since=0)

    spent = len(desk.calls())
    path, case_id = opened(house, visitor, "Costs")
    assert quiet_units(desk, since=spent) == 2, "a new case, its echo included"

    replies = []
    for word in ("one", "two", "three"):
        spent = len(desk.calls())
        visitor.reply(path, word)
        replies.append(quiet_units(desk, since=spent))
    assert min(replies) == 2, "a reply, its echo included"
    assert max(replies) <= 4, "a reading more if the echo was here before our own answer was written down"

    spent = len(desk.calls())
    desk.reply(case_id, "four")
    desk.reply(case_id, "five")
    await_true("both answers", lambda: len(visitor.thread(path)) == 6)
    assert quiet_units(desk, since=spent) in (2, 4), "one reading, or two if they were not close enough"

    spent = len(desk.calls())
    for page in (path, "/cases/", "/cases/?q=Costs", "/cases/new/", path):
        assert visitor.get(page).status_code == 200
    assert quiet_units(desk, since=spent) == 0, "page views"


@OWN
def test_on_a_small_plan_it_is_slower_and_nothing_is_lost(new_house: Builder) -> None:
    house = new_house(limit=20)
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Small plan")
    words = [f"message {number}" for number in range(1, 13)]
    for word in words:
        visitor.reply(path, word)
    expected = [("customer", word) for word in ("Hello?", *words)]
    await_same(house, visitor, path, case_id, expected, seconds=150)
    refused = [call for call in desk.calls() if call["status"] == 429]
    assert len(refused) <= 2, "the budget is kept by us, not by the desk's refusals"
    per_minute = Counter(call["at"] // 60 for call in desk.calls() for _ in range(int(call["units"])))
    assert max(per_minute.values()) <= 20


def await_last(visitor: Visitor, path: str, text: str) -> None:
    await_true(f"{text!r} as the last message", lambda: visitor.thread(path)[-1].text == text)


def file_with(text: str) -> dict[str, str]:
    return {
        "name": "note.txt",
        "mime_type": "text/plain",
        "content_base64": base64.b64encode(text.encode()).decode(),
    }
