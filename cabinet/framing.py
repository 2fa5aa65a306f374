"""Who may show our pages in a frame: nobody, or the company's own pages if FRAME_ANCESTORS names them.

The default stands in the settings and is "nobody"; this opens it for what a customer uses, the sign-in pages
included, and never for the admin.
"""

from collections.abc import Callable
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse

GetResponse = Callable[[HttpRequest], HttpResponse]


class FrameAncestorsMiddleware:
    """Put under the middlewares that write both headers: it tells them what to write.

    X-Frame-Options cannot name origins and would forbid what the policy allows, so it is left out then. An
    answer with a policy of its own (a file) stays as it is.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response: Any = self.get_response(request)
        ancestors = list(getattr(settings, "FRAME_ANCESTORS", ()))
        if ancestors and _is_for_customers(request) and not response.has_header("Content-Security-Policy"):
            response._csp_replace = {"frame-ancestors": ancestors}
            response.xframe_options_exempt = True
        return cast("HttpResponse", response)


def _is_for_customers(request: HttpRequest) -> bool:
    """What has no view at all, or is refused before one is looked for, stays closed."""
    return request.resolver_match is not None and request.resolver_match.app_name != "admin"
