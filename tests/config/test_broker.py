"""The embedded broker: every message once, in order, and nothing unreadable stops a reader."""

import fcntl
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty
from typing import Any

import pytest
import time_machine
from kombu import Connection
from kombu.exceptions import OperationalError

from config.broker import STALE_SECONDS

QUEUE = "celery"
Open = Callable[[], Any]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Not there yet, and neither is its parent."""
    return tmp_path / "var" / "broker"


@pytest.fixture
def channel_to(folder: Path) -> Iterator[Open]:
    """Opens one more channel, as one more process would."""
    opened: list[Connection] = []

    def open_channel() -> Any:
        connection = Connection(
            transport="config.broker:Transport",
            transport_options={
                "data_folder_in": str(folder),
                "data_folder_out": str(folder),
                "control_folder": str(folder / "control"),
                "polling_interval": 0.01,
            },
        )
        opened.append(connection)
        return connection.channel()

    yield open_channel
    for connection in opened:
        connection.release()


@pytest.fixture
def channel(channel_to: Open) -> Any:
    return channel_to()


def message(number: int) -> dict[str, Any]:
    return {"body": str(number), "properties": {"delivery_tag": str(number)}}


def numbers(channel: Any, queue: str = QUEUE) -> list[int]:
    taken = []
    try:
        while True:
            taken.append(int(channel._get(queue)["body"]))
    except Empty:
        return taken


def put(channel: Any, *several: int, queue: str = QUEUE) -> None:
    for number in several:
        channel._put(queue, message(number))


def leftovers(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_messages_come_out_in_order_and_leave_nothing_behind(channel: Any, folder: Path) -> None:
    put(channel, *range(20))

    assert numbers(channel) == list(range(20))
    assert leftovers(folder) == []


def test_yesterdays_messages_come_before_todays(channel: Any) -> None:
    with time_machine.travel("2026-11-23 12:00:00+00:00", tick=False) as clock:
        put(channel, 1)
        clock.shift(1)
        put(channel, 2)
        assert numbers(channel) == [1, 2]


def test_queues_do_not_mix(channel: Any) -> None:
    put(channel, 1, queue="celery")
    put(channel, 2, queue="w1.celery")
    put(channel, 3, queue="celery@host.celery.pidbox")

    assert numbers(channel, "celery") == [1]
    assert numbers(channel, "celery@host.celery.pidbox") == [3]
    assert channel._size("w1.celery") == 1


def test_a_half_written_message_is_not_seen(
    channel: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*args: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            put(channel, 1)
    put(channel, 2)

    assert numbers(channel) == [2]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b'{"body": "x", "prop',
        b"\xff\xfe",
        b"[]",
        b"5",
        b'{"body": 1}',
        b'{"properties": {}}',
        b'{"properties": 1}',
    ],
)
def test_what_cannot_be_read_is_dropped_and_the_next_one_delivered(
    channel: Any, folder: Path, content: bytes
) -> None:
    put(channel, 1)
    [name] = leftovers(folder)
    (folder / name).write_bytes(content)
    put(channel, 2)

    assert numbers(channel) == [2]
    assert leftovers(folder) == []


def test_a_reader_survives_a_folder_that_is_taken_away(channel: Any, folder: Path) -> None:
    folder.rmdir()
    assert numbers(channel) == []
    folder.rmdir()
    put(channel, 1)
    folder.joinpath("something-else.txt").write_text("not ours")

    assert numbers(channel) == [1]
    assert leftovers(folder) == ["something-else.txt"]


def test_a_reader_waits_for_a_folder_that_cannot_be_read(channel: Any, folder: Path) -> None:
    folder.rmdir()
    folder.touch()
    with pytest.raises(Empty):
        channel._get(QUEUE)
    folder.unlink()
    channel._put(QUEUE, message(1))
    assert numbers(channel) == [1]


def test_many_readers_take_each_message_once(channel_to: Open) -> None:
    put(channel_to(), *range(200))
    taken: list[int] = []

    def read(channel: Any) -> None:
        taken.extend(numbers(channel))

    readers = [threading.Thread(target=read, args=(channel_to(),)) for _ in range(4)]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join()

    assert sorted(taken) == list(range(200))


class TestLeftovers:
    """Of readers and writers that were killed, and of a beat that ran without a worker."""

    def after(self, seconds: float, channel: Any) -> list[int]:
        with time_machine.travel(time.time() + seconds, tick=False):
            return numbers(channel)

    def test_a_killed_readers_file_goes_after_a_while(
        self, channel: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(self: Path) -> bytes:
            raise KeyboardInterrupt

        put(channel, 1)
        with monkeypatch.context() as patch:
            patch.setattr(Path, "read_bytes", killed)
            with pytest.raises(KeyboardInterrupt):
                numbers(channel)
        assert len(leftovers(folder)) == 1

        assert self.after(STALE_SECONDS - 5, channel) == []
        assert len(leftovers(folder)) == 1
        assert self.after(STALE_SECONDS + 5, channel) == []
        assert leftovers(folder) == []

    def test_a_killed_writers_file_goes_too(
        self, channel: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def killed(*args: object) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(os, "replace", killed)
            with pytest.raises(KeyboardInterrupt):
                put(channel, 1)

        self.after(STALE_SECONDS + 5, channel)
        assert leftovers(folder) == []

    def test_rings_older_than_many_sweeps_are_dropped_in_every_queue(
        self, channel: Any, folder: Path
    ) -> None:
        put(channel, 1)
        put(channel, 2, queue="celery@gone.celery.pidbox")

        assert self.after(STALE_SECONDS + 5, channel) == []
        assert leftovers(folder) == []

    def test_files_of_others_are_not_touched(self, channel: Any, folder: Path) -> None:
        for name in ("notes.txt", ".hidden", "12345.txt"):
            (folder / name).write_text("not ours")

        self.after(10 * STALE_SECONDS, channel)
        assert leftovers(folder) == [".hidden", "12345.txt", "notes.txt"]


class TestRoutingTables:
    """Remote control (`celery inspect`) goes through them."""

    def bound(self, channel: Any) -> set[str]:
        return {row.queue for row in channel.get_table("celery.pidbox")}

    def test_bindings_of_several_workers_are_seen_by_all(self, channel_to: Open) -> None:
        one, two = channel_to(), channel_to()
        one._queue_bind("celery.pidbox", "", "", "one.pidbox")
        two._queue_bind("celery.pidbox", "", "", "two.pidbox")
        two._queue_bind("celery.pidbox", "", "", "two.pidbox")

        assert self.bound(one) == {"one.pidbox", "two.pidbox"}
        one._put_fanout("celery.pidbox", message(7), "")
        assert (numbers(one, "one.pidbox"), numbers(two, "two.pidbox")) == ([7], [7])

        one._delete("one.pidbox", "celery.pidbox", "", "")
        assert self.bound(two) == {"two.pidbox"}

    @pytest.mark.parametrize("content", ["", "[[", '[["", "", "x"], 5]', "{}", "7"])
    def test_a_broken_table_is_written_anew(self, channel: Any, folder: Path, content: str) -> None:
        (folder / "control").mkdir()
        (folder / "control" / "celery.pidbox.exchange").write_text(content)

        assert self.bound(channel) == set()
        channel._queue_bind("celery.pidbox", "", "", "one.pidbox")
        assert self.bound(channel) == {"one.pidbox"}

    def test_bindings_made_at_the_same_moment_are_all_kept(self, channel_to: Open) -> None:
        channels = [channel_to() for _ in range(8)]
        threads = [
            threading.Thread(target=channel._queue_bind, args=("celery.pidbox", "", "", f"{n}.pidbox"))
            for n, channel in enumerate(channels)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert self.bound(channels[0]) == {f"{n}.pidbox" for n in range(8)}


def test_a_consumer_is_given_what_a_producer_published(channel_to: Open, folder: Path) -> None:
    connection = channel_to().connection.client
    with connection.SimpleQueue("letters") as queue:
        queue.put({"to": "Anna"})
        (folder / "00000000000000000001_x.letters.msg").write_text("{half")
        received = queue.get(timeout=2)
        received.ack()

    assert received.payload == {"to": "Anna"}


def test_a_folder_that_cannot_be_written_to_is_said_at_once(
    channel_to: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Patched because the tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)

    with pytest.raises(PermissionError):
        channel_to()


def test_a_folder_that_cannot_be_used_is_a_broker_that_is_away(tmp_path: Path) -> None:
    """Celery waits for a broker that is away; over any other error beat ends."""
    folder = tmp_path / "broker"
    folder.touch()
    options = {name: str(folder) for name in ("data_folder_in", "data_folder_out", "control_folder")}
    with Connection(transport="config.broker:Transport", transport_options=options) as connection:
        with pytest.raises(OperationalError):
            connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)
        folder.unlink()
        connection.ensure_connection(max_retries=1, interval_start=0, interval_step=0)


def test_a_lock_held_by_somebody_frozen_costs_half_a_second(channel: Any, folder: Path) -> None:
    channel._queue_bind("celery", "celery", "", QUEUE)
    with (folder / "control" / "lock").open("a") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        began = time.monotonic()
        with pytest.raises(TimeoutError):
            channel._queue_bind("celery", "celery", "", "another")
        assert time.monotonic() - began < 2
    channel._queue_bind("celery", "celery", "", "another")
    assert len(channel.get_table("celery")) == 2
