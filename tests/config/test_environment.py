"""Every variable is read strictly: a bad value stops the start with one sentence that names it."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import environ
import pytest
from django.core.exceptions import ImproperlyConfigured

from config import environment
from config.environment import (
    Environment,
    brand_color,
    brand_name,
    cabinet_modes,
    case_reference_field,
    desk_channels,
    omnidesk_account,
    policy_version,
    privacy_consent,
    read_dotenv,
    sso_secret,
    webhook_secrets,
)

ROOT = Path(__file__).parent.parent.parent
ACCOUNT = {
    "OMNIDESK_URL": "https://acme.omnidesk.ru",
    "OMNIDESK_STAFF_EMAIL": "robot@acme.example",
    "OMNIDESK_API_KEY": "abc123",
}


def env(**values: str) -> Environment:
    return Environment(values)


def refusal(read: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(ImproperlyConfigured) as caught:
        read(*arguments)
    sentence = str(caught.value)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    # The exception that was met first may quote a password.
    assert caught.value.__cause__ is None or caught.value.__suppress_context__
    return sentence


class TestPlainValues:
    def test_empty_counts_as_unset(self) -> None:
        assert env(A="  ").text("A", "default") == "default"
        assert env(A=" x ").text("A") == "x"

    def test_a_missing_value_is_named(self) -> None:
        assert refusal(lambda: env().text("SECRET_KEY")).startswith("SECRET_KEY must be set")

    @pytest.mark.parametrize(("value", "flag"), [("1", True), ("Yes", True), ("off", False), ("", True)])
    def test_flags(self, value: str, flag: bool) -> None:
        assert env(DEBUG=value).flag("DEBUG", default=True) is flag

    def test_a_bad_flag(self) -> None:
        assert "DEBUG" in refusal(lambda: env(DEBUG="maybe").flag("DEBUG", default=False))

    @pytest.mark.parametrize("value", ["x", "nan", "inf", "-1", "101", "1,5", "1e9"])
    def test_a_bad_number(self, value: str) -> None:
        assert "N must be" in refusal(lambda: env(N=value).number("N", 5, least=0, most=100))
        assert "N must be" in refusal(lambda: env(N=value).whole("N", 5, least=0, most=100))

    def test_numbers(self) -> None:
        assert env(N="0.5").number("N", 5, least=0, most=100) == 0.5
        assert env().whole("N", 5, least=0, most=100) == 5
        assert "whole" in refusal(lambda: env(N="0.5").whole("N", 5, least=0, most=100))

    def test_words(self) -> None:
        assert env(A=" one, ,two ").words("A") == ["one", "two"]


class TestWebAddresses:
    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            ("https://help.example.com/", "https://help.example.com"),
            ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
            ("http://[::1]:8000", "http://[::1]:8000"),
        ],
    )
    def test_good_ones(self, value: str, kept: str) -> None:
        assert env(A=value).web_address("A") == kept

    def test_none_may_be_the_default(self) -> None:
        assert env().web_address("A", "") == ""

    @pytest.mark.parametrize(
        "value",
        [
            "help.example.com",
            "ftp://help.example.com",
            "https://",
            "https:///path",
            "https://help.example.com/path",
            "https://help.example.com?x=1",
            "https://help.example.com#x",
            "https://help.example.com:port",
            "https://help.example.com:99999",
            "https://[::1",
            "https://help example.com",
            "https://user:hush-hush@help.example.com",
        ],
    )
    def test_bad_ones(self, value: str) -> None:
        sentence = refusal(lambda: env(SITE_URL=value).web_address("SITE_URL"))
        assert sentence.startswith("SITE_URL must")
        assert "hush" not in sentence

    def test_origins(self) -> None:
        good = "https://a.example.com, https://*.example.com:8443/"
        assert env(A=good).origins("A") == ["https://a.example.com", "https://*.example.com:8443"]
        for bad in ("a.example.com", "https://a.example.com/path", "https://a.*.com", "*"):
            assert refusal(env(A=bad).origins, "A").startswith("A must list")

    def test_hosts(self) -> None:
        good = ["help.example.com", ".example.com", "localhost", "127.0.0.1", "[::1]", "*", "web_1"]
        assert env(A=",".join(good)).hosts("A") == good
        for bad in ("https://help.example.com", "help.example.com:80", "a b", "кабинет.рф", "a/b"):
            assert refusal(env(A=bad).hosts, "A").startswith("A must list")


def test_mail_addresses() -> None:
    for good in ("support@example.com", "Поддержка <support@example.com>", "cabinet@localhost"):
        assert env(A=good).mail_address("A") == good
    for bad in ("support", "support@", "@example.com", "a b@example.com c"):
        assert refusal(env(A=bad).mail_address, "A").startswith("A must be")


def test_folders(tmp_path: Path) -> None:
    assert env().folder("MEDIA_ROOT", tmp_path / "media") == tmp_path / "media"
    assert env(MEDIA_ROOT="here").folder("MEDIA_ROOT", tmp_path) == Path.cwd() / "here"
    (tmp_path / "file").touch()
    assert "MEDIA_ROOT" in refusal(
        lambda: env(MEDIA_ROOT=str(tmp_path / "file")).folder("MEDIA_ROOT", tmp_path)
    )


class TestRedis:
    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            ("", ""),
            ("redis://localhost:6379/0", "redis://localhost:6379/0"),
            ("redis://:p%40ss@redis", "redis://:p%40ss@redis"),
            ("rediss://redis:6380/0", "rediss://redis:6380/0?ssl_cert_reqs=required"),
            ("rediss://redis/0?ssl_cert_reqs=none", "rediss://redis/0?ssl_cert_reqs=none"),
        ],
    )
    def test_good_ones(self, value: str, kept: str) -> None:
        assert env(REDIS_URL=value).redis("REDIS_URL") == kept

    @pytest.mark.parametrize(
        "value", ["localhost:6379", "redis:///0", "amqp://hush@host", "redis://:hush@host:x"]
    )
    def test_bad_ones(self, value: str) -> None:
        sentence = refusal(lambda: env(REDIS_URL=value).redis("REDIS_URL"))
        assert sentence.startswith("REDIS_URL must")
        assert "hush" not in sentence


class TestDatabase:
    def read(self, value: str, default: Path = Path("/tmp/x.sqlite3")) -> dict[str, Any]:  # noqa: S108
        return env(DATABASE_URL=value).database("DATABASE_URL", default)

    def test_unset_means_sqlite_and_its_folder_is_made(self, tmp_path: Path) -> None:
        settings = self.read("", tmp_path / "var" / "cabinet.sqlite3")

        assert settings["NAME"] == tmp_path / "var" / "cabinet.sqlite3"
        assert settings["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
        assert (tmp_path / "var").is_dir()

    def test_sqlite_addresses(self, tmp_path: Path) -> None:
        assert self.read(f"sqlite:///{tmp_path}/a%20b.db")["NAME"] == tmp_path / "a b.db"
        assert self.read("sqlite:///tests/some.db")["NAME"] == Path.cwd() / "tests" / "some.db"

    def test_postgresql_addresses(self) -> None:
        settings = self.read("postgres://cab:p%40ss%3Aw%23rd%2F@db.example:5433/cabinet?sslmode=require")

        assert (settings["ENGINE"], settings["NAME"]) == ("django.db.backends.postgresql", "cabinet")
        assert (settings["USER"], settings["PASSWORD"]) == ("cab", "p@ss:w#rd/")
        assert (settings["HOST"], settings["PORT"]) == ("db.example", 5433)
        assert settings["OPTIONS"] == {"connect_timeout": 5, "sslmode": "require"}
        assert (settings["CONN_MAX_AGE"], settings["CONN_HEALTH_CHECKS"]) == (60, True)

    def test_an_address_cannot_change_how_transactions_are_cut(self) -> None:
        settings = self.read("postgres://db/cabinet?ATOMIC_REQUESTS=True&AUTOCOMMIT=False&CONN_MAX_AGE=0")

        assert "ATOMIC_REQUESTS" not in settings
        assert "AUTOCOMMIT" not in settings
        assert settings["CONN_MAX_AGE"] == 0

    @pytest.mark.parametrize(
        "value",
        [
            "cabinet",
            "mysql://root:hush@db/cabinet",
            "postgres://cab:hush@db:port/cabinet",
            "postgres://cab:hush@db",
            "postgres://cab:hush@db/",
            "sqlite://",
            "sqlite:///",
            "sqlite://:memory:",
            "sqlite:///:memory:",
            "sqlite:///folder/",
            "sqlite://relative.db",
            "sqlite:////tmp/x.db?mode=memory",
        ],
    )
    def test_bad_ones(self, value: str) -> None:
        sentence = refusal(self.read, value)
        assert sentence.startswith("DATABASE_URL must")
        assert "hush" not in sentence

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert "DATABASE_URL" in refusal(lambda: self.read(f"sqlite:///{tmp_path}/file/below/x.db"))


class TestMail:
    def read(self, value: str) -> dict[str, Any]:
        return env(EMAIL_URL=value).email("EMAIL_URL", None)

    @pytest.mark.parametrize(
        ("scheme", "tls", "ssl", "port"),
        [("smtp", False, False, 25), ("smtp+tls", True, False, 587), ("smtp+ssl", False, True, 465)],
    )
    def test_servers(self, scheme: str, tls: bool, ssl: bool, port: int) -> None:
        settings = self.read(f"{scheme}://cab%40example.com:p%40ss%3A%2F%23@mail.example.com")

        assert settings["EMAIL_BACKEND"] == "django.core.mail.backends.smtp.EmailBackend"
        assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"]) == ("mail.example.com", port)
        assert settings["EMAIL_HOST_USER"] == "cab@example.com"
        assert settings["EMAIL_HOST_PASSWORD"] == "p@ss:/#"
        assert (settings["EMAIL_USE_TLS"], settings["EMAIL_USE_SSL"]) == (tls, ssl)
        assert self.read(f"{scheme}://localhost:1025")["EMAIL_PORT"] == 1025

    def test_a_server_without_a_password(self) -> None:
        settings = self.read("smtp://localhost:1025")
        assert (settings["EMAIL_HOST_USER"], settings["EMAIL_HOST_PASSWORD"]) == ("", "")

    @pytest.mark.parametrize(
        ("value", "backend"),
        [
            ("consolemail://", "console"),
            ("memorymail://", "locmem"),
            ("dummymail://", "dummy"),
            ("filemail:////var/mails", "filebased"),
        ],
    )
    def test_without_a_server(self, value: str, backend: str) -> None:
        settings = self.read(value)
        assert settings["EMAIL_BACKEND"] == f"django.core.mail.backends.{backend}.EmailBackend"
        assert settings["EMAIL_FILE_PATH"] == ("/var/mails" if backend == "filebased" else None)

    @pytest.mark.parametrize(
        "value",
        [
            "localhost",
            "smtp://",
            "smtp://:25",
            "smtps://user:hush@host",
            "smtp://user:hush@host:port",
            "smtp://user:hu#sh@host",
            "imap://user:hush@host",
        ],
    )
    def test_bad_ones(self, value: str) -> None:
        sentence = refusal(self.read, value)
        assert sentence.startswith("EMAIL_URL must")
        assert "hush" not in sentence


class TestAccount:
    def test_all_of_it_or_nothing(self) -> None:
        assert omnidesk_account(env()) == environment.Account("", "", "")
        assert omnidesk_account(env(**ACCOUNT)).url == "https://acme.omnidesk.ru"
        for name in ACCOUNT:
            partly = {key: value for key, value in ACCOUNT.items() if key != name}
            assert refusal(omnidesk_account, env(**partly)).startswith(name)

    @pytest.mark.parametrize(
        "url", ["http://127.0.0.1:9000", "http://[::1]:9000", "http://localhost:9000", "http://sandbox:9000"]
    )
    def test_http_is_for_neighbours(self, url: str) -> None:
        assert omnidesk_account(env(**ACCOUNT | {"OMNIDESK_URL": url})).url == url

    @pytest.mark.parametrize("url", ["http://acme.omnidesk.ru", "http://192.168.1.5", "http://10.0.0.1:8000"])
    def test_http_is_refused_for_everybody_else(self, url: str) -> None:
        assert "https" in refusal(lambda: omnidesk_account(env(**ACCOUNT | {"OMNIDESK_URL": url})))

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("OMNIDESK_URL", "acme"),
            ("OMNIDESK_URL", "https://acme.omnidesk.ru/api"),
            ("OMNIDESK_STAFF_EMAIL", "robot"),
            ("OMNIDESK_API_KEY", "two words"),
            ("OMNIDESK_API_KEY", "ключ"),
        ],
    )
    def test_bad_ones(self, name: str, value: str) -> None:
        assert name in refusal(lambda: omnidesk_account(env(**ACCOUNT | {name: value})))

    def test_the_reference_field(self) -> None:
        assert case_reference_field(env(OMNIDESK_CASE_REFERENCE_FIELD="cf_25")) == "cf_25"
        for bad in ("25", "cf_", "cf_x", "cf_٢", "CF_25"):
            read = env(OMNIDESK_CASE_REFERENCE_FIELD=bad)
            assert "cf_25" in refusal(case_reference_field, read)

    def test_webhook_secrets(self) -> None:
        good = "secret-one,Secret_2~.!,cGFzc3dvcmQ="
        assert webhook_secrets(env(OMNIDESK_WEBHOOK_SECRETS=good)) == good.split(",")
        assert webhook_secrets(env()) == []
        for bad in ("short", "with spaces", "with/slash", "with%percent", "секретный", "one-good-one,bad"):
            read = env(OMNIDESK_WEBHOOK_SECRETS=bad)
            sentence = refusal(webhook_secrets, read)
            assert "OMNIDESK_WEBHOOK_SECRETS" in sentence
            assert bad not in sentence


class TestTheCompanysDress:
    def test_good_ones(self, tmp_path: Path) -> None:
        assert brand_name(env(BRAND_NAME=" Ромашка & Co ")) == "Ромашка & Co"
        assert (brand_name(env()), brand_color(env()), env().file("BRAND_LOGO")) == ("", "", None)
        for given in ("#06C", "06c", "#0066cc"):
            assert brand_color(env(BRAND_COLOR=given)) == "#0066cc"
        assert env(BRAND_LOGO=f"{tmp_path}/logo.svg").file("BRAND_LOGO") == tmp_path / "logo.svg"
        assert env(BRAND_LOGO="logo.svg").file("BRAND_LOGO") == Path.cwd() / "logo.svg"

    @pytest.mark.parametrize("value", ["blue", "#27548", "rgb(1, 2, 3)", "#27548a;color:red"])
    def test_a_colour_that_is_none(self, value: str) -> None:
        sentence = refusal(brand_color, env(BRAND_COLOR=value))
        assert "BRAND_COLOR must look like #27548a" in sentence
        assert value in sentence

    @pytest.mark.parametrize("value", ["x" * 41, "two\nlines"])
    def test_a_name_that_does_not_fit(self, value: str) -> None:
        assert "BRAND_NAME" in refusal(brand_name, env(BRAND_NAME=value))


class TestDotenv:
    @pytest.fixture(autouse=True)
    def _own_environment(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(environ.Env, "ENVIRON", {"ALREADY": "there"})

    def read(self, tmp_path: Path, content: bytes) -> dict[str, str]:
        (tmp_path / ".env").write_bytes(content)
        read_dotenv(tmp_path / ".env")
        values: dict[str, str] = environ.Env.ENVIRON
        return values

    def test_names_are_put_into_the_environment(self, tmp_path: Path) -> None:
        content = b"# a comment\n\nexport A=1\r\nB='two words'\nC=\"three\"\nD=a#b=c\nE=\n"
        values = self.read(tmp_path, content)

        assert values == {"ALREADY": "there", "A": "1", "B": "two words", "C": "three", "D": "a#b=c", "E": ""}

    def test_the_real_environment_wins(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"ALREADY=other")["ALREADY"] == "there"

    def test_a_byte_order_mark_does_not_hide_the_first_name(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, b"\xef\xbb\xbfA=1")["A"] == "1"

    def test_no_file_is_no_error(self, tmp_path: Path) -> None:
        read_dotenv(tmp_path / ".env")

    @pytest.mark.parametrize("line", [b"A = 1", b"hush-hush", b"A: 1", b" A=1"])
    def test_a_line_that_sets_nothing_stops_the_start(self, tmp_path: Path, line: bytes) -> None:
        sentence = refusal(lambda: self.read(tmp_path, b"B=1\n" + line))
        assert sentence.startswith("Line 2 of ")
        assert "hush" not in sentence

    def test_another_encoding_stops_the_start(self, tmp_path: Path) -> None:
        assert "UTF-8" in refusal(lambda: self.read(tmp_path, "A=привет".encode("cp1251")))


class TestTheExample:
    def names(self) -> set[str]:
        return set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))

    def test_it_lists_every_name_that_is_read_and_no_other(self) -> None:
        sources = [(ROOT / "config" / name).read_text() for name in ("settings.py", "environment.py")]
        read = set(re.findall(r"env\.[a-z_]+\(\s*\"([A-Z_]+)\"", "\n".join(sources)))

        assert self.names() == read - {"READ_DOTENV"}

    def test_every_name_has_a_comment(self) -> None:
        lines = (ROOT / ".env.example").read_text().splitlines()
        for number, line in enumerate(lines):
            if re.match(r"[A-Z_]+=", line):
                assert lines[number - 1].startswith("#"), line

    def test_it_can_be_read_as_it_is(self, tmp_path: Path) -> None:
        content = (ROOT / ".env.example").read_text().replace("SECRET_KEY=", f"SECRET_KEY={'x' * 60}")
        content = content.replace("OMNIDESK_API_KEY=", "OMNIDESK_API_KEY=abc123")
        values = dict(re.findall(r"^([A-Z_]+)=(.*)$", content, re.MULTILINE))

        assert start(**values | {"DATABASE_URL": f"sqlite:///{tmp_path}/x.db"}) == ""


def start(**values: str) -> str:
    """What a fresh process that reads the settings complains about."""
    result = subprocess.run(
        [sys.executable, "-c", "import config.settings"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "READ_DOTENV": "0", **values},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    return result.stderr


def test_a_bad_value_stops_the_start_with_the_sentence() -> None:
    last_line = start(DEBUG="perhaps").strip().splitlines()[-1]

    assert last_line.endswith("ImproperlyConfigured: DEBUG must be 1 or 0, not 'perhaps'.")


class TestModes:
    def test_mail_alone_is_the_default(self) -> None:
        assert cabinet_modes(env()) == ["mail"]
        assert desk_channels(env(), ["mail"]) == {}

    def test_the_first_is_the_default(self) -> None:
        assert cabinet_modes(env(CABINET_MODES="chat, mail")) == ["chat", "mail"]

    @pytest.mark.parametrize("value", ["letters", "mail,mail", "mail,Chat"])
    def test_a_bad_list_is_named(self, value: str) -> None:
        assert refusal(cabinet_modes, env(CABINET_MODES=value)).startswith("CABINET_MODES must list")

    def test_each_mode_has_its_channel(self) -> None:
        given = env(OMNIDESK_CABINET_CHANNEL="cch1", OMNIDESK_CHAT_CHANNEL="cch2")
        assert desk_channels(given, ["mail", "cabinet", "chat"]) == {"cabinet": "cch1", "chat": "cch2"}

    def test_a_mode_without_its_channel_stops_the_start(self) -> None:
        said = refusal(desk_channels, env(), ["cabinet"])
        assert said == "OMNIDESK_CABINET_CHANNEL must be set while CABINET_MODES has 'cabinet'."

    @pytest.mark.parametrize("value", ["12", "chh12", "cch", "cch1x"])
    def test_a_misspelt_channel_is_named(self, value: str) -> None:
        assert "must look like cch12" in refusal(desk_channels, env(OMNIDESK_CHAT_CHANNEL=value), ["mail"])

    def test_one_channel_cannot_be_both(self) -> None:
        given = env(OMNIDESK_CABINET_CHANNEL="cch1", OMNIDESK_CHAT_CHANNEL="cch1")
        assert "two channels" in refusal(desk_channels, given, ["cabinet", "chat"])


class TestSsoSecret:
    def test_unset_closes_the_door(self) -> None:
        assert sso_secret(env()) == ""

    def test_a_short_one_stops_the_start(self) -> None:
        assert "SSO_SECRET must have at least 32" in refusal(sso_secret, env(SSO_SECRET="too-short"))


class TestPrivacy:
    @pytest.mark.parametrize(
        "value",
        ["https://www.example.com/privacy?lang=ru#top", "https://www.example.com", "http://[::1]:8000/x/"],
    )
    def test_the_page_of_a_policy_is_a_whole_address(self, value: str) -> None:
        assert env(PRIVACY_POLICY_URL=value).page_address("PRIVACY_POLICY_URL") == value

    def test_none_is_needed(self) -> None:
        assert env().page_address("PRIVACY_POLICY_URL") == ""
        assert privacy_consent(env(), policy="", version="") is False
        assert policy_version(env()) == ""

    @pytest.mark.parametrize(
        "value",
        [
            "/privacy",
            "www.example.com/privacy",
            "javascript:alert(1)",
            "https://user:hush-hush@www.example.com/privacy",
            "https://www.example.com/our privacy",
            "https://www.example.com/личное",
            "https://",
        ],
    )
    def test_a_bad_address_is_named(self, value: str) -> None:
        sentence = refusal(env(PRIVACY_POLICY_URL=value).page_address, "PRIVACY_POLICY_URL")
        assert sentence.startswith("PRIVACY_POLICY_URL must")
        assert "hush" not in sentence

    @pytest.mark.parametrize(("policy", "version"), [("", "1"), ("https://www.example.com", ""), ("", "")])
    def test_consent_is_asked_for_one_version_of_one_text(self, policy: str, version: str) -> None:
        asked = env(PRIVACY_CONSENT="1")
        assert privacy_consent(asked, policy="https://www.example.com", version="1") is True
        with pytest.raises(ImproperlyConfigured, match="PRIVACY_POLICY_VERSION must be set"):
            privacy_consent(asked, policy=policy, version=version)

    def test_a_version_fits_into_its_column(self) -> None:
        assert policy_version(env(PRIVACY_POLICY_VERSION="2026-01-31")) == "2026-01-31"
        assert "60 characters" in refusal(policy_version, env(PRIVACY_POLICY_VERSION="x" * 61))
