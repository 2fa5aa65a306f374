"""What the whole-house tests ask of both sides."""

import itertools
import time
from collections.abc import Callable

from scripts.desk import Desk, Json
from scripts.rows import until
from scripts.visitor import Shown, Visitor
from tests.house.premises import Premises

# A sweep comes every 15 seconds; two of them and a quarantine must be enough for everything.
SETTLE_SECONDS = 60
_people = itertools.count(1)


def somebody() -> str:
    """An address nobody has used in this run."""
    return f"person{next(_people)}.{time.time_ns()}@example.com"


def public(case: Json) -> list[tuple[str, str]]:
    """The thread as Omnidesk holds it for the customer: (author, first line), oldest first."""
    rows = [row for row in case["messages"] if not (row["note"] or row["deleted"] or row["pending"])]
    return [("customer" if row["user_id"] else "staff", first_line(row["text"])) for row in rows]


def shown(thread: list[Shown]) -> list[tuple[str, str]]:
    return [(message.author, first_line(message.text)) for message in thread]


def first_line(text: str) -> str:
    """Enough to know a message by: what follows may be a quoted letter, folded on one side only."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    return next((line for line in lines if line), "")


def only_case(desk: Desk, subject: str) -> Json:
    """The one case with this subject; a twin is an error."""
    found = until(f"a case called {subject!r}", lambda: desk.cases(subject), seconds=SETTLE_SECONDS)
    assert len(found) == 1, f"Omnidesk holds {len(found)} cases called {subject!r}"
    return found[0]


def opened(house: Premises, visitor: Visitor, subject: str, text: str = "Hello?") -> tuple[str, int]:
    """A case that has arrived: its path in the cabinet and its id at the desk."""
    path = visitor.open_case(subject, text)
    return path, int(only_case(house.desk, subject)["case_id"])


def await_same(
    house: Premises,
    visitor: Visitor,
    path: str,
    case_id: int,
    expected: list[tuple[str, str]],
    *,
    seconds: float = SETTLE_SECONDS,
) -> None:
    """Both sides come to hold exactly this, each message once and in order, and all of ours say "sent"."""

    def both() -> tuple[list[tuple[str, str]], list[tuple[str, str]], set[str]]:
        thread = visitor.thread(path)
        return public(house.desk.case(case_id)), shown(thread), {message.state for message in thread}

    deadline = time.monotonic() + seconds
    while (found := both()) != (expected, expected, {"sent"}) and time.monotonic() < deadline:
        time.sleep(0.3)
    at_the_desk, in_the_cabinet, states = found
    assert at_the_desk == expected, "what Omnidesk holds"
    assert in_the_cabinet == expected, "what the cabinet shows"
    assert states == {"sent"}


def await_true(what: str, holds: Callable[[], bool], *, seconds: float = SETTLE_SECONDS) -> None:
    until(what, lambda: holds() or None, seconds=seconds)


def fault(house: Premises, kind: str, **details: object) -> Callable[[], None]:
    """The desk is in trouble once; what is returned waits for it, as `next_fault` says."""
    strikes = next_fault(house, kind)
    house.desk.fault(kind, count=1, **details)
    return strikes


def next_fault(house: Premises, kind: str) -> Callable[[], None]:
    """What is returned waits until the desk is in such trouble once more: a call begun and not answered."""

    def fired() -> int:
        return int(house.desk.see("faults")["fired"].get(kind, 0))

    before = fired()
    return lambda: await_true(f"the fault {kind}", lambda: fired() > before, seconds=30)


def quiet_units(desk: Desk, *, since: int, seconds: float = 3.0) -> int:
    """The units spent after the first `since` calls, once nothing has been called for so long."""
    count, calm_since = len(desk.calls()), time.monotonic()
    while time.monotonic() - calm_since < seconds:
        time.sleep(0.2)
        if len(desk.calls()) != count:
            count, calm_since = len(desk.calls()), time.monotonic()
    return sum(int(call["units"]) for call in desk.calls()[since:])


def find(house: Premises, *words: str) -> list[str]:
    """Where in the cabinet any of these words is kept."""
    wanted = [word.encode() for word in words]
    return sorted({where for where, data in house.everything_kept() if any(word in data for word in wanted)})
