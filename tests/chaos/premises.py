"""A house with two workers and two beats that can be killed, one by one or together."""

import contextlib
import os
import shlex
import shutil
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg

from scripts.services import find_programs
from tests.house.premises import EmbeddedHouse, FullHouse, Premises

WORKERS = ("worker", "worker-2")
BEATS = ("beat", "beat-2")
# The quarantine is longer than anything the desk still does after a call is dead: its slowest answer begins
# with the call, and what it commits after a cut comes 1.5 seconds later.
SETTINGS = {
    "OMNIDESK_TIMEOUT_SECONDS": "4",
    "OMNIDESK_QUARANTINE_SECONDS": "5",
    "OMNIDESK_RECONCILE_SECONDS": "10",
}
COMMIT_DELAY_SECONDS = 1.5


def build(
    folder: Path, *, full: bool, limit: int, quarantine: float | None = None, server: str = ""
) -> Premises:
    """Prepared and not started. `server` is the PostgreSQL of a full one, if not that of all."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = (
        SETTINGS if quarantine is None else {**SETTINGS, "OMNIDESK_QUARANTINE_SECONDS": f"{quarantine}"}
    )
    house: Premises
    if full:
        house = on_postgresql = FullHouse(folder, settings, limit=limit, server=server)
        on_postgresql.create_database()
    else:
        house = EmbeddedHouse(folder, settings, limit=limit)
    double(house)
    house.with_live()
    house.prepare()
    return house


def double(house: Premises) -> None:
    """Gives a house that has not begun a second worker and a second beat."""
    house.commands["worker-2"] = f"{house.commands['worker']} --hostname second@%h"
    # Two beats must not share the file in which each notes what it has rung for.
    schedule = shlex.quote(str(house.folder / "celerybeat-schedule-2"))
    house.commands["beat-2"] = f"{house.commands['beat']} --schedule {schedule}"


def kill(house: Premises, *names: str) -> None:
    for name in names:
        if name in house.processes.running:
            house.processes.kill(name, signal.SIGKILL)


def begin_again(house: Premises, *names: str) -> None:
    """Start without waiting until it is ready: nobody waits in life."""
    for name in names:
        if name not in house.processes.running:
            house.processes.start(name, house.commands[name], house.env)


def kill_a_child(house: Premises, name: str) -> bool:
    """One of the worker's own processes, as the system does when memory runs out. False if there is none."""
    running = house.processes.running.get(name)
    if running is None:
        return False
    for child in _children(running.popen.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
            return True
    return False


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def take_broker_away(house: Premises) -> None:
    """The embedded one has writers that make its folder anew: try until it stays away."""
    if not isinstance(house, EmbeddedHouse):
        house.stop_broker()
        return
    for _ in range(50):
        with contextlib.suppress(OSError):
            if house.broker.is_dir():
                gone = house.folder / f"broker-away-{time.time_ns()}"
                house.broker.rename(gone)
                shutil.rmtree(gone, ignore_errors=True)
            house.broker.touch()
        if house.broker.is_file():
            return
    raise RuntimeError("The broker's folder could not be taken away.")


def give_broker_back(house: Premises) -> None:
    house.start_broker()


@contextlib.contextmanager
def nothing_can_be_written(house: Premises) -> Iterator[None]:
    """Cases are locked as by another transaction: whoever has an answer in hand cannot write it down."""
    if isinstance(house, EmbeddedHouse):
        path = house.folder / "cabinet.sqlite3"
        with contextlib.closing(sqlite3.connect(path, timeout=10, isolation_level=None)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield
            connection.execute("ROLLBACK")
        return
    with psycopg.connect(house.settings["DATABASE_URL"]) as connection:
        connection.execute("LOCK TABLE cabinet_case IN EXCLUSIVE MODE")
        yield
        connection.rollback()


def back_up(house: Premises, path: Path) -> None:
    """The database as it stands at one moment, taken while everybody goes on writing."""
    if isinstance(house, EmbeddedHouse):
        with (
            contextlib.closing(sqlite3.connect(house.folder / "cabinet.sqlite3", timeout=30)) as database,
            contextlib.closing(sqlite3.connect(path)) as copy,
        ):
            database.backup(copy)
        return
    _postgresql("pg_dump", "--format=custom", f"--file={path}", house.settings["DATABASE_URL"])


def restore(house: Premises, path: Path) -> None:
    """The database is what it was then. Nobody may be using it."""
    if isinstance(house, EmbeddedHouse):
        database = house.folder / "cabinet.sqlite3"
        for ending in ("-wal", "-shm"):
            database.with_name(database.name + ending).unlink(missing_ok=True)
        shutil.copyfile(path, database)
        return
    options = ("--clean", "--if-exists", "--single-transaction", "--no-owner")
    _postgresql("pg_restore", *options, f"--dbname={house.settings['DATABASE_URL']}", str(path))


def _postgresql(program: str, *arguments: str) -> None:
    subprocess.run([str(find_programs() / program), *arguments], check=True)


def given_up(house: Premises) -> list[str]:
    """What the product has given to a person, in its own words."""
    words = (b"'undecided'", b"'rejected'")
    rows = [row for where, row in house.rows() if where == "table cabinet_outboxentry"]
    return [row.decode() for row in rows if any(word in row for word in words)]
