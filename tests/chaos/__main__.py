"""Runs the house under fire, lets it settle, compares. See the package's own words for the commands."""

import argparse
import random
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import requests

from tests.chaos.actors import Actor, Customer, Mail, Staff
from tests.chaos.chatters import Chatter
from tests.chaos.checker import Finding, Kind, compare
from tests.chaos.history import chats_of_the_cabinet, of_the_cabinet, of_the_desk
from tests.chaos.ledger import Fate, Ledger
from tests.chaos.premises import build, given_up
from tests.chaos.table import FAILING, Result
from tests.chaos.troubles import ENDED, Troubles
from tests.house.premises import Premises

SURE_SECONDS = 20.0
"""Once both sides agree: long enough for a sweep and a quarantine to bring what nobody should see twice."""

MORE = 0.9
"""How much longer things break at most, as a share, when too little was tried."""


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description="Breaks everything at random.")
    parser.add_argument("--seconds", type=float, default=120, help="how long things break")
    parser.add_argument("--settle", type=float, default=400, help="how long it may take to settle")
    parser.add_argument("--seed", default="", help="repeats every actor's and every trouble's choices")
    parser.add_argument("--full", action="store_true", help="on PostgreSQL and Redis (see scripts.services)")
    parser.add_argument("--customers", type=int, default=5)
    parser.add_argument("--chatters", type=int, default=2, help="people without an e-mail address")
    parser.add_argument("--cases", type=int, default=4, help="cases of each customer; few make long threads")
    parser.add_argument("--pace", type=float, default=2.5, help="seconds between two actions of one customer")
    parser.add_argument("--blows", type=float, default=3.5, help="seconds between two blows")
    parser.add_argument("--limit", type=int, default=1000, help="API units a minute")
    parser.add_argument(
        "--quarantine", type=float, help="shorter than the desk's commit delay: see the window"
    )
    parser.add_argument("--least-messages", type=int, default=0)
    parser.add_argument("--least-kills", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="keep everything in this folder afterwards")
    return parser.parse_args(argv)


def say(words: str) -> None:
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stdout.flush()


class Run:
    """One house, its people and its troubles."""

    def __init__(self, house: Premises, options: argparse.Namespace, seed: str) -> None:
        self.house, self.options, self.seed = house, options, seed
        self.ledger = Ledger()
        self.troubles = Troubles(house, self.ledger, seed=seed, full=options.full)
        self.customers: list[Customer] = []
        self.chatters: dict[str, Chatter] = {}
        self.actors: list[Actor] = []

    def go(self) -> Result:
        self.gather_people()
        result = Result(least_messages=self.options.least_messages, least_kills=self.options.least_kills)
        self.troubles.begin()
        self.break_things()
        result.calls_in_trouble = len(self.house.desk.calls())
        result.faults = self.troubles.end()
        say("Everything is well again; settling.")
        result.findings, result.settled_after = self.settle()
        result.blows, result.kills = self.troubles.struck, self.troubles.kills
        result.entries, result.remarks = self.ledger.entries(), self.ledger.remarks
        result.slowest_page = self.ledger.slowest_page
        calls = self.house.desk.calls()
        result.calls, result.units = len(calls), sum(int(call["units"]) for call in calls)
        result.ended_by_themselves = self.troubles.struck[ENDED]
        result.explanations = given_up(self.house)
        result.findings = [*result.findings, *self.leaks()]
        return result

    def gather_people(self) -> None:
        options = {"seed": self.seed, "pace": self.options.pace}
        for number in range(self.options.customers):
            visitor = self.house.sign_in(f"person{number}@example.com")
            self.customers.append(Customer(visitor, self.ledger, most=self.options.cases, **options))
        people = [customer.visitor.email for customer in self.customers]
        desk = self.house.desk
        for number in range(self.options.chatters):
            external_id = f"client-{self.seed}-{number}"
            visitor = self.house.hand_over(external_id)
            self.chatters[external_id] = Chatter(
                visitor, self.ledger, external_id=external_id, most=self.options.cases, **options
            )
        self.actors = [
            *self.customers,
            *self.chatters.values(),
            Staff("staff", desk, self.ledger, **options),
            Mail(
                desk,
                self.ledger,
                people=people,
                seed=self.seed,
                pace=self.options.pace * 2,
                most=self.options.cases,
            ),
        ]

    def break_things(self) -> None:
        for actor in self.actors:
            actor.start()
        until = time.monotonic() + self.options.seconds
        while time.monotonic() < until + (MORE * self.options.seconds if self.too_little() else 0):
            time.sleep(self.troubles.dice.uniform(0.2, 1.8) * self.options.blows)
            self.troubles.strike()
        for actor in self.actors:
            actor.stopping.set()
        for actor in self.actors:
            actor.join(60)
            if actor.error is not None:
                raise RuntimeError(f"{actor.name} could not go on") from actor.error

    def too_little(self) -> bool:
        """The dice and a busy machine decide how much happens in a time: a run goes on for what it owes."""
        accepted = sum(entry.fate is Fate.ACCEPTED for entry in self.ledger.entries())
        few_kills = self.troubles.kills < self.options.least_kills
        return bool(few_kills or accepted < self.options.least_messages)

    def settle(self) -> tuple[list[Finding], float]:
        """Until nothing is left to complain about, and then once more after a while."""
        began = time.monotonic()
        findings = self.look()
        while (left := unsettled(findings)) and time.monotonic() - began < self.options.settle:
            say(f"{len(left)} still to settle, such as: {left[0]}")
            time.sleep(5)
            self.troubles.raise_the_dead()
            findings = self.look()
        settled_after = time.monotonic() - began
        if not unsettled(findings):
            time.sleep(SURE_SECONDS)
            findings = self.look()
        return findings, settled_after

    def look(self) -> list[Finding]:
        for _ in range(30):
            try:
                cabinet = of_the_cabinet(customer.visitor for customer in self.customers)
                cabinet |= chats_of_the_cabinet({name: one.visitor for name, one in self.chatters.items()})
                desk = of_the_desk(self.house.desk.see("state"))
            except requests.RequestException as error:
                self.ledger.remark(f"a page did not come while settling: {error}")
                time.sleep(1)
                continue
            return compare(self.ledger.entries(), desk, cabinet)
        raise RuntimeError("The cabinet's pages do not come.")

    def leaks(self) -> list[Finding]:
        """Secret words, and the keys themselves, anywhere in rows, files, logs and broker."""
        keys = [self.house.api_key, self.house.settings["OMNIDESK_WEBHOOK_SECRETS"]]
        wanted = [word.encode() for word in (*self.ledger.secrets, *keys)]
        found = [
            Finding(Kind.LEAKED, "", f"{word.decode()} in {where}")
            for where, data in self.house.everything_kept()
            for word in wanted
            if word in data
        ]
        return found + self.letters_where_none_belong()

    def letters_where_none_belong(self) -> list[Finding]:
        """A case in a channel has no letters: an answer that was mailed all the same has left the cabinet."""
        state = self.house.desk.see("state")
        quiet = {case["case_id"] for case in state["cases"] if case["channel"].startswith("cch")}
        return [
            Finding(Kind.LEAKED, "", f"a letter to {letter['to']} about case {letter['case_id']}")
            for letter in state["letters"]
            if letter["case_id"] in quiet
        ]


def unsettled(findings: list[Finding]) -> list[Finding]:
    return [finding for finding in findings if finding.kind in (*FAILING, Kind.LATE)]


def main() -> int:
    options = arguments()
    # So that the house is torn down whichever way we are asked to leave.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    seed = options.seed or f"{random.SystemRandom().getrandbits(32):08x}"
    kind = "PostgreSQL and Redis" if options.full else "the embedded defaults"
    say(f"seed {seed}, {options.seconds:.0f} s of trouble on {kind}")
    folder = options.keep or Path(tempfile.mkdtemp(prefix="cabinet-chaos-"))
    house = build(folder, full=options.full, limit=options.limit, quarantine=options.quarantine)
    try:
        house.begin()
        result = Run(house, options, seed).go()
    finally:
        house.stop() if options.keep else house.end()
        if not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
    say("\n".join(result.lines()))
    say(f"seed {seed}")
    return 1 if result.failed else 0


if __name__ == "__main__":
    sys.exit(main())
