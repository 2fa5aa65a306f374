"""What every request passes: the client's address and cookies, what may be kept, the reader's time zone."""

import logging
import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.core.exceptions import BadRequest, FieldDoesNotExist, ValidationError
from django.db import DataError
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.cache import patch_cache_control

logger = logging.getLogger(__name__)

GetResponse = Callable[[HttpRequest], HttpResponse]
TIME_ZONE_COOKIE = "tz"
LONGEST_SEARCH = 200
UNUSABLE = (ValueError, OverflowError, ValidationError, FieldDoesNotExist, DataError)
"""How a value, a column's name or a row's that somebody made up comes back from forms and databases."""


class TrustedProxyMiddleware:
    """Takes the client's address from X-Forwarded-For, counting TRUSTED_PROXY_HOPS from the right.

    What stands further left was written by the client itself and is worth nothing.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        hops: int = settings.TRUSTED_PROXY_HOPS
        if hops:
            chain = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",")]
            if len(chain) >= hops and chain[-hops]:
                request.META["REMOTE_ADDR"] = chain[-hops]
        return self.get_response(request)


class MadeUpCookiesMiddleware:
    """Forgets cookies that hold a NUL: none of ours does, and PostgreSQL refuses to look for such a session.

    A quoted cookie spells it in plain characters, so every server lets it through.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if any("\x00" in value for value in request.COOKIES.values()):
            request.COOKIES = {name: value for name, value in request.COOKIES.items() if "\x00" not in value}
        return self.get_response(request)


class PrivatePagesMiddleware:
    """A page that says nothing else about it is kept by no proxy.

    Views say it for themselves; this is for the answers no view makes. Error pages name the person too, and a
    404 may be kept by anybody whom nobody forbids it.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response


class AdminInputMiddleware:
    """In the admin, an address or a selection that no column can hold is a bad request.

    Django's admin checks most of what it is given, but a NUL in a filter, a year of eleven digits or a
    selected row "x" reach the database or its field. The reason stands in the log with its traceback, in case
    it is a fault of ours after all. A search of hundreds of words is more than SQLite can put together.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, *view: object) -> None:  # noqa: ARG002
        if _is_admin(request) and len(request.GET.get("q", "")) > LONGEST_SEARCH:
            raise BadRequest("The search is too long.")

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if isinstance(exception, UNUSABLE) and _is_admin(request):
            logger.warning("The admin could not use what it was given.", exc_info=exception)
            raise BadRequest("What the admin was given cannot be used.") from exception


def _is_admin(request: HttpRequest) -> bool:
    return request.resolver_match is not None and request.resolver_match.app_name == "admin"


def zone_of(request: HttpRequest) -> zoneinfo.ZoneInfo | None:
    """The time zone the browser told in a cookie, None if it told none that exists."""
    name = request.COOKIES.get(TIME_ZONE_COOKIE, "")
    try:
        return zoneinfo.ZoneInfo(name) if name else None
    except (ValueError, zoneinfo.ZoneInfoNotFoundError, OSError):
        return None


class TimeZoneMiddleware:
    """Shows times in the reader's own zone, the site's where the browser has not told one."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        with timezone.override(zone_of(request) or timezone.get_default_timezone()):
            return self.get_response(request)
