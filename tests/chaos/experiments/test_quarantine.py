"""The one assumption about time: the desk finishes or forgets a cut call within the quarantine.

Here it commits seconds after the cut. With a shorter quarantine the message is there twice: that is the
window, and the cabinet shows what the desk holds. With a longer one the same steps end with one.
"""

from tests.chaos.experiments.conftest import Figure
from tests.house.checks import await_same, await_true, only_case, opened, somebody
from tests.house.conftest import Builder

COMMIT_DELAY_SECONDS = 6.0
SHORT, LONG = 1.0, 9.0


def test_the_quarantine_against_the_desks_delay(new_house: Builder, figure: Figure) -> None:
    house = new_house(OMNIDESK_QUARANTINE_SECONDS=str(SHORT))
    visitor, desk = house.sign_in(somebody()), house.desk
    desk.do("switches", commit_delay_seconds=COMMIT_DELAY_SECONDS)

    twice, twice_id = opened(house, visitor, "Too short")
    desk.fault("cut_after", path="messages", method="POST", count=1)
    visitor.reply(twice, "said once")
    thread = [("customer", "Hello?"), ("customer", "said once"), ("customer", "said once")]
    await_same(house, visitor, twice, twice_id, thread)
    desk.fault("cut_after", path=r"cases\.json", method="POST", count=1)
    visitor.open_case("Opened once", "Hello?")
    await_true("twins at the desk", lambda: len(desk.cases("Opened once")) == 2)
    await_true("twins in the cabinet", lambda: len(named(visitor.cases(), "Opened once")) == 2)

    house.processes.stop("worker")
    house.settings["OMNIDESK_QUARANTINE_SECONDS"] = str(LONG)
    house.start("worker")
    once, once_id = opened(house, visitor, "Long enough")
    desk.fault("cut_after", path="messages", method="POST", count=1)
    desk.fault("cut_after", path=r"cases\.json", method="POST", count=1)
    visitor.reply(once, "said once")
    visitor.open_case("Opened once more", "Hello?")
    await_same(house, visitor, once, once_id, thread[:2])
    (path,) = named(visitor.cases(), "Opened once more")
    case_id = int(only_case(desk, "Opened once more")["case_id"])
    await_same(house, visitor, path, case_id, thread[:1])
    assert len(desk.cases("Opened once more")) == 1
    assert desk.see("faults")["fired"]["cut_after"] == 4
    figure("the desk commits after a cut, seconds", COMMIT_DELAY_SECONDS)
    figure("window with the short quarantine, seconds", COMMIT_DELAY_SECONDS - SHORT)
    figure("doubled with the short quarantine, of 2", 2)
    figure("doubled with the long quarantine, of 2", 0)


def named(cases: dict[str, str], subject: str) -> list[str]:
    return [path for path, words in cases.items() if subject in words]
