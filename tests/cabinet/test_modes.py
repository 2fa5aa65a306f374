"""How an answer is wanted: the choice on the form, and what pages promise in each mode."""

import uuid

import pytest
from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from pytest_django import Settings

from cabinet.models import Case
from tests.cabinet.pages import Page
from tests.factories import NewCase, changed

ALL = ["mail", "cabinet", "chat"]


@pytest.fixture(autouse=True)
def modes_are_on(settings: Settings) -> None:
    settings.CABINET_MODES = ALL


def form(client: Client) -> Page:
    return Page(client.get("/cases/new/"))


def offered(page: Page) -> list[tuple[str, bool]]:
    return [(radio["value"], "checked" in radio) for radio in page.all("input", type="radio", name="mode")]


def test_the_modes_are_offered_the_default_first(as_alice: Client, settings: Settings) -> None:
    page = form(as_alice)
    assert offered(page) == [("mail", True), ("cabinet", False), ("chat", False)]
    for words in ("Answers also by e-mail", "Only here, no letters", "Chat, when you have a minute now"):
        assert words in page.text
    settings.CABINET_MODES = ["cabinet", "mail"]
    assert offered(form(as_alice)) == [("cabinet", True), ("mail", False)]


def test_where_notices_are_on_the_choice_says_so(as_alice: Client, settings: Settings) -> None:
    settings.CABINET_NOTICES = True
    page = form(as_alice)
    assert "a short letter says that there is an answer" in page.text
    assert "no letters" not in page.text


def test_mail_is_offered_to_nobody_without_an_address(as_alice: Client) -> None:
    EmailAddress.objects.all().delete()
    assert [mode for mode, _checked in offered(form(as_alice))] == ["cabinet", "chat"]
    as_alice.post("/cases/new/", NewCase().data())
    assert Case.objects.get().mode == "cabinet"


def test_one_mode_alone_is_not_asked_for(as_alice: Client, settings: Settings) -> None:
    for mode, promise in (("mail", "get it by e-mail"), ("cabinet", "You will see the answer here.")):
        settings.CABINET_MODES = [mode]
        page = form(as_alice)
        assert offered(page) == []
        assert promise in page.text


def test_where_there_is_only_chat_the_form_leads_there(as_alice: Client, settings: Settings) -> None:
    settings.CABINET_MODES = ["chat"]
    assert as_alice.get("/cases/new/")["Location"] == "/chat/"
    assert as_alice.post("/cases/new/", NewCase().data())["Location"] == "/chat/"
    assert Case.objects.get().mode == "chat"


@pytest.mark.parametrize("mode", ["", *ALL])
def test_a_case_is_opened_in_the_mode_that_was_chosen(as_alice: Client, mode: str) -> None:
    answer = as_alice.post("/cases/new/", NewCase().data(**({"mode": mode} if mode else {})))
    case = Case.objects.get()
    assert case.mode == (mode or "mail")
    assert answer["Location"] == ("/chat/" if mode == "chat" else f"/cases/{case.pk}/")


@pytest.mark.parametrize("mode", ["phone", "MAIL", "mail,chat"])
def test_a_mode_that_does_not_exist_is_said_so_and_nothing_typed_is_lost(as_alice: Client, mode: str) -> None:
    answer = as_alice.post("/cases/new/", NewCase().data(mode=mode))
    page = Page(answer)
    assert answer.status_code == 422
    assert "This way of answering is not offered here" in page.text
    assert "Since this morning." in page.text
    assert Case.objects.count() == 0


def test_a_mode_that_is_off_is_refused(as_alice: Client, settings: Settings) -> None:
    settings.CABINET_MODES = ["mail"]
    assert as_alice.post("/cases/new/", NewCase().data(mode="chat")).status_code == 422


def test_going_back_and_choosing_another_mode_is_another_case(as_alice: Client) -> None:
    data = NewCase(submission=str(uuid.uuid4())).data()
    for mode in ("mail", "mail", "cabinet", "cabinet"):
        as_alice.post("/cases/new/", data | {"mode": mode})
    assert sorted(Case.objects.values_list("mode", flat=True)) == ["cabinet", "mail"]


@pytest.mark.parametrize(("mode", "by_mail"), [("mail", True), ("cabinet", False), ("chat", False)])
def test_no_page_promises_a_letter_that_does_not_come(as_alice: Client, mode: str, by_mail: bool) -> None:
    page = Page(as_alice.post("/cases/new/", NewCase().data(mode=mode), follow=True))
    assert ("by e-mail" in page.text) is by_mail
    page = Page(as_alice.get(f"/cases/{Case.objects.get().pk}/"))
    assert "in your mail" not in page.text


def test_a_case_keeps_its_mode_when_that_is_switched_off(
    as_alice: Client, alice: AbstractBaseUser, settings: Settings
) -> None:
    as_alice.post("/cases/new/", NewCase().data(mode="cabinet"))
    settings.CABINET_MODES = ["mail"]
    case = changed(Case.objects.get(), status="waiting")
    assert as_alice.post(f"/cases/{case.pk}/reply/", {"text": "Still here"}).status_code == 302
    case.refresh_from_db()
    assert case.mode == "cabinet"
