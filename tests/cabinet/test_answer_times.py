"""When support answers is said in the company's words, where somebody opens a case and where one waits."""

import pytest
from django.contrib.auth.models import AbstractBaseUser, User
from django.test import Client
from pytest_django import Settings

from cabinet.models import Case, CaseRules
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, signed_in, staff_reply

HOURS = "We answer within four hours on working days."
HOURS_RU = "Отвечаем за четыре часа по рабочим дням."


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


@pytest.fixture
def said(db: None) -> None:
    CaseRules.objects.update_or_create(pk=1, defaults={"answer_time_ru": HOURS_RU, "answer_time_en": HOURS})


def shows(client: Client, address: str, language: str = "en") -> str:
    client.cookies["django_language"] = language
    return Page(client.get(address)).text


def test_the_form_and_an_empty_chat_say_it(as_alice: Client, said: None, settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "chat"]
    for address in ("/cases/new/", "/chat/"):
        assert HOURS in shows(as_alice, address)
        assert HOURS_RU in shows(as_alice, address, "ru")


def test_a_case_says_it_while_it_waits_for_support(as_alice: Client, case: Case, said: None) -> None:
    page = f"/cases/{case.pk}/"
    assert HOURS in shows(as_alice, page)
    assert HOURS_RU in shows(as_alice, page, "ru")
    staff_reply(case)
    assert HOURS not in shows(as_alice, page)
    changed(case, status="closed")
    assert HOURS not in shows(as_alice, page)


def test_in_a_language_in_which_the_company_says_nothing_nothing_is_said(
    as_alice: Client, case: Case
) -> None:
    CaseRules.objects.update_or_create(pk=1, defaults={"answer_time_ru": HOURS_RU})
    assert HOURS_RU not in shows(as_alice, "/cases/new/")
    assert HOURS_RU not in shows(as_alice, f"/cases/{case.pk}/")


def test_without_a_row_of_rules_nothing_is_said(as_alice: Client, case: Case) -> None:
    CaseRules.objects.all().delete()
    assert as_alice.get("/cases/new/").status_code == 200
    assert as_alice.get(f"/cases/{case.pk}/").status_code == 200


def test_admins_write_it(db: None, client: Client) -> None:
    root = User.objects.create_superuser("root", "root@example.com", "a password of some length")
    CaseRules.objects.get_or_create(pk=1)
    signed_in(root, client).post(
        "/admin/cabinet/caserules/1/change/",
        {"follow_up_days": 30, "answer_time_ru": HOURS_RU, "answer_time_en": HOURS},
    )
    assert CaseRules.objects.get().answer_time_en == HOURS
