"""What staff see and do in the admin."""

import uuid
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from cabinet.models import Case, Message, OutboxEntry
from cabinet.signals import work_waiting
from tests import factories
from tests.factories import case_of, delivered, signed_in, staff_reply

LISTS = ["case", "message", "casefile", "outboxentry", "profile", "consent", "dataexport", "erasure"]


@pytest.fixture
def staff(db: None) -> Client:
    return signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))


def many(alice: AbstractBaseUser, count: int) -> None:
    for number in range(count):
        case = delivered(case_of(alice, f"case {number}"))
        factories.file_in(staff_reply(case))


def entry_of(alice: AbstractBaseUser, state: OutboxEntry.State, reason: str = "rejected") -> OutboxEntry:
    entry = case_of(alice).outbox.get()
    OutboxEntry.objects.filter(pk=entry.pk).update(
        state=state, reason=reason, due_at=timezone.now() + timedelta(hours=1)
    )
    if state in (OutboxEntry.State.REJECTED, OutboxEntry.State.UNDECIDED):
        entry.case.messages.update(state=Message.State.FAILED, failure=reason)
    entry.refresh_from_db()
    return entry


def act(client: Client, action: str, entry: OutboxEntry) -> str:
    data = {"action": action, "_selected_action": [str(entry.pk)]}
    return client.post("/admin/cabinet/outboxentry/", data, follow=True).content.decode()


@pytest.mark.parametrize("model", LISTS)
def test_every_list_costs_the_same_however_long_it_is(
    staff: Client, alice: AbstractBaseUser, model: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many(alice, 2)
    staff.get(f"/admin/cabinet/{model}/")
    with CaptureQueriesContext(connection) as few:
        assert staff.get(f"/admin/cabinet/{model}/").status_code == 200
    many(alice, 5)
    with django_assert_num_queries(len(few)):
        staff.get(f"/admin/cabinet/{model}/")


@pytest.mark.parametrize("model", LISTS)
def test_every_list_can_be_searched(staff: Client, alice: AbstractBaseUser, model: str) -> None:
    many(alice, 1)
    for query in ("case", "123", str(uuid.uuid4())):
        assert staff.get(f"/admin/cabinet/{model}/?q={query}").status_code == 200


def test_a_case_shows_its_messages_and_duties(staff: Client, alice: AbstractBaseUser) -> None:
    case = delivered(case_of(alice, text="Since this morning."))
    factories.file_in(staff_reply(case, "Switch it off"), "manual.pdf")
    page = staff.get(f"/admin/cabinet/case/{case.pk}/change/").content.decode()
    for words in ("Since this morning.", "Switch it off", "manual.pdf", "open the case"):
        assert words in page


def test_what_was_given_up_is_found_with_its_reason(staff: Client, alice: AbstractBaseUser) -> None:
    entry_of(alice, OutboxEntry.State.REJECTED, "too_large")
    entry_of(alice, OutboxEntry.State.WAITING, "")
    for path in (
        "outboxentry/?condition=given_up",
        "outboxentry/?reason=too_large",
        "message/?failure=too_large",
    ):
        page = staff.get(f"/admin/cabinet/{path}").content.decode()
        assert "too_large" in page
        assert "1 outbox entry" in page or "1 message" in page
    assert "1 case" in staff.get("/admin/cabinet/case/?condition=given_up").content.decode()
    assert "1 outbox entry" in staff.get("/admin/cabinet/outboxentry/?condition=waits").content.decode()


@pytest.mark.parametrize(
    "state", [OutboxEntry.State.REJECTED, OutboxEntry.State.UNDECIDED, OutboxEntry.State.WAITING]
)
def test_try_again_makes_it_due_and_rings(
    staff: Client,
    alice: AbstractBaseUser,
    state: OutboxEntry.State,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    entry = entry_of(alice, state)
    rung: list[object] = []

    def listen(case_id: object, **_kwargs: object) -> None:
        rung.append(case_id)

    work_waiting.connect(listen)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            assert "1 entry will be sent now" in act(staff, "try_again", entry)
    finally:
        work_waiting.disconnect(listen)
    entry.refresh_from_db()
    assert entry.state == OutboxEntry.State.WAITING
    assert entry.due_at <= timezone.now()
    assert entry.case.messages.get().state == Message.State.SENDING
    assert entry.case_id in rung


@pytest.mark.parametrize(
    "state", [OutboxEntry.State.ATTEMPTING, OutboxEntry.State.UNSETTLED, OutboxEntry.State.DELIVERED]
)
@pytest.mark.parametrize("action", ["try_again", "drop"])
def test_what_is_in_the_middle_of_something_stays(
    staff: Client, alice: AbstractBaseUser, state: OutboxEntry.State, action: str
) -> None:
    entry = entry_of(alice, state)
    assert "0 entries" in act(staff, action, entry)
    entry.refresh_from_db()
    assert entry.state == state


def test_dropping_says_so_to_the_customer(staff: Client, alice: AbstractBaseUser) -> None:
    entry = entry_of(alice, OutboxEntry.State.WAITING)
    act(staff, "drop", entry)
    entry.refresh_from_db()
    message = entry.case.messages.get()
    assert (entry.state, message.state, message.failure) == ("dropped", "failed", "dropped")


def test_nothing_is_added_edited_or_deleted_by_accident(staff: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    for model in LISTS:
        assert staff.get(f"/admin/cabinet/{model}/add/").status_code == 403
    entry = case.outbox.get()
    assert staff.post(f"/admin/cabinet/outboxentry/{entry.pk}/delete/", {"post": "yes"}).status_code == 403
    assert "delete_selected" not in staff.get("/admin/cabinet/outboxentry/").content.decode()
    for answer in (
        staff.get(f"/admin/cabinet/case/{case.pk}/delete/"),
        staff.post(f"/admin/cabinet/case/{case.pk}/delete/", {"post": "yes"}),
    ):
        assert answer.status_code == 403
    case_list = staff.get("/admin/cabinet/case/").content.decode()
    case_page = staff.get(f"/admin/cabinet/case/{case.pk}/change/").content.decode()
    assert "delete_selected" not in case_list
    assert "deletelink" not in case_page
    selected = {"action": "delete_selected", "_selected_action": [str(case.pk)], "post": "yes"}
    staff.post("/admin/cabinet/case/", selected)
    assert staff.post(f"/admin/cabinet/case/{case.pk}/change/", {"subject": "x"}).status_code == 403
    assert Case.objects.get().subject == case.subject


def test_who_may_only_look_has_no_buttons(alice: AbstractBaseUser) -> None:
    helper = get_user_model().objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_outboxentry"))
    client = signed_in(helper)
    entry = entry_of(alice, OutboxEntry.State.REJECTED)
    assert "try_again" not in client.get("/admin/cabinet/outboxentry/").content.decode()
    client.post("/admin/cabinet/outboxentry/", {"action": "drop", "_selected_action": [str(entry.pk)]})
    entry.refresh_from_db()
    assert entry.state == OutboxEntry.State.REJECTED


def test_customers_are_not_let_in(as_alice: Client) -> None:
    assert as_alice.get("/admin/cabinet/case/").status_code == 302
