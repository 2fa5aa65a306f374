"""Letters: what the desk sends, what customers answer, what comes by SMTP (omnidesk-api.md 3.2, 10.21-22)."""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from email.message import EmailMessage

import pytest

from sandbox.cases import Refused
from sandbox.desk import Desk
from sandbox.quoting import STYLES, Original, quote
from sandbox.records import Case, Upload
from sandbox.smtp import SmtpDoor

from .conftest import START, Caller

ORIGINAL = Original(
    name="Acme Support",
    address="support@acme.example",
    to="anna@example.ru",
    subject="Re: Счёт",
    sent_at=int(START),
    html="<p>Вот <b>он</b></p>",
    text="Вот он",
)


@pytest.fixture
def case(desk: Desk) -> Case:
    return desk.mailbox.write(sender="Анна <anna@example.ru>", subject="Счёт", text="Где?")


def test_a_letter_opens_a_case_in_the_email_channel(api: Caller, case: Case) -> None:
    shown = api.get(f"cases/{case.case_id}.json")["case"]
    assert (shown["channel"], shown["status"], shown["recipient"]) == ("email", "open", "anna@example.ru")
    message = api.messages(case.case_id)[0]
    assert (message["full_name"], message["message_type"], message["content_html"]) == (
        "Анна",
        "reply_user",
        "Где?",
    )


def test_an_answer_is_mailed_with_its_files_and_makes_the_case_wait(desk: Desk, case: Case) -> None:
    files = [Upload(name="счёт.pdf", mime_type="application/pdf", data=b"%PDF")]
    desk.staffroom.reply(case.case_id, html="<p>Вот</p>", files=files, staff_id=42)
    letter = desk.post.mailbox("ANNA@example.ru")[0]
    assert letter.subject == f"Re: Счёт [#{case.case_number}]"
    assert "<p>Вот</p>" in letter.html
    assert "Павел Громов" in letter.text
    assert desk.core.store.blob(letter.file_ids[0]) == b"%PDF"
    assert case.status == "waiting"


@pytest.mark.parametrize("status", ["keep", "closed"])
def test_the_status_after_an_answer_is_a_switch(desk: Desk, case: Case, status: str) -> None:
    desk.switch(staff_reply_status=status)
    desk.staffroom.reply(case.case_id, text="Вот")
    assert case.status == ("open" if status == "keep" else status)


def test_a_case_without_an_address_gets_no_letter(api: Caller, desk: Desk) -> None:
    case_id = api.open_case("", user_phone="+79990000000")["case_id"]
    desk.staffroom.reply(case_id, text="Вот")
    assert desk.core.letters.all() == []


def test_answering_a_letter_reopens_the_case_with_the_history_marked(
    api: Caller, desk: Desk, case: Case
) -> None:
    desk.staffroom.reply(case.case_id, text="Вот он")
    desk.staffroom.set_status(case.case_id, "closed")
    letter = desk.post.mailbox("anna@example.ru")[0]
    files = [Upload(name="a.txt", mime_type="text/plain", data=b"x")]
    desk.mailbox.answer(letter_id=letter.letter_id, text="Спасибо\n<3", style="gmail", files=files)
    message = api.messages(case.case_id)[-1]
    own, _, history = message["content_html"].partition('<div class="omni_orig_reply">')
    assert own == '<div dir="ltr">Спасибо<br />\n&lt;3</div>'
    assert '<div class="gmail_quote' in history
    assert "Вот он" in history
    assert (message["message_type"], message["attachments"][0]["file_name"]) == ("reply_user", "a.txt")
    assert case.status == "open"


@pytest.mark.parametrize(("wanted", "marked", "quoted"), [("plain", False, True), ("none", False, False)])
def test_the_desk_may_leave_the_history_unmarked_or_drop_it(
    api: Caller, desk: Desk, case: Case, wanted: str, marked: bool, quoted: bool
) -> None:
    desk.switch(quoted_original=wanted)
    desk.staffroom.reply(case.case_id, text="Вот он")
    desk.mailbox.answer(case_id=case.case_id, text="Спасибо", style="outlook", language="en")
    html = api.messages(case.case_id)[-1]["content_html"]
    assert ("omni_orig_reply" in html) is marked
    assert ("<b>From:</b>" in html) is quoted


@pytest.mark.parametrize(
    ("style", "language", "in_html", "in_text"),
    [
        (
            "gmail",
            "ru",
            'class="gmail_quote',
            "пн, 5 мая 2014 г. в 00:15, Acme Support <support@acme.example>:",
        ),
        ("gmail", "en", 'class="gmail_attr"', "On Mon, May 5, 2014 at 12:15 AM Acme Support"),
        (
            "outlook",
            "ru",
            "<b>Отправлено:</b> 5 мая 2014 г. 00:15",
            "От: Acme Support <support@acme.example>",
        ),
        ("outlook", "en", "<b>Sent:</b> Monday, May 5, 2014 12:15 AM", "Subject: Re: Счёт"),
        ("apple", "ru", '<blockquote type="cite">', "написал(а):"),
        ("apple", "en", "Apple-interchange-newline", "On 5 May 2014, at 00:15, Acme Support"),
        ("thunderbird", "ru", 'class="moz-cite-prefix"', "05.05.2014 00:15, Acme Support пишет:"),
        ("thunderbird", "en", '<blockquote type="cite" cite="mid:', "Acme Support wrote:"),
        ("yandex", "ru", "<blockquote><div>", '05.05.2014, 00:15, "Acme Support" <support@acme.example>:'),
        ("mailru", "ru", "#0857A6", "Понедельник, 5 мая 2014, 00:15 +03:00 от Acme Support"),
        ("mailru", "en", "js-readmsg-msg", "Monday, May 5, 2014 12:15 AM +03:00 from Acme Support"),
    ],
)
def test_ways_of_quoting(style: str, language: str, in_html: str, in_text: str) -> None:
    history = quote(ORIGINAL, style, language)
    assert in_html in history.html
    assert in_text in history.text
    assert ORIGINAL.html in history.html
    assert "Вот он" in history.text


def test_no_quote_and_unknown_ways() -> None:
    assert quote(ORIGINAL, "none", "ru").html == ""
    for style, language in (("pine", "ru"), ("gmail", "fr")):
        with pytest.raises(ValueError, match="no such way"):
            quote(ORIGINAL, style, language)
    assert len(STYLES) == 6


@pytest.mark.parametrize(("wanted", "cases"), [("new_case", 2), ("same_case", 1)])
def test_an_answer_from_another_address(desk: Desk, case: Case, wanted: str, cases: int) -> None:
    desk.switch(foreign_mail_reply=wanted)
    desk.staffroom.reply(case.case_id, text="Вот")
    message = desk.mailbox.answer(case_id=case.case_id, text="Это я", sender="Анна <anna@home.example>")
    assert len(desk.core.cases.all()) == cases
    assert message.user_id != case.user_id
    assert message.full_name == "Анна"


def test_an_answer_to_a_merged_case_reaches_the_parent(desk: Desk, case: Case) -> None:
    parent = desk.mailbox.write(sender="anna@example.ru", subject="Другое", text="?")
    desk.staffroom.reply(case.case_id, text="Вот")
    desk.staffroom.merge(case.case_id, parent.case_id)
    assert desk.mailbox.answer(case_id=case.case_id, text="Ок").case_id == parent.case_id


def test_what_cannot_be_answered(desk: Desk, case: Case) -> None:
    with pytest.raises(Refused, match="letter_not_found"):
        desk.mailbox.answer(case_id=case.case_id, text="x")
    with pytest.raises(Refused, match="incorrect_user_email"):
        desk.mailbox.write(sender="nobody", subject="x", text="y")
    desk.staffroom.reply(case.case_id, text="Вот")
    desk.staffroom.destroy(case.case_id)
    with pytest.raises(Refused, match="case_not_found"):
        desk.mailbox.answer(case_id=case.case_id, text="x")


@pytest.fixture
def smtp(desk: Desk) -> Iterator[SmtpDoor]:
    door = SmtpDoor(desk.post)
    door.start()
    yield door
    door.stop()


def test_a_real_letter_lands_in_the_mailbox(desk: Desk, smtp: SmtpDoor) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = (
        "Кабинет <cabinet@acme.example>",
        "Boris@example.ru",
        "Код для входа",
    )
    mail.set_content("Ваш код: 123456\n")
    mail.add_alternative("<p>Ваш код: <b>123456</b></p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", smtp.port, timeout=5) as client:
        client.send_message(mail)
    letter = desk.post.mailbox("boris@example.ru")[0]
    assert (letter.origin, letter.subject) == ("smtp", "Код для входа")
    assert "123456" in letter.text
    assert "<b>123456</b>" in letter.html
    assert desk.post.addresses() == ["boris@example.ru"]


def test_a_letter_in_html_alone_has_a_text_too(desk: Desk, smtp: SmtpDoor) -> None:
    mail = EmailMessage()
    mail["From"], mail["To"] = "c@acme.example", "boris@example.ru"
    mail.set_content("<style>x{}</style><p>Code:</p><p>42</p>", subtype="html")
    with smtplib.SMTP("127.0.0.1", smtp.port, timeout=5) as client:
        client.send_message(mail)
    assert desk.post.mailbox("boris@example.ru")[0].text == "Code:\n42"
