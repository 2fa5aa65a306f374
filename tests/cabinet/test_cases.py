"""The list, its search, and the form for a new case."""

import errno
import time
import uuid
from datetime import timedelta

import pytest
from django.contrib.auth.models import AbstractBaseUser
from django.core.files.storage import FileSystemStorage
from django.http import HttpResponseBase
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from cabinet import limits, uploads
from cabinet.models import Case, CaseFile, Message
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import NewCase, case_of, changed, delivered, staff_reply, upload

NEW = "/cases/new/"
SESSION_AND_USER = 2


def subjects(client: Client, query: str = "") -> list[str]:
    answer = client.get(f"/cases/{query}")
    assert answer.status_code == 200
    return [case.subject for case, _preview in answer.context["rows"]]


# ── the list ──


def test_the_front_door_leads_to_the_list(as_alice: Client, client: Client) -> None:
    assert as_alice.get("/")["Location"] == "/cases/"
    assert client.get("/")["Location"] == "/accounts/login/?next=%2F"


def test_the_latest_activity_comes_first(as_alice: Client, alice: AbstractBaseUser) -> None:
    first, second = case_of(alice, "first"), case_of(alice, "second")
    assert subjects(as_alice) == ["second", "first"]
    changed(first, last_activity_at=second.last_activity_at + timedelta(minutes=1))
    assert subjects(as_alice) == ["first", "second"]


def test_tabs_say_what_waits_for_whom(as_alice: Client, alice: AbstractBaseUser) -> None:
    case_of(alice, "with support")
    staff_reply(case_of(alice, "my turn"))
    case_of(alice, "solved", status=Case.Status.CLOSED)
    case_of(alice, "spam", status=Case.Status.WAITING, availability=Case.Availability.SPAM)
    assert set(subjects(as_alice)) == {"with support", "my turn", "solved", "spam"}
    assert subjects(as_alice, "?tab=turn") == ["my turn"]
    assert set(subjects(as_alice, "?tab=open")) == {"with support", "my turn"}
    assert set(subjects(as_alice, "?tab=closed")) == {"solved", "spam"}
    answer = as_alice.get("/cases/?tab=nonsense")
    assert {name: count for name, _label, count in answer.context["tabs"]} == {
        "all": 4,
        "turn": 1,
        "open": 2,
        "closed": 2,
    }
    assert "(1)" in Page(answer).text


def test_a_row_says_what_was_said_last_and_by_whom(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice, text="My own words")
    page = Page(as_alice.get("/cases/")).text
    assert "You: My own words" in page
    assert "Sending" in page
    staff_reply(delivered(case, "77-1"), "Switch it off")
    page = Page(as_alice.get("/cases/")).text
    assert "Maria: Switch it off" in page
    assert "№ 77-1" in page


def test_a_row_with_only_a_file_says_so_and_one_that_failed_too(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    case = case_of(alice, text="")
    case.messages.update(state=Message.State.FAILED)
    page = Page(as_alice.get("/cases/")).text
    assert "You: Attachment" in page
    assert "Not delivered" in page


def test_a_withdrawn_message_is_nobodys_last_word(as_alice: Client, alice: AbstractBaseUser) -> None:
    case = case_of(alice, text="Mine")
    staff_reply(case, "", withdrawn_at=timezone.now(), html=" ")
    assert "You: Mine" in Page(as_alice.get("/cases/")).text


def test_the_three_empty_lists_differ(as_alice: Client, alice: AbstractBaseUser) -> None:
    none_yet = Page(as_alice.get("/cases/")).text
    case_of(alice)
    nothing_under_tab = Page(as_alice.get("/cases/?tab=turn")).text
    nothing_found = Page(as_alice.get("/cases/?q=zebra")).text
    assert "no cases yet" in none_yet
    assert "Nothing waits for you" in nothing_under_tab
    assert "Nothing was found" in nothing_found


@pytest.mark.parametrize(("query", "allowed"), [("", 3), ("?q=printer", 4), ("?tab=open&q=a&page=2", 4)])
def test_the_list_costs_the_same_however_long_it_is(
    as_alice: Client,
    alice: AbstractBaseUser,
    django_assert_num_queries: DjangoAssertNumQueries,
    query: str,
    allowed: int,
) -> None:
    for number in range(25):
        staff_reply(case_of(alice, f"printer a {number}"))
    with django_assert_num_queries(allowed + SESSION_AND_USER):
        as_alice.get(f"/cases/{query}")


@pytest.mark.slow
def test_ten_thousand_cases_are_listed_within_a_fifth_of_a_second(
    as_alice: Client, alice: AbstractBaseUser, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    """Of the processor's time: others may be at work on this machine."""
    now = timezone.now()
    Case._base_manager.bulk_create(
        Case(
            owner_id=alice.pk,
            number=f"1-{number}",
            subject=f"printer {number}",
            created_at=now,
            changed_at=now,
            last_activity_at=now - timedelta(minutes=number),
        )
        for number in range(10_000)
    )
    with django_assert_num_queries(3 + SESSION_AND_USER):
        page = Page(as_alice.get("/cases/"))
    assert "1–20 of 10,000" in page.text or "1–20 of 10000" in page.text
    taken = []
    for _ in range(5):
        began = time.process_time()
        as_alice.get("/cases/?page=3")
        taken.append(time.process_time() - began)
    assert min(taken) < 0.2


def test_pages_keep_tab_and_query(as_alice: Client, alice: AbstractBaseUser) -> None:
    for number in range(21):
        case_of(alice, f"printer {number}")
    page = Page(as_alice.get("/cases/?tab=open&q=printer"))
    assert "1–20 of 21" in page.text
    assert page.all("a", rel="next")[0]["href"] == "?tab=open&q=printer&page=2"
    assert len(subjects(as_alice, "?tab=open&q=printer&page=2")) == 1
    assert len(subjects(as_alice, "?page=nonsense")) == 20


def test_the_order_stands_in_the_address_and_stays_with_tab_query_and_page(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    first = case_of(alice, "printer first")
    case_of(alice, "printer second")
    staff_reply(first)
    assert subjects(as_alice, "") == ["printer first", "printer second"]
    assert subjects(as_alice, "?sort=newest") == ["printer second", "printer first"]
    assert subjects(as_alice, "?sort=oldest") == ["printer first", "printer second"]
    assert subjects(as_alice, "?sort=owner_id") == subjects(as_alice, ""), "a word of ours or none"
    page = Page(as_alice.get("/cases/?sort=newest&q=printer&page=1"))
    assert [link["href"] for link in page.all("a", aria_current="true")] == ["?sort=newest&q=printer"]
    assert page.all("a", href="?sort=oldest&q=printer")
    assert page.all("a", href="?q=printer"), "back to the usual order, from the first page"
    assert page.all("input", name="sort", value="newest"), "a new search keeps it"
    assert all("sort=newest" in str(tab["href"]) for tab in page.all("a") if "?tab=" in str(tab["href"]))


@pytest.mark.parametrize(
    "query",
    [
        "счёт",
        "СЧЕТ",
        "cЧёТ".replace("c", "с"),
        "пРиШЁЛ",
        "prINTer",
        "482-11",
        "№482",
        "#482-113",
        "март.PDF",
        "договор printer",
    ],
)
def test_search_ignores_case_in_both_alphabets(as_alice: Client, alice: AbstractBaseUser, query: str) -> None:
    case = delivered(case_of(alice, "PRINTER", "Пришёл Счёт. ДОГОВОР № 4417"), "482-113907")
    factories.file_in(case.messages.get(), "Отчёт-Март.pdf")
    case_of(alice, "something else", "nothing of it")
    assert subjects(as_alice, f"?q={query.replace('#', '%23')}") == ["PRINTER"]


def test_search_follows_an_edited_text_and_knows_no_wildcards(
    as_alice: Client, alice: AbstractBaseUser
) -> None:
    message = case_of(alice, "one", "before").messages.get()
    message.text = "ПОСЛЕ 100%"
    message.save(update_fields=["text"])
    assert subjects(as_alice, "?q=после") == ["one"]
    assert subjects(as_alice, "?q=before") == []
    assert subjects(as_alice, "?q=100%25") == ["one"]
    assert subjects(as_alice, "?q=%25x") == []
    assert subjects(as_alice, "?q=\x00") == ["one"]


def test_search_finds_nothing_of_others(as_charlie: Client, alice: AbstractBaseUser) -> None:
    case_of(alice, "secret printer")
    assert subjects(as_charlie, "?q=secret") == []


# ── a new case ──


def test_a_new_case_is_kept_and_shown(as_alice: Client, alice: AbstractBaseUser) -> None:
    form = NewCase(files=[upload("a.txt"), upload("b.txt", b"more words")])
    answer = as_alice.post(NEW, form.data())
    case = Case.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, f"/cases/{case.pk}/")
    assert (case.owner_id, case.subject) == (alice.pk, form.subject)
    message = case.messages.get()
    assert message.text == form.text
    assert [(file.name, file.size) for file in message.files.all()] == [("a.txt", 5), ("b.txt", 10)]


def test_a_double_click_makes_one_case(as_alice: Client) -> None:
    form = NewCase()
    urls = {as_alice.post(NEW, form.data(files=[upload()]))["Location"] for _click in range(2)}
    assert len(urls) == 1
    assert Case.objects.count() == 1


def test_what_is_typed_after_going_back_is_not_swallowed(as_alice: Client) -> None:
    key = str(uuid.uuid4())
    as_alice.post(NEW, NewCase(subject="first", submission=key).data())
    as_alice.post(NEW, NewCase(subject="second", submission=key).data())
    assert Case.objects.count() == 2


@pytest.mark.parametrize("submission", [None, "", "nonsense"])
def test_without_a_submission_key_each_post_is_a_case(as_alice: Client, submission: str | None) -> None:
    data = {"subject": "s", "text": "t"} | ({} if submission is None else {"submission": submission})
    as_alice.post(NEW, data)
    as_alice.post(NEW, data)
    assert Case.objects.count() == 2


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("", "text"),
        ("   ", "text"),
        ("x" * 141, "text"),
        ("subject", ""),
        ("subject", " \n "),
        ("subject", "x" * 100_001),
    ],
)
def test_a_bad_form_keeps_everything_typed(as_alice: Client, subject: str, text: str) -> None:
    form = NewCase(subject=subject, text=text)
    answer = as_alice.post(NEW, form.data())
    assert answer.status_code == 422
    page = Page(answer)
    assert page.values("subject") == [subject]
    assert text.strip() in answer.content.decode()
    assert page.values("submission") == [form.submission]
    assert page.all("div", role="alert")
    assert Case.objects.count() == 0


def test_the_longest_that_fits(as_alice: Client) -> None:
    answer = as_alice.post(NEW, NewCase(subject="ж" * 140, text="я\r\n" * 50_000).data())
    assert answer.status_code == 302


def test_a_file_alone_is_a_message(as_alice: Client) -> None:
    assert as_alice.post(NEW, NewCase(text="", files=[upload()]).data()).status_code == 302


def test_uploads_outlive_a_form_sent_back(as_alice: Client, alice: AbstractBaseUser) -> None:
    page = Page(as_alice.post(NEW, NewCase(subject="", files=[upload("a.txt"), upload("b.txt")]).data()))
    tokens = page.values("uploaded")
    assert len(tokens) == 2
    assert page.values("remove") == tokens
    assert "a.txt" in page.text
    data = NewCase(files=[upload("c.txt")]).data(uploaded=tokens, remove=[tokens[0]])
    as_alice.post(NEW, data)
    assert [file.name for file in Message.objects.get().files.all()] == ["b.txt", "c.txt"]


def test_a_full_disk_costs_the_file_and_nothing_typed(
    as_alice: Client, alice: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as disk:
        disk.setattr(FileSystemStorage, "_save", full)
        form = NewCase(subject="Кратко", text="Длинный рассказ", files=[upload("a.txt")])
        answer = as_alice.post(NEW, form.data())
    assert answer.status_code == 422
    page = Page(answer)
    assert "a.txt" in page.text
    assert "Длинный рассказ" in answer.content.decode()
    assert page.values("uploaded") == []
    assert as_alice.post(NEW, NewCase(subject="Кратко", text="Длинный рассказ").data()).status_code == 302
    assert Message.objects.get().text == "Длинный рассказ"


def test_uploads_of_others_and_sent_ones_are_worth_nothing(
    as_alice: Client, alice: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    of_charlie = Page(self_posted(charlie)).values("uploaded")
    sent = factories.file_in(case_of(alice).messages.get())
    as_alice.post(NEW, NewCase(subject="mine").data(uploaded=[*of_charlie, str(sent.pk), "nonsense"]))
    assert not Case.objects.get(subject="mine").messages.get().files.exists()
    sent.refresh_from_db()
    assert sent.message is not None


def self_posted(user: AbstractBaseUser) -> HttpResponseBase:
    return factories.signed_in(user).post(NEW, NewCase(subject="", files=[upload("theirs.txt")]).data())


def test_a_file_that_is_too_large_fails_alone_and_by_name(
    as_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_FILE_BYTES", limits.MEGABYTE)
    large = upload("huge.zip", b"x" * (limits.MEGABYTE + 1))
    answer = as_alice.post(NEW, NewCase(files=[upload("a.txt"), large, upload("b.txt")]).data())
    page = Page(answer)
    assert answer.status_code == 422
    assert "“huge.zip” is larger than 1 MB." in page.text
    assert len(page.values("uploaded")) == 2


def test_all_files_together_have_a_limit_too(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_MESSAGE_BYTES", 12)
    answer = as_alice.post(NEW, NewCase(files=[upload("a", b"12345678"), upload("b", b"12345678")]).data())
    assert answer.status_code == 422
    assert "“b” does not fit" in Page(answer).text


def test_too_many_and_empty_files_are_named(as_alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "MAX_FILES", 1)
    page = Page(as_alice.post(NEW, NewCase(files=[upload("e", b""), upload("a"), upload("b")]).data()))
    assert "“e” is empty" in page.text
    assert "“b” was left out" in page.text


def test_an_absurdly_large_request_is_refused_before_it_is_read(
    as_alice: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "MAX_REQUEST_BYTES", 1000)
    answer = as_alice.post(NEW, NewCase(files=[upload("a", b"x" * 2000)]).data())
    assert answer.status_code == 413
    assert "too large" in Page(answer).text
    assert CaseFile.objects.count() == 0


def test_characters_no_database_takes_are_left_out(as_alice: Client) -> None:
    as_alice.post(NEW, NewCase(subject="a\x00b\nc", text="x\x00y\x0bz\r\nw").data())
    case = Case.objects.get()
    assert case.subject == "ab c"
    assert case.messages.get().text == "xyz\nw"


def test_the_form_ignores_a_second_click_and_says_sending(as_alice: Client) -> None:
    page = Page(as_alice.get(NEW))
    assert page.all("form", data_send_once="")
    assert page.all("button", data_sending="Sending…")
