"""A thread tells when its case was closed and opened again, and by whom."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.test import Client
from django.utils import timezone

from cabinet import closings, desk, services, thread
from cabinet.closings import Change
from cabinet.models import Case, Message
from cabinet.types import IncomingMessage
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, long_thread

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice, text="The question."))


def told(client: Client, case: Case, query: str = "") -> list[str]:
    """What stands in the thread, in its order: texts of messages and lines about closing."""
    source = client.get(f"/cases/{case.pk}/{query}").content.decode()
    listed = source.split('id="thread"')[1].split("</ol>")[0]
    found = re.findall(r"<p>([^<]*)</p>|<li class=\"turned\"[^>]*>([^·<]*) ·", listed)
    return [text or line for text, line in found]


def facts(status: Case.Status, **more: object) -> desk.CaseFacts:
    known: dict[str, object] = {
        "number": "123-456",
        "status": status,
        "availability": Case.Availability.NORMAL,
    }
    return desk.CaseFacts(**(known | more))  # type: ignore[arg-type]


def learn(case: Case, status: Case.Status, **more: object) -> None:
    desk.set_facts(case.pk, facts(status, **more), merged_into=None, now=timezone.now())


def test_what_the_customer_did_is_told_as_his(as_alice: Client, case: Case) -> None:
    services.close_case(case=case)
    assert told(as_alice, case) == ["The question.", "You closed the case"]
    services.reopen_case(case=case)
    services.post_reply(case=case, author=case.owner, text="Once more.")
    assert told(as_alice, case) == [
        *("The question.", "You closed the case", "You opened the case again", "Once more.")
    ]


def test_a_reply_opens_a_closed_case_and_may_close_an_open_one(as_alice: Client, case: Case) -> None:
    services.post_reply(case=case, author=case.owner, text="Thanks.", close=True)
    services.post_reply(case=case, author=case.owner, text="Not yet.")
    services.post_reply(case=case, author=case.owner, text="Still not.")
    assert told(as_alice, case) == [
        *("The question.", "Thanks.", "You closed the case"),
        *("Not yet.", "You opened the case again", "Still not."),
    ]


def test_what_happened_at_the_desk_is_told_without_a_name(as_alice: Client, case: Case) -> None:
    learn(case, Case.Status.CLOSED, closed_at=timezone.now())
    learn(case, Case.Status.CLOSED, closed_at=timezone.now())
    learn(case, Case.Status.WAITING)
    learn(case, Case.Status.OPEN)
    assert told(as_alice, case) == ["The question.", "The case was closed", "The case was opened again"]


def test_the_desks_word_about_a_closing_of_ours_does_not_tell_it_twice(as_alice: Client, case: Case) -> None:
    services.close_case(case=case)
    case.outbox.update(state="delivered")
    learn(case, Case.Status.CLOSED, closed_at=timezone.now())
    assert told(as_alice, case) == ["The question.", "You closed the case"]


def test_what_was_done_before_the_case_came_to_somebody_is_not_called_hers(
    as_charlie: Client, charlie: AbstractBaseUser, case: Case
) -> None:
    services.close_case(case=case)
    case.refresh_from_db()
    changed(case, owner=charlie)
    assert told(as_charlie, case) == ["The question.", "The case was closed"]


def test_why_a_case_that_cannot_be_used_is_closed_its_notice_says(as_alice: Client, case: Case) -> None:
    learn(case, Case.Status.CLOSED, availability=Case.Availability.DELETED)
    assert told(as_alice, case) == ["The question."]


@pytest.mark.parametrize("said", [None, NOON])
def test_an_older_case_tells_its_closing_only_if_the_desk_says_when(
    as_alice: Client, alice: AbstractBaseUser, said: datetime | None
) -> None:
    with transaction.atomic():
        case = desk.import_case(
            owner=alice,
            subject="By mail",
            facts=facts(Case.Status.CLOSED, closed_at=said),
            created_at=NOON - timedelta(hours=2),
            now=timezone.now(),
        )
    answer = IncomingMessage(
        author=Message.Author.STAFF,
        author_name="Maria",
        html="",
        text="Answered.",
        written_at=NOON - timedelta(hours=1),
    )
    desk.record_message(case.pk, answer, now=timezone.now())
    assert told(as_alice, case) == ["Answered.", *(["The case was closed"] if said else [])]


def test_lines_among_messages_that_are_left_out_are_left_out_too(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = delivered(case_of(alice))
    Message.objects.filter(case=case).update(written_at=NOON)
    old = Change(closed=True, by="", at=NOON + timedelta(minutes=1)).stored()
    changed(long_thread(case, 350), closings=[old, Change(False, "", timezone.now()).stored()])
    assert "The case was closed" not in told(as_alice, case)
    assert told(as_alice, case)[-1] == "The case was opened again"
    assert "The case was closed" in told(as_alice, case, "?all=1")


def test_of_a_case_that_goes_back_and_forth_the_last_are_kept(case: Case) -> None:
    with transaction.atomic():
        for _time in range(closings.MOST_KEPT):
            for status in (Case.Status.CLOSED, Case.Status.OPEN):
                locked = thread.lock(case.pk)
                locked.status = status
                thread.store(locked, timezone.now())
    case.refresh_from_db()
    kept = closings.of(case)
    assert len(kept) == closings.MOST_KEPT
    assert [change.closed for change in kept[-2:]] == [True, False]


def test_the_lines_are_quiet_and_have_their_moment(as_alice: Client, case: Case) -> None:
    services.close_case(case=case)
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    (line,) = page.all("li", class_="turned")
    assert line["id"].startswith("turned-")
    assert re.search(r'<li class="turned"[^>]*>You closed the case · <time datetime="', page.source)
