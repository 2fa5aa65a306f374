"""What an open page does by itself, and what it must never do to somebody who is typing."""

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet import thread
from cabinet.draft_models import UnsentForm
from cabinet.models import Case, Message
from tests import factories
from tests.factories import case_of, delivered, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    return factories.person("alice")


@pytest.fixture
def case(person: AbstractBaseUser) -> Case:
    return delivered(case_of(person))


@pytest.fixture
def page(browser: Browser, person: AbstractBaseUser, live_server: LiveServer) -> Iterator[Page]:
    client: Client = factories.signed_in(person)
    context = browser.new_context(base_url=live_server.url, locale="en-GB", timezone_id="Asia/Omsk")
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    known = {settings.SESSION_COOKIE_NAME: cookie, "tz": "Asia/Omsk"}
    context.add_cookies([{"name": name, "value": known[name], "url": live_server.url} for name in known])
    page = context.new_page()
    page.set_default_timeout(10_000)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if "Content Security" in said.text else None)
    yield page
    context.close()
    assert complaints == []


def path(case: Case) -> str:
    return f"/cases/{case.pk}/"


def told(case: Case, **fields: object) -> None:
    """The desk has said something about the case, as open pages notice it."""
    locked = thread.lock(case.pk)
    for name, value in fields.items():
        setattr(locked, name, value)
    thread.store(locked, timezone.now())


def test_a_reply_appears_and_what_is_typed_stays(page: Page, case: Case) -> None:
    staff_reply(case, "first", html='<p>first</p><details class="quote"><summary>•••</summary>old</details>')
    page.goto(path(case))
    page.locator("details.quote summary").click()
    box = page.get_by_label("Your reply")
    box.fill("half a sentence")
    Case.objects.filter(pk=case.pk).update(status=Case.Status.OPEN)
    staff_reply(case, "Here is news")
    expect(page.locator("article[data-author=staff]")).to_have_count(2)
    expect(page.locator("#announcer")).to_have_text("1 new reply from Maria")
    expect(page.locator("#case-head .pill-turn")).to_be_visible()
    expect(page).to_have_title("The printer smokes")
    assert box.input_value() == "half a sentence"
    assert page.evaluate("document.activeElement.id") == "id_text"
    assert page.evaluate("document.querySelector('details.quote').open") is True


def test_a_reply_is_sent_without_a_reload(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.evaluate("window.before = true")
    page.get_by_label("Your reply").fill("It still smokes")
    page.set_input_files("#id_files", {"name": "photo.txt", "mimeType": "text/plain", "buffer": b"words"})
    expect(page.locator(".chip-name")).to_have_text("photo.txt")
    page.get_by_role("button", name="Send", exact=True).click()
    mine = page.locator("article[data-author=customer]")
    expect(mine).to_have_count(2)
    expect(mine.last).to_have_attribute("data-state", "sending")
    expect(page.get_by_label("Your reply")).to_have_value("")
    assert page.evaluate("window.before") is True
    delivered(case)
    Case.objects.filter(pk=case.pk).update(revision=99)
    expect(mine.last).to_have_attribute("data-state", "sent")
    assert [file.name for file in Message.objects.filter(case=case).last().files.all()] == ["photo.txt"]  # type: ignore[union-attr, misc]


def test_an_empty_reply_is_said_so_and_the_page_stays(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.get_by_label("Your reply").focus()
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#composer [role=alert]")).to_be_focused()
    page.get_by_label("Your reply").fill("now with words")
    page.get_by_label("Your reply").press("Control+Enter")
    expect(page.locator("article[data-author=customer]")).to_have_count(2)
    expect(page.locator("#composer [role=alert]")).to_have_count(0)


def within_one_minute() -> None:
    """Posts are counted by the clock's minute: what is counted has to happen in one."""
    left = 60 - time.time() % 60
    time.sleep(left if left < 40 else 0)


def test_one_reply_too_many_says_when_and_keeps_everything(
    page: Page, case: Case, settings: Settings
) -> None:
    settings.POSTS_PER_MINUTE = 1
    within_one_minute()
    page.goto(path(case))
    page.get_by_label("Your reply").fill("first")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-author=customer]")).to_have_count(2)
    page.get_by_label("Your reply").fill("second")
    page.set_input_files("#id_files", {"name": "photo.txt", "mimeType": "text/plain", "buffer": b"words"})
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("#composer [role=alert]")).to_contain_text("Nothing is lost: send it again in")
    expect(page.locator("#composer [role=alert]")).to_be_focused()
    expect(page.get_by_label("Your reply")).to_have_value("second")
    expect(page.locator("#composer .chip-name")).to_have_text("photo.txt")
    expect(page.locator("#quiet-notice")).to_be_hidden()
    # With words typed the button is put away; a page that still has it is told, and keeps the words.
    page.locator("#close-case").evaluate("form => form.requestSubmit()")
    expect(page.locator("#quiet-notice")).to_contain_text("try again in a moment")
    expect(page.locator("article[data-author=customer]")).to_have_count(2)
    settings.POSTS_PER_MINUTE = 30
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-author=customer]")).to_have_count(3)


def test_a_double_click_makes_one_case(page: Page, person: AbstractBaseUser) -> None:
    page.goto("/cases/new/")
    page.get_by_label("Subject").fill("Twice")
    page.get_by_label("What happened?").fill("Clicked twice")
    page.get_by_role("button", name="Send", exact=True).dblclick()
    expect(page.get_by_role("heading", level=1)).to_have_text("Twice")
    assert Case.objects.count() == 1


def test_news_take_no_button_away_that_is_being_pressed(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.evaluate("window.pressed = document.querySelector('#close-case button')")
    staff_reply(case, "news")
    expect(page.locator("article[data-author=staff]")).to_have_count(1)
    expect(page.locator("#notice")).to_contain_text("It is your turn")
    assert page.evaluate("pressed.isConnected")


def test_close_and_reopen_keep_what_is_typed(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.get_by_role("button", name="Solved, close the case").click()
    expect(page.get_by_role("button", name="Reopen the case")).to_be_visible()
    page.get_by_label("Your reply").fill("half a sentence")
    expect(page.get_by_text("Your reply will open the case again.")).to_be_visible()
    expect(page.locator("#thread > li").last).to_contain_text("You closed the case")
    page.get_by_role("button", name="Reopen the case").click()
    expect(page.get_by_text("Your reply will open the case again.")).to_be_hidden()
    expect(page.get_by_label("Your reply")).to_have_value("half a sentence")
    expect(page.locator("#thread > li").last).to_contain_text("You opened the case again")
    # The same the other way round, from a page that has not put the button away.
    page.locator("#close-case").evaluate("form => form.requestSubmit()")
    expect(page.get_by_text("Your reply will open the case again.")).to_be_visible()
    expect(page.get_by_label("Your reply")).to_have_value("half a sentence")


def test_a_box_that_goes_leaves_what_was_typed_to_be_read_and_comes_back_with_it(
    page: Page, case: Case
) -> None:
    page.goto(path(case))
    page.get_by_label("Your reply").fill("half a sentence")
    told(case, availability="deleted")
    expect(page.locator("#composer form[data-reply]")).to_have_count(0)
    left = page.get_by_label("What you wrote was not sent:")
    expect(left).to_have_value("half a sentence")
    expect(left).to_be_focused()
    expect(page.locator("#announcer")).to_contain_text("Support has deleted this case")
    left.evaluate("(element) => { window.left = element; }")
    told(case, availability="archived")
    expect(page.locator("#composer")).to_contain_text("is in the archive")
    expect(left).to_have_value("half a sentence")
    told(case, availability="")
    box = page.get_by_label("Your reply")
    expect(box).to_have_value("half a sentence")
    expect(box).to_be_focused()
    box.press("Control+Enter")
    expect(page.locator("article[data-author=customer]")).to_have_count(2)


@pytest.mark.parametrize("gone", ["too old", "merged", "refused"])
def test_an_open_page_takes_no_reply_where_the_server_takes_none(
    page: Page, person: AbstractBaseUser, case: Case, gone: str
) -> None:
    other = delivered(case_of(person, "The other one"), "9-9")
    page.goto(path(case))
    expect(page.get_by_label("Your reply")).to_be_visible()
    if gone == "too old":
        told(case, status="closed", closed_at=timezone.now() - timedelta(days=40))
        words = "closed too long ago"
    elif gone == "merged":
        told(case, availability="merged", merged_into=other)
        words = "Go to case № 9-9"
    else:
        case.outbox.update(state="rejected")
        case.messages.update(state="failed", failure="rejected")
        told(case, number="")
        words = "Send the message above again"
    expect(page.locator("#composer")).to_contain_text(words)
    expect(page.locator("#composer form")).to_have_count(0)
    expect(page.locator("#composer textarea")).to_be_hidden()
    if gone == "refused":
        page.get_by_role("button", name="Send again").click()
        expect(page.get_by_label("Your reply")).to_be_visible()


def test_a_reopened_case_can_be_sent_and_solved_from_a_page_that_was_there_before(
    page: Page, case: Case
) -> None:
    told(case, status="closed", closed_at=timezone.now())
    page.goto(path(case))
    page.get_by_label("Your reply").fill("half a sentence")
    solved = page.get_by_role("button", name="Send and mark as solved")
    expect(page.get_by_text("Your reply will open the case again.")).to_be_visible()
    expect(solved).to_be_hidden()
    told(case, status="open")
    expect(solved).to_be_visible()
    expect(page.get_by_label("Your reply")).to_have_value("half a sentence")


def test_the_answer_to_a_reply_shows_the_whole_page_as_it_is_then(page: Page, case: Case) -> None:
    staff_reply(case)
    told(case, status="closed", closed_at=timezone.now())
    page.goto(path(case))
    expect(page.locator("#rate")).to_be_visible()
    page.route("**/live/?*", lambda route: route.abort())
    page.get_by_label("Your reply").fill("It still smokes")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.locator("article[data-author=customer]")).to_have_count(2)
    expect(page.get_by_role("button", name="Solved, close the case")).to_be_visible()
    expect(page.locator("#rate")).to_have_count(0)


def test_news_leave_the_focus_on_links_beside_the_thread(
    page: Page, case: Case, person: AbstractBaseUser
) -> None:
    other = delivered(case_of(person, "The other one"), "9-9")
    told(case, follow_up_of=other)
    page.goto(path(case))
    link = page.locator("#case-details a")
    link.focus()
    staff_reply(case, "news")
    expect(page.locator("#case-details")).to_contain_text("Your turn")
    expect(link).to_be_focused()
    told(case, availability="merged", merged_into=other)
    link = page.locator("#notice a")
    link.focus()
    told(other, number="9-10")
    told(case)
    expect(link).to_have_text("Go to case № 9-10")
    expect(link).to_be_focused()


def test_news_leave_the_focus_on_the_lists_tabs_and_pages(page: Page, person: AbstractBaseUser) -> None:
    for number in range(21):
        case_of(person, f"case {number}")
    page.goto("/cases/")
    page.locator("#tabs a").nth(2).focus()
    case_of(person, "one more")
    expect(page.locator("#tabs a").nth(2)).to_contain_text("22")
    expect(page.locator("#tabs a").nth(2)).to_be_focused()
    page.get_by_role("link", name="Older").focus()
    case_of(person, "and another")
    expect(page.locator("#list-foot")).to_contain_text("of 23")
    expect(page.get_by_role("link", name="Older")).to_be_focused()


def test_a_lost_session_is_said_quietly_and_nothing_typed_is_lost(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.get_by_label("Your reply").fill("precious")
    Session.objects.all().delete()
    expect(page.locator("#quiet-notice")).to_contain_text("You have been signed out")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_text("What you typed is kept: sign in")).to_be_visible()
    assert UnsentForm.objects.get().text == "precious"
    assert Message.objects.filter(text="precious").count() == 0


def test_signed_in_again_in_another_tab_the_page_goes_on(
    page: Page, case: Case, person: AbstractBaseUser, live_server: LiveServer
) -> None:
    page.goto(path(case))
    page.get_by_label("Your reply").fill("precious")
    Session.objects.all().delete()
    expect(page.locator("#quiet-notice")).to_contain_text("You have been signed out")
    known = factories.signed_in(person).cookies[settings.SESSION_COOKIE_NAME].value
    page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": known, "url": live_server.url}])
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(page.locator("#quiet-notice")).to_be_hidden()
    staff_reply(case, "news")
    expect(page.locator("article[data-author=staff]")).to_have_count(1)
    expect(page.get_by_label("Your reply")).to_have_value("precious")


def test_without_a_connection_the_page_says_how_old_it_is(page: Page, case: Case) -> None:
    page.clock.install()
    page.goto(path(case))
    notice = page.locator("#quiet-notice")
    page.route("**/live/?*", lambda route: route.abort())
    page.clock.run_for(3_000)
    expect(notice).to_be_hidden()
    page.clock.run_for(11_000)
    expect(notice).to_contain_text("There is no connection. This page is as of")
    page.unroute("**/live/?*")
    page.clock.run_for(11_000)
    expect(notice).to_be_hidden()
    staff_reply(case, "news")
    page.clock.run_for(3_000)
    expect(page.locator("article[data-author=staff]")).to_have_count(1)


def test_the_list_follows_too(page: Page, case: Case, person: AbstractBaseUser) -> None:
    page.goto("/cases/")
    expect(page.locator(".row")).to_have_count(1)
    staff_reply(case, "Have you tried")
    expect(page.locator(".row-preview")).to_contain_text("Have you tried")
    expect(page).to_have_title("(1) My cases")
    case_of(person, "another")
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator(".row").first).to_contain_text("another")


def test_an_empty_list_shows_its_first_case(page: Page, person: AbstractBaseUser) -> None:
    page.goto("/cases/")
    expect(page.get_by_text("You have no cases yet")).to_be_visible()
    case_of(person, "by mail")
    expect(page.locator(".row")).to_contain_text("by mail")


def test_times_are_the_readers_own_from_the_second_page_on(page: Page, case: Case) -> None:
    page.context.clear_cookies(name="tz")
    page.goto(path(case))
    page.reload()
    assert page.locator("article time").first.get_attribute("datetime", timeout=5000)[-6:] == "+06:00"  # type: ignore[index]


def test_no_page_is_wider_than_a_small_phone(page: Page, case: Case) -> None:
    staff_reply(case, "wide", html=f"<p>{'x' * 400}</p><table><tr>{'<td>cell cell</td>' * 20}</tr></table>")
    factories.file_in(case.messages.first() or case.messages.get(), "f" * 120 + ".pdf")
    page.set_viewport_size({"width": 320, "height": 640})
    for address in (
        "/cases/",
        path(case),
        "/cases/new/",
        "/nowhere/",
        "/cases/?q=none",
        "/account/",
        "/account/erase/",
    ):
        page.goto(address)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, address
