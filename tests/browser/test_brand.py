"""The company's dress and the list of files as people see them: nothing jumps, both themes can be read."""

from pathlib import Path

import pytest
from django.contrib.auth.models import AbstractBaseUser
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet.colours import TEXT, Colour, contrast
from cabinet.models import Case
from tests.browser.test_reading import (  # noqa: F401 - fixtures
    alice,
    browser_of,
    case,
    context,
    page,
)
from tests.factories import PNG, file_in, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]

WIDE_LOGO = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 240 40"><style>.a{fill:#e30613}</style>'
    '<path class="a" d="M0 0h240v40H0z"/></svg>'
)
COLOURS = """(element) => {
    const style = getComputedStyle(element);
    return [style.color, style.backgroundColor].map((text) =>
        "#" + text.match(/\\d+/g).slice(0, 3).map((part) => (+part).toString(16).padStart(2, "0")).join(""));
}"""


@pytest.fixture
def dressed(settings: Settings, tmp_path: Path) -> Path:
    settings.BRAND_NAME, settings.BRAND_COLOR = "Ромашка и партнёры", "#ffd600"
    path = settings.BRAND_LOGO = tmp_path / "logo.svg"
    path.write_text(WIDE_LOGO, "utf-8")
    return path


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [320, 390, 1280])
def test_the_logo_is_there_at_once_and_nothing_jumps_or_sticks_out(
    browser: Browser,
    live_server: LiveServer,
    alice: AbstractBaseUser,  # noqa: F811
    case: Case,  # noqa: F811
    dressed: Path,
    settings: Settings,
    scheme: str,
    width: int,
) -> None:
    settings.CABINET_MODES = ["mail", "chat"]
    size = {"width": width, "height": 740}
    context = browser_of(alice, browser, live_server, viewport=size, color_scheme=scheme)  # noqa: F811
    page = context.new_page()  # noqa: F811
    held: list[Route] = []
    page.route("**/logo", lambda route: held.append(route))
    page.goto("/accounts/login/?next=/", wait_until="domcontentloaded")
    name = page.locator(".brand span")
    before = name.bounding_box(), page.locator("main").bounding_box()
    image = page.locator(".brand img")
    expect(image).to_have_js_property("complete", False)
    held.pop().continue_()
    expect(image).to_have_js_property("complete", True)
    assert (name.bounding_box(), page.locator("main").bounding_box()) == before
    page.unroute("**/logo")
    for path in ("/cases/", f"/cases/{case.pk}/", "/chat/", "/cases/new/", "/nowhere/"):
        page.goto(path)
        logo = page.get_by_role("img", name="Ромашка и партнёры")
        expect(logo).to_be_visible()
        assert logo.evaluate("(image) => image.complete && image.naturalWidth > 0")
        box = logo.bounding_box()
        assert box
        assert box["height"] == 32
        assert 70 < box["width"] < 193
        link = page.get_by_role("link", name="Ромашка и партнёры", exact=True)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
        assert link.bounding_box()["height"] >= 44  # type: ignore[index]
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_yellow_companys_pages_can_be_read(
    browser: Browser, live_server: LiveServer, transactional_db: None, dressed: Path, scheme: str
) -> None:
    context = browser.new_context(  # noqa: F811
        base_url=live_server.url,
        locale="en-GB",
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = context.new_page()  # noqa: F811
    page.goto("/accounts/login/")
    text, ground = map(Colour.parse, page.get_by_role("button", name="Send me a code").evaluate(COLOURS))
    assert ground.hex == "#ffd600"
    assert contrast(text, ground) >= TEXT
    context.close()


def test_a_picture_opens_from_the_list_of_files_and_gives_the_focus_back(page: Page, case: Case) -> None:  # noqa: F811
    file_in(case.messages.get(), "report.pdf")
    message = staff_reply(case)
    for number in (1, 2):
        file_in(message, f"{number}.png", PNG, content_type="image/png")
    page.goto(f"/cases/{case.pk}/")
    link = page.locator("#case-files a", has_text="2.png")
    link.focus()
    link.press("Enter")
    expect(page.locator("[data-viewer-name]")).to_have_text("2.png · 2/2")
    page.keyboard.press("Escape")
    expect(page.locator("#viewer")).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.shows") == "2.png"
    page.locator("#case-files a", has_text="Maria").first.click()
    expect(page.locator(f"#m-{message.pk}:target")).to_be_in_viewport()


def test_the_list_of_files_follows_the_thread_and_stays_unfolded(page: Page, case: Case) -> None:  # noqa: F811
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"/cases/{case.pk}/")
    expect(page.locator("#case-files-all")).to_have_count(0)
    message = case.messages.get()
    for number in range(7):
        file_in(message, f"{number}.txt", position=number)
    staff_reply(case)
    files = page.locator("#case-files li")
    expect(files).to_have_count(7)
    expect(files.first).to_be_hidden()
    page.locator("#case-files .case-fold > summary").click()
    expect(files.first).to_be_visible()
    expect(files.last).to_be_hidden()
    page.get_by_text("2 more files").click()
    expect(files.last).to_be_visible()
    file_in(staff_reply(case), "newest.txt")
    staff_reply(case)
    expect(files).to_have_count(8)
    expect(files.first).to_contain_text("newest.txt")
    expect(files.last).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()
    expect(files.first).to_be_visible()
    expect(files.last).to_be_hidden()
    expect(page.get_by_role("heading", name="Files 8")).to_be_visible()
