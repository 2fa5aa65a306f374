"""The site's addresses, and some whose views fail: pages that nobody reaches on purpose."""

from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path

handler400 = "cabinet.views.errors.bad_request"
ERRORS: dict[int, Exception] = {
    400: BadRequest("on purpose"),
    403: PermissionDenied("on purpose"),
    500: RuntimeError("on purpose"),
}


def breaks(request: HttpRequest, status: int) -> HttpResponse:
    raise ERRORS[status]


urlpatterns: list[URLPattern | URLResolver] = [
    path("breaks/<int:status>/", breaks),
    path("", include("config.urls")),
]
