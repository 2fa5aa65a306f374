"""The tasks are doors: registered under the names that beat and the doorbell use."""

import pytest
from celery.app import app_or_default
from django.conf import settings
from django.utils import timezone
from model_bakery import baker

from tests import rings
from tests.webhooks.conftest import PretendSync
from webhooks import services, tasks
from webhooks.models import InboxEntry


def test_the_rung_names_exist() -> None:
    app = app_or_default()
    app.loader.import_default_modules()
    scheduled = {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()}

    assert services.PROCESS_TASK in app.tasks
    assert "webhooks.sweep" in app.tasks
    assert "webhooks.sweep" in scheduled


@pytest.mark.django_db
def test_a_sweep_finds_what_process_entry_then_works_off(pretend_sync: PretendSync) -> None:
    now = timezone.now()
    entry = baker.make(
        InboxEntry, case_id=985687, due_at=now, received_at=now, state=InboxEntry.State.WAITING
    )

    tasks.sweep()
    assert rings.drain() == [(services.PROCESS_TASK, [entry.pk])]
    tasks.process_entry(entry.pk)

    entry.refresh_from_db()
    assert entry.state == InboxEntry.State.DONE
