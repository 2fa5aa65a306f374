"""Houses for the tests, as few as can be, since a start takes ten seconds of a processor.

One calm house for all that breaks nothing; one that is lent to each that breaks something and mends it again;
a new one for each that needs it so. Tests of one house carry the same `xdist_group`: one worker has them all.
"""

import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house.premises import EmbeddedHouse, FullHouse, Premises

# Found by the services' mark: the embedded half needs nothing installed.
MODES = ["embedded", pytest.param("full", marks=pytest.mark.service)]
Build = Callable[..., Premises]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.whole_house)
            # Starting everything, and a few sweeps of 15 seconds.
            item.add_marker(pytest.mark.timeout(240))
            if "calm_house" in getattr(item, "fixturenames", ()):
                item.add_marker(pytest.mark.xdist_group("calm"))
            if item.get_closest_marker("xdist_group") and (mode := _mode_of(item)):
                item.add_marker(pytest.mark.xdist_group(mode))


def _mode_of(item: pytest.Item) -> str:
    callspec = getattr(item, "callspec", None)
    return str(callspec.params.get("mode", "")) if callspec else ""


@pytest.fixture(scope="session", params=MODES)
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="session")
def model(mode: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    """Prepared once and never started; the others begin as its copies."""
    folder = tmp_path_factory.mktemp("model", numbered=True)
    if mode == "embedded":
        embedded = EmbeddedHouse(folder, {})
        embedded.prepare()
        yield embedded
        return
    full = FullHouse(folder, {})
    full.create_database()
    full.prepare()
    yield full
    full.end()


@pytest.fixture(scope="session")
def build(model: Premises, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Builds and starts a house, after `before` has changed what it likes; the caller ends it."""

    def _build(
        *, limit: int = 300, before: Callable[[Premises], None] | None = None, **settings: str
    ) -> Premises:
        folder = tmp_path_factory.mktemp("house", numbered=True)
        house: Premises
        if isinstance(model, FullHouse):
            house = full = FullHouse(folder, settings, limit=limit)
            full.create_database(template=model.database)
        else:
            house = EmbeddedHouse(folder, settings, limit=limit)
            shutil.copytree(model.folder, folder, dirs_exist_ok=True)
        if before is not None:
            before(house)
        try:
            house.begin()
        except BaseException:
            house.end()
            raise
        return house

    return _build


@pytest.fixture(scope="session")
def calm_house(build: Build) -> Iterator[Premises]:
    """Shared: tests in it use people and cases of their own and switch nothing."""
    house = build()
    yield house
    house.end()


class Builder:
    """Builds houses for one test: `new_house(limit=20, OMNIDESK_RECONCILE_SECONDS="5")`."""

    def __init__(self, build: Build) -> None:
        self._build = build
        self.houses: list[Premises] = []

    def __call__(self, **details: Any) -> Premises:
        house = self._build(**details)
        self.houses.append(house)
        return house


@pytest.fixture
def new_house(build: Build) -> Iterator[Builder]:
    builder = Builder(build)
    yield builder
    for house in builder.houses:
        house.end()


class Lender:
    """Lends one house of each kind to one test after another: `lend(OMNIDESK_RECONCILE_SECONDS="5")`.

    Whoever borrows it may break what they like and gives it back whole, with nothing left to settle. One in
    which a test has failed is not lent again.
    """

    def __init__(self, build: Build) -> None:
        self._build = build
        self.houses: dict[frozenset[tuple[str, str]], Premises] = {}

    def __call__(self, **settings: str) -> Premises:
        kind = frozenset(settings.items())
        if kind not in self.houses:
            self.houses[kind] = self._build(**settings)
        return self.houses[kind]

    def end(self) -> None:
        while self.houses:
            self.houses.popitem()[1].end()


@pytest.fixture(scope="session")
def lend(build: Build) -> Iterator[Lender]:
    lender = Lender(build)
    yield lender
    lender.end()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A failed test shows what the processes said last."""
    report: Any = yield
    if report.failed:
        values = getattr(item, "funcargs", {}).values()
        houses = [value for value in values if isinstance(value, Premises)]
        houses += [house for value in values if isinstance(value, Builder) for house in value.houses]
        lenders = [value for value in values if isinstance(value, Lender)]
        houses += [house for lender in lenders for house in lender.houses.values()]
        for path in [path for house in houses for path in sorted(house.processes.logs.glob("*.log"))]:
            report.sections.append((f"the end of {path.name}", _end_of(path)))
        for lender in lenders:
            lender.end()
    return report


def _end_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-4000:]
