"""What must never reach a page, and letters made to stop a server."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cabinet.bodies import MAX_HTML, Body, body_from_html, body_from_text, plain_text
from tests.cabinet.bodies_judge import judge, words

ATTACK_FILE = Path(__file__).parent / "mails" / "attacks.txt"
ATTACKS = ATTACK_FILE.read_text(encoding="utf-8").strip().split("\n")


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_attack_survives(attack: str) -> None:
    quoted = f'<p>new</p><blockquote type="cite">{attack}</blockquote>'
    for source in (attack, quoted, f"<table><td>{attack}"):
        body = body_from_html(source)
        judge(body.html)
        assert body_from_html(body.html) == body
    judge(body_from_text(attack).html)
    judge(body_from_text(f"new\n> {attack}\n> more").html)


def test_there_are_many_attacks() -> None:
    assert len(ATTACKS) > 90


def test_links_are_kept_and_tamed() -> None:
    body = body_from_html('<a href="HTTPS://ok.example/a b?c=1&amp;d" onclick=x title=y>read</a>')
    assert judge(body.html).links == ["HTTPS://ok.example/a%20b?c=1&d"]
    assert body.text == "read"


def test_colours_that_came_with_a_letter_are_left_out_so_that_any_theme_can_be_read() -> None:
    """A letter's black on white would be black on black where only its letters had kept their colour."""
    body = body_from_html(
        '<body text="#000000" bgcolor=white><style>p{color:black}</style>'
        '<div style="color:#000;background:#fff !important"><font color="black">black words</font>'
        '<table bgcolor=white style="background-color:#fefefe"><tr><td bgcolor="white">a cell</td></tr>'
        "</table></div>"
    )
    assert body.text.split("\n")[0] == "black words"
    assert "a cell" in body.text
    for trace in ("style", "color", "bgcolor", "font", "black;", "#000", "#f"):
        assert trace not in body.html


MARKUP = (
    "<p> </p> <div> </div> <b> </b> <i> </i> <a\thref=http://a.example/> </a> <a> <span> </span> <br> <hr> "
    "<table> </table> <tr> </tr> <td> </td> <th> <thead> </tbody> <caption> <ul> <ol> </ul> </ol> <li> </li> "
    "<pre> </pre> <blockquote> </blockquote> <h1> </h1> <h2> <img> <style> </style> <svg> </svg> <details> "
    "<summary> </summary> </details> <!-- --> <center> </center> <dl> <dt> <form> </form> <select> <option> "
    "<button> <u> <s> </s> > < & &amp; &lt; &nbsp; &#10; &#13; \" ' = / word слово http://b.example/x). -- "
    "--- ___ wrote:"
)
PIECES = MARKUP.split(" ")
PHRASES = [
    " ",
    "\n",
    "\n\n",
    "\t",
    "\u00a0",
    "\u200b",
    "<blockquote type=cite>",
    '<details class="quote"><summary><span class="quote-dots">•••</span></summary>',
    '<div class="cabinet-body">',
    '<div class="table-wrap">',
    '<div class="mail-heading">',
    '<div class="gmail_quote">',
    '<div class="theirs">',
    '<blockquote class="gmail_quote">',
    "<div class=moz-cite-prefix>",
    "<div id=divRplyFwdMsg>",
    "<div id=appendonsend></div>",
    "<div style='border-top:solid #E1E1E1 1pt'>",
    "<div style='border-left:solid blue'>",
    "<div dir=rtl>",
    "<p class=MsoNormal>",
    "<pre class=moz-signature>",
    "<img alt='😀'>",
    "<img alt=logo>",
    "<br>&gt; quoted<br>&gt; more<br>",
    "<br>-- <br>",
    "<br>From: a@b.example<br>Sent: now<br>To: c<br>Subject: d<br>",
    "<br>On 10.11.2026 12:03, a@b.example wrote:<br>",
    "<br>-----Original Message-----<br>",
    "<br>Sent from my phone<br>",
    "<br>С уважением,<br>Анна<br>",
    "<br>Best regards, Bob<br>",
    "<br>---------- Forwarded message ---------<br>",
    "<br>Answers below<br>",
    "<br id=lineBreakAtBeginningOfSignature>",
    "<div data-smartmail=gmail_signature>",
]
PIECE = st.sampled_from(PIECES) | st.sampled_from(PHRASES) | st.text(max_size=4)
SOUP = st.lists(PIECE, max_size=40).map("".join)


@settings(max_examples=40, deadline=None)
@given(SOUP)
def test_any_soup_is_made_safe_once_and_for_all(soup: str) -> None:
    body = body_from_html(soup, quote_classes=("theirs",))
    judge(body.html)
    assert body_from_html(body.html, quote_classes=("theirs",)) == body


@settings(max_examples=40, deadline=None)
@given(SOUP.filter(lambda soup: "<li" not in soup))
def test_no_word_is_lost_by_folding(soup: str) -> None:
    # A list item divided by a fold is numbered in both halves, which is the one thing that is said twice.
    body = body_from_html(soup, quote_classes=("theirs",))
    assert words(body.text, body.quoted_text) == words(plain_text(soup))


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | SOUP)
def test_any_text_is_shown_whole(text: str) -> None:
    body = body_from_text(text)
    judge(body.html)
    assert body_from_html(body.html) == body
    assert words(body.text, body.quoted_text) == words(body_from_text(text, fold=False).text)


BOMBS = [
    "<div>",
    "<b>",
    "<b title=1>",
    "<blockquote>",
    "<table><td>",
    "<ol><li>",
    "<a href=http://x.y/>",
    "<a><p>",
    "<pre>\n",
    "x<br>Best regards<br>Bob<br>",
    "Answers below<br>---------- Forwarded message ---------<br>",
    "<blockquote>a</blockquote>b",
    "<!--",
    "<",
    "<a ",
    '<a "',
    '<a x=">"',
    "</a ",
    "<![CDATA[",
    "<script>",
    "<svg>",
    "&",
    "&#9",
    "&nbsp;",
    "\u00a0",
    "\t",
    "> q<br>a<br>",
    "--<br>",
    "From: a@b<br>",
    "http://a))))",
    "<div class=gmail_quote><br>",
    "<div hidden>",
    "\n",
    "\ud800",
]


@pytest.mark.slow
@pytest.mark.parametrize("make", [body_from_html, body_from_text, plain_text])
@pytest.mark.parametrize("size", [8_000, 600_000])
def test_no_letter_stops_the_server(make: Callable[[str], Body | str], size: int) -> None:
    for bomb in BOMBS if size < MAX_HTML else BOMBS[::10]:
        started = time.process_time()
        make((bomb * (size // len(bomb) + 1))[:size])
        assert time.process_time() - started < 2, bomb


def test_depth_is_cut_and_text_is_not() -> None:
    body = body_from_html("<div>" * 5000 + "deep" + "</div>" * 5000 + "<p>after</p>")
    assert body.html.count("<div>") < 100
    assert body.text == "deep\n\nafter"


@pytest.mark.slow
def test_too_much_is_shown_as_text() -> None:
    body = body_from_html("<p>строка</p><script>x</script>" * 40_000)
    assert judge(body.html).stack == []
    assert body.html.startswith('<div class="cabinet-body"><pre>строка\nстрока')
    assert body.text.startswith("строка\nстрока")
    assert "x" not in body.text


def test_an_embedded_picture_is_no_reason_to_give_up() -> None:
    picture = f'<img alt="s" src="data:image/png;base64,{"A" * MAX_HTML}">'
    body = body_from_html(f"<p>вот <b>снимок</b></p>{picture}")
    assert "<b>снимок</b>" in body.html
    assert 'data-alt="s"' in body.html
