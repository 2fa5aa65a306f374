"""Sign-in: the address, the code, and out again."""

from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import compare_user_code
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from cabinet import handover, interrupted, joining
from cabinet.accounts import AddressRefused, LetterNotSent, SignIn
from cabinet.forms import AddressForm, CodeForm
from cabinet.selectors import address_of
from cabinet.views.access import next_page, onwards

ADDRESS, AGAIN = "cabinet_sign_in_address", "cabinet_sign_in_again"
"""Keys of the session: to whom a code was sent, and whose address the form for it begins with."""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponseBase:
    """Asks for an address and sends a code to it, known or not."""
    if request.user.is_authenticated and address_of(request.user):
        return onwards(request)
    if request.method != "POST":
        asked_again = request.session.pop(AGAIN, "")
        return _ask_address(request, AddressForm(initial={"email": asked_again}), 200)
    form = AddressForm(request.POST)
    if not form.is_valid():
        return _ask_address(request, form, 422)
    address = form.cleaned_data["email"]
    if not ratelimit.consume(request, action="request_login_code", key=address):
        form.add_error(None, _("Too many letters were asked for. Wait a few minutes and try again."))
        return _ask_address(request, form, 429)
    try:
        SignIn.begin(request, address)
    except LetterNotSent:
        form.add_error(None, _("The letter could not be sent just now. Try again in a minute."))
        return _ask_address(request, form, 503)
    request.session[ADDRESS] = address
    return _to_code(request)


@never_cache
@sensitive_post_parameters("code")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm_code(request: HttpRequest) -> HttpResponseBase:
    """Takes the code. Only a POST spends it, so mail scanners that open addresses do no harm."""
    process = SignIn.pending(request)
    if process is None:
        if request.user.is_authenticated:
            return onwards(request)
        return _start_again(
            request, _("This code is no longer valid. Ask for a new one.") if request.POST else ""
        )
    if request.method != "POST":
        return _ask_code(request, process, CodeForm(), 200)
    if request.POST.get("action") == "resend":
        return _resend(request, process)
    form = CodeForm(request.POST)
    if not form.is_valid():
        return _ask_code(request, process, form, 422)
    return _try_code(request, process, form)


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """Ends the session and has the browser forget the pages it kept."""
    get_adapter().logout(request)
    response = HttpResponseRedirect(reverse("account_login"))
    response["Clear-Site-Data"] = '"cache"'
    interrupted.forget(response)
    return response


def _try_code(request: HttpRequest, process: SignIn, form: CodeForm) -> HttpResponseBase:
    if not process.guess_allowed():
        return _start_again(request, _("Too many wrong codes for this address today. Try again tomorrow."))
    if not compare_user_code(actual=form.cleaned_data["code"], expected=process.code):
        if not process.record_invalid_attempt():
            return _start_again(request, _("That was not the right code either. Ask for a new one."))
        form.add_error("code", _("This is not the code from our latest letter. Check it and try again."))
        return _ask_code(request, process, form, 422)
    try:
        response = process.finish(onwards(request).url)
    except AddressRefused:
        return _start_again(request, _("This address cannot be used here. Please write to us by e-mail."))
    request.session.pop(ADDRESS, None)
    if joining.complete(request, process.address):
        messages.success(request, _("Done. From now on the link on our site leads to these cases too."))
    return response


def _resend(request: HttpRequest, process: SignIn) -> HttpResponseBase:
    allowed = process.can_resend and ratelimit.consume(
        request, action="request_login_code", key=process.address
    )
    try:
        if allowed:
            process.resend()
            messages.success(request, _("A new code is on its way. Earlier codes no longer work."))
        else:
            messages.error(request, _("No more letters for now. Wait a few minutes and start again."))
    except LetterNotSent:
        messages.error(request, _("The letter could not be sent just now. Try again in a minute."))
    return _to_code(request)


def _ask_address(request: HttpRequest, form: AddressForm, status: int) -> HttpResponse:
    wanted = next_page(request)
    context = {"form": form, "next": wanted, "company_leads_here": bool(settings.SSO_SECRET)}
    context["company_page"] = handover.sign_in_page(wanted) if settings.SSO_SECRET else ""
    return render(request, "account/login.html", context, status=status)


def _ask_code(request: HttpRequest, process: SignIn, form: CodeForm, status: int) -> HttpResponse:
    context = {
        "form": form,
        "next": next_page(request),
        "address": process.address,
        "can_resend": process.can_resend,
    }
    return render(request, "account/confirm_login_code.html", context, status=status)


def _to_code(request: HttpRequest) -> HttpResponseRedirect:
    return HttpResponseRedirect(_with_next(request, "account_confirm_login_code"))


def _start_again(request: HttpRequest, why: str) -> HttpResponseRedirect:
    """To the form for the address, which is filled in: another code is one click away."""
    if address := request.session.pop(ADDRESS, ""):
        request.session[AGAIN] = address
    if why:
        messages.error(request, why)
    return HttpResponseRedirect(_with_next(request, "account_login"))


def _with_next(request: HttpRequest, name: str) -> str:
    wanted = next_page(request)
    return reverse(name) + (f"?{urlencode({'next': wanted})}" if wanted else "")
