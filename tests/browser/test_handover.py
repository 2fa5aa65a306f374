"""Coming from the company's own site in a real browser, which decides about cookies and origins itself."""

import html
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from playwright.sync_api import Browser, Page, Request, expect
from pytest_django.live_server_helper import LiveServer

from cabinet.models import Profile
from tests import factories
from tests.cabinet.test_accounts import code
from tests.cabinet.tokens import DOOR, token

pytestmark = [pytest.mark.django_db(transaction=True)]
COMPANY = "http://company.example/account"


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    return factories.person("bob")


@pytest.fixture
def page(browser: Browser, person: AbstractBaseUser, live_server: LiveServer) -> Iterator[Page]:
    """Bob's browser, signed in here, at the page of a site of another name."""
    client: Client = factories.signed_in(person)
    context = browser.new_context(base_url=live_server.url, locale="en-GB")
    name = settings.SESSION_COOKIE_NAME
    cookie = {"name": name, "value": client.cookies[name].value, "url": live_server.url, "sameSite": "Lax"}
    context.add_cookies([cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.set_default_timeout(10_000)
    yield page
    context.close()


def visit_company(page: Page, body: str) -> None:
    page.route(COMPANY, lambda route: route.fulfill(body=body, content_type="text/html"))
    page.goto(COMPANY)


def test_a_form_of_another_site_signs_in_in_place_of_whoever_was_there(
    page: Page, live_server: LiveServer
) -> None:
    field = f'<input type="hidden" name="jwt" value="{token()}">'
    form = f'<form method="post" action="{live_server.url}{DOOR}">{field}<button>Support</button></form>'
    visit_company(page, form)
    page.get_by_role("button", name="Support").click()
    expect(page).to_have_url(f"{live_server.url}/cases/")
    expect(page.locator("#messages")).to_contain_text("You are signed in as Alice Smith.")
    expect(page.locator("p.who")).to_have_text("Alice Smith")
    page.reload()
    expect(page.locator("p.who")).to_have_text("Alice Smith")


def test_a_known_address_is_joined_by_a_code_and_the_token_is_told_to_nobody(
    page: Page, person: AbstractBaseUser, live_server: LiveServer
) -> None:
    given, referrers = token(email="bob@example.com"), []

    def note(request: Request) -> None:
        if request.url.startswith(live_server.url):
            referrers.append(request.all_headers().get("referer", ""))

    address = html.escape(f"{live_server.url}{DOOR}?jwt={given}")
    visit_company(page, f'<a href="{address}">Support</a>')
    page.on("requestfinished", note)
    page.get_by_role("link", name="Support").click()
    expect(page.get_by_role("heading", name="This address is already known here")).to_be_visible()
    page.get_by_role("button", name="Send me a code").click()
    page.get_by_label("Code from the letter").fill(code())
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#messages")).to_contain_text("the link on our site leads to these cases too")
    assert Profile.objects.get(external_id="c-17").user_id == person.pk
    assert len(referrers) > 5
    assert [referrer for referrer in referrers if "jwt" in referrer] == []


def test_languages_can_be_changed_on_a_refusal(page: Page) -> None:
    page.goto(f"{DOOR}?jwt=nonsense")
    page.get_by_role("button", name="Русский").click()
    expect(page.locator("html")).to_have_attribute("lang", "ru")
    assert "jwt" not in page.url
