"""Files of cases: only to people of the case, and never as something a browser would run."""

import uuid
from typing import BinaryIO, cast

from django.db.models.fields.files import FieldFile
from django.http import FileResponse, Http404, HttpResponseBase
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_safe

from cabinet import filetypes, selectors
from cabinet.models import CaseFile
from cabinet.views.access import PersonRequest, signed_in

POLICY = "sandbox; default-src 'none'"


@signed_in
@require_safe
def serve(request: PersonRequest, file_id: uuid.UUID) -> HttpResponseBase:
    """The bytes, as a download; a few kinds of pictures also in the page, if their content is one."""
    file = get_object_or_404(selectors.files_of(request.user), pk=file_id, state=CaseFile.State.READY)
    response = bytes_of(file.blob, name=file.name)
    response["Cache-Control"] = "private, max-age=3600"
    return response


def bytes_of(blob: FieldFile, *, name: str = "") -> FileResponse:
    """In the page if they are one of the few kinds of pictures, else as a download called `name`; harmless
    either way. 404 if they are not there, or may only stand in a page (no `name`) and are no such picture."""
    try:
        opened = blob.open("rb")
    except (OSError, ValueError) as error:
        raise Http404 from error
    content_type = filetypes.served_inline(opened.read(filetypes.HEAD_BYTES))
    if content_type is None and not name:
        opened.close()
        raise Http404
    opened.seek(0)
    response = FileResponse(
        cast("BinaryIO", opened),
        as_attachment=content_type is None,
        filename=name,
        content_type=content_type or "application/octet-stream",
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    return response
