"""Whatever breaks, both sides end up holding the same public thread: each message once, in order.

One house is broken and mended by one test after another, as a house is in life; two halves, for two workers.
"""

import signal
import time

import pytest

from scripts.rows import until
from tests.house.checks import await_same, await_true, fault, only_case, opened, public, shown, somebody
from tests.house.conftest import Lender

KILLS, OTHERS = pytest.mark.xdist_group("kills"), pytest.mark.xdist_group("other troubles")


@KILLS
@pytest.mark.parametrize("landed", [True, False], ids=["it had landed", "it had not"])
def test_a_worker_killed_in_the_middle_of_sending(lend: Lender, landed: bool) -> None:
    house = lend()
    visitor = house.sign_in(somebody())
    path, case_id = opened(house, visitor, f"Killed in mid-send, landed: {landed}")
    # Longer than the worker will live; shorter than the quarantine, as a server that is merely slow is.
    when = "after" if landed else "before"
    hung = fault(house, "slow", path="messages", method="POST", seconds=3, when=when)
    visitor.reply(path, "first")
    hung()
    house.processes.kill("worker", signal.SIGKILL)
    visitor.reply(path, "second")
    house.start("worker")
    await_same(house, visitor, path, case_id, [("customer", word) for word in ("Hello?", "first", "second")])


@KILLS
def test_a_worker_killed_in_the_middle_of_opening_a_case(lend: Lender) -> None:
    house = lend()
    visitor, desk = house.sign_in(somebody()), house.desk
    hung = fault(house, "slow", path=r"cases\.json", method="POST", seconds=3, when="after")
    path = visitor.open_case("Killed while opening", "Hello?")
    visitor.reply(path, "first")
    hung()
    house.processes.kill("worker", signal.SIGKILL)
    house.start("worker")
    case = only_case(desk, "Killed while opening")
    await_same(house, visitor, path, case["case_id"], [("customer", "Hello?"), ("customer", "first")])
    only_case(desk, "Killed while opening")


@OTHERS
def test_the_connection_is_cut_after_the_work_was_done(lend: Lender) -> None:
    house = lend()
    visitor, desk = house.sign_in(somebody()), house.desk
    fault(house, "cut_after", path=r"cases\.json", method="POST")
    fault(house, "cut_after", path="messages", method="POST")
    path = visitor.open_case("Cut", "Hello?")
    visitor.reply(path, "first")
    visitor.reply(path, "second")
    case = only_case(desk, "Cut")
    expected = [("customer", word) for word in ("Hello?", "first", "second")]
    await_same(house, visitor, path, case["case_id"], expected, seconds=90)
    only_case(desk, "Cut")
    assert len(visitor.cases()) == 1


@OTHERS
def test_the_broker_is_away_for_a_while(lend: Lender) -> None:
    house = lend()
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Without a broker")
    house.stop_broker()
    began = time.monotonic()
    visitor.reply(path, "written without a broker")
    assert time.monotonic() - began < 3
    assert shown(visitor.thread(path))[-1] == ("customer", "written without a broker")
    desk.reply(case_id, "answered without a broker")
    await_true("both messages in the cabinet", lambda: len(visitor.thread(path)) == 3, seconds=60)
    await_true("the reply at the desk", lambda: len(public(desk.case(case_id))) == 3, seconds=60)
    both = {("customer", "written without a broker"), ("staff", "answered without a broker")}
    assert set(shown(visitor.thread(path))[1:]) == set(public(desk.case(case_id))[1:]) == both
    house.start_broker()
    visitor.reply(path, "written with the broker back")
    await_true("the next reply at the desk", lambda: len(public(desk.case(case_id))) == 4, seconds=60)


@OTHERS
def test_everything_is_restarted_in_the_middle_of_a_conversation(lend: Lender) -> None:
    house = lend()
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Restarted")
    cut = fault(house, "cut_after", path="messages", method="POST")
    visitor.reply(path, "first")
    visitor.reply(path, "second")
    cut()
    house.stop()
    house.start()
    visitor.reply(path, "third")
    expected = [("customer", word) for word in ("Hello?", "first", "second", "third")]
    await_same(house, visitor, path, case_id, expected, seconds=90)
    desk.reply(case_id, "answered after the restart")
    expected.append(("staff", "answered after the restart"))
    await_same(house, visitor, path, case_id, expected)


@OTHERS
def test_one_trouble_after_another(lend: Lender) -> None:
    """The whole list in one conversation: cut, killed, without a broker, restarted."""
    house = lend()
    visitor, desk = house.sign_in(somebody()), house.desk
    fault(house, "cut_after", path=r"cases\.json", method="POST")
    path = visitor.open_case("One after another", "Hello?")
    words = ["Hello?", "while it was unknown", "before the kill", "without a broker", "after the restart"]
    visitor.reply(path, words[1])
    case_id = only_case(desk, "One after another")["case_id"]
    until("the case to be settled", lambda: len(public(desk.case(case_id))) == 2 or None, seconds=60)

    hung = fault(house, "slow", path="messages", method="POST", seconds=3, when="after")
    visitor.reply(path, words[2])
    hung()
    house.processes.kill("worker", signal.SIGKILL)
    house.stop_broker()
    visitor.reply(path, words[3])
    house.start_broker()
    house.stop()
    house.start()
    visitor.reply(path, words[4])
    await_same(house, visitor, path, case_id, [("customer", word) for word in words], seconds=120)
    only_case(desk, "One after another")
