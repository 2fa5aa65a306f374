"""Doors behind the composer: what is typed is kept, files come one by one. Pages work without them.

And what every page with a composer does with the draft of it.
"""

import uuid
from collections.abc import Iterable
from contextlib import suppress

from django.http import Http404, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from cabinet import chat, drafts, interrupted, limits, selectors, uploads
from cabinet.draft_models import Draft
from cabinet.forms import MessageForm
from cabinet.models import CaseFile
from cabinet.views.access import PersonRequest, signed_in


def draft_of(request: PersonRequest, place: drafts.Place | uuid.UUID) -> Draft | None:
    """What was typed on this page before, also what waited for its person to sign in again."""
    interrupted.hand_over(request, place=place)
    return drafts.find(request.user, place)


def keep_as_draft(request: PersonRequest, form: MessageForm, place: drafts.Place) -> None:
    """A form that comes back is a draft too: the page may be closed over it."""
    with suppress(drafts.TooMuch):
        form.draft = _saved(request, place, form.seen, files=form.attachments.kept).draft


def _saved(
    request: PersonRequest,
    place: drafts.Place,
    seen: drafts.Seen,
    *,
    swap: bool = False,
    files: Iterable[CaseFile] = (),
) -> drafts.Saved:
    """What was posted, as the draft. Raises `drafts.TooMuch`."""
    typed, now = drafts.Typed.of(request.POST), timezone.now()
    return drafts.save(
        user=request.user, place=place, typed=typed, seen=seen, now=now, swap=swap, files=files
    )


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def draft(request: PersonRequest) -> HttpResponse:
    """The draft of a page: asked for, or saved. 409: saved, and another device's words were put aside.

    429: not saved, the page keeps what it holds and saves it after the time that is said."""
    place = _place(request)
    if request.method != "POST":
        return JsonResponse(_told(drafts.find(request.user, place)))
    if seconds := limits.take(request, limits.DRAFT):
        return limits.too_many(JsonResponse({"error": limits.draft_sentence(seconds)}), seconds)
    return _save(request, place)


def _save(request: PersonRequest, place: drafts.Place) -> HttpResponse:
    try:
        saved = _saved(request, place, drafts.Seen.of(request.POST), swap="swap" in request.POST)
    except drafts.TooMuch:
        return JsonResponse({"error": _("This is too long to be kept as a draft.")}, status=413)
    held = saved.draft
    answer = {"revision": held.revision if held else 0, "aside": held.aside if held else {}}
    return JsonResponse(answer, status=409 if saved.met_another else 200)


@signed_in
@require_POST
def discard(request: PersonRequest) -> HttpResponse:
    """Throws the draft of a page away, with its files."""
    place = _place(request)
    drafts.discard(user=request.user, place=place)
    if place == drafts.CHAT:
        return redirect("cabinet:chat")
    return redirect("cabinet:case", place.pk) if place else redirect("cabinet:case-new")


@signed_in
@require_POST
def upload(request: PersonRequest) -> HttpResponse:
    """Takes one file. 422 says in words why not, and names the file."""
    file = request.FILES.get("file")
    if file is None:
        return _refused(_("No file has arrived."))
    room, seen = uploads.seconds_until_room(request), drafts.Seen.of(request.POST)
    try:
        staged, held = uploads.take(
            file,
            owner=request.user,
            place=_place(request),
            seen=seen,
            now=timezone.now(),
            wait_for=lambda size: limits.take(request, limits.DRAFT) or room(size),
        )
    except uploads.Refused as refused:
        return _refused(str(refused))
    return JsonResponse(_file(staged) | {"revision": drafts.revision_for(held, seen)}, status=201)


@signed_in
@require_POST
def remove_upload(request: PersonRequest, file_id: uuid.UUID) -> HttpResponse:
    """Takes back a file that was not sent yet."""
    staged = CaseFile.objects.filter(owner_id=request.user.pk, message=None)
    file = get_object_or_404(staged, pk=file_id)
    seen = drafts.Seen.of(request.POST)
    held = drafts.take_file_back(file, seen=seen, now=timezone.now())
    return JsonResponse({"revision": drafts.revision_for(held, seen)})


def _place(request: PersonRequest) -> drafts.Place:
    """The page that `case` names: a case of the person's, the chat, or without it the form for a new case. A
    stranger's case does not exist."""
    named = request.POST.get("case") or request.GET.get("case")
    if not named:
        return None
    if named == drafts.CHAT and chat.is_on():
        return drafts.CHAT
    try:
        case_id = uuid.UUID(named)
    except ValueError as error:
        raise Http404 from error
    return get_object_or_404(selectors.cases_of(request.user), pk=case_id)


def _told(held: Draft | None) -> dict[str, object]:
    if held is None:
        return {"revision": 0, "subject": "", "text": "", "extra": {}, "files": [], "aside": {}}
    files = [_file(file) for file in held.files.all()]
    return {
        "revision": held.revision,
        "subject": held.subject,
        "text": held.text,
        "extra": held.extra,
        "files": files,
        "aside": held.aside,
    }


def _file(file: CaseFile) -> dict[str, object]:
    return {"id": str(file.pk), "name": file.name, "size": file.size}


def _refused(sentence: str) -> JsonResponse:
    return JsonResponse({"error": sentence}, status=422)
