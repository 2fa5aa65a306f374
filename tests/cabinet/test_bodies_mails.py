"""Letters as mail programs write them: what is new is seen, what is quoted is folded, nothing is lost."""

from pathlib import Path

import pytest

from cabinet.bodies import body_from_html, body_from_text, plain_text
from tests.cabinet.bodies_judge import judge, words

MAILS = sorted((Path(__file__).parent / "mails").glob("*.html"))
PLAIN = sorted((Path(__file__).parent / "mails" / "plain").glob("*.mail"))
QUOTE_CLASSES = frozenset({"their_orig_reply"})
# Nothing to fold: no quote at all, or the letter is about what stands below.
WITHOUT_QUOTE = {"no_quote_ru", "only_forward_en", "outlook_ru_inline", "outlook_en_inline"} | {
    f"{program}_{language}_forward"
    for program in ("gmail", "outlook", "apple", "thunderbird", "yandex", "mailru")
    for language in ("ru", "en")
} - {"yandex_ru_forward", "mailru_ru_forward", "apple_en_forward"}  # but for a signature


def letter(name: str) -> str:
    return (Path(__file__).parent / "mails" / f"{name}.html").read_text(encoding="utf-8")


@pytest.fixture(params=MAILS, ids=lambda path: path.stem)
def mail(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_what_is_seen_is_what_was_written_anew(mail: Path) -> None:
    body = body_from_html(mail.read_text(encoding="utf-8"), quote_classes=QUOTE_CLASSES)
    assert body.text == mail.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
    assert bool(body.quoted_text) == (mail.stem not in WITHOUT_QUOTE)


def test_seen_and_folded_together_are_the_whole_letter(mail: Path) -> None:
    source = mail.read_text(encoding="utf-8")
    body = body_from_html(source, quote_classes=QUOTE_CLASSES)
    assert words(body.text, body.quoted_text) == words(plain_text(source))
    assert words(plain_text(body.html)) == words(plain_text(source))


def test_a_finished_body_is_safe_and_stays_as_it_is(mail: Path) -> None:
    body = body_from_html(mail.read_text(encoding="utf-8"), quote_classes=QUOTE_CLASSES)
    assert bool(judge(body.html).folds) == bool(body.quoted_text)
    assert body_from_html(body.html) == body
    assert body_from_html(body.html, quote_classes=QUOTE_CLASSES) == body


def test_unfolded_on_request(mail: Path) -> None:
    source = mail.read_text(encoding="utf-8")
    body = body_from_html(source, quote_classes=QUOTE_CLASSES, fold=False)
    assert body.quoted_text == ""
    assert body.text == plain_text(source)
    assert judge(body.html).folds == 0


def test_a_fold_is_one_details_with_a_button_without_words() -> None:
    html = body_from_html(letter("outlook_ru")).html
    assert html.count('<details class="quote"><summary><span class="quote-dots">•••</span></summary>') == 1


def test_images_leave_a_place_and_counting_pixels_do_not() -> None:
    html = body_from_html(letter("outlook_ru")).html
    assert '<span class="blocked-image" data-alt="логотип"></span>' in html
    assert "blocked-image" not in body_from_html(letter("gmail_ru")).html


def test_a_smiley_drawn_as_a_picture_is_text() -> None:
    body = body_from_html('<p>Спасибо <img data-emoji="x" alt="😀" src="https://mail.example/e.png"></p>')
    assert body.text == "Спасибо 😀"


def test_an_image_alone_is_an_answer() -> None:
    body = body_from_html(
        '<img src="cid:1" alt="снимок"><blockquote type="cite">Пришлите снимок</blockquote>'
    )
    assert body.text == ""
    assert body.quoted_text == "Пришлите снимок"


@pytest.mark.parametrize("rest", ["", "<br>", "<p>&nbsp;</p>", "<hr>", "<div>\u200b</div>", "<p>-----</p>"])
def test_a_letter_of_nothing_but_a_quote_is_not_folded(rest: str) -> None:
    body = body_from_html(f'{rest}<blockquote type="cite">Всё здесь</blockquote>{rest}')
    assert "Всё здесь" in body.text
    assert body.quoted_text == ""


def test_the_name_of_a_quote_is_the_callers() -> None:
    source = '<p>Новое</p><div class="x_theirs other">Старое</div>'
    assert body_from_html(source).quoted_text == ""
    assert body_from_html(source, quote_classes=["theirs"]).quoted_text == "Старое"


def test_a_citation_without_introduction_stays() -> None:
    body = body_from_html("<p>В договоре:</p><blockquote>Пункт 7</blockquote><p>Верно?</p>")
    assert body.quoted_text == ""


@pytest.mark.parametrize(
    "introduction",
    [
        "On Tue, Nov 10, 2026 at 12:03 PM Kate &lt;k@desk.example&gt; wrote:",
        "On Nov 10, 2026, at 12:03, Kate wrote:",
        "Am 10.11.2026 um 12:03 schrieb Kate &lt;k@desk.example&gt;:",
        "10.11.2026 12:03, Поддержка пишет:",
        "10 ноября 2026 г. 12:03 Поддержка &lt;k@desk.example&gt; писал(а):",
        "вт, 10 нояб. 2026 г. в 12:03, Поддержка &lt;k@desk.example&gt;:",
        "Вторник, 10 ноября 2026, 12:03 +03:00 от Поддержка &lt;k@desk.example&gt;:",
        "2026-11-10 12:03 GMT+03:00 Kate &lt;k@desk.example&gt;:",
    ],
)
def test_an_introduction_goes_with_its_quote(introduction: str) -> None:
    quoted = body_from_html(f"<p>Да.</p><p>{introduction}</p><blockquote>Верно?</blockquote><p>И ещё.</p>")
    assert quoted.text == "Да.\n\nИ ещё."
    marked = body_from_html(f"Да.<br>{introduction}<br>&gt; Верно?<br>&gt; Или нет?<br>И ещё.")
    assert marked.text == "Да.\n\nИ ещё."


def test_a_hundred_folds_are_too_many() -> None:
    one = '<p>answer</p><blockquote type="cite">question</blockquote>'
    assert judge(body_from_html(one * 100).html).folds == 100
    assert judge(body_from_html(one * 101).html).folds == 0


def test_a_fold_that_begins_inside_an_element_divides_it() -> None:
    body = body_from_html("<ol><li>one</li><li>two<br>&gt; a word<br>&gt; and more</li><li>three</li></ol>")
    assert body.text == "1. one\n2. two\n\n3. three"
    assert '<ol start="3"><li>three</li></ol>' in body.html


def test_many_lines_after_two_dashes_are_no_signature() -> None:
    short, long = "<br>".join(["x"] * 5), "<br>".join(["x"] * 40)
    assert body_from_html(f"text<br>-- <br>{short}").text == "text"
    assert body_from_html(f"text<br>-- <br>{long}").quoted_text == ""


def test_headings_become_text_of_ours_and_tables_can_scroll() -> None:
    html = body_from_html("<h1>Big</h1><table><tr><td colspan=2 width=900>x</table>").html
    assert '<div class="mail-heading">Big</div>' in html
    assert (
        '<div class="table-wrap"><table><tbody><tr><td colspan="2">x</td></tr></tbody></table></div>' in html
    )


@pytest.mark.parametrize(
    "source",
    [
        "<div>a<div hidden>secret</div>b</div>",
        "<div>a<span style='DISPLAY : none !important'>secret <span>more</span> and more</span>b</div>",
        "a<input hidden>b",
        "a<style hidden>x</style>b",
    ],
)
def test_what_the_sender_hid_stays_hidden_and_nothing_else(source: str) -> None:
    assert "".join(body_from_html(source).text.split()) == "ab"


# ── plain text ──


@pytest.fixture(params=PLAIN, ids=lambda path: path.stem)
def plain(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_of_a_plain_letter_too_what_was_written_anew_is_seen_and_nothing_lost(plain: Path) -> None:
    source = plain.read_text(encoding="utf-8")
    body = body_from_text(source)
    assert body.text == plain.with_suffix(".txt").read_text(encoding="utf-8").rstrip("\n")
    assert words(body.text, body.quoted_text) == words(source)
    assert words(plain_text(body.html)) == words(source)
    assert body_from_html(body.html) == body
    assert body_from_text(source, fold=False).quoted_text == ""


# ── which letters there are ──

PROGRAMS = ("gmail", "outlook", "apple", "thunderbird", "yandex", "mailru")


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_program_is_here_in_both_languages_and_every_way_of_answering(program: str) -> None:
    names = {path.stem for path in MAILS}
    for language in ("ru", "en"):
        for way in ("chain", "phone", "inline", "forward"):
            assert f"{program}_{language}_{way}" in names
        assert any(path.stem.startswith(f"{program}_{language}") for path in PLAIN)


# ── signatures that nothing marks ──


@pytest.mark.parametrize(
    "signature",
    [
        "С уважением,<br>Анна Петрова",
        "С уважением, Михаил Иванов",
        "С уважением<br><br>Людмила<br>Менеджер по закупкам<br>ООО «Ромашка»<br>тел. +7 (495) 000-00-00",
        "С уважением,<br>Иван Кузнецов, ведущий инженер<br>отдел продаж<br>г. Москва, ул. Ленина, д. 1",
        "С наилучшими пожеланиями,<br>Ольга<br>www.client.example | o@client.example",
        "Всего доброго!<br>Анна",
        "Best regards,<br>Bob Smith<br>Head of Sales<br>Client Ltd<br>+44 20 7946 0000<br>https://client.example",
        "Kind regards<br>I. Smith",
        "Yours sincerely,<br><br>Will May",
        "Sincerely, Bob",
        "С уважением,<br>Анна<br><br>Отправлено с iPhone",
    ],
)
def test_a_closing_and_who_closes_are_folded(signature: str) -> None:
    for letter in (
        f"Ответ.<br><br>{signature}",
        f"Ответ.<br>{signature}<br>11.11.2026 12:03, Б пишет:<br>&gt; а<br>&gt; б",
    ):
        body = body_from_html(letter)
        assert body.text == "Ответ."
        assert body.html.count("<details") == 1


@pytest.mark.parametrize(
    "letter",
    [
        "С уважением,<br>Анна",
        "Ответ.<br>С уважением,<br>Анна<br>Когда вы ответите?",
        "Ответ.<br>С уважением, когда вы ответите?",
        "Ответ.<br>С уважением,<br>Анна<br><br>P.S. Пришлите акт",
        "Ответ.<br>С уважением,<br>Анна<br>Пришлите акт",
        "Ответ.<br>С уважением,<br>Анна<br>И ещё вопрос по оплате",
        "Ответ.<br>С уважением,<br>Анна<br>заказ 4711-22",
        "Ответ.<br>С уважением,<br>Анна<br>4711-22",
        "Ответ.<br>С уважением,<br>Анна<br>жду звонка",
        "Ответ.<br>С уважением,<br>Анна<br>отдел продаж молчит",
        "Ответ.<br>С уважением к вашей работе, но вопрос остался.",
        "С уважением отношусь к вашей работе.<br>Анна",
        "Answer.<br>Best regards,<br>Bob<br>Please call me",
        "Answer.<br>Best regards,<br>Bob<br>Order 4711",
        "Answer.<br>Regards,<br>Bob<br>I will be in London",
        "Answer.<br>Best<br>" + "<br>".join(["Bob"] * 8),
        "Answer.<br>Thanks,<br>Bob",
        "Answer.<br>Best regards,<br>Bob<br>And now what has to be read: the engine burns.",
        "Ответ.<br>С уважением,<br><img src='cid:1' alt='снимок'>",
        "Ответ.<br>Отправлено из Твери, трек 4711",
        "Ответ.<br>Отправлено через Почту России 12 ноября",
    ],
)
def test_in_doubt_a_closing_stays_with_all_that_follows(letter: str) -> None:
    assert body_from_html(letter).quoted_text == ""


def test_an_answer_below_a_closing_and_its_quote_is_seen() -> None:
    body = body_from_html(
        "Да.<br>С уважением,<br>Анна<br>11.11.2026 12:03, Б пишет:<br>&gt; а<br>&gt; б<br>А это вопрос?"
    )
    assert body.text == "Да.\n\nА это вопрос?"


def test_what_is_typed_into_the_cabinet_has_no_program_that_signs_it() -> None:
    text = "Да.\n\nС уважением,\nАнна"
    assert body_from_text(text).text == "Да."
    assert body_from_text(text, mailed=False).text == text


# ── what the writer points at ──


@pytest.mark.parametrize(
    "pointer", ["Ответы ниже", "См. комментарии в тексте", "Answers in red, see below", "FYI"]
)
def test_a_quote_that_is_pointed_at_is_shown_if_nothing_stands_beside_it(pointer: str) -> None:
    original = (
        "<div id=divRplyFwdMsg><b>From:</b> K<br><b>Sent:</b> today<br><b>To:</b> B</div><p>Old</p><p>New</p>"
    )
    assert body_from_html(f"<p>{pointer}</p>{original}").quoted_text == ""
    assert body_from_html(f"<p>Да.</p>{original}").text == "Да."
    quote = "<blockquote type=cite>Old</blockquote>"
    beside = f"<p>{pointer}</p>{quote}<p>New</p>{quote}"
    assert body_from_html(beside).text == f"{pointer}\n\nNew"


def test_what_is_passed_on_inside_an_answered_letter_stays_folded() -> None:
    body = body_from_html(
        "<p>Да.</p><blockquote type=cite><p>Верно?</p><p>------- Forwarded message ------</p></blockquote>"
    )
    assert body.text == "Да."
