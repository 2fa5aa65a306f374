"""Whether an open page is still up to date, for two queries."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from cabinet import services
from cabinet.models import Case
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, signed_in, staff_reply


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def mark_on(client: Client, path: str) -> str:
    """What a page that was just shown compares with."""
    return next(attrs["data-mark"] for attrs in Page(client.get(path)).all("div", id="live"))


def ask(client: Client, path: str, mark: str) -> int:
    return client.get(path, headers={"if-none-match": mark}).status_code


def test_a_page_just_shown_has_nothing_new(as_alice: Client, case: Case) -> None:
    assert ask(as_alice, f"/live/?case={case.pk}", mark_on(as_alice, f"/cases/{case.pk}/")) == 304
    assert ask(as_alice, "/live/", mark_on(as_alice, "/cases/")) == 304


def test_an_empty_list_hears_of_its_first_case(as_alice: Client, alice: AbstractBaseUser) -> None:
    mark = mark_on(as_alice, "/cases/")
    assert ask(as_alice, "/live/", mark) == 304
    case_of(alice)
    assert ask(as_alice, "/live/", mark) == 200


def test_an_answer_is_news_to_the_case_and_to_the_list(as_alice: Client, case: Case) -> None:
    marks = [
        (f"/live/?case={case.pk}", mark_on(as_alice, f"/cases/{case.pk}/")),
        ("/live/", mark_on(as_alice, "/cases/")),
    ]
    staff_reply(case)
    for path, mark in marks:
        answer = as_alice.get(path, headers={"if-none-match": mark})
        assert answer.status_code == 200
        assert ask(as_alice, path, answer["ETag"]) == 304
        assert "private" in answer["Cache-Control"]
        assert "Cookie" in answer["Vary"]
        assert len(answer.content) < 60


def test_another_case_is_no_news(as_alice: Client, case: Case, alice: AbstractBaseUser) -> None:
    other = case_of(alice)
    mark = mark_on(as_alice, f"/cases/{case.pk}/")
    services.post_reply(case=other, author=alice, text="more")
    assert ask(as_alice, f"/live/?case={case.pk}", mark) == 304


@pytest.mark.parametrize("which", ["case", "list"])
def test_asking_costs_two_queries(
    as_alice: Client, case: Case, django_assert_num_queries: DjangoAssertNumQueries, which: str
) -> None:
    with django_assert_num_queries(2):
        as_alice.get(f"/live/?case={case.pk}" if which == "case" else "/live/")


@pytest.mark.parametrize("wanted", ["", "nonsense", "7d5b1f8e-3c52-4a6e-9f0b-0d7a0c8b1a11"])
def test_what_is_not_there_is_not_found(as_alice: Client, wanted: str) -> None:
    assert as_alice.get(f"/live/?case={wanted}").status_code == 404


def test_a_stranger_learns_nothing(as_charlie: Client, case: Case) -> None:
    assert as_charlie.get(f"/live/?case={case.pk}").status_code == 404
    assert as_charlie.get("/live/")["ETag"] == '"0-0-0"'


def test_without_a_session_there_is_no_answer(client: Client, case: Case) -> None:
    assert client.get("/live/").status_code == 401
    client.cookies["sessionid"] = "made-up"
    assert client.get(f"/live/?case={case.pk}").status_code == 401


def test_a_switched_off_person_and_a_changed_password_end_it(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    alice.set_password("another one")
    alice.save()
    assert as_alice.get("/live/").status_code == 401
    signed_in(alice, as_alice)
    assert as_alice.get("/live/").status_code == 200
    get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
    assert as_alice.get("/live/").status_code == 401


def test_it_only_reads(as_alice: Client) -> None:
    assert as_alice.post("/live/").status_code == 405
