"""Nothing that was started is left over, and what ends too early is named."""

import os
import shlex
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import processes
from scripts.processes import NotReady, Processes, environment, free_port, procfile

STUBBORN = (
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
    "print('up', flush=True); time.sleep(60)"
)


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Processes]:
    monkeypatch.setattr(processes, "GRACE_SECONDS", 0.5)
    started = Processes(tmp_path / "a log")
    yield started
    started.stop_all()


def python(code: str) -> str:
    return shlex.join([sys.executable, "-c", code])


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    # A zombie that nobody has waited for is not alive.
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def test_stopping_ends_the_stubborn_and_their_children(started: Processes, tmp_path: Path) -> None:
    child = tmp_path / "child.pid"
    script = tmp_path / "parent.py"
    script.write_text(
        f"import subprocess, sys\n"
        f"child = subprocess.Popen([sys.executable, '-c', {STUBBORN!r}])\n"
        f"open({str(child)!r}, 'w').write(str(child.pid))\n"
        f"{STUBBORN}\n"
    )
    started.start("parent", shlex.join([sys.executable, str(script)]), environment())
    parent = started.running["parent"]
    started.wait("both", lambda: parent.said().count("up") == 2, seconds=20)
    pids = [parent.popen.pid, int(child.read_text())]
    assert all(alive(pid) for pid in pids)
    started.stop_all()
    # The child is adopted and buried by whoever is the first process here.
    deadline = time.monotonic() + 5
    while any(alive(pid) for pid in pids if Path(f"/proc/{pid}").exists()) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids if Path(f"/proc/{pid}").exists())
    assert started.running == {}


def test_waiting_ends_at_once_when_a_process_does(started: Processes) -> None:
    started.start("fragile", python("print('no such table'); raise SystemExit(3)"), environment())
    with pytest.raises(NotReady, match="fragile ended with 3:\nno such table"):
        started.wait("The impossible", lambda: False, seconds=20)


def test_a_second_run_is_not_taken_for_the_first(started: Processes) -> None:
    for word in ("first", "second"):
        started.start(
            "one", python(f"print('{word}', flush=True); import time; time.sleep(60)"), environment()
        )
        started.wait(word, lambda word=word: word in started.running["one"].said(), seconds=20)  # type: ignore[misc]
        if word == "first":
            started.kill("one")
    assert started.running["one"].said() == "second\n"


def test_a_taken_port_is_replaced_by_a_free_one() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = server.getsockname()[1]
        assert free_port(taken) not in (0, taken)


def test_the_procfile_names_the_processes_of_the_product() -> None:
    commands = procfile()
    assert list(commands) == ["web", "worker", "live", "beat"]
    # A secret may be part of a webhook's address.
    assert "--no-access-log" in commands["web"]
