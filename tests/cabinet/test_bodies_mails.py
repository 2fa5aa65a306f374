"""Letters as mail programs write them: what is new is seen, what is quoted is folded, nothing is lost."""

from pathlib import Path

import pytest

from cabinet.bodies import body_from_html, plain_text
from tests.cabinet.bodies_judge import judge, words

MAILS = sorted((Path(__file__).parent / "mails").glob("*.html"))
QUOTE_CLASSES = frozenset({"their_orig_reply"})
WITHOUT_QUOTE = {"no_quote_ru", "only_forward_en"}


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
