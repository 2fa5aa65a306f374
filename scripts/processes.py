"""Starts, watches and ends processes: each in a process group of its own, its output in a file.

Only what was started here is ever signalled, by the id it was started with.
"""

import contextlib
import os
import shlex
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BIN = ROOT / ".venv" / "bin"
# A worker in the middle of a call gets this long; what it leaves behind is what unsettled sends are for.
GRACE_SECONDS = 8.0


class NotReady(Exception):
    """Something that was waited for did not come, or a process ended meanwhile."""


@dataclass
class Running:
    """A started process and the place in its log where this run of it begins."""

    popen: subprocess.Popen[bytes]
    log: Path
    log_from: int

    def said(self) -> str:
        with self.log.open("rb") as file:
            file.seek(self.log_from)
            return file.read().decode(errors="replace")


class Processes:
    """Named processes that live and die together."""

    def __init__(self, logs: Path) -> None:
        self.logs = logs
        self.running: dict[str, Running] = {}
        logs.mkdir(parents=True, exist_ok=True)

    def start(self, name: str, command: str, environment: Mapping[str, str], *, shown: bool = False) -> None:
        """Start a shell command line. `shown` leaves its output on our own terminal instead of the log."""
        log = self.logs / f"{name}.log"
        with log.open("ab") as output:
            popen = subprocess.Popen(
                ["/bin/sh", "-c", f"exec {command}"],
                cwd=ROOT,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=None if shown else output,
                stderr=None if shown else output,
                # A group of its own: Ctrl-C reaches only us, and we end the rest in order.
                start_new_session=True,
            )
            self.running[name] = Running(popen, log, output.tell())

    def ended(self) -> dict[str, int]:
        """Those that are no longer there, with their exit codes."""
        codes = {name: one.popen.poll() for name, one in self.running.items()}
        return {name: code for name, code in codes.items() if code is not None}

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        """Signal the whole group and wait until its leader is gone."""
        one = self.running.pop(name)
        _signal_group(one.popen.pid, number)
        one.popen.wait(GRACE_SECONDS)
        _signal_group(one.popen.pid, signal.SIGKILL)

    def stop(self, *names: str) -> None:
        """Ask first, all at once; then make sure that nothing of their groups is left."""
        leaving = [self.running.pop(name) for name in names if name in self.running]
        for one in leaving:
            if one.popen.poll() is None:
                # The leader alone: it ends its children in its own order.
                one.popen.terminate()
        deadline = time.monotonic() + GRACE_SECONDS
        for one in leaving:
            with contextlib.suppress(subprocess.TimeoutExpired):
                one.popen.wait(max(0.1, deadline - time.monotonic()))
            _signal_group(one.popen.pid, signal.SIGKILL)
            one.popen.wait()

    def stop_all(self) -> None:
        self.stop(*self.running)

    def wait(self, what: str, holds: Callable[[], bool], *, seconds: float) -> None:
        """Until it holds; at once an error if one of ours ends meanwhile."""
        deadline = time.monotonic() + seconds
        while not holds():
            if ended := self.ended():
                name, code = next(iter(ended.items()))
                raise NotReady(f"{name} ended with {code}:\n{tail(self.running[name].said())}")
            if time.monotonic() > deadline:
                raise NotReady(f"{what} did not come within {seconds:.0f} s.")
            time.sleep(0.05)


def _signal_group(group: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def tail(text: str, lines: int = 15) -> str:
    return "\n".join(text.rstrip().splitlines()[-lines:])


def procfile() -> dict[str, str]:
    """The processes of the product, by name, as the Procfile states them."""
    lines = (ROOT / "Procfile").read_text(encoding="utf-8").splitlines()
    pairs = [line.split(":", 1) for line in lines if ":" in line and not line.startswith("#")]
    return {name.strip(): command.strip() for name, command in pairs}


def module(name: str, *arguments: object) -> str:
    """A command line that runs one of our modules with our own Python."""
    return shlex.join([str(BIN / "python"), "-m", name, *map(str, arguments)])


def environment(**values: str) -> dict[str, str]:
    """Ours, with the venv's programs first and the given names on top."""
    path = f"{BIN}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    found = {**os.environ, "PATH": path, "PYTHONUNBUFFERED": "1", **values}
    if os.geteuid() == 0:
        # Celery's advice against root is about pickle, which is not accepted here.
        found["PYTHONWARNINGS"] = "ignore:You're running the worker with superuser privileges"
    return found


def manage(*arguments: str, env: Mapping[str, str]) -> str:
    """Run a management command to its end; its output is returned, an error raises with it."""
    command = [str(BIN / "python"), "manage.py", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        raise NotReady(f"manage.py {' '.join(arguments)} failed:\n{tail(done.stdout)}")
    return done.stdout


def free_port(preferred: int = 0) -> int:
    """The preferred one if nobody listens there, else one that is free now."""
    for port in (preferred, 0):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            # As servers do, so that connections of a server stopped a moment ago are no hindrance.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return int(probe.getsockname()[1])
    raise NotReady("No free port on 127.0.0.1.")
