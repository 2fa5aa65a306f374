"""The door Omnidesk posts to. It checks the secret, stores a row, rings, and answers; nothing else.

The answers are chosen by what the sender will do with them:

    ======  =======================================================================  =======================
    Status  When                                                                     Sending it again
    ======  =======================================================================  =======================
    200     stored: known, unknown and test events, cases that are not ours,         is not needed
            bodies that cannot be read (the row says so)
    400     the connection broke in the middle of the body; nothing stored           helps, if anybody is
                                                                                     still there
    403     no secret, a wrong one, or none is configured here; nothing stored,      helps after the secret
            nothing read                                                             was put right
    405     not POST; nothing stored                                                 does not help
    411     no Content-Length: chunked bodies arrive empty under WSGI                helps, with a length
    413     more than 256 KB, declared or real                                       does not help
    503     the database cannot store the row                                        helps: the only 5xx
    ======  =======================================================================  =======================

A webhook is only a hint. If all of them were lost, reconciliation would find the same messages, later.
"""

from collections.abc import Mapping
from typing import Any

from django import db
from django.core.exceptions import RequestDataTooBig
from django.http import UnreadablePostError
from django.utils import timezone
from rest_framework import status
from rest_framework.exceptions import APIException, MethodNotAllowed
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from webhooks import services
from webhooks.authentication import WebhookSecret

MAX_BYTES = 256 * 1024
"""A rule's body of ids has about 100 bytes; a channel's carries one message's text."""


class BrokenOff(APIException):
    status_code = status.HTTP_400_BAD_REQUEST
    default_detail = "The body is shorter than its Content-Length."


class LengthRequired(APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "Send a Content-Length."


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "At most 256 KB."


class TryLater(APIException):
    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_detail = "Not stored; please send it again."


class AnyAccept(BaseContentNegotiation):
    """Answers JSON whatever `Accept` or `?format=` say: a stored webhook must not turn into 404 or 406."""

    def select_parser(self, request: Request, parsers: Any) -> None:  # noqa: ARG002
        return None

    def select_renderer(
        self,
        request: Request,  # noqa: ARG002
        renderers: Any,
        format_suffix: str | None = None,  # noqa: ARG002
    ) -> tuple[BaseRenderer, str]:
        return renderers[0], renderers[0].media_type


class OmnideskWebhook(APIView):
    """Both addresses: `/webhooks/omnidesk/` with a header, `/webhooks/omnidesk/<secret>/` without."""

    authentication_classes = [WebhookSecret]
    parser_classes = []
    content_negotiation_class = AnyAccept
    http_method_names = ["post"]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        if request.method != "POST":
            raise MethodNotAllowed(str(request.method))
        super().initial(request, *args, **kwargs)

    def post(self, request: Request, secret: str = "") -> Response:  # noqa: ARG002
        body = read_within_limit(request)
        try:
            services.store(body=body, received_at=timezone.now())
        except db.Error as error:
            raise TryLater from error
        return Response({"stored": True})


def read_within_limit(request: Request) -> bytes:
    """The raw body, before anything touches `request.data`: afterwards a multipart body cannot be read."""
    declared = declared_length(request.META)
    if declared > MAX_BYTES:
        raise TooLarge
    try:
        body: bytes = request.body
    except RequestDataTooBig as error:
        raise TooLarge from error
    except UnreadablePostError as error:
        raise BrokenOff from error
    if len(body) > MAX_BYTES:
        raise TooLarge
    if len(body) < declared:
        raise BrokenOff
    return body


def declared_length(meta: Mapping[str, Any]) -> int:
    """Content-Length as a number. Beside Transfer-Encoding it counts for nothing (RFC 9112, 6.3)."""
    length = str(meta.get("CONTENT_LENGTH") or "").strip()
    if meta.get("HTTP_TRANSFER_ENCODING") or not (length.isascii() and length.isdigit()):
        raise LengthRequired
    # Past this many digits the number itself would be a burden.
    return int(length) if len(length) < 20 else MAX_BYTES + 1
