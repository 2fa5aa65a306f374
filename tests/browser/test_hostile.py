"""Markup that wants to run, to load or to lead away, opened in a real browser by customers and by admins."""

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.db import transaction
from django.utils import timezone
from playwright.sync_api import Browser, BrowserContext, Error, FilePayload, Page, Request
from pytest_django.live_server_helper import LiveServer

from cabinet import desk, services
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from cabinet.types import IncomingFile, IncomingMessage
from omnidesk_sync.models import AddressImport, Attempt, CaseLink, FileLink, Lane, PersonLink
from tests import factories
from tests.hostile.corpus import MARKUP, WORDS
from webhooks.models import InboxEntry

pytestmark = [pytest.mark.django_db(transaction=True)]

WATCH = """
(() => {
  window.__violations = [];
  document.addEventListener("securitypolicyviolation", (event) => {
    window.__violations.push(event.violatedDirective + " " + event.blockedURI + " " + event.sample);
  });
  for (const name of ["alert", "confirm", "prompt", "open", "print"]) window[name] = () => window.pwned(name);
})();
"""


@dataclass
class Watch:
    """Everything that a browser did though nobody asked it to."""

    page: Page
    base: str
    ran: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def begin(self) -> None:
        self.page.expose_function("pwned", lambda what="": self.ran.append(str(what)))
        self.page.add_init_script(WATCH)
        self.page.on("dialog", self._dialog)
        self.page.on("pageerror", lambda error: self.ran.append(f"error: {error}"))
        self.page.context.on("request", self._request)
        self.page.context.on("page", lambda page: self.ran.append(f"window {page.url}"))

    def _dialog(self, dialog: Any) -> None:
        self.ran.append(f"dialog {dialog.message}")
        dialog.dismiss()

    def _request(self, request: Request) -> None:
        if request.url.startswith(self.base):
            self.asked.append(urlsplit(request.url).path)
        elif not request.url.startswith(("data:", "about:", "blob:")):
            self.left.append(request.url)

    def opens(self, address: str, *expected: str) -> None:
        """The page opens and stays; asked for were only itself, static files, and what is `expected`."""
        self.asked.clear()
        self.page.goto(address, wait_until="load")
        self._settle()
        assert self.page.url == self.base + address
        known = re.compile(
            "|".join(
                [
                    re.escape(urlsplit(address).path),
                    "/static/.*",
                    "/admin/jsi18n/",
                    # An open page says that it is there.
                    "/cases/[^/]*/here/",
                    *expected,
                ]
            )
        )
        assert [path for path in self.asked if not known.fullmatch(path)] == [], address
        self.assert_calm(address)

    def assert_calm(self, where: str) -> None:
        assert self.ran == [], where
        assert self.left == [], where
        assert self.page.evaluate("window.__pwned") is None, where
        # The policy is the second wall: nothing may even have tried to get over it.
        assert self.page.evaluate("window.__violations") == [], where

    def _settle(self) -> None:
        """Two turns of the page's own loop: enough for error and load events of everything in it."""
        self.page.evaluate("() => new Promise((done) => setTimeout(() => requestAnimationFrame(done), 50))")


Open = Callable[[AbstractBaseUser], Watch]


@pytest.fixture
def opened(browser: Browser, live_server: LiveServer) -> Iterator[Open]:
    contexts: list[BrowserContext] = []

    def _open(user: AbstractBaseUser) -> Watch:
        context = browser.new_context(base_url=live_server.url, locale="en-GB", timezone_id="Asia/Omsk")
        contexts.append(context)
        session = factories.signed_in(user).cookies[settings.SESSION_COOKIE_NAME].value
        known = {settings.SESSION_COOKIE_NAME: session, "tz": "Asia/Omsk"}
        context.add_cookies([{"name": name, "value": known[name], "url": live_server.url} for name in known])
        watch = Watch(context.new_page(), live_server.url)
        watch.begin()
        return watch

    yield _open
    for context in contexts:
        context.close()


@pytest.fixture
def person(transactional_db: None) -> AbstractBaseUser:
    return factories.person("alice", first_name=WORDS[0][:100], last_name=WORDS[1][:100])


def arrive(
    case: Case,
    markup: str,
    words: str,
    *,
    author: str = Message.Author.STAFF,
    file: bool = False,
    plain: bool = False,
) -> list[CaseFile]:
    """What becomes known from the desk: an answer of staff, or a mail."""
    named = IncomingFile(name=f"{words}.png", size=1, content_type=words[:120])
    incoming = IncomingMessage(
        author=author,
        author_name=words,
        text=markup,
        html="" if plain else markup,
        written_at=timezone.now(),
        files=(named,) if file else (),
    )
    return desk.record_message(case.pk, incoming, now=timezone.now())[1]


@pytest.fixture
def case(person: AbstractBaseUser) -> Case:
    """One case with the whole corpus in it, through every way there is."""
    case = services.open_case(owner=person, subject=WORDS[0][:140], text="\n".join(MARKUP)[:100_000])
    for number, (markup, words) in enumerate(zip(MARKUP, cycle(WORDS), strict=False)):
        author = Message.Author.STAFF if number % 3 else Message.Author.CUSTOMER
        for file in arrive(case, markup, words, author=author, file=number % 4 == 0, plain=number % 5 == 0):
            kept = services.stage_file(
                owner=person, upload=factories.upload(content=factories.PNG), name=file.name
            )
            CaseFile.objects.filter(pk=file.pk).update(
                blob=kept.blob.name, state="ready", content_type="image/png"
            )
            CaseFile.objects.filter(pk=kept.pk).delete()
    services.post_reply(case=case, author=person, text="\n\n".join(MARKUP)[:100_000])
    failed = services.post_reply(case=case, author=person, text=WORDS[3])
    Message.objects.filter(pk=failed.pk).update(state="failed", failure="rejected")
    case.refresh_from_db()
    return case


def path(case: Case) -> str:
    return f"/cases/{case.pk}/"


LIVE = ("/live/", "/live/stream/", "/files/[0-9a-f-]+/")


def test_the_corpus_is_large_and_would_run(opened: Open, person: AbstractBaseUser) -> None:
    """The test of the test: put into a page as it is, it does run, ask and lead away."""
    watch = opened(person)
    watch.page.route("**/*", lambda route: route.fulfill(body="<!doctype html><p>", content_type="text/html"))
    assert len(MARKUP) > 100
    harmful = 0
    for markup in MARKUP:
        watch.ran.clear()
        watch.left.clear()
        with suppress(Error):
            # What leads away may do so in the middle of any of this.
            watch.page.goto("/empty/")
            watch.page.set_content(f"<!doctype html><body><div>{markup}</div>", wait_until="commit")
            watch.page.wait_for_timeout(20)
        harmful += bool(watch.ran or watch.left)
    assert harmful > 35


def test_a_customer_reads_it_and_nothing_happens(opened: Open, person: AbstractBaseUser, case: Case) -> None:
    watch = opened(person)
    watch.opens(path(case), *LIVE)
    assert watch.page.locator("article[data-message]").count() == len(MARKUP) + 3
    assert (
        watch.page.locator("#thread script, #thread [style], #thread iframe, #thread [onclick]").count() == 0
    )
    for address in (
        "/cases/",
        "/cases/?q=script",
        "/cases/?q=%3Cscript%3E",
        "/cases/?tab=%3Cb%3E&q=%22%3E%3Cb%3E",
    ):
        watch.opens(address, *LIVE)
    watch.opens("/nowhere/%3Cscript%3Ealert(1)%3C/script%3E/")


def test_it_can_be_clicked_hovered_unfolded_and_focused(
    opened: Open, person: AbstractBaseUser, case: Case
) -> None:
    watch = opened(person)
    watch.opens(path(case), *LIVE)
    touched = watch.page.evaluate(
        """() => {
          let count = 0;
          for (const each of document.querySelectorAll("#thread article *")) {
            if (each.closest("form")) continue;
            if (each.tagName === "DETAILS") each.open = true;
            for (const kind of ["mouseover", "mouseenter", "focus", "pointerdown", "mousemove", "toggle"]) {
              each.dispatchEvent(new Event(kind, { bubbles: true }));
            }
            if (!each.closest("a")) { each.click(); count += 1; }
          }
          return count;
        }"""
    )
    assert touched > 100
    watch._settle()
    assert watch.page.url.endswith(path(case))
    watch.assert_calm("after touching everything")


def test_links_lead_to_the_web_or_to_mail_and_give_no_window_away(
    opened: Open, person: AbstractBaseUser, case: Case
) -> None:
    watch = opened(person)
    watch.opens(path(case), *LIVE)
    links = watch.page.locator("#thread [data-body] a").evaluate_all(
        "links => links.map(a => [a.protocol, a.rel, a.target, a.getAttributeNames().join(' '), a.href])"
    )
    assert len(links) > 5
    for protocol, rel, target, names, href in links:
        assert protocol in ("http:", "https:", "mailto:"), href
        assert "noopener" in rel, href
        assert set(names.split()) <= {"href", "rel", "target", "class"}, href
        assert target in ("", "_blank"), href
        assert not href.startswith(watch.base), href


def test_forms_sent_back_keep_it_as_words(opened: Open, person: AbstractBaseUser) -> None:
    watch = opened(person)
    for words in [*WORDS, *MARKUP[::6]]:
        watch.opens("/cases/new/")
        watch.page.locator("[name=text]").fill(words)
        # The browser itself would not send a form without a subject, nor one that is too long.
        watch.page.locator("[name=subject]").evaluate(
            "(line, words) => { line.removeAttribute('maxlength'); line.value = words + 'x'.repeat(141); }",
            words,
        )
        name = f"{words}.txt".replace("\x00", "")
        empty = FilePayload(name=name, mimeType="text/html", buffer=b"")
        watch.page.set_input_files("#id_files", files=[empty])
        watch.page.locator("form[action='/cases/new/'] button.primary").click()
        watch.page.locator(".flash[role=alert]").first.wait_for()
        watch.assert_calm(words)
        shown = watch.page.locator("[name=text]").input_value()
        assert shown == re.sub("[\x00-\x08\x0b-\x1f]", "", words.replace("\r", ""))


def test_an_answer_that_arrives_while_the_page_is_open_is_as_harmless(
    opened: Open, person: AbstractBaseUser
) -> None:
    """It comes in by htmx and not with the page."""
    case = factories.delivered(factories.case_of(person))
    watch = opened(person)
    watch.opens(path(case), *LIVE)
    with transaction.atomic():
        for number, markup in enumerate(MARKUP):
            arrive(case, markup, WORDS[number % len(WORDS)])
    watch.page.locator("article[data-message]").nth(len(MARKUP)).wait_for()
    watch._settle()
    watch.assert_calm("arrived")
    ours = {
        path(case),
        f"{path(case)}here/",
        "/live/",
        "/live/stream/",
        *(p for p in watch.asked if p.startswith("/static/")),
    }
    assert set(watch.asked) <= ours


def _rows_of_all_kinds(case: Case, person: Any) -> None:
    """Hostile words in every column of text that the admin shows."""
    now = timezone.now()
    words = WORDS[1]
    OutboxEntry.objects.filter(case=case).update(reason=words[:40], detail=words, state="rejected")
    Lane.objects.update_or_create(case=case, defaults={"last_error": words, "read_failures": 1})
    CaseLink.objects.create(case=case, desk_case_id=1, desk_user_id=2)
    PersonLink.objects.create(user=person, desk_user_id=2)
    AddressImport.objects.create(user=person, address=f"{words[:60]}@example.com", last_error=words)
    for file in CaseFile.objects.exclude(message=None)[:3]:
        FileLink.objects.create(file=file, url=f"javascript:{words}", last_error=words)
    entry = OutboxEntry.objects.filter(case=case).earliest("pk")
    Attempt.objects.create(entry=entry, started_at=now, dead_at=now, detail=words)
    InboxEntry.objects.create(
        received_at=now,
        due_at=now,
        size=1,
        sha256="0" * 64,
        event=words[:40],
        keys=words,
        parse_error=words,
        reason=words,
    )


def test_an_admin_sees_it_all_and_nothing_happens(opened: Open, person: AbstractBaseUser, case: Case) -> None:
    root = User.objects.create_superuser("<b>root", "root@example.com", "a password of some length")
    _rows_of_all_kinds(case, person)
    watch = opened(root)
    watch.page.goto("/admin/")
    lists = watch.page.locator("#content a[href^='/admin/']").evaluate_all(
        "all => all.map(a => a.getAttribute('href'))"
    )
    lists = sorted({address for address in lists if len(address.split("/")) == 5})
    assert len(lists) > 12
    seen = 0
    for address in lists:
        watch.opens(address)
        watch.opens(f"{address}?q=%3Cscript%3Ealert(1)%3C/script%3E")
        rows = watch.page.goto(address) and watch.page.locator("#result_list th a, #result_list td a")
        first = rows.evaluate_all("all => all.map(a => a.getAttribute('href'))") if rows else []
        for detail in [link for link in first if link.endswith("/change/") or "/change/?" in link][:4]:
            watch.page.goto(detail)
            watch._settle()
            watch.assert_calm(detail)
            seen += 1
    assert seen > 15
    watch.opens(f"/admin/cabinet/case/{case.pk}/history/")
    watch.opens(f"/admin/cabinet/case/{case.pk}/delete/")


# ── files ───────────────────────────────────────────────────────────────────────────────────────────────

SAYS = b"<script>parent.pwned&&parent.pwned('file');window.__pwned=1</script>"
SVG = b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.__pwned=1'>" + SAYS + b"</svg>"
GIF_AND_SCRIPT = b"GIF89a=1;window.__pwned=1;/*" + b"\x00" * 40 + b"*/"
PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n" + SAYS
FILES: dict[str, tuple[str, bytes, str]] = {
    "a page": ("page.html", SAYS, "text/html"),
    "a page called a picture": ("photo.png", SAYS, "image/png"),
    "a drawing": ("drawing.svg", SVG, "image/svg+xml"),
    "a drawing called a picture": ("photo.jpg", b"<?xml version='1.0'?>" + SVG, "image/jpeg"),
    "a script": ("code.js", b"window.__pwned=1", "text/javascript"),
    "a script called a text": ("notes.txt", b"window.__pwned=1", "text/plain"),
    "a page behind a comment": ("a.txt", b"\n" * 600 + b"<!-- --><html>" + SAYS, "text/plain"),
    "a document with a script": ("contract.pdf", PDF, "application/pdf"),
    "a picture that is a script": ("both.gif", GIF_AND_SCRIPT, "text/javascript"),
    "a picture that ends as a page": ("end.png", factories.PNG + SAYS, "text/html"),
    "a picture called a page": ("really.html", factories.PNG, "text/html"),
    "a mail": ("letter.mht", b"MIME-Version: 1.0\nContent-Type: text/html\n\n" + SAYS, "message/rfc822"),
    "UTF-7": ("utf7.txt", b"+ADw-script+AD4-window.__pwned=1+ADw-/script+AD4-", "text/html; charset=utf-7"),
    "UTF-16": ("wide.txt", "<script>window.__pwned=1</script>".encode("utf-16"), "text/html"),
    "an archive without end": ("bomb.zip", b"PK\x03\x04" + b"\x00" * 100, "application/zip"),
    "XML": (
        "x.xml",
        b"<?xml version='1.0'?><x:script xmlns:x='http://www.w3.org/1999/xhtml'>1</x:script>",
        "text/xml",
    ),
    "a style sheet": ("x.css", b"body{background:url(https://evil.example/)}", "text/css"),
    "nothing known": ("x", bytes(range(256)), ""),
}
PICTURES = {"a picture that is a script", "a picture that ends as a page", "a picture called a page"}


@pytest.fixture
def kept(person: AbstractBaseUser) -> dict[str, CaseFile]:
    """Each twice: uploaded by the customer, and sent by staff with a type that lies."""
    case = factories.delivered(factories.case_of(person))
    mine = case.messages.get()
    with transaction.atomic():
        theirs = factories.staff_reply(case)
    kept = {
        f"{why}, mine": factories.file_in(mine, name, content) for why, (name, content, _) in FILES.items()
    }
    for why, (name, content, kind) in FILES.items():
        kept[f"{why}, theirs"] = factories.file_in(theirs, name, content, content_type=kind)
    return kept


def test_no_file_runs_as_a_page_of_ours(
    opened: Open, person: AbstractBaseUser, kept: dict[str, CaseFile]
) -> None:
    watch = opened(person)
    for why, file in kept.items():
        address = f"/files/{file.pk}/"
        watch.page.goto("/cases/")
        if why.rpartition(",")[0] in PICTURES:
            answer = watch.page.goto(address)
            assert answer is not None
            assert answer.headers["content-type"].startswith("image/"), why
            # Shown as a picture, in a document that may do nothing and is nobody's.
            assert watch.page.evaluate("[document.images.length, window.origin]") == [1, "null"], why
        else:
            with watch.page.expect_download() as download:
                watch.page.evaluate("address => { location.href = address }", address)
            assert download.value.suggested_filename, why
            assert urlsplit(watch.page.url).path == "/cases/", why
        assert watch.ran == [], why
        assert watch.left == [], why


def test_no_file_serves_a_page_of_ours_as_script_style_or_frame(
    opened: Open, person: AbstractBaseUser, kept: dict[str, CaseFile]
) -> None:
    """A page of ours that named a file there, if somebody found a way to write one."""
    watch = opened(person)
    watch.page.goto("/cases/")
    for why, file in kept.items():
        loaded = watch.page.evaluate(
            """address => Promise.all(
              [["script", "src"], ["link", "href"], ["iframe", "src"], ["embed", "src"]]
              .map(([name, attribute]) => new Promise((done) => {
                const element = document.createElement(name);
                if (name === "link") element.rel = "stylesheet";
                element.onload = () => done(name);
                element.onerror = () => done("");
                setTimeout(() => done(""), name === "script" || name === "link" ? 3000 : 150);
                element[attribute] = address;
                document.body.append(element);
              })))""",
            f"/files/{file.pk}/",
        )
        assert not {"script", "link"} & set(loaded), why
        assert watch.page.evaluate("window.__pwned") is None, why
        assert watch.ran == [], why
    assert watch.left == []
