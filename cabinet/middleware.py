"""What every request passes: the address of the real client, and the reader's time zone."""

import zoneinfo
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

GetResponse = Callable[[HttpRequest], HttpResponse]
TIME_ZONE_COOKIE = "tz"


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
