"""Runs a command with a PostgreSQL server of its own, in a temporary folder and on a free loopback port.

    python -m scripts.services pytest -m "whole_house and service"

The command finds it in TEST_DATABASE_URL. Where that is set already, that server is used and none started.
Redis needs no such help: each whole-house test starts its own, because it has to stop it.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.processes import environment, free_port

START_SECONDS = 30


def main() -> int:
    command = sys.argv[1:]
    if not command:
        sys.exit(__doc__)
    # So that the server is stopped whichever way we are asked to leave.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    if not shutil.which("redis-server"):
        sys.exit("redis-server is not installed; on Debian or Ubuntu: apt install redis-server")
    address = os.environ.get("TEST_DATABASE_URL")
    if address:
        return subprocess.call(command, env=environment())
    with postgresql() as address:
        return subprocess.call(command, env=environment(TEST_DATABASE_URL=address))


class PostgreSQL:
    """A server of its own in a temporary folder; can be stopped, crashed and started where it was."""

    def __init__(self) -> None:
        self.programs = find_programs()
        self.folder = Path(tempfile.mkdtemp(prefix="cabinet-postgresql-"))
        self.owner = owner_for(self.folder)
        self.data, self.port = self.folder / "data", free_port()
        self.address = f"postgres://cabinet@127.0.0.1:{self.port}/postgres"
        self.server: subprocess.Popen[bytes] | None = None

    def initialise(self) -> None:
        initialise(self.programs / "initdb", self.data, self.owner)

    def start(self) -> None:
        """Returns when it takes connections."""
        command = server_command(self.programs / "postgres", self.data, self.port)
        self.server = subprocess.Popen(command, user=self.owner, cwd=self.folder)
        wait_until_ready(self.programs / "pg_isready", self.port, self.server)

    def stop(self, number: signal.Signals = signal.SIGINT) -> None:
        """SIGINT is PostgreSQL's "fast": it cuts the connections and shuts down in order. SIGQUIT is its
        "immediate": everything is dropped where it stands, as in a crash."""
        if self.server is not None:
            self.server.send_signal(number)
            self.server.wait()
            self.server = None

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def postgresql() -> Iterator[str]:
    """A running server that is gone afterwards; answers its address."""
    server = PostgreSQL()
    try:
        server.initialise()
        server.start()
        yield server.address
    finally:
        server.remove()


def find_programs() -> Path:
    """Debian keeps the server's programs out of PATH, one folder per version: take the newest."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: float(path.parts[-3]))
    on_path = shutil.which("initdb")
    if not found and not on_path:
        sys.exit("PostgreSQL is not installed; on Debian or Ubuntu: apt install postgresql")
    return found[-1].parent if found else Path(str(on_path)).resolve().parent


def owner_for(folder: Path) -> str | None:
    """PostgreSQL refuses to run as root: then it runs as the user its package made."""
    if os.geteuid() != 0:
        return None
    account = pwd.getpwnam("postgres")
    os.chown(folder, account.pw_uid, account.pw_gid)
    return account.pw_name


def initialise(initdb: Path, data: Path, owner: str | None) -> None:
    options = ["--auth=trust", "--username=cabinet", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    subprocess.run(
        [str(initdb), *options, "-D", str(data)],
        user=owner,
        cwd=data.parent,
        check=True,
        stdout=subprocess.DEVNULL,
    )


def server_command(postgres: Path, data: Path, port: int) -> list[str]:
    settings = {
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        # Processes are killed in these tests, the machine is not.
        "fsync": "off",
        "max_connections": "200",
        "log_min_messages": "fatal",
        "logging_collector": "off",
    }
    options = [f"-c{name}={value}" for name, value in settings.items()]
    return [str(postgres), "-D", str(data), "-p", str(port), *options]


def wait_until_ready(pg_isready: Path, port: int, server: "subprocess.Popen[bytes]") -> None:
    deadline = time.monotonic() + START_SECONDS
    command = [str(pg_isready), "-q", "-h", "127.0.0.1", "-p", str(port), "-U", "cabinet", "-d", "postgres"]
    while subprocess.call(command) != 0:
        if server.poll() is not None or time.monotonic() > deadline:
            sys.exit("PostgreSQL did not start; its reason is above.")
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main())
