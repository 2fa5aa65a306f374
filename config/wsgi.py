"""The WSGI door: granian or any other WSGI server serves `config.wsgi:application`."""

import codecs
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
    a webhook is still read by what it holds; a form is not, and is sent back as not sent.
    """
    return _site(guarded(environ), start_response)


def guarded(environ: dict[str, Any]) -> dict[str, Any]:
    """The same request, less a Content-Type that cannot be read."""
    if not _is_readable(environ.get("CONTENT_TYPE", "")):
        environ.pop("CONTENT_TYPE", None)
    return environ


def _is_readable(content_type: str) -> bool:
    """Whether Django can read the header, and text by the charset it names.

    Forms are UTF-8, which is what browsers send. Among the other charsets Python knows are some that decode
    nothing ("rot13"), and some that make half characters, which no database takes ("utf-7").
    """
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
        return codecs.lookup(charset).name == "utf-8"
    except (ValueError, LookupError):
        return False
