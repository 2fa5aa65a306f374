"""The WSGI door itself, below Django's test client."""

from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import RequestFactory

from config.wsgi import application
from webhooks.models import InboxEntry

Answer = tuple[str, bytes]


@pytest.fixture(autouse=True)
def the_connection_is_the_tests() -> Iterator[None]:
    """As Django's test client does it: a request that begins or ends closes no connection."""
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "",
        "a/b; charset*=nonsense'x'y",
        "a/b; x*=utf-8''%ff%",
        "a/b; charset*=utf-7''%2B2AA-",
        "a/b; charset=a\x00b",
        "a/b; charset=rot13",
        "a/b; charset=idna",
        "a/b; charset=undefined",
        "a/b; charset=nonsense",
    ],
)
def test_a_malformed_content_type_is_no_error_of_ours(content_type: str) -> None:
    assert asked("GET", "/healthz/", content_type) == ("200 OK", b"ok\n")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "charset", ["utf-7", "unicode_escape", "raw_unicode_escape", "utf-16", "koi8-r", "hex"]
)
def test_a_form_in_another_charset_is_not_sent(charset: str) -> None:
    """What Django would make of it could be half characters, which no database takes."""
    content_type = f"multipart/form-data; boundary=B; charset={charset}"
    body = b'--B\r\nContent-Disposition: form-data; name="email"\r\n\r\na@b.example+2AA-\\ud800\r\n--B--'
    status, page = asked("POST", "/accounts/login/", content_type, body)
    assert status == "403 Forbidden"
    assert "Nothing is lost: go back" in page.decode()


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-7", "windows-1251", "nonsense", "hex"])
def test_a_webhook_is_read_whatever_charset_it_claims(charset: str) -> None:
    path = "/webhooks/omnidesk/first-secret-0123456789/"
    body = b'{"event": "status", "case_id": 7}'
    assert asked("POST", path, f"application/json; charset={charset}", body)[0] == "200 OK"
    assert InboxEntry.objects.get().case_id == 7


@pytest.mark.django_db
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"'])
def test_forms_that_name_their_charset_are_read(charset: str) -> None:
    body = f"email=a&csrfmiddlewaretoken={'a' * 32}".encode()
    content_type = f"application/x-www-form-urlencoded; charset={charset}"
    assert asked("POST", "/accounts/login/", content_type, body, f"csrftoken={'a' * 32}")[0].startswith("422")


def asked(method: str, path: str, content_type: str, body: bytes = b"", cookies: str = "") -> Answer:
    answered: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        answered.append(status)

    environ = (
        RequestFactory().generic(method, path, body, HTTP_ACCEPT_LANGUAGE="en", HTTP_COOKIE=cookies).environ
    )
    environ |= {"CONTENT_TYPE": content_type, "wsgi.input": BytesIO(body)}
    page = b"".join(application(environ, start_response))
    return answered[0], page
