"""People whom the company's own site hands over: who gets in, as whom, and who does not."""

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from html import unescape
from threading import Barrier
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import jwt
import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.conf import settings as site
from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.db import connection
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from cabinet import handover
from cabinet.handover import Reason, Refused
from cabinet.models import Case, Profile, UsedToken
from cabinet.selectors import address_of, name_of
from cabinet.signals import address_proved
from tests.between import in_every_gap
from tests.cabinet.pages import Page
from tests.cabinet.test_accounts import CASES, CONFIRM, LOGIN, code
from tests.cabinet.tokens import DOOR, claims, enter, signed, token
from tests.factories import NewCase, case_of, person, signed_in
from tests.hostile import shots

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SECOND = int(NOW.timestamp())
SECRET = "a secret of the company's own site, for tests"


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def client() -> Client:
    return Client(HTTP_ACCEPT_LANGUAGE="en")


@pytest.fixture
def proved() -> Iterator[list[tuple[object, str]]]:
    """What the rest of the house is told."""
    heard: list[tuple[object, str]] = []

    def listen(user_id: object, address: str, **_kwargs: object) -> None:
        heard.append((user_id, address))

    address_proved.connect(listen)
    yield heard
    address_proved.disconnect(listen)


def who(client: Client) -> str | None:
    return client.session.get(SESSION_KEY)


def known(name: str, external_id: str | None) -> AbstractBaseUser:
    user = person(name)
    Profile.objects.create(user_id=user.pk, external_id=external_id)
    return user


def why(answer: Any) -> str:
    """The word on the page of a refusal, with the claim it names."""
    assert answer.status_code == 403
    return unescape(answer.content.decode().split("<code>")[1].split("</code>")[0])


# ── whom it brings ──────────────────────────────────────────────────────────────────────────────────────


def test_somebody_without_an_address_comes_in_and_is_known_again(client: Client) -> None:
    answer = enter(client)
    assert (answer.status_code, answer["Location"]) == (302, CASES)
    user = get_user_model().objects.get()
    assert who(client) == str(user.pk)
    assert not user.has_usable_password()
    assert not EmailAddress.objects.exists()
    assert (name_of(user), user.email, user.username) == ("Alice Smith", "", "c-17")
    assert "You are signed in as Alice Smith." in Page(client.get(CASES)).text

    again = Client()
    enter(again, token(jti="2", name="Alice Jones"))
    assert who(again) == str(user.pk)
    assert name_of(get_user_model().objects.get()) == "Alice Jones"


@pytest.mark.parametrize("path", [DOOR, f"{DOOR}/"])
@pytest.mark.parametrize("way", ["get", "post"])
def test_both_spellings_take_the_token_by_get_and_by_post(path: str, way: str) -> None:
    """The form is another site's: it brings no token of ours, and the browser no cookie."""
    client = Client(enforce_csrf_checks=True)
    answer = getattr(client, way)(path, {"jwt": token(), "return_to": "/cases/new/"})
    assert (answer.status_code, answer["Location"]) == (302, "/cases/new/")
    assert who(client)


def test_a_number_is_the_same_person_as_its_digits() -> None:
    for external_id in (4242, "4242", " 4242 "):
        enter(Client(), token(external_id=external_id))
    assert list(Profile.objects.values_list("external_id", flat=True)) == ["4242"]


def test_two_people_of_one_name_stay_two(client: Client) -> None:
    enter(Client(), token(external_id="1", name=None))
    enter(Client(), token(external_id="1 ", name=None, jti="again"))
    enter(Client(), token(external_id="!1", name=None))
    names = sorted(str(user) for user in get_user_model().objects.all())
    assert len(names) == 2
    assert names[0] == "1"


def test_an_address_nobody_has_proved_comes_with_the_person(
    client: Client,
    proved: list[tuple[object, str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        enter(client, token(email=" Alice@Example.com "))
    row = EmailAddress.objects.get()
    assert (row.email, row.verified, row.primary) == ("alice@example.com", True, True)
    assert row.user.email == "alice@example.com"
    assert proved == [(row.user_id, "alice@example.com")]


def test_the_code_and_the_hand_over_lead_to_one_account_when_the_site_came_first(client: Client) -> None:
    enter(client, token(email="alice@example.com"))
    by_code = Client()
    by_code.post(LOGIN, {"email": "alice@example.com"})
    by_code.post(CONFIRM, {"code": code()})
    assert who(by_code) == who(client)


def test_a_merely_written_address_is_no_obstacle(client: Client) -> None:
    squatter = get_user_model().objects.create_user("squatter", "alice@example.com", "a long password")
    EmailAddress.objects.create(user=squatter, email="alice@example.com", verified=False, primary=True)
    enter(client, token(email="alice@example.com"))
    assert who(client) not in (None, str(squatter.pk))


def test_a_new_address_of_a_known_person_comes_first_from_now_on(
    client: Client,
    proved: list[tuple[object, str]],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    alice = known("alice", "c-17")
    with django_capture_on_commit_callbacks(execute=True):
        enter(client, token(email="alice@new.example"))
    assert who(client) == str(alice.pk)
    assert address_of(alice) == "alice@new.example"
    assert EmailAddress.objects.filter(user_id=alice.pk, verified=True).count() == 2
    assert proved == [(alice.pk, "alice@new.example")]


def test_an_address_the_person_has_keeps_its_place(client: Client) -> None:
    alice = known("alice", "c-17")
    EmailAddress.objects.create(user=alice, email="Second@Example.com", verified=True)
    enter(client, token(email="second@example.com"))
    assert who(client) == str(alice.pk)
    assert address_of(alice) == "alice@example.com"


def test_an_account_with_a_password_keeps_its_name(client: Client) -> None:
    member = known("member", "c-17")
    member.set_password("a long password")
    member.save()
    enter(client, token(name="Somebody Else"))
    assert who(client) == str(member.pk)
    assert name_of(member) == "member@example.com"


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Алиса \n\t Смит\x00 ", "Алиса Смит"),
        ("a\ud800b", "a b"),
        ("\u202eecilA", "ecilA"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("x" * 5000, "x" * 150),
        ("\x00\u200b", "c-17"),
    ],
)
def test_a_name_is_one_line_that_can_be_shown(client: Client, given: str, kept: str) -> None:
    assert enter(client, token(name=given)).status_code == 302
    assert name_of(get_user_model().objects.get()) == kept


# ── whom it does not ────────────────────────────────────────────────────────────────────────────────────


def test_the_address_of_another_handed_over_person_is_refused(client: Client) -> None:
    known("bob", "c-99")
    assert why(enter(client, token(email="bob@example.com"))) == "address-taken (email)"
    assert who(client) is None
    assert get_user_model().objects.count() == 1


def test_a_known_person_with_somebody_elses_address_is_refused_and_nothing_changes(
    client: Client, bob: AbstractBaseUser
) -> None:
    alice = known("alice", "c-17")
    assert why(enter(client, token(email="bob@example.com", name="Bob"))) == "address-taken (email)"
    assert who(client) is None
    assert name_of(alice) == "alice@example.com"


@pytest.mark.parametrize("email", [None, "alice@example.com"])
@pytest.mark.parametrize("external_id", ["c-17", None])
def test_a_switched_off_account_stays_outside(
    client: Client, email: str | None, external_id: str | None
) -> None:
    alice = known("alice", external_id)
    get_user_model().objects.filter(pk=alice.pk).update(is_active=False)
    answer = enter(client, token(email=email))
    if external_id or email:
        assert why(answer) == "switched-off"
        assert who(client) is None
    else:
        assert who(client) != str(alice.pk)


def test_who_signs_in_by_code_joins_both_by_a_code(client: Client, alice: AbstractBaseUser) -> None:
    answer = enter(client, token(email="Alice@example.com"), return_to="/cases/new/")
    assert answer.status_code == 403
    page = Page(answer)
    assert "alice@example.com" in page.text
    assert "only if you have just come from there yourself, as Alice Smith" in page.text
    assert (page.values("email"), page.values("next")[0]) == (["alice@example.com"], "/cases/new/")
    assert who(client) is None
    assert not Profile.objects.filter(external_id="c-17").exists()

    client.post(LOGIN, {"email": page.values("email")[0], "next": "/cases/new/"})
    answer = client.post(CONFIRM, {"code": code(), "next": "/cases/new/"}, follow=True)
    assert answer.redirect_chain[-1][0] == "/cases/new/"
    assert "the link on our site leads to these cases too" in Page(answer).text
    assert who(client) == str(alice.pk)

    later = Client()
    enter(later, token(email="alice@example.com", jti="later"))
    assert who(later) == str(alice.pk)


def test_a_code_to_another_address_joins_nothing(client: Client, alice: AbstractBaseUser) -> None:
    enter(client, token(email="alice@example.com"))
    for address in ("bob@example.com", "alice@example.com"):
        client.post(LOGIN, {"email": address})
        client.post(CONFIRM, {"code": code()})
        client.post("/accounts/logout/")
    assert not Profile.objects.filter(external_id="c-17").exists()


def test_what_would_be_joined_waits_an_hour_at_most(client: Client, alice: AbstractBaseUser) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        enter(client, token(email="alice@example.com"))
        clock.shift(3601)
        client.post(LOGIN, {"email": "alice@example.com"})
        client.post(CONFIRM, {"code": code()})
    assert who(client) == str(alice.pk)
    assert Profile.objects.get().external_id is None


def test_an_id_that_has_found_its_person_meanwhile_is_not_taken_away(
    client: Client, alice: AbstractBaseUser
) -> None:
    enter(client, token(email="alice@example.com"))
    client.post(LOGIN, {"email": "alice@example.com"})
    enter(Client(), token(jti="without an address"))
    client.post(CONFIRM, {"code": code()})
    assert who(client) == str(alice.pk)
    assert Profile.objects.get(external_id="c-17").user_id != alice.pk


def test_somebody_signed_in_by_that_address_still_needs_the_code(as_alice: Client) -> None:
    """A stranger's link must not tie the stranger's id to whoever happens to be signed in."""
    assert enter(as_alice, token(email="alice@example.com")).status_code == 403
    assert who(as_alice) is None
    assert not Profile.objects.filter(external_id="c-17").exists()


# ── the session ─────────────────────────────────────────────────────────────────────────────────────────


def test_whoever_used_the_browser_before_is_gone(as_alice: Client, alice: AbstractBaseUser) -> None:
    case, before = case_of(alice), as_alice.session.session_key
    answer = enter(as_alice)
    assert who(as_alice) not in (None, str(alice.pk))
    assert answer["Clear-Site-Data"] == '"cache"'
    assert not Session.objects.filter(session_key=before).exists()
    assert as_alice.get(f"/cases/{case.pk}/").status_code == 404


def test_a_code_asked_for_before_adds_no_address_to_the_new_person(client: Client) -> None:
    client.post(LOGIN, {"email": "victim@example.com"})
    enter(client)
    assert client.post(CONFIRM, {"code": code()}).status_code == 302
    assert not EmailAddress.objects.exists()


def test_the_session_has_a_new_key(client: Client) -> None:
    session = client.session
    session["anything"] = 1
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    enter(client)
    assert client.session.session_key != session.session_key


def test_coming_again_keeps_the_own_session_and_says_nothing(client: Client) -> None:
    enter(client)
    client.get(CASES)
    answer = enter(client, token(jti="2"))
    assert "Clear-Site-Data" not in answer
    assert "You are signed in as" not in Page(client.get(CASES)).text


def test_language_and_time_zone_are_remembered(client: Client) -> None:
    client.cookies["tz"] = "Asia/Omsk"
    enter(client)
    profile = Profile.objects.get()
    assert (profile.language, profile.time_zone, profile.external_id) == ("en", "Asia/Omsk", "c-17")


@pytest.mark.parametrize(
    ("wanted", "led_to"),
    [
        ("/cases/new/", "/cases/new/"),
        ("http://testserver/cases/?tab=turn", "http://testserver/cases/?tab=turn"),
        ("https://evil.example/", CASES),
        ("//evil.example", CASES),
        ("/\\evil.example", CASES),
        ("javascript:alert(1)", CASES),
        ("https://testserver@evil.example/", CASES),
        ("\x00//evil.example", CASES),
        ("", CASES),
    ],
)
@pytest.mark.parametrize("way", ["get", "post"])
def test_return_to_leads_only_to_this_site(client: Client, wanted: str, led_to: str, way: str) -> None:
    answer = getattr(client, way)(DOOR, {"jwt": token(), "return_to": wanted})
    assert answer["Location"] == led_to


def test_nothing_keeps_the_page_or_passes_its_address_on(client: Client) -> None:
    for answer in (enter(client), enter(client, "nonsense")):
        assert answer["Cache-Control"] == "no-store"
        # Not `no-referrer`: a form on the page would then come from nowhere, and be refused.
        assert answer["Referrer-Policy"] == "strict-origin"


def test_the_page_of_a_refusal_does_not_repeat_the_token(client: Client) -> None:
    given = token(external_id=None)
    assert given not in enter(client, given).content.decode()


# ── once ────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_token_works_once_however_it_is_spelled() -> None:
    given = token()
    assert enter(Client(), given).status_code == 302
    for again in (given, f"{given}=", given):
        assert why(enter(Client(HTTP_ACCEPT_LANGUAGE="en"), again)) == "used"
    assert UsedToken.objects.count() == 1
    assert given.rpartition(".")[2] not in UsedToken.objects.get().digest


def test_reloading_leads_on_the_one_who_came_in_and_nobody_else(
    client: Client, bob: AbstractBaseUser
) -> None:
    given = token()
    enter(client, given)
    assert enter(client, given, return_to="/cases/new/")["Location"] == "/cases/new/"
    as_bob = signed_in(bob)
    assert why(enter(as_bob, given)) == "used"
    assert who(as_bob) == str(bob.pk)


def test_a_refused_person_has_used_the_token_too(client: Client) -> None:
    bob = known("bob", "c-99")
    given = token(email="bob@example.com")
    assert why(enter(client, given)) == "address-taken (email)"
    EmailAddress.objects.filter(user_id=bob.pk).delete()
    assert why(enter(client, given)) == "used"


def test_a_browser_that_only_guesses_uses_nothing_up(client: Client) -> None:
    given = token()
    assert client.get(DOOR, {"jwt": given}, headers={"sec-purpose": "prefetch;prerender"}).status_code == 503
    assert client.head(DOOR, {"jwt": given}).status_code == 405
    assert enter(client, given).status_code == 302


def test_used_tokens_are_forgotten_a_minute_after_their_end() -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        enter(Client())
        clock.shift(359)
        enter(Client(), token(external_id="2"))
        assert UsedToken.objects.count() == 2
        clock.shift(1)
        enter(Client(), token(external_id="3"))
        assert UsedToken.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_of_many_browsers_with_one_token_one_gets_in() -> None:
    given, together = token(), Barrier(4)

    def come(_number: int) -> int:
        try:
            together.wait(10)
            return int(enter(Client(), given).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(come, range(4))) == [302, 403, 403, 403]
    assert Profile.objects.count() == get_user_model().objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_person_in_many_browsers_is_made_once() -> None:
    together = Barrier(4)

    def come(number: int) -> tuple[int, str | None]:
        client = Client()
        try:
            together.wait(10)
            return enter(client, token(jti=str(number), email="alice@example.com")).status_code, who(client)
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        came = list(pool.map(come, range(4)))
    user = get_user_model().objects.get()
    assert came == [(302, str(user.pk))] * 4
    assert EmailAddress.objects.get().user_id == user.pk


@pytest.mark.django_db(transaction=True)
def test_one_person_in_two_windows_is_let_in_whenever_the_other_comes() -> None:
    came: dict[str, list[tuple[int, str | None]]] = {}

    def come(name: str) -> None:
        client, here = Client(), came.setdefault(name, [])
        given = token(jti=str(uuid4()), external_id=name, email=f"{name}@example.com")
        here.append((enter(client, given).status_code, who(client)))

    for name, gap in in_every_gap("jane-{}".format, come, come, fewest=10):
        user = str(get_user_model().objects.get(cabinet_profile__external_id=name).pk)
        assert came[name] == [(302, user)] * (2 if gap.met else 1), gap.before


@pytest.mark.django_db(transaction=True)
def test_of_two_people_with_one_address_one_gets_it() -> None:
    together = Barrier(2)

    def come(number: int) -> int:
        try:
            together.wait(10)
            given = token(external_id=number, email="alice@example.com")
            return int(enter(Client(), given).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as pool:
        assert sorted(pool.map(come, range(2))) == [302, 403]
    assert Profile.objects.count() == get_user_model().objects.count() == EmailAddress.objects.count() == 1


# ── what a token must be ────────────────────────────────────────────────────────────────────────────────


def read(**more: Any) -> handover.HandOver:
    said = {"iat": SECOND, "exp": SECOND + 300, "external_id": "c-17"} | more
    said = {name: value for name, value in said.items() if value is not None}
    return handover.read(signed(json.dumps(said).encode()), secret=SECRET, now=NOW)


def refusal(**more: Any) -> tuple[Reason, str]:
    with pytest.raises(Refused) as refused:
        read(**more)
    return refused.value.reason, refused.value.claim


@pytest.mark.parametrize(
    "more",
    [
        {"exp": SECOND + 360},
        {"exp": SECOND + 300, "iat": SECOND - 60},
        {"exp": SECOND - 59, "iat": SECOND - 300},
        {"exp": SECOND + 300, "iat": None},
        {"exp": None, "iat": SECOND - 359},
        {"exp": None, "iat": SECOND + 60},
        {"exp": None, "iat": SECOND + 0.5},
        {"iat": SECOND + 60, "exp": SECOND + 360},
        {"nbf": SECOND + 60},
        {"aud": "somebody", "iss": 5, "sub": 17, "jti": 3, "remote_photo_url": "https://x.example/a.png"},
        {"company_name": "Acme", "company_position": None},
    ],
)
def test_good_times_at_their_edges_and_claims_that_are_not_ours(more: dict[str, Any]) -> None:
    assert read(**more).external_id == "c-17"


@pytest.mark.parametrize(
    ("more", "reason", "claim"),
    [
        ({"exp": SECOND - 60, "iat": None}, Reason.EXPIRED, ""),
        ({"exp": None, "iat": SECOND - 360}, Reason.EXPIRED, ""),
        ({"exp": SECOND + 361, "iat": None}, Reason.TOO_LONG, "exp"),
        ({"exp": SECOND + 3600}, Reason.TOO_LONG, "exp"),
        ({"exp": SECOND + 60, "iat": SECOND - 3600}, Reason.TOO_LONG, "exp"),
        ({"iat": SECOND + 61}, Reason.TOO_EARLY, "iat"),
        ({"nbf": SECOND + 61}, Reason.TOO_EARLY, "nbf"),
        ({"exp": None, "iat": None}, Reason.CLAIM, "iat"),
        ({"iat": SECOND * 1000}, Reason.CLAIM, "iat"),
        ({"exp": SECOND * 1000}, Reason.CLAIM, "exp"),
        ({"exp": 10**400}, Reason.CLAIM, "exp"),
        ({"exp": -1}, Reason.CLAIM, "exp"),
        ({"exp": float("inf")}, Reason.CLAIM, "exp"),
        ({"iat": float("nan")}, Reason.CLAIM, "iat"),
        ({"iat": str(SECOND)}, Reason.CLAIM, "iat"),
        ({"exp": True}, Reason.CLAIM, "exp"),
        ({"nbf": []}, Reason.CLAIM, "nbf"),
        ({"external_id": None}, Reason.CLAIM, "external_id"),
        ({"external_id": ""}, Reason.CLAIM, "external_id"),
        ({"external_id": "  "}, Reason.CLAIM, "external_id"),
        ({"external_id": True}, Reason.CLAIM, "external_id"),
        ({"external_id": 1.5}, Reason.CLAIM, "external_id"),
        ({"external_id": ["c-17"]}, Reason.CLAIM, "external_id"),
        ({"external_id": {"id": 1}}, Reason.CLAIM, "external_id"),
        ({"external_id": "x" * 201}, Reason.CLAIM, "external_id"),
        ({"external_id": 10**200}, Reason.CLAIM, "external_id"),
        ({"external_id": "a\x00b"}, Reason.CLAIM, "external_id"),
        ({"external_id": "a\nb"}, Reason.CLAIM, "external_id"),
        ({"external_id": "a\u200bb"}, Reason.CLAIM, "external_id"),
        ({"external_id": "\ud800"}, Reason.CLAIM, "external_id"),
        ({"name": 5}, Reason.CLAIM, "name"),
        ({"name": ["Alice"]}, Reason.CLAIM, "name"),
        ({"email": 5}, Reason.CLAIM, "email"),
        ({"email": "no address"}, Reason.CLAIM, "email"),
        ({"email": "a\x00@example.com"}, Reason.CLAIM, "email"),
        ({"email": "a@\ud800.example"}, Reason.CLAIM, "email"),
        ({"email": "x" * 300 + "@example.com"}, Reason.CLAIM, "email"),
    ],
)
def test_claims_that_let_nobody_in(more: dict[str, Any], reason: Reason, claim: str) -> None:
    assert refusal(**more) == (reason, claim)


def test_the_longest_id_fits() -> None:
    assert len(read(external_id="я" * 200).external_id) == 200


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_an_address_that_is_not_there_may_be_said_in_several_ways(empty: str | None) -> None:
    said: dict[str, Any] = {"iat": SECOND, "external_id": 1, "email": empty, "name": empty, "exp": None}
    handed = handover.read(signed(json.dumps(said).encode()), secret=SECRET, now=NOW)
    assert (handed.address, handed.name) == ("", "")


@pytest.mark.parametrize(
    "given",
    [
        "",
        " ",
        "a.b",
        "a.b.c",
        "....",
        "é" * 20,
        "\ud800",
        "\x00",
        "x" * 10_000,
        signed(b"[]", secret=SECRET),
        signed(b'"words"', secret=SECRET),
        signed(b"{", secret=SECRET),
        signed(b"\xff\xfe", secret=SECRET),
        signed(b"[" * 4000, secret=SECRET),
        signed(b'{"iat": ' + b"9" * 4400 + b"}", secret=SECRET),
        signed(b"{}", header={"alg": "HS256", "crit": ["b64"], "b64": False}, secret=SECRET),
        signed(b"{}", header={"alg": "HS256", "crit": ["ours"], "ours": 1}, secret=SECRET),
        signed(b"{}", header={"alg": ["HS256"]}, secret=SECRET),
        signed(b"{}", header={"alg": "HS256", "kid": 5}, secret=SECRET),
        signed(b"{}", header={}, secret=SECRET),
    ],
)
def test_what_is_no_token_lets_nobody_in(given: str) -> None:
    with pytest.raises(Refused) as refused:
        handover.read(given, secret=SECRET, now=NOW)
    assert refused.value.reason in (Reason.INCOMPLETE, Reason.UNREADABLE, Reason.SIGNATURE)


def test_only_hs256_with_the_secret_is_the_sites() -> None:
    said = {"iat": SECOND, "external_id": "c-17"}
    good = jwt.encode(said, SECRET, "HS256")
    assert handover.read(good, secret=SECRET, now=NOW).external_id == "c-17"
    head, body, signature = good.split(".")
    other_body = signed(json.dumps(said | {"external_id": "c-18"}).encode(), secret=SECRET).split(".")[1]
    for bad in (
        jwt.encode(said, "another secret, as long as it should be", "HS256"),
        jwt.encode(said, SECRET * 2, "HS384"),
        jwt.encode(said, SECRET * 2, "HS512"),
        jwt.encode(said, None, "none"),
        f"{head}.{body}.",
        f"{head}.{other_body}.{signature}",
        signed(json.dumps(said).encode(), header={"alg": "none"}, secret=SECRET),
        signed(json.dumps(said).encode(), header={"alg": "None"}, secret=SECRET),
        signed(json.dumps(said).encode(), header={"alg": "RS256"}, secret=SECRET),
        signed(json.dumps(said).encode(), header={"alg": "hs256"}, secret=SECRET),
    ):
        with pytest.raises(Refused) as refused:
            handover.read(bad, secret=SECRET, now=NOW)
        assert refused.value.reason == Reason.SIGNATURE


@pytest.mark.slow
@pytest.mark.parametrize("claim", ["external_id", "name", "email", "iat", "exp"])
def test_hostile_claims_of_a_good_token_break_nothing(claim: str) -> None:
    for number, (what, value) in enumerate(shots.VALUES.items()):
        client = Client()
        text = value.decode("utf-8", "surrogateescape")[:4000]
        answer = enter(client, token(**{"external_id": number, claim: text}))
        assert answer.status_code in (302, 403), what
        assert (who(client) is not None) == (answer.status_code == 302), what
        assert client.get(CASES).status_code == (200 if who(client) else 302), what


# ── the door ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("way", ["get", "post", "head", "put"])
def test_without_a_secret_there_is_no_such_door(client: Client, settings: Settings, way: str) -> None:
    given = token()
    settings.SSO_SECRET = ""
    assert getattr(client, way)(DOOR, {"jwt": given}).status_code == 404
    assert getattr(client, way)(DOOR, {"jwt": jwt_of_an_empty_secret()}).status_code == 404
    assert who(client) is None


def jwt_of_an_empty_secret() -> str:
    head, body, _ = token().split(".")
    return f"{head}.{body}."


@pytest.mark.parametrize("way", ["put", "delete", "patch", "options"])
def test_the_door_is_opened_by_get_and_post_only(client: Client, way: str) -> None:
    assert getattr(client, way)(DOOR).status_code == 405


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "incomplete"),
        ({"jwt": "nonsense"}, "damaged"),
        ({"jwt": token(iat=SECOND, exp=SECOND + 9)}, "expired"),
        ({"jwt": signed(b"{}", secret="x" * 40)}, "genuine"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where_to_go(
    client: Client, given: dict[str, str], words: str
) -> None:
    with time_machine.travel(datetime(2027, 1, 1, tzinfo=UTC)):
        answer = client.get(DOOR, given)
    assert answer.status_code == 403
    page = Page(answer)
    assert words in page.text
    assert "Go back to the site you came from" in page.text
    assert who(client) is None


def test_the_log_says_why_and_nothing_of_the_token(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    given = token(email="not an address", name="Alice Smith", external_id="c-17")
    with caplog.at_level(logging.DEBUG):
        enter(client, given)
        enter(client, token())
        client.post(DOOR, {"jwt": signed(json.dumps(claims()).encode(), secret="x" * 40)})
        enter(client, token(jti="far", exp=2**34))
    said = caplog.text
    assert "A hand-over was refused: claim email (not an address)" in said
    assert "signature" in said
    assert "too-long exp" in said
    for secret in (given, *given.split(".")[1:], "eyJ", "Alice", "c-17", site.SSO_SECRET):
        assert secret not in said


# ── the cabinet without an address ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def handed(client: Client) -> Client:
    """Somebody without an address, signed in."""
    enter(client)
    return client


def test_a_case_is_opened_without_an_address_where_a_mode_allows(handed: Client, settings: Settings) -> None:
    settings.CABINET_MODES = ["mail", "cabinet"]
    assert handed.get("/cases/new/").status_code == 200
    answer = handed.post("/cases/new/", NewCase().data(), follow=True)
    case = Case.objects.get()
    assert case.mode == Case.Mode.CABINET
    assert "You will see our answer here." in Page(answer).text
    assert case.messages.get().author_name == "Alice Smith"
    assert handed.get(f"/cases/{case.pk}/").status_code == 200
    assert handed.get("/live/").status_code in (200, 304)


def test_where_answers_come_by_mail_only_he_is_asked_for_an_address(handed: Client) -> None:
    answer = handed.get("/cases/new/", follow=True)
    text = Page(answer).text
    assert "Add your e-mail address" in text
    assert "You are signed in as Alice Smith" in text
    before = who(handed)
    handed.post(LOGIN, {"email": "alice@example.com", "next": "/cases/new/"})
    assert "will be added to the account of Alice Smith" in Page(handed.get(CONFIRM)).text
    answer = handed.post(CONFIRM, {"code": code(), "next": "/cases/new/"})
    assert answer["Location"] == "/cases/new/"
    assert who(handed) == before
    assert handed.post("/cases/new/", NewCase().data()).status_code == 302
    assert Case.objects.get().mode == Case.Mode.MAIL
    assert len(mail.outbox) == 1


def test_every_page_says_who_is_signed_in(handed: Client) -> None:
    page = Page(handed.get(CASES))
    assert page.all("p", class_="who")
    assert page.text.rstrip().endswith("Alice Smith")


# ── whose session has ended ─────────────────────────────────────────────────────────────────────────────


def test_the_sign_in_page_leads_back_to_the_companys_own(
    client: Client, db: None, settings: Settings
) -> None:
    settings.SSO_SIGN_IN_URL = "https://www.acme.example/support?from=cabinet"
    page = Page(client.get("/accounts/login/?next=/cases/new/"))
    link = page.all("a", class_="alone")[0]
    back = "return_to=http%3A%2F%2Ftestserver%2Fcases%2Fnew%2F"
    assert link["href"] == f"https://www.acme.example/support?from=cabinet&{back}"
    settings.SSO_SIGN_IN_URL = ""
    assert "Follow its link once more" in Page(client.get("/accounts/login/")).text
    settings.SSO_SECRET = ""
    assert "from our site" not in Page(client.get("/accounts/login/")).text


def test_what_was_typed_without_a_session_is_there_after_the_hand_over(
    client: Client, db: None, settings: Settings
) -> None:
    settings.CABINET_MODES = ["cabinet"]
    enter(client)
    client.get("/cases/new/")
    Session.objects.all().delete()
    told = client.post("/cases/new/", {"subject": "It smokes", "text": "Since dawn"})
    settings.SSO_SIGN_IN_URL = "https://www.acme.example/support"
    link = Page(client.get(told["Location"])).all("a", class_="alone")[0]
    back = parse_qs(urlsplit(link["href"]).query)["return_to"][0]
    answer = enter(client, token(name="Alice"), return_to=back)
    page = Page(client.get(answer["Location"]))
    assert page.values("subject") == ["It smokes"]
