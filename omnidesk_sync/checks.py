"""System checks for the settings that only this room understands."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register
from django.db import connections


@register("omnidesk_sync")
def check_account(**_: Any) -> list[CheckMessage]:
    """Without an account everything is kept and nothing is sent: allowed, but worth a word."""
    if settings.OMNIDESK_ACCOUNT.url:
        return []
    return [
        Warning(
            "No Omnidesk account is connected: cases are kept here and wait.",
            hint="Set OMNIDESK_URL, OMNIDESK_STAFF_EMAIL and OMNIDESK_API_KEY.",
            id="omnidesk_sync.W001",
        )
    ]


@register("omnidesk_sync")
def check_webhook_secrets(**_: Any) -> list[CheckMessage]:
    """Without a secret every webhook is refused, and answers arrive only by reconciliation."""
    if settings.OMNIDESK_WEBHOOK_SECRETS or not settings.OMNIDESK_ACCOUNT.url:
        return []
    return [
        Warning(
            "No webhook secret is set: every webhook is refused, answers arrive only by reconciliation.",
            hint="Set OMNIDESK_WEBHOOK_SECRETS and put the same secret into the rules of the account.",
            id="omnidesk_sync.W002",
        )
    ]


@register("omnidesk_sync")
def check_lease_fits_task(**_: Any) -> list[CheckMessage]:
    """A task must outlive its longest call, or the worker would be killed in the middle of it every time."""
    if settings.OMNIDESK_TIMEOUT_SECONDS < settings.CELERY_TASK_SOFT_TIME_LIMIT:
        return []
    return [
        Error(
            "OMNIDESK_TIMEOUT_SECONDS is longer than a task may run.",
            hint=f"Keep it under {settings.CELERY_TASK_SOFT_TIME_LIMIT} seconds.",
            id="omnidesk_sync.E001",
        )
    ]


@register(Tags.database)
def check_topic_fields(databases: Sequence[str] | None = None, **_: Any) -> list[CheckMessage]:
    """What is asked and told nobody is allowed, since the page shows it, but worth a word.

    Reads the database, so only `check --database default` and `migrate` come here.
    """
    from omnidesk_sync import routing
    from omnidesk_sync.models import FieldMapping

    for alias in databases or ():
        if FieldMapping._meta.db_table not in connections[alias].introspection.table_names():
            return []
    if not databases or not (missing := routing.unmapped()):
        return []
    names = ", ".join(str(row) for row in missing)
    return [
        Warning(
            f"Staff do not see what is given in these fields of topics: {names}.",
            hint="Name a field of Omnidesk for each in the admin, under topics at Omnidesk.",
            id="omnidesk_sync.W003",
        )
    ]
