"""Rows 1 to 4 of the architecture, files both ways, closing and reopening: real processes, real HTTP."""

import pytest

from scripts.rows import Walk, picture
from tests.house.checks import await_same, await_true, opened, somebody
from tests.house.premises import Premises


@pytest.fixture
def walk(calm_house: Premises) -> Walk:
    return Walk(calm_house.sign_in(somebody()), calm_house.desk)


def test_row_1_a_case_opened_in_the_cabinet_is_in_omnidesk(walk: Walk) -> None:
    walk.open()


def test_row_2_a_staff_answer_with_a_file_is_in_the_cabinet(walk: Walk) -> None:
    walk.open()
    walk.staff_answers()


def test_row_3_an_answer_by_mail_is_in_the_cabinet(walk: Walk) -> None:
    walk.open()
    walk.staff_answers()
    walk.mail_answers()


def test_row_4_an_answer_in_the_cabinet_is_in_omnidesk(walk: Walk) -> None:
    for _ in walk.timed():
        pass


def test_several_files_travel_with_an_answer_and_come_back_with_a_mail(calm_house: Premises) -> None:
    visitor, desk = calm_house.sign_in(somebody()), calm_house.desk
    path, case_id = opened(calm_house, visitor, f"Files {somebody()}")
    small, large = picture(width=20), picture(width=900, height=700)
    note = ("список покупок.txt", "чай, сахар".encode(), "text/plain")
    visitor.reply(path, "Three files", [("a.png", small, "image/png"), ("b.png", large, "image/png"), note])
    await_true("the files at the desk", lambda: len(desk.case(case_id)["messages"]) == 2)
    files = desk.case(case_id)["messages"][1]["files"]
    assert {file["name"]: file["size"] for file in files} == {
        "a.png": len(small),
        "b.png": len(large),
        "список покупок.txt": len(note[1]),
    }

    desk.reply(case_id, "Here is one of ours", ("offer.png", small, "image/png"))
    desk.mail_reply(case_id, "And one by mail", ("mine.png", large, "image/png"))
    await_true(
        "both files in the cabinet",
        lambda: [len(message.files) for message in visitor.thread(path)[2:]] == [1, 1],
    )
    by_staff, by_mail = visitor.thread(path)[-2:]
    await_true("the staff's file", lambda: visitor.download(next(iter(by_staff.files.values()))) == small)
    assert visitor.download(next(iter(by_mail.files.values()))) == large


def test_a_stranger_finds_neither_the_case_nor_its_files(walk: Walk, calm_house: Premises) -> None:
    walk.open()
    [path] = walk.visitor.thread(walk.path)[0].files.values()
    stranger = calm_house.sign_in(somebody())
    assert stranger.get(walk.path).status_code == 404
    assert stranger.get(path).status_code == 404
    assert (
        calm_house.visitor(somebody()).get(walk.path).url.startswith(f"{calm_house.cabinet}/accounts/login/")
    )


def test_closing_and_reopening_reach_omnidesk(calm_house: Premises) -> None:
    visitor, desk = calm_house.sign_in(somebody()), calm_house.desk
    path, case_id = opened(calm_house, visitor, f"Closing {somebody()}")
    visitor.close_case(path)
    await_true("closed at the desk", lambda: desk.case(case_id)["status"] == "closed")
    visitor.reopen(path)
    await_true("open again at the desk", lambda: desk.case(case_id)["status"] == "open")


def test_an_answer_to_a_case_the_staff_closed_reopens_it(calm_house: Premises) -> None:
    visitor, desk = calm_house.sign_in(somebody()), calm_house.desk
    path, case_id = opened(calm_house, visitor, f"Closed by staff {somebody()}")
    desk.do("staff/status", case_id=case_id, status="closed")
    await_true(
        "closed in the cabinet", lambda: any("reopen" in form.action for form in visitor.page(path).forms)
    )
    visitor.reply(path, "One more thing")
    await_true("open again at the desk", lambda: desk.case(case_id)["status"] == "open")
    await_same(calm_house, visitor, path, case_id, [("customer", "Hello?"), ("customer", "One more thing")])


def test_a_case_that_came_by_mail_and_an_older_one_are_found_after_signing_in(calm_house: Premises) -> None:
    address, desk = somebody(), calm_house.desk
    older = desk.mail_new(f"Anna <{address}>", "Before the cabinet", "An old question")
    desk.reply(older["case_id"], "An old answer")
    visitor = calm_house.sign_in(address)
    await_true(
        "the older case", lambda: any("Before the cabinet" in words for words in visitor.cases().values())
    )
    desk.mail_new(f"Anna <{address}>", "Since the cabinet", "A new question")
    await_true(
        "the new case", lambda: any("Since the cabinet" in words for words in visitor.cases().values())
    )
    paths = {words: path for path, words in visitor.cases().items()}
    path = next(path for words, path in paths.items() if "Before the cabinet" in words)
    expected = [("customer", "An old question"), ("staff", "An old answer")]
    await_same(calm_house, visitor, path, older["case_id"], expected)


def test_the_same_words_sent_twice_on_purpose_stay_two_messages(calm_house: Premises) -> None:
    visitor = calm_house.sign_in(somebody())
    path, case_id = opened(calm_house, visitor, f"Twice {somebody()}")
    visitor.reply(path, "Still nothing")
    visitor.reply(path, "Still nothing")
    expected = [("customer", "Hello?"), ("customer", "Still nothing"), ("customer", "Still nothing")]
    await_same(calm_house, visitor, path, case_id, expected)
