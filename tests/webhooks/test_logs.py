"""A secret that stands in an address reaches no log line."""

import logging
import sys
from typing import Any
from urllib.parse import quote

import pytest
from django import db
from django.db import connection
from django.test import Client

from tests.webhooks.conftest import FIRST, payload
from webhooks.logs import MaskSecretPaths, mask

ADDRESS = f"/webhooks/omnidesk/{FIRST}/"
MISTYPED = "/webhooks/omnidesk/a-secret-with-a-typo/"


def lines(caplog: pytest.LogCaptureFixture) -> str:
    """Everything a handler of somebody else's could print of the records."""
    formatter = logging.Formatter()
    return "\n".join(f"{formatter.format(record)} {record.args}" for record in caplog.records)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "extra", "status"),
    [
        (MISTYPED, {}, 403),
        (ADDRESS, {"CONTENT_LENGTH": ""}, 411),
        (ADDRESS, {"CONTENT_LENGTH": "999999"}, 413),
        (ADDRESS, {"REQUEST_METHOD": "GET"}, 405),
        (f"{ADDRESS}more/", {}, 404),
        (f"/webhooks//omnidesk/{FIRST}/", {}, 404),
        (f"/Webhooks/Omnidesk/{FIRST}/", {}, 404),
    ],
)
def test_refusals_are_logged_without_the_secret(
    caplog: pytest.LogCaptureFixture, address: str, extra: dict[str, Any], status: int
) -> None:
    with caplog.at_level(logging.INFO):
        response = Client().post(address, b"{}", "application/json", **extra)

    assert response.status_code == status
    assert "django.request" in {record.name for record in caplog.records}
    assert FIRST not in lines(caplog)
    assert "typo" not in lines(caplog)


@pytest.mark.django_db
def test_a_database_that_is_down_is_logged_without_the_secret(caplog: pytest.LogCaptureFixture) -> None:
    def broken(*args: Any) -> None:
        raise db.OperationalError("down")

    with caplog.at_level(logging.INFO), connection.execute_wrapper(broken):
        response = Client().post(ADDRESS, payload("rule_staff_reply.json"), "application/json")

    assert response.status_code == 503
    assert "/webhooks/omnidesk/***" in lines(caplog)
    assert FIRST not in lines(caplog)


def masked_line(message: object, *args: object, **more: Any) -> str:
    record = logging.LogRecord("any", logging.ERROR, __file__, 1, message, args, more.get("exc_info"))
    record.stack_info = more.get("stack_info")
    assert MaskSecretPaths().filter(record) is True
    return logging.Formatter().format(record) + repr(record.args)


@pytest.mark.parametrize(
    "text",
    [
        f"GET {ADDRESS} 403",
        f"POST {ADDRESS}?a=b HTTP/1.1",
        f"https://cabinet.example{ADDRESS}",
        quote(ADDRESS, safe=""),
        ADDRESS.replace("omnidesk", "%6Fmnidesk"),
        ADDRESS.upper().replace(FIRST.upper(), FIRST),
        f"{{'secret': '{FIRST}'}}",
        f'<a href="{ADDRESS}">',
    ],
)
def test_every_spelling_is_masked(text: str) -> None:
    assert FIRST not in mask(text)
    assert FIRST not in masked_line(text.replace("%", "%%"))
    assert FIRST not in masked_line("%s", text)
    assert FIRST not in masked_line("%(it)s", {"it": text})


TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJleHRlcm5hbF9pZCI6ICIxNyJ9.c2lnbmF0dXJlLW9mLTQzLWxldHRlcnM"


@pytest.mark.parametrize(
    "text",
    [
        f"GET /access/jwt?jwt={TOKEN} HTTP/1.1",
        f"GET /access/jwt?return_to=%2Fcases%2F&jwt={TOKEN}&x=y HTTP/1.1",
        f"Referer: https://cabinet.example/access/jwt/?JWT={TOKEN}",
        quote(f"/access/jwt?jwt={TOKEN}", safe=""),
        f"{{'jwt': '{TOKEN}'}}",
        f"jwt={TOKEN}",
        f"'{TOKEN.rpartition('.')[0]}'",
        "the key is 'a secret of the company's own site, for tests'",
    ],
)
def test_tokens_that_sign_people_in_are_masked(text: str) -> None:
    for line in (mask(text), masked_line("%s", text)):
        assert "***" in line
        for part in (*TOKEN.split("."), "company's own site"):
            assert part not in line


def test_what_is_beside_a_token_stays_readable() -> None:
    masked = mask(f'"GET /access/jwt?jwt={TOKEN}&return_to=/cases/ HTTP/1.1" 302 0')
    assert masked == '"GET /access/jwt?jwt=***&return_to=/cases/ HTTP/1.1" 302 0'
    assert mask("?jwt=a-broken%20one&x=1") == "?jwt=***&x=1"


def test_secrets_that_are_not_ours_are_masked_in_addresses() -> None:
    assert mask("Forbidden: /webhooks/omnidesk/what-was-typed/") == "Forbidden: /webhooks/omnidesk/***"


def test_other_lines_stay_as_they_are() -> None:
    for text in ("Not Found: /cases/17/", "100% of /webhooks/omnidesk/", "a %41 b"):
        assert mask(text) == text


def test_tracebacks_and_stacks_are_masked() -> None:
    try:
        raise RuntimeError(f"no slash at the end of {ADDRESS}")
    except RuntimeError:
        line = masked_line("it broke", exc_info=sys.exc_info(), stack_info=f"called for {ADDRESS}")

    assert "RuntimeError: no slash at the end of /webhooks/omnidesk/***" in line
    assert FIRST not in line


def test_a_harmless_traceback_is_left_for_other_handlers() -> None:
    try:
        raise RuntimeError("harmless")
    except RuntimeError:
        record = logging.LogRecord("any", logging.ERROR, __file__, 1, "it broke", (), sys.exc_info())
    MaskSecretPaths().filter(record)

    assert record.exc_info is not None


def test_wrong_arguments_do_not_break_logging_and_are_not_printed() -> None:
    line = masked_line("two: %s %s", ADDRESS)

    assert FIRST not in line
    assert "could not be put together" in line
