"""Cases that change hands, vanish and come back while people look at them: who may see what."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from scripts.desk import Json
from scripts.rows import until
from scripts.visitor import Visitor
from tests.chaos.experiments.conftest import Figure
from tests.chaos.premises import double
from tests.house.checks import await_same, await_true, opened, somebody
from tests.house.conftest import Build
from tests.house.premises import Premises

BORIS_ONLY = "for the next owner only"
CALLS = (r"/messages\.json", r"/cases/\d+\.json")
FILE = ("secret.txt", b"only for the next owner\n", "text/plain")


@pytest.fixture(scope="module")
def house(build: Build) -> Iterator[Premises]:
    """Shared: what is switched here is switched back. Walks often, for what no rule tells."""
    made = build(before=double, OMNIDESK_RECONCILE_SECONDS="5")
    yield made
    made.end()


def test_a_case_given_to_another_customer_and_back(house: Premises, figure: Figure) -> None:
    desk = house.desk
    anna, boris = house.sign_in(somebody()), house.sign_in(somebody())
    path, case_id = opened(house, anna, f"Given away {somebody()}", "by Anna")
    desk.reply(case_id, "to Anna")
    before: list[tuple[str, str]] = [("customer", "by Anna"), ("staff", "to Anna")]
    await_same(house, anna, path, case_id, before)

    began = time.monotonic()
    desk.do("staff/give", case_id=case_id, email=boris.email)
    desk.reply(case_id, BORIS_ONLY, FILE)
    his = until("the case with its new owner", lambda: only_path(boris))
    during = [*before, ("staff", BORIS_ONLY)]
    await_same(house, boris, his, case_id, during)
    figure("seconds until the new owner has it", time.monotonic() - began)
    await_true("its file", lambda: bool(boris.thread(his)[-1].files))
    [file] = boris.thread(his)[-1].files.values()
    assert boris.download(file) == FILE[1]

    await_true("frozen for the former owner", lambda: not can_write(anna, path))
    mark = live_mark(anna, path)
    boris.reply(his, "by Boris")
    await_same(house, boris, his, case_id, [*during, ("customer", "by Boris")])
    desk.reply(case_id, "again to Boris only")
    await_same(
        house, boris, his, case_id, [*during, ("customer", "by Boris"), ("staff", "again to Boris only")]
    )
    assert [row.text for row in anna.thread(path)] == ["by Anna", "to Anna"]
    assert live_mark(anna, path) == mark, "polling tells the former owner nothing either"
    for door in (his, file, f"/live/?case={his.split('/')[2]}"):
        assert anna.get(door).status_code == 404
    for word in ("next", "secret", "Boris"):
        assert anna.page(f"/cases/?q={word}").links.keys().isdisjoint({his, path}), word
    assert not any("Boris" in words for words in anna.cases().values())
    assert anna.post(f"{path}reply/", csrf(anna, {"text": "too late"})).status_code == 422
    assert boris.get(path).status_code == 404

    desk.do("staff/give", case_id=case_id, email=anna.email)
    expected = [*during, ("customer", "by Boris"), ("staff", "again to Boris only")]
    await_same(house, anna, path, case_id, expected)
    await_true("frozen for Boris", lambda: not can_write(boris, his))
    anna.reply(path, "mine again")
    await_same(house, anna, path, case_id, [*expected, ("customer", "mine again")])
    assert not any(row.text == "mine again" for row in boris.thread(his))
    figure("cases of either customer in the end", f"{len(anna.cases())}, {len(boris.cases())}")
    assert len(anna.cases()) == len(boris.cases()) == 1


def test_a_case_given_away_in_the_middle_of_a_reading(house: Premises, figure: Figure) -> None:
    """Every reading is held up at either of its calls while the case changes hands."""
    leaks = 0
    for call in CALLS:
        leaks += handed_over_during(house, call)
    figure("words shown to the wrong owner", leaks)
    assert leaks == 0


def test_merged_into_a_case_of_the_same_and_of_another_customer(house: Premises, figure: Figure) -> None:
    desk = house.desk
    anna, boris = house.sign_in(somebody()), house.sign_in(somebody())
    paths = {name: opened(house, anna, f"{name} {somebody()}", name) for name in ("first", "second", "third")}
    his, his_id = opened(house, boris, f"his {somebody()}", "by Boris")
    (first, first_id), (second, second_id), (third, third_id) = paths.values()
    desk.reply(first_id, "in the first")
    await_same(house, anna, first, first_id, [("customer", "first"), ("staff", "in the first")])

    desk.do("staff/merge", case_id=first_id, into=second_id)
    await_true("its page leads to the other case", lambda: urlsplit(anna.get(first).url).path == second)
    assert second in anna.page(f"{first}?stay").links
    expected = [("customer", "first"), ("customer", "second"), ("staff", "in the first")]
    anna.reply(second, "on we go")
    await_true("it arrived", lambda: anna.thread(second)[-1].state == "sent")
    desk.reply(second_id, "here")
    expected += [("customer", "on we go"), ("staff", "here")]
    await_true(
        "all of both in the survivor",
        lambda: sorted(row.text for row in anna.thread(second)) == sorted(text for _, text in expected),
    )
    assert sorted(row["text"] for row in desk.case(second_id)["messages"]) == sorted(t for _, t in expected)
    assert not can_write(anna, first)

    desk.do("staff/merge", case_id=third_id, into=his_id)
    desk.reply(his_id, BORIS_ONLY)
    await_true("frozen", lambda: not can_write(anna, third))
    await_true("the answer", lambda: any(BORIS_ONLY in row.text for row in boris.thread(his)))
    page = anna.get(third).text
    assert his not in page
    assert BORIS_ONLY not in page
    assert [row.text for row in anna.thread(third)] == ["third"]
    assert anna.get(his).status_code == 404
    assert not any(BORIS_ONLY in words for words in anna.cases().values())
    figure("words of the other customer's case shown to the first", 0)


@pytest.mark.parametrize("away", ["spam", "trash"])
def test_a_case_in_spam_or_in_the_trash_and_back(house: Premises, figure: Figure, away: str) -> None:
    desk = house.desk
    anna = house.sign_in(somebody())
    path, case_id = opened(house, anna, f"Away {somebody()}")
    desk.do(f"staff/{away}", case_id=case_id)
    await_true("frozen", lambda: not can_write(anna, path))
    desk.reply(case_id, "said while it was away")
    began = time.monotonic()
    desk.do("staff/restore", case_id=case_id)
    expected = [("customer", "Hello?"), ("staff", "said while it was away")]
    await_same(house, anna, path, case_id, expected)
    figure("seconds until all of it is back", time.monotonic() - began)
    assert can_write(anna, path)
    anna.reply(path, "still here")
    await_same(house, anna, path, case_id, [*expected, ("customer", "still here")])
    desk.do("staff/destroy", case_id=case_id)
    desk.do("rules", enabled=True)
    anna_wrote = anna.post(f"{path}reply/", csrf(anna, {"text": "into nothing"}))
    assert anna_wrote.status_code == 302, "nobody knows yet that it is gone"
    await_true("told so", lambda: anna.thread(path)[-1].state == "failed")
    await_true("frozen", lambda: not can_write(anna, path))
    assert [row.text for row in anna.thread(path)[:3]] == [
        text for _, text in [*expected, ("", "still here")]
    ]


def handed_over_during(house: Premises, call: str) -> int:
    """How often the former owner sees what was written for the next one."""
    desk = house.desk
    anna, boris = house.sign_in(somebody()), house.sign_in(somebody())
    path, case_id = opened(house, anna, f"In the middle {somebody()}", "by Anna")
    desk.reply(case_id, "to Anna")
    await_same(house, anna, path, case_id, [("customer", "by Anna"), ("staff", "to Anna")])
    desk.fault("slow", method="GET", path=call, seconds=2, count=1)
    desk.reply(case_id, "to Anna, too")
    await_true("a reading under way", lambda: slow_calls(house) > 0)
    desk.do("staff/give", case_id=case_id, email=boris.email)
    desk.reply(case_id, BORIS_ONLY)
    his = until("the case with its new owner", lambda: only_path(boris))
    said = ["by Anna", "to Anna", "to Anna, too", BORIS_ONLY]
    authors = ["customer", "staff", "staff", "staff"]
    await_same(house, boris, his, case_id, list(zip(authors, said, strict=True)))
    await_true("frozen", lambda: not can_write(anna, path))
    desk.do("faults", clear=True)
    return sum(BORIS_ONLY in row.text for row in anna.thread(path))


def only_path(visitor: Visitor) -> str | None:
    return next(iter(visitor.cases()), None)


def can_write(visitor: Visitor, path: str) -> bool:
    return any(form.action == f"{path}reply/" for form in visitor.page(path).forms)


def live_mark(visitor: Visitor, path: str) -> str:
    answer = visitor.get(f"/live/?case={path.split('/')[2]}")
    answer.raise_for_status()
    return answer.text


def csrf(visitor: Visitor, values: dict[str, str]) -> dict[str, str]:
    """What a form left open in another tab would still send."""
    return {**visitor.page("/cases/new/").forms[-1].fields, **values}


def slow_calls(house: Premises) -> int:
    fired: Json = house.desk.see("faults")["fired"]
    return int(fired.get("slow", 0))
