"""Who may pass, and who may keep a copy.

Pages of a person are `private, no-cache`: no proxy stores them and a browser asks again before showing one,
but Back still finds the place and what was typed, which `no-store` would throw away. Signing out tells the
browser to forget what it kept.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from django.contrib.auth.models import AbstractBaseUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme

from cabinet import interrupted, privacy
from cabinet.live import is_page_of

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


class PersonRequest(HttpRequest):
    """A request that `signed_in` has let through."""

    user: AbstractBaseUser  # type: ignore[assignment]


def identified(view: Callable[Concatenate[PersonRequest, P], HttpResponseBase]) -> View[P]:
    """Lets people in and sends everybody else to sign in.

    For what people may do with their own data, whatever they have agreed to. What a form brings meanwhile is
    kept for its person (`cabinet.interrupted`). A background request of an open page gets a plain 401
    instead: the page says so and keeps what was typed. So does the page of one person in a browser where
    another has signed in since.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        response: HttpResponseBase
        if request.user.is_authenticated and not is_page_of(request, request.user.pk):
            # Sending it once more as a form, as after the end of a session, would keep it for nobody.
            response = HttpResponse(status=401, headers={"X-Another-Person": "1"})
        elif request.user.is_authenticated:
            response = view(request, *args, **kwargs)  # type: ignore[arg-type]
            interrupted.remember(request, response)
        elif request.headers.get("HX-Request"):
            response = HttpResponse(status=401)
        else:
            response = to_sign_in(request)
            interrupted.keep(request, response)
        if not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return guarded


def signed_in(view: Callable[Concatenate[PersonRequest, P], HttpResponseBase]) -> View[P]:
    """Lets people in as `identified` does, and who has not agreed to the policy by way of its page."""

    @identified
    @wraps(view)
    def consenting(request: PersonRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not privacy.consent_is_missing(request):
            return view(request, *args, **kwargs)
        if request.headers.get("HX-Request"):
            return HttpResponse(status=401)
        return _detour(request, "cabinet:consent")

    return consenting


def to_sign_in(request: HttpRequest) -> HttpResponseRedirect:
    """To the sign-in form and back; after an action, back to the page it was on."""
    return _detour(request, "account_login")


def _detour(request: HttpRequest, name: str) -> HttpResponseRedirect:
    back = request.get_full_path()
    if request.method not in ("GET", "HEAD"):
        steps = request.path.split("/")
        back = "/".join(steps[: 2 if steps[1] == "chat" else 3]) + "/"
    return HttpResponseRedirect(f"{reverse(name)}?{urlencode({'next': back})}")


def next_page(request: HttpRequest) -> str:
    """Where the person wanted to go, if that is on this site; "" otherwise."""
    return on_this_site(request, request.POST.get("next") or request.GET.get("next") or "")


def on_this_site(request: HttpRequest, wanted: str) -> str:
    """The address if it leads to a page of this site; "" otherwise."""
    safe = url_has_allowed_host_and_scheme(
        wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return wanted if safe else ""


def onwards(request: HttpRequest) -> HttpResponseRedirect:
    """Where somebody who is signed in goes from the sign-in pages."""
    return HttpResponseRedirect(next_page(request) or resolve_url("cabinet:case-list"))
