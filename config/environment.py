"""Reads the environment strictly: a missing or bad value stops the start with one sentence naming it."""

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

import environ
from django.core.exceptions import ImproperlyConfigured

from cabinet.colours import Colour

_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off"}
_HOST = re.compile(r"\*|\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*\.?|\[[0-9A-Fa-f:.]+\]")
_MAIL_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
_DOTENV_LINE = re.compile(r"(export )?[A-Za-z_][A-Za-z_0-9]*=")
_MAIL_PORTS = {"smtp": 25, "smtp+tls": 587, "smtp+ssl": 465}
_MAIL_WITHOUT_SERVER = {"consolemail", "memorymail", "filemail", "dummymail"}

LEAST_SSO_SECRET = 32
"""Characters of the secret that signs tokens: it can be guessed offline (RFC 7518, 3.2)."""

LONGEST_VERSION = 60
"""Characters of the policy's version: it stands in every consent."""

LONGEST_NAME = 40
"""Characters of the company's name: it stands at the top of a phone's page beside a button."""

LEAST_SECRET = 8
"""Characters of a webhook secret. It cannot be guessed offline, and a guess online costs a request."""


class Environment:
    """Typed access to a mapping of environment variables; empty counts as unset."""

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self._values = os.environ if values is None else values

    def text(self, name: str, default: str | None = None) -> str:
        value = self._values.get(name, "").strip()
        if value:
            return value
        if default is None:
            raise ImproperlyConfigured(f"{name} must be set; see .env.example for what it means.")
        return default

    def flag(self, name: str, *, default: bool) -> bool:
        value = self.text(name, "").lower()
        if not value:
            return default
        if value in _TRUE | _FALSE:
            return value in _TRUE
        raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}.")

    def words(self, name: str, default: str = "") -> list[str]:
        return [word.strip() for word in self.text(name, default).split(",") if word.strip()]

    def number(self, name: str, default: float, *, least: float, most: float) -> float:
        value = self.text(name, str(default))
        try:
            number = float(value)
        except ValueError:
            number = float("nan")
        if not least <= number <= most:
            raise ImproperlyConfigured(f"{name} must be a number from {least:g} to {most:g}, not {value!r}.")
        return number

    def whole(self, name: str, default: int, *, least: int, most: int) -> int:
        number = self.number(name, default, least=least, most=most)
        if number != int(number):
            raise ImproperlyConfigured(f"{name} must be a whole number, not {number!r}.")
        return int(number)

    def web_address(self, name: str, default: str | None = None) -> str:
        """An http(s) address without a path, without the trailing slash; "" if the default is ""."""
        value = self.text(name, default).rstrip("/")
        if value and not _is_origin(value):
            raise ImproperlyConfigured(
                f"{name} must look like https://host:port, without a path or a password{_said(value)}."
            )
        return value

    def page_address(self, name: str) -> str:
        """The address of a page, path and all, or ""."""
        value = self.text(name, "")
        parts = _split(value)
        good = parts is not None and _is_origin(f"{parts.scheme}://{parts.netloc}") and _is_printable(value)
        if value and not good:
            raise ImproperlyConfigured(
                f"{name} must be the whole address of a page, such as https://www.example.com/privacy"
                f"{_said(value)}."
            )
        return value

    def origins(self, name: str) -> list[str]:
        """Web addresses; a host may begin with `*.`."""
        values = [value.rstrip("/") for value in self.words(name)]
        for value in values:
            if not _is_origin(value.replace("://*.", "://", 1)):
                raise ImproperlyConfigured(
                    f"{name} must list addresses such as https://help.example.com{_said(value)}."
                )
        return values

    def hosts(self, name: str, default: str = "") -> list[str]:
        """Host names as Django compares them with the Host header: without scheme and port."""
        values = self.words(name, default)
        for value in values:
            if not _HOST.fullmatch(value):
                raise ImproperlyConfigured(
                    f"{name} must list hosts like help.example.com, without https:// or port{_said(value)}."
                )
        return values

    def mail_address(self, name: str, default: str | None = None) -> str:
        """An address for a From header, with or without a name before it."""
        value = self.text(name, default)
        if value and not _MAIL_ADDRESS.fullmatch(parseaddr(value)[1]):
            raise ImproperlyConfigured(f"{name} must be an e-mail address{_said(value)}.")
        return value

    def folder(self, name: str, default: Path) -> Path:
        """A folder, which need not exist yet; relative to where the process was started."""
        folder = Path(self.text(name, str(default))).absolute()
        if folder.exists() and not folder.is_dir():
            raise ImproperlyConfigured(f"{name} must be a folder; there is a file called {str(folder)!r}.")
        return folder

    def file(self, name: str) -> Path | None:
        """A file, which need not exist, or None; relative to where the process was started."""
        value = self.text(name, "")
        return Path(value).absolute() if value else None

    def redis(self, name: str) -> str:
        """Redis's address, or "". With TLS its certificate is checked unless the address says otherwise."""
        value = self.text(name, "")
        parts = _split(value)
        if value and (parts is None or parts.scheme not in ("redis", "rediss") or not parts.hostname):
            raise ImproperlyConfigured(f"{name} must look like redis://host:6379/0 or rediss://host:6379/0.")
        if parts is not None and parts.scheme == "rediss" and "ssl_cert_reqs" not in parts.query:
            # Without it kombu encrypts for whoever answers.
            return value + ("&" if parts.query else "?") + "ssl_cert_reqs=required"
        return value

    def database(self, name: str, default_path: Path) -> dict[str, object]:
        """Django's database settings; unset means SQLite in `default_path`."""
        value = self.text(name, "")
        if not value or value.startswith("sqlite:"):
            return sqlite(self._sqlite_path(name, value) if value else default_path)
        try:
            settings: dict[str, object] = environ.Env.db_url_config(value)
        except Exception:  # noqa: BLE001 - whatever it was: its text may hold the password
            settings = {}
        if settings.get("ENGINE") != "django.db.backends.postgresql" or not settings.get("NAME"):
            raise ImproperlyConfigured(
                f"{name} must look like postgres://user:password@host:5432/name or sqlite:////folder/file, "
                "with special characters of the password percent-encoded."
            )
        return _postgresql(settings)

    def _sqlite_path(self, name: str, value: str) -> Path:
        path = unquote(value.removeprefix("sqlite:///"))
        if not value.startswith("sqlite:///") or not path or path.endswith("/") or {"?", ":"} & set(path):
            raise ImproperlyConfigured(
                f"{name} must look like sqlite:///file or sqlite:////folder/file: "
                "every process opens the same file, so none can be in memory."
            )
        return Path(path).absolute()

    def email(self, name: str, default: str | None) -> dict[str, object]:
        """Django's EMAIL_* settings out of an address such as smtp+tls://user:password@host:587."""
        value = self.text(name, default)
        scheme = value.partition(":")[0]
        try:
            settings: dict[str, object] = environ.Env.email_url_config(value)
        except Exception:  # noqa: BLE001 - whatever it was: its text may hold the password
            settings = {}
        known = scheme in _MAIL_PORTS or scheme in _MAIL_WITHOUT_SERVER
        if not settings or not known or (scheme in _MAIL_PORTS and not settings["EMAIL_HOST"]):
            raise ImproperlyConfigured(
                f"{name} must look like smtp+tls://user:password@host:587, smtp+ssl://… or smtp://…, "
                "with special characters percent-encoded; consolemail:// prints the letters instead."
            )
        return {
            "EMAIL_BACKEND": settings["EMAIL_BACKEND"],
            "EMAIL_HOST": settings["EMAIL_HOST"] or "localhost",
            "EMAIL_PORT": settings["EMAIL_PORT"] or _MAIL_PORTS.get(scheme, 25),
            "EMAIL_HOST_USER": settings["EMAIL_HOST_USER"] or "",
            "EMAIL_HOST_PASSWORD": settings["EMAIL_HOST_PASSWORD"] or "",
            "EMAIL_USE_TLS": scheme == "smtp+tls",
            "EMAIL_USE_SSL": scheme == "smtp+ssl",
            "EMAIL_FILE_PATH": settings["EMAIL_FILE_PATH"] or None,
        }


def read_dotenv(path: Path) -> None:
    """Puts the names of a `.env` file into the environment; what is set there already wins.

    A line that is neither a comment nor `NAME=value` stops the start: it would be a setting that is not set.
    """
    if not path.is_file():
        return
    try:
        # "-sig": some editors begin a file with a byte order mark, and the first name would be lost.
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise ImproperlyConfigured(f"{path} cannot be read; it must be a text file in UTF-8.") from None
    for number, line in enumerate(lines, 1):
        if line.strip() and not line.startswith("#") and not _DOTENV_LINE.match(line):
            raise ImproperlyConfigured(f"Line {number} of {path} must be NAME=value or a comment with #.")
    environ.Env.read_env(path, encoding="utf-8-sig")


def sqlite(path: Path) -> dict[str, object]:
    """SQLite as it must be set for rows that are the truth; its folder is made.

    IMMEDIATE: without it a transaction that reads and then writes fails at once when another one writes.
    synchronous=FULL: a reply that was answered 302 survives a power cut.
    secure_delete: what was erased is not left standing in free pages of the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(
            f"DATABASE_URL must name a file in a folder that can be made ({error.strerror}: {path.parent})."
        ) from None
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 20,
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA secure_delete=ON;",
        },
    }


def _postgresql(settings: dict[str, object]) -> dict[str, object]:
    """PostgreSQL with kept connections. A server that does not answer costs seconds, not minutes."""
    options = settings.get("OPTIONS")
    # Work is cut into transactions in the services; an address may not change that.
    kept = {key: value for key, value in settings.items() if key not in ("ATOMIC_REQUESTS", "AUTOCOMMIT")}
    return (
        {"CONN_MAX_AGE": 60, "CONN_HEALTH_CHECKS": True}
        | kept
        | {"OPTIONS": {"connect_timeout": 5} | (options if isinstance(options, dict) else {})}
    )


def embedded_folder(database: Mapping[str, object], default: Path) -> Path:
    """The folder of the SQLite file, or `default` where the database is a server."""
    name = database["NAME"]
    return name.parent if isinstance(name, Path) else default


@dataclass(frozen=True, slots=True)
class Account:
    """The Omnidesk account; all three are empty when none is connected yet."""

    url: str
    staff_email: str
    api_key: str


def omnidesk_account(env: Environment) -> Account:
    """All of the account or nothing of it: a half-filled one would fail on the first customer's message."""
    account = Account(
        env.web_address("OMNIDESK_URL", ""),
        env.mail_address("OMNIDESK_STAFF_EMAIL", ""),
        env.text("OMNIDESK_API_KEY", ""),
    )
    names = ("OMNIDESK_URL", "OMNIDESK_STAFF_EMAIL", "OMNIDESK_API_KEY")
    values = (account.url, account.staff_email, account.api_key)
    missing = [name for name, value in zip(names, values, strict=True) if not value]
    if missing and len(missing) < len(names):
        raise ImproperlyConfigured(
            f"{' and '.join(missing)} must be set too: the account needs all of {', '.join(names)}."
        )
    if account.url.startswith("http:") and not _is_near(urlsplit(account.url).hostname or ""):
        raise ImproperlyConfigured(
            "OMNIDESK_URL must begin with https://: the API key travels with every call."
        )
    if not _is_printable(account.api_key):
        raise ImproperlyConfigured("OMNIDESK_API_KEY must have neither spaces nor letters outside ASCII.")
    return account


def case_reference_field(env: Environment) -> str:
    value = env.text("OMNIDESK_CASE_REFERENCE_FIELD", "")
    if value and not re.fullmatch(r"cf_[0-9]{1,18}", value):
        raise ImproperlyConfigured(f"OMNIDESK_CASE_REFERENCE_FIELD must look like cf_25{_said(value)}.")
    return value


MODES = ("mail", "cabinet", "chat")


def cabinet_modes(env: Environment) -> list[str]:
    """The modes that are on, the default first."""
    modes = env.words("CABINET_MODES", "mail")
    if set(modes) - set(MODES) or len(set(modes)) != len(modes):
        raise ImproperlyConfigured(
            f"CABINET_MODES must list some of {', '.join(MODES)}, each once, the default first"
            f"{_said(','.join(modes))}."
        )
    return modes


def desk_channels(env: Environment, modes: list[str]) -> dict[str, str]:
    """The custom channel of each mode that needs one, by mode."""
    channels = {
        "cabinet": env.text("OMNIDESK_CABINET_CHANNEL", ""),
        "chat": env.text("OMNIDESK_CHAT_CHANNEL", ""),
    }
    for mode, value in channels.items():
        name = f"OMNIDESK_{mode.upper()}_CHANNEL"
        if value and not re.fullmatch(r"cch[0-9]{1,18}", value):
            raise ImproperlyConfigured(f"{name} must look like cch12{_said(value)}.")
        if mode in modes and not value:
            raise ImproperlyConfigured(f"{name} must be set while CABINET_MODES has {mode!r}.")
    if channels["cabinet"] and channels["cabinet"] == channels["chat"]:
        raise ImproperlyConfigured(
            "OMNIDESK_CABINET_CHANNEL and OMNIDESK_CHAT_CHANNEL must be two channels, not one."
        )
    return {mode: channel for mode, channel in channels.items() if channel}


def sso_secret(env: Environment) -> str:
    value = env.text("SSO_SECRET", "")
    if value and len(value.encode()) < LEAST_SSO_SECRET:
        raise ImproperlyConfigured(
            f"SSO_SECRET must have at least {LEAST_SSO_SECRET} characters: it signs people in."
        )
    return value


def privacy_consent(env: Environment, *, policy: str, version: str) -> bool:
    """Whether consent is asked for; it must be clear to what."""
    wanted = env.flag("PRIVACY_CONSENT", default=False)
    if wanted and not (policy and version):
        raise ImproperlyConfigured(
            "PRIVACY_POLICY_URL and PRIVACY_POLICY_VERSION must be set while PRIVACY_CONSENT is 1: "
            "people agree to one version of one text."
        )
    return wanted


def policy_version(env: Environment) -> str:
    value = env.text("PRIVACY_POLICY_VERSION", "")
    if len(value) > LONGEST_VERSION:
        raise ImproperlyConfigured(
            f"PRIVACY_POLICY_VERSION must have at most {LONGEST_VERSION} characters, best a date."
        )
    return value


def brand_name(env: Environment) -> str:
    value = env.text("BRAND_NAME", "")
    if len(value) > LONGEST_NAME or not value.isprintable():
        raise ImproperlyConfigured(
            f"BRAND_NAME must be one line of at most {LONGEST_NAME} characters: every page begins with it."
        )
    return value


def brand_color(env: Environment) -> str:
    """The company's colour as `#rrggbb`, or ""."""
    value = env.text("BRAND_COLOR", "")
    try:
        return Colour.parse(value).hex if value else ""
    except ValueError:
        raise ImproperlyConfigured(f"BRAND_COLOR must look like #27548a or #06c{_said(value)}.") from None


def webhook_secrets(env: Environment) -> list[str]:
    """The secrets, each fit for a header and for one step of an address."""
    secrets = env.words("OMNIDESK_WEBHOOK_SECRETS")
    for secret in secrets:
        if len(secret) < LEAST_SECRET or not _is_printable(secret) or set(secret) & set("/?#%\\\"'<>"):
            raise ImproperlyConfigured(
                f"Every secret in OMNIDESK_WEBHOOK_SECRETS must have at least {LEAST_SECRET} characters, "
                "best only letters, digits, - and _, because it may stand in an address."
            )
    return secrets


def _split(value: str) -> SplitResult | None:
    """The parts of an address, or None if it is none; reading the port is what finds a bad one."""
    try:
        parts = urlsplit(value)
        return parts if parts.port is None or parts.port else None
    except ValueError:
        return None


def _is_origin(value: str) -> bool:
    """Whether it is scheme, host and perhaps port, and nothing else."""
    parts = _split(value)
    if parts is None or parts.scheme not in ("http", "https"):
        return False
    host = parts.netloc.removesuffix(f":{parts.port}") if parts.port else parts.netloc
    return bool(_HOST.fullmatch(host)) and not (parts.path or parts.query or parts.fragment)


def _is_near(host: str) -> bool:
    """Whether calls stay on this machine or in its own network of containers."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return "." not in host


def _is_printable(value: str) -> bool:
    return value.isascii() and value.isprintable() and " " not in value


def _said(value: str) -> str:
    """What was given, for the end of a sentence; left out if a password may be in it."""
    return "" if "@" in value and "://" in value else f", not {value!r}"
