"""Houses as in `tests/house`, and figures for the table at the end (figures.py)."""

from collections.abc import Callable
from pathlib import Path

import pytest

# Fixtures and a hook: used by being here.
from tests.house.conftest import (  # noqa: F401
    build,
    mode,
    model,
    new_house,
    pytest_runtest_makereport,
)

Figure = Callable[[str, object], None]
LONGEST_SECONDS = 420


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.experiment)
            item.add_marker(pytest.mark.timeout(LONGEST_SECONDS))


@pytest.fixture
def figure(record_property: Callable[[str, object], None]) -> Figure:
    """`figure("longest time to settle, seconds", 12.3)` puts a line into the table."""

    def _figure(name: str, value: object) -> None:
        record_property(name, round(value, 2) if isinstance(value, float) else value)

    return _figure
