"""One house for all browser tests, on the embedded defaults, and the Chromium of this machine; a person and
her devices for those that need no house."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from scripts.chromium import launch_options
from tests import factories
from tests.house.premises import EmbeddedHouse

Device = Callable[..., Page]


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


@pytest.fixture
def alice(transactional_db: None) -> AbstractBaseUser:
    cache.clear()
    return factories.person("alice")


def signed_in_as(context: BrowserContext, person: AbstractBaseUser, server: LiveServer) -> None:
    """As this person from now on, whoever it was before; open pages learn nothing of it."""
    cookie = factories.signed_in(person).cookies[site.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": site.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}])


@pytest.fixture
def device(browser: Browser, alice: AbstractBaseUser, live_server: LiveServer) -> Iterator[Device]:
    """A browser of its own for Alice, as often as it is called."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def make(**options: bool) -> Page:
        context = browser.new_context(base_url=live_server.url, locale="en-GB", **options)  # type: ignore[arg-type]
        contexts.append(context)
        signed_in_as(context, alice, live_server)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if "Content Sec" in said.text else None)
        page.on("dialog", lambda dialog: dialog.accept())
        return page

    yield make
    for context in contexts:
        context.close()
    assert complaints == []
