"""Pictures inside a letter: our own copy in their place, and never anybody else's address."""

import re

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone

from cabinet import desk
from cabinet.bodies import body_from_html, files_in, image_addresses
from cabinet.models import Case, CaseFile, Message
from cabinet.types import IncomingFile, IncomingMessage
from tests.cabinet.bodies_judge import judge
from tests.cabinet.pages import Page
from tests.factories import PNG, case_of, delivered, file_in, staff_reply

FILE = "0b3c8a52-5d0f-4a4e-9d55-3f1f6c1f7f10"
ADDRESS = "https://desk.example/attachment/1?a=b&c=d"
LETTER = f'<p>See <img src="{ADDRESS.replace("&", "&amp;")}" alt="the &quot;error&quot;"> here</p>'


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def letter(html: str = LETTER, *addresses: str) -> IncomingMessage:
    files = (IncomingFile("error.png", len(PNG), "image/png", addresses or (ADDRESS,)),)
    return IncomingMessage("staff", "Maria", html, "", timezone.now(), files=files)


def arrived(file: CaseFile, content: bytes = PNG, **fields: object) -> CaseFile:
    """The file with its bytes, as if they had been fetched."""
    copy = file_in(file.message or Message(), file.name, content)
    CaseFile.objects.filter(pk=file.pk).update(state="ready", blob=copy.blob.name, **fields)
    copy.delete()
    file.refresh_from_db()
    return file


# ── the body ──


def test_a_picture_of_ours_is_named_in_the_body_and_a_foreign_one_is_not() -> None:
    foreign = '<img src="https://evil.example/x.png">'
    body = body_from_html(LETTER + foreign, images={ADDRESS: FILE})
    assert files_in(body.html) == [FILE]
    assert "example" not in body.html
    judge(body.html)
    assert body_from_html(body.html) == body


def test_the_addresses_of_a_letter_are_those_its_pictures_are_looked_up_by() -> None:
    assert image_addresses(LETTER + '<IMG SRC=cid:a@b><img alt="none">') == [ADDRESS, "cid:a@b"]


def test_a_tiny_picture_of_ours_is_shown_and_a_tiny_foreign_one_is_not() -> None:
    tiny = '<p>x</p><img width="1" height="1" src="cid:1">'
    assert files_in(body_from_html(tiny, images={"cid:1": FILE}).html) == [FILE]
    assert "blocked-image" not in body_from_html(tiny).html


@pytest.mark.parametrize("name", ["x", FILE + "0", f'{FILE}" onload="x', "../../accounts/logout/"])
def test_a_letter_cannot_name_what_is_no_file(name: str) -> None:
    body = body_from_html(f"<span class=blocked-image data-file='{name}'></span>")
    assert files_in(body.html) == []
    judge(body.html)


def test_a_quoted_picture_is_folded_with_its_quote() -> None:
    body = body_from_html(f'<p>new</p><blockquote type="cite">{LETTER}</blockquote>', images={ADDRESS: FILE})
    assert body.html.index("<details") < body.html.index(FILE)


# ── the page ──


def test_a_picture_waits_in_its_place_and_then_stands_there(as_alice: Client, case: Case) -> None:
    _, [file] = desk.record_message(case.pk, letter(), now=timezone.now())
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert "The picture “error.png” is being fetched" in page.text
    arrived(file, content_type="image/png")
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert page.all("img", src=f"/files/{file.pk}/", alt='the "error"')
    assert page.all("a", href=f"/files/{file.pk}/", data_picture="error.png")
    assert "desk.example" not in page.source
    aside = 1
    assert page.source.count(f"/files/{file.pk}/") == 2 + aside, "not under its message once more"


def test_a_picture_that_did_not_come_says_so(as_alice: Client, case: Case) -> None:
    _, [file] = desk.record_message(case.pk, letter(), now=timezone.now())
    desk.file_unavailable(file, now=timezone.now())
    assert "The picture “error.png” is not available" in Page(as_alice.get(f"/cases/{case.pk}/")).text


def test_what_is_no_picture_is_a_link_to_the_file(as_alice: Client, case: Case) -> None:
    _, [file] = desk.record_message(case.pk, letter(), now=timezone.now())
    arrived(file, b"<svg/>", content_type="application/octet-stream")
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert page.all("a", class_="inline-picture", download="error.png")
    assert not page.all("img")


def test_files_beside_are_counted_and_pictures_open_and_others_are_downloaded(
    as_alice: Client, case: Case
) -> None:
    message = staff_reply(case)
    picture = file_in(message, "photo.png", PNG, content_type="image/png")
    other = file_in(message, "list.pdf")
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert "2 files" in page.text
    [link] = page.all("a", data_picture="photo.png")
    assert link["href"] == f"/files/{picture.pk}/"
    assert "download" not in link
    assert page.all("a", href=f"/files/{other.pk}/", download="list.pdf")


def test_a_body_shows_only_files_of_its_own_message(as_alice: Client, case: Case) -> None:
    elsewhere = file_in(case.messages.get(), "other.png", PNG, content_type="image/png")
    forged = f'<span class="blocked-image" data-alt="x" data-file="{elsewhere.pk}"></span>'
    message = staff_reply(case, "", html=body_from_html(f"<p>look</p>{forged}").html)
    source = as_alice.get(f"/cases/{case.pk}/").content.decode()
    shown = source[source.index(f'id="m-{message.pk}"') :]
    assert f"/files/{elsewhere.pk}/" not in shown


def test_a_changed_message_keeps_the_picture_it_had(as_alice: Client, case: Case) -> None:
    message, [file] = desk.record_message(case.pk, letter(), now=timezone.now())
    arrived(file, content_type="image/png")
    changed = letter(LETTER.replace("here", "there"))
    desk.rewrite_message(message, changed, kept=[(file, changed.files[0])], now=timezone.now())
    message.refresh_from_db()
    assert files_in(message.html) == [str(file.pk)]
    page = as_alice.get(f"/cases/{case.pk}/").content.decode()
    assert re.search(rf'<img src="/files/{file.pk}/"', page)
