"""Erasing a person: nothing of theirs stays anywhere here, nobody else loses anything, it is on record."""

import base64
import hashlib
import logging
import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import time_machine
from allauth.account.models import EmailAddress
from axes.models import AccessAttempt, AccessLog
from django.apps import apps
from django.conf import settings as site
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, Permission
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core import mail
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, models
from django.db.models import ProtectedError
from django.db.models.deletion import Collector
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from cabinet import desk, erasure, privacy, services
from cabinet.models import Case, CaseFile, Message, OutboxEntry, Profile, ReadMark
from cabinet.privacy_models import Consent, DataExport, ErasedBytes, Erasure
from tests import factories
from tests.cabinet.pages import Page
from tests.factories import case_of, delivered, packed, signed_in, staff_reply

ERASE = "/account/erase/"
WORDS = ("quagga@example.com", "quagga", "Quaggason")
"""What the person is called everywhere; occurs nowhere else."""

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def fresh_limits(db: None) -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture(autouse=True)
def own_folder(settings: Settings, tmp_path: Path) -> None:
    """Bytes of other tests outlive their rows."""
    settings.MEDIA_ROOT = str(tmp_path / "media")


@pytest.fixture
def quagga(db: None) -> AbstractBaseUser:
    return factories.person("quagga", first_name="Anna", last_name="Quaggason")


def lives_here(person: AbstractBaseUser, client: Client) -> list[str]:
    """Something in every corner, as a long life in the cabinet leaves it. Returns the names of its bytes."""
    client.post("/accounts/login/", {"email": "quagga@example.com"})
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code is not None
    client.post("/accounts/login/code/confirm/", {"code": code[0]})
    assert client.get("/cases/").status_code == 200
    case = delivered(case_of(person, "The quagga is ill", "My quagga eats nothing."))
    case.outbox.update(state=OutboxEntry.State.DELIVERED)
    reply = staff_reply(case, "Dear Quaggason, give it hay.")
    case_of(person, "A second quagga", "Still waiting to be sent, says quagga.")
    sent = factories.file_in(case.messages.all()[0], "quagga.png", b"bytes of the quagga")
    got = factories.file_in(reply, "diet of a quagga.pdf", b"hay for the quagga")
    staged = services.stage_file(owner=person, upload=factories.upload(content=b"quagga"), name="quagga.txt")
    Profile.objects.update_or_create(user_id=person.pk, defaults={"time_zone": "Africa/Quagga"})
    ReadMark.objects.create(user_id=person.pk, case=case, position=2)
    privacy.give_consent(person=person, language="en", now=timezone.now())
    export = packed(person)
    root = get_user_model().objects.filter(
        username="root"
    ).first() or get_user_model().objects.create_superuser("root", "root@example.com", "pw")
    for row in (case, sent, person, EmailAddress.objects.get(user=person)):
        LogEntry.objects.create(
            user=root,
            content_type=ContentType.objects.get_for_model(row),
            object_id=str(row.pk),
            object_repr=str(row)[:200],
            action_flag=CHANGE,
            change_message='[{"added": {"object": "quagga@example.com"}}]',
        )
    common = {"user_agent": "b", "http_accept": "c", "path_info": "/admin/login/"}
    AccessAttempt.objects.create(
        username="quagga@example.com",
        get_data="",
        post_data="username=quagga@example.com",
        failures_since_start=1,
        **common,
    )
    AccessLog.objects.create(username="quagga", **common)
    # Somebody has begun to sign in with this address and has not finished.
    Client().post("/accounts/login/", {"email": "quagga@example.com"})
    return [str(row.blob.name) for row in (sent, got, staged, export)]


def everything_kept() -> Iterator[tuple[str, str]]:
    """Every value of every table, sessions and cached things unfolded, and every file."""
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
            for row in cursor.fetchall():
                yield f"table {table}", repr(row)
                if table == "django_cache":
                    yield "unfolded cache", repr(base64.b64decode(row[1]))
    for session in Session.objects.all():
        yield "unfolded session", repr(session.get_decoded())
    for path in Path(site.MEDIA_ROOT).rglob("*"):
        yield f"name {path}", str(path)
        if path.is_file():
            yield f"file {path}", path.read_bytes().decode("latin-1")


def traces(*words: str) -> list[str]:
    wanted = [word.lower() for word in words]
    wanted += [hashlib.sha256(word.encode()).hexdigest() for word in words if "@" in word]
    return sorted({where for where, said in everything_kept() for word in wanted if word in said.lower()})


def confirm(client: Client, word: str = "erase") -> Any:
    return client.post(ERASE, {"word": word})


def worked_off(made: Erasure) -> Erasure:
    while erasure.work_off(made.pk):
        pass
    made.refresh_from_db()
    return made


# ── nothing stays ──


def test_nothing_of_the_person_stays_anywhere(
    quagga: AbstractBaseUser, charlie: AbstractBaseUser, caplog: pytest.LogCaptureFixture, settings: Settings
) -> None:
    caplog.set_level(logging.DEBUG)
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    blobs = lives_here(quagga, client)
    of_charlie = delivered(case_of(charlie, "Charlie's own", "stays"))
    theirs = factories.file_in(of_charlie.messages.get(), "charlie.txt", b"charlie's bytes")
    found = traces(*WORDS)
    corners: tuple[str, ...] = (
        "cabinet_case",
        "cabinet_message",
        "cabinet_casefile",
        "auth_user",
        "account_emailaddress",
    )
    corners += ("django_admin_log", "axes_accessattempt", "axes_accesslog", "cabinet_profile", "django_cache")
    for corner in (*corners, "unfolded session", "file"):
        assert [where for where in found if corner in where], f"the search must find {corner} itself"

    answer = confirm(client)
    assert answer.status_code == 302
    made = worked_off(Erasure.objects.get())

    assert traces(*WORDS) == []
    assert made.erased_at is not None
    assert not get_user_model().objects.filter(pk=quagga.pk).exists()
    assert not any((Path(site.MEDIA_ROOT) / name).exists() for name in blobs)
    assert "quagga" not in caplog.text.lower()
    # Nobody else lost anything, and what admins did stays on record.
    of_charlie.refresh_from_db()
    assert of_charlie.messages.get().text == "stays"
    assert theirs.blob.storage.exists(str(theirs.blob.name))
    assert signed_in(charlie).get("/cases/").status_code == 200
    assert LogEntry.objects.count() == 4


def test_what_was_confirmed_and_what_was_erased_is_on_record(quagga: AbstractBaseUser) -> None:
    client = Client(HTTP_ACCEPT_LANGUAGE="en")
    lives_here(quagga, client)
    page = Page(client.get(ERASE)).text
    assert "2 cases, 3 messages, 3 files;" in page
    assert "1 message has not reached support yet and will not be sent" in page
    receipt = confirm(client)["Location"]
    assert "being erased" in Page(client.get(receipt)).text
    made = worked_off(Erasure.objects.get())
    assert made.confirmed == {"cases": 2, "messages": 3, "files": 3, "waiting": 1, "consents": 1}
    assert made.erased == {"cases": 2, "messages": 3, "files": 3, "consents": 1}
    assert (made.asked_by, made.person_key, made.account_kept) == ("person", str(quagga.pk), False)
    page = Page(client.get(receipt)).text
    assert "Your data are erased" in page
    assert str(made.pk) in page


def test_signed_out_everywhere_at_once(quagga: AbstractBaseUser, as_charlie: Client) -> None:
    here, there = signed_in(quagga), signed_in(quagga)
    answer = confirm(here)
    assert "cache" in answer["Clear-Site-Data"]
    assert here.get("/cases/")["Location"].startswith("/accounts/login/")
    assert there.get("/cases/")["Location"].startswith("/accounts/login/")
    assert there.post("/cases/new/", {"subject": "s", "text": "t"})["Location"].startswith("/accounts/login/")
    worked_off(Erasure.objects.get())
    assert Session.objects.count() == 1, "Charlie's"
    assert as_charlie.get("/cases/").status_code == 200


def test_who_comes_back_begins_anew(quagga: AbstractBaseUser) -> None:
    client = signed_in(quagga)
    case_of(quagga)
    confirm(client)
    worked_off(Erasure.objects.get())
    client.post("/accounts/login/", {"email": "quagga@example.com"})
    code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
    assert code is not None
    client.post("/accounts/login/code/confirm/", {"code": code[0]})
    user = get_user_model().objects.get()
    assert user.pk != quagga.pk
    assert "You have no cases yet" in Page(client.get("/cases/")).text
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        worked_off(Erasure.objects.get())
    assert client.get("/cases/").status_code == 200
    assert get_user_model().objects.get().pk == user.pk


# ── asking for it ──


@pytest.mark.parametrize("word", ["", "yes", "eras", "erase all", "стереть", "x" * 50])
def test_another_word_erases_nothing(quagga: AbstractBaseUser, word: str) -> None:
    client = signed_in(quagga)
    answer = confirm(client, word)
    assert answer.status_code == 422
    assert Page(answer).values("word") == [word]
    assert not Erasure.objects.exists()
    assert client.get("/cases/").status_code == 200


@pytest.mark.parametrize("word", ["erase", " ERASE ", "“erase”"])
def test_the_word_however_it_is_written(quagga: AbstractBaseUser, word: str) -> None:
    assert confirm(signed_in(quagga), word).status_code == 302


def test_an_old_session_has_to_sign_in_again(quagga: AbstractBaseUser) -> None:
    now = timezone.now()
    with time_machine.travel(now, tick=False) as clock:
        client = signed_in(quagga)
        clock.shift(timedelta(minutes=9))
        assert Page(client.get(ERASE)).all("input", name="word")
        clock.shift(timedelta(minutes=2))
        page = Page(client.get(ERASE))
        assert not page.all("input", name="word")
        assert page.all("form", action="/account/erase/sign-in/")
        refused = confirm(client)
        assert refused.status_code == 403
        assert not Erasure.objects.exists()
        assert client.post("/account/erase/sign-in/")["Location"] == f"/accounts/login/?next={ERASE}"
        client.post("/accounts/login/", {"email": "quagga@example.com", "next": ERASE})
        code = re.search(r"\b\d{6}\b", str(mail.outbox[-1].body))
        assert code is not None
        back = client.post("/accounts/login/code/confirm/", {"code": code[0], "next": ERASE})
        assert back["Location"] == ERASE
        assert confirm(client).status_code == 302


def test_the_page_says_what_stays_and_whom_to_ask(quagga: AbstractBaseUser, settings: Settings) -> None:
    settings.PRIVACY_CONTACT = "privacy@acme.example"
    page = Page(signed_in(quagga).get(ERASE)).text
    assert "own help desk" in page
    assert "Write to privacy@acme.example." in page
    assert "sign in again later with the same address" in page


def test_an_account_of_staff_is_not_erased(quagga: AbstractBaseUser) -> None:
    get_user_model().objects.filter(pk=quagga.pk).update(is_staff=True)
    case_of(quagga)
    answer = confirm(signed_in(quagga))
    assert answer.status_code == 422
    assert "belongs to staff" in Page(answer).text
    with pytest.raises(CommandError, match="belongs to staff"):
        call_command("erase_person", "quagga@example.com", "--yes", stdout=StringIO())
    assert Case.objects.count() == 1


def test_a_receipt_that_is_made_up_does_not_exist(client: Client) -> None:
    assert client.get("/account/erased/00000000-0000-0000-0000-000000000007/").status_code == 404


def test_asked_twice_it_is_done_once(quagga: AbstractBaseUser) -> None:
    asked = {"person": quagga, "asked_by": Erasure.AskedBy.STAFF, "now": timezone.now()}
    assert erasure.request(**asked).pk == erasure.request(**asked).pk  # type: ignore[arg-type]
    assert Erasure.objects.count() == 1


def test_a_worker_that_begins_at_this_moment_makes_it_begin_again(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a worker has just noted beside a row makes PostgreSQL refuse to take the row away."""
    refused, once = [IntegrityError, IntegrityError], erasure._on_their_way

    def on_their_way(person: AbstractBaseUser) -> Any:
        if refused:
            raise refused.pop()
        return once(person)

    monkeypatch.setattr(erasure, "_on_their_way", on_their_way)
    case_of(quagga)
    erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    assert Erasure.objects.count() == 1
    assert not OutboxEntry.objects.exists()


# ── from the moment it was asked for ──


def test_what_waited_is_never_sent(quagga: AbstractBaseUser) -> None:
    case_of(quagga)
    confirm(signed_in(quagga))
    assert not OutboxEntry.objects.exists()
    assert Case.objects.count() == 1, "the rest is a worker's work"


def test_nothing_is_imported_for_somebody_who_is_being_erased(quagga: AbstractBaseUser) -> None:
    confirm(signed_in(quagga))
    facts = desk.CaseFacts(number="1", status=Case.Status.OPEN, availability=Case.Availability.NORMAL)
    now = timezone.now()
    for _erased in (False, True):
        with pytest.raises(desk.PersonGone):
            desk.import_case(owner=quagga, subject="back again", facts=facts, created_at=now, now=now)
        worked_off(Erasure.objects.get())


# ── trouble ──


def test_many_cases_are_erased_in_several_turns(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(erasure, "CASES_AT_ONCE", 2)
    monkeypatch.setattr(erasure, "MAX_TIME", timedelta(0))
    for number in range(5):
        case_of(quagga, f"quagga {number}")
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    turns = 1
    while erasure.work_off(made.pk):
        turns += 1
    made.refresh_from_db()
    assert turns == 4
    assert made.erased["cases"] == 5
    assert traces(*WORDS) == []


class Killed(BaseException):
    """The worker is gone."""


@pytest.mark.parametrize("at", ["_delete_bytes", "_end_sessions", "_forget_sign_ins", "_let_go", "_conclude"])
def test_a_worker_killed_anywhere_costs_time_only(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    blobs = lives_here(quagga, Client(HTTP_ACCEPT_LANGUAGE="en"))
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())

    def die(*_: Any) -> None:
        raise Killed

    with monkeypatch.context() as worker:
        worker.setattr(erasure, at, die)
        with pytest.raises(Killed):
            erasure.work_off(made.pk)
    assert erasure.due(timezone.now()) == []
    with time_machine.travel(timezone.now() + erasure.LEASE + timedelta(seconds=1)):
        assert erasure.due(timezone.now()) == [made.pk]
        worked_off(made)
    assert made.erased_at is not None
    assert (made.erased["cases"], made.erased["messages"], made.erased["files"]) == (2, 3, 3)
    assert traces(*WORDS) == []
    assert not any((Path(site.MEDIA_ROOT) / name).exists() for name in blobs)


def test_a_fault_is_visible_names_nobody_and_is_tried_again(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())

    def fail(*_: Any) -> None:
        raise RuntimeError("Key (email)=(quagga@example.com) is still referenced")

    with monkeypatch.context() as trouble:
        trouble.setattr(erasure, "_erase_person", fail)
        assert worked_off(made).last_error == "RuntimeError"
    assert made.erased_at is None
    assert "quagga" not in caplog.text
    with time_machine.travel(timezone.now() + timedelta(minutes=2)):
        worked_off(made)
    assert (made.erased_at is not None, made.last_error) == (True, "")


def test_what_was_written_meanwhile_is_found_by_the_second_look(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upload whose bytes came after its row was erased, by a request that was under way."""
    staged = services.stage_file(owner=quagga, upload=factories.upload(content=b"quagga"), name="quagga.txt")
    made = worked_off(erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now()))
    staged.blob.storage.save(str(staged.blob.name), factories.upload(content=b"quagga, late"))
    assert traces("quagga, late") != []
    assert made.due_at is not None
    with time_machine.travel(made.due_at + timedelta(seconds=1)):
        assert worked_off(made).due_at is None
    assert traces("quagga") == []
    assert not ErasedBytes.objects.exists()


def test_a_case_that_came_in_this_very_moment_goes_too(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    end_sessions = erasure._end_sessions

    def end_and_be_overtaken(*args: Any) -> None:
        monkeypatch.setattr(erasure, "_end_sessions", end_sessions)
        case_of(quagga, "quagga at the last moment")
        end_sessions(*args)

    monkeypatch.setattr(erasure, "_end_sessions", end_and_be_overtaken)
    assert worked_off(made).erased_at is None
    with time_machine.travel(timezone.now() + timedelta(minutes=1)):
        worked_off(made)
    assert made.erased_at is not None
    assert traces("quagga") == []


# ── an account that belongs to more than the cabinet ──


def test_an_account_that_others_protect_is_kept_without_name_and_address(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    def protected(self: Collector, *_: Any, **__: Any) -> None:
        raise ProtectedError("An order of the site's own shop stands in the way.", set())

    lives_here(quagga, Client(HTTP_ACCEPT_LANGUAGE="en"))
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    monkeypatch.setattr(type(quagga), "delete", protected)
    assert worked_off(made).account_kept
    kept = get_user_model().objects.get(pk=quagga.pk)
    assert (kept.email, kept.first_name, kept.last_name, kept.is_active) == ("", "", "", False)
    assert kept.username.startswith("erased-")
    assert not kept.has_usable_password()
    assert traces(*WORDS) == []
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        case_of(kept, "quagga, by a request that was under way")
        assert worked_off(made).due_at is None
    assert traces("quagga") == []


def test_rows_of_other_apps_never_go_with_an_account(
    quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Deleting the account would delete a group here, as it would an order of a shop."""
    monkeypatch.setattr(erasure, "OURS", erasure.OURS - {"admin"})
    monkeypatch.setattr(erasure, "_unname_person_in_the_admins_log", lambda *_: None)
    kind = ContentType.objects.get_for_model(Case)
    LogEntry.objects.create(
        user=quagga, content_type=kind, object_id="1", object_repr="x", action_flag=CHANGE
    )  # type: ignore[misc]
    made = erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    assert worked_off(made).account_kept
    assert LogEntry.objects.count() == 1


def let_go(person: AbstractBaseUser) -> None:
    """A site's own way: see the setting in the test below."""
    get_user_model().objects.filter(pk=person.pk).update(email="", username="member 7", is_active=True)


def test_a_site_decides_itself_what_becomes_of_an_account(
    quagga: AbstractBaseUser, settings: Settings
) -> None:
    settings.CABINET_LET_GO = f"{__name__}.let_go"
    case_of(quagga)
    made = worked_off(erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now()))
    kept = get_user_model().objects.get(pk=quagga.pk)
    assert (kept.username, kept.is_active, made.account_kept) == ("member 7", True, True)
    mine = case_of(kept, "A new life")
    with time_machine.travel(timezone.now() + timedelta(hours=2)):
        worked_off(made)
    assert Case.objects.get() == mine


def test_what_was_written_into_cases_of_others_loses_its_name(
    quagga: AbstractBaseUser, charlie: AbstractBaseUser
) -> None:
    case = case_of(charlie)
    message = services.post_reply(case=case, author=quagga, text="from a colleague")
    worked_off(erasure.request(person=quagga, asked_by=Erasure.AskedBy.PERSON, now=timezone.now()))
    message.refresh_from_db()
    assert (message.author_user_id, message.author_name) == (None, erasure.UNSEEN_NAME)


# ── for staff ──


def test_the_command_does_the_same_as_the_page(quagga: AbstractBaseUser, charlie: AbstractBaseUser) -> None:
    lives_here(quagga, Client(HTTP_ACCEPT_LANGUAGE="en"))
    said = StringIO()
    call_command("erase_person", "Quagga@example.com", "--yes", stdout=said)
    assert "cases: 2, messages: 3, files: 3, waiting: 1" in said.getvalue()
    assert "is done" in said.getvalue()
    assert traces(*WORDS) == []
    assert Erasure.objects.get().asked_by == "staff"
    for nobody in ("ghost@example.com", "999999", "x"):
        with pytest.raises(CommandError, match="Nobody"):
            call_command("erase_person", nobody, "--yes", stdout=StringIO())
    call_command("erase_person", str(charlie.pk), "--yes", stdout=StringIO())
    assert not EmailAddress.objects.exists()


def test_the_command_asks_first(quagga: AbstractBaseUser, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builtins.input", lambda _: "no")
    with pytest.raises(CommandError, match="Nothing was erased"):
        call_command("erase_person", "quagga@example.com", stdout=StringIO())
    assert not Erasure.objects.exists()


def test_the_admin_asks_once_more_and_only_superusers(quagga: AbstractBaseUser) -> None:
    profile = Profile.objects.create(user_id=quagga.pk)
    case_of(quagga)
    root = signed_in(get_user_model().objects.create_superuser("root", "root@example.com", "pw"))
    chosen = {"action": "erase_people", "_selected_action": [str(profile.pk)]}
    page = root.post("/admin/cabinet/profile/", chosen).content.decode()
    assert "cases 1, messages 1" in page
    assert not Erasure.objects.exists()
    helper = get_user_model().objects.create_user("helper", is_staff=True)
    helper.user_permissions.add(Permission.objects.get(codename="view_profile"))
    signed_in(helper).post("/admin/cabinet/profile/", {**chosen, "confirmed": "yes"})
    assert not Erasure.objects.exists()
    root.post("/admin/cabinet/profile/", {**chosen, "confirmed": "yes"})
    worked_off(Erasure.objects.get())
    assert not Case.objects.exists()
    made = Erasure.objects.get()
    assert str(made.pk) in root.get("/admin/cabinet/erasure/").content.decode()


def test_every_row_of_a_person_is_known_to_go() -> None:
    """Whoever adds a model that points at a person says here how it goes: its own rows go by themselves."""
    own = {column.model for column in erasure.columns_of_a_person()}
    assert {Profile, CaseFile, ReadMark, Consent, DataExport} <= own
    others = {
        model
        for model in apps.get_app_config("cabinet").get_models()
        for column in model._meta.concrete_fields
        if isinstance(column, models.ForeignKey) and column.related_model is get_user_model()
    } - own
    assert others == {Case, Message}, "taken away before, and left without a name"
