"""Settings, all from the environment (.env.example lists every name). No logic lives here."""

from pathlib import Path

from celery.schedules import schedule
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from config.environment import (
    Environment,
    brand_color,
    brand_name,
    cabinet_modes,
    case_reference_field,
    desk_channels,
    embedded_folder,
    omnidesk_account,
    policy_version,
    privacy_consent,
    read_dotenv,
    sso_secret,
    webhook_secrets,
)

BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()
if env.flag("READ_DOTENV", default=True):
    read_dotenv(BASE_DIR / ".env")

# ── the site ────────────────────────────────────────────────────────────────────────────────────────────
DEBUG = env.flag("DEBUG", default=False)
SECRET_KEY = env.text("SECRET_KEY", "only-for-a-developers-own-machine" if DEBUG else None)
SITE_URL = env.web_address("SITE_URL", "http://127.0.0.1:8000" if DEBUG else None)
ALLOWED_HOSTS = env.hosts("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]" if DEBUG else "")
if not DEBUG and not ALLOWED_HOSTS:
    raise ImproperlyConfigured("ALLOWED_HOSTS must name the host of SITE_URL; see .env.example.")
CSRF_TRUSTED_ORIGINS = env.origins("CSRF_TRUSTED_ORIGINS")
TRUSTED_PROXY_HOPS = env.whole("TRUSTED_PROXY_HOPS", 0, least=0, most=10)

# Where browsers reach the `live` process, if not under the site's own /live/stream/.
LIVE_URL = env.web_address("LIVE_URL", "")

# How a case may be led, the default first; a case keeps its mode for life.
CABINET_MODES = cabinet_modes(env)
# Signs tokens of /access/jwt; "" switches that door off.
SSO_SECRET = sso_secret(env)
# Where the company's site signs people in and leads them back here; "" if nobody has said.
SSO_SIGN_IN_URL = env.page_address("SSO_SIGN_IN_URL")
# Whether the cabinet itself writes a letter about an answer in a case without mail.
CABINET_NOTICES = env.flag("CABINET_NOTICES", default=False)
# Pages of these origins may show the cabinet in a frame.
FRAME_ANCESTORS = env.origins("FRAME_ANCESTORS")

# ── the company's own dress; a system check looks at the files ──────────────────────────────────────────
BRAND_NAME = brand_name(env)
BRAND_COLOR = brand_color(env)
BRAND_LOGO = env.file("BRAND_LOGO")
BRAND_LOGO_DARK = env.file("BRAND_LOGO_DARK")

# ── personal data, and how much anybody may post ────────────────────────────────────────────────────────
PRIVACY_POLICY_URL = env.page_address("PRIVACY_POLICY_URL")
PRIVACY_POLICY_VERSION = policy_version(env)
PRIVACY_CONSENT = privacy_consent(env, policy=PRIVACY_POLICY_URL, version=PRIVACY_POLICY_VERSION)
PRIVACY_CONTACT = env.mail_address("PRIVACY_CONTACT", "")
# Of one person, and of one network address, whose offices have many people; 0 sets no limit.
CASES_PER_MINUTE = env.whole("CASES_PER_MINUTE", 10, least=0, most=100000)
POSTS_PER_MINUTE = env.whole("POSTS_PER_MINUTE", 30, least=0, most=100000)
POSTS_PER_MINUTE_PER_IP = env.whole("POSTS_PER_MINUTE_PER_IP", 90, least=0, most=100000)
DRAFTS_PER_MINUTE = env.whole("DRAFTS_PER_MINUTE", 120, least=0, most=100000)
DRAFTS_PER_MINUTE_PER_IP = env.whole("DRAFTS_PER_MINUTE_PER_IP", 600, least=0, most=100000)
UPLOAD_MB_PER_MINUTE = env.whole("UPLOAD_MB_PER_MINUTE", 300, least=0, most=1000000)
UPLOAD_MB_PER_MINUTE_PER_IP = env.whole("UPLOAD_MB_PER_MINUTE_PER_IP", 1000, least=0, most=1000000)

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "cabinet",
    "omnidesk_sync",
    "webhooks",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "allauth",
    "allauth.account",
    "axes",
    "csp",
    "django_htmx",
    "rest_framework",
]

MIDDLEWARE = [
    "cabinet.middleware.TrustedProxyMiddleware",
    "cabinet.middleware.MadeUpCookiesMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "cabinet.framing.FrameAncestorsMiddleware",
    "cabinet.middleware.PrivatePagesMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "cabinet.middleware.TimeZoneMiddleware",
    "cabinet.middleware.AdminInputMiddleware",
    "axes.middleware.AxesMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

# ── where things are kept ───────────────────────────────────────────────────────────────────────────────
DATABASES = {"default": env.database("DATABASE_URL", BASE_DIR / "var" / "cabinet.sqlite3")}
# Everything embedded lies beside the embedded database, so that two sites on one machine never meet.
VAR_DIR = embedded_folder(DATABASES["default"], BASE_DIR / "var")
# In the database and not in Redis: signing in must work while the broker is down.
CACHES = {"default": {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": "django_cache"}}
MEDIA_ROOT = env.folder("MEDIA_ROOT", VAR_DIR / "media")
STATIC_URL = "static/"
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "cabinet.storage.PrivateStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
if DEBUG:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024
FILE_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024
FILE_UPLOAD_HANDLERS = [
    "cabinet.uploads.RequestGuard",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# ── people ──────────────────────────────────────────────────────────────────────────────────────────────
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "cabinet:case-list"
LOGOUT_REDIRECT_URL = "account_login"
SESSION_COOKIE_AGE = 30 * 24 * 3600
SESSION_COOKIE_SAMESITE = "Lax"
LANGUAGE_COOKIE_SAMESITE = "Lax"
ACCOUNT_ADAPTER = "cabinet.accounts.AccountAdapter"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*"]
ACCOUNT_USER_MODEL_USERNAME_FIELD = "username"
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_LOGIN_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_BY_CODE_MAX_ATTEMPTS = 5
ACCOUNT_LOGIN_BY_CODE_FORMAT = {"numeric": True, "length": 6, "dashed": False}
ACCOUNT_LOGIN_BY_CODE_SUPPORTS_RESEND = 3
ACCOUNT_LOGIN_TIMEOUT = 60 * 60
ACCOUNT_RATE_LIMITS = {"request_login_code": "100/10m/ip,10/10m/key", "wrong_login_code": "100/d/key"}
ACCOUNT_SESSION_REMEMBER = True
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_EMAIL_UNKNOWN_ACCOUNTS = False
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 1  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_ENABLE_ACCESS_FAILURE_LOG = False
AXES_USERNAME_CALLABLE = "cabinet.accounts.name_tried"

# ── mail ────────────────────────────────────────────────────────────────────────────────────────────────
vars().update(env.email("EMAIL_URL", "consolemail://" if DEBUG else None))
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.mail_address("DEFAULT_FROM_EMAIL", "cabinet@localhost" if DEBUG else None)
SERVER_EMAIL = DEFAULT_FROM_EMAIL

# ── language and time ───────────────────────────────────────────────────────────────────────────────────
LANGUAGE_CODE = "ru"
LANGUAGES = [("ru", _("Russian")), ("en", _("English"))]
TIME_ZONE = "Europe/Moscow"
USE_TZ = True

# ── security ────────────────────────────────────────────────────────────────────────────────────────────
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [SELF],
        "connect-src": [SELF, *([LIVE_URL] if LIVE_URL else [])],
        "img-src": [SELF, "data:"],
        "object-src": [NONE],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "form-action": [SELF],
    }
}
# HSTS speaks for this host alone: whether the company's other hosts have HTTPS is not ours to promise.
SILENCED_SYSTEM_CHECKS = ["security.W005", "security.W021"]
if SITE_URL.startswith("https://"):
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    LANGUAGE_COOKIE_SECURE = True
    SECURE_SSL_REDIRECT = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz/$", r"^readyz/$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
if TRUSTED_PROXY_HOPS:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# ── Omnidesk ────────────────────────────────────────────────────────────────────────────────────────────
OMNIDESK_ACCOUNT = omnidesk_account(env)
OMNIDESK_WEBHOOK_SECRETS = webhook_secrets(env)
OMNIDESK_BUDGET_SHARE = env.number("OMNIDESK_BUDGET_SHARE", 1.0, least=0.05, most=1.0)
OMNIDESK_TIMEOUT_SECONDS = env.number("OMNIDESK_TIMEOUT_SECONDS", 20, least=1, most=120)
OMNIDESK_QUARANTINE_SECONDS = env.number("OMNIDESK_QUARANTINE_SECONDS", 90, least=0, most=3600)
OMNIDESK_RECONCILE_SECONDS = env.number("OMNIDESK_RECONCILE_SECONDS", 300, least=5, most=86400)
OMNIDESK_CASE_REFERENCE_FIELD = case_reference_field(env)
# The custom channel that a mode uses, by mode; cases by mail use none.
OMNIDESK_CHANNELS = desk_channels(env, CABINET_MODES)

# ── REST framework: only the webhook doors ──────────────────────────────────────────────────────────────
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [],
    "DEFAULT_PERMISSION_CLASSES": [],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}

# ── Celery ──────────────────────────────────────────────────────────────────────────────────────────────
REDIS_URL = env.redis("REDIS_URL")
BROKER_DIR = VAR_DIR / "broker"
CELERY_BROKER_URL = REDIS_URL or "filesystem://localhost"
CELERY_BROKER_TRANSPORT: str | None = (
    "config.redis_broker:Transport" if REDIS_URL else "config.broker:Transport"
)
CELERY_BROKER_TRANSPORT_OPTIONS: dict[str, object] = (
    {
        "visibility_timeout": 300,
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 10,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
        "health_check_interval": 10,
    }
    if REDIS_URL
    else {
        "data_folder_in": str(BROKER_DIR),
        "data_folder_out": str(BROKER_DIR),
        "control_folder": str(BROKER_DIR / "control"),
        "polling_interval": 0.2,
    }
)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# For ever: a worker that gives up waiting for the broker would also stop doing the sweeps' work without it.
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_TASK_TIME_LIMIT = 270
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_SEND_TASK_EVENTS = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = "UTC"
SWEEP_SECONDS = 15
CELERY_BEAT_SCHEDULE = {
    "cabinet-sweep": {
        "task": "cabinet.sweep",
        "schedule": schedule(SWEEP_SECONDS),
        "options": {"expires": SWEEP_SECONDS},
    },
    "omnidesk-sweep": {
        "task": "omnidesk_sync.sweep",
        "schedule": schedule(SWEEP_SECONDS),
        # A sweep that no worker took in time is worth nothing once the next one is there.
        "options": {"expires": SWEEP_SECONDS},
    },
    "webhooks-sweep": {
        "task": "webhooks.sweep",
        "schedule": schedule(SWEEP_SECONDS),
        "options": {"expires": SWEEP_SECONDS},
    },
    "cabinet-notices": {
        "task": "cabinet.send_notices",
        "schedule": schedule(SWEEP_SECONDS),
        "options": {"expires": SWEEP_SECONDS},
    },
}
CELERY_BEAT_SCHEDULE_FILENAME = str(VAR_DIR / "celerybeat-schedule")

# ── logging: one line an event on stderr; secrets in webhook addresses are masked ───────────────────────
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"mask": {"()": "webhooks.logs.MaskSecretPaths"}},
    "formatters": {"line": {"format": "{asctime} {levelname} {name}: {message}", "style": "{"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["mask"]}},
    "root": {"handlers": ["stderr"], "level": "INFO"},
    "loggers": {
        "django": {"handlers": [], "level": "INFO", "propagate": True},
        # These name the path of a request: masked at the source, whoever else listens.
        "django.request": {"filters": ["mask"]},
        "django.server": {"filters": ["mask"], "handlers": [], "propagate": True},
        "django.security.csrf": {"filters": ["mask"]},
        "axes": {"level": "WARNING"},
        # Their warnings print addresses, and customers' e-mails are in the queries.
        "urllib3": {"level": "ERROR"},
    },
}
