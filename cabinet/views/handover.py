"""The door to which the company's own site leads people it has signed in."""

import logging
from collections.abc import Callable
from functools import wraps

from allauth.account.adapter import get_adapter
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from cabinet import accounts, handover, joining
from cabinet.handover import HandOver, Reason, Refused
from cabinet.selectors import name_of
from cabinet.views.access import on_this_site

log = logging.getLogger(__name__)

REFUSALS = {
    Reason.INCOMPLETE: gettext_lazy("The link that brought you here is incomplete."),
    Reason.UNREADABLE: gettext_lazy("The link that brought you here is damaged."),
    Reason.SIGNATURE: gettext_lazy("We could not make sure that the link that brought you here is genuine."),
    Reason.EXPIRED: gettext_lazy(
        "The link that brought you here has expired. It works for a few minutes only."
    ),
    Reason.TOO_EARLY: gettext_lazy(
        "The link that brought you here is not valid yet: the clock of the site you came from is fast."
    ),
    Reason.TOO_LONG: gettext_lazy(
        "The link that brought you here would work for too long, so we do not take it."
    ),
    Reason.CLAIM: gettext_lazy(
        "The link that brought you here leaves out something we need, or says it in a way we cannot use."
    ),
    Reason.USED: gettext_lazy("The link that brought you here was used already. Each one works once."),
    Reason.ADDRESS_TAKEN: gettext_lazy("Your e-mail address already belongs to somebody else here."),
    Reason.SWITCHED_OFF: gettext_lazy("This account is switched off. Please write to us by e-mail."),
}
"""What visitors are told, by the reason. `ADDRESS_KNOWN` has a page of its own."""


def secretive(view: Callable[[HttpRequest], HttpResponseBase]) -> Callable[[HttpRequest], HttpResponseBase]:
    """Nothing keeps the page or passes its address on; without a secret there is no such page.

    The origin is still told: without it our own forms on the page could not prove where they come from.
    """

    @wraps(view)
    def guarded(request: HttpRequest) -> HttpResponseBase:
        if not settings.SSO_SECRET:
            raise Http404
        response = view(request)
        response["Cache-Control"] = "no-store"
        response["Referrer-Policy"] = "strict-origin"
        return response

    return guarded


# The form is another site's and cannot know our token; the one it brings is the proof.
@csrf_exempt
@secretive
@sensitive_post_parameters("jwt")
@require_http_methods(["GET", "POST"])
def hand_over(request: HttpRequest) -> HttpResponseBase:
    """Signs in whom the token names, or says why not."""
    if "prefetch" in request.headers.get("Sec-Purpose", ""):
        # A browser that only guesses where the person goes next must not use the token up.
        return HttpResponse(status=503)
    now = timezone.now()
    try:
        handed = handover.read(_given(request, "jwt"), secret=settings.SSO_SECRET, now=now)
        return _let_in(request, handed) if _spent(request, handed) else _onwards(request)
    except Refused as refused:
        return _refuse(request, refused)


def _spent(request: HttpRequest, handed: HandOver) -> bool:
    """Uses the token up. False: this browser has come in by it already (Back, reload, a double click)."""
    try:
        handover.spend(handed, now=timezone.now())
    except Refused:
        if handover.is_signed_in(request.user, handed):
            return False
        raise
    return True


def _let_in(request: HttpRequest, handed: HandOver) -> HttpResponse:
    before = request.user.pk
    try:
        user = handover.person_for(handed)
    except Refused as refused:
        # Whoever used this browser until now is not the one who sits here.
        get_adapter().logout(request)
        if refused.reason == Reason.ADDRESS_KNOWN:
            joining.remember(request.session, external_id=handed.external_id, address=handed.address)
            return _offer_to_join(request, handed)
        raise
    response = accounts.admit(request, user, redirect_url=_onwards(request).url)
    if before != user.pk:
        messages.success(request, _("You are signed in as %(name)s.") % {"name": name_of(user)})
        if before is not None:
            response["Clear-Site-Data"] = '"cache"'
    return response


def _offer_to_join(request: HttpRequest, handed: HandOver) -> HttpResponse:
    log.warning("A hand-over was refused: %s", Reason.ADDRESS_KNOWN)
    context = {"address": handed.address, "name": handed.name, "next": _return_to(request)}
    return render(request, "cabinet/handover_join.html", context, status=403)


def _refuse(request: HttpRequest, refused: Refused) -> HttpResponse:
    # For the developers of the other site; nothing that the token says, and never the token.
    log.warning("A hand-over was refused: %s %s (%s)", refused.reason, refused.claim, refused.detail or "-")
    context = {"reason": refused.reason, "claim": refused.claim, "why": REFUSALS[refused.reason]}
    return render(request, "cabinet/handover_refused.html", context, status=403)


def _given(request: HttpRequest, name: str) -> str:
    return request.POST.get(name) or request.GET.get(name) or ""


def _return_to(request: HttpRequest) -> str:
    return on_this_site(request, _given(request, "return_to"))


def _onwards(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(_return_to(request) or resolve_url("cabinet:case-list"))
