"""A case that is closed for long is followed by a new one; both know each other."""

import uuid
from datetime import datetime, timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone, translation
from pytest_django import DjangoAssertNumQueries

from cabinet import desk, following, services
from cabinet.models import Case, CaseRules
from tests.cabinet.pages import Page
from tests.factories import NewCase, case_of, changed, delivered, signed_in, staff_reply

NEW = "/cases/new/"


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    """Closed for 31 days."""
    case = delivered(case_of(alice))
    return changed(case, status="closed", closed_at=timezone.now() - timedelta(days=31))


def show(client: Client, case: Case) -> Page:
    return Page(client.get(f"/cases/{case.pk}/"))


def facts(status: str, closed_at: object = None) -> desk.CaseFacts:
    return desk.CaseFacts("123-456", Case.Status(status), Case.Availability.NORMAL, closed_at=closed_at)  # type: ignore[arg-type]


# ── since when ──


def closed_since(case: Case) -> datetime | None:
    return Case.objects.get(pk=case.pk).closed_at


def test_since_when_a_case_is_closed_follows_its_status(alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    services.close_case(case=case)
    assert closed_since(case)
    services.post_reply(case=case, author=alice, text="still smokes")
    assert closed_since(case) is None
    case.outbox.update(state="delivered")
    now = timezone.now()
    year_ago = now - timedelta(days=365)
    for said, since in ((facts("closed", year_ago), year_ago), (facts("open"), None), (facts("closed"), now)):
        desk.set_facts(case.pk, said, merged_into=None, now=now)
        assert closed_since(case) == since


def test_a_few_seconds_between_both_clocks_change_no_page(case: Case) -> None:
    assert case.closed_at
    revision = case.revision
    for seconds, changes in ((5, 0), (-3600, 0), (86400 * 2, 1)):
        said = facts("closed", case.closed_at + timedelta(seconds=seconds))
        desk.set_facts(case.pk, said, merged_into=None, now=timezone.now())
        assert Case.objects.get(pk=case.pk).revision == revision + changes


def test_an_imported_case_is_closed_since_the_desk_closed_it(alice: AbstractBaseUser) -> None:
    now = timezone.now()
    old = now - timedelta(days=90)
    for said, kept in ((facts("closed", old), old), (facts("closed"), now), (facts("open", old), None)):
        made = desk.import_case(owner=alice, subject="s", facts=said, created_at=old, now=now)
        assert made.closed_at == kept


# ── the rule ──


def test_instead_of_a_box_there_is_a_way_on(as_alice: Client, case: Case) -> None:
    page = show(as_alice, case)
    assert not page.all("textarea", name="text")
    assert not page.all("form", action=f"/cases/{case.pk}/reopen/")
    assert page.all("a", href=f"{NEW}?follow_up={case.pk}")
    assert "will open the case again" not in page.text


@pytest.mark.parametrize(("days", "over"), [(29, False), (31, True)])
def test_until_then_it_is_said_that_a_reply_opens_the_case_again(
    as_alice: Client, case: Case, days: int, over: bool
) -> None:
    page = show(as_alice, changed(case, closed_at=timezone.now() - timedelta(days=days)))
    assert ("Your reply will open the case again" in page.text) is not over
    assert bool(page.all("textarea", name="text")) is not over


@pytest.mark.parametrize(("days", "over"), [(0, False), (7, True), (60, False), (None, True)])
def test_admins_set_the_number_of_days(as_alice: Client, case: Case, days: int | None, over: bool) -> None:
    CaseRules.objects.all().delete()
    if days is not None:
        CaseRules.objects.create(follow_up_days=days)
    assert bool(show(as_alice, case).all("a", href=f"{NEW}?follow_up={case.pk}")) is over
    bare = Case.objects.get(pk=case.pk)
    assert following.is_over(bare, now=timezone.now()) is over


def test_one_that_an_older_version_closed_counts_from_its_last_activity(case: Case) -> None:
    now = timezone.now()
    changed(case, closed_at=None, last_activity_at=now - timedelta(days=31))
    assert following.is_over(case, now=now)
    assert not following.is_over(changed(case, last_activity_at=now), now=now)
    assert not following.is_over(changed(case, status="open", closed_at=now - timedelta(days=99)), now=now)


def test_a_reply_from_an_old_page_keeps_its_words(as_alice: Client, case: Case) -> None:
    answer = as_alice.post(f"/cases/{case.pk}/reply/", {"text": "my precious words"})
    page = Page(answer)
    assert answer.status_code == 422
    assert "my precious words" in page.source
    assert "was not sent" in page.text
    assert case.messages.count() == 1
    answer = as_alice.post(f"/cases/{case.pk}/reopen/", follow=True)
    assert "closed too long ago" in Page(answer).text
    case.refresh_from_db()
    assert case.status == "closed"


def test_nothing_is_sent_again_in_a_case_that_a_new_one_follows(
    as_alice: Client, alice: AbstractBaseUser, case: Case
) -> None:
    closed_at = case.closed_at
    message = services.post_reply(case=changed(case, status="open"), author=alice, text="still smokes")
    case.outbox.filter(message=message).update(state="rejected")
    case.messages.filter(pk=message.pk).update(state="failed", failure="rejected")
    case.refresh_from_db()
    changed(case, status="closed", closed_at=closed_at)
    again = f"/cases/{case.pk}/messages/{message.pk}/retry/"
    assert not show(as_alice, case).all("form", action=again)
    page = Page(as_alice.post(again, follow=True))
    assert "closed too long ago. Open a new one" in page.text
    assert len(page.all("a", href=f"{NEW}?follow_up={case.pk}")) == 2
    message.refresh_from_db()
    assert message.state == "failed"
    assert not case.outbox.filter(state="waiting", message=message).exists()


def test_the_rule_costs_no_query(
    as_alice: Client, case: Case, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_num_queries(6):
        show(as_alice, case)


# ── the new case ──


def test_the_form_says_what_it_follows(as_alice: Client, case: Case) -> None:
    page = Page(as_alice.get(f"{NEW}?follow_up={case.pk}"))
    assert page.values("follow_up") == [str(case.pk)]
    assert page.values("subject") == ["The printer smokes"]
    assert page.all("a", href=f"/cases/{case.pk}/")
    assert "will begin with the line “Follow-up to case № 123-456”" in page.text
    assert Page(as_alice.get(f"{NEW}?follow_up={case.pk}&subject=Other")).values("subject") == ["Other"]


def test_the_new_case_names_the_old_and_both_link_each_other(as_alice: Client, case: Case) -> None:
    answer = as_alice.post(NEW, NewCase(text="Again.").data(follow_up=case.pk))
    new = Case.objects.exclude(pk=case.pk).get()
    assert new.follow_up_of == case
    assert new.messages.get().text == "Follow-up to case № 123-456\n\nAgain."
    assert Page(as_alice.get(answer["Location"])).all("a", href=f"/cases/{case.pk}/")
    assert show(as_alice, case).all("a", href=f"/cases/{new.pk}/")
    delivered(new, "9-9")
    assert "№ 9-9" in show(as_alice, case).text


def test_a_form_with_a_mistake_still_knows_what_it_follows(as_alice: Client, case: Case) -> None:
    for data in ({"subject": "", "text": "Again."}, {"choose": "1", "subject": "", "text": "Again."}):
        page = Page(as_alice.post(NEW, data | {"follow_up": str(case.pk)}))
        assert page.values("follow_up") == [str(case.pk)]
        assert page.values("subject") == [""]


def test_nobody_follows_what_is_not_his(as_charlie: Client, charlie: AbstractBaseUser, case: Case) -> None:
    for value in (str(case.pk), str(uuid.uuid4()), "nonsense", ""):
        page = Page(as_charlie.get(f"{NEW}?follow_up={value}"))
        assert "Follow-up" not in page.text
        assert "The printer smokes" not in page.source
        assert not page.values("follow_up")
        as_charlie.post(NEW, NewCase(subject=f"mine {value}").data(follow_up=value))
    mine = Case.objects.filter(owner_id=charlie.pk)
    assert [(each.follow_up_of, each.messages.get().text) for each in mine] == [
        (None, "Since this morning.")
    ] * 4
    with pytest.raises(ValueError, match="same owner"):
        services.open_case(owner=charlie, subject="s", text="t", follow_up_of=case)


def test_a_case_without_a_number_is_named_by_its_subject(case: Case) -> None:
    with translation.override("en"):
        assert following.first_line(changed(case, number="")) == "Follow-up to my case “The printer smokes”"


@pytest.mark.parametrize("availability", ["deleted", "archived", "spam"])
def test_a_case_that_is_gone_explains_itself_and_leads_on(
    as_alice: Client, case: Case, availability: str
) -> None:
    page = show(as_alice, changed(case, availability=availability))
    assert page.all("a", href=f"{NEW}?follow_up={case.pk}")
    assert not page.all("textarea", name="text")


def test_the_admin_keeps_one_row_of_rules(db: None) -> None:
    staff = signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))
    address = "/admin/cabinet/caserules/1/change/"
    assert staff.post(address, {"follow_up_days": "14"}).status_code == 302
    assert CaseRules.objects.get().follow_up_days == 14
    assert staff.get("/admin/cabinet/caserules/add/").status_code == 403


def test_a_live_case_still_takes_replies(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = delivered(case_of(alice))
    staff_reply(case)
    assert as_alice.post(f"/cases/{case.pk}/reply/", {"text": "yes"}).status_code == 302
