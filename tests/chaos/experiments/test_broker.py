"""The broker goes away, hangs, forgets everything, starts anew. Rows are the truth: nobody may notice much.

Nothing is restarted by hand: the same workers, beats and web process live through all of it. Each trouble
lasts seconds here and a minute with CHAOS_FULL_LENGTH=1.
"""

import fcntl
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import redis

from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import CROWD_SETTINGS, QUICK_PAGE_SECONDS, Crowd, length
from tests.chaos.premises import double, give_broker_back, take_broker_away
from tests.house.conftest import Builder
from tests.house.premises import EmbeddedHouse, FullHouse, Premises


@contextmanager
def stopped(house: Premises) -> Iterator[None]:
    take_broker_away(house)
    yield
    give_broker_back(house)


@contextmanager
def hung(house: Premises) -> Iterator[None]:
    """Takes connections and never answers. The folder of files: its lock is held by somebody frozen."""
    if isinstance(house, FullHouse):
        server = house.processes.running["redis"].popen
        os.kill(server.pid, signal.SIGSTOP)
        yield
        os.kill(server.pid, signal.SIGCONT)
        return
    assert isinstance(house, EmbeddedHouse)
    with (house.broker / "control" / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Whoever has used the broker before needs the lock no more; a new process does.
        house.processes.stop("web")
        house.start("web")
        yield


@contextmanager
def wiped(house: Premises) -> Iterator[None]:
    """Once at the beginning and once more with messages in it."""
    wipe(house)
    yield
    wipe(house)


def wipe(house: Premises) -> None:
    if isinstance(house, FullHouse):
        with redis.Redis.from_url(house.settings["REDIS_URL"]) as client:
            client.flushall()
        return
    assert isinstance(house, EmbeddedHouse)
    for path in house.broker.rglob("*"):
        if path.is_file():
            path.unlink(missing_ok=True)


@contextmanager
def restarted(house: Premises) -> Iterator[None]:
    take_broker_away(house)
    give_broker_back(house)
    yield


TROUBLES = {"stopped": stopped, "hung": hung, "wiped": wiped, "restarted": restarted}


@pytest.mark.parametrize("kinds", [("stopped", "wiped"), ("hung", "restarted")], ids=" and ".join)
def test_the_broker_is(new_house: Builder, figure: Figure, kinds: tuple[str, str]) -> None:
    house = new_house(before=double, **CROWD_SETTINGS)
    crowd = Crowd(house, seed="-".join(kinds))
    for kind in kinds:
        with TROUBLES[kind](house):
            crowd.write_for(length(8))
        figure(f"settled after it was {kind}, seconds", crowd.settle())
    crowd.never_turned_away()
    crowd.nothing_ended()
    assert crowd.ledger.slowest_page < QUICK_PAGE_SECONDS
    crowd.tell(figure)
