"""Threads as people really write them: both sides at once, odd signs, long texts, hundreds of messages."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from threading import Barrier

import pytest

from scripts.desk import Desk
from scripts.rows import until
from scripts.visitor import Visitor
from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.sides import (
    Line,
    await_all,
    both,
    in_order,
    page_seconds,
    units_about,
)
from tests.chaos.premises import double
from tests.house.checks import await_same, await_true, first_line, opened, quiet_units, somebody
from tests.house.conftest import Build
from tests.house.premises import Premises

# What a careless system would merge, cut, unescape or compose on the way.
ODD = (
    "ok",
    "two words",
    "two  words",
    "two\twords\n\n\n   indented",
    "&lt;b&gt; &amp;amp; &nbsp; &#8364; <b>bold</b> <script>alert(1)</script>",
    "👩‍👩‍👧‍👦 🏳️‍🌈 🇷🇺🇩🇪 👍🏽 1️⃣",
    "e\u0301 é и\u0306 й Å a\u030a",
    "«кавычки» — тире… ½ ﬁ \u202bעברית\u202c 日本語",
)
LONGEST = 100_000
QUICK_SECONDS = 3.0
"""For any page, on a machine that does other things too; the figures say what it really took."""


@pytest.fixture(scope="module")
def house(build: Build) -> Iterator[Premises]:
    """Shared: what is switched here is switched back."""
    made = build(before=double)
    yield made
    made.end()


def test_both_sides_write_into_one_case_at_once(house: Premises, figure: Figure) -> None:
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, f"At once {somebody()}")
    desk.reply(case_id, "begin")
    await_same(house, visitor, path, case_id, [("customer", "Hello?"), ("staff", "begin")])
    since = len(desk.calls())
    own, staff, mail = ([f"{who} {number}" for number in range(5)] for who in ("own", "staff", "mail"))
    start = Barrier(3)

    def write(texts: Sequence[str], say: Callable[[str], object]) -> None:
        start.wait()
        for text in texts:
            say(text)
            say("ok")

    with ThreadPoolExecutor(3) as pool:
        writers = [
            pool.submit(write, own, lambda text: visitor.reply(path, text)),
            pool.submit(write, staff, lambda text: Desk(desk.base).reply(case_id, text)),
            pool.submit(write, mail, lambda text: Desk(desk.base).mail_reply(case_id, text)),
        ]
        for writer in writers:
            writer.result()
    written: list[list[Line]] = [
        [("customer", text) for text in own],
        [("staff", text) for text in staff],
        [("customer", text) for text in mail],
    ]
    oks = [("customer", "ok")] * 10 + [("staff", "ok")] * 5
    expected = [
        ("customer", "Hello?"),
        ("staff", "begin"),
        *(line for lines in written for line in lines),
        *oks,
    ]
    figure("seconds to settle", await_all(house, visitor, path, case_id, expected))
    for side in both(house, visitor, path, case_id):
        assert all(in_order(side, lines) for lines in written), "each writer's own order"
    quiet_units(desk, since=since)
    units = units_about(desk, case_id, since=since)
    assert units <= 10 * 2 + 20 * 2, "replies at 2 each, and no more than a reading for each of theirs"
    figure("messages of both sides", 30)
    figure("units for them", units)


def test_odd_texts_arrive_unchanged_and_once_although_each_answer_was_cut(
    house: Premises, figure: Figure
) -> None:
    """Each is looked for among what the desk made of it, and must be known again."""
    visitor, desk = house.sign_in(somebody()), house.desk
    cases = [opened(house, visitor, f"Odd {number} {somebody()}") for number in range(len(ODD))]
    desk.fault("cut_after", method="POST", path="messages", count=len(ODD))
    began = time.monotonic()
    for (path, _), text in zip(cases, ODD, strict=True):
        visitor.reply(path, text)
    for (path, case_id), text in zip(cases, ODD, strict=True):
        await_all(house, visitor, path, case_id, [("customer", "Hello?"), ("customer", first_line(text))])
        assert desk.case(case_id)["messages"][1]["text"] == text.strip()
    figure("cut answers", len(ODD))
    figure("seconds to settle", time.monotonic() - began)
    for (_, case_id), text in zip(cases, ODD, strict=True):
        desk.reply(case_id, text)
    for (path, case_id), text in zip(cases, ODD, strict=True):
        said = ("customer", first_line(text)), ("staff", first_line(text))
        await_same(house, visitor, path, case_id, [("customer", "Hello?"), *said])
        for message in visitor.thread(path)[1:]:
            assert plain(message.text) == plain(text), f"as the {message.author}'s"


def test_texts_as_long_as_allowed_go_both_ways(house: Premises, figure: Figure) -> None:
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, f"Long {somebody()}")
    ours, again, theirs = (long_text(word) for word in ("наш", "второй", "их"))
    refused = visitor.submit(path, f"{path}reply/", {"text": ours + "!"})
    assert refused.status_code == 422
    assert f"{ours}!" in unescape(refused.text), "what was typed is kept"
    visitor.reply(path, ours)
    await_true("the long text", lambda: len(desk.case(case_id)["messages"]) == 2)
    desk.fault("cut_after", method="POST", path="messages", count=1)
    visitor.reply(path, again)
    desk.reply(case_id, theirs)
    expected = [("customer", "Hello?"), *(("customer", first_line(text)) for text in (ours, again))]
    figure(
        "seconds to settle",
        await_all(house, visitor, path, case_id, [*expected, ("staff", first_line(theirs))]),
    )
    held = {row["text"] for row in desk.case(case_id)["messages"]}
    assert {ours, again, theirs} <= held
    assert {plain(message.text) for message in visitor.thread(path)} >= {
        plain(text) for text in (ours, again, theirs)
    }
    took = page_seconds(visitor, path)
    assert took < QUICK_SECONDS
    figure("page with three texts of 100,000 characters, seconds", took)


def test_a_thread_of_350_messages(house: Premises, figure: Figure) -> None:
    address, desk = somebody(), house.desk
    desk.do("rules", enabled=False)
    try:
        case_id = int(desk.mail_new(address, f"Hundreds {address}", "message 0")["case_id"])
        written: list[Line] = [("customer", "message 0")]
        for number in range(1, 350):
            desk.reply(case_id, f"message {number}")
            written.append(("staff", f"message {number}"))
    finally:
        desk.do("rules", enabled=True)
    since = len(desk.calls())
    visitor = house.sign_in(address)
    path = until("the case", lambda: next(iter(visitor.cases()), None))
    await_same(house, visitor, path, case_id, written)
    quiet_units(desk, since=since)
    first = units_about(desk, case_id, since=since)
    assert first <= 5 + 2, "four pages and the case; once more, briefly, if it was read while it was written"
    figure("units for the first reading of 350", first)
    took = page_seconds(visitor, path)
    assert took < QUICK_SECONDS
    figure("page of 350 messages, seconds", took)

    since = len(desk.calls())
    desk.reply(case_id, "one more")
    await_same(house, visitor, path, case_id, [*written, ("staff", "one more")])
    assert quiet_units(desk, since=since) == 2, "a reading goes only as far as is new"
    since = len(desk.calls())
    visitor.reply(path, "thank you")
    expected = [*written, ("staff", "one more"), ("customer", "thank you")]
    await_same(house, visitor, path, case_id, expected)
    assert quiet_units(desk, since=since) == 2, "a reply"
    figure("units for the next answer, and for the next reply", "2, 2")


def test_what_staff_edit_and_delete_is_edited_and_erased_here(house: Premises, figure: Figure) -> None:
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, f"Edited {somebody()}")
    wrong = desk.reply(case_id, "the price is 100")["message_id"]
    gone = desk.reply(case_id, "unspeakable-zyzzyva", ("list.txt", b"unspeakable-file", "text/plain"))
    await_true("the file", lambda: bool(visitor.thread(path)[-1].files))
    [file] = visitor.thread(path)[-1].files.values()
    assert visitor.download(file) == b"unspeakable-file"
    since = len(desk.calls())
    began = time.monotonic()
    desk.do("staff/edit", message_id=wrong, text="the price is 200")
    desk.do("staff/delete", message_id=gone["message_id"])
    # Neither fires a rule; the next answers bring readings, and an absence must be seen twice.
    for text in ("one", "two"):
        desk.reply(case_id, text)
        await_last(visitor, path, text)
    said = [row.text for row in visitor.thread(path)]
    assert said == ["Hello?", "the price is 200", "A message that was here has been withdrawn.", "one", "two"]
    figure("seconds until edited and erased", time.monotonic() - began)
    figure("units for two answers with them", quiet_units(desk, since=since))
    assert visitor.get(file).status_code == 404
    assert not [where for where, data in house.rows() if b"unspeakable" in data]
    kept = [path for path in house.folder.rglob("*.bin") if b"unspeakable" in path.read_bytes()]
    assert kept == [], "the file's bytes"


def await_last(visitor: Visitor, path: str, text: str) -> None:
    await_true(f"{text!r} as the last message", lambda: visitor.thread(path)[-1].text == text)


def plain(text: str) -> str:
    """What is left when lines are folded: what nobody sees differs between a page and a plain text."""
    return " ".join(text.split())


def long_text(word: str) -> str:
    """As many characters as a message may have, with everything that grows when it is escaped."""
    line = f'{word}: цена < 5 & > 3 "кавычки" 😀 слово {word}\n'
    return (line * (LONGEST // len(line) + 1))[: LONGEST - 1] + "."
