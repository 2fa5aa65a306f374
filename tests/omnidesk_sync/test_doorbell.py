"""Ringing costs milliseconds and no errors, whatever the broker does."""

import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from celery import Celery

from omnidesk_sync.doorbell import QUIET_SECONDS, Doorbell
from tests import rings

PAUSE_IS_FREE = 0.05
"""Seconds; a ring during the pause takes microseconds, the rest is for a busy machine."""


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def bell(clock: Clock) -> Doorbell:
    return Doorbell(clock=clock)


@pytest.fixture
def hung_port() -> Iterator[int]:
    """A server that accepts and never answers, as a stopped Redis does."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


def someone_knocks(*visitors: object) -> None:
    raise AssertionError("ringing must not run the task")


def app_with(broker: str) -> Celery:
    app = Celery("doorbell-test", broker=broker, set_as_current=False)
    app.task(name="someone.knocks")(someone_knocks)
    return app


def seconds_of(bell: Doorbell, app: Celery) -> tuple[bool, float]:
    started = time.perf_counter()
    taken = bell.ring(app.tasks["someone.knocks"], 7)
    return taken, time.perf_counter() - started


def test_a_ring_reaches_the_queue(bell: Doorbell) -> None:
    rings.drain()

    assert bell.ring(app_with("memory://").tasks["someone.knocks"], 7) is True
    assert rings.drain() == [("someone.knocks", [7])]


def test_a_task_may_be_given_by_its_name(bell: Doorbell) -> None:
    rings.drain()

    assert bell.ring("someone.knocks", 8) is True
    assert rings.drain() == [("someone.knocks", [8])]


def test_a_closed_port_costs_one_quick_try_and_then_nothing(bell: Doorbell, closed_port: int) -> None:
    app = app_with(f"redis://127.0.0.1:{closed_port}/0")

    taken, seconds = seconds_of(bell, app)
    assert not taken
    assert seconds < 0.6

    taken, seconds = seconds_of(bell, app)
    assert not taken
    assert seconds < PAUSE_IS_FREE


def test_a_hung_broker_costs_half_a_second_and_then_nothing(
    bell: Doorbell, clock: Clock, hung_port: int
) -> None:
    app = app_with(f"redis://127.0.0.1:{hung_port}/0")

    taken, seconds = seconds_of(bell, app)
    assert not taken
    assert seconds < 0.75

    clock.now += QUIET_SECONDS - 1
    taken, seconds = seconds_of(bell, app)
    assert not taken
    assert seconds < PAUSE_IS_FREE


def test_after_the_pause_it_is_tried_again(bell: Doorbell, clock: Clock, closed_port: int) -> None:
    broken = app_with(f"redis://127.0.0.1:{closed_port}/0")
    fine = app_with("memory://")
    bell.ring(broken.tasks["someone.knocks"])

    assert bell.ring(fine.tasks["someone.knocks"]) is False
    clock.now += QUIET_SECONDS + 1
    assert bell.ring(fine.tasks["someone.knocks"]) is True


def test_the_pause_holds_for_every_thread(bell: Doorbell, hung_port: int) -> None:
    app = app_with(f"redis://127.0.0.1:{hung_port}/0")
    seconds_of(bell, app)
    results: list[tuple[bool, float]] = []

    other = threading.Thread(target=lambda: results.append(seconds_of(bell, app)))
    other.start()
    other.join()

    assert results[0][0] is False
    assert results[0][1] < PAUSE_IS_FREE


def test_a_failure_is_one_line_without_the_brokers_password(
    bell: Doorbell, closed_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_with(f"redis://user:hush-hush@127.0.0.1:{closed_port}/0")

    with caplog.at_level(logging.INFO):
        bell.ring(app.tasks["someone.knocks"])
        bell.ring(app.tasks["someone.knocks"])

    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "hush-hush" not in caplog.text
    assert "\n" not in caplog.records[0].getMessage()


def test_arguments_that_cannot_be_sent_raise_nothing(bell: Doorbell) -> None:
    app = app_with("memory://")

    assert bell.ring(app.tasks["someone.knocks"], object()) is False
