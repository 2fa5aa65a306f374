"""People who write while something is broken, and the comparison of both sides afterwards."""

import os
import sys
import time
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter

from tests.chaos.actors import Actor, Customer, Known, Staff
from tests.chaos.checker import Finding, Kind, compare
from tests.chaos.experiments.conftest import Figure
from tests.chaos.history import of_the_cabinet, of_the_desk
from tests.chaos.ledger import Fate, Ledger
from tests.chaos.premises import SETTINGS
from tests.chaos.table import FAILING
from tests.house.premises import Premises

SETTLE_SECONDS = 150
"""What two sweeps, a lease and a quarantine need, on a machine that has other things to do."""

QUICK_PAGE_SECONDS = 3.0
"""A page that takes longer waits for something it must not wait for."""

CROWD_SETTINGS = SETTINGS
EMBEDDED = pytest.mark.parametrize("mode", ["embedded"], indirect=True, scope="session")
FULL = pytest.mark.parametrize(
    "mode", [pytest.param("full", marks=pytest.mark.service)], indirect=True, scope="session"
)
"""For what exists on one of the two stacks only."""
FULL_LENGTH = bool(os.environ.get("CHAOS_FULL_LENGTH"))


def length(short: float) -> float:
    """A minute with CHAOS_FULL_LENGTH=1, else as many seconds as show the same."""
    return 60.0 if FULL_LENGTH else short


class StopWatch(HTTPAdapter):
    """Times every request of a browser, also those that end without an answer."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self.ledger = ledger
        self.cut = 0
        self.errors = 0

    def send(self, *args: Any, **kwargs: Any) -> requests.Response:
        began = time.monotonic()
        try:
            answer = super().send(*args, **kwargs)
            self.errors += answer.status_code >= 500
            return answer
        except requests.RequestException:
            self.cut += 1
            raise
        finally:
            self.ledger.page_took(time.monotonic() - began)


class PatientStaff(Staff):
    """Deletes nothing: a deletion is believed when it was seen twice, a minute apart."""

    def delete(self, case: Known) -> None:
        self.answer(case)


class Crowd:
    """Customers and staff of one house. Everything they write is in the ledger; `settle` compares."""

    def __init__(self, house: Premises, *, seed: str, customers: int = 2, pace: float = 0.6) -> None:
        self.house, self.seed, self.pace = house, seed, pace
        self.ledger = Ledger()
        self.rounds = 0
        self.longest_settling = 0.0
        self.slow_to_settle: list[str] = []
        # Nobody is told of an edit or a deletion otherwise but by the daily audit.
        house.desk.do("switches", edit_touches_case=True)
        self.visitors = [
            house.sign_in(f"{seed.replace(' ', '-')}.{number}@example.com") for number in range(customers)
        ]
        self.watch = StopWatch(self.ledger)
        for visitor in self.visitors:
            visitor.session.mount("http://", self.watch)
        self.cases: dict[str, dict[str, str]] = {}
        self.actors: list[Actor] = []

    def begin(self) -> None:
        """They begin to write, each from dice of its own."""
        self.rounds += 1
        seed = f"{self.seed}/{self.rounds}"
        customers = [
            Customer(visitor, self.ledger, seed=seed, pace=self.pace, most=4) for visitor in self.visitors
        ]
        for customer in customers:
            customer.cases = self.cases.setdefault(customer.visitor.email, {})
        staff = PatientStaff("staff", self.house.desk, self.ledger, seed=seed, pace=self.pace)
        self.actors = [*customers, staff]
        for actor in self.actors:
            actor.start()

    def write_for(self, seconds: float) -> None:
        """They write so long, and finish what they are at."""
        self.begin()
        time.sleep(seconds)
        self.rest()

    def rest(self) -> None:
        for actor in self.actors:
            actor.stopping.set()
        for actor in self.actors:
            actor.join(90)
            assert not actor.is_alive(), f"{actor.name} still waits for an answer"
            if actor.error is not None:
                raise RuntimeError(f"{actor.name} could not go on") from actor.error
        self.actors = []

    def settle(self, *, seconds: float = SETTLE_SECONDS) -> float:
        """Until both sides hold the same and everything that was accepted; answers how long it took."""
        began = time.monotonic()
        while (findings := self.failures()) and time.monotonic() - began < seconds:
            if self.slow_to_settle != (told := [str(finding) for finding in findings]):
                self.slow_to_settle = told
                sys.stdout.write(f"{time.monotonic() - began:.0f} s: {told}\n")
            time.sleep(0.5)
        assert not findings, "\n".join(map(str, findings))
        took = time.monotonic() - began
        self.longest_settling = max(self.longest_settling, took)
        return took

    def failures(self) -> list[Finding]:
        try:
            cabinet = of_the_cabinet(self.visitors)
            desk = of_the_desk(self.house.desk.see("state"))
        except requests.RequestException as error:
            return [Finding(Kind.LOST, "any", f"a page does not come: {type(error).__name__}")]
        found = compare(self.ledger.entries(), desk, cabinet)
        return [finding for finding in found if finding.kind in (*FAILING, Kind.LATE)]

    @property
    def accepted(self) -> int:
        return sum(entry.fate is Fate.ACCEPTED for entry in self.ledger.entries())

    def never_turned_away(self) -> None:
        """Every page came and every form was taken."""
        assert (self.ledger.remarks, self.watch.errors, self.watch.cut) == ([], 0, 0)

    def nothing_ended(self) -> None:
        """All processes are still those that were started."""
        assert self.house.processes.ended() == {}

    def tell(self, figure: Figure) -> None:
        figure("messages", self.accepted)
        figure("slowest page, seconds", self.ledger.slowest_page)
        figure("longest time to settle, seconds", self.longest_settling)
