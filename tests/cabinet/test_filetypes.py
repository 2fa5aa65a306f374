"""Names and types of files that somebody else chose."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cabinet.filetypes import MAX_NAME, UNKNOWN, safe_name, served_inline, sniff_type

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 32
JPEG = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + b"\x00" * 32
GIF = b"GIF89a" + b"\x00" * 32
WEBP = b"RIFF\x24\x00\x00\x00WEBPVP8 " + b"\x00" * 32
ANIMATED_PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR" + b"\x00" * 17 + b"\x00\x00\x00\x08acTL" + b"\x00" * 12
)
PDF = b"%PDF-1.4\n%synthetic"


@pytest.mark.parametrize(
    ("given_name", "kept"),
    [
        ("отчёт за август.pdf", "отчёт за август.pdf"),
        ("C:\\Users\\anna\\счёт.docx", "счёт.docx"),
        ("../../etc/passwd", "passwd"),
        ("a\x00b\r\nc.txt", "abc.txt"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("  много   пробелов .txt ", "много пробелов .txt"),
        (".htaccess", "htaccess"),
        ("", "file"),
        ("...", "file"),
        ("///", "file"),
        ("half\ud800.txt", "half.txt"),
    ],
)
def test_a_name_is_kept_readable_and_harmless(given_name: str, kept: str) -> None:
    assert safe_name(given_name) == kept


def test_a_long_name_keeps_its_ending() -> None:
    assert safe_name("я" * 300 + ".pdf") == "я" * (MAX_NAME - 4) + ".pdf"


@given(st.text(max_size=400))
def test_whatever_the_name_it_fits_and_says_the_same_twice(name: str) -> None:
    kept = safe_name(name)
    assert 0 < len(kept) <= MAX_NAME
    assert not set(kept) & set("/\\\r\n\x00")
    assert safe_name(kept) == kept


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PNG, "image/png"),
        (ANIMATED_PNG, "image/png"),
        (JPEG, "image/jpeg"),
        (GIF, "image/gif"),
        (WEBP, "image/webp"),
    ],
)
def test_real_pictures_may_be_shown_whatever_they_are_called(head: bytes, expected: str) -> None:
    assert served_inline(head) == expected


@pytest.mark.parametrize(
    "head",
    [
        b"",
        PDF,
        b"BM" + b"\x00" * 60,
        b"<?xml version='1.0'?><svg/>",
        b"<!-- \x89PNG --><html>",
        b"MZ" + b"\x00" * 60,
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"<script>alert(1)</script>",
    ],
)
def test_nothing_else_may(head: bytes) -> None:
    assert served_inline(head) is None


@pytest.mark.parametrize(
    ("head", "name", "expected"),
    [
        (PDF, "a.bin", "application/pdf"),
        (b"words", "a.txt", "text/plain"),
        (b"<script>", "a.html", UNKNOWN),
        (b"<svg/>", "a.svg", UNKNOWN),
        (b"<a/>", "a.xml", UNKNOWN),
        (b"<svg/>", "a.png", UNKNOWN),
        (b"alert(1)", "a.js", UNKNOWN),
        (ANIMATED_PNG, "a.png", "image/png"),
        (b"", "a", UNKNOWN),
    ],
)
def test_the_type_comes_from_the_bytes_and_is_never_one_that_runs(
    head: bytes, name: str, expected: str
) -> None:
    assert sniff_type(head, name) == expected
