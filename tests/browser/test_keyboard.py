"""A whole case without a mouse: Tab, Space, Enter and typing, and one always sees where one is."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core import mail
from django.core.cache import cache
from playwright.sync_api import Browser, FilePayload, Page, TimeoutError, expect
from pytest_django.live_server_helper import LiveServer

from cabinet.models import Case
from scripts.rows import picture
from tests.factories import delivered, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]
RATED = "Thank you. Support will see your rating."
FAR = 60
"""Presses of Tab after which something counts as out of reach."""

# Where the focus is; whether one sees it, on the element itself or on what stands for it (the label of a
# hidden file field); and whether it stands after where it was before.
WHERE = """(wanted) => {
  const here = document.activeElement;
  const outlined = (each) => { const style = getComputedStyle(each);
    return style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2; };
  const stands = [here, ...(here.labels || []), ...(here.parentElement ? here.parentElement.children : [])];
  const before = window.__before, lost = here === document.body;
  const forwards = lost || !before || !before.isConnected ||
    Boolean(before.compareDocumentPosition(here) & Node.DOCUMENT_POSITION_FOLLOWING);
  window.__before = lost ? null : here;
  const box = (stands.find(outlined) || here).getBoundingClientRect();
  return { there: here.matches(wanted), name: here.outerHTML.slice(0, 120), lost, forwards,
    seen: stands.some(outlined), inSight: box.bottom > 0 && box.top < innerHeight,
    group: here.matches("[type=radio]"), tabindex: here.tabIndex };
}"""


@pytest.fixture(params=["light", "dark"])
def page(
    request: pytest.FixtureRequest, browser: Browser, live_server: LiveServer, transactional_db: None
) -> Iterator[Page]:
    cache.clear()
    context = browser.new_context(
        base_url=live_server.url, locale="en-GB", color_scheme=request.param, reduced_motion="reduce"
    )
    context.set_default_timeout(15_000)
    yield context.new_page()
    context.close()


def tab_to(page: Page, wanted: str) -> None:
    """Tab until `wanted` has the focus; on the way each stop is seen and lies after the one before."""
    for _press in range(FAR):
        page.keyboard.press("Tab")
        now: dict[str, Any] = page.evaluate(WHERE, wanted)
        if now["lost"]:
            continue
        assert now["seen"], f"no outline: {now['name']}"
        assert now["inSight"], f"out of sight: {now['name']}"
        assert (now["forwards"], now["tabindex"]) == (True, 0), f"out of order: {now['name']}"
        if now["there"]:
            return
    pytest.fail(f"{wanted} is out of reach")


def sign_in(page: Page) -> None:
    page.goto("/")
    tab_to(page, "#id_email")
    page.keyboard.type("alice@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm/**")
    tab_to(page, "#id_code")
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code
    page.keyboard.type(code[0])
    page.keyboard.press("Enter")
    page.wait_for_url("**/cases/")


def choose(page: Page, file: FilePayload) -> None:
    """The file, in the dialog that Space opens. On a busy machine the browser now and then opens none: then
    again, as people do."""
    for _press in range(3):
        try:
            with page.expect_file_chooser(timeout=6_000) as chooser:
                page.keyboard.press("Space")
        except TimeoutError:
            continue
        chooser.value.set_files(file)
        return
    pytest.fail("No dialog to choose a file.")


def test_a_case_from_beginning_to_end(page: Page) -> None:
    keys = page.keyboard
    sign_in(page)
    tab_to(page, ".skip")
    keys.press("Enter")
    tab_to(page, ".empty .button.primary")
    keys.press("Enter")
    page.wait_for_url("**/cases/new/")
    tab_to(page, "#id_subject")
    keys.type("The printer smokes")
    tab_to(page, "#id_text")
    keys.type("Since this morning.")
    tab_to(page, "#id_files")
    choose(page, {"name": "smoke.png", "mimeType": "image/png", "buffer": picture()})
    expect(page.locator(".chip [name=uploaded]")).to_have_count(1)
    tab_to(page, "main form .button.primary")
    keys.press("Enter")
    expect(page.locator("article[data-message]")).to_have_count(1)

    case = delivered(Case.objects.get())
    staff_reply(case)
    expect(page.locator("article[data-author=staff]")).to_have_count(1)
    tab_to(page, "a[data-picture]")
    keys.press("Enter")
    expect(page.locator("#viewer img")).to_be_visible()
    keys.press("Escape")
    expect(page.locator("a[data-picture]")).to_be_focused()
    tab_to(page, "#id_text")
    keys.type("It still smokes.")
    tab_to(page, "#send-reply")
    keys.press("Space")
    expect(page.locator("article[data-author=customer]")).to_have_count(2)

    tab_to(page, "#set-status")
    keys.press("Enter")
    expect(page.locator("#rate")).to_be_visible()
    tab_to(page, "#rate [type=radio]")
    keys.press("Space")
    tab_to(page, "#rate textarea")
    keys.type("Quick")
    tab_to(page, "#rate button")
    # A screen reader says what is new in a region it knows; a region that is itself new says nothing.
    page.evaluate("window.region = document.querySelector('#messages[aria-live=polite]')")
    keys.press("Enter")
    expect(page.locator(".rated")).to_be_visible()
    assert page.evaluate("region.isConnected && region.textContent.trim()") == RATED
    case.refresh_from_db()
    assert (case.status, case.rating, case.rating_comment) == ("closed", "high", "Quick")
    assert [file.name for file in case.messages.earliest("position").files.all()] == ["smoke.png"]


def test_a_dialog_keeps_the_focus_and_gives_it_back(page: Page) -> None:
    """Also the help, which a key opens anywhere."""
    sign_in(page)
    tab_to(page, "[data-keys-open]")
    page.keyboard.press("Enter")
    expect(page.locator("#keys")).to_be_visible()
    for _press in range(4):
        page.keyboard.press("Tab")
        # Behind the last one stands the browser's own bar, which a page sees as its body.
        assert page.evaluate("document.activeElement.matches('body, dialog *')")
    page.keyboard.press("Escape")
    expect(page.locator("#keys")).to_be_hidden()
    expect(page.locator("[data-keys-open]")).to_be_focused()
