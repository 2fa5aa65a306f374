"""Typed text as HTML, and HTML as text."""

import pytest

from cabinet.bodies import MAX_TEXT, body_from_html, body_from_text, plain_text
from tests.cabinet.bodies_judge import judge

ROOT = '<div class="cabinet-body">'


def test_paragraphs_lines_and_markup_characters_are_kept() -> None:
    body = body_from_text("один\nдва <b> & три\r\n\r\n\r\nчетыре")
    assert body.html == f"{ROOT}<p>один<br>два &lt;b&gt; &amp; три</p><p>четыре</p></div>"
    assert body.text == "один\nдва <b> & три\n\nчетыре"


def test_indentation_and_columns_are_kept() -> None:
    text = "def f():\n    return  1\n\tx"
    body = body_from_text(text)
    assert "&nbsp;&nbsp;&nbsp;&nbsp;return&nbsp; 1" in body.html
    assert body.text == "def f():\n    return  1\n    x"


@pytest.mark.parametrize("text", ["", " ", "\n\n", "\t \r\n", "\x00"])
def test_nothing_is_nothing(text: str) -> None:
    body = body_from_text(text)
    assert (body.html, body.text, body.quoted_text) == ("", "", "")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("see https://a.example/x?y=1&z=2.", "https://a.example/x?y=1&z=2"),
        ("(http://a.example/b_(c))", "http://a.example/b_(c)"),
        ("«https://пример.рф/путь»", "https://пример.рф/путь"),
        ("HTTPS://A.EXAMPLE!", "HTTPS://A.EXAMPLE"),
        ("https://a.example:8080/#top, and", "https://a.example:8080/#top"),
        ('"https://a.example/"', "https://a.example/"),
    ],
)
def test_web_addresses_become_links(text: str, address: str) -> None:
    body = body_from_text(text)
    assert judge(body.html).links == [address]
    assert 'target="_blank" rel="noopener noreferrer nofollow"' in body.html
    assert body.text == text


@pytest.mark.parametrize(
    "text",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "https://",
        "http://[",
        "xhttps://a.example",
        "anna@a.example",
    ],
)
def test_nothing_else_does(text: str) -> None:
    assert judge(body_from_text(text).html).links == []


def test_quoted_lines_are_folded() -> None:
    body = body_from_text("Да\n\n10.11.2026 12:03, Анна пишет:\n> Верно?\n>\n> Анна\n\nИ ещё")
    assert body.text == "Да\n\nИ ещё"
    assert body.quoted_text == "10.11.2026 12:03, Анна пишет:\n> Верно?\n>\n> Анна"
    assert judge(body.html).folds == 1


@pytest.mark.parametrize(
    "text",
    [
        "нужно\n> 100 штук\nсегодня",
        "it says\n>>> 1 + 1\n2",
        "a\n--\nb",
        "a -> b",
        "> only\n> this",
        "От: я\nТема: всё",
        "10.11.2026 12:03 писал на a@b.example:\nмолчат",
    ],
)
def test_what_only_looks_like_a_quote_stays(text: str) -> None:
    body = body_from_text(text)
    assert body.text == text
    assert body.quoted_text == ""


def test_a_signature_needs_its_space() -> None:
    assert body_from_text("Да\n-- \nАнна").text == "Да"
    assert body_from_text("Да\n-- \nАнна").quoted_text == "--\nАнна"


def test_a_plain_letter_with_the_original_below() -> None:
    body = body_from_text(
        "Спасибо!\n\n-----Original Message-----\nFrom: A <a@b.example>\nSent: today\nSubject: x\n\nold"
    )
    assert body.text == "Спасибо!"
    assert body.quoted_text.endswith("old")


def test_unfolded_on_request() -> None:
    text = "a\n> b\n> c"
    assert body_from_text(text, fold=False).text == text


@pytest.mark.parametrize(
    "text", ["a\n\nb", "x\n> q\n> z", "  i  j\n-- \ns", "see http://a.example/ now", "&nbsp;<p>"]
)
def test_a_typed_body_is_a_finished_body(text: str) -> None:
    body = body_from_text(text)
    assert body_from_html(body.html) == body


def test_too_long_a_text_is_shown_to_a_point() -> None:
    body = body_from_text("ы" * (MAX_TEXT + 5))
    assert len(body.text) == MAX_TEXT
    assert body.text.endswith("ы…")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("a<br>b", "a\nb"),
        ("<div>a</div><div>b</div>", "a\nb"),
        ("<div>a</div><div><br></div><div>b</div>", "a\n\nb"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<p>a<p>b", "a\n\nb"),
        ("a&nbsp;b &lt;c&gt; &amp;amp; &#1078;&#x436;&eacute;", "a b <c> &amp; жжé"),
        ("<style>x{}</style><script>y</script><title>z</title>a<!-- b -->", "a"),
        ("  a \n\t b  <b> c</b>", "a b c"),
        ("<ul><li>a<li>b<ul><li>c</ul></ul>d", "- a\n- b\n  - c\nd"),
        ("<ol start=9><li>a<li>b</ol>", "9. a\n10. b"),
        ("<table><tr><th>a<td>b<tr><td>c</table>", "a b\nc"),
        ("<pre>\na\n  b\n</pre>", "a\n  b"),
        ("a<hr>b", "a\n\nb"),
        ("<img alt='picture'>a", "a"),
        ("2 < 3 > 1 & 5 <3", "2 < 3 > 1 & 5 <3"),
        ("&#99999999999999999999;&#0;&#xD800;", "\ufffd\ufffd\ufffd"),
        ("a <b", "a <b"),
        ("\ud800", "\ufffd"),
        ("", ""),
    ],
)
def test_html_as_text(html: str, text: str) -> None:
    assert plain_text(html) == text
