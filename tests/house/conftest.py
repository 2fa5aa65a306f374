"""Houses for the tests: one calm house for all that breaks nothing, a new one for each that does."""

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


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """A failed test shows what the processes said last."""
    report: Any = yield
    if report.failed:
        values = getattr(item, "funcargs", {}).values()
        houses = [value for value in values if isinstance(value, Premises)]
        houses += [house for value in values if isinstance(value, Builder) for house in value.houses]
        for path in [path for house in houses for path in sorted(house.processes.logs.glob("*.log"))]:
            report.sections.append((f"the end of {path.name}", _end_of(path)))
    return report


def _end_of(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")[-4000:]
