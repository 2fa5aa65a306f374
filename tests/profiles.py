"""How far the tests look: the same questions every time, few enough for every change, or whatever there is.

To look further: pytest --timeout=0 --hypothesis-profile=search
"""

from hypothesis import settings


def register() -> None:
    """For `conftest.py`, before any test is imported."""
    # A machine of any speed runs them.
    settings.register_profile("fast", deadline=None, derandomize=True)
    settings.register_profile("search", deadline=None, max_examples=2000)
    settings.load_profile("fast")


def searching() -> bool:
    return settings.get_current_profile_name() == "search"


def one_in(ordinary: int, *, searched: int = 1) -> int:
    """The step through a list all of which would take too long; a smaller one for those who search."""
    return searched if searching() else ordinary
