"""What customers come for: at a desk, on a phone, in both languages, light and dark, with scripts or not."""

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.conf import settings as site
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.core.cache import cache
from django.utils import timezone
from playwright.sync_api import Browser, Locator, Page, expect
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from cabinet.draft_models import Draft
from cabinet.models import MAX_TEXT, Case, Message, Topic, TopicField
from scripts.rows import picture
from tests import factories
from tests.browser import judging
from tests.browser.matrix import Way, ways
from tests.browser.places import ended
from tests.factories import case_of, changed, delivered, staff_reply

pytestmark = [pytest.mark.django_db(transaction=True)]
ZONE, OFFSETS = "Asia/Vladivostok", {True: "+10:00", False: "+03:00"}
"""Without scripts nobody tells the server the reader's zone: the site's own stands."""


@pytest.fixture(params=ways(), ids=str)
def way(request: pytest.FixtureRequest) -> Way:
    way: Way = request.param
    return way


@pytest.fixture
def page(browser: Browser, live_server: LiveServer, way: Way, transactional_db: None) -> Iterator[Page]:
    """Somebody's browser, not signed in; whatever it complains about fails the story."""
    cache.clear()
    context = browser.new_context(base_url=live_server.url, timezone_id=ZONE, **way.options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    ear = judging.Ear(page, live_server.url)
    yield page
    context.close()
    assert (ear.complaints, ear.strange) == ([], [])


@pytest.fixture
def alice(page: Page, live_server: LiveServer) -> AbstractBaseUser:
    """Alice, signed in in that browser."""
    person = factories.person("alice")
    cookie = factories.signed_in(person).cookies[site.SESSION_COOKIE_NAME].value
    known = {site.SESSION_COOKIE_NAME: cookie, "tz": ZONE}
    page.context.add_cookies([{"name": name, "value": known[name], "url": live_server.url} for name in known])
    return person


def press(target: Locator, way: Way) -> None:
    """With a finger where there is one."""
    if way.size == "phone":
        target.tap()
    else:
        target.click()


def messages(page: Page, author: str = "") -> Locator:
    return page.locator("article[data-message]" + (f"[data-author={author}]" if author else ""))


def fits(page: Page, way: Way) -> None:
    """In the language that was asked for, in the theme, and no wider than the screen."""
    expect(page.locator("html")).to_have_attribute("lang", way.language)
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) < 3 * 128) == (way.theme == "dark")
    assert judging.too_wide(page) == []
    assert judging.twice(page) == []


def sign_in(page: Page, way: Way) -> None:
    page.goto("/")
    page.locator("#id_email").fill("alice@example.com")
    press(page.locator("main .button.primary"), way)
    page.wait_for_url("**/confirm/**")
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code
    page.locator("#id_code").fill(code[0])
    press(page.locator("main .button.primary"), way)
    page.wait_for_url("**/cases/")


def attach(page: Page, way: Way, name: str) -> None:
    page.set_input_files("#id_files", {"name": name, "mimeType": "image/png", "buffer": picture()})
    if way.scripts:
        expect(page.locator(".chip [name=uploaded]")).to_have_count(1)


def test_from_the_first_sign_in_to_the_rating(page: Page, way: Way) -> None:
    sign_in(page, way)
    fits(page, way)

    press(page.locator(".empty .button.primary"), way)
    page.locator("#id_subject").fill("Мигает лампа")
    page.locator("#id_text").fill("It began yesterday.")
    attach(page, way, "чек.png")
    fits(page, way)
    press(page.locator("main form.card .button.primary"), way)
    expect(page.locator("h1")).to_have_text("Мигает лампа")
    expect(messages(page)).to_have_count(1)
    expect(messages(page).locator(".file-name")).to_have_text("чек.png")
    fits(page, way)

    case = delivered(Case.objects.get())
    staff_reply(case, "Please change the bulb.")
    page.goto("/cases/")
    expect(page).to_have_title(re.compile(r"^\(1\) "))
    expect(page.locator(".row-new.row-turn")).to_have_count(1)
    press(page.locator(".row-link"), way)
    expect(messages(page, "staff").locator("[data-body]")).to_have_text("Please change the bulb.")
    expect(messages(page, "staff").locator("time")).to_have_attribute(
        "datetime", re.compile(re.escape(OFFSETS[way.scripts]) + "$")
    )
    expect(page.locator("#case-head .pill-turn")).to_be_visible()

    page.locator("#id_text").fill("The new bulb flickers too.")
    press(page.locator("#send-reply"), way)
    expect(messages(page, "customer")).to_have_count(2)
    expect(page.locator("#id_text")).to_have_value("")
    expect(page.locator("#case-head .pill-turn")).to_have_count(0)

    for closed in (True, False, True):
        press(page.locator("#set-status"), way)
        expect(page.locator("#case-head .pill-closed")).to_have_count(int(closed))
    press(page.locator(".rate-choice").first, way)
    page.locator("#rate textarea").fill("Quick")
    press(page.locator("#rate button"), way)
    expect(page.locator(".rated")).to_be_visible()
    fits(page, way)
    case.refresh_from_db()
    assert (case.status, case.rating, case.rating_comment) == ("closed", "high", "Quick")
    written = Message.objects.filter(case=case).order_by("position").values_list("text", flat=True)
    assert list(written) == ["It began yesterday.", "Please change the bulb.", "The new bulb flickers too."]

    page.locator("#id_text").fill("It is dark again.")
    press(page.locator("#send-reply"), way)
    expect(page.locator("#case-head .pill-closed")).to_have_count(0)
    page.goto("/cases/?tab=closed")
    expect(page.locator("#nothing")).to_be_visible()


def test_a_word_of_an_answer_finds_its_case(page: Page, way: Way, alice: AbstractBaseUser) -> None:
    for number in range(25):
        delivered(case_of(alice, f"Обращение {number}"), f"482-{number:03}")
    wanted = Case.objects.get(number="482-003")
    staff_reply(wanted, "Проверьте, пожалуйста, предохранители в щитке.")
    page.goto("/cases/")
    press(page.locator("[rel=next]"), way)
    expect(page.locator(".row")).to_have_count(5)
    page.goto("/cases/?tab=turn")
    page.locator("#id_q").fill("предохранитель")
    press(page.locator(".search button"), way)
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator(".row mark")).to_have_text("предохранители")
    fits(page, way)
    press(page.locator(".row-link"), way)
    expect(page.locator("h1")).to_have_text("Обращение 3")
    page.go_back()
    expect(page.locator("#id_q")).to_have_value("предохранитель")
    page.locator("#id_q").fill("нетничегоподобного")
    press(page.locator(".search button"), way)
    expect(page.locator("#nothing")).to_be_visible()
    press(page.locator(".found a"), way)
    expect(page.locator(".row")).to_have_count(1)


def test_what_was_begun_is_there_on_coming_back(page: Page, way: Way, alice: AbstractBaseUser) -> None:
    case = delivered(case_of(alice))
    page.goto(f"/cases/{case.pk}/")
    box = page.locator("#id_text")
    # Without scripts the words are with the server once a form was sent, even one it could not take.
    box.fill("half a sentence" if way.scripts else "x" * (MAX_TEXT + 1))
    attach(page, way, "photo.png")
    if way.scripts:
        expect(page.locator("[data-discard]")).to_be_visible()
    else:
        press(page.locator("#send-reply"), way)
        expect(page.locator("#composer [role=alert]")).to_be_visible()
    await_draft(page, case)
    page.goto("/cases/")
    press(page.locator(".row-link"), way)
    expect(box).not_to_have_value("")
    expect(page.locator(".chip-name")).to_have_text("photo.png")
    box.fill("a whole sentence")
    fits(page, way)
    press(page.locator("#send-reply"), way)
    expect(messages(page)).to_have_count(2)
    expect(messages(page).last.locator("[data-body]")).to_have_text("a whole sentence")
    expect(messages(page).last.locator(".file-name")).to_have_text("photo.png")
    assert not Draft.objects.filter(case=case).exists()


def test_a_topic_asks_for_what_it_needs(page: Page, way: Way, alice: AbstractBaseUser) -> None:
    repair = Topic.objects.create(key="repair", title_ru="Ремонт", title_en="Repair")
    device = {"kind": TopicField.Kind.CHOICE, "choices_ru": "kettle=Чайник\nlamp=Лампа", "required": True}
    TopicField.objects.create(topic=repair, key="device", label_ru="Устройство", **device)
    serial = {"only_if": "device", "only_if_value": "kettle", "position": 1}
    TopicField.objects.create(topic=repair, key="serial", label_ru="Номер", **serial)
    page.goto("/cases/new/?topic=repair&subject=Не+греет")
    expect(page.locator("#id_subject")).to_have_value("Не греет")
    page.locator("#id_text").fill("Со вчерашнего дня.")
    page.locator("#id_device").select_option("kettle")
    page.locator("#id_serial").fill("X-1")
    page.locator("#id_subject").fill("")
    page.locator("main form.card").evaluate("form => { form.noValidate = true; }")
    press(page.locator("main form.card .send .button.primary"), way)
    expect(page.locator("main form.card [role=alert]")).to_be_visible()
    expect(page.locator("#id_serial")).to_have_value("X-1")
    fits(page, way)
    page.locator("#id_subject").fill("Не греет")
    press(page.locator("main form.card .send .button.primary"), way)
    expect(page.locator("h1")).to_have_text("Не греет")
    expect(page.locator("#case-details")).to_contain_text("X-1")
    assert [answer.value for answer in Case.objects.get().answers] == ["kettle", "X-1"]


def test_a_chat_from_the_first_word_to_the_next_one(
    page: Page, way: Way, alice: AbstractBaseUser, settings: Settings
) -> None:
    settings.CABINET_MODES = ["mail", "chat"]
    said = page.locator("li.say-customer[id^='m-']")
    page.goto("/chat/")
    page.locator("#id_text").fill("Где мой заказ?")
    press(page.locator(".chat-send"), way)
    expect(said).to_have_count(1)
    case = delivered(Case.objects.get(), "12-4")
    staff_reply(case, "Сейчас посмотрю.")
    look_again(page, way)
    expect(page.locator("li.say-staff")).to_contain_text("Сейчас посмотрю.")
    fits(page, way)
    ended(case)
    look_again(page, way)
    press(page.locator(".rate-choice").last, way)
    page.locator("#rate textarea").fill("Медленно")
    press(page.locator("#rate button"), way)
    expect(page.locator(".rated")).to_be_visible()
    press(page.locator("[data-new-chat]"), way)
    page.locator("#id_text").fill("И ещё вопрос.")
    press(page.locator(".chat-send"), way)
    expect(said).to_have_count(2)
    fits(page, way)
    case.refresh_from_db()
    assert (case.rating, case.rating_comment) == ("low", "Медленно")
    assert Case.objects.count() == 2


def test_what_was_closed_long_ago_is_followed_by_a_new_case(
    page: Page, way: Way, alice: AbstractBaseUser
) -> None:
    long_ago = timezone.now() - timedelta(days=40)
    old = changed(delivered(case_of(alice, "Лампа"), "482-001"), status="closed", closed_at=long_ago)
    page.goto(f"/cases/{old.pk}/")
    expect(page.locator("#id_text")).to_be_hidden()
    press(page.locator(".no-reply .button.primary"), way)
    expect(page.locator("#id_subject")).to_have_value("Лампа")
    page.locator("#id_text").fill("Снова мигает.")
    fits(page, way)
    press(page.locator("main form.card .send .button.primary"), way)
    expect(messages(page).locator("[data-body]")).to_contain_text("482-001")
    page.goto(f"/cases/{old.pk}/")
    new = Case.objects.get(follow_up_of=old)
    expect(page.locator(f"#case-details a[href*='{new.pk}']")).to_have_count(1)


def look_again(page: Page, way: Way) -> None:
    """News come by themselves, or with the next look."""
    if not way.scripts:
        page.reload()


def await_draft(page: Page, case: Case) -> None:
    """Words are saved a moment after the last key."""
    for _look in range(50):
        if Draft.objects.filter(case=case).exclude(text="").exists():
            return
        page.wait_for_timeout(200)
    pytest.fail("no draft was saved")
