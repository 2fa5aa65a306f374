"""Row 5 of the architecture: custom channels, without letters and as a chat, with real processes."""

import time

import pytest

from scripts.rows import WalkWithoutMail, until
from tests.house.checks import await_same, await_true, find, only_case
from tests.house.premises import Premises

QUICK_SECONDS = 12


def client_id() -> str:
    """An id of the company's own that nobody has used in this run."""
    return f"client-{time.time_ns()}"


@pytest.fixture
def walk(calm_house: Premises) -> WalkWithoutMail:
    return WalkWithoutMail(calm_house.hand_over(client_id()), calm_house.desk)


def test_a_case_without_mail_goes_there_and_back_and_nobody_is_sent_a_letter(walk: WalkWithoutMail) -> None:
    walk.without_mail()


def test_a_chat_ends_and_the_next_one_has_the_history_above_it(walk: WalkWithoutMail) -> None:
    walk.chat()


def test_a_token_is_good_once(calm_house: Premises) -> None:
    link = calm_house.desk.hand_over_link(client_id())
    calm_house.visitor("").hand_over(link)
    again = calm_house.visitor("").session.get(link, allow_redirects=False, timeout=10)
    assert again.status_code == 403
    assert "client-" not in again.text


def test_the_modes_of_one_person_stand_in_one_list(calm_house: Premises) -> None:
    """The desk knows two people where there is one: a profile by mail, and one in each channel."""
    visitor = calm_house.sign_in(f"modes{time.time_ns()}@example.com")
    mark = str(time.time_ns())
    for mode in ("mail", "cabinet"):
        visitor.open_case(f"{mode} {mark}", "Hello?", mode=mode)
    visitor.say(f"chat {mark}")
    cases = [only_case(calm_house.desk, f"{mode} {mark}") for mode in ("mail", "cabinet", "chat")]
    assert [case["channel"] for case in cases] == ["web", "cch101", "cch102"]
    assert len({case["user_id"] for case in cases}) == 3
    words = " ".join(visitor.cases().values())
    assert all(f"{mode} {mark}" in words for mode in ("mail", "cabinet", "chat"))


def test_a_note_in_a_channel_stays_inside(calm_house: Premises) -> None:
    """A channel's webhook tells of notes as well, words and all."""
    visitor = calm_house.hand_over(client_id())
    subject = f"Notes {time.time_ns()}"
    path = visitor.open_case(subject, "Hello?", mode="cabinet")
    case = only_case(calm_house.desk, subject)
    secret = f"inside{time.time_ns()}"
    calm_house.desk.note(case["case_id"], secret)
    calm_house.desk.reply(case["case_id"], "An answer")
    await_same(calm_house, visitor, path, case["case_id"], [("customer", "Hello?"), ("staff", "An answer")])
    assert find(calm_house, secret) == []


def test_the_connection_is_cut_after_an_opening_in_a_channel(calm_house: Premises) -> None:
    visitor = calm_house.hand_over(client_id())
    subject = f"Cut {time.time_ns()}"
    calm_house.desk.fault("cut_after", count=1, method="POST", path=r"/cases\.json")
    path = visitor.open_case(subject, "Hello?", mode="cabinet")
    case = only_case(calm_house.desk, subject)
    await_same(calm_house, visitor, path, case["case_id"], [("customer", "Hello?")])
    only_case(calm_house.desk, subject)


def test_a_chat_ends_by_the_desks_time_limit_and_one_tap_starts_the_next(calm_house: Premises) -> None:
    visitor = calm_house.hand_over(client_id())
    words = f"idle {time.time_ns()}"
    visitor.say(words)
    case = only_case(calm_house.desk, words)
    await_true("sent", lambda: [row.state for row in visitor.thread("/chat/")] == ["sent"])
    calm_house.desk.do("switches", chat_idle_seconds=1)
    try:
        await_true("closed at the desk", lambda: calm_house.desk.case(case["case_id"])["status"] == "closed")
    finally:
        calm_house.desk.do("switches", chat_idle_seconds=600)
    until(
        "the word that it is over",
        lambda: any("?new=1" in link for link in visitor.page("/chat/").links) or None,
        seconds=QUICK_SECONDS,
    )
    visitor.say(f"{words} again")
    second = only_case(calm_house.desk, f"{words} again")
    assert second["case_id"] != case["case_id"]
    assert [row.text for row in visitor.thread("/chat/")] == [words, f"{words} again"]
