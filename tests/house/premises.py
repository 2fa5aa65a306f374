"""The two houses the tests live in: on the embedded defaults, and on PostgreSQL and Redis.

Both can be searched from cellar to attic, and both can lose their broker.
"""

import fcntl
import os
import shlex
import shutil
import sqlite3
import uuid
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from scripts.house import House
from scripts.processes import ROOT, free_port

# Short enough to wait for, longer than any call in these tests takes; sweeps still come every 15 seconds.
SETTINGS = {
    "OMNIDESK_QUARANTINE_SECONDS": "4",
    "OMNIDESK_TIMEOUT_SECONDS": "5",
    "OMNIDESK_RECONCILE_SECONDS": "3600",
    "OMNIDESK_BUDGET_SHARE": "",
    "OMNIDESK_CASE_REFERENCE_FIELD": "",
    "CSRF_TRUSTED_ORIGINS": "",
    "TRUSTED_PROXY_HOPS": "",
    "REDIS_URL": "",
    "MEDIA_ROOT": "",
    "PRIVACY_CONTACT": "privacy@acme.example",
    # All the people of a house come from one address, and none of them waits.
    "CASES_PER_MINUTE": "0",
    "POSTS_PER_MINUTE": "0",
    "POSTS_PER_MINUTE_PER_IP": "0",
    "DRAFTS_PER_MINUTE": "0",
    "DRAFTS_PER_MINUTE_PER_IP": "0",
    "UPLOAD_MB_PER_MINUTE": "0",
    "UPLOAD_MB_PER_MINUTE_PER_IP": "0",
}
Find = tuple[str, bytes]
"""Where something is kept, and the bytes of it."""


class Premises(House):
    """A house in a folder of its own, begun from one that was prepared before."""

    def __init__(self, folder: Path, settings: dict[str, str], *, limit: int = 300) -> None:
        super().__init__(folder, settings={**SETTINGS, **settings}, limit=limit)
        # Nobody looks at open pages in most houses, and every process costs a second of each start.
        self._live = self.commands.pop("live")

    def with_live(self) -> None:
        """Has the house begin with the process that tells open pages what changed."""
        self.commands["live"] = self._live

    def begin(self) -> None:
        self.start()

    def end(self) -> None:
        self.stop()

    def stop_broker(self) -> None:
        raise NotImplementedError

    def start_broker(self) -> None:
        raise NotImplementedError

    def rows(self) -> Iterator[Find]:
        raise NotImplementedError

    def everything_kept(self) -> Iterator[Find]:
        """Each row, each file and each log of the cabinet; what the desk itself keeps is its own affair."""
        yield from self.rows()
        for path in sorted(self.folder.rglob("*")):
            if path.is_file() and not path.name.startswith("sandbox") and "static" not in path.parts:
                yield str(path.relative_to(self.folder)), path.read_bytes()


class EmbeddedHouse(Premises):
    """SQLite and a folder of files: nothing else is installed."""

    def __init__(self, folder: Path, settings: dict[str, str], *, limit: int = 300) -> None:
        database = {"DATABASE_URL": f"sqlite:///{folder / 'cabinet.sqlite3'}"}
        super().__init__(folder, database | settings, limit=limit)

    @property
    def broker(self) -> Path:
        return self.folder / "broker"

    def stop_broker(self) -> None:
        """A file where the folder was: nobody can write or read there, not even root."""
        # Away in one step: others write into it until then.
        taken_away = self.broker.rename(self.folder / "broker that was")
        self.broker.touch()
        shutil.rmtree(taken_away)

    def start_broker(self) -> None:
        self.broker.unlink()
        self.broker.mkdir()

    def rows(self) -> Iterator[Find]:
        with sqlite3.connect(self.folder / "cabinet.sqlite3") as connection:
            names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            for (name,) in names:
                for row in connection.execute(f'SELECT * FROM "{name}"'):  # noqa: S608
                    yield f"table {name}", repr(row).encode()
        connection.close()


class FullHouse(Premises):
    """A database of its own on the PostgreSQL at `server` or of TEST_DATABASE_URL, and a Redis of its own."""

    def __init__(self, folder: Path, settings: dict[str, str], *, limit: int = 300, server: str = "") -> None:
        self.server = server or database_server()
        self.database = f"house_{uuid.uuid4().hex[:12]}"
        self.redis_port = free_port()
        addresses = {
            "DATABASE_URL": urlsplit(self.server)._replace(path=f"/{self.database}").geturl(),
            "REDIS_URL": f"redis://127.0.0.1:{self.redis_port}/0",
            "MEDIA_ROOT": str(folder / "media"),
        }
        super().__init__(folder, addresses | settings, limit=limit)
        (folder / "redis").mkdir(parents=True)
        options = f"--bind 127.0.0.1 --port {self.redis_port} --dir {shlex.quote(str(folder / 'redis'))}"
        durable = "--appendonly yes --appendfsync everysec --maxmemory-policy noeviction --save ''"
        # First, because the others look for it when they start.
        self.commands = {"redis": f"redis-server {options} {durable}", **self.commands}
        # Without a database file beside it, beat would keep its own in a folder that all houses share.
        self.commands["beat"] += f" --schedule {shlex.quote(str(folder / 'celerybeat-schedule'))}"

    def prepare(self, **more: str) -> None:
        # Static files lie in one folder for all houses on PostgreSQL, also for those of other test processes.
        (ROOT / "var").mkdir(exist_ok=True)
        with (ROOT / "var" / "prepare.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            super().prepare(**more)

    def create_database(self, template: str = "template1") -> None:
        command = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._command(command.format(sql.Identifier(self.database), sql.Identifier(template)))

    def end(self) -> None:
        super().end()
        self._command(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(self.database)))

    def stop_broker(self) -> None:
        self.processes.kill("redis")

    def start_broker(self) -> None:
        self.start("redis")

    def wait_ready(self, name: str) -> None:
        if name == "redis":
            said = self.processes.running[name].said
            self.processes.wait("Redis", lambda: "Ready to accept connections" in said(), seconds=15)
        else:
            super().wait_ready(name)

    def rows(self) -> Iterator[Find]:
        with psycopg.connect(self.settings["DATABASE_URL"]) as connection:
            names = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
            ).fetchall()
            for (name,) in names:
                for row in connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name))):
                    yield f"table {name}", repr(row).encode()

    def _command(self, command: sql.Composed) -> None:
        with psycopg.connect(self.server, autocommit=True) as connection:
            connection.execute(command)


def database_server() -> str:
    address = os.environ.get("TEST_DATABASE_URL", "")
    if not address or not shutil.which("redis-server"):
        pytest.fail(
            "These tests need redis-server and TEST_DATABASE_URL; `make test-house-full` sees to both."
        )
    return address
