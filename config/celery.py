"""The Celery application: `celery -A config worker`, `celery -A config beat`."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_init

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("cabinet")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_init.connect
def keep_watch(**_: Any) -> None:
    """With the broker away the sweeps go on in the worker itself."""
    from django.conf import settings

    from omnidesk_sync.watchman import Watchman

    Watchman(app, seconds=settings.SWEEP_SECONDS).start()
