"""A flood meets 429 and loses nothing; ordinary people never meet it."""

import runpy
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from cabinet import limits
from cabinet.draft_models import Draft
from cabinet.models import Case, CaseFile, Message
from cabinet.privacy_models import Usage
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import NewCase, case_of, signed_in, upload

NEW = "/cases/new/"
START = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
DEFAULTS = {"CASES_PER_MINUTE": 10, "POSTS_PER_MINUTE": 30, "POSTS_PER_MINUTE_PER_IP": 90}

pytestmark = pytest.mark.django_db


@pytest.fixture
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(START, tick=False) as traveller:
        yield traveller


@pytest.fixture
def usual(settings: Settings) -> Settings:
    """The limits of an ordinary site."""
    for name, value in DEFAULTS.items():
        setattr(settings, name, value)
    settings.DRAFTS_PER_MINUTE = 120
    settings.DRAFTS_PER_MINUTE_PER_IP = 600
    settings.UPLOAD_MB_PER_MINUTE = 300
    settings.UPLOAD_MB_PER_MINUTE_PER_IP = 1000
    return settings


def reply(client: Client, case: Case, text: str, **more: object) -> int:
    return client.post(f"/cases/{case.pk}/reply/", {"text": text, **more}).status_code


def test_the_defaults_are_those_of_these_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    drafts = ("DRAFTS_PER_MINUTE", "DRAFTS_PER_MINUTE_PER_IP")
    for name in (*DEFAULTS, *drafts, "UPLOAD_MB_PER_MINUTE", "UPLOAD_MB_PER_MINUTE_PER_IP"):
        monkeypatch.delenv(name)
    found = runpy.run_path(str(Path(__file__).parent.parent.parent / "config" / "settings.py"))
    assert {name: found[name] for name in DEFAULTS} == DEFAULTS
    assert [found[name] for name in drafts] == [120, 600]
    assert (found["UPLOAD_MB_PER_MINUTE"], found["UPLOAD_MB_PER_MINUTE_PER_IP"]) == (300, 1000)


@pytest.mark.slow
def test_a_hundred_posts_a_minute_from_one_address_meet_429(usual: Settings, clock: object) -> None:
    people = [factories.person(f"person{n}") for n in range(5)]
    clients = [(signed_in(person), case_of(person)) for person in people]
    answers = [reply(*clients[n % 5], f"post {n}") for n in range(100)]
    assert answers.count(302) == 90
    assert answers.count(429) == 10
    assert Message.objects.filter(text__startswith="post ").count() == 90


def test_another_address_is_not_held_up(usual: Settings, clock: object, alice: AbstractBaseUser) -> None:
    usual.POSTS_PER_MINUTE, usual.POSTS_PER_MINUTE_PER_IP = 0, 2
    client, case = signed_in(alice), case_of(alice)
    assert [reply(client, case, str(n)) for n in range(3)] == [302, 302, 429]
    client.defaults["REMOTE_ADDR"] = "192.0.2.7"
    assert reply(client, case, "from elsewhere") == 302


def test_a_network_of_ipv6_counts_as_one(usual: Settings, clock: object, alice: AbstractBaseUser) -> None:
    usual.POSTS_PER_MINUTE, usual.POSTS_PER_MINUTE_PER_IP = 0, 2
    client, case = signed_in(alice), case_of(alice)
    found = []
    for host in ("2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8:0:1::1"):
        client.defaults["REMOTE_ADDR"] = host
        found.append(reply(client, case, host))
    assert found == [302, 302, 429, 302]


@pytest.mark.slow
def test_a_busy_day_meets_no_limit(usual: Settings, alice: AbstractBaseUser) -> None:
    """A reply every five seconds for five minutes, files and two new cases a minute: nobody writes so."""
    client, case = signed_in(alice), case_of(alice)
    with time_machine.travel(START, tick=False) as clock:
        for number in range(60):
            files = {"files": [upload(f"{number}.txt")]} if number % 4 == 0 else {}
            assert reply(client, case, f"reply {number}", **files) == 302
            if number % 6 == 0:
                assert client.post(NEW, NewCase(subject=f"case {number}").data()).status_code == 302
            clock.shift(timedelta(seconds=5))


def test_one_reply_too_many_keeps_what_was_typed_and_attached(
    usual: Settings, clock: time_machine.Traveller, alice: AbstractBaseUser
) -> None:
    usual.POSTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    clock.shift(timedelta(seconds=20))
    assert reply(client, case, "first") == 302
    answer = client.post(f"/cases/{case.pk}/reply/", {"text": "second, long", "files": [upload("a.txt")]})
    assert (answer.status_code, answer["Retry-After"]) == (429, "40")
    page = Page(answer)
    assert "send it again in 40 seconds" in page.text
    assert "second, long" in answer.content.decode()
    [token] = page.values("uploaded")
    assert case.messages.count() == 2
    clock.shift(timedelta(seconds=40))
    assert reply(client, case, "second, long", uploaded=token) == 302
    last = case.messages.last()
    assert last is not None
    assert [file.name for file in last.files.all()] == ["a.txt"]


def test_one_case_too_many_keeps_what_was_typed(usual: Settings, clock: object, as_alice: Client) -> None:
    usual.CASES_PER_MINUTE = 1
    assert as_alice.post(NEW, NewCase(subject="first").data()).status_code == 302
    form = NewCase(subject="second", text="a long story")
    answer = as_alice.post(NEW, form.data())
    assert answer.status_code == 429
    page = Page(answer)
    assert page.values("subject") == ["second"]
    assert page.values("submission") == [form.submission]
    assert "a long story" in answer.content.decode()
    assert Case.objects.count() == 1


def test_the_open_page_shows_the_form_that_comes_back(
    usual: Settings, clock: object, alice: AbstractBaseUser
) -> None:
    """htmx swaps 429 as it swaps 422; for a button it leaves the page as it is."""
    usual.POSTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    assert '{"code":"422|429","swap":true}' in client.get(f"/cases/{case.pk}/").content.decode()
    assert reply(client, case, "first") == 302
    hx = {"hx-request": "true"}
    answer = client.post(f"/cases/{case.pk}/reply/", {"text": "second"}, headers=hx)
    assert answer.status_code == 429
    assert Page(answer).all("div", id="composer")
    pressed = client.post(f"/cases/{case.pk}/close/", headers=hx)
    assert (pressed.status_code, pressed["HX-Reswap"], pressed.content) == (429, "none", b"")


@pytest.mark.parametrize("button", ["close", "reopen"])
def test_buttons_count_too_and_say_when(
    usual: Settings, clock: object, alice: AbstractBaseUser, button: str
) -> None:
    usual.POSTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    assert reply(client, case, "first") == 302
    answer = client.post(f"/cases/{case.pk}/{button}/")
    assert answer.status_code == 429
    assert "again in 60 seconds" in Page(answer).text
    case.refresh_from_db()
    assert case.status == "open"


def test_sending_a_failed_message_again_counts_too(
    usual: Settings, clock: object, alice: AbstractBaseUser
) -> None:
    usual.POSTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    again = f"/cases/{case.pk}/messages/{case.messages.get().pk}/retry/"
    assert client.post(again).status_code == 302
    answer = client.post(again)
    assert answer.status_code == 429
    assert "again in 60 seconds" in Page(answer).text


# ── the chat ──


@pytest.fixture
def chats(usual: Settings) -> Settings:
    usual.CABINET_MODES = ["mail", "chat"]
    return usual


def test_one_chat_message_too_many_keeps_what_was_typed_and_attached(
    chats: Settings, clock: time_machine.Traveller, as_alice: Client
) -> None:
    chats.POSTS_PER_MINUTE = 1
    clock.shift(timedelta(seconds=20))
    assert as_alice.post("/chat/", {"text": "first"}).status_code == 302
    answer = as_alice.post("/chat/", {"text": "second, long", "files": [upload("a.txt")]})
    assert (answer.status_code, answer["Retry-After"]) == (429, "40")
    page = Page(answer)
    assert "send it again in 40 seconds" in page.text
    assert "second, long</textarea>" in page.source
    [token] = page.values("uploaded")
    assert Message.objects.count() == 1
    clock.shift(timedelta(seconds=40))
    assert as_alice.post("/chat/", {"text": "second, long", "uploaded": token}).status_code == 302
    assert Message.objects.get(text="second, long").files.get().name == "a.txt"


def test_words_that_begin_a_chat_count_as_a_new_case(
    chats: Settings, clock: object, as_alice: Client
) -> None:
    chats.CASES_PER_MINUTE = 1
    said = [as_alice.post("/chat/", {"text": text}).status_code for text in ("first", "second", "third")]
    assert said == [302, 302, 302]
    Case.objects.update(status=Case.Status.CLOSED)
    assert as_alice.post("/chat/", {"text": "the next chat"}).status_code == 429
    assert as_alice.post(NEW, NewCase().data()).status_code == 429
    assert Case.objects.count() == 1


def test_the_chats_own_script_is_told_when(chats: Settings, clock: object, as_alice: Client) -> None:
    chats.POSTS_PER_MINUTE = 1
    hx = {"hx-request": "true"}
    assert as_alice.post("/chat/", {"text": "first"}, headers=hx).status_code == 201
    answer = as_alice.post("/chat/", {"text": "second"}, headers=hx)
    assert answer.status_code == 429
    assert "send it again in 60 seconds" in answer.content.decode()


def test_chats_of_one_network_count_together(
    chats: Settings, clock: object, as_alice: Client, as_charlie: Client
) -> None:
    chats.POSTS_PER_MINUTE, chats.POSTS_PER_MINUTE_PER_IP = 0, 2
    found = [one.post("/chat/", {"text": "x"}).status_code for one in (as_alice, as_charlie, as_alice)]
    assert found == [302, 302, 429]


def test_a_form_with_a_mistake_uses_nothing_up(usual: Settings, clock: object, as_alice: Client) -> None:
    usual.CASES_PER_MINUTE = 1
    for _ in range(3):
        assert as_alice.post(NEW, NewCase(subject="").data()).status_code == 422
    assert as_alice.post(NEW, NewCase().data()).status_code == 302


def test_a_flood_of_files_is_stopped_and_the_rest_of_the_form_kept(
    usual: Settings, clock: time_machine.Traveller, as_alice: Client
) -> None:
    usual.UPLOAD_MB_PER_MINUTE = 1
    half = b"x" * (limits.MEGABYTE // 2)
    form = NewCase(subject="Kept", files=[upload("a", half), upload("b", half), upload("c", half)])
    answer = as_alice.post(NEW, form.data())
    assert answer.status_code == 429
    page = Page(answer)
    assert "“c” was not taken" in page.text
    assert page.values("subject") == ["Kept"]
    assert len(page.values("uploaded")) == 2
    assert CaseFile.objects.count() == 2
    clock.shift(timedelta(minutes=1))
    again = NewCase(subject="Kept", files=[upload("c", half)], submission=form.submission)
    assert as_alice.post(NEW, again.data(uploaded=page.values("uploaded"))).status_code == 302
    assert Case.objects.get().messages.get().files.count() == 3


def test_one_large_file_always_fits(usual: Settings, clock: object, as_alice: Client) -> None:
    """A limit below the largest file would refuse it for ever."""
    usual.UPLOAD_MB_PER_MINUTE = 1
    large = upload("large", b"x" * (3 * limits.MEGABYTE))
    assert as_alice.post(NEW, NewCase(files=[large]).data()).status_code == 302
    assert as_alice.post(NEW, NewCase(files=[upload("b")]).data()).status_code == 429


def test_counters_know_nobody_and_go(usual: Settings, alice: AbstractBaseUser) -> None:
    client, case = signed_in(alice), case_of(alice)
    with time_machine.travel(START, tick=False) as clock:
        reply(client, case, "x")
        assert Usage.objects.count() == 2
        assert not [row for row in Usage.objects.all() if "127.0.0.1" in row.key or not row.key.isalnum()]
        clock.shift(timedelta(hours=2))
        limits.forget_old(now=time.time())
        assert not Usage.objects.exists()


def test_reading_costs_nothing(usual: Settings, clock: object, alice: AbstractBaseUser) -> None:
    usual.POSTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    for _ in range(5):
        assert client.get(f"/cases/{case.pk}/").status_code == 200
        assert client.get("/live/").status_code == 200
    assert not Usage.objects.exists()


# ── drafts ──


def save(client: Client, case: Case, text: str) -> HttpResponse:
    """As one open page saves again and again."""
    page = {"case": str(case.pk), "submission": f"page of {case.pk}"[:40]}
    return client.post("/drafts/", page | {"text": text})  # type: ignore[return-value]


def test_a_flood_of_savings_meets_429_and_keeps_what_was_saved(
    usual: Settings, clock: time_machine.Traveller, alice: AbstractBaseUser
) -> None:
    usual.DRAFTS_PER_MINUTE = 2
    client, case = signed_in(alice), case_of(alice)
    clock.shift(timedelta(seconds=15))
    answers = [save(client, case, text) for text in ("a", "ab", "abc")]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2]["Retry-After"] == "45"
    assert "tried again in 45 seconds" in answers[2].json()["error"]  # type: ignore[attr-defined]
    assert Draft.objects.get().text == "ab"
    assert client.get(f"/drafts/?case={case.pk}").status_code == 200
    clock.shift(timedelta(seconds=45))
    assert save(client, case, "abc").status_code == 200
    assert Draft.objects.get().text == "abc"


def test_too_many_savings_do_not_keep_anybody_from_sending(
    usual: Settings, clock: object, alice: AbstractBaseUser
) -> None:
    usual.DRAFTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    assert [save(client, case, text).status_code for text in ("a", "ab")] == [200, 429]
    assert reply(client, case, "abc", submission=f"page of {case.pk}"[:40]) == 302
    assert not Draft.objects.exists()


def test_savings_of_one_network_count_together(
    usual: Settings, clock: object, alice: AbstractBaseUser, bob: AbstractBaseUser
) -> None:
    usual.DRAFTS_PER_MINUTE, usual.DRAFTS_PER_MINUTE_PER_IP = 0, 2
    answers = [save(signed_in(one), case_of(one), "x").status_code for one in (alice, bob, alice)]
    assert answers == [200, 200, 429]


def test_a_flood_of_small_files_is_one_of_savings(
    usual: Settings, clock: object, alice: AbstractBaseUser
) -> None:
    usual.DRAFTS_PER_MINUTE = 1
    client, case = signed_in(alice), case_of(alice)
    answers = [
        client.post("/uploads/", {"file": upload(name), "case": str(case.pk)}) for name in ("a.txt", "b.txt")
    ]
    assert [answer.status_code for answer in answers] == [201, 422]
    assert "“b.txt” was not taken" in answers[1].json()["error"]


@pytest.mark.slow
def test_typing_without_a_pause_meets_no_limit(usual: Settings, alice: AbstractBaseUser) -> None:
    """An open page saves a second after the last key: sixty times a minute at the very most."""
    client, case = signed_in(alice), case_of(alice)
    with time_machine.travel(START, tick=False) as clock:
        for number in range(120):
            assert save(client, case, "x" * (number + 1)).status_code == 200
            clock.shift(timedelta(seconds=1))
