"""The stream under an open page: it saves asking, and without it nothing is missing."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.test_whole_loop import messages, open_case, sign_in, window
from tests.house.checks import only_case, somebody
from tests.house.premises import EmbeddedHouse

HEARD_MS = 10_000
LOOKING_MS = 8_000


@pytest.fixture
def customer(browser: Browser) -> Iterator[Page]:
    yield from window(browser, locale="en-GB")


@pytest.fixture
def asked(customer: Page) -> list[str]:
    """The addresses the page has asked."""
    found: list[str] = []
    customer.on("request", lambda request: found.append(request.url))
    return found


def polls(asked: list[str]) -> int:
    return sum("/live/" in url and "/stream/" not in url for url in asked)


def in_a_case(page: Page, house: EmbeddedHouse) -> int:
    """An open case's page that nothing more is about to happen to."""
    address = somebody()
    sign_in(page, house, address)
    open_case(page, house, f"Streamed {address}", "Hello?")
    expect(page.locator("article[data-state=sent]")).to_have_count(1, timeout=HEARD_MS)
    return int(only_case(house.desk, f"Streamed {address}")["case_id"])


def in_the_chat(page: Page, house: EmbeddedHouse) -> int:
    """The same of a chat."""
    address = somebody()
    sign_in(page, house, address)
    page.goto(f"{house.cabinet}/chat/")
    page.get_by_label("Your message").fill(f"Chatted {address}")
    page.get_by_label("Your message").press("Enter")
    expect(page.locator("article[data-message][data-state=sent]")).to_have_count(1, timeout=HEARD_MS)
    return int(only_case(house.desk, f"Chatted {address}")["case_id"])


def test_a_page_with_a_stream_hears_and_hardly_asks(
    customer: Page, asked: list[str], house: EmbeddedHouse
) -> None:
    case_id = in_a_case(customer, house)
    assert any(url.startswith(house.settings["LIVE_URL"]) for url in asked)
    customer.wait_for_timeout(2000)
    before = polls(asked)
    customer.wait_for_timeout(LOOKING_MS)
    assert polls(asked) - before <= 1, "by the clock it would have asked three times"
    house.desk.reply(case_id, "By the stream.")
    expect(messages(customer)).to_have_count(2, timeout=HEARD_MS)


@pytest.mark.parametrize("kind", ["case", "chat"])
def test_with_the_stream_cut_the_page_asks_by_the_clock(
    customer: Page, asked: list[str], house: EmbeddedHouse, kind: str
) -> None:
    case_id = in_a_case(customer, house) if kind == "case" else in_the_chat(customer, house)
    house.processes.kill("live")
    try:
        customer.wait_for_timeout(1000)
        before = polls(asked)
        customer.wait_for_timeout(LOOKING_MS)
        assert polls(asked) - before >= 2
        house.desk.reply(case_id, "By the clock.")
        expect(messages(customer)).to_have_count(2, timeout=HEARD_MS)
    finally:
        house.start("live")
