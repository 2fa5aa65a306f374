"""A case is rated where its answer is read: once, after it is solved, by a form and nothing else."""

from datetime import timedelta

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinet import services
from cabinet.models import Case, OutboxEntry
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, staff_reply

Rating = Case.Rating


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    """Answered and closed."""
    case = delivered(case_of(alice))
    staff_reply(case)
    return changed(case, status=Case.Status.CLOSED)


def show(client: Client, case: Case) -> Page:
    return Page(client.get(f"/cases/{case.pk}/"))


def rate(client: Client, case: Case, rating: str = "high", comment: str = "") -> Page:
    return Page(client.post(f"/cases/{case.pk}/rate/", {"rating": rating, "comment": comment}, follow=True))


def asks(page: Page, case: Case) -> bool:
    return bool(page.all("form", action=f"/cases/{case.pk}/rate/", method="post"))


def duties(case: Case) -> int:
    return case.outbox.filter(kind=OutboxEntry.Kind.RATE).count()


def test_a_solved_case_asks_above_its_messages(as_alice: Client, case: Case) -> None:
    page = show(as_alice, case)
    assert asks(page, case)
    assert [choice["value"] for choice in page.all("input", type="radio")] == ["high", "middle", "low"]
    assert page.source.index("How did we do?") < page.source.index('id="thread"')


@pytest.mark.parametrize(
    "fields",
    [{"status": "open"}, {"status": "waiting"}, {"availability": "deleted"}, {"availability": "moved"}],
)
def test_any_other_case_does_not(as_alice: Client, case: Case, fields: dict[str, str]) -> None:
    changed(case, **fields)
    assert not asks(show(as_alice, case), case)
    assert "cannot be rated" in rate(as_alice, case).text
    assert duties(case) == 0


def test_nor_does_one_that_support_never_answered(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = changed(delivered(case_of(alice)), status=Case.Status.CLOSED)
    assert not asks(show(as_alice, case), case)
    rate(as_alice, case)
    assert duties(case) == 0
    staff_reply(case, withdrawn_at=timezone.now())
    changed(case, status=Case.Status.CLOSED)
    assert not asks(show(as_alice, case), case)


def test_a_rating_is_kept_shown_and_on_its_way(as_alice: Client, case: Case) -> None:
    page = rate(as_alice, case, "middle", "Quick,\r\nbut <b>rude</b>")
    case.refresh_from_db()
    assert (case.rating, case.rating_comment) == ("middle", "Quick,\nbut <b>rude</b>")
    assert case.rated_at
    assert duties(case) == 1
    for words in ("Thank you", "Your rating: So-so", "Change the rating"):
        assert words in page.text
    assert "<b>rude</b>" not in page.source
    assert "<details" in page.source


def test_a_second_click_is_no_second_vote(as_alice: Client, case: Case) -> None:
    for _click in range(2):
        rate(as_alice, case, "low", "no")
    assert duties(case) == 1


def test_it_can_be_changed_for_a_week_from_the_first_time(as_alice: Client, case: Case) -> None:
    rate(as_alice, case, "low")
    first = Case.objects.get(pk=case.pk).rated_at
    assert first
    with time_machine.travel(first + timedelta(days=6)):
        rate(as_alice, case, "high", "They rang me up")
    case.refresh_from_db()
    assert (case.rating, case.rated_at, duties(case)) == ("high", first, 2)
    with time_machine.travel(first + timedelta(days=7, seconds=1)):
        page = show(as_alice, case)
        assert "Your rating: Good" in page.text
        assert not asks(page, case)
        rate(as_alice, case, "low")
    case.refresh_from_db()
    assert (case.rating, duties(case)) == ("high", 2)


def test_a_case_opened_again_says_nothing_of_it(as_alice: Client, case: Case) -> None:
    rate(as_alice, case)
    services.reopen_case(case=case)
    page = show(as_alice, case)
    assert "Your rating" not in page.text
    services.close_case(case=case)
    assert "Your rating: Good" in show(as_alice, case).text


@pytest.mark.parametrize(
    ("rating", "comment", "words"),
    [
        ("", "kept words", "Choose one of the three"),
        ("best", "kept words", "Choose one of the three"),
        ("low", "y" * 2001, "2001 characters long; 2000 fit"),
    ],
)
def test_what_does_not_fit_comes_back_typed(
    as_alice: Client, case: Case, rating: str, comment: str, words: str
) -> None:
    answer = as_alice.post(f"/cases/{case.pk}/rate/", {"rating": rating, "comment": comment})
    page = Page(answer)
    assert answer.status_code == 422
    assert words in page.text
    assert comment in page.source
    assert "Write something or attach a file" not in page.text
    assert page.all("article")
    assert duties(case) == 0


@pytest.mark.parametrize("method", ["get", "head"])
def test_whatever_follows_links_does_not_vote(as_alice: Client, case: Case, method: str) -> None:
    for _hit in range(10):
        assert getattr(as_alice, method)(f"/cases/{case.pk}/rate/?rating=low").status_code == 405
    case.refresh_from_db()
    assert (case.rating, duties(case)) == ("", 0)


def test_asking_costs_no_query(
    as_alice: Client, case: Case, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):
        show(as_alice, case)
