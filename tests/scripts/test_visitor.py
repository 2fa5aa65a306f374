"""The customer of the whole-house tests reads pages as the architecture describes them."""

import struct

from scripts.desk import code_in
from scripts.rows import picture
from scripts.visitor import Page, is_case

PAGE = """
<form action="/cases/1/reply/"><input type="hidden" name="key" value="k1"><input name="files" type="file">
<textarea name="text"></textarea></form>
<form method="post"><input type="hidden" name="key" value="k2"></form>
<article data-message="m1" data-author="customer" data-state="sending"><h2>You</h2>
<div data-body><p>Hello,<br>world &amp; all</p><p>bye</p></div>
<ul><li><a href="/files/f1/"><span>a b.png</span></a></li></ul></article>
<article data-message="m2" data-author="staff" data-state="sent"><div data-body>Yes.
<details><summary>…</summary>old words</details></div><p>not the body</p></article>
<a href="/cases/01234567-89ab-cdef-0123-456789abcdef/">A  case</a>
"""


def test_forms_carry_their_hidden_fields_only() -> None:
    assert [(form.action, form.fields) for form in Page(PAGE).forms] == [
        ("/cases/1/reply/", {"key": "k1"}),
        ("", {"key": "k2"}),
    ]


def test_messages_are_read_with_author_state_text_and_files() -> None:
    first, second = Page(PAGE).messages
    assert (first.id, first.author, first.state) == ("m1", "customer", "sending")
    assert first.text == "Hello,\nworld & all\nbye"
    assert first.files == {"a b.png": "/files/f1/"}
    assert (second.author, second.text) == ("staff", "Yes.\n…old words")
    assert second.files == {}


def test_a_case_is_known_by_its_address() -> None:
    page = Page(PAGE)
    assert {path: words for path, words in page.links.items() if is_case(path)} == {
        "/cases/01234567-89ab-cdef-0123-456789abcdef/": "A case"
    }
    assert not is_case("/cases/new/")


def test_a_code_stands_alone_on_its_line() -> None:
    assert code_in("Your code:\n\n    276245\n\nIt is good for 15 minutes.") == "276245"
    assert code_in("ABCD-1234\n") == "ABCD-1234"
    assert code_in("We have 276245 customers.") == ""


def test_the_picture_is_a_png_of_the_size_asked_for() -> None:
    data = picture(width=30, height=20)
    assert data.startswith(b"\x89PNG\r\n\x1a\n")
    assert struct.unpack(">II", data[16:24]) == (30, 20)
