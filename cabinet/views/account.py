"""My data: what is kept, a copy of it, and its end."""

import uuid
from typing import BinaryIO, cast

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.http import (
    FileResponse,
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
)
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from cabinet import erasure, export, limits, privacy
from cabinet.middleware import zone_of
from cabinet.models import Profile
from cabinet.privacy_forms import ErasureForm
from cabinet.privacy_models import Consent, DataExport, Erasure
from cabinet.receivers import signed_in_lately
from cabinet.views.access import PersonRequest, identified
from cabinet.views.files import POLICY

LATELY_SECONDS = 10 * 60
"""How long after signing in somebody may erase everything: an open browser is not the person."""


@identified
@require_safe
def overview(request: PersonRequest) -> HttpResponse:
    """What is kept about the person, and what can be done with it."""
    person = request.user
    context = {
        "profile": Profile.objects.filter(user_id=person.pk).first(),
        "addresses": EmailAddress.objects.filter(user_id=person.pk).order_by("-primary", "pk"),
        "consents": Consent.objects.filter(person_id=person.pk),
        "export": export.latest(person, now=timezone.now()),
        "counts": erasure.counts_of(person),
    }
    return render(request, "cabinet/account.html", context)


@limits.paced
@identified
@require_POST
def export_data(request: PersonRequest) -> HttpResponse:
    """Asks for a copy of everything; a worker packs it."""
    zone = zone_of(request)
    export.ask(
        person=request.user,
        now=timezone.now(),
        language=get_language() or "",
        time_zone=str(zone) if zone else "",
    )
    return redirect(f"{reverse('cabinet:account')}#copy")


@identified
@require_safe
def fetch_export(request: PersonRequest, export_id: uuid.UUID) -> HttpResponseBase:
    """The copy, to its owner only, and kept by no browser and no proxy."""
    found = get_object_or_404(
        DataExport,
        pk=export_id,
        person_id=request.user.pk,
        state=DataExport.State.READY,
        expires_at__gt=timezone.now(),
    )
    try:
        blob = found.blob.open("rb")
    except OSError as error:
        raise Http404 from error
    name = f"my-data-{timezone.localtime(found.requested_at):%Y-%m-%d}.zip"
    response = FileResponse(cast("BinaryIO", blob), as_attachment=True, filename=name)
    response["Content-Type"] = "application/zip"
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = POLICY
    response["Cache-Control"] = "private, no-store"
    return response


@identified
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def erase(request: PersonRequest) -> HttpResponseBase:
    """Says what erasing means, takes the word, and begins."""
    lately = signed_in_lately(request, seconds=LATELY_SECONDS)
    form = ErasureForm(request.POST if request.method == "POST" and lately else None)
    if not form.is_valid():
        status = 422 if form.is_bound else 403 if request.method == "POST" else 200
        return _explain(request, form, lately=lately, status=status)
    try:
        begun = erasure.request(person=request.user, asked_by=Erasure.AskedBy.PERSON, now=timezone.now())
    except erasure.StaffAccount:
        form.add_error(
            None, _("This account belongs to staff. An administrator has to take its rights away first.")
        )
        return _explain(request, form, lately=lately, status=422)
    get_adapter().logout(request)
    response = HttpResponseRedirect(reverse("cabinet:erased", args=[begun.pk]))
    response["Clear-Site-Data"] = '"cache", "storage"'
    return response


@require_POST
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Out, and to the sign-in form: whoever comes back may erase."""
    get_adapter().logout(request)
    return HttpResponseRedirect(f"{reverse('account_login')}?next={reverse('cabinet:erase')}")


@never_cache
@require_safe
def erased(request: HttpRequest, erasure_id: uuid.UUID) -> HttpResponse:
    """The receipt, for whoever has its address: nobody is signed in any more. Numbers and times only."""
    return render(request, "cabinet/erased.html", {"erasure": get_object_or_404(Erasure, pk=erasure_id)})


def _explain(request: PersonRequest, form: ErasureForm, *, lately: bool, status: int) -> HttpResponse:
    context = {
        "form": form,
        "lately": lately,
        "counts": erasure.counts_of(request.user),
        "contact": privacy.contact(),
    }
    return render(request, "cabinet/erase.html", context, status=status)
