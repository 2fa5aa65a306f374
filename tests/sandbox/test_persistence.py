"""What was answered is on disk: over a new start, and over SIGKILL."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from sandbox.desk import Desk
from sandbox.records import Upload
from sandbox.store import SqliteStore

from .conftest import Caller, Clock


def test_everything_is_there_after_a_restart(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "deep" / "state.sqlite"
    first = Desk(store=SqliteStore(path), clock=clock)
    first.install_cabinet_rules("http://x/", "s")
    first.switch(content_shape="both")
    channel = first.add_channel("Cabinet", webhook_url="http://x/")
    files = [Upload(name="a.bin", mime_type="application/octet-stream", data=b"\x00\xff")]
    case = first.mailbox.write(sender="anna@example.ru", subject="Счёт", text="Где?", files=files)
    first.staffroom.reply(case.case_id, text="later", delay_seconds=60)
    first.close()

    second = Desk(store=SqliteStore(path), clock=clock)
    assert second.core.cases.all() == first.core.cases.all()
    assert second.core.messages.all() == first.core.messages.all()
    assert second.core.users.all() == first.core.users.all()
    assert second.core.staff.all() == first.core.staff.all()
    assert second.core.rules.all() == first.core.rules.all()
    assert second.core.channels.all() == [channel]
    assert second.core.letters.all() == first.core.letters.all()
    assert second.switches == first.switches
    assert second.core.store.blob(345) == b"\x00\xff"
    assert second.mailbox.write(sender="b@example.ru", subject="x", text="y").case_id == case.case_id + 1
    clock.move(61)
    second.tick()
    assert len(second.post.mailbox("anna@example.ru")) == 2
    second.close()


def test_reset_forgets_cases_but_not_how_far_ids_have_come(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite"
    desk = Desk(store=SqliteStore(path))
    desk.install_cabinet_rules("http://x/", "s")
    desk.add_channel("Cabinet")
    desk.switch(api_echo=False)
    first = desk.mailbox.write(sender="anna@example.ru", subject="x", text="y").case_id
    desk.faults.add("slow")
    desk.reset()
    desk.close()
    again = Desk(store=SqliteStore(path))
    assert not any((again.core.cases.all(), again.core.letters.all(), again.core.users.all()))
    assert (len(again.core.rules.all()), again.switches.api_echo) == (4, False)
    assert [row.title for row in again.core.channels.all()] == ["Cabinet"]
    assert again.mailbox.write(sender="anna@example.ru", subject="x", text="y").case_id == first + 1
    again.close()


def start(state: Path) -> tuple[subprocess.Popen[str], Caller]:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--smtp-port", "0", "--state", str(state)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
    assert process.stdout is not None
    found = re.match(r"sandbox: (\S+) smtp: \d+", process.stdout.readline())
    assert found is not None
    return process, Caller(found.group(1))


def test_a_killed_process_has_lost_nothing_and_ends_when_asked(tmp_path: Path) -> None:
    state = tmp_path / "state.sqlite"
    process, line = start(state)
    with process:
        case = line.open_case()
        process.kill()
    process, line = start(state)
    with process:
        assert line.get(f"cases/{case['case_id']}.json")["case"] == case
        process.terminate()
        assert process.wait(10) == 0
