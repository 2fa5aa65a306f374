"""The WSGI door itself, below Django's test client."""

from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory

from config.wsgi import application


@pytest.mark.django_db
@pytest.mark.parametrize(
    "content_type", ["text/plain", "", "a/b; charset*=nonsense'x'y", "a/b; x*=utf-8''%ff%"]
)
def test_a_malformed_content_type_is_no_error_of_ours(content_type: str) -> None:
    answered: list[str] = []

    def start_response(status: str, headers: Any, exc_info: Any = None) -> None:
        answered.append(status)

    environ = RequestFactory().generic("GET", "/healthz/").environ
    environ |= {"CONTENT_TYPE": content_type, "wsgi.input": BytesIO(b"")}
    list(application(environ, start_response))
    assert answered == ["200 OK"]
