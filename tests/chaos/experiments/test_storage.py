"""A disk is full, and later it is not. The disks are small ones of our own, in memory.

Mounting them is left to the superuser: run as root, or in a container that may mount.
"""

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis

from scripts.visitor import Page, Visitor
from tests.chaos.experiments.conftest import Figure
from tests.chaos.experiments.crowd import CROWD_SETTINGS, EMBEDDED, QUICK_PAGE_SECONDS, Crowd
from tests.chaos.premises import double
from tests.house.checks import await_same, await_true, opened, somebody
from tests.house.conftest import Builder
from tests.house.premises import EmbeddedHouse, FullHouse, Premises

FILLER = "filler"
FILE = ("plan.txt", b"a line of the plan\n" * 3000, "text/plain")
Disk = Callable[[Path, str], None]


@pytest.fixture
def small_disk() -> Iterator[Disk]:
    """Puts a disk of so many bytes where a folder is or will be; what was in it is copied onto it."""
    mounted: list[Path] = []

    def mount(path: Path, size: str) -> None:
        path.mkdir(parents=True, exist_ok=True)
        kept = path.with_name(f"{path.name}-before")
        path.rename(kept)
        path.mkdir()
        done = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            pytest.fail(f"A small disk could not be mounted, which needs the superuser: {done.stderr}")
        mounted.append(path)
        subprocess.run(["cp", "-a", f"{kept}/.", str(path)], check=True)

    yield mount
    for path in mounted:
        # Lazily: whoever still has a file open there keeps it until he ends.
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def fill(disk: Path) -> None:
    """To the last byte."""
    with (disk / FILLER).open("ab", buffering=0) as filler:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while True:
                    filler.write(b"x" * size)
            except OSError:
                continue


def make_room(disk: Path) -> None:
    (disk / FILLER).unlink()


def test_the_disk_of_the_files_is_full(new_house: Builder, small_disk: Disk, figure: Figure) -> None:
    """An upload is refused in words, nothing typed is lost, text goes; a file of staff waits for room."""
    disks: list[Path] = []

    def on_a_small_disk(house: Premises) -> None:
        disks.append(house.folder / "small")
        small_disk(disks[0], "2m")
        house.settings["MEDIA_ROOT"] = str(disks[0] / "media")

    house = new_house(before=on_a_small_disk)
    (disk,) = disks
    visitor, desk = house.sign_in(somebody()), house.desk
    path, case_id = opened(house, visitor, "No room for files")
    thread = [("customer", "Hello?"), ("staff", "here is the plan"), ("customer", "a long story")]
    fill(disk)
    desk.reply(case_id, thread[1][1], FILE)
    await_same(house, visitor, path, case_id, thread[:2])
    assert visitor.thread(path)[1].files == {}
    answer = visitor.submit(path, f"{path}reply/", {"text": thread[2][1]}, [FILE])
    assert answer.status_code == 422
    assert "a long story" in answer.text
    assert "could not be stored" in answer.text
    form = next(form for form in Page(answer.text).forms if form.action == f"{path}reply/")
    visitor_sends(visitor, f"{path}reply/", {**form.fields, "text": thread[2][1]})
    await_same(house, visitor, path, case_id, thread)
    assert [found.name for found in (disk / "media").rglob("*") if found.is_file()] == [], "halves"
    make_room(disk)
    # It asks for room twice a minute.
    await_true("staff's file", lambda: visitor.thread(path)[1].files != {}, seconds=150)
    (address,) = visitor.thread(path)[1].files.values()
    assert visitor.download(address) == FILE[1]
    visitor.reply(path, "now with the file", [FILE])
    await_same(house, visitor, path, case_id, [*thread, ("customer", "now with the file")])
    (sent,) = desk.case(case_id)["messages"][-1]["files"]
    assert sent["size"] == len(FILE[1])
    figure("messages", 4)


def visitor_sends(visitor: Visitor, action: str, values: dict[str, str]) -> None:
    assert visitor.post(action, values).status_code == 302


def test_the_disk_of_the_broker_is_full(new_house: Builder, small_disk: Disk, figure: Figure) -> None:
    """The pages stay quick, and everything goes on at the pace of the sweeps: rows are the truth."""
    mounted: list[Path] = []

    def before(house: Premises) -> None:
        double(house)
        if isinstance(house, EmbeddedHouse):
            small_disk(house.broker, "1m")
            mounted.append(house.broker)

    house = new_house(before=before, **CROWD_SETTINGS)
    crowd = Crowd(house, seed="full broker")
    if isinstance(house, FullHouse):
        memory(house, "1")
    else:
        fill(*mounted)
    crowd.write_for(6)
    figure("settled while there was no room, seconds", crowd.settle())
    if isinstance(house, FullHouse):
        memory(house, "0")
    else:
        make_room(*mounted)
    crowd.write_for(3)
    figure("settled when there was room again, seconds", crowd.settle())
    crowd.never_turned_away()
    crowd.nothing_ended()
    assert crowd.ledger.slowest_page < QUICK_PAGE_SECONDS
    crowd.tell(figure)


def memory(house: FullHouse, size: str) -> None:
    """What Redis keeps in memory may not grow beyond this; 0 is as much as there is."""
    with redis.Redis.from_url(house.settings["REDIS_URL"]) as client:
        client.config_set("maxmemory", size)


@EMBEDDED
def test_the_disk_of_sqlite_is_full(new_house: Builder, small_disk: Disk, figure: Figure) -> None:
    """The whole data folder: rows, files and broker. What was answered "accepted" is there; with room again
    everything goes on, and nobody has to start anything."""
    disks: list[Path] = []

    def on_a_small_disk(house: Premises) -> None:
        double(house)
        disk = house.folder / "data"
        disk.mkdir()
        for name in ("cabinet.sqlite3", "static"):
            shutil.move(house.folder / name, disk / name)
        small_disk(disk, "24m")
        house.settings["DATABASE_URL"] = f"sqlite:///{disk / 'cabinet.sqlite3'}"
        disks.append(disk)

    house = new_house(before=on_a_small_disk, **CROWD_SETTINGS)
    (disk,) = disks
    crowd = Crowd(house, seed="full disk")
    crowd.begin()
    time.sleep(3)
    fill(disk)
    time.sleep(6)
    make_room(disk)
    time.sleep(3)
    crowd.rest()
    crowd.settle()
    crowd.nothing_ended()
    assert crowd.watch.errors, "a disk on which there still was room proves nothing"
    figure("pages that came with an error meanwhile", crowd.watch.errors)
    crowd.tell(figure)
