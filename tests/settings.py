"""The site's settings under a fixed environment, so that a developer's own `.env` never reaches a test."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

_OURS = (
    "SECRET_KEY",
    "DEBUG",
    "ALLOWED_HOSTS",
    "SITE_URL",
    "DATABASE_URL",
    "REDIS_URL",
    "EMAIL_URL",
    "MEDIA_ROOT",
)
# Everything a test process writes, gone when it ends.
_SCRATCH = Path(tempfile.mkdtemp(prefix="cabinet-test-"))
atexit.register(shutil.rmtree, _SCRATCH, ignore_errors=True)
for _folder in ("media", "static"):
    (_SCRATCH / _folder).mkdir()

for _name in list(os.environ):
    if _name in _OURS or _name.startswith(
        ("OMNIDESK_", "CABINET_", "CSRF_TRUSTED", "TRUSTED_PROXY", "SSO_", "PRIVACY_", "BRAND_")
    ):
        del os.environ[_name]

os.environ.update(
    {
        "READ_DOTENV": "0",
        "SECRET_KEY": "a key that only tests use, long enough for every check",
        "ALLOWED_HOSTS": "testserver,127.0.0.1,localhost",
        "SITE_URL": "http://testserver",
        "EMAIL_URL": "memorymail://",
        "DEFAULT_FROM_EMAIL": "support@cabinet.example",
        "MEDIA_ROOT": str(_SCRATCH / "media"),
        # Some tests post hundreds of times; those of the limits set their own.
        "CASES_PER_MINUTE": "0",
        "POSTS_PER_MINUTE": "0",
        "POSTS_PER_MINUTE_PER_IP": "0",
        "DRAFTS_PER_MINUTE": "0",
        "DRAFTS_PER_MINUTE_PER_IP": "0",
        "UPLOAD_MB_PER_MINUTE": "0",
        "UPLOAD_MB_PER_MINUTE_PER_IP": "0",
        "OMNIDESK_URL": "https://acme.omnidesk.ru",
        "OMNIDESK_STAFF_EMAIL": "robot@acme.example",
        "OMNIDESK_API_KEY": "key-of-the-pretend-account",
        "SSO_SECRET": "a secret of the company's own site, for tests",
        "OMNIDESK_WEBHOOK_SECRETS": "first-secret-0123456789,second-secret-0123456789",
    }
)
if os.environ.get("TEST_DATABASE_URL"):
    os.environ["DATABASE_URL"] = os.environ["TEST_DATABASE_URL"]

from config.settings import *  # noqa: E402, F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STORAGES = {
    "default": {"BACKEND": "cabinet.storage.PrivateStorage"},
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
# WhiteNoise warns about a folder that is not there, and a warning is an error here.
STATIC_ROOT = _SCRATCH / "static"
CELERY_BROKER_URL = "memory://"
CELERY_BROKER_TRANSPORT = None
CELERY_BROKER_TRANSPORT_OPTIONS = {}

# A file and not memory: threads of one test then meet the same locks as processes do. Nothing survives a
# test, so nothing has to survive a power cut.
_database: dict[str, Any] = DATABASES["default"]  # noqa: F405
if _database["ENGINE"].endswith("sqlite3"):
    _database["TEST"] = {"NAME": str(_SCRATCH / "test.sqlite3")}
    _database["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
    )
