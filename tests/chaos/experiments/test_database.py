"""The database goes away under load and comes back; what was answered "accepted" is there.

Nothing is restarted by hand: web, workers and beats find their way back. Each trouble lasts seconds here and
a minute with CHAOS_FULL_LENGTH=1.
"""

import contextlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.services import PostgreSQL
from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import (
    CROWD_SETTINGS,
    EMBEDDED,
    FULL_LENGTH,
    QUICK_PAGE_SECONDS,
    Crowd,
    length,
)
from tests.chaos.premises import build, double
from tests.house.conftest import Builder
from tests.house.premises import Premises


@pytest.fixture
def server() -> Iterator[PostgreSQL]:
    """One that may be crashed: the other tests have theirs."""
    server = PostgreSQL()
    try:
        server.initialise()
        server.start()
        yield server
    finally:
        server.remove()


@pytest.fixture
def house_of_its_own(server: PostgreSQL, tmp_path: Path) -> Iterator[Premises]:
    house = build(tmp_path / "house", full=True, limit=1000, server=server.address)
    try:
        house.begin()
        yield house
    finally:
        house.stop()


@pytest.mark.service
def test_postgresql_crashes_and_is_restarted_under_load(
    house_of_its_own: Premises, server: PostgreSQL, figure: Figure
) -> None:
    house = house_of_its_own
    crowd = Crowd(house, seed="postgresql", customers=3)
    crowd.begin()
    time.sleep(3)
    # "Immediate": everything is dropped where it stands, as in a crash.
    server.stop(signal.SIGQUIT)
    time.sleep(length(3))
    server.start()
    time.sleep(3)
    server.stop()
    server.start()
    time.sleep(3)
    crowd.rest()
    crowd.settle()
    crowd.nothing_ended()
    figure("pages that came with an error meanwhile", crowd.watch.errors)
    assert crowd.watch.errors, "a house that never asks its database proves nothing"
    assert crowd.ledger.slowest_page < QUICK_PAGE_SECONDS
    crowd.tell(figure)


@EMBEDDED
def test_sqlite_is_locked_by_a_backup_tool(new_house: Builder, figure: Figure) -> None:
    """Writers wait, for 20 seconds at most: with a lock longer than that pages come with an error."""
    house = new_house(before=double, **CROWD_SETTINGS)
    crowd = Crowd(house, seed="sqlite")
    seconds = length(8)
    crowd.begin()
    time.sleep(2)
    with locked(house.folder / "cabinet.sqlite3"):
        time.sleep(seconds)
    time.sleep(3)
    crowd.rest()
    crowd.settle()
    crowd.nothing_ended()
    if not FULL_LENGTH:
        crowd.never_turned_away()
        # Who came last waits behind those who waited before.
        assert crowd.ledger.slowest_page < seconds + QUICK_PAGE_SECONDS
    figure("locked, seconds", seconds)
    crowd.tell(figure)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Another process has the whole file to itself."""
    words = "import sqlite3, sys; c = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)"
    words += "; c.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); input(); c.execute('ROLLBACK')"
    command = [sys.executable, "-c", words, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tool:
        assert tool.stdin
        assert tool.stdout
        assert tool.stdout.readline() == b"locked\n"
        try:
            yield
        finally:
            tool.stdin.close()
            tool.kill()
