"""What is typed in the chat follows its person from device to device, and is in no box once it was said."""

import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet.draft_models import Draft
from cabinet.models import CaseFile, Message
from tests import factories
from tests.browser.conftest import Device, signed_in_as
from tests.browser.test_chat import box, refuse

pytestmark = [pytest.mark.django_db(transaction=True)]
FILE = {"name": "full.txt", "mimeType": "text/plain", "buffer": b"words"}


@pytest.fixture(autouse=True)
def chats_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]


def said(page: Page) -> Locator:
    return page.locator("article[data-message]")


def eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until, [(draft.text, draft.aside) for draft in Draft.objects.all()]
        time.sleep(0.05)


def typed(page: Page, text: str) -> None:
    """And kept on the server."""
    box(page).fill(text)
    eventually(lambda: Draft.objects.filter(text=text).exists())


def test_what_is_typed_is_on_the_phone_and_said_there_it_is_gone_here(device: Device) -> None:
    desk, phone = device(), device()
    desk.goto("/chat/")
    desk.set_input_files("#id_files", FILE)  # type: ignore[arg-type]
    expect(desk.get_by_role("button", name="Remove full.txt")).to_be_visible()
    typed(desk, "half a sentence")
    phone.goto("/chat/")
    expect(box(phone)).to_have_value("half a sentence")
    expect(phone.locator(".chip-name")).to_have_text("full.txt")
    box(phone).press("End")
    box(phone).press_sequentially(" and the rest")
    box(phone).press("Enter")
    expect(phone.locator("article[data-message] .file-name")).to_have_text("full.txt")
    eventually(lambda: not Draft.objects.exists())
    desk.reload()
    expect(said(desk)).to_have_count(1)
    expect(box(desk)).to_have_value("")
    expect(desk.locator(".chip")).to_have_count(0)
    assert Message.objects.get().text == "half a sentence and the rest"


def test_the_box_that_was_left_for_a_while_follows_the_other_device(device: Device) -> None:
    desk, phone = device(), device()
    desk.clock.install()
    desk.goto("/chat/")
    phone.goto("/chat/")
    typed(phone, "begun on the phone")
    box(desk).focus()
    desk.evaluate("document.activeElement.blur()")
    desk.clock.fast_forward(60_000)
    box(desk).focus()
    expect(box(desk)).to_have_value("begun on the phone")
    box(phone).press("Enter")
    expect(said(phone)).to_have_count(1)
    eventually(lambda: not Draft.objects.exists())
    desk.evaluate("document.activeElement.blur()")
    desk.clock.fast_forward(60_000)
    box(desk).focus()
    expect(box(desk)).to_have_value("")


def test_what_never_reached_the_server_comes_before_what_is_there(device: Device) -> None:
    """Typed without a connection and reloaded; meanwhile the phone has typed on. Both are kept."""
    desk, phone = device(), device()
    desk.goto("/chat/")
    typed(desk, "before the tunnel")
    refuse(desk, "**/drafts/")
    box(desk).fill("typed in the tunnel")
    desk.wait_for_timeout(300)
    phone.goto("/chat/")
    typed(phone, "from the phone")
    desk.reload()
    expect(box(desk)).to_have_value("typed in the tunnel")
    desk.unroute("**/drafts/")
    box(desk).press("End")
    box(desk).press_sequentially("!")
    expect(desk.locator("[data-aside-text]")).to_have_text("from the phone")
    draft = Draft.objects.get()
    assert (draft.text, draft.aside["text"]) == ("typed in the tunnel!", "from the phone")
    desk.locator("[data-aside] summary").click()
    desk.get_by_role("button", name="Use this text instead").click()
    expect(box(desk)).to_have_value("from the phone")
    expect(desk.locator("[data-aside-text]")).to_have_text("typed in the tunnel!")


def test_what_the_phone_has_changed_is_not_undone_by_what_this_browser_remembers(device: Device) -> None:
    desk, phone = device(), device()
    desk.goto("/chat/")
    typed(desk, "from the desk")
    phone.goto("/chat/")
    expect(box(phone)).to_have_value("from the desk")
    typed(phone, "from the phone")
    desk.goto("/cases/")
    desk.goto("/chat/")
    expect(box(desk)).to_have_value("from the phone")
    desk.wait_for_timeout(1500)
    assert Draft.objects.get().text == "from the phone"


def test_words_without_a_connection_wait_in_the_thread_and_not_in_the_box_too(device: Device) -> None:
    desk = device()
    desk.goto("/chat/")
    desk.set_input_files("#id_files", FILE)  # type: ignore[arg-type]
    expect(desk.get_by_role("button", name="Remove full.txt")).to_be_visible()
    typed(desk, "with a file")
    refuse(desk, "**/drafts/", "**/chat/")
    box(desk).press("Enter")
    expect(desk.get_by_role("button", name="Try again")).to_be_visible()
    desk.reload()
    expect(desk.get_by_role("button", name="Try again")).to_be_visible()
    expect(box(desk)).to_have_value("")
    expect(desk.locator(".chip")).to_have_count(0)
    desk.unroute("**/drafts/")
    desk.unroute("**/chat/")
    box(desk).press_sequentially("and one more")
    eventually(lambda: Draft.objects.filter(text="and one more").exists())
    expect(desk.locator(".chip")).to_have_count(0)
    desk.get_by_role("button", name="Try again").click()
    expect(desk.locator("article[data-message] .file-name")).to_have_text("full.txt")
    expect(box(desk)).to_have_value("and one more")
    assert Draft.objects.get().text == "and one more"
    assert [message.text for message in Message.objects.all()] == ["with a file"]


def test_two_tabs_of_one_browser_show_the_same_and_do_not_quarrel(device: Device) -> None:
    page = device()
    page.goto("/chat/")
    other = page.context.new_page()
    other.goto("/chat/")
    box(page).press_sequentially("a longer sentence", delay=20)
    eventually(lambda: Draft.objects.filter(text="a longer sentence").exists())
    expect(box(other)).to_have_value("a longer sentence")
    box(page).fill("short")
    eventually(lambda: Draft.objects.filter(text="short").exists())
    expect(box(other)).to_have_value("short")
    box(other).press("End")
    box(other).press_sequentially("er")
    eventually(lambda: Draft.objects.filter(text="shorter").exists())
    expect(box(page)).to_have_value("shorter")
    page.wait_for_timeout(1500)
    assert Draft.objects.get().aside == {}
    box(other).press("Enter")
    expect(said(other)).to_have_count(1)
    expect(box(page)).to_have_value("")
    eventually(lambda: not Draft.objects.exists())


def test_many_words_in_a_row_leave_no_draft(device: Device) -> None:
    page = device()
    page.goto("/chat/")
    for number in range(4):
        typed(page, f"number {number}")
        box(page).press("Enter")
    expect(said(page)).to_have_count(4)
    eventually(lambda: not Draft.objects.exists())
    assert [message.text for message in Message.objects.order_by("position")] == [
        f"number {n}" for n in range(4)
    ]


def test_a_file_that_could_not_be_taken_back_goes_with_the_next_words(device: Device) -> None:
    page = device()
    page.goto("/chat/")
    page.set_input_files("#id_files", FILE)  # type: ignore[arg-type]
    refuse(page, "**/remove/")
    page.get_by_role("button", name="Remove full.txt").click()
    box(page).fill("without it")
    box(page).press("Enter")
    expect(said(page)).to_have_count(1)
    eventually(lambda: not CaseFile.objects.exists())
    page.reload()
    expect(said(page)).to_have_count(1)
    expect(page.locator(".chip")).to_have_count(0)


def test_the_files_of_an_unsent_message_are_in_no_other_tabs_box(device: Device) -> None:
    page = device()
    page.goto("/chat/")
    other = page.context.new_page()
    other.goto("/chat/")
    page.set_input_files("#id_files", FILE)  # type: ignore[arg-type]
    expect(other.locator(".chip-name")).to_have_text("full.txt")
    refuse(page, "**/chat/")
    box(page).fill("with a file")
    box(page).press("Enter")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(other.locator(".chip")).to_have_count(0)
    eventually(lambda: Draft.objects.filter(text="").exists())
    other.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    other.wait_for_timeout(1000)
    for tab in (page, other):
        expect(tab.locator(".chip")).to_have_count(0)
    page.unroute("**/chat/")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("article[data-message] .file-name")).to_have_text("full.txt")
    eventually(lambda: not Draft.objects.exists())


def test_of_words_that_waited_no_part_is_in_the_box_after_a_reload(device: Device) -> None:
    """The last letters, the message and the emptied box: none of it reached the server."""
    page = device()
    page.goto("/chat/")
    typed(page, "Hello")
    # All of it, also what a page sends while it is being left.
    page.evaluate("() => { window.fetch = () => Promise.reject(new TypeError()); }")
    box(page).press("End")
    box(page).press_sequentially(" world")
    box(page).press("Enter")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    page.reload()
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(box(page)).to_have_value("")
    eventually(lambda: not Draft.objects.exists())


def test_whoever_signs_in_here_next_gets_nothing_that_an_open_page_still_holds(
    device: Device, live_server: LiveServer
) -> None:
    page = device()
    page.goto("/chat/")
    typed(page, "before")
    signed_in_as(page.context, factories.person("bob"), live_server)
    box(page).fill("between us")
    expect(page.locator("#quiet-notice")).to_contain_text("signed out")
    page.wait_for_timeout(3500)
    expect(page.locator("#quiet-notice")).to_be_visible()
    box(page).press("Enter")
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    assert [(draft.user.username, draft.text) for draft in Draft.objects.all()] == [("alice", "before")]
    assert not Message.objects.exists()
