"""What is new to whom: a person's marks, what moves them, and what every page says of it."""

import threading
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test import Client
from django.utils import timezone

from cabinet import desk, reading_marks, services
from cabinet.models import Case, Message, ReadMark
from cabinet.types import IncomingMessage
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, signed_in, staff_reply


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def read(case: Case, user: AbstractBaseUser, position: int) -> None:
    reading_marks.mark_read(user=user, case=case, position=position, now=timezone.now())


def unread(user: AbstractBaseUser) -> int:
    return reading_marks.count_cases_with_news(user)


def listed(client: Client) -> Page:
    return Page(client.get("/cases/"))


def incoming(text: str, **fields: object) -> IncomingMessage:
    values: dict[str, object] = {"author": "staff", "author_name": "Maria", "html": "", "text": text}
    return IncomingMessage(**(values | {"written_at": timezone.now()} | fields))  # type: ignore[arg-type]


# ── the mark ──


def test_a_mark_moves_forwards_only(case: Case, alice: AbstractBaseUser) -> None:
    for position in (2, 7, 3):
        read(case, alice, position)
    mark = ReadMark.objects.get()
    assert mark.position == 7
    assert mark.seen_at is not None


@pytest.mark.django_db(transaction=True)
def test_tabs_that_read_at_once_leave_one_mark_where_the_last_has_got_to() -> None:
    alice = factories.person("alice")
    case = case_of(alice)
    together = threading.Barrier(4)

    def tab(position: int) -> None:
        together.wait(10)
        read(case, alice, position)
        connection.close()

    tabs = [threading.Thread(target=tab, args=(position,)) for position in (3, 9, 5, 1)]
    for thread in tabs:
        thread.start()
    for thread in tabs:
        thread.join(20)
    assert ReadMark.objects.get().position == 9


def test_reading_is_no_change_of_the_case(case: Case, alice: AbstractBaseUser) -> None:
    staff_reply(case)
    before = Case.objects.values_list("revision", "changed_at").get()
    read(case, alice, 2)
    assert Case.objects.values_list("revision", "changed_at").get() == before


# ── what is new ──


def test_own_words_are_never_new(case: Case, alice: AbstractBaseUser) -> None:
    services.post_reply(case=case, author=alice, text="and another thing")
    desk.record_message(case.pk, incoming("by mail", author="customer"), now=timezone.now())
    assert unread(alice) == 0


def test_an_answer_and_a_colleagues_letter_are_new_until_they_are_read(
    case: Case, alice: AbstractBaseUser
) -> None:
    staff_reply(case)
    assert unread(alice) == 1
    read(case, alice, 2)
    assert unread(alice) == 0
    desk.record_message(
        case.pk, incoming("me too", author="customer", author_name="Bob", by_owner=False), now=timezone.now()
    )
    assert unread(alice) == 1


def test_it_is_new_to_each_for_himself(
    case: Case, alice: AbstractBaseUser, bob: AbstractBaseUser, as_alice: Client
) -> None:
    """Both have a mark in the case; only the reader's counts."""
    read(case, bob, 50)
    staff_reply(case)
    assert unread(alice) == 1
    assert unread(bob) == 0, "somebody else's case"


def test_a_withdrawn_answer_is_no_longer_new(case: Case, alice: AbstractBaseUser) -> None:
    message = staff_reply(case)
    desk.withdraw_message(message, now=timezone.now())
    assert unread(alice) == 0


def test_nobody_in_particular_has_nothing_new(client: Client, db: None) -> None:
    assert "unread-badge" not in client.get("/accounts/login/").content.decode()


# ── cases that are older than the cabinet ──


def test_what_was_said_in_an_older_case_is_history_and_what_comes_then_is_new(
    alice: AbstractBaseUser,
) -> None:
    now = timezone.now()
    case = desk.import_case(
        owner=alice,
        subject="Last year",
        facts=desk.CaseFacts("1-1", Case.Status.CLOSED, Case.Availability.NORMAL),
        created_at=now - timedelta(days=300),
        now=now,
        history_until=now,
    )
    for number in range(3):
        old = incoming(f"old {number}", written_at=now - timedelta(days=200))
        desk.record_message(case.pk, old, now=now)
    assert unread(alice) == 0
    desk.record_message(case.pk, incoming("fresh"), now=now)
    assert unread(alice) == 1
    desk.record_message(case.pk, incoming("late", written_at=now - timedelta(days=100)), now=now)
    assert unread(alice) == 1, "an old letter that comes late makes nothing read that came before it"
    assert ReadMark.objects.get().position == 3


def test_a_case_that_came_by_mail_today_is_new(alice: AbstractBaseUser) -> None:
    now = timezone.now()
    facts = desk.CaseFacts("1-1", Case.Status.WAITING, Case.Availability.NORMAL)
    case = desk.import_case(owner=alice, subject="Today", facts=facts, created_at=now, now=now)
    desk.record_message(
        case.pk, incoming("an answer", written_at=now - timedelta(minutes=5)), now=timezone.now()
    )
    assert unread(alice) == 1


# ── pages ──


def test_every_page_says_in_how_many_cases_something_is_new(
    as_alice: Client, alice: AbstractBaseUser, case: Case
) -> None:
    for number in range(2):
        staff_reply(case_of(alice, f"case {number}"))
    for path in ("/cases/", "/cases/new/", f"/cases/{case.pk}/", "/nowhere/"):
        page = Page(as_alice.get(path))
        assert "<title>(2) " in page.source, path
        assert "2 cases with something new" in page.text, path
        assert "hidden" not in page.all("span", id="unread-badge")[0]


def test_without_news_the_badge_is_hidden_and_the_title_plain(as_alice: Client, case: Case) -> None:
    page = listed(as_alice)
    assert "<title>My cases</title>" in page.source
    assert "hidden" in page.all("span", id="unread-badge")[0]


def test_a_row_is_bold_with_a_word_until_its_case_is_opened(as_alice: Client, case: Case) -> None:
    staff_reply(case)
    staff_reply(case, "and more")
    page = listed(as_alice)
    assert "2 new messages" in page.text
    assert "row-new" in page.source
    as_alice.get(f"/cases/{case.pk}/")
    page = listed(as_alice)
    assert "new message" not in page.text
    assert "row-new" not in page.source


def test_the_line_stands_above_the_first_new_message_and_goes_with_the_next_loading(
    as_alice: Client, case: Case
) -> None:
    as_alice.get(f"/cases/{case.pk}/")
    first = staff_reply(case)
    staff_reply(case, "and more")
    source = as_alice.get(f"/cases/{case.pk}/").content.decode()
    assert source.count('id="new"') == 1
    assert source.index('id="new"') < source.index(f'id="m-{first.pk}"')
    assert source.index(f'id="m-{case.messages.all()[0].pk}"') < source.index('id="new"')
    assert 'id="new"' not in as_alice.get(f"/cases/{case.pk}/").content.decode()


def test_the_line_is_not_above_what_the_reader_wrote_himself(
    as_alice: Client, alice: AbstractBaseUser, case: Case
) -> None:
    as_alice.get(f"/cases/{case.pk}/")
    services.post_reply(case=case, author=alice, text="mine")
    answer = staff_reply(case)
    source = as_alice.get(f"/cases/{case.pk}/").content.decode()
    assert source.index("mine") < source.index('id="new"') < source.index(f'id="m-{answer.pk}"')


def test_an_open_page_keeps_its_line_while_it_fetches(as_alice: Client, case: Case) -> None:
    staff_reply(case)
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    since = page.all("div", id="live")[0]["data-since"]
    headers = {"hx-request": "true", "x-visit-since": since, "x-visit-first": "0", "x-visit-looking": "1"}
    staff_reply(case, "and more")
    fetched = as_alice.get(f"/cases/{case.pk}/", headers=headers).content.decode()
    assert fetched.count('id="new"') == 1
    assert 'id="new"' not in as_alice.get(f"/cases/{case.pk}/").content.decode()


def test_a_hidden_page_reads_nothing(as_alice: Client, alice: AbstractBaseUser, case: Case) -> None:
    as_alice.get(f"/cases/{case.pk}/")
    staff_reply(case)
    hidden = {"hx-request": "true", "x-visit-since": "1", "x-visit-looking": "0"}
    answer = as_alice.get(f"/cases/{case.pk}/", headers=hidden)
    assert unread(alice) == 1
    assert "<title>(1) " in answer.content.decode()
    as_alice.get(f"/cases/{case.pk}/", headers=hidden | {"x-visit-looking": "1"})
    assert unread(alice) == 0


@pytest.mark.parametrize("headers", [{"sec-purpose": "prefetch"}, {"sec-purpose": "prefetch;prerender"}])
def test_a_page_that_is_only_fetched_ahead_reads_nothing(
    as_alice: Client, alice: AbstractBaseUser, case: Case, headers: dict[str, str]
) -> None:
    staff_reply(case)
    as_alice.get(f"/cases/{case.pk}/", headers=headers)
    as_alice.head(f"/cases/{case.pk}/")
    assert unread(alice) == 1


@pytest.mark.parametrize("nonsense", ["-1", "x", "٣", "9" * 40, ""])
def test_what_a_visit_says_is_not_believed_blindly(as_alice: Client, case: Case, nonsense: str) -> None:
    staff_reply(case)
    headers = {"hx-request": "true", "x-visit-since": nonsense, "x-visit-first": nonsense}
    assert as_alice.get(f"/cases/{case.pk}/", headers=headers).status_code == 200


def test_a_strangers_visit_marks_nothing(as_charlie: Client, case: Case) -> None:
    staff_reply(case)
    assert as_charlie.get(f"/cases/{case.pk}/").status_code == 404
    assert not ReadMark.objects.exists()


# ── open pages ──


def ask(client: Client, path: str, mark: str) -> int:
    return client.get(path, headers={"if-none-match": mark}).status_code


def test_reading_in_one_tab_is_news_to_the_other_ones_of_the_same_person(
    as_alice: Client, alice: AbstractBaseUser, case: Case
) -> None:
    other = delivered(case_of(alice, "another"), "9-9")
    staff_reply(case)
    elsewhere = signed_in(alice)
    marks = {
        path: Page(elsewhere.get(page)).all("div", id="live")[0]["data-mark"]
        for path, page in (("/live/", "/cases/"), (f"/live/?case={other.pk}", f"/cases/{other.pk}/"))
    }
    assert [ask(elsewhere, path, mark) for path, mark in marks.items()] == [304, 304]
    as_alice.get(f"/cases/{case.pk}/")
    assert [ask(elsewhere, path, mark) for path, mark in marks.items()] == [200, 200]
    as_alice.get(f"/cases/{case.pk}/")
    again = elsewhere.get("/live/")["ETag"]
    as_alice.get(f"/cases/{case.pk}/")
    assert ask(elsewhere, "/live/", again) == 304, "reading what is read moves nothing"


def test_the_mark_of_what_was_fetched_comes_with_it(as_alice: Client, case: Case) -> None:
    staff_reply(case)
    for page, path in ((f"/cases/{case.pk}/", f"/live/?case={case.pk}"), ("/cases/", "/live/")):
        answer = as_alice.get(page)
        assert answer["X-Live-Mark"] == Page(answer).all("div", id="live")[0]["data-mark"]
        assert ask(as_alice, path, answer["X-Live-Mark"]) == 304


def test_messages_are_shown_with_the_mark_they_were_read_under(as_alice: Client, case: Case) -> None:
    """What came while the page was made is not marked with it."""
    staff_reply(case)
    as_alice.get(f"/cases/{case.pk}/")
    assert ReadMark.objects.get().position == Message.objects.filter(case=case).latest("position").position


def test_what_stood_there_before_marks_were_kept_is_read(
    alice: AbstractBaseUser, bob: AbstractBaseUser
) -> None:
    cases = [delivered(case_of(owner), number) for owner, number in ((alice, "1-1"), (bob, "2-2"))]
    for case in cases:
        staff_reply(case)
    import_module("cabinet.migrations.0010_read_so_far").read_so_far(apps, None)
    assert (unread(alice), unread(bob)) == (0, 0)
    staff_reply(cases[0])
    assert (unread(alice), unread(bob)) == (1, 0)
