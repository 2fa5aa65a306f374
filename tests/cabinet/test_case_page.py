"""One case: its thread, its states, and what can be done with it."""

import re
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from cabinet import chat
from cabinet.models import Case, Message, OutboxEntry
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, changed, delivered, staff_reply, upload

SESSION_AND_USER = 2


@pytest.fixture
def case(alice: AbstractBaseUser) -> Case:
    return delivered(case_of(alice))


def show(client: Client, case: Case) -> Page:
    answer = client.get(f"/cases/{case.pk}/")
    assert answer.status_code == 200
    return Page(answer)


def failed(case: Case, failure: str, entry: str = OutboxEntry.State.REJECTED) -> Message:
    """The case's first message, refused by the desk."""
    message = case.messages.get()
    case.messages.update(state=Message.State.FAILED, failure=failure)
    OutboxEntry.objects.filter(message=message).update(state=entry, reason=failure)
    return message


def test_the_thread_reads_from_top_to_bottom(as_alice: Client, case: Case) -> None:
    reply = staff_reply(case, "Please switch it off.")
    page = show(as_alice, case)
    articles = page.all("article")
    first = case.messages.first()
    assert first
    assert [
        (article["data-message"], article["data-author"], article["data-state"]) for article in articles
    ] == [(str(first.pk), "customer", "sent"), (str(reply.pk), "staff", "sent")]
    assert len(page.all("div", data_body="")) == 2
    assert page.text.index("Since this morning.") < page.text.index("Please switch it off.")
    assert "You" in page.text
    assert "Maria" in page.text
    assert page.all("nav", aria_label="You are here")


def test_the_thread_costs_the_same_however_long_it_is(
    as_alice: Client, case: Case, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(30):
        factories.file_in(staff_reply(case, f"answer {number}"))
    with django_assert_num_queries(4 + SESSION_AND_USER + 1):  # what is new becomes read
        as_alice.get(f"/cases/{case.pk}/")
    with django_assert_num_queries(4 + SESSION_AND_USER):
        as_alice.get(f"/cases/{case.pk}/")


@pytest.mark.parametrize(
    ("fields", "notice", "composer"),
    [
        ({"status": "waiting"}, "support has answered and waits for you", "Your reply"),
        ({"status": "open"}, "Support is working on it", "Your reply"),
        ({"status": "closed"}, "This case is closed", "Your reply will open the case again"),
        ({"availability": "spam"}, "marked as spam", "New case"),
        ({"availability": "deleted"}, "has deleted this case", "New case"),
        ({"availability": "archived"}, "is in the archive", "New case"),
        ({"availability": "moved"}, "handed to another person", "New case"),
        ({"availability": "merged"}, "merged into another one", "New case"),
    ],
)
def test_the_page_says_how_the_case_stands(
    as_alice: Client, case: Case, fields: dict[str, str], notice: str, composer: str
) -> None:
    page = show(as_alice, changed(case, **fields))
    assert notice in page.text
    assert composer in page.text
    assert bool(page.all("textarea", name="text")) is ("availability" not in fields)


def test_a_merged_case_leads_to_the_other_but_never_to_somebody_elses(
    as_alice: Client, case: Case, alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    other = delivered(case_of(alice), "9-9")
    changed(case, availability="merged", merged_into=other)
    answer = as_alice.get(f"/cases/{case.pk}/")
    assert (answer.status_code, answer["Location"]) == (302, f"/cases/{other.pk}/")
    there = show(as_alice, other)
    assert "Case № 123-456 was merged into this one" in there.text
    stays = f"/cases/{case.pk}/?stay=1"
    assert there.all("a", href=stays)
    for page in (as_alice.get(stays), as_alice.get(f"/cases/{case.pk}/", headers={"hx-request": "true"})):
        assert page.status_code == 200
        assert Page(page).all("a", href=f"/cases/{other.pk}/")
    theirs = case_of(charlie)
    assert str(theirs.pk) not in show(as_alice, changed(case, merged_into=theirs)).source


def test_files_are_named_with_their_size_and_state(as_alice: Client, case: Case) -> None:
    message = staff_reply(case)
    ready = factories.file_in(message, "ready.pdf", b"x" * 2048)
    factories.file_in(message, "coming.zip", state="fetching")
    factories.file_in(message, "lost.zip", state="unavailable")
    page = show(as_alice, case)
    assert page.all("a", href=f"/files/{ready.pk}/", download="ready.pdf")
    assert re.search(r"ready\.pdf\s+2.0.KB", page.text)
    assert "coming.zip is being fetched" in page.text
    assert "lost.zip not available" in page.text


def test_a_case_whose_messages_are_not_here_yet_says_so(as_alice: Client, case: Case) -> None:
    case.messages.all().delete()
    assert "The messages are being fetched" in show(as_alice, case).text
    assert as_alice.get("/cases/").status_code == 200


def test_a_withdrawn_message_leaves_a_grey_line(as_alice: Client, case: Case) -> None:
    staff_reply(case, "", html=" ", withdrawn_at=timezone.now())
    assert "has been withdrawn" in show(as_alice, case).text


@pytest.mark.parametrize(
    ("failure", "words", "retry"),
    [
        ("rejected", "did not accept", True),
        ("forbidden", "does not take messages", True),
        ("too_large", "too large", True),
        ("not_found", "no longer knows", True),
        ("unavailable", "can no longer be answered", True),
        ("undecided", "could not find out", False),
        ("something_new", "could not be delivered", True),
    ],
)
def test_a_failed_message_says_why_and_can_be_sent_again(
    as_alice: Client, alice: AbstractBaseUser, failure: str, words: str, retry: bool
) -> None:
    case = case_of(alice)
    message = failed(case, failure)
    page = show(as_alice, case)
    assert page.all("article", data_state="failed")
    assert words in page.text
    assert bool(page.all("form", action=f"/cases/{case.pk}/messages/{message.pk}/retry/")) is retry


@pytest.mark.parametrize(
    ("state", "label", "words", "again"),
    [
        ("rejected", "Not delivered", "Support has not got this case", True),
        ("undecided", "Being checked", "We do not know yet whether support has got this case", False),
        ("dropped", "Not delivered", "decided not to send this case on", False),
    ],
)
def test_a_case_that_never_arrived_says_so_and_takes_nothing_more(
    as_alice: Client, alice: AbstractBaseUser, state: str, label: str, words: str, again: bool
) -> None:
    case = case_of(alice)
    message = failed(case, state, state)
    page = show(as_alice, case)
    assert words in page.text
    assert page.all("div", class_="notice notice-failed")
    for untrue in ("Support is working on it", "It also comes in your mail", "The number comes", "With supp"):
        assert untrue not in page.text
    assert not page.all("textarea", name="text")
    assert page.all("a", href="/cases/new/?subject=The%20printer%20smokes")
    assert bool(page.all("form", action=f"/cases/{case.pk}/messages/{message.pk}/retry/")) is again
    assert ("You can send it again" in page.text) is again
    assert "Your turn" not in page.text
    overview = Page(as_alice.get("/cases/"))
    assert f"{label} " in overview.text
    assert overview.all("span", class_="pill pill-failed")
    assert "With support" not in overview.text
    assert not overview.all("a", class_="row-link row-turn")


def test_a_reply_to_a_case_that_never_arrived_keeps_its_words(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = case_of(alice)
    failed(case, "rejected")
    answer = as_alice.post(f"/cases/{case.pk}/reply/", {"text": "my precious words"})
    page = Page(answer)
    assert answer.status_code == 422
    assert page.all("textarea", id="id_text", readonly="")
    assert "my precious words" in page.source
    assert case.messages.count() == 1


def test_a_case_that_arrives_after_all_stands_as_any_other(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    message = failed(case, "rejected")
    as_alice.post(f"/cases/{case.pk}/messages/{message.pk}/retry/")
    page = show(as_alice, case)
    assert page.all("textarea", name="text")
    assert "The number comes in a moment" in page.text
    OutboxEntry.objects.update(state=OutboxEntry.State.DELIVERED)
    case.refresh_from_db()
    assert "Support is working on it" in show(as_alice, delivered(case)).text


def test_what_waits_behind_an_opening_that_failed_is_not_said_to_be_on_its_way(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = case_of(alice)
    as_alice.post(f"/cases/{case.pk}/reply/", {"text": "one more thing"})
    entry = case.outbox.get(kind="open_case")
    Message.objects.filter(outbox=entry).update(state="failed", failure="rejected")
    case.outbox.filter(pk=entry.pk).update(state="rejected")
    page = show(as_alice, case)
    assert "Waits until support has the case" in page.text
    assert not page.all("span", class_="tag")
    assert "Sending" not in Page(as_alice.get("/cases/")).text


def test_a_case_that_never_arrived_can_be_closed(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    failed(case, "rejected")
    as_alice.post(f"/cases/{case.pk}/close/")
    page = show(as_alice, case)
    assert "This case is closed" in page.text
    assert not page.all("textarea", name="text")


def test_a_chat_that_never_arrived_is_followed_by_a_new_one(
    as_alice: Client, alice: AbstractBaseUser, settings: Settings
) -> None:
    settings.CABINET_MODES = ["mail", "chat"]
    failed(chat.say(author=alice, text="Hello?", submission_key=uuid.uuid4()).case, "rejected")
    assert as_alice.post("/chat/", {"text": "Anybody?"}).status_code == 302
    assert sorted(Message.objects.values_list("text", "state")) == [
        ("Anybody?", "sending"),
        ("Hello?", "failed"),
    ]
    assert Case.objects.count() == 2


def test_retry_sends_again(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice)
    message = failed(case, "rejected")
    answer = as_alice.post(f"/cases/{case.pk}/messages/{message.pk}/retry/")
    assert answer["Location"] == f"/cases/{case.pk}/"
    message.refresh_from_db()
    assert message.state == Message.State.SENDING
    as_alice.post(f"/cases/{case.pk}/messages/{message.pk}/retry/")
    assert OutboxEntry.objects.filter(state=OutboxEntry.State.WAITING).count() == 1


@pytest.mark.parametrize("state", [OutboxEntry.State.UNDECIDED, OutboxEntry.State.DELIVERED])
def test_retry_of_anything_else_says_there_is_nothing_to_do(
    as_alice: Client, alice: AbstractBaseUser, state: OutboxEntry.State
) -> None:
    case = case_of(alice)
    message = failed(case, "undecided", state)
    answer = as_alice.post(f"/cases/{case.pk}/messages/{message.pk}/retry/", follow=True)
    assert "nothing to send again" in Page(answer).text


def test_a_message_of_another_case_is_not_found(
    as_alice: Client, case: Case, alice: AbstractBaseUser
) -> None:
    other = case_of(alice).messages.get()
    assert as_alice.post(f"/cases/{case.pk}/messages/{other.pk}/retry/").status_code == 404


def test_a_reply_is_kept_with_its_files(as_alice: Client, case: Case) -> None:
    answer = as_alice.post(
        f"/cases/{case.pk}/reply/", {"text": "It still smokes", "files": [upload("photo.jpg")]}
    )
    assert (answer.status_code, answer["Location"]) == (302, f"/cases/{case.pk}/")
    message = case.messages.last()
    assert message
    assert (message.text, message.state) == ("It still smokes", "sending")
    assert [file.name for file in message.files.all()] == ["photo.jpg"]
    assert "sending" in show(as_alice, case).source


def test_a_double_click_makes_one_reply(as_alice: Client, case: Case) -> None:
    data = {"text": "again", "submission": str(uuid.uuid4())}
    for _click in range(2):
        assert as_alice.post(f"/cases/{case.pk}/reply/", data).status_code == 302
    assert case.messages.count() == 2


def test_what_is_typed_after_going_back_is_another_reply(as_alice: Client, case: Case) -> None:
    key = str(uuid.uuid4())
    for text in ("one", "two"):
        as_alice.post(f"/cases/{case.pk}/reply/", {"text": text, "submission": key})
    assert case.messages.count() == 3


def test_a_bad_reply_comes_back_on_the_case_page_with_its_files(as_alice: Client, case: Case) -> None:
    data = {"text": "x" * 100_001, "files": [upload("kept.txt")], "submission": str(uuid.uuid4())}
    answer = as_alice.post(f"/cases/{case.pk}/reply/", data)
    page = Page(answer)
    assert answer.status_code == 422
    assert "x" * 100_001 in page.source
    assert "kept.txt" in page.text
    assert page.all("article")
    data = {"text": "shorter", "uploaded": page.values("uploaded")}
    as_alice.post(f"/cases/{case.pk}/reply/", data)
    message = case.messages.last()
    assert message
    assert message.files.count() == 1


def test_an_empty_reply_is_said_so(as_alice: Client, case: Case) -> None:
    answer = as_alice.post(f"/cases/{case.pk}/reply/", {"text": "  "})
    assert answer.status_code == 422
    assert "Write something or attach a file" in Page(answer).text


def test_a_reply_that_comes_too_late_keeps_its_words(as_alice: Client, case: Case) -> None:
    changed(case, availability="archived")
    answer = as_alice.post(f"/cases/{case.pk}/reply/", {"text": "my precious words"})
    page = Page(answer)
    assert answer.status_code == 422
    assert "my precious words" in page.source
    assert "was not sent" in page.text
    assert case.messages.count() == 1


def test_close_and_reopen(as_alice: Client, case: Case) -> None:
    for door, status in (("close", "closed"), ("reopen", "open")):
        assert as_alice.post(f"/cases/{case.pk}/{door}/")["Location"] == f"/cases/{case.pk}/"
        case.refresh_from_db()
        assert case.status == status
    assert list(case.outbox.values_list("kind", flat=True)) == ["open_case", "close", "reopen"]


@pytest.mark.parametrize("door", ["close", "reopen"])
def test_a_case_that_is_gone_is_neither_closed_nor_reopened(as_alice: Client, case: Case, door: str) -> None:
    changed(case, availability="deleted")
    answer = as_alice.post(f"/cases/{case.pk}/{door}/", follow=True)
    assert "can no longer be changed" in Page(answer).text


EVIL = "<script>alert(1)</script>"


def test_nothing_anybody_writes_becomes_markup(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice, f"{EVIL} subject", f"{EVIL} text")
    message = staff_reply(case, "text", author_name=f"{EVIL} name")
    factories.file_in(message, f"{EVIL} file.txt")
    for path in (f"/cases/{case.pk}/", "/cases/", f"/cases/?q={EVIL}", f"/cases/?tab={EVIL}"):
        page = as_alice.get(path).content.decode()
        assert EVIL not in page, path
    assert EVIL not in as_alice.post("/cases/new/", {"subject": EVIL, "text": ""}).content.decode()
    assert EVIL not in as_alice.get(f"/accounts/login/?next={EVIL}").content.decode()


def test_times_are_the_readers_with_the_exact_moment_on_hover(as_alice: Client, case: Case) -> None:
    as_alice.cookies["tz"] = "Asia/Vladivostok"
    stamp = show(as_alice, case).all("time")[0]
    assert stamp["datetime"].endswith("+10:00")
    assert stamp["title"]


@pytest.mark.parametrize(("minutes", "said"), [(1, False), (3, True)])
def test_a_message_that_takes_long_says_so(
    as_alice: Client, alice: AbstractBaseUser, minutes: int, said: bool
) -> None:
    case = case_of(alice)
    case.messages.update(written_at=timezone.now() - timedelta(minutes=minutes))
    page = Page(as_alice.get(f"/cases/{case.pk}/"))
    assert "Sending…" in page.text
    assert ("It takes longer than usual" in page.text) is said
