"""Rows 1 to 4 by hand, so to speak: a customer, the staff and a mailbox, each in a browser window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect

from scripts.desk import code_in
from scripts.rows import picture
from tests.house.checks import await_true, somebody
from tests.house.premises import EmbeddedHouse

# "Within about three seconds" is for a machine that does nothing else; here a browser runs on it too.
PATIENCE_MS = 15_000


@pytest.fixture(params=[True, False], ids=["with JavaScript", "without JavaScript"])
def scripted(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def customer(browser: Browser, scripted: bool) -> Iterator[Page]:
    yield from window(browser, java_script_enabled=scripted, locale="en-GB")


@pytest.fixture
def russian(browser: Browser) -> Iterator[Page]:
    yield from window(browser, locale="ru-RU")


@pytest.fixture
def staff(browser: Browser) -> Iterator[Page]:
    yield from window(browser)


def window(browser: Browser, **options: object) -> Iterator[Page]:
    context: BrowserContext = browser.new_context(**options)  # type: ignore[arg-type]
    page = context.new_page()
    page.set_default_timeout(PATIENCE_MS)
    yield page
    context.close()


def test_the_whole_loop(
    customer: Page, scripted: bool, staff: Page, house: EmbeddedHouse, tmp_path: Path
) -> None:
    address = somebody()
    # Both variants work in one house: by its subject alone the staff would find the other's case.
    subject = f"The lamp flickers {address}"
    file = tmp_path / "receipt.png"
    file.write_bytes(picture())
    sign_in(customer, house, address)
    open_case(customer, house, subject, "It began yesterday.", file)
    expect(messages(customer)).to_have_count(1)

    await_true("the case", lambda: bool(house.desk.cases(subject)))
    staff.goto(f"{house.desk.base}/staff/")
    staff.get_by_role("link", name=subject).click()
    expect(staff.locator("article[data-message]")).to_contain_text(["It began yesterday."])
    expect(staff.get_by_text("receipt.png").first).to_be_visible()
    answer = staff.locator("form[action$='/reply']")
    answer.locator("textarea[name=text]").fill("Please change the bulb.")
    answer.locator("input[type=file]").set_input_files(file)
    answer.locator("button").click()
    appears(customer, "Please change the bulb.", file="receipt.png", reload=not scripted)
    expect(messages(customer).last).to_have_attribute("data-author", "staff")

    staff.goto(f"{house.desk.base}/mailbox/{address}/")
    letter = staff.locator("article", has_text="Please change the bulb.").first
    letter.get_by_text("Answer this letter").click()
    letter.locator("textarea[name=text]").fill("The new bulb flickers too.")
    letter.get_by_role("button", name="Send the answer").click()
    appears(customer, "The new bulb flickers too.", reload=not scripted)
    expect(messages(customer).last).to_have_attribute("data-author", "customer")

    reply(customer, "Could somebody come and look?")
    appears(customer, "Could somebody come and look?", state="sent", reload=not scripted)
    [case] = house.desk.cases(subject)
    assert [row["text"] for row in case["messages"]][-1] == "Could somebody come and look?"
    expect(messages(customer)).to_have_count(4)


def test_the_same_in_russian(russian: Page, house: EmbeddedHouse, tmp_path: Path) -> None:
    file = tmp_path / "чек.txt"
    file.write_text("Итого: 100", encoding="utf-8")
    sign_in(russian, house, somebody())
    expect(russian.locator("html")).to_have_attribute("lang", "ru")
    open_case(russian, house, "Мигает лампа", "Началось вчера.", file)
    await_true("the case", lambda: bool(house.desk.cases("Мигает лампа")))
    case = house.desk.cases("Мигает лампа")[0]
    assert [entry["name"] for entry in case["messages"][0]["files"]] == ["чек.txt"]
    house.desk.reply(case["case_id"], "Замените лампочку.")
    appears(russian, "Замените лампочку.")


def test_a_second_click_makes_no_second_case(customer: Page, house: EmbeddedHouse) -> None:
    sign_in(customer, house, somebody())
    subject = f"Clicked twice {somebody()}"
    customer.goto(f"{house.cabinet}/cases/new/")
    customer.locator("[name=subject]").fill(subject)
    customer.locator("[name=text]").fill("Impatient.")
    send = customer.locator("form[action='/cases/new/'] button.primary")
    send.dblclick(no_wait_after=True)
    expect(messages(customer)).to_have_count(1)
    await_true("the case", lambda: bool(house.desk.cases(subject)))
    customer.goto(f"{house.cabinet}/cases/")
    expect(customer.get_by_role("link", name=subject)).to_have_count(1)
    assert len(house.desk.cases(subject)) == 1


def test_the_page_loads_nothing_from_elsewhere(customer: Page, scripted: bool, house: EmbeddedHouse) -> None:
    """Also not when a staff answer asks for it: its pictures would tell somebody who reads what and when."""
    asked: list[str] = []
    customer.on("request", lambda request: asked.append(request.url))
    troubles = watch_console(customer)
    sign_in(customer, house, somebody())
    subject = f"Elsewhere {somebody()}"
    open_case(customer, house, subject, "Hello?")
    await_true("the case", lambda: bool(house.desk.cases(subject)))
    [case] = house.desk.cases(subject)
    html = (
        '<p onclick="alert(1)">Look:</p><img src="http://tracker.example/pixel.png"><script>alert(2)</script>'
    )
    house.desk.do("staff/reply", case_id=case["case_id"], html=html)
    appears(customer, "Look:", reload=not scripted)
    own = (house.cabinet, house.settings["LIVE_URL"], "data:")
    assert [url for url in asked if not url.startswith(own)] == []
    assert troubles == []


def watch_console(page: Page) -> list[str]:
    troubles: list[str] = []
    page.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: troubles.append(str(error)))
    return troubles


def sign_in(page: Page, house: EmbeddedHouse, address: str) -> None:
    page.goto(f"{house.cabinet}/accounts/login/")
    page.locator("[name=email]").fill(address)
    page.locator("form[action='/accounts/login/'] button[type=submit]").click()
    code = page.locator("[name=code]")
    expect(code).to_have_attribute("autocomplete", "one-time-code")
    await_true("the letter", lambda: any(code_in(letter["text"]) for letter in house.desk.letters(address)))
    code.fill(code_in(house.desk.letters(address)[0]["text"]))
    # Some forms send themselves with the last character; where this one does not, its button is there.
    page.locator("form[action='/accounts/login/code/confirm/'] button[type=submit]").first.click()
    page.wait_for_url("**/cases/**")


def open_case(page: Page, house: EmbeddedHouse, subject: str, text: str, *files: Path) -> None:
    page.goto(f"{house.cabinet}/cases/new/")
    page.locator("[name=subject]").fill(subject)
    page.locator("[name=text]").fill(text)
    if files:
        page.locator("input[name=files]").set_input_files(list(files))
    page.locator("form[action='/cases/new/'] button.primary").click()
    expect(messages(page)).to_have_count(1)


def reply(page: Page, text: str) -> None:
    page.locator("form[action$='/reply/'] [name=text]").fill(text)
    page.locator("form[action$='/reply/'] button.primary").click()
    expect(messages(page).last).to_contain_text(text)


def messages(page: Page) -> Locator:
    return page.locator("article[data-message]")


def appears(page: Page, text: str, *, state: str = "", file: str = "", reload: bool = False) -> None:
    """By itself where the page has JavaScript, after a reload where it has none."""
    wanted = page.locator(
        f"article[data-state='{state}']" if state else "article[data-message]", has_text=text
    )
    if file:
        wanted = wanted.filter(has=page.get_by_role("link", name=file))
    for _ in range(PATIENCE_MS // 300):
        if wanted.count():
            return
        page.wait_for_timeout(300)
        if reload:
            page.reload()
    pytest.fail(f"{text!r} did not appear")
