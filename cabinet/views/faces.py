"""Pictures of staff: for people whom that person has answered."""

import uuid

from django.http import Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from cabinet import faces
from cabinet.views.access import PersonRequest, signed_in
from cabinet.views.files import bytes_of


@signed_in
@require_safe
def face(request: PersonRequest, face_id: uuid.UUID, digest: str) -> HttpResponseBase:
    """The bytes. Their hash is a part of the address, so a browser need not ask for them again."""
    shown = get_object_or_404(faces.seen_by(request.user), pk=face_id)
    if digest != faces.mark_of(shown):
        raise Http404
    response = bytes_of(shown.blob)
    response["Cache-Control"] = "private, max-age=31536000, immutable"
    return response
