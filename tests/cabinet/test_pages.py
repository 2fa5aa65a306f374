"""What holds for every page: both languages, one frame, nothing inline, and errors in the same dress."""

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.template import loader
from django.test import Client, override_settings
from django.utils import timezone, translation
from django.utils.translation import gettext, ngettext

from cabinet import wording
from cabinet.models import Case, Message
from cabinet.search import fold
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, staff_reply

ROOT = Path(apps.get_app_config("cabinet").path)
LANGUAGES = ("ru", "en")


@pytest.fixture
def busy_case(alice: AbstractBaseUser) -> Case:
    """A case with one of everything a thread can show."""
    case = delivered(case_of(alice))
    message = staff_reply(
        case, edited_at=timezone.now(), html='<details class="quote"><summary>•••</summary>x</details>'
    )
    for state in ("ready", "fetching", "unavailable"):
        factories.file_in(message, f"{state}.txt", state=state)
    factories.file_in(message, "picture.png", factories.PNG, content_type="image/png")
    staff_reply(case, "", withdrawn_at=timezone.now(), html=" ")
    Message.objects.filter(case=case, author="customer").update(state="failed", failure="rejected")
    return case


def addresses(case: Case) -> list[str]:
    return [
        "/cases/",
        "/cases/?q=nothing",
        "/cases/?tab=closed",
        "/cases/new/",
        f"/cases/{case.pk}/",
        "/account/",
        "/account/erase/",
        "/nowhere/",
    ]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_speaks_the_readers_language_in_one_frame(
    as_alice: Client, busy_case: Case, language: str
) -> None:
    for path in addresses(busy_case):
        page = Page(as_alice.get(path, headers={"accept-language": language}))
        assert page.all("html")[0]["lang"] == language
        assert len(page.all("main")) == 1
        assert len(page.all("h1")) == 1
        assert page.all("a", class_="skip", href="#main")
        assert page.all("meta", name="viewport")
        ids = [attrs["id"] for _tag, attrs in page.tags if "id" in attrs]
        assert len(ids) == len(set(ids)), path
        labelled = {attrs["for"] for _tag, attrs in page.tags if "for" in attrs}
        for tag, attrs in page.tags:
            if tag in ("input", "textarea") and attrs.get("type") not in ("hidden", "checkbox"):
                assert attrs["id"] in labelled, (path, attrs)


def test_no_page_needs_an_inline_script_or_style(as_alice: Client, busy_case: Case) -> None:
    for path in addresses(busy_case):
        answer = as_alice.get(path)
        page = Page(answer)
        assert all(attrs.get("src") for attrs in page.all("script"))
        assert not page.all("style")
        named = {name for _tag, attrs in page.tags for name in attrs}
        assert not {name for name in named if name == "style" or name.startswith("on")}
        policy = answer["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy


def test_the_language_follows_the_browser_and_can_be_chosen(as_alice: Client) -> None:
    plain = Client()
    assert 'lang="ru"' in plain.get("/accounts/login/").content.decode()
    assert (
        'lang="en"' in plain.get("/accounts/login/", headers={"accept-language": "en-GB,en"}).content.decode()
    )
    answer = as_alice.post("/i18n/setlang/", {"language": "ru", "next": "/cases/"})
    assert answer["Location"] == "/cases/"
    assert "Мои обращения" in as_alice.get("/cases/").content.decode()


def test_the_language_form_on_a_bad_reply_leads_to_a_page_that_can_be_read(
    as_alice: Client, busy_case: Case
) -> None:
    page = Page(as_alice.post(f"/cases/{busy_case.pk}/reply/", {"text": ""}))
    assert page.values("next") == [f"/cases/{busy_case.pk}/"]


def test_numbers_agree_with_words_in_russian() -> None:
    with translation.override("ru"):
        said = [
            ngettext("%(count)d entry was dropped.", "%(count)d entries were dropped.", n) % {"count": n}
            for n in (1, 3, 5, 21, 112)
        ]
    assert said == [
        "Снята 1 запись.",
        "Снято 3 записи.",
        "Снято 5 записей.",
        "Снята 21 запись.",
        "Снято 112 записей.",
    ]


def test_no_text_is_left_untranslated_and_the_compiled_catalogue_is_the_written_one() -> None:
    for language in LANGUAGES:
        catalogue = (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text(encoding="utf-8")
        assert "fuzzy" not in catalogue
        for entry in catalogue.split("\n\n")[1:]:
            msgid = "".join(
                re.findall(r'"((?:[^"\\]|\\.)*)"', entry.partition("msgstr")[0].partition("msgid ")[2])
            )
            for empty in re.finditer(r'msgstr(?:\[\d\])? ""\n(?!")|msgstr(?:\[\d\])? ""$', entry + "\n"):
                pytest.fail(f"{language}: {msgid}: {empty}")
    with translation.override("ru"):
        assert gettext("My cases") == "Мои обращения"


@pytest.mark.parametrize("failure", [*wording.FAILURES, "whatever"])
def test_every_failure_is_explained_in_russian(
    as_alice: Client, alice: AbstractBaseUser, failure: str
) -> None:
    case = case_of(alice, text="Привет")
    case.messages.update(state="failed", failure=failure)
    page = as_alice.get(f"/cases/{case.pk}/", headers={"accept-language": "ru"}).content.decode()
    with translation.override("ru"):
        assert str(wording.FAILURES.get(failure, wording.FAILED)) in page


def test_the_desks_vendor_is_named_nowhere_in_the_room() -> None:
    ours = ("*.py", "*.html", "*.txt", "*.po", "*.js", "*.css")
    for pattern in ours:
        for file in ROOT.rglob(pattern):
            words = file.read_text(encoding="utf-8").lower()
            assert "omnidesk" not in words, file
            assert "омнидеск" not in words, file


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", ["400", "403", "404", "413", "403_csrf", "500"])
def test_errors_wear_the_same_dress(client: Client, language: str, name: str) -> None:
    request = None if name == "500" else client.get("/accounts/login/").wsgi_request
    with translation.override(language):
        words = loader.get_template(f"{name}.html").render({}, request)
    assert "cabinet.css" in words
    assert f'<html lang="{language}">' in words


def test_a_request_for_another_host_is_refused_in_the_same_dress(client: Client) -> None:
    answer = client.get("/cases/", headers={"host": "evil.example"})
    assert answer.status_code == 400
    assert "cabinet.css" in answer.content.decode()


def test_a_broken_page_is_answered_without_details(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    as_alice.raise_request_exception = False

    def fail(*_args: object) -> None:
        raise RuntimeError("secret detail")

    monkeypatch.setattr("cabinet.selectors.overview", fail)
    answer = as_alice.get("/cases/")
    assert answer.status_code == 500
    assert "secret detail" not in answer.content.decode()
    assert "Something broke on our side" in answer.content.decode()


def test_the_page_is_whole_before_any_script_runs(as_alice: Client, busy_case: Case) -> None:
    """Every action is a plain form with exactly its door as action."""
    page = Page(as_alice.get(f"/cases/{busy_case.pk}/"))
    doors = {form["action"] for form in page.all("form", method="post")}
    start = f"/cases/{busy_case.pk}/"
    first = busy_case.messages.get(author="customer")
    assert {f"{start}reply/", f"{start}close/", f"{start}messages/{first.pk}/retry/"} <= doors
    reopened = Page(as_alice.get(f"/cases/{changed(busy_case, status='closed').pk}/"))
    assert reopened.all("form", action=f"{start}reopen/")


@override_settings(DEBUG=False)
def test_a_letter_is_plain_text_in_both_languages(db: None) -> None:
    for language in LANGUAGES:
        Client().post("/accounts/login/", {"email": "a@example.com"}, headers={"accept-language": language})
    assert [letter.content_subtype for letter in mail.outbox] == ["plain", "plain"]
    assert "минут" in str(mail.outbox[0].body)


def test_folding() -> None:
    assert fold("ЁЖ Straße №7 ﬁ") == "еж strasse #7 fi"
