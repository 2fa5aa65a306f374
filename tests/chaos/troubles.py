"""What goes wrong: faults of the desk at random all the time, and one blow after another at the house."""

import contextlib
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

from scripts.desk import Json
from scripts.processes import tail
from tests.chaos.ledger import Ledger
from tests.chaos.premises import (
    BEATS,
    COMMIT_DELAY_SECONDS,
    WORKERS,
    begin_again,
    give_broker_back,
    kill,
    kill_a_child,
    nothing_can_be_written,
    take_broker_away,
)
from tests.house.premises import Premises

SHARE_OF_CALLS = 0.3
CALLS: tuple[Json, ...] = (
    {"kind": "error_500", "when": "before"},
    {"kind": "error_500", "when": "after"},
    {"kind": "error_502", "when": "before"},
    {"kind": "error_502", "when": "after"},
    {"kind": "slow", "when": "before", "seconds": 3},
    {"kind": "slow", "when": "after", "seconds": 3},
    # Longer than the client waits, shorter than its quarantine after that.
    {"kind": "slow", "when": "before", "seconds": 6},
    {"kind": "cut_before"},
    {"kind": "cut_after"},
    {"kind": "half_answer"},
    {"kind": "not_json"},
    {"kind": "trickle"},
    # The whole account then waits so long.
    {"kind": "rate_limited", "retry_after": 2},
)
SHARE_OF_WEBHOOKS = 0.7
WEBHOOKS: tuple[Json, ...] = (
    {"kind": "webhook_lost"},
    {"kind": "webhook_lost"},
    {"kind": "webhook_lost"},
    {"kind": "webhook_late", "seconds": 20},
    {"kind": "webhook_doubled", "seconds": 2},
    {"kind": "webhook_shuffled", "seconds": 5},
    {"kind": "webhook_shuffled", "seconds": 30},
)
# By these the faults of two blows are known among the others.
HANG_SECONDS = 2.625
ANSWER_SECONDS = 0.875
# Longer than a lane's lease, which is thirty seconds and a call.
FROZEN_SECONDS = 38.0
ENDED = "ended by themselves"
HANG_PATIENCE = 5.0
# Celery ends a worker whose child dies before it is up, and its supervisor starts it again: our doing.
LOST_WHILE_STARTING = "Could not start worker processes"


def spread(kinds: tuple[Json, ...], share: float) -> list[Json]:
    """Each kind equally often, all together in this share of cases: the first one that strikes wins."""
    each = share / len(kinds)
    return [{**kind, "probability": each / (1 - each * place)} for place, kind in enumerate(kinds)]


class Troubles:
    """Strikes the house. Only the thread that calls `strike` touches its processes."""

    def __init__(self, house: Premises, ledger: Ledger, *, seed: str, full: bool) -> None:
        self.house = house
        self.ledger = ledger
        self.dice = random.Random(f"{seed}/troubles")
        self.struck: Counter[str] = Counter()
        self.childless: set[str] = set()
        self.frozen = ""
        self.thaw_at = 0.0
        self.blows: list[tuple[Callable[[], None], int]] = [
            (self.kill_a_worker, 40),
            (self.kill_all_workers, 8),
            (self.kill_a_workers_child, 12),
            (self.kill_inside_a_post, 14),
            (self.kill_between_answer_and_commit, 8),
            (self.deploy_a_worker, 6),
            (self.freeze_a_worker, 12 if full else 0),
            (self.kill_a_beat, 4),
            (self.broker_away, 3),
            (self.restart_web, 3),
            (self.kill_web, 2),
            (self.kill_live, 1),
            (self.limit_used_up, 1),
        ]

    @property
    def kills(self) -> int:
        """Of workers and of their children; those of the others are counted, but not towards this."""
        return self.struck["SIGKILL worker"] + self.struck["SIGKILL child of a worker"]

    def begin(self) -> None:
        self.house.desk.do(
            "switches",
            commit_delay_seconds=COMMIT_DELAY_SECONDS,
            # As indiscreet and as disorderly as a desk can be.
            notes_trigger_staff_replied=True,
            note_flag="missing",
            delayed_fires="written",
            # An edit or a deletion calls nobody; without this only the daily audit would find it.
            edit_touches_case=True,
            rule_order="random",
            clock_offset_seconds=self.dice.choice((0, 0, 600)),
        )
        faults = [*spread(CALLS, SHARE_OF_CALLS), *spread(WEBHOOKS, SHARE_OF_WEBHOOKS)]
        self.house.desk.do("faults", faults=faults, seed=self.dice.getrandbits(30))

    def end(self) -> Counter[str]:
        """Everything is well again; answers how often each fault of the desk has struck."""
        fired = Counter(self.house.desk.see("faults")["fired"])
        self.house.desk.do("faults", clear=True)
        self.house.desk.do("limit", reset=True)
        self._thaw()
        self.raise_the_dead()
        begin_again(self.house, *self.house.commands)
        return fired

    def strike(self) -> None:
        self.raise_the_dead()
        self._thaw_if_due()
        blows, weights = zip(*self.blows, strict=True)
        self.dice.choices(blows, weights=weights)[0]()

    def raise_the_dead(self) -> None:
        """What ended without our doing is started again, as a supervisor would, and remarked on."""
        for name, code in self.house.processes.ended().items():
            said = tail(self.house.processes.running[name].said(), 25)
            if name in self.childless and LOST_WHILE_STARTING in said:
                self.struck["worker ended since its child was killed at its start"] += 1
            else:
                self.ledger.remark(f"{name} ended by itself with {code}, saying\n{said}")
                self.struck[ENDED] += 1
            self.house.processes.kill(name)
            begin_again(self.house, name)

    # ── workers ─────────────────────────────────────────────────────────────────────────────────────────

    def kill_a_worker(self) -> None:
        name = self.dice.choice(self._workers())
        kill(self.house, name)
        self.struck["SIGKILL worker"] += 1
        begin_again(self.house, name)

    def kill_all_workers(self) -> None:
        kill(self.house, *self._workers())
        self.struck["SIGKILL worker"] += len(self._workers())
        time.sleep(self.dice.uniform(0, 2))
        begin_again(self.house, *self._workers())

    def kill_a_workers_child(self) -> None:
        name = self.dice.choice(self._workers())
        self.childless.add(name)
        self.struck["SIGKILL child of a worker"] += kill_a_child(self.house, name)

    def kill_inside_a_post(self) -> None:
        """A POST hangs on purpose, before or after its work; then both workers die: one of them sent it."""
        when = self.dice.choice(("after", "after", "before"))
        if not self._a_post_hangs(HANG_SECONDS, when):
            return
        time.sleep(self.dice.uniform(0, 0.4))
        self._all_workers_die()
        self.struck[f"kills inside a POST ({when} its work)"] += 1

    def kill_between_answer_and_commit(self) -> None:
        """The answer has come, and whoever got it dies while another transaction keeps it from writing.

        Not beside a frozen worker: one that holds a row would keep us waiting, and only we can thaw it.
        """
        if self.frozen or not self._a_post_hangs(ANSWER_SECONDS, "after"):
            return
        with nothing_can_be_written(self.house):
            time.sleep(ANSWER_SECONDS + 0.3)
            self._all_workers_die()
        self.struck["kills between answer and commit"] += 1

    def _all_workers_die(self) -> None:
        kill(self.house, *self._workers())
        self.struck["SIGKILL worker"] += len(self._workers())
        begin_again(self.house, *self._workers())

    def _a_post_hangs(self, seconds: float, when: str) -> bool:
        """Waits for somebody to write. False if nobody did."""
        path = r"/(messages|cases)\.json"
        details = {"seconds": seconds, "when": when, "count": 1, "method": "POST", "path": path}
        self.house.desk.fault("slow", **details)
        deadline = time.monotonic() + HANG_PATIENCE
        while self._still_to_come(seconds):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def _still_to_come(self, seconds: float) -> bool:
        active = self.house.desk.see("faults")["active"]
        return any(fault["seconds"] == seconds and fault["count"] for fault in active)

    def deploy_a_worker(self) -> None:
        name = self.dice.choice(self._workers())
        self.house.processes.stop(name)
        self.struck["SIGTERM worker"] += 1
        begin_again(self.house, name)

    def freeze_a_worker(self) -> None:
        """A machine that stands still for longer than a lease, and goes on where it was.

        Not beside SQLite: one that holds its lock then stops the pages as well.
        """
        if self.frozen:
            return
        self.frozen = self.dice.choice(WORKERS)
        self.thaw_at = time.monotonic() + FROZEN_SECONDS
        self.struck["worker frozen"] += 1
        self._signal(signal.SIGSTOP)

    def _thaw_if_due(self) -> None:
        if self.frozen and time.monotonic() > self.thaw_at:
            self._thaw()

    def _thaw(self) -> None:
        if self.frozen:
            self._signal(signal.SIGCONT)
            self.frozen = ""

    def _signal(self, number: signal.Signals) -> None:
        running = self.house.processes.running.get(self.frozen)
        if running is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(running.popen.pid, number)

    def _workers(self) -> list[str]:
        return [name for name in WORKERS if name != self.frozen]

    def kill_a_beat(self) -> None:
        name = self.dice.choice(BEATS)
        kill(self.house, name)
        self.struck["SIGKILL beat"] += 1
        begin_again(self.house, name)

    # ── what they depend on ─────────────────────────────────────────────────────────────────────────────

    def broker_away(self) -> None:
        take_broker_away(self.house)
        self.struck["broker away"] += 1
        time.sleep(self.dice.uniform(2, 8))
        give_broker_back(self.house)

    def restart_web(self) -> None:
        self.house.processes.stop("web")
        self.struck["web restarted"] += 1
        begin_again(self.house, "web")

    def kill_web(self) -> None:
        self.house.processes.kill("web", signal.SIGKILL)
        self.struck["SIGKILL web"] += 1
        begin_again(self.house, "web")

    def kill_live(self) -> None:
        self.house.processes.kill("live", signal.SIGKILL)
        self.struck["SIGKILL live"] += 1
        begin_again(self.house, "live")

    def limit_used_up(self) -> None:
        """Another integration of the same account was busy: 429 until the desk's minute is over."""
        self.struck["limit used up"] += 1
        self.house.desk.do("limit", burn=10**6)
        with contextlib.suppress(ValueError):
            # Once in a run: it stops everything for the rest of the minute.
            self.blows = [blow for blow in self.blows if blow[0] != self.limit_used_up]
