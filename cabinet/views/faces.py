"""Pictures of staff: for people whom that person has answered."""

import uuid
from typing import BinaryIO, cast

from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from cabinet import faces, filetypes
from cabinet.views.access import PersonRequest, signed_in
from cabinet.views.files import POLICY


@signed_in
@require_safe
def face(request: PersonRequest, face_id: uuid.UUID, digest: str) -> HttpResponseBase:
    """The bytes. Their hash is a part of the address, so a browser need not ask for them again."""
    shown = get_object_or_404(faces.seen_by(request.user), pk=face_id)
    if digest != faces.mark_of(shown):
        raise Http404
    try:
        blob = shown.blob.open("rb")
    except (OSError, ValueError) as error:
        raise Http404 from error
    content_type = filetypes.served_inline(blob.read(filetypes.HEAD_BYTES))
    if content_type is None:
        blob.close()
        raise Http404
    blob.seek(0)
    response = FileResponse(cast("BinaryIO", blob), content_type=content_type)
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
