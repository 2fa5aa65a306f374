"""What every answer says about itself: scripts, frames, caches, cookies, and who may post."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from pytest_django import Settings

from tests import factories
from tests.hostile.conftest import HostileClient, Premises, finish
from tests.hostile.doors import admin_doors, all_doors, site_doors

HERE = Path(__file__).parent.parent.parent
STRICT = {
    "default-src": {"'self'"},
    "connect-src": {"'self'"},
    "img-src": {"'self'", "data:"},
    "object-src": {"'none'"},
    "base-uri": {"'none'"},
    "frame-ancestors": {"'none'"},
    "form-action": {"'self'"},
}
FILE_POLICY = {"sandbox": set(), "default-src": {"'none'"}}


def policy(answer: Any) -> dict[str, set[str]]:
    parts = [part.split() for part in answer["Content-Security-Policy"].split(";") if part.strip()]
    return {name: set(sources) for name, *sources in parts}


def assert_well_said(answer: Any, why: str) -> None:
    """Holds for every answer but static files: those are the same for all."""
    if answer.wsgi_request.path.startswith("/brand/") and answer.status_code == 200:
        # The company's colours and logo: public, without a cookie, and harmless when opened by themselves.
        assert {"sandbox", "default-src"} <= set(policy(answer)), why
        assert answer["X-Content-Type-Options"] == "nosniff", why
        assert not answer.cookies, why
        return
    expected = FILE_POLICY if answer.streaming else STRICT
    assert policy(answer) == expected, why
    assert answer["X-Content-Type-Options"] == "nosniff", why
    # A token stands in the address there, and not even our own pages are told it.
    handed_over = "/access/" in answer.wsgi_request.path and answer.status_code in (302, 403)
    assert answer["Referrer-Policy"] == ("strict-origin" if handed_over else "same-origin"), why
    assert answer["X-Frame-Options"] == "DENY", why
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin", why
    assert {"no-cache", "no-store", "private"} & set(re.split(", *", answer["Cache-Control"])), why
    assert "public" not in answer["Cache-Control"], why
    assert "Server" not in answer, why
    assert "X-Powered-By" not in answer, why
    # A cookie without a value is being taken away.
    for name, cookie in ((name, cookie) for name, cookie in answer.cookies.items() if cookie.value):
        assert cookie["samesite"] == "Lax", f"{why}: {name}"
        ours_alone = name in ("sessionid", "messages", "cabinet_person", "cabinet_unsent")
        assert bool(cookie["httponly"]) == ours_alone, f"{why}: {name}"
        assert not cookie["domain"], f"{why}: {name}"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["get", "post"])
def test_every_door_says_it_to_everybody(premises: Premises, method: str) -> None:
    for door in all_doors():
        for client in (premises.client(door), HostileClient()):
            answer = getattr(client, method)(premises.path(door))
            assert answer.status_code < 500
            assert_well_said(answer, f"{method} {door}: {answer.status_code}")
            finish(answer)


def test_pages_of_a_person_differ_by_cookie(premises: Premises) -> None:
    client = factories.signed_in(premises.alice, HostileClient())
    for path in ("/cases/", "/cases/new/", f"/cases/{premises.case.pk}/", "/live/", "/nowhere/", "/admin/"):
        assert "Cookie" in client.get(path)["Vary"], path


def test_a_page_that_is_not_there_names_the_person_and_is_kept_by_nobody(premises: Premises) -> None:
    answer = factories.signed_in(premises.alice, HostileClient()).get("/nowhere/")
    assert "alice@example.com" in answer.content.decode()
    assert set(answer["Cache-Control"].split(", ")) == {"private", "no-cache"}


def errors(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> dict[int, Any]:
    client = factories.signed_in(premises.alice, HostileClient())
    strict = factories.signed_in(premises.alice, Client(enforce_csrf_checks=True))
    reader: Any = premises.root
    reader.is_superuser = False
    reader.save()
    refused = factories.signed_in(reader, HostileClient()).get("/admin/cabinet/case/")
    found = {
        400: client.get("/cases/", HTTP_HOST="evil.example"),
        403: refused,
        404: client.get("/nowhere/"),
        405: client.delete("/cases/"),
        413: client.post("/cases/new/", b"x" * (3 * 1024 * 1024), content_type="text/plain"),
        422: client.post("/cases/new/", {}),
        4030: strict.post("/cases/new/", {}),
    }
    # Only a form's body is measured while it is read.
    body = b"text=" + b"x" * (3 * 1024 * 1024)
    form = "application/x-www-form-urlencoded"
    found[413] = client.post("/cases/new/", body.decode(), content_type=form)

    def broken(*args: object, **kwargs: object) -> None:
        raise RuntimeError("words of ours that nobody may read")

    monkeypatch.setattr("cabinet.selectors.overview", broken)
    return found | {500: client.get("/cases/")}


def test_every_error_page_says_it_too(premises: Premises, monkeypatch: pytest.MonkeyPatch) -> None:
    for status, answer in errors(premises, monkeypatch).items():
        assert answer.status_code == (403 if status == 4030 else status)
        assert_well_said(answer, str(status))
        page = answer.content.decode()
        assert "words of ours" not in page
        assert "Django" not in page
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=|javascript:", page), status


def test_errors_before_any_view_are_as_strict(premises: Premises, settings: Settings) -> None:
    """Over https the host is looked at first of all."""
    settings.SECURE_SSL_REDIRECT = True
    led = HostileClient().get("/cases/")
    assert (led.status_code, led["Location"]) == (301, "https://testserver/cases/")
    assert_well_said(led, "redirect to https")
    refused = HostileClient().get("/cases/", HTTP_HOST="evil.example")
    assert refused.status_code == 400
    assert policy(refused) == STRICT
    assert refused["X-Frame-Options"] == "DENY"
    assert refused["Cache-Control"] == "private, no-cache"


@pytest.mark.slow
def test_no_page_of_ours_needs_what_the_policy_forbids(premises: Premises) -> None:
    """Neither script nor style stands in a page, so that forbidding both costs nothing."""
    for door in [*site_doors(), *admin_doors()]:
        answer = premises.client(door).get(premises.path(door))
        if not answer.streaming and answer["Content-Type"].startswith("text/html"):
            page = answer.content.decode()
            inline = re.findall(r"<script(?![^>]*(?: src=|application/json))[^>]*>|<[^>]* on[a-z]+=", page)
            assert inline == [], str(door)
        finish(answer)


def test_static_files_are_the_same_for_all_and_never_sniffed(tmp_path: Path) -> None:
    from whitenoise.middleware import WhiteNoiseMiddleware

    names = list(settings.MIDDLEWARE)
    noise = names.index(f"{WhiteNoiseMiddleware.__module__}.{WhiteNoiseMiddleware.__name__}")
    # What is served there passes all that stands above it, and sets no cookie because sessions stand below.
    assert names.index("django.middleware.security.SecurityMiddleware") < noise
    assert names.index("csp.middleware.CSPMiddleware") < noise
    assert names.index("django.contrib.sessions.middleware.SessionMiddleware") > noise


@pytest.mark.slow
def test_nobody_posts_without_a_token_but_other_sites(premises: Premises) -> None:
    for door in all_doors():
        client = premises.client(door)
        client.handler.enforce_csrf_checks = True
        answer = client.post(premises.path(door), {"text": "x"})
        assert answer.status_code == (200 if door.is_for_programs else 403), str(door)
        if not door.is_for_programs:
            # Where the company's site hands people over, a signed token of its own is asked for instead.
            refusal = "incomplete" if door.route.startswith("access/") else "Nothing is lost: go back"
            assert refusal in answer.content.decode(), str(door)
            headers = {"x-csrftoken": "a" * 32, "referer": "http://testserver/"}
            assert client.post(premises.path(door), headers=headers).status_code == 403, str(door)


def test_over_https_every_cookie_is_for_https_only(monkeypatch: pytest.MonkeyPatch) -> None:
    # The plain settings and not the tests' own, which would read the same module.
    monkeypatch.setenv("SITE_URL", "https://help.example")
    monkeypatch.setenv("ALLOWED_HOSTS", "help.example")
    found = runpy.run_path(str(HERE / "config" / "settings.py"))
    for name in (
        "SESSION_COOKIE_SECURE",
        "CSRF_COOKIE_SECURE",
        "LANGUAGE_COOKIE_SECURE",
        "SECURE_SSL_REDIRECT",
    ):
        assert found[name] is True, name
    assert found["SECURE_HSTS_SECONDS"] >= 365 * 24 * 3600


def test_signing_in_changes_the_session_and_signing_out_ends_it(premises: Premises) -> None:
    client = HostileClient()
    client.post("/accounts/login/", {"email": "alice@example.com"})
    before = client.cookies["sessionid"].value
    token = client.cookies["csrftoken"].value if "csrftoken" in client.cookies else ""
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code is not None
    assert client.post("/accounts/login/code/confirm/", {"code": code[0]}).status_code == 302
    during = client.cookies["sessionid"].value
    assert during != before
    assert not Session.objects.filter(session_key=before).exists()
    assert client.get("/cases/").status_code == 200
    assert not token or client.cookies["csrftoken"].value != token

    answer = client.post("/accounts/logout/")
    assert answer["Clear-Site-Data"] == '"cache"'
    assert not Session.objects.filter(session_key=during).exists()
    for stolen in (before, during):
        thief = HostileClient()
        thief.cookies["sessionid"] = stolen
        assert thief.get("/cases/").status_code == 302
        assert thief.get("/live/").status_code == 401
        assert thief.get(f"/files/{premises.values['file_id']}/").status_code == 302
