"""The desk's clock is wrong, and is put right, while everybody goes on writing; no rule calls us meanwhile.

With time that travels, summer time and lists longer than a page: tests/omnidesk_sync/test_clocks.py.
"""

import subprocess
import time
from collections.abc import Iterable

from scripts.processes import BIN, ROOT
from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.sides import await_all, both
from tests.chaos.premises import double
from tests.house.checks import await_true, opened, quiet_units, somebody
from tests.house.conftest import Builder
from tests.house.premises import Find, Premises

HOUR = 3600
OFFSETS = (600, HOUR, -HOUR, -600, 0)


def test_a_clock_that_jumps_to_and_fro_without_webhooks(new_house: Builder, figure: Figure) -> None:
    house = new_house(before=double, OMNIDESK_RECONCILE_SECONDS="5")
    desk = house.desk
    visitor = house.sign_in(somebody())
    path, case_id = opened(house, visitor, "Clocks")
    desk.do("rules", enabled=False)
    thread = [("customer", "Hello?")]
    longest = 0.0
    since = len(desk.calls())
    for number, offset in enumerate(OFFSETS):
        desk.do("switches", clock_offset_seconds=offset)
        visitor.reply(path, f"mine {number}")
        await_true("it arrived", lambda: visitor.thread(path)[-1].state == "sent")
        desk.reply(case_id, f"theirs {number}")
        thread += [("customer", f"mine {number}"), ("staff", f"theirs {number}")]
        reconcile(house)
        # The desk itself sorts by its times, which have jumped.
        longest = max(longest, await_all(house, visitor, path, case_id, thread))
    assert both(house, visitor, path, case_id)[1] == thread, "the cabinet's order is that of getting to know"
    figure("jumps of the clock", len(OFFSETS))
    figure("longest time until an answer was found, seconds", longest)
    quiet_units(desk, since=since, seconds=1)
    about = [call for call in desk.calls()[since:] if f"/cases/{case_id}" in call["path"]]
    units = sum(call["units"] for call in about)
    figure("units for 5 replies and 5 answers, walks apart", units)
    assert units <= len(OFFSETS) * (2 + 2 + 4), "a reading for each answer, one more after each jump"


def test_120_changed_cases_at_once_without_webhooks(new_house: Builder, figure: Figure) -> None:
    """They change within a second or two; the list gives a hundred at a time."""
    house = new_house(before=double, limit=1000, OMNIDESK_RECONCILE_SECONDS="5")
    desk, address = house.desk, somebody()
    desk.do("rules", enabled=False)
    made = [int(desk.mail_new(address, f"Case {n}", "Hello?")["case_id"]) for n in range(120)]
    visitor = house.sign_in(address)
    began = time.monotonic()
    await_true("all are read", lambda: read(house.rows()) == 120, seconds=180)
    figure("seconds until 120 older cases were here", time.monotonic() - began)
    quiet_units(desk, since=0)
    since = len(desk.calls())
    began = time.monotonic()
    for case_id in made:
        desk.reply(case_id, f"answer to {case_id}")
    figure("seconds in which they were answered", time.monotonic() - began)
    await_true("all answers", lambda: answers(house.rows()) == 120, seconds=180)
    figure("seconds until 120 answers were here", time.monotonic() - began)
    quiet_units(desk, since=since)
    calls = desk.calls()[since:]
    lists = sum(call["path"].endswith("/cases.json") for call in calls)
    readings = sum(call["units"] for call in calls if not call["path"].endswith("/cases.json"))
    figure("list calls", lists)
    figure("units for 120 readings", readings)
    assert readings <= 120 * 2 + 20, "a case read in the very second of its change is read once more"
    for path in list(visitor.cases())[:3]:
        assert [row.author for row in visitor.thread(path)] == ["customer", "staff"]


def reconcile(house: Premises) -> None:
    """As an admin does who does not want to wait for the next walk."""
    command = [str(BIN / "python"), "manage.py", "omnidesk_reconcile"]
    subprocess.run(command, cwd=ROOT, env=house.env, check=True, capture_output=True)


def read(rows: Iterable[Find]) -> int:
    """How many openings are here."""
    return sum(where == "table cabinet_message" and b"Hello?" in data for where, data in rows)


def answers(rows: Iterable[Find]) -> int:
    return sum(where == "table cabinet_message" and b"answer to" in data for where, data in rows)
