"""What a watcher asks: is the process up (`/healthz/`), and is it fit (`/readyz/`)?

`/readyz/` answers 503 only for what keeps pages from being served: no database, or tables that are not there
yet. With the broker away or Omnidesk unreachable the pages work, what people write is accepted and kept, and
the sweeps deliver it later. Taking the site out of service for that would break the very promise, so it is
200 with `"degraded": true`, which is what to raise an alarm on.

Details are words of ours, counts and names of error classes: no address, path or secret.
"""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass

from celery.app import app_or_default
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from omnidesk_sync import selectors
from omnidesk_sync.doorbell import try_broker

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Part:
    ok: bool
    detail: str


@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """The process is up; nothing is asked of anybody."""
    return HttpResponse("ok\n", content_type="text/plain")


@never_cache
@require_safe
def readyz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001
    """Database, migrations, broker and synchronisation, each with a word about it."""
    needed = {"database": _checked(_database)}
    needed["migrations"] = _checked(_migrations) if needed["database"].ok else Part(False, "not looked at")
    fit = all(part.ok for part in needed.values())
    others = {"broker": _checked(_broker), "sync": _checked(_sync) if fit else Part(False, "not looked at")}
    degraded = not all(part.ok for part in others.values())
    parts = {name: asdict(part) for name, part in (needed | others).items()}
    return JsonResponse({"ok": fit, "degraded": degraded, **parts}, status=200 if fit else 503)


def _checked(check: Callable[[], Part]) -> Part:
    try:
        return check()
    except Exception as error:  # noqa: BLE001 - any failure is an answer here, never a 500
        logger.warning("Not ready: %s failed with %s.", check.__name__.strip("_"), type(error).__name__)
        return Part(False, type(error.__cause__ or error).__name__)


def _database() -> Part:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    return Part(True, "answers")


def _migrations() -> Part:
    executor = MigrationExecutor(connection)
    missing = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    return Part(not missing, f"{missing} not applied" if missing else "applied")


def _broker() -> Part:
    try_broker(app_or_default())
    return Part(True, "takes messages")


def _sync() -> Part:
    health = selectors.health()
    counts = f"{health.waiting} waiting, {health.given_up} given up"
    return Part(health.ok, f"{health.detail} ({counts})" if health.detail else counts)
