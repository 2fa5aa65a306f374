"""The form for a new case and the rating in a real browser: what is typed stays, with scripts and without."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from playwright.sync_api import Browser, Page, Route, expect
from pytest_django.live_server_helper import LiveServer

from cabinet import thread
from cabinet.models import Case, Topic, TopicField
from tests import factories
from tests.factories import case_of, changed, delivered, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]
Kind = TopicField.Kind


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    return factories.person("alice")


@pytest.fixture
def topics(transactional_db: None) -> None:
    repair = Topic.objects.create(
        key="repair", title_ru="Ремонт", title_en="Repair", subject_hint_en="Broken?"
    )
    billing = Topic.objects.create(key="billing", title_ru="Оплата", title_en="Billing", position=1)
    for topic, values in (
        (repair, {"key": "device", "kind": Kind.CHOICE, "label_en": "Device", "required": True}),
        (repair, {"key": "serial", "label_en": "Serial", "only_if": "device", "only_if_value": "printer"}),
        (repair, {"key": "story", "kind": Kind.TEXTAREA, "label_en": "Story"}),
        (billing, {"key": "serial", "label_en": "Serial"}),
    ):
        choices = "printer=Printer\nphone=Phone" if values.get("kind") == Kind.CHOICE else ""
        position = topic.fields.count()
        TopicField.objects.create(
            topic=topic, label_ru="Поле", choices_ru=choices, position=position, **values
        )


def opened(browser: Browser, server: LiveServer, person: AbstractBaseUser, *, script: bool) -> Page:
    client = factories.signed_in(person)
    context = browser.new_context(base_url=server.url, locale="en-GB", java_script_enabled=script)
    cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
    context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": server.url}])
    page = context.new_page()
    page.set_default_timeout(10_000)
    return page


@pytest.fixture(params=[True, False], ids=["scripts", "no scripts"])
def page(
    request: pytest.FixtureRequest, browser: Browser, person: AbstractBaseUser, live_server: LiveServer
) -> Iterator[Page]:
    page = opened(browser, live_server, person, script=request.param)
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    yield page
    page.context.close()
    assert [each for each in complaints if "422" not in each] == []


def choose(page: Page, topic: str) -> None:
    page.get_by_label("What is it about?").select_option(topic)
    button = page.get_by_role("button", name="Choose")
    if button.is_visible():
        button.click()


def test_a_topic_is_chosen_and_changed_without_losing_a_word(page: Page, topics: None) -> None:
    page.goto("/cases/new/")
    page.get_by_label("Subject").fill("It smokes")
    page.get_by_label("What happened?").fill("Since dawn")
    page.set_input_files("#id_files", {"name": "photo.txt", "mimeType": "text/plain", "buffer": b"words"})
    choose(page, "repair")
    expect(page.locator("#id_subject_hint")).to_have_text("Broken?")
    scripts = page.locator("html.js").count() == 1
    serial = page.get_by_label("Serial")
    expect(serial).to_be_visible(visible=not scripts)
    page.get_by_label("Device").focus()
    page.get_by_label("Device").select_option("printer")
    expect(serial).to_be_visible()
    if scripts:
        assert page.evaluate("document.activeElement.id") == "id_device"
    serial.fill("X-1")
    page.get_by_label("Story").fill("It fell")
    choose(page, "billing")
    expect(page.get_by_label("Story")).to_have_count(0)
    expect(serial).to_have_value("X-1")
    choose(page, "repair")
    expect(page.get_by_label("Story")).to_have_value("It fell")
    expect(page.get_by_label("Device")).to_have_value("printer")
    expect(page.get_by_label("What happened?")).to_have_value("Since dawn")
    page.get_by_label("Subject").press("Enter")
    expect(page.locator("h1")).to_have_text("It smokes")
    case = Case.objects.get()
    assert {given.key: given.value for given in case.answers} == {
        "device": "printer",
        "serial": "X-1",
        "story": "It fell",
    }
    assert [file.name for file in case.messages.get().files.all()] == ["photo.txt"]


def test_a_case_is_rated_by_keyboard_and_the_draft_stays(page: Page, person: AbstractBaseUser) -> None:
    case = delivered(case_of(person))
    staff_reply(case)
    changed(case, status=Case.Status.CLOSED)
    page.goto(f"/cases/{case.pk}/")
    scripts = page.locator("html.js").count() == 1
    if scripts:
        page.get_by_label("Your reply").fill("half a sentence")
    page.get_by_label("Good", exact=True).focus()
    page.keyboard.press("Space")
    comment = page.get_by_label("What was good")
    comment.fill("Quick")
    if scripts:
        # News meanwhile: what is typed here is left alone.
        answer = case.messages.last()
        assert answer
        file = factories.file_in(answer, "fresh.txt")
        thread.store(Case.objects.get(pk=case.pk), timezone.now())
        expect(page.locator("#thread").get_by_text(file.name)).to_be_visible()
        assert comment.input_value() == "Quick"
    page.get_by_role("button", name="Send the rating").click()
    expect(page.locator(".rated")).to_have_text("Your rating: Good")
    if scripts:
        assert page.get_by_label("Your reply").input_value() == "half a sentence"
    case.refresh_from_db()
    assert (case.rating, case.rating_comment) == ("high", "Quick")


def test_what_is_typed_while_the_fields_are_asked_for_stays(
    browser: Browser, person: AbstractBaseUser, live_server: LiveServer, topics: None
) -> None:
    page = opened(browser, live_server, person, script=True)
    page.goto("/cases/new/?topic=repair")
    held: list[Route] = []
    page.route("**/cases/new/**", lambda route: held.append(route))
    page.get_by_label("Device").select_option("printer")
    story = page.get_by_label("Story")
    story.click()
    page.keyboard.type("It fell")
    page.keyboard.press("Home")
    expect(page.get_by_label("Serial")).to_be_hidden()
    held[0].continue_()
    expect(page.get_by_label("Serial")).to_be_visible()
    expect(story).to_have_value("It fell")
    expect(story).to_be_focused()
    page.keyboard.type("Oh! ")
    expect(story).to_have_value("Oh! It fell")
    page.context.close()
