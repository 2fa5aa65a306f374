"""Each place, as large as a desk and as small as a phone, light and dark: nothing shuts anybody out."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.core.cache import cache
from playwright.sync_api import Browser, BrowserContext, Page, Route
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests import factories
from tests.browser import judging
from tests.browser.matrix import FULLY, LOCALES, SIZES, THEMES, Theme
from tests.browser.places import PLACES, Place

pytestmark = [pytest.mark.django_db(transaction=True)]

PICTURES = os.environ.get("PICTURES", "")
"""A folder: each place then also leaves its pictures there."""
WAYS = [("ru", True), ("ru", False), ("en", True)] if FULLY and not PICTURES else [("ru", True)]
KEPT_FOR = {"list: 500", "case: 350 messages, all"}


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    cache.clear()
    return factories.person("anna", first_name="Анна", last_name="Кузнецова")


def wanted() -> list[object]:
    return [
        pytest.param(
            place, language, scripts, id=f"{place.name}, {language}{'' if scripts else ', no scripts'}"
        )
        for place in PLACES.values()
        for language, scripts in WAYS
        if (scripts or not place.scripts) and (FULLY or PICTURES or not place.long)
    ]


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[list[BrowserContext]]:
    opened: list[BrowserContext] = []
    yield opened
    for context in opened:
        context.close()


def no_scripts(route: Route) -> None:
    # Not by switching them off: axe is one, and a page without any behaves the same.
    route.fulfill(status=200, content_type="text/javascript", body="")


@pytest.mark.parametrize(("place", "language", "scripts"), wanted())
def test_place(
    browser: Browser,
    live_server: LiveServer,
    person: AbstractBaseUser,
    settings: Settings,
    context: list[BrowserContext],
    place: Place,
    language: str,
    scripts: bool,
) -> None:
    for name, value in place.settings.items():
        setattr(settings, name, value)
    context.append(
        browser.new_context(
            base_url=live_server.url,
            locale=LOCALES[language],
            timezone_id="Asia/Omsk",
            reduced_motion="reduce",
            viewport=SIZES["desktop"],
        )
    )
    address = place.build(person)
    known = {"tz": "Asia/Omsk"}
    if not place.guest:
        cookie = factories.signed_in(person).cookies[site.SESSION_COOKIE_NAME]
        known[site.SESSION_COOKIE_NAME] = cookie.value
    context[0].add_cookies(
        [{"name": name, "value": value, "url": live_server.url} for name, value in known.items()]
    )
    page = context[0].new_page()
    page.set_default_timeout(15_000)
    if not scripts:
        page.route(re.compile(r"/static/.*\.js"), no_scripts)
    ear = judging.Ear(page, live_server.url)
    page.goto(address)
    place.act(page)
    judge(page, place, ear)


def themes(place: Place, size: str) -> tuple[Theme, ...]:
    """Both at each size, or in pairs: one at the desk, the other on the phone, by turns."""
    if FULLY or PICTURES:
        return THEMES
    turn = list(PLACES).index(place.name) + list(SIZES).index(size)
    return (THEMES[turn % len(THEMES)],)


def judge(page: Page, place: Place, ear: judging.Ear) -> None:
    found = [f"an id twice: {each}" for each in judging.twice(page)]
    assert judging.frame(page) == (1, 1)
    for size, viewport in SIZES.items():
        page.set_viewport_size(viewport)
        found += [f"{size}: wider than the screen: {each}" for each in judging.too_wide(page)]
        if size == "phone":
            found += [f"{size}: too small for a finger: {each}" for each in judging.too_small(page)]
        for theme in themes(place, size):
            page.emulate_media(color_scheme=theme, reduced_motion="reduce")
            found += [f"{size}, {theme}: {each}" for each in judging.violations(page)]
            if PICTURES:
                name = re.sub(r"[^\w]+", "-", place.name)
                page.screenshot(
                    path=Path(PICTURES) / f"{name}-{size}-{theme}.png",
                    full_page=place.name not in KEPT_FOR and not page.locator("dialog[open]").count(),
                )
    page.set_viewport_size(judging.NARROW)
    found += [f"at 400 % zoom: wider than the screen: {each}" for each in judging.too_wide(page)]
    found += ["at 400 % zoom: cut off below"] if judging.cut_off(page) else []
    assert place.status in ear.statuses[-1:]
    assert (found, ear.complaints, ear.strange) == ([], [], []), "\n".join([place.name, *found])
