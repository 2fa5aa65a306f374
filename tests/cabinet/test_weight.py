"""What a page of a customer brings along: little, and all of it from us."""

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.staticfiles import finders
from django.test import Client
from pytest_django import Settings
from whitenoise.compress import Compressor

from cabinet.models import Case
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, signed_in, staff_reply

MOST = 60_000
"""Bytes of JavaScript and CSS together, over the wire, on a first visit."""

STATIC = "/" + site.STATIC_URL.lstrip("/")
PAGES = ("/accounts/login/", "/cases/", "/cases/new/", "/chat/", "/nowhere/", "the case")
FETCHED = {
    "script": ("src",),
    "link": ("href",),
    "img": ("src", "srcset"),
    "source": ("src", "srcset"),
    "iframe": ("src",),
    "object": ("data",),
    "embed": ("src",),
    "video": ("src", "poster"),
    "audio": ("src",),
    "use": ("href", "xlink:href"),
}
"""Which attributes of which elements make a browser fetch something by itself."""

MORE = re.compile(r"createElement\(\W?(script|link)|import\s*\(|importScripts|[\"'`](https?:)?//\w")
"""How a script would load another one, or say an address elsewhere."""

CODE = re.compile(r"stylesheet|modulepreload|preload|prefetch")


@pytest.fixture(autouse=True)
def everything_is_on(settings: Settings, tmp_path: Path) -> None:
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    settings.CABINET_NOTICES = True
    settings.BRAND_NAME, settings.BRAND_COLOR = "Ромашка", "#ffd600"
    settings.BRAND_LOGO = settings.BRAND_LOGO_DARK = tmp_path / "logo.svg"
    settings.BRAND_LOGO.write_text('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"/>', "utf-8")


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    """With a picture, a file and an answer, so that its page has one of everything."""
    case = delivered(case_of(alice))
    message = staff_reply(case)
    factories.file_in(message, "picture.png", factories.PNG, content_type="image/png")
    factories.file_in(message, "report.pdf")
    return case


def load(client: Client, path: str, case: Case) -> Page:
    # Whoever is signed in is led on from there.
    client = Client(HTTP_ACCEPT_LANGUAGE="en") if path == "/accounts/login/" else client
    answer = client.get(path.replace("the case", f"/cases/{case.pk}/"))
    assert answer.status_code == (404 if path == "/nowhere/" else 200)
    return Page(answer)


def fetched(page: Page) -> set[str]:
    """Every address that a browser asks for while it loads the page."""
    found = set()
    for tag, attrs in page.tags:
        for name in FETCHED.get(tag, ()):
            # A srcset has several, each with a size behind it.
            found |= {part.split()[0] for part in attrs.get(name, "").split(",") if part.strip()}
    return found


def code_of(page: Page) -> set[str]:
    """The addresses of its scripts and stylesheets."""
    scripts = {attrs["src"] for attrs in page.all("script")}
    return scripts | {attrs["href"] for attrs in page.all("link") if CODE.search(attrs["rel"])}


def content(client: Client, address: str) -> bytes:
    """What is behind the address: a static file, or what a view answers."""
    if address.startswith(STATIC):
        found = finders.find(address.removeprefix(STATIC))
        assert found, address
        return Path(str(found)).read_bytes()
    answer = client.get(address)
    assert answer.status_code == 200, address
    return bytes(answer.content)


def over_the_wire(client: Client, address: str) -> int:
    """Bytes of it: a static file as WhiteNoise has it after collectstatic, what a view answers as it is."""
    plain = content(client, address)
    if not address.startswith(STATIC):
        return len(plain)
    return min(len(plain), len(Compressor.compress_gzip(plain)))


@pytest.mark.parametrize("path", PAGES)
def test_scripts_and_styles_of_a_page_stay_small(alice: AbstractBaseUser, case: Case, path: str) -> None:
    client = signed_in(alice)
    weights = {address: over_the_wire(client, address) for address in code_of(load(client, path, case))}
    assert any("htmx" in address for address in weights)
    assert any("cabinet.css" in address for address in weights)
    assert any("colours.css" in address for address in weights)
    # Not nothing: htmx alone is more.
    assert 20_000 < sum(weights.values()) < MOST, weights


@pytest.mark.parametrize("path", PAGES)
def test_no_page_loads_anything_from_elsewhere(as_alice: Client, case: Case, path: str) -> None:
    page = load(as_alice, path, case)
    addresses = fetched(page)
    assert len(addresses) > 5
    for address in addresses:
        parts = urlsplit(address)
        assert (parts.scheme, parts.netloc) == ("", ""), address
        assert parts.path.startswith("/"), address
    assert not page.all("base")


def test_what_pages_load_loads_nothing_more(as_alice: Client, case: Case) -> None:
    """Otherwise the sums above would be too small."""
    addresses = set().union(*(code_of(load(as_alice, path, case)) for path in PAGES))
    assert len(addresses) > 8
    for address in addresses:
        text = content(as_alice, address).decode()
        if address.endswith(".css"):
            assert not re.search(r"@import|url\((?!\s*[\"']?(?:data:|#))", text), address
        elif "htmx" not in address:
            assert not MORE.search(text), address
