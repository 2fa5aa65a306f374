"""The ASGI door of the `live` process: server-sent events and nothing else; pages belong to `config.wsgi`."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup(set_prefix=False)

from django.conf import settings  # noqa: E402

from cabinet.feed import Feed  # noqa: E402
from cabinet.stream import Stream  # noqa: E402

application = Stream(Feed(), site=settings.SITE_URL)
