"""One case as both sides hold it, and what it costs: seconds until then, a page's time, units."""

import statistics
import time
from collections import Counter
from collections.abc import Sequence

from scripts.desk import Desk
from scripts.visitor import Visitor
from tests.house.checks import SETTLE_SECONDS, public, shown
from tests.house.premises import Premises

Line = tuple[str, str]
"""Author and first line."""


def both(house: Premises, visitor: Visitor, path: str, case_id: int) -> tuple[list[Line], list[Line]]:
    """The case at the desk and in the cabinet; what is not "sent" there says so in its author."""
    rows = visitor.thread(path)
    here = [
        (row.author if row.state == "sent" else f"{row.author}: {row.state}", line)
        for row, (_, line) in zip(rows, shown(rows), strict=True)
    ]
    return public(house.desk.case(case_id)), here


def await_all(
    house: Premises,
    visitor: Visitor,
    path: str,
    case_id: int,
    expected: Sequence[Line],
    *,
    seconds: float = SETTLE_SECONDS,
) -> float:
    """Both sides come to hold exactly these, each as often as it was written, in whatever order. Answers
    how many seconds that took."""
    began = time.monotonic()
    wanted = Counter(expected)
    while True:
        there, here = both(house, visitor, path, case_id)
        if Counter(there) == wanted and Counter(here) == wanted:
            return time.monotonic() - began
        if time.monotonic() - began > seconds:
            assert Counter(there) == wanted, "what Omnidesk holds"
            assert Counter(here) == wanted, "what the cabinet shows"
        time.sleep(0.3)


def in_order(lines: Sequence[Line], written: Sequence[Line]) -> bool:
    """Whether these stand in the thread in the order they were written."""
    return [line for line in lines if line in set(written)] == list(written)


def page_seconds(visitor: Visitor, path: str, *, times: int = 5) -> float:
    """The median of loading a page so often."""
    taken = []
    for _ in range(times):
        began = time.monotonic()
        visitor.get(path).raise_for_status()
        taken.append(time.monotonic() - began)
    return statistics.median(taken)


def units_about(desk: Desk, case_id: int, *, since: int) -> int:
    """What the calls about one case have cost after the first `since` calls."""
    calls = [call for call in desk.calls()[since:] if f"/cases/{case_id}" in call["path"]]
    return sum(int(call["units"]) for call in calls)
