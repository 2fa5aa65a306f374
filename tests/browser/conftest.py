"""One house for all browser tests, on the embedded defaults, and the Chromium of this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site

from scripts.chromium import launch_options
from tests.house.premises import EmbeddedHouse


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(180))
            if item.get_closest_marker("django_db"):
                # With the apps named, emptying the tables does not make rights and kinds anew each time.
                item.add_marker(pytest.mark.django_db(transaction=True, available_apps=site.INSTALLED_APPS))
            if "house" in getattr(item, "fixturenames", ()):
                # One house is enough: of several workers one has all the tests that live in it.
                item.add_marker(pytest.mark.xdist_group("house"))


@pytest.fixture(scope="session", autouse=True)
def playwright_has_a_loop() -> Iterator[None]:
    """Its event loop runs in this thread, so Django must be told that nothing here is asynchronous."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture(scope="session")
def browser_type_launch_args() -> dict[str, Any]:
    return launch_options()


@pytest.fixture(scope="session")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedHouse]:
    # What is allowed to this process is not to the house's own.
    house = EmbeddedHouse(tmp_path_factory.mktemp("browser"), {"DJANGO_ALLOW_ASYNC_UNSAFE": ""})
    house.with_live()
    house.prepare()
    house.begin()
    yield house
    house.end()
