"""A form that arrives when its person's session has ended is not lost: it waits until he has signed in again.

Two signed cookies, which no script can read, make sure that it reaches nobody else:

  the last person   whose session this browser had; signing out takes it away. Only then is anything kept, and
                    only for this person: whoever else signs in here gets nothing, and the form is deleted.
  the unsent form   which row waits, so that it is handed over in this browser alone.

Not in the session: signing in through the company's own site begins a new one. Each person has a few such
forms at most, each within the limits of a message, for an hour. That the form is a page's of ours has been
checked before (CSRF).
"""

import uuid
from collections.abc import Iterable
from typing import Final

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _

from cabinet import drafts, selectors, uploads
from cabinet.draft_models import UnsentForm
from cabinet.models import CaseFile

LAST_PERSON: Final = "cabinet_person"
UNSENT: Final = "cabinet_unsent"
SALT: Final = "cabinet.interrupted"
MOST_FORMS = 5
"""Waiting of one person at a time; an older one makes room."""

CHAT = "cabinet:chat"
FORMS = {"cabinet:reply", "cabinet:case-new", CHAT}


def remember(request: HttpRequest, response: HttpResponseBase) -> None:
    """Whose session this browser has; and that nothing waits any more, once it was handed over."""
    if not request.user.pk:
        # The account went with this very request: this browser is anybody's.
        forget(response)
        return
    key = str(request.user.pk)
    if _signed(request, LAST_PERSON) != key:
        # Longer than the session, which it is there to outlive.
        _sign(response, LAST_PERSON, key, max_age=2 * settings.SESSION_COOKIE_AGE)
    if getattr(request, "unsent_form_is_settled", False):
        response.delete_cookie(UNSENT, samesite="Lax")


def forget(response: HttpResponseBase) -> None:
    """The person has signed out: this browser is anybody's."""
    for name in (LAST_PERSON, UNSENT):
        response.delete_cookie(name, samesite="Lax")


def keep(request: HttpRequest, response: HttpResponseBase) -> None:
    """Keeps what a form has brought although nobody is signed in any more."""
    match = request.resolver_match
    person = selectors.person(_signed(request, LAST_PERSON) or 0)
    if request.method != "POST" or match is None or match.view_name not in FORMS or person is None:
        return
    case_id = match.kwargs.get("case_id")
    case = selectors.cases_of(person).filter(pk=case_id).first() if case_id else None
    if case_id and case is None:
        return
    in_chat = match.view_name == CHAT
    form = _stored(UnsentForm(user_id=person.pk, case=case, chat=in_chat), request)
    if form is not None:
        _sign(response, UNSENT, str(form.pk))
        messages.info(
            request, _("You have been signed out. What you typed is kept: sign in, and it is there.")
        )


def _stored(form: UnsentForm, request: HttpRequest) -> UnsentForm | None:
    try:
        typed = drafts.Typed.of(request.POST)
    except drafts.TooMuch:
        return None
    attachments = uploads.Attachments()
    uploads.add(None, request.FILES.getlist("files"), attachments)
    form.staged = [str(token) for token in uploads.still_wanted(request.POST)]
    if typed.is_empty and not attachments.kept and not form.staged:
        return None
    form.subject, form.text, form.extra = typed.subject, typed.text, typed.extra
    form.files = [str(file.pk) for file in attachments.kept]
    form.revision = drafts.Seen.of(request.POST).revision
    form.created_at = timezone.now()
    form.save(force_insert=True)
    for older in UnsentForm.objects.filter(user_id=form.user_id).order_by("-created_at")[MOST_FORMS:]:
        drafts.forget_unsent(older)
    return form


def hand_over(request: HttpRequest, *, place: drafts.Place | uuid.UUID) -> None:
    """Makes what waits in this browser a draft of the person it was typed by, before a page of his is shown.

    `place` is the page's: it says so if it is the one the form came from.
    """
    form = _waiting(request)
    if form is None:
        return
    request.unsent_form_is_settled = True  # type: ignore[attr-defined]
    if UnsentForm.objects.filter(pk=form.pk).delete()[0]:
        _make_draft(request, form)
        if (drafts.CHAT if form.chat else form.case_id) == place:
            messages.info(request, _("What you typed is still here. It was not sent yet."))


def _waiting(request: HttpRequest) -> UnsentForm | None:
    """The form that waits for this person in this browser. One that waits for somebody else is forgotten."""
    if UNSENT not in request.COOKIES:
        return None
    waiting = _signed(request, UNSENT, max_age=int(drafts.UNSENT_LIFE.total_seconds()))
    form = UnsentForm.objects.filter(pk=waiting).select_related("case").first() if waiting else None
    late = form is not None and timezone.now() - form.created_at > drafts.UNSENT_LIFE
    if form is not None and form.user_id == request.user.pk and not late:
        return form
    request.unsent_form_is_settled = True  # type: ignore[attr-defined]
    if form is not None:
        drafts.forget_unsent(form)
    return None


def _make_draft(request: HttpRequest, form: UnsentForm) -> None:
    drafts.unclaimed(form.files).update(owner_id=request.user.pk)
    mine = CaseFile.objects.filter(pk__in=_ids([*form.files, *form.staged]), owner_id=request.user.pk)
    if form.case is not None and form.case.owner_id != request.user.pk:
        return
    drafts.save(
        user=request.user,  # type: ignore[arg-type]
        place=drafts.CHAT if form.chat else form.case,
        typed=drafts.Typed(form.subject, form.text, form.extra),
        seen=drafts.Seen(form.revision),
        now=timezone.now(),
        files=list(mine.filter(message=None).order_by("created_at")),
    )


def _ids(values: Iterable[str]) -> list[uuid.UUID]:
    return [uuid.UUID(value) for value in values]


def _signed(request: HttpRequest, name: str, max_age: int | None = None) -> str:
    return str(request.get_signed_cookie(name, default="", salt=SALT, max_age=max_age) or "")


def _sign(response: HttpResponseBase, name: str, value: str, max_age: int | None = None) -> None:
    response.set_signed_cookie(
        name,
        value,
        salt=SALT,
        max_age=max_age,
        httponly=True,
        samesite="Lax",
        secure=settings.SESSION_COOKIE_SECURE,
    )
