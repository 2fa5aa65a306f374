"""A small house with something in every room, and clients that hide no error."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from django.apps import apps
from django.conf import settings as site
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import AbstractBaseUser, Group, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.db import connection, transaction
from django.test import Client
from django.test.client import ClientHandler
from django.utils import timezone
from pytest_django import Settings

from cabinet import notices
from cabinet.models import (
    Case,
    CaseFile,
    CaseRules,
    Message,
    Notice,
    OutboxEntry,
    Profile,
    StaffFace,
    StatusText,
    Topic,
    TopicField,
)
from cabinet.privacy_models import Consent, Erasure
from config.wsgi import guarded
from omnidesk_sync.models import (
    AddressImport,
    Attempt,
    Candidate,
    CaseLink,
    FaceLink,
    FileLink,
    Lane,
    PersonLink,
    TopicMapping,
)
from tests import factories, rings
from tests.hostile.doors import Door
from tests.hostile.shots import Shot
from webhooks.models import InboxEntry

SECRET = "first-secret-0123456789"
QUICK = 5.0
"""Seconds of work, not of waiting, that one answer may cost; an ordinary one takes a hundredth."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Rows are committed for real: in a transaction one refused value would refuse all later ones."""
    quick = pytest.mark.django_db(transaction=True, available_apps=site.INSTALLED_APPS)
    for item in items:
        if "hostile" in item.path.parts:
            # The fast suite does not even look here.
            item.add_marker(pytest.mark.slow)
        if "premises" in getattr(item, "fixturenames", ()):
            item.add_marker(quick)
            item.add_marker(pytest.mark.timeout(300))


class _Handler(ClientHandler):
    def __call__(self, environ: dict[str, Any]) -> Any:
        return super().__call__(guarded(environ))


class HostileClient(Client):
    """A client behind the site's WSGI door that shows a 500 as one, and sends bytes as they are."""

    def __init__(self, **defaults: Any) -> None:
        super().__init__(raise_request_exception=False, HTTP_ACCEPT_LANGUAGE="en", **defaults)
        self.handler = _Handler(enforce_csrf_checks=False)

    def fire(self, path: str, shot: Shot) -> Any:
        # Not the client's own payload, which takes a body shorter than announced for a mistake in the test.
        environ: dict[str, Any] = {"wsgi.input": BytesIO(shot.body), **shot.environ}
        if "HTTP_COOKIE" in environ:
            known = "; ".join(f"{name}={morsel.value}" for name, morsel in self.cookies.items())
            # The last one of a name counts.
            environ["HTTP_COOKIE"] = f"{known}; {environ['HTTP_COOKIE']}"
        if shot.content_type:
            environ["CONTENT_TYPE"] = shot.content_type
        environ["PATH_INFO"] = path.encode("utf-8", "surrogateescape").decode("latin-1")
        if shot.query:
            environ["QUERY_STRING"] = shot.query
        kind = shot.content_type or "application/octet-stream"
        return self.generic(shot.method, "/", shot.body, kind, **environ)


@dataclass
class Premises:
    """Alice with everything a page can show, an admin, and the values that fill the addresses of doors."""

    alice: AbstractBaseUser
    root: User
    case: Case
    values: dict[str, str] = field(default_factory=dict)

    def client(self, door: Door) -> HostileClient:
        """Somebody who may pass there."""
        client = HostileClient()
        if door.is_webhook:
            client.defaults["HTTP_X_WEBHOOK_SECRET"] = SECRET
        elif door.route.startswith("letters/<"):
            pass
        elif not door.route.startswith("accounts/login/"):
            factories.signed_in(self.root if door.is_admin else self.alice, client)
        elif "code" in door.route:
            client.post("/accounts/login/", {"email": "somebody@example.com"})
        return client

    def path(self, door: Door) -> str:
        return door.path(self.values)


KEPT = (Case, Message, OutboxEntry, InboxEntry, User, EmailAddress, Profile, LogEntry, Consent, Erasure)
"""What may not change when a request was refused. Uploads of a form sent back are kept on purpose."""


def counts() -> tuple[int, ...]:
    sent = "cabinet_casefile WHERE message_id IS NOT NULL"
    tables = [f"(SELECT COUNT(*) FROM {table})" for table in [*(m._meta.db_table for m in KEPT), sent]]  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(tables)}")
        return tuple(cursor.fetchone() or ())


@pytest.fixture(autouse=True)
def silence() -> Iterator[None]:
    """Every refusal is logged, thousands of them, and some with half characters that no report can carry."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.fixture
def premises(transactional_db: None, settings: Settings, tmp_path: Path) -> Iterator[Premises]:
    settings.CABINET_MODES = ["mail", "cabinet", "chat"]
    settings.BRAND_COLOR = "#27548a"
    settings.BRAND_LOGO = settings.BRAND_LOGO_DARK = tmp_path / "logo.svg"
    settings.BRAND_LOGO.write_text(factories.SVG, "utf-8")
    settings.CABINET_NOTICES = True
    cache.clear()
    rings.drain()
    alice = factories.person("alice")
    root = User.objects.create_superuser("root", "root@example.com", "a password of some length")
    case = factories.delivered(factories.case_of(alice))
    with transaction.atomic():
        message = factories.staff_reply(case)
    file = factories.file_in(message, "photo.png", factories.PNG)
    face = factories.with_face(message)
    values = {
        "case_id": str(case.pk),
        "message_id": str(message.pk),
        "file_id": str(file.pk),
        "face_id": face.split("/")[2],
        "digest": face.split("/")[3],
        "export_id": str(factories.packed(alice).pk),
        "erasure_id": str(_erasure().pk),
        "mark": "0123456789abcdef",
        "secret": SECRET,
        "token": notices.token_of(Notice.objects.create(user_id=alice.pk, case=case)),
        "content_type_id": str(ContentType.objects.get_for_model(Case).pk),
        "app_label": "cabinet",
        "url": "nowhere",
        "object_id": "1",
        "id": str(root.pk),
    }
    yield Premises(alice, root, case, values | {f"{m}.object_id": pk for m, pk in _rows(case, file).items()})
    cache.clear()
    rings.drain()


def _erasure() -> Erasure:
    now = timezone.now()
    return Erasure.objects.create(person_key="0", asked_by="person", requested_at=now, erased_at=now)


def _rows(case: Case, file: CaseFile) -> dict[str, str]:
    """A row of each model that the admin shows, by the model's name."""
    now = timezone.now()
    user = case.owner
    entry = OutboxEntry.objects.filter(case=case).earliest("pk")
    Profile.objects.create(user=user, language="en")
    Consent.objects.create(person=user, version="1", language="en", given_at=now)
    Group.objects.create(name="readers")
    CaseLink.objects.create(case=case, desk_case_id=11, desk_user_id=12)
    Lane.objects.get_or_create(case=case)
    PersonLink.objects.create(user=user, desk_user_id=12)
    FileLink.objects.create(file=file, desk_file_id=13, url="")
    FaceLink.objects.create(face=StaffFace.objects.get(), staff_id=15)
    Candidate.objects.create(desk_case_id=14)
    AddressImport.objects.create(user=user, address="alice@example.com", done_at=now)
    Attempt.objects.create(entry=entry, started_at=now, dead_at=now)
    topic = Topic.objects.create(key="repair", title_ru="Ремонт")
    TopicField.objects.create(topic=topic, key="field", label_ru="Поле", required=True)
    TopicMapping.objects.create(topic=topic, group_id=44)
    StatusText.objects.get_or_create(key="open")
    CaseRules.objects.get_or_create(pk=1)
    InboxEntry.objects.create(received_at=now, due_at=now, size=1, sha256="0" * 64)
    rows = {model._meta.label_lower: model._default_manager.first() for model in apps.get_models()}
    return {name: str(row.pk) for name, row in rows.items() if row is not None}


Throw = Callable[[HostileClient, str, Shot], int]


@pytest.fixture
def throw() -> Throw:
    """Fires, and insists on what holds for every answer; gives its status."""

    def _throw(client: HostileClient, path: str, shot: Shot) -> int:
        before = counts()
        began = time.thread_time()
        answer = client.fire(path, shot)
        took = time.thread_time() - began
        finish(answer)
        status: int = answer.status_code
        assert status < 500, f"{path}: {shot.why}: {status}"
        assert took < QUICK, f"{path}: {shot.why}: {took:.1f} s"
        if status >= 400:
            assert counts() == before, f"{path}: {shot.why}: stored though refused"
            assert_says_why(path, shot, answer)
        return status

    return _throw


def finish(answer: Any) -> None:
    """Reads a file to its end, which closes it. Closing the answer itself would close the database too."""
    if answer.streaming:
        b"".join(answer)


def assert_says_why(path: str, shot: Shot, answer: Any) -> None:
    """A person is told what is wrong in a sentence; programs get their status."""
    for_programs = path.startswith(("/live/", "/webhooks/")) or "HTTP_HX_REQUEST" in shot.environ
    if shot.method == "HEAD" or answer.status_code in (401, 405, 411, 429) or for_programs:
        return
    if answer["Content-Type"].startswith("application/json"):
        # The composer shows this sentence beside what was refused. 409: kept, beside another draft.
        assert answer.status_code == 409 or answer.json()["error"], (
            f"{path}: {shot.why}: {answer.status_code} says nothing"
        )
        return
    page = answer.content.decode()
    assert "<h1" in page, f"{path}: {shot.why}: {answer.status_code} says nothing"
    assert "Traceback" not in page
