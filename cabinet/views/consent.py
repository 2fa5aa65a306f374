"""Agreeing to the policy, before the first page of cases."""

from django.http import HttpResponseBase
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_http_methods

from cabinet import limits, privacy
from cabinet.privacy_forms import ConsentForm
from cabinet.views.access import PersonRequest, identified, next_page, onwards


@identified
@require_http_methods(["GET", "HEAD", "POST"])
def ask(request: PersonRequest) -> HttpResponseBase:
    """Asks for consent; a given one leads on to where the person was going."""
    if not privacy.consent_is_asked_for() or privacy.has_consented(request.user):
        return onwards(request)
    form = ConsentForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        privacy.give_consent(person=request.user, language=get_language() or "", now=timezone.now())
        privacy.remember_consent(request)
        return onwards(request)
    response = render(request, "cabinet/consent.html", {"form": form, "next": next_page(request)})
    return limits.refused(response, form) if form.is_bound else response
