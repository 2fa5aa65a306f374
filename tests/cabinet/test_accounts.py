"""Signing in: the address, the code, and what nobody may learn from it."""

import re
import smtplib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from axes.models import AccessAttempt
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core import mail
from django.core.cache import cache
from django.core.mail.backends.locmem import EmailBackend
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from cabinet.models import Profile
from cabinet.signals import address_proved
from tests.cabinet.pages import Page

LOGIN, CONFIRM, CASES = "/accounts/login/", "/accounts/login/code/confirm/", "/cases/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def proved() -> Iterator[list[tuple[object, str]]]:
    """What the rest of the house is told."""
    heard: list[tuple[object, str]] = []

    def listen(user_id: object, address: str, **_kwargs: object) -> None:
        heard.append((user_id, address))

    address_proved.connect(listen)
    yield heard
    address_proved.disconnect(listen)


def code() -> str:
    found = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert found
    return found[0]


def wrong(right: str) -> str:
    return f"{(int(right) + 1) % 1_000_000:06d}"


def signed_in(client: Client) -> object:
    return client.session.get(SESSION_KEY)


def ask(client: Client, address: str, **more: str) -> Any:
    return client.post(LOGIN, {"email": address, **more})


def test_an_unknown_address_becomes_a_person_once_its_code_came_back(
    client: Client,
    proved: list[tuple[object, str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    assert ask(client, "New@Example.com")["Location"] == CONFIRM
    assert not get_user_model().objects.exists()

    with django_capture_on_commit_callbacks(execute=True):
        answer = client.post(CONFIRM, {"code": code()})

    assert answer.status_code == 302
    assert answer["Location"] == CASES
    user = get_user_model().objects.get()
    assert signed_in(client) == str(user.pk)
    assert not user.has_usable_password()
    row = EmailAddress.objects.get()
    assert (row.user_id, row.email, row.verified, row.primary) == (user.pk, "new@example.com", True, True)
    assert proved == [(user.pk, "new@example.com")]


def test_a_known_person_signs_in_as_himself_and_the_house_hears_it_each_time(
    client: Client,
    alice: AbstractBaseUser,
    proved: list[tuple[object, str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for _time in range(2):
        ask(client, "alice@example.com")
        with django_capture_on_commit_callbacks(execute=True):
            client.post(CONFIRM, {"code": code()})
        assert signed_in(client) == str(alice.pk)
        client.post("/accounts/logout/")
    assert proved == [(alice.pk, "alice@example.com")] * 2


def test_an_existing_sites_address_counts_however_it_was_written(
    client: Client, alice: AbstractBaseUser
) -> None:
    EmailAddress.objects.update(email="Alice@Example.com")
    ask(client, "alice@example.com")
    client.post(CONFIRM, {"code": code()})
    assert signed_in(client) == str(alice.pk)


def test_a_listener_that_fails_costs_nobody_the_sign_in(
    client: Client, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def explode(**_kwargs: object) -> None:
        raise RuntimeError

    address_proved.connect(explode)
    try:
        ask(client, "new@example.com")
        with django_capture_on_commit_callbacks(execute=True):
            assert client.post(CONFIRM, {"code": code()}).status_code == 302
    finally:
        address_proved.disconnect(explode)
    assert signed_in(client)


def test_known_unknown_and_switched_off_addresses_get_the_same_answers(
    alice: AbstractBaseUser, bob: AbstractBaseUser
) -> None:
    get_user_model().objects.filter(pk=bob.pk).update(is_active=False)
    answers = []
    for address in ("alice@example.com", "ghost@example.com", "bobby@example.com", "bob@example.com"):
        client = Client()
        asked = ask(client, address)
        page = client.get(CONFIRM).content.decode().replace(address, "X")
        page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
        letter = str(mail.outbox[-1].body).replace(code(), "000000")
        headers = {name: value for name, value in asked.items() if name != "Expires"}
        answers.append(
            (asked.status_code, asked["Location"], asked.content, headers, page, letter, len(mail.outbox))
        )
    assert [answer[:-1] for answer in answers] == [answers[0][:-1]] * 4
    assert [answer[-1] for answer in answers] == [1, 2, 3, 4]


def test_a_switched_off_account_stays_outside_even_with_the_right_code(
    client: Client, bob: AbstractBaseUser
) -> None:
    get_user_model().objects.filter(pk=bob.pk).update(is_active=False)
    ask(client, "bob@example.com")
    english = {"accept-language": "en"}
    answer = client.post(CONFIRM, {"code": code()}, headers=english, follow=True)
    assert not signed_in(client)
    assert get_user_model().objects.count() == 1
    assert "cannot be used here" in Page(answer).text


def test_a_merely_written_address_opens_no_account(client: Client) -> None:
    squatter = get_user_model().objects.create_user("squatter", "victim@example.com", "a long password")
    EmailAddress.objects.create(user=squatter, email="victim@example.com", verified=False, primary=True)
    ask(client, "victim@example.com")
    client.post(CONFIRM, {"code": code()})
    assert signed_in(client)
    assert signed_in(client) != str(squatter.pk)


def test_somebody_signed_in_otherwise_proves_an_address_for_his_own_account(client: Client) -> None:
    member = get_user_model().objects.create_user("member", "", "a long password")
    client.force_login(member, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/cases/new/")["Location"].startswith(LOGIN)
    ask(client, "member@example.com")
    client.post(CONFIRM, {"code": code()})
    assert signed_in(client) == str(member.pk)
    assert EmailAddress.objects.get().user_id == member.pk
    assert client.get("/cases/new/").status_code == 200


def test_a_username_that_is_taken_is_no_obstacle(client: Client) -> None:
    get_user_model().objects.create_user("new")
    ask(client, "new@example.com")
    client.post(CONFIRM, {"code": code()})
    assert signed_in(client)


def test_the_code_field_is_one_that_phones_fill_in(client: Client) -> None:
    ask(client, "a@example.com")
    field = Page(client.get(CONFIRM)).all("input", name="code")[0]
    assert (field["autocomplete"], field["inputmode"]) == ("one-time-code", "numeric")


def test_looking_at_the_page_spends_nothing(client: Client) -> None:
    ask(client, "a@example.com")
    for _time in range(10):
        assert client.get(CONFIRM).status_code == 200
        assert client.head(CONFIRM).status_code == 200
    client.post(CONFIRM, {"code": f" {code()[:3]}-{code()[3:]} "})
    assert signed_in(client)


def test_a_code_works_once(client: Client) -> None:
    ask(client, "a@example.com")
    first = code()
    client.post(CONFIRM, {"code": first})
    client.post("/accounts/logout/")
    assert client.post(CONFIRM, {"code": first})["Location"] == LOGIN
    assert not signed_in(client)


def test_a_wrong_code_is_said_so_and_the_fifth_ends_it(client: Client) -> None:
    ask(client, "a@example.com")
    right = code()
    for _time in range(4):
        assert client.post(CONFIRM, {"code": wrong(right)}).status_code == 422
    assert client.post(CONFIRM, {"code": wrong(right)})["Location"] == LOGIN
    client.post(CONFIRM, {"code": right})
    assert not signed_in(client)


def test_guessing_across_many_letters_ends_too(client: Client, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"wrong_login_code": "6/d/key", "request_login_code": "99/m/key"}
    for _letter in range(2):
        ask(client, "a@example.com")
        for _time in range(3):
            client.post(CONFIRM, {"code": wrong(code())})
    right = code()
    assert client.post(CONFIRM, {"code": right})["Location"] == LOGIN
    assert not signed_in(client)


def test_a_code_of_sixteen_minutes_ago_is_void(client: Client) -> None:
    begin = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
    with time_machine.travel(begin, tick=False) as clock:
        ask(client, "a@example.com", next="/cases/new/")
        clock.move_to(begin + timedelta(minutes=16))
        answer = client.post(CONFIRM, {"code": code(), "next": "/cases/new/"})
        assert answer["Location"] == "/accounts/login/?next=%2Fcases%2Fnew%2F"
        assert not signed_in(client)
        # Another one is a click away, and who sits down here later is told nothing.
        assert 'value="a@example.com"' in client.get(answer["Location"]).content.decode()
        assert "a@example.com" not in client.get(LOGIN).content.decode()


def test_another_letter_voids_the_first_code_and_comes_three_times_at_most(client: Client) -> None:
    ask(client, "a@example.com")
    first = code()
    for _time in range(5):
        assert client.post(CONFIRM, {"action": "resend"})["Location"] == CONFIRM
    assert len(mail.outbox) == 4
    if first != code():
        assert client.post(CONFIRM, {"code": first}).status_code == 422
    client.post(CONFIRM, {"code": code()})
    assert signed_in(client)


def test_letters_to_one_address_are_limited(client: Client, settings: Settings) -> None:
    settings.ACCOUNT_RATE_LIMITS = {"request_login_code": "2/m/key"}
    assert [ask(Client(), "a@example.com").status_code for _time in range(3)] == [302, 302, 429]
    assert len(mail.outbox) == 2


@pytest.mark.parametrize(
    "address", ["", "not an address", "a@b", "x" * 300 + "@example.com", "a\x00@example.com"]
)
def test_a_bad_address_is_sent_back_as_typed(client: Client, address: str) -> None:
    answer = ask(client, address)
    assert answer.status_code == 422
    assert mail.outbox == []


@pytest.mark.parametrize("typed", ["", "abc", "12345678901234567890", "١٢٣٤٥٦", "\x00", "12" * 40])
def test_a_code_of_nonsense_is_an_ordinary_mistake(client: Client, typed: str) -> None:
    ask(client, "a@example.com")
    assert client.post(CONFIRM, {"code": typed}).status_code == 422


@pytest.mark.parametrize(
    "error", [smtplib.SMTPServerDisconnected("gone"), ConnectionRefusedError(), TimeoutError()]
)
def test_a_mail_server_that_is_down_is_said_plainly(
    client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_args: object) -> int:
        raise error

    monkeypatch.setattr(EmailBackend, "send_messages", fail)
    answer = client.post(LOGIN, {"email": "a@example.com"}, headers={"accept-language": "en"})
    assert answer.status_code == 503
    assert "could not be sent" in Page(answer).text
    assert client.get(CONFIRM)["Location"] == LOGIN


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/cases/new/", "/cases/new/"),
        ("https://evil.example/", CASES),
        ("//evil.example", CASES),
        ("", CASES),
    ],
)
def test_next_leads_only_to_this_site(client: Client, wanted: str, led_to: str) -> None:
    ask(client, "a@example.com", next=wanted)
    assert client.post(CONFIRM, {"code": code(), "next": wanted})["Location"] == led_to


@pytest.mark.parametrize(("language", "words"), [("ru", "код"), ("en", "code to sign in")])
def test_the_letter_speaks_the_visitors_language(client: Client, language: str, words: str) -> None:
    client.post(LOGIN, {"email": "a@example.com"}, headers={"accept-language": language})
    letter = mail.outbox[0]
    assert words in letter.subject
    assert (letter.from_email, letter.to) == ("support@cabinet.example", ["a@example.com"])
    assert code() in letter.subject
    assert letter.extra_headers["Auto-Submitted"] == "auto-generated"


def test_the_session_lasts_thirty_days(client: Client) -> None:
    ask(client, "a@example.com")
    answer = client.post(CONFIRM, {"code": code()})
    assert answer.cookies["sessionid"]["max-age"] == 30 * 24 * 3600


def test_language_and_time_zone_are_remembered_for_letters(client: Client) -> None:
    client.cookies["tz"] = "Asia/Omsk"
    ask(client, "a@example.com")
    client.post(CONFIRM, {"code": code()})
    profile = Profile.objects.get()
    assert (profile.language, profile.time_zone) == ("ru", "Asia/Omsk")


def test_who_is_signed_in_is_led_on(as_alice: Client) -> None:
    assert as_alice.get(LOGIN)["Location"] == CASES
    assert as_alice.get(f"{LOGIN}?next=/cases/new/")["Location"] == "/cases/new/"
    assert as_alice.get(CONFIRM)["Location"] == CASES


def test_signing_out_is_a_post_and_clears_what_the_browser_kept(as_alice: Client) -> None:
    assert as_alice.get("/accounts/logout/").status_code == 405
    answer = as_alice.post("/accounts/logout/")
    assert answer["Location"] == LOGIN
    assert answer["Clear-Site-Data"] == '"cache"'
    assert not signed_in(as_alice)


@pytest.mark.parametrize(
    "path", ["signup/", "password/reset/", "password/change/", "email/", "login/code/", ""]
)
def test_nothing_else_of_allauth_is_mounted(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


def test_the_admins_login_is_held_against_guessing(client: Client) -> None:
    get_user_model().objects.create_superuser("root", "root@example.com", "the right password")
    for _time in range(5):
        client.post("/admin/login/", {"username": "root", "password": "a wrong one"})
    answer = client.post("/admin/login/", {"username": "root", "password": "the right password"})
    assert answer.status_code == 429
    assert not signed_in(client)


def test_the_admins_login_still_takes_a_password(client: Client) -> None:
    get_user_model().objects.create_superuser("root", "root@example.com", "the right password")
    client.post("/admin/login/", {"username": "root", "password": "the right password", "next": "/admin/"})
    assert signed_in(client)


@pytest.mark.parametrize("host", ["ы" * 63 + ".рф", "ы" * 60 + "." + "ы" * 60 + ".рф", "\u200b.example"])
def test_an_address_that_no_letter_can_carry_is_said_to_be_wrong(client: Client, host: str) -> None:
    answer = ask(client, f"a@{host}")
    assert answer.status_code == 422
    assert host in answer.content.decode()
    assert mail.outbox == []


def test_a_host_in_other_letters_is_written_to(client: Client) -> None:
    assert ask(client, "a@почта.рф")["Location"] == CONFIRM
    assert len(mail.outbox) == 1


def test_a_name_without_end_tried_with_a_password_fits_into_its_row(client: Client) -> None:
    """SQLite would keep any; PostgreSQL answers with an error."""
    answer = client.post("/admin/login/", {"username": "a\x00" + "b" * 5000, "password": "x"})
    assert answer.status_code == 200
    client.post("/admin/login/", {"username": "c" * 5000, "password": "x"})
    names = list(AccessAttempt.objects.values_list("username", flat=True))
    assert names == ["c" * 255]
