"""Reading in a browser: what is new and where, two tabs, long texts, long threads, pictures, keys."""

import re
from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from cabinet import desk, reading_marks, services
from cabinet.models import Case, CaseFile, OutboxEntry
from tests import factories
from tests.factories import PNG, case_of, delivered, file_in, long_thread, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]

LONG = "\n".join(f"line {number}" for number in range(60))
HIDE = """(hidden) => {
    Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
}"""
IN_SIGHT = """(element) => {
    const box = element.getBoundingClientRect();
    return box.top >= 0 && box.top < innerHeight;
}"""


@pytest.fixture
def alice(transactional_db: None) -> AbstractBaseUser:
    return factories.person("alice")


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def browser_of(
    person: AbstractBaseUser, browser: Browser, server: LiveServer, **options: object
) -> BrowserContext:
    client: Client = factories.signed_in(person)
    context = browser.new_context(base_url=server.url, locale="en-GB", **options)  # type: ignore[arg-type]
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}])
    context.set_default_timeout(10_000)
    return context


@pytest.fixture
def context(browser: Browser, alice: AbstractBaseUser, live_server: LiveServer) -> Iterator[BrowserContext]:
    context = browser_of(alice, browser, live_server)
    complaints: list[str] = []
    context.on("weberror", lambda error: complaints.append(str(error.error)))
    context.on("console", lambda said: complaints.append(said.text) if "Content Sec" in said.text else None)
    yield context
    context.close()
    assert complaints == []


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


def path(case: Case) -> str:
    return f"/cases/{case.pk}/"


# ── unread ──


def test_two_tabs_of_one_person_say_the_same(context: BrowserContext, case: Case) -> None:
    overview, thread = context.new_page(), context.new_page()
    overview.goto("/cases/")
    expect(overview).to_have_title("My cases")
    staff_reply(case)
    expect(overview).to_have_title("(1) My cases")
    expect(overview.locator("#unread-badge")).to_contain_text("1 case with something new")
    expect(overview.locator("#announcer")).to_have_text("1 case with something new")
    expect(overview.locator(".row-new")).to_contain_text("1 new message")
    thread.goto(path(case))
    expect(thread.locator("#new + li article[data-author=staff]")).to_have_count(1)
    expect(thread).to_have_title("The printer smokes")
    expect(overview).to_have_title("My cases")
    expect(overview.locator("#unread-badge")).to_be_hidden()
    expect(overview.locator(".row-new")).to_have_count(0)


def test_a_hidden_tab_reads_nothing_until_it_is_looked_at(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    page.goto(path(case))
    page.get_by_label("Your reply").fill("half a sentence")
    page.evaluate(HIDE, True)
    staff_reply(case)
    # A hidden tab asks seldom; what it does then does not depend on when.
    page.evaluate("cabinet.ask()")
    expect(page).to_have_title("(1) The printer smokes")
    expect(page.locator("#new")).to_be_attached()
    assert reading_marks.count_cases_with_news(alice) == 1
    page.evaluate(HIDE, False)
    expect(page).to_have_title("The printer smokes")
    assert reading_marks.count_cases_with_news(alice) == 0
    expect(page.locator("#new")).to_be_attached()
    expect(page.get_by_label("Your reply")).to_have_value("half a sentence")


def test_the_new_line_stays_for_the_visit_and_goes_with_the_next(page: Page, case: Case) -> None:
    page.goto(path(case))
    expect(page.locator("#new")).to_have_count(0)
    staff_reply(case, "first news")
    expect(page.locator("#new + li")).to_contain_text("first news")
    staff_reply(case, "second news")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("#new + li")).to_contain_text("first news")
    page.get_by_label("Your reply").fill("mine")
    page.get_by_label("Your reply").press("Control+Enter")
    expect(page.locator("article")).to_have_count(4)
    expect(page.locator("#new + li")).to_contain_text("first news")
    page.reload()
    expect(page.locator("#new")).to_have_count(0)


def test_news_moves_neither_the_page_nor_the_focus(page: Page, case: Case, alice: AbstractBaseUser) -> None:
    long_thread(case, 60)
    page.goto(path(case))
    page.evaluate("window.scrollTo(0, 900)")
    page.evaluate("document.querySelector('#thread a, #id_text').focus({ preventScroll: true })")
    # What one reads, not the number of pixels above it: the notice above has other words then.
    place = """[[...document.querySelectorAll("article")].map((each) => each.getBoundingClientRect().top)
        .find((top) => top >= 0), document.activeElement.id]"""
    before = page.evaluate(place)
    staff_reply(case, "far below")
    expect(page.locator("article").last).to_contain_text("far below")
    after = page.evaluate(place)
    assert after == [pytest.approx(before[0], abs=2), before[1]]


def test_what_several_people_answer_is_said_of_none_of_them(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.evaluate(HIDE, True)
    staff_reply(case, "one")
    staff_reply(case, "two", author_name="Boris")
    page.evaluate("cabinet.ask()")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator("#announcer")).to_have_text("2 new replies")


def test_a_message_that_is_not_delivered_is_said_once(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    message = services.post_reply(case=case, author=alice, text="still smokes")
    page.goto(path(case))
    expect(page.locator("#announcer")).to_have_text("")
    entry = case.outbox.get(message=message)
    refused = {"state": OutboxEntry.State.REJECTED, "reason": "rejected", "detail": ""}
    desk.mark_given_up(entry, now=timezone.now(), **refused)  # type: ignore[arg-type]
    expect(page.locator("#announcer")).to_contain_text("Not delivered. The help desk did not accept")
    staff_reply(case, "news")
    expect(page.locator("#announcer")).to_have_text("1 new reply from Maria")


# ── where a page is entered ──


def test_a_page_is_entered_at_what_is_new_then_at_the_end(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    long_thread(case, 60)
    alice.read_marks.update(position=30)  # type: ignore[attr-defined]
    page.goto(path(case))
    assert page.locator("#new").evaluate(IN_SIGHT)
    page.goto("/cases/")
    page.goto(path(case))
    assert page.locator("article").last.evaluate(IN_SIGHT)
    wanted = case.messages.get(position=10)
    page.goto("/cases/")
    page.goto(f"{path(case)}#m-{wanted.pk}")
    assert page.locator(f"#m-{wanted.pk}").evaluate(IN_SIGHT)


def test_from_the_list_one_arrives_at_what_is_new_or_at_the_end(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    long_thread(case, 60)
    alice.read_marks.update(position=30)  # type: ignore[attr-defined]
    page.goto("/cases/")
    page.locator(".row-link").click()
    expect(page.locator("#new")).to_be_in_viewport()
    page.goto("/cases/")
    expect(page.locator(".row-new")).to_have_count(0)
    page.goto(f"{path(case)}#new")
    expect(page.locator("#new")).to_have_count(0)
    expect(page.locator("article").last).to_be_in_viewport()


def test_back_and_reload_find_the_place_again(page: Page, case: Case, alice: AbstractBaseUser) -> None:
    long_thread(case, 60)
    for number in range(30):
        case_of(alice, f"case {number}")
    page.goto("/cases/?tab=open")
    page.evaluate("window.scrollTo(0, 700)")
    page.wait_for_function("scrollY === 700")
    page.locator(".row-link").nth(8).click()
    expect(page).to_have_title(re.compile("case "))
    page.go_back()
    expect(page).to_have_url(re.compile(r"tab=open$"))
    page.wait_for_function("scrollY === 700")
    page.goto(path(case))
    page.evaluate("window.scrollTo(0, 500)")
    page.reload()
    page.wait_for_function("scrollY === 500")


# ── long threads and long messages ──


def test_earlier_messages_come_where_they_belong_and_nothing_moves(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    long_thread(case)
    page.goto(path(case))
    page.get_by_label("Your reply").fill("half a sentence")
    expect(page.locator("article")).to_have_count(101)
    link = page.get_by_role("link", name="Show 99 earlier messages")
    link.scroll_into_view_if_needed()
    below = page.locator("article").nth(1)
    before = below.evaluate("(element) => [element.dataset.message, element.getBoundingClientRect().top]")
    link.click()
    expect(page.locator("article")).to_have_count(200)
    top = page.locator(f"[data-message='{before[0]}']").evaluate("(e) => e.getBoundingClientRect().top")
    assert abs(top - before[1]) < 3
    expect(page.get_by_label("Your reply")).to_have_value("half a sentence")
    expect(page.locator("#announcer")).to_have_text("")
    staff_reply(case, "one more")
    expect(page.locator("article")).to_have_count(201)
    expect(page.locator("#announcer")).to_have_text("1 new reply from Maria")


def test_a_link_to_a_message_that_is_not_shown_shows_it(
    page: Page, case: Case, alice: AbstractBaseUser
) -> None:
    long_thread(case)
    wanted = case.messages.get(position=40)
    page.goto(f"{path(case)}#m-{wanted.pk}")
    expect(page.locator(f"#m-{wanted.pk}")).to_be_in_viewport()


def test_a_long_message_unfolds_and_stays_so(page: Page, case: Case) -> None:
    staff_reply(case, LONG, html="".join(f"<p>{line}</p>" for line in LONG.split("\n")))
    staff_reply(case, "short")
    page.goto(path(case))
    body = page.locator(".body.long")
    folded = body.evaluate("(element) => element.offsetHeight")
    page.get_by_role("button", name="Show all").click()
    assert body.evaluate("(element) => element.offsetHeight") > folded
    staff_reply(case, "and more")
    expect(page.locator("article")).to_have_count(4)
    expect(page.get_by_role("button", name="Show less")).to_be_visible()
    page.get_by_role("button", name="Show less").click()
    assert body.evaluate("(element) => element.offsetHeight") == folded
    page.emulate_media(media="print")
    assert body.evaluate("(element) => element.offsetHeight") > folded


def test_the_answer_that_is_being_read_does_not_fold_when_the_next_one_comes(page: Page, case: Case) -> None:
    staff_reply(case, LONG, html="".join(f"<p>{line}</p>" for line in LONG.split("\n")))
    page.goto(path(case))
    body = page.locator("article[data-author=staff] .body").first
    before = body.evaluate("(element) => element.offsetHeight")
    staff_reply(case, "the next one")
    expect(page.locator("article")).to_have_count(3)
    expect(page.locator(".body.long.open")).to_have_count(1)
    assert body.evaluate("(element) => element.offsetHeight") == before


# ── pictures ──


@pytest.fixture
def pictures(case: Case) -> list[CaseFile]:
    message = staff_reply(case)
    return [file_in(message, f"{number}.png", PNG, content_type="image/png") for number in (1, 2, 3)]


def test_pictures_open_turn_and_give_the_focus_back(page: Page, case: Case, pictures: list[CaseFile]) -> None:
    page.goto(path(case))
    link = page.locator("a[data-picture='2.png']")
    link.focus()
    link.press("Enter")
    viewer, name = page.locator("#viewer"), page.locator("[data-viewer-name]")
    expect(viewer).to_be_visible()
    expect(name).to_have_text("2.png · 2/3")
    page.keyboard.press("ArrowRight")
    expect(name).to_have_text("3.png · 3/3")
    page.keyboard.press("ArrowRight")
    expect(name).to_have_text("1.png · 1/3")
    page.get_by_role("button", name="Previous picture").click()
    expect(name).to_have_text("3.png · 3/3")
    expect(page.locator("[data-viewer-download]")).to_have_attribute("href", re.compile("/files/"))
    page.keyboard.press("Escape")
    expect(viewer).to_be_hidden()
    assert page.evaluate("document.activeElement.dataset.picture") == "2.png"
    assert page.url.endswith(path(case))


def test_a_closed_viewer_takes_no_focus_back_from_where_the_reader_has_gone(
    page: Page, case: Case, pictures: list[CaseFile]
) -> None:
    page.goto(path(case))
    page.locator("a[data-picture='2.png']").click()
    expect(page.locator("#viewer")).to_be_visible()
    # A dialog says afterwards that it was closed, on a busy machine long afterwards.
    page.evaluate(
        """() => new Promise((told) => {
            const viewer = document.getElementById("viewer");
            viewer.addEventListener("close", () => setTimeout(told));
            viewer.close();
            document.getElementById("id_text").focus();
        })"""
    )
    expect(page.locator("#id_text")).to_be_focused()


def test_a_picture_that_does_not_load_is_a_link(page: Page, case: Case, pictures: list[CaseFile]) -> None:
    page.route("**/files/**", lambda route: route.abort())
    page.goto(path(case))
    link = page.locator("a[data-picture='1.png']")
    expect(link).to_have_class(re.compile("broken"))
    expect(link.locator("img")).to_be_hidden()
    expect(link).to_contain_text("1.png")


# ── keys ──


def test_keys_lead_through_a_case_and_can_be_switched_off(page: Page, case: Case) -> None:
    for number in range(3):
        staff_reply(case, f"answer {number}")
    page.goto(path(case))
    page.evaluate("window.scrollTo(0, 0)")
    page.keyboard.press("j")
    page.keyboard.press("j")
    chosen = (
        "document.activeElement.closest('article') && document.activeElement.closest('article').innerText"
    )
    assert "answer 0" in page.evaluate(chosen)
    page.keyboard.press("k")
    assert "Since this morning" in page.evaluate(chosen)
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") == "id_text"
    page.keyboard.type("jk?r/")
    expect(page.get_by_label("Your reply")).to_have_value("jk?r/")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("?")
    help_ = page.get_by_role("dialog", name="Keyboard shortcuts")
    expect(help_).to_be_visible()
    help_.get_by_role("checkbox").uncheck()
    help_.get_by_role("button", name="Close").click()
    page.keyboard.press("r")
    assert page.evaluate("document.activeElement.id") != "id_text"
    page.reload()
    page.keyboard.press("?")
    expect(help_).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    help_.get_by_role("checkbox").check()
    page.keyboard.press("Escape")
    page.keyboard.press("/")
    expect(page).to_have_url(re.compile("/cases/#id_q$"))
    expect(page.locator("#id_q")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert "The printer smokes" in page.evaluate("document.activeElement.innerText")


PRESSED = """([key, code, shiftKey]) => document.activeElement.dispatchEvent(
    new KeyboardEvent("keydown", { key, code, shiftKey, bubbles: true }))"""


def test_keys_mean_the_same_with_a_russian_layout(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.evaluate(PRESSED, ["к", "KeyR", False])
    expect(page.locator("#id_text")).to_be_focused()
    page.evaluate("document.activeElement.blur()")
    page.evaluate(PRESSED, ["о", "KeyJ", False])
    expect(page.locator("article[data-message]").first).to_be_focused()
    # Without a Latin letter there, a full stop is one: in that layout it stands where the slash is.
    page.evaluate(PRESSED, [".", "Period", False])
    expect(page.locator("article[data-message]").first).to_be_focused()
    page.evaluate(PRESSED, [",", "Slash", True])
    expect(page.locator("#keys")).to_be_visible()


# ── without a script, on a phone ──


def test_without_a_script_all_of_it_works_by_loading_pages(
    browser: Browser, alice: AbstractBaseUser, case: Case, live_server: LiveServer
) -> None:
    long_thread(case)
    staff_reply(case, LONG, html="".join(f"<p>{line}</p>" for line in LONG.split("\n")))
    picture = file_in(staff_reply(case, "short"), "1.png", PNG, content_type="image/png")
    context = browser_of(alice, browser, live_server, java_script_enabled=False)
    page = context.new_page()
    page.goto("/cases/")
    expect(page).to_have_title("(1) My cases")
    expect(page.locator(".row-new")).to_contain_text("2 new messages")
    page.locator(".row-new").click()
    expect(page.locator("#new")).to_be_in_viewport()
    expect(page.get_by_role("button", name="Show all")).to_have_count(0)
    assert page.locator(".body.long").evaluate("(element) => element.offsetHeight") > 600
    page.get_by_role("link", name="earlier messages").click()
    expect(page.locator("article")).to_have_count(202)
    expect(page.locator("#new")).to_have_count(0)
    page.goto("/cases/")
    expect(page).to_have_title("My cases")
    page.goto(path(case))
    page.locator("a[data-picture]").click()
    expect(page).to_have_url(re.compile(f"/files/{picture.pk}/$"))
    context.close()


def test_on_a_phone_the_details_are_folded_on_top(page: Page, case: Case) -> None:
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(path(case))
    number = page.locator("#case-details dd", has_text="123-456")
    expect(number).to_be_hidden()
    page.locator("#case-fold summary").click()
    expect(number).to_be_visible()
    staff_reply(case)
    expect(page.locator("article")).to_have_count(2)
    expect(number).to_be_visible()
    page.set_viewport_size({"width": 1280, "height": 800})
    page.reload()
    expect(number).to_be_visible()
    expect(page.locator("#case-fold summary")).to_be_hidden()
