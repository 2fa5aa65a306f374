"""The company's name, colour and logo: on every page, from our own address, and never in a page's way."""

import os
import re
import struct
import zlib
from pathlib import Path

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.core.checks import CheckMessage, run_checks
from django.template import loader
from django.test import Client
from pytest_django import Settings

from tests.cabinet.pages import Page
from tests.factories import SVG, case_of, signed_in

FOR_EVER = "public, max-age=31536000, immutable"


def png(wide: int = 64, high: int = 32) -> bytes:
    """A grey PNG, as a drawing program writes it."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", wide, high, 8, 0, 0, 0, 0)
    rows = zlib.compress((b"\x00" + b"\x80" * wide) * high)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.fixture
def logo(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "logo.svg"
    path.write_text(SVG, "utf-8")
    settings.BRAND_NAME, settings.BRAND_LOGO = "Ромашка", path
    return path


@pytest.fixture
def visitor(db: None) -> Client:
    return Client(HTTP_ACCEPT_LANGUAGE="en")


def complaints() -> list[CheckMessage]:
    return [said for said in run_checks(tags=["cabinet"]) if said.id and said.id.startswith("cabinet.")]


def shown_logo(page: Page) -> dict[str, str]:
    return next(attrs for attrs in page.all("img") if attrs["src"].startswith("/brand/"))


class TestNothingSet:
    def test_pages_look_as_ever(self, visitor: Client) -> None:
        page = Page(visitor.get("/accounts/login/"))
        assert "/brand/" not in page.source
        assert page.all("svg", class_="brand-mark")
        assert "<title>Sign in</title>" in page.source
        assert re.search(r'class="brand".*<span>Support</span></a>', page.source)
        assert complaints() == []

    @pytest.mark.parametrize("name", ["colours.css", "logo", "logo-dark"])
    def test_there_is_nothing_to_ask_for(self, visitor: Client, name: str) -> None:
        assert visitor.get(f"/brand/0123456789abcdef/{name}").status_code == 404


class TestColour:
    def test_a_small_stylesheet_follows_our_own(self, visitor: Client, settings: Settings) -> None:
        settings.BRAND_COLOR = "#ffd600"
        page = Page(visitor.get("/accounts/login/"))
        sheets = [link["href"] for link in page.all("link", rel="stylesheet")]
        assert sheets[0].endswith("/cabinet.css")
        assert sheets[1].startswith("/brand/")
        answer = visitor.get(sheets[1])
        assert answer.status_code == 200
        assert answer["Content-Type"] == "text/css; charset=utf-8"
        assert answer["Cache-Control"] == FOR_EVER
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert "Cookie" not in answer.get("Vary", "")
        assert not answer.cookies
        assert b"--brand-fill:#ffd600" in answer.content
        assert len(answer.content) < 1000

    def test_another_colour_has_another_address(self, visitor: Client, settings: Settings) -> None:
        seen = set()
        for colour in ("#ffd600", "#e30613", "#ffd600"):
            settings.BRAND_COLOR = colour
            page = Page(visitor.get("/accounts/login/"))
            seen.add(page.all("link", rel="stylesheet")[1]["href"])
        assert len(seen) == 2

    def test_an_old_address_is_answered_and_not_kept(self, visitor: Client, settings: Settings) -> None:
        settings.BRAND_COLOR = "#ffd600"
        answer = visitor.get("/brand/0123456789abcdef/colours.css")
        assert (answer.status_code, answer["Cache-Control"]) == (200, "no-cache")
        assert b"#ffd600" in answer.content

    def test_what_is_no_colour_is_said_and_changes_nothing(self, visitor: Client, settings: Settings) -> None:
        settings.BRAND_COLOR = "#12;}body{display:none"
        [said] = complaints()
        assert said.id == "cabinet.E001"
        assert "BRAND_COLOR: '#12;}body{display:none' is no colour like #27548a" in said.msg
        answer = visitor.get("/accounts/login/")
        assert answer.status_code == 200
        assert "/brand/" not in answer.content.decode()


class TestLogo:
    def test_every_page_shows_it_with_the_name_and_keeps_its_place(
        self, logo: Path, visitor: Client, alice: AbstractBaseUser, settings: Settings
    ) -> None:
        settings.CABINET_MODES = ["mail", "chat"]
        hers = signed_in(alice)
        case = case_of(alice)
        answers = [visitor.get(path) for path in ("/accounts/login/", "/nowhere/")]
        paths = ("/cases/", "/cases/new/", f"/cases/{case.pk}/", "/chat/", "/account/", "/nowhere/")
        answers += [hers.get(path) for path in paths]
        for answer in answers:
            page = Page(answer)
            shown = shown_logo(page)
            assert (shown["alt"], shown["width"], shown["height"]) == ("Ромашка", "96", "32")
            # Said once, seen twice.
            assert '<span aria-hidden="true">Ромашка</span>' in page.source
            assert page.source.index("· Ромашка</title>")
            assert page.all("link", rel="icon", type="image/svg+xml")
            assert "img-src 'self' data:" in answer["Content-Security-Policy"]

    def test_the_page_of_our_own_fault_wears_it_too(self, logo: Path, settings: Settings) -> None:
        settings.BRAND_COLOR = "#ffd600"
        said = loader.render_to_string("500.html")
        assert 'alt="Ромашка"' in said
        assert re.search(r"/brand/\w+/colours.css", said)

    def test_it_is_a_picture_and_nothing_else(self, logo: Path, visitor: Client) -> None:
        answer = visitor.get(shown_logo(Page(visitor.get("/accounts/login/")))["src"])
        assert answer.content == logo.read_bytes()
        assert answer["Content-Type"] == "image/svg+xml"
        assert answer["Cache-Control"] == FOR_EVER
        assert answer["X-Content-Type-Options"] == "nosniff"
        policy = answer["Content-Security-Policy"].split("; ")
        assert {"default-src 'none'", "sandbox"} <= set(policy)
        assert not [part for part in policy if part.startswith(("script-src", "sandbox allow"))]
        assert visitor.head(answer.wsgi_request.path).status_code == 200
        assert visitor.post(answer.wsgi_request.path).status_code == 405

    def test_a_png_says_its_size_itself(self, tmp_path: Path, visitor: Client, settings: Settings) -> None:
        settings.BRAND_LOGO = tmp_path / "logo.png"
        settings.BRAND_LOGO.write_bytes(png(400, 100))
        shown = shown_logo(Page(visitor.get("/accounts/login/")))
        assert (shown["alt"], shown["width"], shown["height"]) == ("Support", "128", "32")
        assert visitor.get(shown["src"])["Content-Type"] == "image/png"
        assert complaints() == []

    def test_the_dark_theme_may_have_its_own(
        self, logo: Path, tmp_path: Path, visitor: Client, settings: Settings
    ) -> None:
        assert Page(visitor.get("/accounts/login/")).all("picture", class_="brand-logo brand-plate")
        settings.BRAND_LOGO_DARK = tmp_path / "dark.png"
        settings.BRAND_LOGO_DARK.write_bytes(png(96, 32))
        page = Page(visitor.get("/accounts/login/"))
        assert page.all("picture", class_="brand-logo")
        [dark] = page.all("source")
        assert (dark["media"], dark["width"], dark["height"]) == ("(prefers-color-scheme: dark)", "96", "32")
        assert visitor.get(dark["srcset"]).content == png(96, 32)
        assert complaints() == []

    def test_a_dark_one_alone_is_a_mistake(self, tmp_path: Path, visitor: Client, settings: Settings) -> None:
        settings.BRAND_LOGO_DARK = tmp_path / "dark.png"
        settings.BRAND_LOGO_DARK.write_bytes(png())
        assert [said.id for said in complaints()] == ["cabinet.E003"]
        assert "/brand/" not in visitor.get("/accounts/login/").content.decode()

    def test_a_new_file_is_seen_without_a_restart_and_a_lost_one_leaves_the_page_whole(
        self, logo: Path, visitor: Client
    ) -> None:
        before = shown_logo(Page(visitor.get("/accounts/login/")))["src"]
        logo.write_text(SVG.replace("120 40", "80 40"), "utf-8")
        after = shown_logo(Page(visitor.get("/accounts/login/")))
        assert after["src"] != before
        assert after["width"] == "64"
        logo.unlink()
        page = Page(visitor.get("/accounts/login/"))
        assert page.all("svg", class_="brand-mark")
        assert "<span>Ромашка</span>" in page.source
        assert visitor.get(after["src"]).status_code == 404


def svg(inside: str = "", attributes: str = 'viewBox="0 0 10 10"') -> bytes:
    return f'<svg xmlns="http://www.w3.org/2000/svg" {attributes}>{inside}</svg>'.encode()


class TestBadFiles:
    @pytest.mark.parametrize(
        ("name", "content", "why"),
        [
            ("logo.svg", None, "does not exist"),
            ("logo.jpg", b"\xff\xd8\xff", "must be an .svg or a .png"),
            ("logo.png", SVG.encode(), "is not a PNG, whatever its name says"),
            ("logo.png", b"", "is not a PNG"),
            ("logo.png", b"\xff\xd8\xff\xe0" + b"x" * 40, "is not a PNG"),
            ("logo.png", png()[:-6], "of which the end is missing"),
            ("logo.png", png() + b"x" * 100 * 1024, "is larger than 100 KB"),
            ("logo.svg", png(), "is not an SVG, whatever its name says"),
            ("logo.svg", b"<html><body>hello</body></html>", "is not an SVG"),
            ("logo.svg", b"<svg viewBox='0 0 1 1'/>", "does not begin with <svg xmlns="),
            ("logo.svg", svg(attributes='width="10" height="10"'), "has no viewBox"),
            ("logo.svg", svg(attributes='viewBox="0 0 0 10"'), "has no size"),
            ("logo.svg", svg(attributes='viewBox="0 0 nan 10"'), "has no size"),
            ("logo.svg", svg(attributes='viewBox="0 0 9000 10"'), "too narrow or too flat"),
            ("logo.svg", svg("<script>alert(1)</script>"), "has <script> in it"),
            ("logo.svg", svg("<foreignObject/>"), "has <foreignObject> in it"),
            ("logo.svg", svg('<path onload="alert(1)"/>'), "has a script in it (onload)"),
            ("logo.svg", svg('<image href="https://evil.example/x.png"/>'), "points to another address"),
            ("logo.svg", svg('<a href="javascript:alert(1)"/>'), "points to another address"),
            ("logo.svg", svg('<path fill="url(//evil.example/x#y)"/>'), "points to another address in fill"),
            ("logo.svg", svg("<style>@import 'x.css';</style>"), "points to another address in its style"),
        ],
    )
    def test_a_check_names_path_and_reason_and_pages_stay_whole(
        self,
        tmp_path: Path,
        visitor: Client,
        settings: Settings,
        name: str,
        content: bytes | None,
        why: str,
    ) -> None:
        path = settings.BRAND_LOGO = tmp_path / name
        if content is not None:
            path.write_bytes(content)
        [said] = complaints()
        assert said.id == "cabinet.E002"
        assert said.msg.startswith(f"BRAND_LOGO: {path} ")
        assert why in said.msg
        page = Page(visitor.get("/accounts/login/"))
        assert page.all("svg", class_="brand-mark")
        assert "/brand/" not in page.source
        assert visitor.get("/brand/0123456789abcdef/logo").status_code == 404

    def test_a_folder_and_a_pipe_are_none(self, tmp_path: Path, visitor: Client, settings: Settings) -> None:
        (tmp_path / "folder.svg").mkdir()
        os.mkfifo(tmp_path / "pipe.svg")
        for name in ("folder.svg", "pipe.svg"):
            settings.BRAND_LOGO = tmp_path / name
            assert [said.msg for said in complaints()] == [f"BRAND_LOGO: {tmp_path / name} is not a file."]
            assert visitor.get("/accounts/login/").status_code == 200

    @pytest.mark.parametrize(
        "content",
        [
            svg('<use href="#a"/><path id="a" fill="url(#b)"/>'),
            svg('<image href="data:image/png;base64,AAAA"/>'),
            svg("<style>.a{fill:red}</style>", 'width="40mm" height="10mm" viewBox="0 0 1 1"'),
            b'<?xml version="1.0"?><!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "x.dtd">' + svg(),
        ],
    )
    def test_what_drawing_programs_write_is_taken(
        self, tmp_path: Path, settings: Settings, content: bytes
    ) -> None:
        settings.BRAND_LOGO = tmp_path / "logo.SVG"
        settings.BRAND_LOGO.write_bytes(content)
        assert complaints() == []
