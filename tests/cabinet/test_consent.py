"""Consent to the policy: asked for where the company says so, once a version, and kept for good."""

from datetime import UTC, datetime, timedelta
from importlib import import_module

import pytest
from django.conf import settings as site
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from cabinet import privacy
from cabinet.models import Message
from cabinet.privacy_models import Consent
from tests.cabinet.pages import Page
from tests.factories import case_of, signed_in

CONSENT = "/account/consent/"
POLICY = "https://www.example.com/privacy?a=1&b=2"

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(settings: Settings) -> Settings:
    settings.PRIVACY_CONSENT = True
    settings.PRIVACY_POLICY_URL = POLICY
    settings.PRIVACY_POLICY_VERSION = "2026-01-31"
    return settings


def agree(client: Client, **more: str) -> str:
    answer = client.post(CONSENT, {"agree": "on", **more})
    assert answer.status_code == 302
    return str(answer["Location"])


def test_where_it_is_not_asked_for_nobody_meets_it(as_alice: Client) -> None:
    assert as_alice.get("/cases/").status_code == 200
    assert as_alice.get(CONSENT)["Location"] == "/cases/"
    agree(as_alice)
    assert not Consent.objects.exists()


@pytest.mark.parametrize("path", ["/cases/", "/cases/new/", "/cases/?tab=open&q=x"])
def test_it_stands_before_every_page_of_cases_and_leads_on_to_it(
    asked: Settings, as_alice: Client, path: str
) -> None:
    detour = as_alice.get(path)
    assert detour.status_code == 302
    assert detour["Location"].startswith(f"{CONSENT}?next=")
    page = Page(as_alice.get(detour["Location"]))
    assert path in page.values("next")
    assert page.all("a", href=POLICY)
    [box] = page.all("input", name="agree")
    assert "checked" not in box
    assert agree(as_alice, next=path) == path
    assert as_alice.get(path).status_code == 200


def test_a_case_and_its_files_are_behind_it_too(
    asked: Settings, alice: AbstractBaseUser, as_alice: Client
) -> None:
    case = case_of(alice)
    assert as_alice.get(f"/cases/{case.pk}/")["Location"].startswith(CONSENT)
    assert as_alice.get(f"/cases/{case.pk}/", headers={"hx-request": "true"}).status_code == 401
    assert as_alice.post(f"/cases/{case.pk}/reply/", {"text": "x"})["Location"].startswith(CONSENT)
    assert Message.objects.count() == 1


def test_what_was_agreed_to_is_kept(asked: Settings, alice: AbstractBaseUser, as_alice: Client) -> None:
    agree(as_alice)
    agree(as_alice)
    consent = Consent.objects.get()
    assert (consent.person_id, consent.version, consent.policy_url) == (alice.pk, "2026-01-31", POLICY)
    assert consent.language == "en"
    assert timezone.now() - consent.given_at < timedelta(minutes=1)


def test_without_the_tick_nothing_is_kept_and_the_way_is_not_lost(asked: Settings, as_alice: Client) -> None:
    answer = as_alice.post(CONSENT, {"next": "/cases/new/"})
    assert answer.status_code == 422
    page = Page(answer)
    assert "Without your consent" in page.text
    assert "/cases/new/" in page.values("next")
    assert not Consent.objects.exists()


@pytest.mark.parametrize("wanted", ["https://evil.example/", "//evil.example", "javascript:alert(1)"])
def test_it_leads_to_no_other_site(asked: Settings, as_alice: Client, wanted: str) -> None:
    assert agree(as_alice, next=wanted) == "/cases/"


def test_a_new_version_asks_again_and_loses_nothing_that_was_being_written(
    asked: Settings, alice: AbstractBaseUser, as_alice: Client
) -> None:
    case = case_of(alice)
    agree(as_alice)
    assert as_alice.get("/cases/").status_code == 200
    asked.PRIVACY_POLICY_VERSION = "2026-02-01"
    assert (
        as_alice.post(f"/cases/{case.pk}/reply/", {"text": "typed before"})["Location"]
        == f"/cases/{case.pk}/"
    )
    assert Message.objects.filter(text="typed before").exists()
    assert as_alice.get("/cases/")["Location"].startswith(CONSENT)
    agree(as_alice)
    assert set(Consent.objects.values_list("version", flat=True)) == {"2026-01-31", "2026-02-01"}
    assert as_alice.get("/cases/").status_code == 200


def test_who_agreed_elsewhere_is_not_asked_again(asked: Settings, alice: AbstractBaseUser) -> None:
    agree(signed_in(alice))
    assert signed_in(alice).get("/cases/").status_code == 200


def test_the_next_person_at_the_same_browser_is_asked(
    asked: Settings, as_alice: Client, charlie: AbstractBaseUser
) -> None:
    agree(as_alice)
    signed_in(charlie, as_alice)
    assert as_alice.get("/cases/")["Location"].startswith(CONSENT)


def test_a_consent_costs_its_pages_no_query(
    asked: Settings,
    alice: AbstractBaseUser,
    as_alice: Client,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    case = case_of(alice)
    asked.PRIVACY_CONSENT = False
    costs = {}
    for path in ("/cases/", f"/cases/{case.pk}/"):
        with CaptureQueriesContext(connection) as queries:
            as_alice.get(path)
        costs[path] = len(queries)
    asked.PRIVACY_CONSENT = True
    agree(as_alice)
    for path, cost in costs.items():
        with django_assert_num_queries(cost):
            assert as_alice.get(path).status_code == 200


def test_a_consent_is_never_changed(asked: Settings, alice: AbstractBaseUser) -> None:
    consent = privacy.give_consent(person=alice, language="ru", now=datetime(2026, 1, 31, tzinfo=UTC))
    consent.version = "forged"
    with pytest.raises(TypeError):
        consent.save()
    root = signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))
    address = f"/admin/cabinet/consent/{consent.pk}/"
    assert root.get(f"{address}change/").status_code == 200
    assert root.post(f"{address}change/", {"version": "forged"}).status_code == 403
    assert root.post(f"{address}delete/", {"post": "yes"}).status_code == 403
    assert Consent.objects.get().version == "2026-01-31"


def test_ones_own_data_wait_for_no_consent(asked: Settings, as_alice: Client) -> None:
    assert as_alice.get("/account/").status_code == 200
    assert as_alice.post("/account/export/").status_code == 302
    assert as_alice.get("/account/erase/").status_code == 200


def test_the_policy_is_linked_at_the_foot_and_at_sign_in(settings: Settings, as_alice: Client) -> None:
    assert not Page(Client().get("/accounts/login/")).all("a", target="_blank")
    settings.PRIVACY_POLICY_URL = POLICY
    assert len(Page(Client().get("/accounts/login/")).all("a", href=POLICY)) == 2
    page = Page(as_alice.get("/cases/"))
    assert page.all("a", href=POLICY)
    assert page.all("a", href="/account/")


def test_a_made_up_mark_in_a_session_opens_nothing(asked: Settings, as_alice: Client) -> None:
    marks: list[object] = [True, "2026-01-31", ["2026-01-31"], {}, [None, "2026-01-31"]]
    for mark in marks:
        store = import_module(site.SESSION_ENGINE).SessionStore(as_alice.cookies["sessionid"].value)
        store[privacy.SESSION_KEY] = mark
        store.save()
        assert as_alice.get("/cases/")["Location"].startswith(CONSENT)
        assert as_alice.post("/cases/new/", {"subject": "s", "text": "t"})["Location"].startswith(CONSENT)
