"""Beside the thread: all its files, with who sent them, when, and the way to the message."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinet import visits
from cabinet.models import Case, CaseFile, Message
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, staff_reply


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def listed(client: Client, case: Case, query: str = "") -> str:
    """The HTML of the list, "" where there is none."""
    page = Page(client.get(f"/cases/{case.pk}/{query}"))
    found = re.search(r'<section id="case-files-all".*?</section>', page.source, re.DOTALL)
    assert page.all("div", id="case-files")
    return found[0] if found else ""


def names(html: str) -> list[str]:
    return re.findall(r'class="file-name">([^<]+)<', html)


def long_thread(client: Client, case: Case) -> Message:
    """More than a page shows at once, all of it read; the message is one that the page leaves out."""
    hidden = staff_reply(case, "the second")
    case.refresh_from_db()
    now = timezone.now() - timedelta(hours=1)
    rows = [
        Message(
            case=case,
            position=case.next_position + number,
            author=Message.Author.STAFF,
            origin=Message.Origin.DESK,
            text="x",
            written_at=now,
        )
        for number in range(visits.WHOLE)
    ]
    Message.objects.bulk_create(rows)
    Case.objects.filter(pk=case.pk).update(next_position=case.next_position + len(rows))
    client.get(f"/cases/{case.pk}/")
    return hidden


def test_without_files_there_is_no_list(as_alice: Client, case: Case) -> None:
    assert listed(as_alice, case) == ""


def test_each_file_says_what_it_is_whose_and_where(as_alice: Client, case: Case) -> None:
    mine = case.messages.get()
    report = factories.file_in(mine, "report.pdf", b"x" * 2048)
    answer = staff_reply(case)
    picture = factories.file_in(answer, "photo.png", factories.PNG, content_type="image/png")
    html = listed(as_alice, case)
    assert names(html) == ["photo.png", "report.pdf"]
    theirs, own = html.split("</li>")[:2]
    assert f'href="/files/{picture.pk}/" data-shows="photo.png"' in theirs
    assert re.search(rf'href="#m-{answer.pk}".*Maria, <time', theirs, re.DOTALL)
    assert f'href="/files/{report.pk}/" download="report.pdf"' in own
    assert re.search(rf'href="#m-{mine.pk}".*You, <time', own, re.DOTALL)
    assert "2.0\xa0KB" in own
    assert '<span class="count">2</span>' in html
    assert "more file" not in html


def test_a_file_that_is_not_here_says_so_and_leads_nowhere(as_alice: Client, case: Case) -> None:
    message = staff_reply(case)
    for state in ("fetching", "unavailable"):
        factories.file_in(message, f"{state}.zip", state=state)
    html = listed(as_alice, case)
    assert "is being fetched" in html
    assert "not available" in html
    assert "/files/" not in html


def test_a_withdrawn_message_takes_its_files_along(as_alice: Client, case: Case) -> None:
    factories.file_in(staff_reply(case, withdrawn_at=timezone.now()), "gone.zip", state="unavailable")
    assert listed(as_alice, case) == ""


@pytest.mark.parametrize(("count", "folded"), [(5, 0), (6, 1), (9, 4)])
def test_more_than_five_are_folded(as_alice: Client, case: Case, count: int, folded: int) -> None:
    message = staff_reply(case)
    for number in range(count):
        factories.file_in(message, f"{number}.txt", position=number)
    first, _summary, more = listed(as_alice, case).partition('<details class="case-files-more">')
    assert names(first) == [f"{number}.txt" for number in range(5)]
    assert names(more) == [f"{number}.txt" for number in range(5, count)]
    if folded:
        assert f"{folded} more file{'s' if folded > 1 else ''}</summary>" in more


@pytest.mark.slow
def test_files_of_messages_that_the_page_leaves_out_are_there_too(as_alice: Client, case: Case) -> None:
    factories.file_in(case.messages.get(), "of the first.txt")
    left_out = long_thread(as_alice, case)
    factories.file_in(left_out, "left out.txt")
    html = listed(as_alice, case)
    assert names(html) == ["left out.txt", "of the first.txt"]
    assert f'href="?all=1#m-{left_out.pk}"' in html
    assert names(listed(as_alice, case, "?all=1")) == names(html)
    assert "?all=1" not in listed(as_alice, case, "?all=1")


@pytest.mark.parametrize("is_long", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_files_cost_no_question_each(
    as_alice: Client, case: Case, is_long: bool, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    message = long_thread(as_alice, case) if is_long else staff_reply(case)
    factories.file_in(message)
    as_alice.get(f"/cases/{case.pk}/")
    assert ("?all=1" in listed(as_alice, case)) is is_long
    with CaptureQueriesContext(connection) as few:
        as_alice.get(f"/cases/{case.pk}/")
    for number in range(12):
        factories.file_in(message, f"{number}.txt")
    with django_assert_num_queries(len(few)):
        as_alice.get(f"/cases/{case.pk}/")


def test_other_cases_files_are_not_among_them(
    as_alice: Client, case: Case, alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    for owner in (alice, charlie):
        factories.file_in(staff_reply(delivered(case_of(owner), "9-9")), "elsewhere.txt")
    long_thread(as_alice, case)
    assert CaseFile.objects.count() == 2
    assert listed(as_alice, case) == ""
