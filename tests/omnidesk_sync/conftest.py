"""The synchronisation against the pretend desk: the same object that answers over HTTP in the demo."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import responses
import time_machine
from django.conf import settings

from omnidesk_sync import drift_now
from sandbox.desk import Desk
from sandbox.double import mount
from sandbox.exchange import Exchange
from tests.omnidesk_sync.world import World

START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Cleans up after committed rows without making every permission anew, which costs more than most tests.

    Django does without that step where a test names its apps; here they are all of them.
    """
    quick = pytest.mark.django_db(transaction=True, available_apps=settings.INSTALLED_APPS)
    for item in items:
        if "world" in getattr(item, "fixturenames", ()):
            item.add_marker(quick)


@pytest.fixture
def travel() -> Iterator[time_machine.Traveller]:
    """A clock that moves only when told to; the desk and the cabinet share it."""
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def line(travel: time_machine.Traveller) -> Iterator[tuple[Desk, Exchange]]:
    """A pretend account behind `responses`: no network, the same object as in the demo."""
    pretend = Desk(api_key="key-of-the-pretend-account", staff_email="robot@acme.example", limit=300)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield pretend, mount(pretend, mock, base_url="https://acme.omnidesk.ru")
    pretend.close()


@pytest.fixture
def world(
    transactional_db: None,
    line: tuple[Desk, Exchange],
    travel: time_machine.Traveller,
    rings: list[tuple[str, tuple[object, ...]]],
) -> World:
    """Both sides and the hand that moves time."""
    return World(*line, travel, rings)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> int:
    """Ten rows a page everywhere: what is longer than a page need not be made of hundreds of rows."""
    for module in ("imports", "reading", "reconciling"):
        monkeypatch.setattr(f"omnidesk_sync.{module}.PAGE", 10)
    return 10


@pytest.fixture
def rings(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[object, ...]]]:
    """What was rung for, instead of a broker: a ring is a courtesy, and tests decide when work is done."""
    heard: list[tuple[str, tuple[object, ...]]] = []

    def listen(task: str, *args: object, in_seconds: float = 0.0) -> bool:
        heard.append((task, args))
        return True

    monkeypatch.setattr("omnidesk_sync.bells.ring", listen)
    return heard


@pytest.fixture
def patient(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits in a drift report lets the tests' clock run instead of sleeping."""
    monkeypatch.setattr(drift_now, "pause", world.wait)
