"""The cabinet's own letters, off and on again: for one case, for all, and by the link in a letter."""

import uuid

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST

from cabinet import notices, selectors
from cabinet.views.access import PersonRequest, next_page, signed_in


@signed_in
@require_http_methods(["GET", "HEAD", "POST"])
def letters(request: PersonRequest) -> HttpResponse:
    """Whether the person wants letters about answers at all, and about which cases none."""
    if not notices.switched_on():
        raise Http404
    if request.method == "POST":
        notices.set_wanted(user=request.user, wanted=request.POST.get("wanted") == "yes")
        messages.success(request, _("Noted."))
        return redirect("cabinet:letters")
    context = {
        "address": selectors.address_of(request.user),
        "wanted": notices.wanted_by(request.user),
        "muted": notices.muted_cases(request.user).defer("folded"),
    }
    return render(request, "cabinet/letters.html", context)


@signed_in
@require_POST
def letters_of_case(request: PersonRequest, case_id: uuid.UUID) -> HttpResponse:
    """Letters about one case, off or on again."""
    case = get_object_or_404(selectors.cases_of(request.user), pk=case_id)
    notices.set_muted(user=request.user, case=case, muted=request.POST.get("wanted") != "yes")
    return HttpResponseRedirect(next_page(request) or reverse("cabinet:case", args=[case_id]))


@csrf_exempt
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def letters_off(request: HttpRequest, token: str) -> HttpResponse:
    """The link in a letter. Opening it shows a button; only a POST switches anything off.

    Without a form's token, because a mail program posts here by itself (RFC 8058) and has no session; the
    signed address is what entitles to it, and it can do nothing but this.
    """
    notice = notices.by_token(token)
    if notice is None:
        raise Http404
    done = ""
    if request.method == "POST":
        done = "case" if request.POST.get("scope") == "case" else "all"
        if done == "case":
            notices.set_muted(user=notice.user, case=notice.case, muted=True)
        else:
            notices.set_wanted(user=notice.user, wanted=False)
    return render(request, "cabinet/letters_off.html", {"done": done})
