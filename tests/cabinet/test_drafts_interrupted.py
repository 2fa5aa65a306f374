"""A form whose session has ended: kept for its person in this browser, and for nobody else."""

import re
import uuid
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.core.cache import cache
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import drafts, interrupted, services, uploads
from cabinet.draft_models import Draft, UnsentForm
from cabinet.models import Case, CaseFile, Message
from tests.cabinet.pages import Page
from tests.factories import NewCase, case_of, delivered, signed_in, upload

NEW, LOGIN, CONFIRM = "/cases/new/", "/accounts/login/", "/accounts/login/code/confirm/"
STILL_HERE = "What you typed is still here"


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


@pytest.fixture
def browser(alice: AbstractBaseUser) -> Client:
    """Alice has read her list here, and then her session has ended."""
    client = signed_in(alice)
    client.get("/cases/")
    expire(client)
    return client


def expire(client: Client) -> None:
    client.session.flush()


def reply(client: Client, case: Case, **more: object) -> Any:
    return client.post(f"/cases/{case.pk}/reply/", {"text": "It still smokes", **more})


def sign_in(client: Client, name: str, to: str) -> HttpResponse:
    """By a code, as people do; answers the page to which that leads."""
    client.post(LOGIN, {"email": f"{name}@example.com", "next": to})
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code
    answer = client.post(CONFIRM, {"code": code[0], "next": to})
    assert answer["Location"] == to
    return client.get(to)  # type: ignore[return-value]


def test_a_reply_is_in_the_composer_after_signing_in(browser: Client, case: Case) -> None:
    answer = reply(browser, case, files=[upload("photo.heic")])
    page = f"/cases/{case.pk}/"
    assert answer["Location"] == f"/accounts/login/?next={page.replace('/', '%2F')}"
    assert "What you typed is kept" in Page(browser.get(answer["Location"])).text
    shown = Page(sign_in(browser, "alice", page))
    assert STILL_HERE in shown.text
    assert "It still smokes" in shown.text
    assert "photo.heic" in shown.text
    assert case.messages.count() == 1
    reply(browser, case, uploaded=shown.values("uploaded"), revision=shown.values("revision")[0])
    message = case.messages.last()
    assert message
    assert [file.name for file in message.files.all()] == ["photo.heic"]
    assert STILL_HERE not in Page(browser.get(page)).text
    assert not UnsentForm.objects.exists()
    assert not Draft.objects.exists()


def test_a_new_case_too_with_files_that_were_there_before(browser: Client, alice: AbstractBaseUser) -> None:
    staged = services.stage_file(owner=alice, upload=upload(), name="before.txt")
    form = NewCase(files=[upload("now.txt")]).data(uploaded=[str(staged.pk)], topic="hardware")
    assert browser.post(NEW, form)["Location"].endswith("next=%2Fcases%2Fnew%2F")
    shown = Page(sign_in(browser, "alice", NEW))
    assert shown.values("subject") == ["The printer smokes"]
    assert "now.txt" in shown.text
    assert "before.txt" in shown.text
    assert Draft.objects.get().extra == {"topic": ["hardware"]}


def test_words_kept_meanwhile_on_another_device_are_put_aside(
    browser: Client, case: Case, alice: AbstractBaseUser
) -> None:
    signed_in(alice).post("/drafts/", {"text": "of the phone", "case": str(case.pk)})
    reply(browser, case)
    sign_in(browser, "alice", f"/cases/{case.pk}/")
    draft = Draft.objects.get()
    assert (draft.text, draft.aside["text"]) == ("It still smokes", "of the phone")


def test_somebody_else_who_signs_in_here_gets_nothing(
    browser: Client, case: Case, charlie: AbstractBaseUser
) -> None:
    reply(browser, case, files=[upload()])
    browser.post(NEW, NewCase(files=[upload()]).data())
    shown = Page(sign_in(browser, "charlie", NEW))
    assert STILL_HERE not in shown.text
    assert "smokes" not in shown.source
    assert not Draft.objects.exists()
    assert UnsentForm.objects.count() == 1, "the reply, which no cookie names any more"
    assert CaseFile.objects.filter(message=None).count() == 1


def test_the_same_person_in_another_browser_gets_nothing(
    browser: Client, case: Case, alice: AbstractBaseUser
) -> None:
    reply(browser, case)
    assert STILL_HERE not in Page(signed_in(alice).get(f"/cases/{case.pk}/")).text
    assert not Draft.objects.exists()


def test_after_signing_out_nothing_is_kept(alice: AbstractBaseUser, case: Case) -> None:
    client = signed_in(alice)
    client.get("/cases/")
    client.post("/accounts/logout/")
    reply(client, case, files=[upload()])
    assert not UnsentForm.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()


def test_a_browser_that_knew_nobody_has_nothing_kept(client: Client, case: Case) -> None:
    reply(client, case, files=[upload()])
    client.cookies[interrupted.LAST_PERSON] = "1:made-up"
    reply(client, case, files=[upload()])
    assert not UnsentForm.objects.exists()
    assert CaseFile.objects.filter(message=None).count() == 0


def test_a_case_of_somebody_else_takes_nothing(
    browser: Client, charlie: AbstractBaseUser, alice: AbstractBaseUser
) -> None:
    for path in (f"/cases/{case_of(charlie).pk}/reply/", f"/cases/{uuid.uuid4()}/reply/"):
        assert browser.post(path, {"text": "x"}).status_code == 302
    browser.post(f"/cases/{case_of(alice).pk}/close/", {"text": "x"})
    assert not UnsentForm.objects.exists()


def test_a_form_that_is_not_ours_has_nothing_kept(alice: AbstractBaseUser, case: Case) -> None:
    client = signed_in(alice, Client(enforce_csrf_checks=True))
    client.get("/cases/")
    expire(client)
    assert reply(client, case, files=[upload()]).status_code == 403
    assert not UnsentForm.objects.exists()


def test_an_hour_later_it_is_forgotten(browser: Client, case: Case) -> None:
    reply(browser, case, files=[upload()])
    later = timezone.now() + timedelta(minutes=61)
    with time_machine.travel(later):
        assert STILL_HERE not in Page(sign_in(browser, "alice", f"/cases/{case.pk}/")).text
    assert not Draft.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists() or UnsentForm.objects.exists()
    drafts.forget_old(now=later)
    assert not UnsentForm.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()


def test_within_the_hour_the_sweep_leaves_it(browser: Client, case: Case) -> None:
    reply(browser, case, files=[upload()])
    drafts.forget_old(now=timezone.now() + timedelta(minutes=59))
    services.forget_stale_uploads(before=timezone.now() - timedelta(days=1))
    assert STILL_HERE in Page(sign_in(browser, "alice", f"/cases/{case.pk}/")).text


def test_the_limits_of_a_message_hold_here_too(
    browser: Client, case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_MESSAGE_BYTES", 8)
    reply(browser, case, files=[upload("one"), upload("two")])
    assert [file.name for file in CaseFile.objects.filter(message=None)] == ["one"]
    reply(browser, case, text="x" * (drafts.LONGEST_TEXT + 1))
    assert UnsentForm.objects.count() == 1


def test_few_forms_of_a_person_wait_at_a_time(browser: Client, case: Case) -> None:
    for number in range(interrupted.MOST_FORMS + 2):
        reply(browser, case, text=f"try {number}", files=[upload()])
    assert UnsentForm.objects.count() == interrupted.MOST_FORMS
    assert CaseFile.objects.filter(message=None).count() == interrupted.MOST_FORMS
    assert "try 6" in Page(sign_in(browser, "alice", f"/cases/{case.pk}/")).text


def test_an_empty_form_is_not_kept(browser: Client, case: Case) -> None:
    reply(browser, case, text=" ")
    assert not UnsentForm.objects.exists()


def test_it_survives_a_sign_in_that_begins_a_new_session(
    browser: Client, case: Case, alice: AbstractBaseUser
) -> None:
    """As the company's own site does it: whatever session there was is thrown away first."""
    reply(browser, case)
    browser.session.flush()
    signed_in(alice, browser)
    assert STILL_HERE in Page(browser.get(f"/cases/{case.pk}/")).text


def test_no_script_can_read_what_the_browser_keeps(browser: Client, case: Case) -> None:
    reply(browser, case)
    for name in (interrupted.LAST_PERSON, interrupted.UNSENT):
        morsel = browser.cookies[name]
        assert morsel["httponly"]
        assert morsel["samesite"] == "Lax"


def test_a_case_that_was_handed_over_meanwhile_gives_it_to_nobody(
    browser: Client, case: Case, charlie: AbstractBaseUser, alice: AbstractBaseUser
) -> None:
    reply(browser, case)
    Case.objects.update(owner=charlie)
    signed_in(alice, browser)
    browser.get(NEW)
    assert not Draft.objects.exists()


# ── the chat ───────────────────────────────────────────────────────────────────────


@pytest.fixture
def chats(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]


def say(client: Client, text: str = "Are you there?", **more: object) -> Any:
    return client.post("/chat/", {"text": text, **more})


@pytest.mark.usefixtures("chats")
def test_what_was_said_in_the_chat_is_in_its_box_after_signing_in(browser: Client) -> None:
    assert say(browser, files=[upload("photo.heic")])["Location"] == "/accounts/login/?next=%2Fchat%2F"
    assert not Message.objects.exists()
    shown = Page(sign_in(browser, "alice", "/chat/"))
    assert STILL_HERE in shown.text
    assert "Are you there?</textarea>" in shown.source
    assert "photo.heic" in shown.text
    assert not UnsentForm.objects.exists()
    again = Page(browser.get("/chat/"))
    assert "Are you there?</textarea>" in again.source, "a reload does not lose it"
    say(browser, uploaded=again.values("uploaded"), revision=again.values("revision")[0])
    message = Message.objects.get()
    assert [file.name for file in message.files.all()] == ["photo.heic"]
    after = Page(browser.get("/chat/"))
    assert STILL_HERE not in after.text
    assert "Are you there?</textarea>" not in after.source
    assert not Draft.objects.exists()


@pytest.mark.usefixtures("chats")
def test_what_is_said_there_becomes_no_draft_of_a_new_case(browser: Client) -> None:
    say(browser)
    assert "Are you there?" not in Page(sign_in(browser, "alice", NEW)).source
    assert [draft.chat for draft in Draft.objects.all()] == [True]
    assert "Are you there?</textarea>" in Page(browser.get("/chat/")).source


@pytest.mark.usefixtures("chats")
def test_other_words_said_meanwhile_do_not_end_it(browser: Client) -> None:
    say(browser)
    sign_in(browser, "alice", NEW)
    say(browser, "Something else")
    assert "Are you there?</textarea>" in Page(browser.get("/chat/")).source
    assert Message.objects.get().text == "Something else"


@pytest.mark.usefixtures("chats")
def test_nobody_else_gets_what_was_said_in_the_chat(browser: Client, charlie: AbstractBaseUser) -> None:
    say(browser, files=[upload()])
    shown = Page(sign_in(browser, "charlie", "/chat/"))
    assert "Are you there?" not in shown.source
    assert not UnsentForm.objects.exists()
    assert not CaseFile.objects.filter(message=None).exists()
    assert not Draft.objects.exists()


@pytest.mark.usefixtures("chats")
def test_an_hour_later_the_chat_has_forgotten_it(browser: Client) -> None:
    say(browser)
    later = timezone.now() + timedelta(minutes=61)
    with time_machine.travel(later):
        assert "Are you there?" not in Page(sign_in(browser, "alice", "/chat/")).source
    drafts.forget_old(now=later)
    assert not UnsentForm.objects.exists()
