"""Every door of a case, tried by a stranger and by nobody in particular."""

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from pytest_django import Settings

from cabinet import services
from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile
from cabinet.urls import urlpatterns
from tests.factories import case_of, file_in, packed, signed_in, staff_reply, upload, with_face

READ = ("case", "file", "export-file", "face")
ACT = ("reply", "close", "reopen", "rate", "retry", "here", "case-letters")
BEHIND = ("draft", "discard-draft", "upload", "remove-upload")
OWN = ("home", "case-list", "case-new", "chat", "letters", "account", "erase", "consent")
OWN_ACT = ("chat-settings", "export")
BRAND = ("brand-colours", "brand-logo", "brand-logo-dark")
FREE = ("erased", "sign-in-again", "live", "stream", "letters-off", "hand-over", *BRAND)
"""Which ask nobody who he is, or answer programs."""


@pytest.fixture(autouse=True)
def everything_is_on(settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    settings.CABINET_NOTICES = True


@pytest.fixture
def doors(alice: AbstractBaseUser) -> dict[str, str]:
    case = case_of(alice)
    message = case.messages.get()
    start = f"/cases/{case.pk}/"
    staged = services.stage_file(owner=alice, upload=upload(), name="staged.txt")
    return {
        "home": "/",
        "case-list": "/cases/",
        "case-new": "/cases/new/",
        "case": start,
        "reply": f"{start}reply/",
        "close": f"{start}close/",
        "reopen": f"{start}reopen/",
        "rate": f"{start}rate/",
        "retry": f"{start}messages/{message.pk}/retry/",
        "here": f"{start}here/",
        "case-letters": f"{start}letters/",
        "file": f"/files/{file_in(message).pk}/",
        "face": with_face(staff_reply(case)),
        "chat": "/chat/",
        "chat-settings": "/chat/settings/",
        "letters": "/letters/",
        "draft": f"/drafts/?case={case.pk}",
        "discard-draft": f"/drafts/discard/?case={case.pk}",
        "upload": f"/uploads/?case={case.pk}",
        "remove-upload": f"/uploads/{staged.pk}/remove/",
        "account": "/account/",
        "consent": "/account/consent/",
        "erase": "/account/erase/",
        "export": "/account/export/",
        "export-file": f"/account/export/{packed(alice).pk}/",
    }


def test_no_door_is_forgotten_here() -> None:
    named = {pattern.name for pattern in urlpatterns}
    assert named == {*READ, *ACT, *BEHIND, *OWN, *OWN_ACT, *FREE}


@pytest.mark.parametrize("name", READ)
def test_a_stranger_finds_no_page(as_charlie: Client, doors: dict[str, str], name: str) -> None:
    assert as_charlie.get(doors[name]).status_code == 404
    assert as_charlie.get(doors[name], headers={"hx-request": "true"}).status_code == 404


@pytest.mark.parametrize("name", ACT)
def test_a_stranger_can_do_nothing(as_charlie: Client, doors: dict[str, str], name: str) -> None:
    before = Case.objects.values_list("revision", "status").get()
    assert as_charlie.post(doors[name], {"text": "hello"}).status_code == 404
    assert Case.objects.values_list("revision", "status").get() == before


@pytest.mark.parametrize("name", BEHIND)
def test_a_stranger_keeps_nothing_in_a_case(
    as_charlie: Client, client: Client, doors: dict[str, str], name: str
) -> None:
    assert as_charlie.post(doors[name], {"text": "hello", "file": upload()}).status_code == 404
    if name == "draft":
        assert as_charlie.get(doors[name]).status_code == 404
    assert Draft.objects.count() == 0
    assert CaseFile.objects.filter(message=None).count() == 1
    assert client.post(doors[name], headers={"hx-request": "true"}).status_code == 401
    assert client.post(doors[name])["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("name", [*READ, *ACT, *OWN, *OWN_ACT])
def test_nobody_is_sent_to_sign_in(client: Client, doors: dict[str, str], name: str) -> None:
    answer = client.post(doors[name]) if name in (*ACT, *OWN_ACT) else client.get(doors[name])
    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/?next=")
    back = doors["case"] if name in ACT else doors["chat" if name == "chat-settings" else name]
    assert answer["Location"].endswith(back.replace("/", "%2F"))
    assert client.get(doors[name], headers={"hx-request": "true"}).status_code == 401


@pytest.mark.parametrize("name", [*ACT, *OWN_ACT])
def test_actions_are_posts(as_alice: Client, doors: dict[str, str], name: str) -> None:
    assert as_alice.get(doors[name]).status_code == 405


@pytest.mark.parametrize("name", [*ACT, *OWN_ACT, *BEHIND, "case-new", "chat", "letters", "erase"])
def test_actions_need_the_forms_token(alice: AbstractBaseUser, doors: dict[str, str], name: str) -> None:
    client = signed_in(alice, Client(enforce_csrf_checks=True, HTTP_ACCEPT_LANGUAGE="en"))
    answer = client.post(doors[name], {"text": "hello"})
    assert answer.status_code == 403
    assert "Nothing is lost: go back" in answer.content.decode()


@pytest.mark.parametrize("name", [*READ, "case-list", "case-new", "chat", "letters", "account", "erase"])
def test_private_pages_are_kept_by_no_proxy(as_alice: Client, doors: dict[str, str], name: str) -> None:
    answer = as_alice.get(doors[name])
    answer.close()
    assert "private" in answer["Cache-Control"]
    assert "Cookie" in answer["Vary"]
