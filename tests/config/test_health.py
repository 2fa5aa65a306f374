"""What a watcher is told, and that nothing it is told is a secret."""

import os
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from django import db
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client
from django.utils import timezone
from model_bakery import baker
from pytest_django import DjangoAssertNumQueries, Settings

from config import health
from omnidesk_sync.models import Budget, Reconciliation

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _all_is_well() -> None:
    now = timezone.now()
    baker.make(Reconciliation, pk=1, last_done_at=now, walked_to=now, next_due_at=now)


def ready(client: Client, status: int = 200) -> dict[str, Any]:
    response = client.get("/readyz/")
    assert response.status_code == status
    answer: dict[str, Any] = response.json()
    return answer


def use_broker(monkeypatch: pytest.MonkeyPatch, url: str, **settings: object) -> None:
    app = Celery("health-test", broker=url, set_as_current=False, changes=settings)
    monkeypatch.setattr(health, "app_or_default", lambda: app)


def test_healthz_asks_nobody(client: Client, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    with django_assert_num_queries(0):
        response = client.get("/healthz/")

    assert (response.status_code, response.content) == (200, b"ok\n")
    assert "no-cache" in response.headers["Cache-Control"]
    assert not response.cookies


def test_everything_is_well(client: Client) -> None:
    answer = ready(client)

    assert (answer["ok"], answer["degraded"]) == (True, False)
    assert answer["database"] == {"ok": True, "detail": "answers"}
    assert answer["migrations"] == {"ok": True, "detail": "applied"}
    assert answer["broker"] == {"ok": True, "detail": "takes messages"}
    assert answer["sync"]["ok"] is True


@pytest.mark.parametrize("address", ["/healthz/", "/readyz/"])
def test_only_looking_is_allowed(client: Client, address: str) -> None:
    assert client.post(address).status_code == 405
    assert client.head(address).status_code == 200


def test_503_without_a_database(client: Client) -> None:
    def broken(*args: Any) -> None:
        raise db.OperationalError("no route to db.internal, password hush-hush")

    with connection.execute_wrapper(broken):
        answer = ready(client, 503)

    assert answer["ok"] is False
    assert answer["database"] == {"ok": False, "detail": "OperationalError"}
    assert answer["migrations"] == answer["sync"] == {"ok": False, "detail": "not looked at"}


def test_503_while_migrations_are_missing(client: Client) -> None:
    MigrationRecorder(connection).record_unapplied("webhooks", "0001_initial")

    answer = ready(client, 503)

    assert answer["migrations"] == {"ok": False, "detail": "1 not applied"}


def test_without_a_broker_pages_still_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    use_broker(monkeypatch, f"redis://user:hush-hush@127.0.0.1:{port}/0")

    answer = ready(client)

    assert (answer["ok"], answer["degraded"]) == (True, True)
    assert answer["broker"] == {"ok": False, "detail": "ConnectionError"}
    assert "hush-hush" not in str(answer)


def test_a_hung_broker_holds_the_answer_for_a_moment_only(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        use_broker(monkeypatch, f"redis://127.0.0.1:{server.getsockname()[1]}/0")
        started = time.perf_counter()
        answer = ready(client)
        seconds = time.perf_counter() - started

    assert answer["broker"] == {"ok": False, "detail": "TimeoutError"}
    assert seconds < 1.5


def test_the_embedded_broker_is_looked_at_too(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = str(tmp_path / "secret-place")
    options = {"data_folder_in": folder, "data_folder_out": folder, "control_folder": folder}
    use_broker(
        monkeypatch,
        "filesystem://localhost",
        broker_transport="config.broker:Transport",
        broker_transport_options=options,
    )
    assert ready(client)["broker"] == {"ok": True, "detail": "takes messages"}

    # Patched because the tests may run as root, who may write anywhere.
    monkeypatch.setattr(os, "access", lambda *_: False)
    answer = ready(client)
    assert answer["broker"] == {"ok": False, "detail": "PermissionError"}
    assert "secret-place" not in str(answer)


def test_trouble_with_omnidesk_is_told_but_pages_still_work(client: Client) -> None:
    baker.make(Budget, pk=1, paused_since=timezone.now(), pause_reason="the key was refused")

    answer = ready(client)

    assert (answer["ok"], answer["degraded"]) == (True, True)
    assert answer["sync"]["ok"] is False
    assert "the key was refused" in answer["sync"]["detail"]


def test_plain_http_is_enough_for_the_watcher(client: Client, settings: Settings) -> None:
    settings.SECURE_SSL_REDIRECT = True
    settings.SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readyz/$"]

    assert client.get("/healthz/").status_code == 200
    assert client.get("/readyz/").status_code == 200
    assert client.get("/admin/").status_code == 301
