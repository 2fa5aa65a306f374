"""The checker must find what it is there for: a suite that cannot fail proves nothing."""

import dataclasses
import itertools
import random

from omnidesk_sync.policy import Likeness, Words, likeness
from tests.chaos.checker import WITHDRAWN, Kind, compare
from tests.chaos.history import History, Row, Thread
from tests.chaos.ledger import Fate, Side, Written
from tests.chaos.words import marker, text_with

ENTRIES = [
    Written(Side.CABINET, "S", "one", "one", opening=True),
    Written(Side.STAFF, "S", "two", "two"),
    Written(Side.CABINET, "S", "three", "three\nmore", file_sizes=(5,)),
    Written(Side.MAIL, "S", "four", "four"),
]


def desk() -> History:
    rows = [
        Row("one", "customer", "one"),
        Row("two", "staff", "two"),
        Row("three", "customer", "three  more", (5,)),
        Row("four", "customer", "four"),
    ]
    return {"S": [Thread(False, rows)]}


def cabinet() -> History:
    rows = [
        Row("one", "customer", "one"),
        Row("two", "staff", "two"),
        Row("three", "customer", "three\nmore", (0,)),
        Row("four", "customer", "four"),
    ]
    return {"S": [Thread(False, rows)]}


def kinds(entries: list[Written], left: History, right: History) -> set[Kind]:
    return {finding.kind for finding in compare(entries, left, right)}


def changed(history: History, number: int, **values: object) -> History:
    rows = history["S"][0].rows
    rows[number] = dataclasses.replace(rows[number], **values)  # type: ignore[arg-type]
    return history


def test_two_equal_histories_are_in_order() -> None:
    assert compare(ENTRIES, desk(), cabinet()) == []


def test_what_is_missing_on_either_side_is_lost() -> None:
    for number in range(4):
        left, right = desk(), cabinet()
        del left["S"][0].rows[number]
        assert Kind.LOST in kinds(ENTRIES, left, cabinet())
        del right["S"][0].rows[number]
        assert Kind.LOST in kinds(ENTRIES, desk(), right)


def test_what_is_there_twice_on_either_side_is_doubled() -> None:
    for number in range(4):
        left, right = desk(), cabinet()
        left["S"][0].rows.append(left["S"][0].rows[number])
        assert Kind.DOUBLED in kinds(ENTRIES, left, cabinet())
        right["S"][0].rows.append(right["S"][0].rows[number])
        assert Kind.DOUBLED in kinds(ENTRIES, desk(), right)


def test_a_twin_of_a_case_is_doubled() -> None:
    left, right = desk(), cabinet()
    left["S"].append(Thread(False, []))
    assert kinds(ENTRIES, left, cabinet()) == {Kind.DOUBLED}
    right["S"].append(Thread(False, []))
    assert kinds(ENTRIES, desk(), right) == {Kind.DOUBLED}


def test_what_nobody_wrote_is_a_double_of_something() -> None:
    right = cabinet()
    right["S"][0].rows.append(Row("five", "staff", "five"))
    assert kinds(ENTRIES, desk(), right) == {Kind.DOUBLED}
    assert kinds(ENTRIES, desk() | {"X": [Thread(False, [Row("x", "staff", "x")])]}, cabinet()) == {
        Kind.DOUBLED
    }


def test_the_customers_own_order_counts_on_both_sides() -> None:
    for left, right in ((desk(), cabinet()), (desk(), cabinet())):
        rows = left["S"][0].rows
        rows[0], rows[2] = rows[2], rows[0]
        assert Kind.OUT_OF_ORDER in kinds(ENTRIES, left, right)
        rows = right["S"][0].rows
        rows[0], rows[2] = rows[2], rows[0]
        assert Kind.OUT_OF_ORDER in kinds(ENTRIES, desk(), right)


def test_an_answer_stands_before_the_words_it_answers_only_if_it_was_not_known() -> None:
    left = desk()
    rows = left["S"][0].rows
    rows[1], rows[2] = rows[2], rows[1]
    assert kinds(ENTRIES, left, cabinet()) == {Kind.OUT_OF_ORDER}
    # The other way round is life: it was written before the answer became known here.
    right = cabinet()
    rows = right["S"][0].rows
    rows[1], rows[2] = rows[2], rows[1]
    assert kinds(ENTRIES, desk(), right) == set()


def test_another_text_file_author_or_state_is_a_loss() -> None:
    assert kinds(ENTRIES, changed(desk(), 2, text="three less"), cabinet()) == {Kind.LOST}
    assert kinds(ENTRIES, changed(desk(), 2, file_sizes=(4,)), cabinet()) == {Kind.LOST}
    assert kinds(ENTRIES, desk(), changed(cabinet(), 2, file_sizes=())) == {Kind.LOST}
    assert kinds(ENTRIES, desk(), changed(cabinet(), 1, author="customer")) == {Kind.LOST}
    assert kinds(ENTRIES, desk(), changed(cabinet(), 2, state="sending")) == {Kind.LOST}


def test_what_was_never_answered_may_be_there_or_not_but_on_both_sides() -> None:
    maybe = [*ENTRIES, Written(Side.CABINET, "S", "five", "five", Fate.UNKNOWN)]
    left, right = desk(), cabinet()
    assert kinds(maybe, left, right) == set()
    left["S"][0].rows.append(Row("five", "customer", "five"))
    assert kinds(maybe, left, right) == {Kind.LOST}
    right["S"][0].rows.append(Row("five", "customer", "five"))
    assert kinds(maybe, left, right) == set()


def test_what_was_given_to_a_person_is_no_failure_and_no_silence() -> None:
    left = desk()
    del left["S"][0].rows[2]
    assert kinds(ENTRIES, left, changed(cabinet(), 2, state="failed")) == {Kind.GIVEN}


def test_what_was_deleted_over_there_leaves_its_place_and_nothing_else() -> None:
    gone = [dataclasses.replace(entry, deleted=entry.key == "two") for entry in ENTRIES]
    left, right = desk(), cabinet()
    del left["S"][0].rows[1]
    assert kinds(gone, left, right) == {Kind.DOUBLED}
    assert kinds(gone, left, changed(right, 1, key=WITHDRAWN, text=WITHDRAWN)) == set()


def test_equal_words_count_by_number() -> None:
    twice = [*ENTRIES, *(Written(Side.CABINET, "S", "ok", "ok") for _ in range(2))]
    left, right = desk(), cabinet()
    for history in (left, right):
        history["S"][0].rows += [Row("ok", "customer", "ok")] * 2
    assert kinds(twice, left, right) == set()
    left["S"][0].rows.pop()
    assert kinds(twice, left, right) == {Kind.LOST}


def test_a_status_that_differs_is_found() -> None:
    assert kinds(ENTRIES, {"S": [Thread(True, desk()["S"][0].rows)]}, cabinet()) == {Kind.STATUS}


def test_no_two_texts_are_similar_enough_to_be_left_to_a_person() -> None:
    dice = random.Random(1)
    texts = [Words(text_with(dice, marker(dice, "REPLY"))) for _ in range(60)]
    assert {likeness(one, other) for one, other in itertools.combinations(texts, 2)} == {Likeness.OTHER}
