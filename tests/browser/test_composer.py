"""The composer in a browser: nothing typed or attached gets lost, and one's own words are there at once."""

import re

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.core import mail
from playwright.sync_api import FilePayload, Locator, Page, Route, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message, Topic, TopicField
from tests import factories
from tests.browser.conftest import Device, signed_in_as
from tests.browser.test_open_page import within_one_minute
from tests.factories import PNG, case_of, delivered, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


@pytest.fixture
def page(device: Device) -> Page:
    return device()


def path(case: Case) -> str:
    return f"/cases/{case.pk}/"


def box(page: Page) -> Locator:
    return page.locator("#id_text")


def saved(page: Page) -> Locator:
    return page.locator("[data-draft-word]", has_text="Draft saved")


def mine(page: Page) -> Locator:
    return page.locator("article[data-message][data-author=customer]")


def send(page: Page) -> None:
    page.get_by_role("button", name="Send", exact=True).click()


def text_file(name: str, size: int = 5) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": b"x" * size}


PUT = """([kind, files]) => {
  const data = new DataTransfer();
  for (const [name, type, size, bytes] of files)
    data.items.add(new File([bytes ? new Uint8Array(bytes) : new Uint8Array(size)], name, { type }));
  const where = document.getElementById("id_text"), how = { bubbles: true, cancelable: true };
  if (kind === "paste") where.dispatchEvent(new ClipboardEvent("paste", { ...how, clipboardData: data }));
  else for (const name of ["dragover", "drop"])
    where.form.dispatchEvent(new DragEvent(name, { ...how, dataTransfer: data }));
}"""


# ── drafts ──


def test_what_is_typed_is_there_after_a_reload_and_on_another_device(device: Device, case: Case) -> None:
    page = device()
    page.goto(path(case))
    box(page).fill("half a sentence")
    expect(saved(page)).to_be_visible()
    page.reload()
    expect(box(page)).to_have_value("half a sentence")
    phone = device()
    phone.goto(path(case))
    expect(box(phone)).to_have_value("half a sentence")
    with phone.expect_response("**/drafts/"):
        box(phone).fill("a whole sentence.")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(box(page)).to_have_value("a whole sentence.")


def test_a_page_left_at_once_has_saved_too(page: Page, case: Case) -> None:
    page.goto("/cases/new/")
    page.get_by_label("Subject").fill("Printer")
    box(page).fill("left at once")
    page.goto("/cases/")
    # The saving of a page that is left and the next page race each other to the server.
    for _again in range(50):
        if Draft.objects.filter(text="left at once").exists():
            break
        page.wait_for_timeout(100)
    page.goto("/cases/new/")
    expect(box(page)).to_have_value("left at once")
    expect(page.get_by_label("Subject")).to_have_value("Printer")


def desk_beside_a_phone(device: Device, case: Case) -> Page:
    """At a desk and on a phone, other words on the same page; the phone's were saved first."""
    desk, phone = device(), device()
    desk.goto(path(case))
    phone.goto(path(case))
    box(phone).fill("of the phone")
    expect(saved(phone)).to_be_visible()
    box(desk).fill("of the desk")
    return desk


def test_two_devices_typing_lose_neither(device: Device, case: Case) -> None:
    desk = desk_beside_a_phone(device, case)
    other = desk.get_by_text("On another device you have typed something else")
    other.click()
    expect(desk.locator("[data-aside-text]")).to_have_text("of the phone")
    desk.get_by_role("button", name="Use this text instead").click()
    expect(box(desk)).to_have_value("of the phone")
    expect(desk.locator("[data-aside-text]")).to_have_text("of the desk")


def test_a_reply_is_not_sent_for_whoever_has_signed_in_here_since(
    page: Page, case: Case, live_server: LiveServer
) -> None:
    page.goto(path(case))
    box(page).fill("between us")
    signed_in_as(page.context, factories.person("bob"), live_server)
    send(page)
    expect(page.get_by_role("button", name="Try again")).to_be_visible()
    expect(box(page)).to_have_value("between us")
    assert case.messages.count() == 1


def test_a_photo_from_the_phone_outlives_what_the_desk_sends(device: Device, case: Case) -> None:
    desk, phone = device(), device()
    desk.goto(path(case))
    box(desk).fill("See the photo")
    expect(saved(desk)).to_be_visible()
    phone.goto(path(case))
    phone.set_input_files("#id_files", [text_file("photo.heic")])
    expect(phone.locator(".chip [name=uploaded]")).to_have_count(1)
    send(desk)
    expect(mine(desk)).to_have_count(2)
    expect(desk.locator(".chip-name")).to_have_text("photo.heic")
    expect(saved(desk)).to_be_visible()
    expect(box(desk)).to_have_value("")
    send(desk)
    expect(mine(desk)).to_have_count(3)
    expect(desk.locator(".chip")).to_have_count(0)
    assert Message.objects.latest("position").files.get().name == "photo.heic"
    assert not Draft.objects.exists()


def test_the_box_that_was_left_for_a_while_shows_what_came_meanwhile(device: Device, case: Case) -> None:
    desk, phone = device(), device()
    desk.clock.install()
    desk.goto(path(case))
    box(desk).fill("See the photo")
    desk.clock.run_for(1500)
    expect(saved(desk)).to_be_visible()
    desk.evaluate("document.activeElement.blur()")
    phone.goto(path(case))
    phone.set_input_files("#id_files", [text_file("photo.heic")])
    expect(phone.locator(".chip [name=uploaded]")).to_have_count(1)
    box(desk).focus()
    desk.wait_for_timeout(300)
    assert desk.locator(".chip").count() == 0, "it was away only for a moment"
    desk.evaluate("document.activeElement.blur()")
    desk.clock.run_for(31_000)
    box(desk).focus()
    expect(desk.locator(".chip-name")).to_have_text("photo.heic")
    expect(box(desk)).to_have_value("See the photo")


def test_a_file_whose_removal_failed_is_not_in_what_is_sent_nor_after_it(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.set_input_files("#id_files", [text_file("a.txt")])
    expect(page.locator(".chip [name=uploaded]")).to_have_count(1)
    page.route("**/remove/", lambda route: route.abort())
    page.get_by_role("button", name="Remove a.txt").click()
    box(page).fill("without it")
    send(page)
    expect(mine(page)).to_have_count(2)
    expect(page.locator(".chip")).to_have_count(0)
    assert not CaseFile.objects.exists()
    assert not Draft.objects.exists()


def test_words_put_aside_stand_in_the_composer_after_the_others_are_sent(device: Device, case: Case) -> None:
    desk = desk_beside_a_phone(device, case)
    expect(desk.get_by_text("On another device you have typed something else")).to_be_visible()
    send(desk)
    expect(mine(desk)).to_have_count(2)
    expect(box(desk)).to_have_value("of the phone")
    expect(saved(desk)).to_be_visible()
    expect(desk.get_by_text("On another device you have typed something else")).to_be_hidden()
    send(desk)
    expect(mine(desk)).to_have_count(3)
    assert not Draft.objects.exists()


@pytest.fixture
def topic(transactional_db: None) -> None:
    topic = Topic.objects.create(key="repair", title_ru="Ремонт", title_en="Repair")
    TopicField.objects.create(topic=topic, key="serial", label_ru="Номер", label_en="Serial")


NEW = "/cases/new/?topic=repair"


@pytest.mark.usefixtures("topic")
def test_a_page_left_alone_shows_the_topic_that_another_device_has_chosen(device: Device) -> None:
    desk, phone = device(), device()
    desk.goto("/cases/new/")
    phone.goto(NEW)
    phone.get_by_label("Serial").fill("X-1")
    expect(saved(phone)).to_be_visible()
    desk.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(desk.get_by_label("Serial")).to_have_value("X-1")
    box(desk).fill("It smokes")
    expect(saved(desk)).to_be_visible()
    desk.wait_for_timeout(1500)
    draft = Draft.objects.get()
    assert (draft.text, draft.extra["serial"], draft.aside) == ("It smokes", ["X-1"], {})


@pytest.mark.usefixtures("topic")
def test_answers_put_aside_come_back_with_their_fields(device: Device) -> None:
    desk, phone = device(), device()
    phone.goto(NEW)
    desk.goto("/cases/new/")
    phone.get_by_label("Serial").fill("X-1")
    expect(saved(phone)).to_be_visible()
    desk.get_by_label("Subject").fill("Of the desk")
    desk.get_by_text("On another device you have typed something else").click()
    desk.get_by_role("button", name="Use this text instead").click()
    expect(desk.get_by_label("Serial")).to_have_value("X-1")
    expect(desk.get_by_label("Subject")).to_have_value("")
    desk.get_by_text("On another device you have typed something else").click()
    desk.get_by_role("button", name="Use this text instead").click()
    expect(desk.get_by_label("Subject")).to_have_value("Of the desk")
    expect(desk.get_by_label("Serial")).to_have_count(0)


def test_while_words_are_being_composed_nothing_is_saved(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).focus()
    compose = "(kind) => document.activeElement.dispatchEvent(new CompositionEvent(kind, { bubbles: true }))"
    page.evaluate(compose, "compositionstart")
    box(page).press_sequentially("かn")
    page.wait_for_timeout(1500)
    assert not Draft.objects.exists()
    page.evaluate(compose, "compositionend")
    expect(saved(page)).to_be_visible()


def test_what_is_too_long_to_be_kept_is_said(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).fill("x" * 400_001)
    expect(page.locator("[data-draft-word]")).to_have_text("This is too long to be kept as a draft.")


def test_a_draft_saved_too_often_stays_in_the_page_and_is_saved_later(
    page: Page, case: Case, settings: Settings
) -> None:
    settings.DRAFTS_PER_MINUTE = 1
    within_one_minute()
    page.clock.install()
    page.goto(path(case))
    box(page).fill("first")
    page.clock.run_for(1500)
    expect(saved(page)).to_be_visible()
    box(page).fill("first and second")
    page.clock.run_for(1500)
    expect(page.locator("[data-draft-word]")).to_contain_text("Not saved yet: too much came in one minute.")
    expect(box(page)).to_have_value("first and second")
    box(page).fill("first, second and third")
    settings.DRAFTS_PER_MINUTE = 30
    page.clock.run_for(61_000)
    expect(saved(page)).to_be_visible()
    assert Draft.objects.get().text == "first, second and third"


def test_discarding_empties_the_page(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).fill("never mind")
    page.set_input_files("#id_files", [text_file("a.txt")])
    expect(page.locator(".chip [name=uploaded]")).to_have_count(1)
    page.get_by_role("button", name=re.compile("^Discard")).click()
    expect(box(page)).to_have_value("")
    assert not Draft.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()


# ── files ──


def test_a_pasted_screenshot_is_uploaded_and_named(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).focus()
    page.evaluate(PUT, ["paste", [["image.png", "image/png", 0, list(PNG)]]])
    expect(page.locator(".chip-name")).to_have_text(re.compile(r"^screenshot-\d{4}-\d\d-\d\d-[\d-]+\.png$"))
    expect(page.locator(".chip [name=uploaded]")).to_have_count(1)
    page.reload()
    expect(page.locator(".chip-name")).to_have_count(1)
    box(page).fill("see the picture")
    send(page)
    expect(mine(page).last.locator("img.file-picture, .file-name").first).to_be_visible()
    file = CaseFile.objects.get()
    assert (file.content_type, file.size) == ("image/png", len(PNG))


def test_of_three_dropped_files_the_large_one_fails_alone_and_says_why(page: Page, case: Case) -> None:
    page.goto(path(case))
    files = [
        ["one.heic", "image/heic", 10, None],
        ["film.mov", "", 30 * 1024 * 1024, None],
        ["two", "", 10, None],
    ]
    page.evaluate(PUT, ["drop", files])
    expect(page.locator(".chip [name=uploaded]")).to_have_count(2)
    expect(page.locator(".chip-bad")).to_have_count(1)
    expect(page.locator(".chip-bad [role=alert]")).to_have_text("“film.mov” is larger than 25 MB.")
    page.get_by_role("button", name="Remove film.mov").click()
    expect(page.locator(".chip-bad")).to_have_count(0)
    send(page)
    expect(mine(page)).to_have_count(2)
    last = Message.objects.filter(case=case).order_by("position").last()
    assert last
    assert sorted(file.name for file in last.files.all()) == ["one.heic", "two"]


def test_all_together_have_a_limit_in_the_browser_too(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.evaluate("document.querySelector('[data-attach]').dataset.limitAll = 15")
    page.set_input_files("#id_files", [text_file("a", 10), text_file("b", 10), text_file("empty", 0)])
    expect(page.locator(".chip-bad")).to_have_count(2)
    expect(page.locator(".chip-bad").first).to_contain_text("“b” does not fit")
    expect(page.locator(".chip-bad").last).to_contain_text("“empty” is empty")


def test_a_chip_is_removed_by_the_keyboard_and_gone_for_good(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.set_input_files("#id_files", [text_file("a.txt"), text_file("b.txt")])
    expect(page.locator(".chip [name=uploaded]")).to_have_count(2)
    page.locator(".chip", has_text="a.txt").focus()
    page.keyboard.press("Delete")
    expect(page.locator(".chip-name")).to_have_text(["b.txt"])
    expect(page.locator(".chip", has_text="b.txt")).to_be_focused()
    page.reload()
    expect(page.locator(".chip-name")).to_have_text(["b.txt"])


def test_a_message_waits_for_its_files(page: Page, case: Case) -> None:
    held: list[Route] = []
    page.route("**/uploads/", lambda route: held.append(route))
    page.goto(path(case))
    box(page).fill("with a file")
    page.set_input_files("#id_files", [text_file("slow.txt")])
    page.wait_for_timeout(300)
    send(page)
    expect(page.get_by_text("Your message goes as soon as the files are uploaded.")).to_be_visible()
    assert mine(page).count() == 1
    held[0].continue_()
    expect(mine(page)).to_have_count(2)
    assert Message.objects.latest("position").files.count() == 1


def test_an_upload_can_be_cancelled_or_tried_again(page: Page, case: Case) -> None:
    held: list[Route] = []
    page.route("**/uploads/", lambda route: held.append(route))
    page.goto(path(case))
    page.set_input_files("#id_files", [text_file("slow.txt")])
    page.get_by_role("button", name="Cancel slow.txt").click()
    expect(page.locator(".chip")).to_have_count(0)
    page.unroute("**/uploads/")
    page.route("**/uploads/", lambda route: route.abort())
    page.set_input_files("#id_files", [text_file("again.txt")])
    expect(page.locator(".chip-bad")).to_contain_text("“again.txt” could not be uploaded")
    page.unroute("**/uploads/")
    page.get_by_role("button", name="Try again again.txt").click()
    expect(page.locator(".chip [name=uploaded]")).to_have_count(1)


# ── sending ──


def test_own_words_stand_in_the_thread_at_once_and_once(page: Page, case: Case) -> None:
    held: list[Route] = []
    page.goto(path(case))
    page.route("**/reply/", lambda route: held.append(route))
    box(page).fill("It still smokes")
    expect(saved(page)).to_be_visible()
    box(page).press("Control+Enter")
    own = page.locator(".mine-now")
    expect(own).to_contain_text("It still smokes")
    expect(own).to_contain_text("Sending…")
    expect(box(page)).to_have_value("")
    box(page).press_sequentially("and another thing")
    staff_reply(case, "Meanwhile an answer")
    page.wait_for_timeout(500)
    held[0].continue_()
    page.unroute("**/reply/")
    expect(mine(page)).to_have_count(2)
    expect(own).to_have_count(0)
    expect(page.get_by_text("It still smokes")).to_have_count(1)
    expect(page.locator("article[data-author=staff]")).to_have_count(1)
    expect(box(page)).to_have_value("and another thing")
    assert page.evaluate("document.activeElement.id") == "id_text"
    expect(saved(page)).to_be_visible()
    assert Draft.objects.get().text == "and another thing"
    send(page)
    expect(mine(page)).to_have_count(3)
    expect(box(page)).to_have_value("")
    page.reload()
    expect(box(page)).to_have_value("")


def test_a_saving_that_hangs_does_not_hold_up_the_sending(page: Page, case: Case) -> None:
    held: list[Route] = []
    page.route("**/drafts/", lambda route: held.append(route))
    page.goto(path(case))
    with page.expect_request("**/drafts/"):
        box(page).fill("It still smokes")
    page.get_by_role("button", name="Send", exact=True).click()
    button = page.locator("#send-reply")
    expect(button).to_have_text("Sending…", timeout=2000)
    expect(mine(page)).to_have_count(2, timeout=8000)
    expect(button).to_have_text("Send")
    expect(box(page)).to_have_value("")
    page.unroute("**/drafts/")
    page.wait_for_timeout(300)
    assert not Draft.objects.exists()
    box(page).fill("the next one")
    expect(saved(page)).to_be_visible()
    assert Draft.objects.get().text == "the next one"


def test_without_a_connection_the_words_stay_and_can_be_sent_again(page: Page, case: Case) -> None:
    page.goto(path(case))
    page.context.set_offline(True)
    box(page).fill("from a tunnel")
    expect(page.locator("[data-draft-word]")).to_contain_text("Not saved yet")
    send(page)
    failed = page.locator(".mine-now [role=alert]")
    expect(failed).to_contain_text("Not sent")
    expect(page.locator("#quiet-notice")).to_be_hidden()
    expect(box(page)).to_have_value("from a tunnel")
    page.context.set_offline(False)
    page.locator(".mine-now").get_by_role("button", name="Try again").click()
    expect(mine(page)).to_have_count(2)
    expect(page.locator(".mine-now")).to_have_count(0)
    expect(box(page)).to_have_value("")


def test_a_lost_answer_is_no_second_message(page: Page, case: Case) -> None:
    page.goto(path(case))

    def lose(route: Route) -> None:
        route.fetch(max_redirects=0)
        route.abort()

    page.route("**/reply/", lose)
    box(page).fill("landed all the same")
    send(page)
    expect(mine(page)).to_have_count(2)
    expect(page.locator(".mine-now")).to_have_count(0)
    expect(box(page)).to_have_value("")
    assert Message.objects.filter(text="landed all the same").count() == 1


def test_a_double_click_sends_once(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).fill("twice")
    page.get_by_role("button", name="Send", exact=True).dblclick()
    expect(mine(page)).to_have_count(2)
    page.wait_for_timeout(300)
    assert Message.objects.filter(text="twice").count() == 1


def test_send_and_mark_as_solved(page: Page, case: Case) -> None:
    page.goto(path(case))
    box(page).focus()
    solved = page.locator("[data-close]")
    close = page.get_by_role("button", name="Solved, close the case")
    expect(close).to_be_visible()
    expect(solved).to_be_hidden()
    box(page).fill("Thank you, it works")
    expect(solved).to_have_text("Send and mark as solved")
    expect(close).to_be_hidden()
    box(page).fill(" ")
    expect(close).to_be_visible()
    expect(solved).to_be_hidden()
    box(page).fill("Thank you, it works")
    solved.click()
    expect(mine(page)).to_have_count(2)
    expect(page.get_by_role("button", name="Reopen the case")).to_be_visible()
    expect(page.get_by_text("Your reply will open the case again.")).to_be_visible()
    expect(solved).to_be_hidden()


def test_the_composer_is_one_line_until_it_is_wanted(page: Page, case: Case) -> None:
    page.goto(path(case))
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_hidden()
    assert box(page).bounding_box()["height"] < 60  # type: ignore[index]
    box(page).click()
    expect(page.get_by_role("button", name="Send", exact=True)).to_be_visible()
    box(page).fill("line\n" * 12)
    assert box(page).bounding_box()["height"] > 200  # type: ignore[index]


# ── an ended session ──


def sign_in(page: Page) -> None:
    page.get_by_label("E-mail address").fill("alice@example.com")
    page.keyboard.press("Enter")
    page.wait_for_url("**/confirm/**")
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code
    page.get_by_label("Code from the letter").fill(code[0])
    page.keyboard.press("Enter")


@pytest.mark.parametrize("scripts", [True, False])
def test_after_signing_in_again_everything_is_in_the_composer(
    device: Device, case: Case, scripts: bool
) -> None:
    page = device(java_script_enabled=scripts)
    page.goto(path(case))
    box(page).fill("precious words")
    page.set_input_files("#id_files", [text_file("precious.txt")])
    if scripts:
        expect(page.locator(".chip [name=uploaded]")).to_have_count(1)
    Session.objects.all().delete()
    send(page)
    expect(page.get_by_text("What you typed is kept")).to_be_visible()
    sign_in(page)
    expect(page.get_by_text("What you typed is still here")).to_be_visible()
    expect(box(page)).to_have_value("precious words")
    expect(page.locator(".chip-name")).to_have_text("precious.txt")
    send(page)
    expect(mine(page)).to_have_count(2)
    assert [file.name for file in Message.objects.latest("position").files.all()] == ["precious.txt"]


def test_a_new_case_survives_its_session(page: Page, alice: AbstractBaseUser) -> None:
    page.goto("/cases/new/")
    page.get_by_label("Subject").fill("Printer")
    box(page).fill("It smokes")
    Session.objects.all().delete()
    send(page)
    sign_in(page)
    expect(page.get_by_label("Subject")).to_have_value("Printer")
    expect(box(page)).to_have_value("It smokes")


# ── without scripts ──


def test_without_scripts_everything_works(device: Device, case: Case) -> None:
    page = device(java_script_enabled=False)
    page.goto(path(case))
    box(page).fill("x" * 100_001)
    page.set_input_files("#id_files", [text_file("kept.txt"), text_file("other.txt")])
    send(page)
    expect(page.get_by_role("alert")).to_contain_text("characters long")
    page.goto(path(case))
    expect(page.locator(".chip-name")).to_have_text(["kept.txt", "other.txt"])
    box(page).fill("shorter")
    page.get_by_label("Remove other.txt").check()
    page.get_by_role("button", name="Send and mark as solved").click()
    expect(mine(page)).to_have_count(2)
    expect(page.get_by_role("button", name="Reopen the case")).to_be_visible()
    assert [file.name for file in Message.objects.latest("position").files.all()] == ["kept.txt"]
    assert not Draft.objects.exists()
