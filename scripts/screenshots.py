"""`make screenshots`: the pictures of the README, taken from the real pages of a house of their own.

One conversation in each language; nothing of it is drawn.
"""

import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

from scripts.chromium import NoBrowser, launch_options
from scripts.house import House
from scripts.processes import ROOT, NotReady
from scripts.rows import picture, until
from scripts.visitor import Visitor

IMAGES = ROOT / "docs" / "images"
DESK = {"width": 1080, "height": 800}
PHONE = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Story:
    """What is said in a conversation: the customer, the staff, the customer by mail, the customer here.

    `ending` is that of the names of its pictures.
    """

    ending: str
    language: str
    zone: str
    customer: str
    subject: str
    attachment: str
    question: str
    answer: str
    label: str
    by_mail: str
    here: str
    solved: str
    solution: str


STORIES = (
    Story(
        ending="png",
        language="en-GB",
        zone="Europe/London",
        customer="alice@example.com",
        subject="Two parcels instead of one",
        attachment="parcels.png",
        question="Good afternoon!\n\nI ordered one kettle and got two. A picture is attached.",
        answer="<p>Thank you for telling us! Please keep one and send the other one back:</p>"
        "<ol><li>print the label,</li><li>bring the parcel to any post office.</li></ol>",
        label="return-label.pdf",
        by_mail="Got it, I will bring it to the post office tomorrow.",
        here="Done, it is on its way to you.",
        solved="The invoice names the old company",
        solution="A corrected invoice is on its way.",
    ),
    Story(
        ending="ru.png",
        language="ru-RU",
        zone="Europe/Moscow",
        customer="anna@example.com",
        subject="Две посылки вместо одной",
        attachment="посылки.png",
        question="Добрый день!\n\nЗаказывала один чайник, а пришли два. Фотография во вложении.",
        answer="<p>Спасибо, что сообщили! Один оставьте себе, второй отправьте нам:</p>"
        "<ol><li>распечатайте ярлык,</li><li>отнесите посылку в любое почтовое отделение.</li></ol>",
        label="ярлык.pdf",
        by_mail="Хорошо, завтра отнесу на почту.",
        here="Готово, посылка едет к вам.",
        solved="Счёт выставлен на старую организацию",
        solution="Исправленный счёт отправлен на почту.",
    ),
)


def main() -> int:
    try:
        options = launch_options()
    except NoBrowser as missing:
        print(missing, file=sys.stderr)
        return 1
    IMAGES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="cabinet-screenshots-") as folder, sync_playwright() as player:
        house = House(Path(folder))
        try:
            house.prepare()
            house.start()
            browser = player.chromium.launch(**options)
            for story in STORIES:
                take(browser, house, story)
        except NotReady as trouble:
            print(trouble, file=sys.stderr)
            return 1
        finally:
            house.stop()
    return 0


def take(browser: Browser, house: House, story: Story) -> None:
    visitor = house.sign_in(story.customer, language=story.language)
    another_case(house, visitor, story)
    path = play(house, visitor, story)
    shots: tuple[tuple[str, str, dict[str, object]], ...] = (
        ("thread", path, {"viewport": DESK}),
        ("list", "/cases/", {"viewport": DESK | {"height": 420}}),
        ("phone", path, {"viewport": PHONE, "color_scheme": "dark", "device_scale_factor": 1.5}),
    )
    for name, address, options in shots:
        context = browser.new_context(locale=story.language, timezone_id=story.zone, **options)  # type: ignore[arg-type]
        cookies = [
            {"name": cookie.name, "value": cookie.value, "url": house.cabinet}
            for cookie in visitor.session.cookies
        ]
        context.add_cookies(cookies)  # type: ignore[arg-type]
        page = context.new_page()
        page.goto(f"{house.cabinet}{address}", wait_until="load")
        # The first page tells the server the browser's time zone; the second one is shown in it.
        page.reload(wait_until="networkidle")
        if name != "phone":
            # The page is entered at its end, and what stands beside the thread would go along.
            page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=IMAGES / f"{name}.{story.ending}", full_page=name != "phone")
        context.close()
        print(f"docs/images/{name}.{story.ending}")


def another_case(house: House, visitor: Visitor, story: Story) -> None:
    """One that is solved, so that the list has two."""
    path = visitor.open_case(story.solved, story.question)
    [case] = until("the other case at the desk", lambda: house.desk.cases(story.solved))
    house.desk.reply(case["case_id"], story.solution)
    until("its answer", lambda: len(visitor.thread(path)) == 2)
    visitor.close_case(path)


def play(house: House, visitor: Visitor, story: Story) -> str:
    """The four rows once; answers the case's page."""
    attached = (story.attachment, picture(width=220, height=90), "image/png")
    path = visitor.open_case(story.subject, story.question, [attached])
    [case] = until("the case at the desk", lambda: house.desk.cases(story.subject))
    label = (story.label, b"%PDF-1.4\n" + bytes(40_000), "application/pdf")
    house.desk.reply(case["case_id"], "", label, html=story.answer)
    until(
        "the answer and its file",
        lambda: len(visitor.thread(path)[-1].files) == 1 and len(visitor.thread(path)) == 2,
    )
    house.desk.mail_reply(case["case_id"], story.by_mail)
    until("the mailed answer", lambda: len(visitor.thread(path)) == 3)
    visitor.reply(path, story.here)
    until("the answer's delivery", lambda: visitor.thread(path)[-1].state == "sent")
    return path


if __name__ == "__main__":
    sys.exit(main())
