"""The WSGI door: granian or any other WSGI server serves `config.wsgi:application`."""

import os
from collections.abc import Iterable
from typing import Any

from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
_site = get_wsgi_application()


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """The site, behind one guard.

    Django reads the parameters of Content-Type while it makes the request object, before any view or
    middleware: one malformed header would answer every address, webhooks too, with a 500. Without the header
    the body is still read by what it holds.
    """
    try:
        parse_header_parameters(environ.get("CONTENT_TYPE", ""))
    except ValueError:
        environ.pop("CONTENT_TYPE", None)
    return _site(environ, start_response)
