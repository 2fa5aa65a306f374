"""Whatever breaks, both sides end up holding the same public thread: each message once, in order."""

import signal
import time

import pytest

from scripts.rows import until
from tests.house.checks import await_same, await_true, only_case, opened, public, shown, somebody
from tests.house.conftest import Builder
from tests.house.premises import Premises


@pytest.mark.parametrize("landed", [True, False], ids=["it had landed", "it had not"])
def test_a_worker_killed_in_the_middle_of_sending(new_house: Builder, landed: bool) -> None:
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Killed in mid-send")
    # Longer than the worker will live; shorter than the quarantine, as a server that is merely slow is.
    desk.fault(
        "slow", path="messages", method="POST", count=1, seconds=3, when="after" if landed else "before"
    )
    visitor.reply(path, "first")
    await_fault(house, "slow")
    house.processes.kill("worker", signal.SIGKILL)
    visitor.reply(path, "second")
    house.start("worker")
    await_same(house, visitor, path, case_id, [("customer", word) for word in ("Hello?", "first", "second")])


def test_a_worker_killed_in_the_middle_of_opening_a_case(new_house: Builder) -> None:
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    desk.fault("slow", path=r"cases\.json", method="POST", count=1, seconds=3, when="after")
    path = visitor.open_case("Killed while opening", "Hello?")
    visitor.reply(path, "first")
    await_fault(house, "slow")
    house.processes.kill("worker", signal.SIGKILL)
    house.start("worker")
    case = only_case(desk, "Killed while opening")
    await_same(house, visitor, path, case["case_id"], [("customer", "Hello?"), ("customer", "first")])
    only_case(desk, "Killed while opening")


def test_the_connection_is_cut_after_the_work_was_done(new_house: Builder) -> None:
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    desk.fault("cut_after", path=r"cases\.json", method="POST", count=1)
    desk.fault("cut_after", path="messages", method="POST", count=1)
    path = visitor.open_case("Cut", "Hello?")
    visitor.reply(path, "first")
    visitor.reply(path, "second")
    case = only_case(desk, "Cut")
    expected = [("customer", word) for word in ("Hello?", "first", "second")]
    await_same(house, visitor, path, case["case_id"], expected, seconds=90)
    only_case(desk, "Cut")
    assert len(visitor.cases()) == 1


def test_the_broker_is_away_for_a_while(new_house: Builder) -> None:
    house = new_house()
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


def test_everything_is_restarted_in_the_middle_of_a_conversation(new_house: Builder) -> None:
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "Restarted")
    desk.fault("cut_after", path="messages", method="POST", count=1)
    visitor.reply(path, "first")
    visitor.reply(path, "second")
    await_fault(house, "cut_after")
    house.stop()
    house.start()
    visitor.reply(path, "third")
    expected = [("customer", word) for word in ("Hello?", "first", "second", "third")]
    await_same(house, visitor, path, case_id, expected, seconds=90)
    desk.reply(case_id, "answered after the restart")
    expected.append(("staff", "answered after the restart"))
    await_same(house, visitor, path, case_id, expected)


def test_one_trouble_after_another(new_house: Builder) -> None:
    """The whole list in one conversation: cut, killed, without a broker, restarted."""
    house = new_house()
    visitor, desk = house.sign_in(somebody()), house.desk
    desk.fault("cut_after", path=r"cases\.json", method="POST", count=1)
    path = visitor.open_case("One after another", "Hello?")
    words = ["Hello?", "while it was unknown", "before the kill", "without a broker", "after the restart"]
    visitor.reply(path, words[1])
    case_id = only_case(desk, "One after another")["case_id"]
    until("the case to be settled", lambda: len(public(desk.case(case_id))) == 2 or None, seconds=60)

    desk.fault("slow", path="messages", method="POST", count=1, seconds=3, when="after")
    visitor.reply(path, words[2])
    await_fault(house, "slow")
    house.processes.kill("worker", signal.SIGKILL)
    house.stop_broker()
    visitor.reply(path, words[3])
    house.start_broker()
    house.stop()
    house.start()
    visitor.reply(path, words[4])
    await_same(house, visitor, path, case_id, [("customer", word) for word in words], seconds=120)
    only_case(desk, "One after another")


def await_fault(house: Premises, kind: str, *, times: int = 1) -> None:
    """Until the desk has begun to be in trouble: the call is on its way and not yet answered."""
    await_true(
        f"the fault {kind}", lambda: house.desk.see("faults")["fired"].get(kind, 0) >= times, seconds=30
    )
