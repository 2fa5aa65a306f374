"""The company's colours and logo: public, the same for everybody, kept by browsers until they change."""

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from cabinet import brand, logos

FOR_EVER = "public, max-age=31536000, immutable"
NOT_KEPT = "no-cache"
"""For another mark: during a deploy a page of the new code may ask a process of the old one."""

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; sandbox"
"""For an SVG that somebody opens by itself: it may look as it was drawn, and do nothing."""


@require_safe
def colours(request: HttpRequest, mark: str) -> HttpResponse:  # noqa: ARG001
    """The variables that the company's colour changes."""
    css = brand.colours()
    return _public(css, "text/css; charset=utf-8", mark)


@require_safe
def logo(request: HttpRequest, mark: str, setting: str) -> HttpResponse:  # noqa: ARG001
    """The logo, as a picture and nothing else."""
    found = brand.logo(setting)
    if found is None:
        raise Http404
    return _public(found.content, found.content_type, mark)


def _public(content: bytes, content_type: str, mark: str) -> HttpResponse:
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = FOR_EVER if mark == logos.mark_of(content) else NOT_KEPT
    response["Content-Security-Policy"] = POLICY
    response["X-Content-Type-Options"] = "nosniff"
    return response
