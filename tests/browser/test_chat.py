"""The chat as people use it: Enter, bubbles, a chat that closes, a phone, a frame, and no script at all."""

import http.server
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet import chat, desk
from cabinet.models import Case, Message, Profile, ReadMark
from cabinet.reading_marks import mark_read
from cabinet.types import IncomingMessage
from tests import factories
from tests.browser.conftest import signed_in_as

pytestmark = [pytest.mark.django_db(transaction=True)]
PHONE = {"width": 360, "height": 640}


@pytest.fixture(autouse=True)
def chats_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    return factories.person("alice")


def window(browser: Browser, person: AbstractBaseUser, server: LiveServer, **more: Any) -> BrowserContext:
    context = browser.new_context(base_url=server.url, locale="en-GB", **more)
    cookie = factories.signed_in(person).cookies[site.SESSION_COOKIE_NAME].value
    known = {site.SESSION_COOKIE_NAME: cookie, "tz": "Europe/Moscow"}
    context.add_cookies([{"name": name, "value": known[name], "url": server.url} for name in known])
    context.set_default_timeout(10_000)
    return context


@pytest.fixture
def page(browser: Browser, person: AbstractBaseUser, live_server: LiveServer) -> Iterator[Page]:
    context = window(browser, person, live_server)
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert complaints == []


def box(page: Page) -> Any:
    return page.get_by_label("Your message")


def mine(page: Page) -> Any:
    return page.locator("article[data-author=customer]")


def theirs(page: Page) -> Any:
    return page.locator("article[data-author=staff]")


def say(page: Page, text: str) -> None:
    box(page).fill(text)
    box(page).press("Enter")


def answered(text: str, case: Case | None = None) -> None:
    case = case or Case.objects.latest("created_at")
    incoming = IncomingMessage("staff", "Maria Sokolova", f"<p>{text}</p>", "", timezone.now())
    desk.record_message(case.pk, incoming, now=timezone.now())


def delivered() -> None:
    Message.objects.update(state="sent")
    for case in Case.objects.all():
        desk.set_facts(
            case.pk,
            desk.CaseFacts(f"12-{case.next_position}", Case.Status(case.status), Case.Availability.NORMAL),
            merged_into=None,
            now=timezone.now(),
        )


def close() -> None:
    """As the desk does by its time limit."""
    facts = desk.CaseFacts("12-3", Case.Status.CLOSED, Case.Availability.NORMAL)
    case = Case.objects.latest("created_at")
    desk.set_facts(case.pk, facts, merged_into=None, now=timezone.now())


def refuse(page: Page, *doors: str) -> None:
    """From now on nothing that is posted to these doors gets through; without any: nothing that is said."""

    def abort(route: Route) -> None:
        if route.request.method == "POST":
            route.abort()
        else:
            route.continue_()

    for door in doors or ("**/chat/",):
        page.route(door, abort)


def at_end(page: Page) -> bool:
    found: bool = page.evaluate(
        "(() => { const v = document.getElementById('chat-scroll');"
        " return v.scrollHeight - v.scrollTop - v.clientHeight < 5 })()"
    )
    return found


def test_enter_sends_and_the_words_are_there_at_once_and_once(page: Page) -> None:
    page.goto("/chat/")
    held: list[Route] = []
    page.route(
        "**/chat/", lambda route: held.append(route) if route.request.method == "POST" else route.continue_()
    )
    say(page, "Is anybody there?")
    expect(mine(page)).to_have_count(1)
    expect(mine(page)).to_have_text("Is anybody there?Sending…")
    expect(box(page)).to_have_value("")
    expect(box(page)).to_be_focused()
    assert Message.objects.count() == 0
    page.wait_for_timeout(300)
    held.pop().continue_()
    page.unroute("**/chat/")
    expect(page.locator("article[data-message]")).to_have_count(1)
    expect(mine(page)).to_have_count(1)
    assert Message.objects.get().text == "Is anybody there?"
    delivered()
    expect(page.locator("article[data-state=sent]")).to_have_count(1)


def test_many_words_in_a_row_arrive_in_order_and_none_twice(page: Page) -> None:
    page.goto("/chat/")
    counts = (
        "window.most = 0; new MutationObserver(() => { window.most = Math.max(window.most, "
        "document.querySelectorAll('article[data-author=customer]').length) })"
        ".observe(document.getElementById('thread'), { childList: true, subtree: true })"
    )
    page.evaluate(counts)
    for number in range(6):
        say(page, f"line {number}")
    expect(page.locator("article[data-message]")).to_have_count(6)
    expect(page.locator("[data-pending]")).to_have_count(0)
    assert page.evaluate("window.most") == 6, "a moment of doubling"
    texts = list(Message.objects.order_by("position").values_list("text", flat=True))
    assert texts == [f"line {number}" for number in range(6)]
    assert Case.objects.count() == 1


def test_an_answer_appears_and_what_is_typed_stays(page: Page) -> None:
    page.goto("/chat/")
    say(page, "Hello")
    expect(page.locator("article[data-message]")).to_have_count(1)
    box(page).fill("half a sentence")
    answered("Good afternoon")
    expect(theirs(page)).to_contain_text("Good afternoon")
    expect(page.locator(".avatar")).to_have_text("MS")
    expect(page.locator("#announcer")).to_have_text("1 new reply from Maria Sokolova")
    expect(box(page)).to_have_value("half a sentence")
    assert at_end(page)


def test_shift_enter_breaks_the_line_and_enter_does_too_if_the_person_likes(
    page: Page, person: AbstractBaseUser
) -> None:
    page.goto("/chat/")
    box(page).fill("one")
    box(page).press("Shift+Enter")
    expect(box(page)).to_have_value("one\n")
    page.get_by_label("Settings of the chat").click()
    page.get_by_label("Enter sends").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_label("Enter sends")).to_be_hidden()
    box(page).press("Enter")
    expect(box(page)).to_have_value("one\n\n")
    page.wait_for_timeout(300)
    assert not Profile.objects.get(user_id=person.pk).enter_sends
    page.reload()
    box(page).fill("two")
    box(page).press("Enter")
    expect(box(page)).to_have_value("two\n")
    assert Message.objects.count() == 0
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-message]")).to_have_count(1)


def test_what_could_not_be_sent_says_so_and_goes_once_when_tried_again(page: Page) -> None:
    page.goto("/chat/")
    page.route(
        "**/chat/", lambda route: route.abort() if route.request.method == "POST" else route.continue_()
    )
    say(page, "Precious words")
    expect(mine(page)).to_have_attribute("data-state", "failed")
    expect(mine(page)).to_contain_text("Not sent.")
    page.unroute("**/chat/")
    lose_the_answer(page)
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("article[data-message]")).to_have_count(1)
    expect(mine(page)).to_have_count(1)
    assert Message.objects.count() == 1


def test_words_that_come_too_fast_say_when_and_go_when_tried_again(page: Page, settings: Settings) -> None:
    settings.POSTS_PER_MINUTE = 1
    page.goto("/chat/")
    say(page, "The first words")
    expect(page.locator("article[data-message]")).to_have_count(1)
    # A minute may end between the two.
    say(page, "More words")
    say(page, "And more")
    expect(mine(page).last).to_contain_text("send it again in")
    expect(mine(page).last).to_contain_text("And more")
    settings.POSTS_PER_MINUTE = 0
    for button in page.get_by_role("button", name="Try again").all()[::-1]:
        button.click()
    expect(page.locator("article[data-message]")).to_have_count(3)
    expect(page.locator("[data-pending]")).to_have_count(0)
    assert Message.objects.count() == 3


def test_what_could_not_be_sent_can_be_taken_back(page: Page) -> None:
    page.goto("/chat/")
    page.set_input_files("#id_files", {"name": "full.txt", "mimeType": "text/plain", "buffer": b"words"})
    refuse(page)
    say(page, "With a file")
    expect(mine(page)).to_contain_text("Not sent.")
    expect(mine(page)).to_contain_text("full.txt")
    page.get_by_role("button", name="Edit").click()
    expect(mine(page)).to_have_count(0)
    expect(box(page)).to_have_value("With a file")
    expect(page.locator(".chip-name")).to_have_text("full.txt")
    page.unroute("**/chat/")
    box(page).press("Enter")
    expect(page.locator("article[data-message] .file-name")).to_have_text("full.txt")
    expect(page.locator(".chip")).to_have_count(0)
    say(page, "Without one")
    expect(page.locator("article[data-message]")).to_have_count(2)
    expect(page.locator("article[data-message] .file-name")).to_have_count(1)


def test_a_message_waits_for_its_files_but_not_for_a_bad_one(page: Page) -> None:
    page.goto("/chat/")
    held: list[Route] = []
    page.route("**/uploads/", lambda route: held.append(route))
    page.set_input_files("#id_files", {"name": "slow.txt", "mimeType": "text/plain", "buffer": b"words"})
    say(page, "With a slow file")
    expect(mine(page)).to_have_count(0)
    expect(page.locator("[data-upload-word]")).to_contain_text("as soon as the files are uploaded")
    held.pop().continue_()
    expect(page.locator("article[data-message] .file-name")).to_have_text("slow.txt")
    page.unroute("**/uploads/")
    page.set_input_files("#id_files", {"name": "empty.txt", "mimeType": "text/plain", "buffer": b""})
    say(page, "With an empty file")
    expect(page.locator(".chip-bad")).to_be_focused()
    page.get_by_role("button", name="Remove empty.txt").click()
    box(page).press("Enter")
    expect(page.locator("article[data-message]")).to_have_count(2)


def lose_the_answer(page: Page) -> None:
    """What is said lands, and nobody here hears of it."""

    def lost(route: Route) -> None:
        if route.request.method == "POST":
            route.fetch()
            route.abort()
        else:
            route.continue_()

    page.route("**/chat/", lost)


def kept(page: Page) -> list[str]:
    found: list[str] = page.evaluate(
        "Object.keys(localStorage).filter(name => name.startsWith('cabinet-chat'))"
    )
    return found


def test_what_could_not_be_sent_is_there_after_a_reload_and_in_another_tab(page: Page) -> None:
    page.goto("/chat/")
    page.set_input_files("#id_files", {"name": "full.txt", "mimeType": "text/plain", "buffer": b"words"})
    refuse(page)
    say(page, "With a file")
    expect(mine(page)).to_have_attribute("data-state", "failed")
    say(page, "And more")
    expect(page.get_by_role("button", name="Try again")).to_have_count(2)
    page.reload()
    expect(mine(page)).to_have_count(2)
    expect(mine(page).first).to_contain_text("With a file")
    expect(mine(page).first).to_contain_text("full.txt")
    expect(mine(page).first).to_contain_text("Not sent.")
    page.wait_for_timeout(500)
    assert Message.objects.count() == 0, "nothing goes by itself"
    other = page.context.new_page()
    other.goto("/chat/")
    expect(mine(other)).to_have_count(2)
    other.get_by_role("button", name="Try again").first.click()
    expect(other.locator("article[data-message] .file-name")).to_have_text("full.txt")
    expect(page.get_by_role("button", name="Try again")).to_have_count(1)
    page.get_by_role("button", name="Edit").click()
    expect(box(page)).to_have_value("And more")
    expect(other.get_by_role("button", name="Try again")).to_have_count(0)
    expect(box(other)).to_have_value("And more")
    page.unroute("**/chat/")
    box(page).press("Enter")
    expect(page.locator("article[data-message]")).to_have_count(2)
    expect(box(other)).to_have_value("")
    assert kept(page) == []
    texts = list(Message.objects.order_by("position").values_list("text", flat=True))
    assert texts == ["With a file", "And more"]


def test_what_arrived_although_nobody_heard_of_it_is_shown_once_and_never_said_twice(page: Page) -> None:
    page.goto("/chat/")
    lose_the_answer(page)
    say(page, "Precious words")
    expect(page.get_by_role("button", name="Edit")).to_have_count(0)
    expect(page.locator("article[data-message]")).to_have_count(1)
    page.reload()
    expect(mine(page)).to_have_count(1)
    page.route("**/chat/?*", lambda route: route.abort())
    page.evaluate("htmx.trigger = () => {}")
    say(page, "Again and again")
    page.get_by_role("button", name="Edit").click()
    page.unroute("**/chat/")
    box(page).press("Enter")
    page.wait_for_timeout(500)
    page.reload()
    expect(mine(page)).to_have_count(2)
    assert Message.objects.count() == 2
    assert kept(page) == []


def test_what_one_person_left_in_a_browser_is_not_the_next_ones(
    page: Page, live_server: LiveServer, person: AbstractBaseUser
) -> None:
    page.goto("/chat/")
    refuse(page)
    say(page, "Private words")
    expect(mine(page)).to_have_attribute("data-state", "failed")
    box(page).fill("half a sentence")
    assert len(kept(page)) == 2
    signed_in_as(page.context, factories.person("bob"), live_server)
    page.goto("/chat/")
    expect(box(page)).to_have_value("")
    expect(mine(page)).to_have_count(0)
    assert kept(page) == []


@pytest.mark.parametrize("place", ["/chat/", "/cases/"])
def test_signing_out_leaves_nothing_of_the_chat_in_the_browser(page: Page, place: str) -> None:
    page.goto("/chat/")
    refuse(page)
    say(page, "Private words")
    expect(mine(page)).to_have_attribute("data-state", "failed")
    box(page).fill("half a sentence")
    page.goto(place)
    assert len(kept(page)) == 2
    page.get_by_role("button", name="Sign out").click()
    page.wait_for_url("**/accounts/login/**")
    assert kept(page) == []


def test_half_a_sentence_outlives_a_reload_with_its_files(page: Page) -> None:
    page.goto("/chat/")
    box(page).press_sequentially("half a sen")
    page.set_input_files("#id_files", {"name": "full.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(page.get_by_role("button", name="Remove full.txt")).to_be_visible()
    page.reload()
    expect(box(page)).to_have_value("half a sen")
    expect(page.locator(".chip-name")).to_have_text("full.txt")
    box(page).press("Enter")
    expect(page.locator("article[data-message] .file-name")).to_have_text("full.txt")


def test_half_a_sentence_outlives_a_reload(page: Page) -> None:
    page.goto("/chat/")
    box(page).press_sequentially("half a sen")
    page.reload()
    expect(box(page)).to_have_value("half a sen")
    box(page).press("Enter")
    expect(page.locator("article[data-message]")).to_have_count(1)
    page.reload()
    expect(box(page)).to_have_value("")


def test_a_chat_that_is_closed_is_followed_by_the_next_with_the_history_above(page: Page) -> None:
    page.goto("/chat/")
    say(page, "The first chat")
    expect(page.locator("article[data-message]")).to_have_count(1)
    delivered()
    box(page).fill("typed while it closes")
    close()
    expect(page.get_by_text("This chat was closed.")).to_be_visible()
    expect(box(page)).to_have_value("typed while it closes")
    page.get_by_role("link", name="Start a new chat").click()
    expect(box(page)).to_be_focused()
    box(page).press("Enter")
    expect(page.locator("article[data-message]")).to_have_count(2)
    expect(page.get_by_text("Chat № 12-3 was closed")).to_be_visible()
    expect(page.get_by_text("Support answers here")).to_be_visible()
    assert Case.objects.filter(mode="chat").count() == 2
    say(page, "and more")
    expect(page.locator("article[data-message]")).to_have_count(3)
    assert Case.objects.filter(mode="chat").count() == 2


def a_long_talk(person: AbstractBaseUser, answers: int = 100) -> None:
    message = chat.say(author=person, text="The very first words", submission_key=uuid.uuid4())
    for number in range(answers):
        answered(f"Answer number {number}", message.case)
    mark_read(user=person, case=message.case, position=answers + 1, now=timezone.now())


def test_an_ended_chat_is_rated_in_its_own_place_and_half_a_rating_survives_news(page: Page) -> None:
    page.goto("/chat/")
    say(page, "Is anybody there?")
    expect(mine(page)).to_have_count(1)
    expect(page.locator("[data-pending]")).to_have_count(0)
    delivered()
    answered("Yes.")
    close()
    comment = page.get_by_label("What was good, what was not?")
    expect(page.get_by_role("radio", name="So-so")).to_be_visible()
    expect(comment).to_be_hidden()
    page.get_by_role("radio", name="So-so").check()
    comment.fill("Quick")
    case = Case.objects.get()
    facts = desk.CaseFacts("12-4", Case.Status.CLOSED, Case.Availability.NORMAL)
    desk.set_facts(case.pk, facts, merged_into=None, now=timezone.now())
    page.wait_for_timeout(4000)
    expect(comment).to_have_value("Quick")
    expect(page.get_by_role("radio", name="So-so")).to_be_checked()
    page.get_by_role("radio", name="Good").check()
    page.get_by_role("button", name="Send the rating").click()
    expect(page.get_by_text("Support will see your rating")).to_be_visible()
    expect(page.get_by_text("Your rating: Good")).to_be_visible()
    assert page.url.endswith("/chat/")
    case.refresh_from_db()
    assert (case.rating, case.rating_comment) == ("high", "Quick")


def test_who_reads_above_is_not_torn_away_and_is_told_of_news(page: Page, person: AbstractBaseUser) -> None:
    a_long_talk(person)
    page.goto("/chat/")
    assert at_end(page)
    page.evaluate("document.getElementById('chat-scroll').scrollTop = 100")
    page.wait_for_timeout(100)
    answered("News")
    expect(page.get_by_role("button", name="New answer")).to_be_visible()
    assert page.evaluate("document.getElementById('chat-scroll').scrollTop") == 100
    page.get_by_role("button", name="New answer").click()
    assert at_end(page)
    expect(page.get_by_role("button", name="New answer")).to_be_hidden()


def test_whoever_was_away_begins_at_what_is_new(page: Page, person: AbstractBaseUser) -> None:
    a_long_talk(person, answers=30)
    page.goto("/chat/")
    assert at_end(page)
    page.goto("about:blank")
    answered("The first answer meanwhile")
    for number in range(30):
        answered(f"More of it, {number}")
    page.goto("/chat/")
    line = page.locator("#new")
    expect(line).to_be_in_viewport()
    expect(page.get_by_text("The first answer meanwhile")).to_be_in_viewport()
    assert not at_end(page)
    answered("While it is open")
    expect(page.get_by_role("button", name="New answer")).to_be_visible()
    expect(page.locator("#new + li")).to_contain_text("The first answer meanwhile")
    expect(line).to_be_in_viewport()
    say(page, "Thank you")
    expect(mine(page).last).to_be_in_viewport()
    expect(page.locator("article[data-message][data-author=customer]")).to_have_count(2)
    assert at_end(page)
    page.reload()
    expect(line).to_have_count(0)
    assert at_end(page)


def test_earlier_messages_come_in_above_and_the_place_stays(page: Page, person: AbstractBaseUser) -> None:
    a_long_talk(person)
    page.goto("/chat/")
    expect(page.get_by_text("The very first words")).to_have_count(0)
    box(page).fill("half a sentence")
    page.evaluate("document.getElementById('chat-scroll').scrollTop = 0")
    seen = page.locator("article[data-message]").first
    before = seen.get_attribute("data-message")
    page.get_by_role("link", name="Show earlier").click()
    expect(page.get_by_text("The very first words")).to_have_count(1)
    assert page.locator(f'article[data-message="{before}"]').bounding_box()["y"] > 0  # type: ignore[index]
    assert page.evaluate("document.getElementById('chat-scroll').scrollTop") > 100
    expect(box(page)).to_have_value("half a sentence")
    answered("News")
    expect(page.get_by_text("News", exact=True)).to_have_count(1)
    expect(page.get_by_text("The very first words")).to_have_count(1)


def test_an_answer_to_a_hidden_tab_blinks_in_its_title(page: Page) -> None:
    page.goto("/chat/")
    say(page, "Hello")
    expect(page.locator("article[data-message]")).to_have_count(1)
    page.evaluate("document.hasFocus = () => false")
    answered("Good afternoon")
    expect(page).to_have_title("● New answer")
    expect(page).to_have_title("Chat with support")
    page.evaluate("window.dispatchEvent(new Event('focus'))")
    page.wait_for_timeout(1500)
    expect(page).to_have_title("Chat with support")


def test_an_open_page_says_that_it_is_there(page: Page, person: AbstractBaseUser) -> None:
    page.goto("/chat/")
    say(page, "Hello")
    expect(page.locator("article[data-message]")).to_have_count(1)
    page.wait_for_timeout(500)
    assert ReadMark.objects.get(user_id=person.pk).seen_at is not None


def test_on_a_phone_everything_fits_and_the_composer_stays_above_the_keyboard(
    page: Page, person: AbstractBaseUser
) -> None:
    a_long_talk(person, answers=20)
    answered("x" * 300)
    mark_read(user=person, case=Case.objects.get(), position=22, now=timezone.now())
    for width in (PHONE["width"], 320):
        page.set_viewport_size({"width": width, "height": PHONE["height"]})
        page.goto("/chat/")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.evaluate("document.documentElement.scrollHeight") <= PHONE["height"]
        assert at_end(page)
        box(page).click()
        # The keyboard opens: what is left is half as high.
        page.set_viewport_size({"width": width, "height": 320})
        page.wait_for_timeout(300)
        found = box(page).bounding_box()
        assert found["y"] + found["height"] <= 320
        assert at_end(page)
        say(page, "from a phone")
        expect(mine(page).last).to_be_in_viewport()


@pytest.mark.parametrize("scripts", [True, False])
def test_policy_data_language_and_the_way_out_are_reached_from_the_chat_at_400_percent_too(
    browser: Browser, person: AbstractBaseUser, live_server: LiveServer, settings: Settings, scripts: bool
) -> None:
    settings.PRIVACY_POLICY_URL = "https://shop.example/privacy"
    a_long_talk(person, answers=20)
    context = window(browser, person, live_server, java_script_enabled=scripts)
    page = context.new_page()
    for size in (PHONE, {"width": 640, "height": 360}, {"width": 320, "height": 256}):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        page.goto("/chat/")
        page.get_by_label("Settings of the chat").click()
        menu = page.locator(".chat-menu").bounding_box()
        # Lower than that, the whole page scrolls.
        scrolls_below = 352 if scripts else 416
        assert size["height"] < scrolls_below or menu["y"] + menu["height"] <= size["height"]  # type: ignore[index]
        for role, name in (("link", "Privacy policy"), ("link", "My data"), ("button", "Sign out")):
            way = page.get_by_role(role, name=name)  # type: ignore[arg-type]
            way.evaluate("e => e.scrollIntoView({block: 'center'})")
            expect(way).to_be_in_viewport(ratio=1)
            way.click(trial=True)
            assert way.bounding_box()["height"] >= 44  # type: ignore[index]
    switch = page.get_by_role("button", name="Русский")
    assert switch.bounding_box()["height"] >= 44  # type: ignore[index]
    switch.click()
    expect(page.get_by_role("heading", name="Чат с поддержкой")).to_be_attached()
    context.close()


def test_the_limits_of_files_are_said_to_whoever_is_about_to_attach_one(page: Page) -> None:
    page.goto("/chat/")
    limits = page.locator("#files-hint")
    shown = "e => getComputedStyle(e).clipPath === 'none'"
    assert not limits.evaluate(shown)
    assert "25 MB" in str(page.locator(".files-label").get_attribute("title"))
    page.get_by_label("Settings of the chat").click()
    expect(page.locator("#chat-settings").get_by_text("Up to 25 MB a file")).to_be_in_viewport()
    page.locator("#id_files").focus()
    assert limits.evaluate(shown)
    expect(limits).to_be_in_viewport()
    box(page).focus()
    assert not limits.evaluate(shown)
    page.set_input_files("#id_files", {"name": "full.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(page.locator(".chip-name")).to_have_text("full.txt")
    box(page).focus()
    assert limits.evaluate(shown)


def test_without_a_script_the_chat_is_a_form(
    browser: Browser, person: AbstractBaseUser, live_server: LiveServer
) -> None:
    a_long_talk(person)
    context = window(browser, person, live_server, java_script_enabled=False, viewport=PHONE)
    page = context.new_page()
    page.goto("/chat/")
    expect(page.get_by_text("Answer number 99")).to_be_in_viewport()
    box(page).fill("Without a script")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(mine(page).last).to_contain_text("Without a script")
    expect(mine(page).last).to_be_in_viewport()
    close()
    page.goto("/chat/")
    page.get_by_role("link", name="Start a new chat").click()
    expect(page.get_by_text("What you write now begins a new chat")).to_be_visible()
    box(page).fill("The next chat")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("Chat № 12-3 was closed")).to_be_attached()
    assert Case.objects.filter(mode="chat").count() == 2
    page.get_by_role("link", name="Show earlier").click()
    expect(page.get_by_text("The very first words")).to_be_attached()
    page.get_by_label("Settings of the chat").click()
    page.get_by_label("Enter sends").uncheck()
    page.get_by_role("button", name="Save").click()
    assert not Profile.objects.get(user_id=person.pk).enter_sends
    context.close()


@pytest.fixture
def company() -> Iterator[tuple[str, dict[str, str]]]:
    """A page of the company's on another port, and what it holds."""
    content = {"page": ""}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(content["page"].encode())

        def log_message(self, *args: object) -> None:
            """Nobody reads it."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{server.server_port}", content
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_chat_lives_in_a_frame_of_the_company_and_of_nobody_else(
    browser: Browser,
    person: AbstractBaseUser,
    live_server: LiveServer,
    settings: Settings,
    company: tuple[str, dict[str, str]],
) -> None:
    origin, content = company
    content["page"] = f'<iframe src="{live_server.url}/chat/" width="340" height="560"></iframe>'
    settings.FRAME_ANCESTORS = [origin]
    context = window(browser, person, live_server)
    page = context.new_page()
    page.goto(origin)
    inside = page.frame_locator("iframe")
    inside.get_by_label("Your message").fill("From the panel")
    inside.get_by_label("Your message").press("Enter")
    expect(inside.locator("article[data-message]")).to_have_count(1)
    assert Message.objects.get().text == "From the panel"
    settings.FRAME_ANCESTORS = ["https://somebody.example"]
    page.reload()
    page.wait_for_timeout(500)
    expect(inside.get_by_label("Your message")).to_have_count(0)
    context.close()
