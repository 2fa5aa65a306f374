"""How much may be posted a minute, by one person and from one network address: a flood gets 429.

Ordinary people never meet these limits. Nothing typed is lost: the form comes back with a sentence that says
when to try again. Counters are rows, since the cache is no place for a sum that two requests add to; they
know neither persons nor addresses, only a keyed hash of them.
"""

import hashlib
import hmac
import ipaddress
import time
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, Final, ParamSpec

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import F
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import ngettext

from cabinet.privacy_models import Usage

P = ParamSpec("P")
SECONDS = 60
MEGABYTE = 1024 * 1024
KEPT_MINUTES = 60
IPV6_PREFIX = 64
"""What one household or one machine is given: who has one address of it has all of them."""

CASE: Final = ("CASES_PER_MINUTE", "POSTS_PER_MINUTE")
POST: Final = ("POSTS_PER_MINUTE",)
DRAFT: Final = ("DRAFTS_PER_MINUTE",)
UPLOAD: Final = ("UPLOAD_MB_PER_MINUTE",)


def take(request: HttpRequest, names: tuple[str, ...], *, amount: int = 1, unit: int = 1) -> int:
    """Uses `amount` of the named limits, of the person's and of the address's. 0 if there was room; else in
    how many seconds there will be. The first of a minute always has room, however large."""
    for name in names:
        sides = ((name, person_key(request.user)), (f"{name}_PER_IP", _network(request)))
        for setting, who in sides:
            most = int(getattr(settings, setting, 0)) * unit
            if most and not _use(_key(setting, who), most, amount):
                return SECONDS - int(time.time()) % SECONDS
    return 0


def person_key(user: object) -> str:
    return f"person {getattr(user, 'pk', None)}"


def forget_person(user: AbstractBaseUser) -> None:
    """The counters of a person whose data are erased."""
    names = {*CASE, *POST, *DRAFT, *UPLOAD}
    Usage.objects.filter(pk__in=[_key(name, person_key(user)) for name in names]).delete()


def forget_old(*, now: float) -> None:
    Usage.objects.filter(minute__lt=int(now) // SECONDS - KEPT_MINUTES).delete()


def _use(key: str, most: int, amount: int) -> bool:
    """One UPDATE decides, so that of many requests at once no more get through than may."""
    minute = int(time.time()) // SECONDS
    rows, room = Usage.objects.filter(pk=key), max(most - amount, 0)
    for _attempt in range(2):
        if rows.filter(minute=minute, used__lte=room).update(used=F("used") + amount):
            return True
        if rows.filter(minute__lt=minute).update(minute=minute, used=amount):
            return True
        Usage.objects.bulk_create([Usage(key=key, minute=minute, used=0)], ignore_conflicts=True)
    return False


def _key(name: str, who: str) -> str:
    return hmac.new(settings.SECRET_KEY.encode(), f"{name}\n{who}".encode(), hashlib.sha256).hexdigest()


def _network(request: HttpRequest) -> str:
    address = request.META.get("REMOTE_ADDR", "")
    try:
        version = ipaddress.ip_address(address).version
    except ValueError:
        return str(address)
    if version == 4:
        return str(address)
    return str(ipaddress.ip_network(f"{address}/{IPV6_PREFIX}", strict=False))


# ── what is said ────────────────────────────────────────────────────────────────────────────────────────


def sentence(seconds: int) -> str:
    return ngettext(
        "Too much was sent in one minute. Nothing is lost: send it again in %(seconds)d second.",
        "Too much was sent in one minute. Nothing is lost: send it again in %(seconds)d seconds.",
        seconds,
    ) % {"seconds": seconds}


def draft_sentence(seconds: int) -> str:
    return ngettext(
        "Not saved yet: too much came in one minute. It is tried again in %(seconds)d second.",
        "Not saved yet: too much came in one minute. It is tried again in %(seconds)d seconds.",
        seconds,
    ) % {"seconds": seconds}


def file_sentence(name: str, seconds: int) -> str:
    return ngettext(
        "“%(name)s” was not taken: too much came in one minute. Attach it again in %(seconds)d second.",
        "“%(name)s” was not taken: too much came in one minute. Attach it again in %(seconds)d seconds.",
        seconds,
    ) % {"name": name, "seconds": seconds}


def over(request: HttpRequest, form: Form, names: tuple[str, ...]) -> bool:
    """Whether this form is one too many; then it says so."""
    seconds = take(request, names)
    if seconds:
        form.add_error(None, sentence(seconds))
        form.wait_seconds = seconds  # type: ignore[attr-defined]
    return bool(seconds)


def refused(response: HttpResponse, form: Form) -> HttpResponse:
    """A form that comes back: 422, or 429 with the time if it came too soon."""
    seconds = getattr(form, "wait_seconds", 0)
    return too_many(response, seconds) if seconds else _with_status(response, 422)


def paced(
    view: Callable[Concatenate[HttpRequest, P], HttpResponseBase],
) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """For buttons, which have nothing typed to keep: one press too many gets a page that says when."""

    @wraps(view)
    def held(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        seconds = take(request, POST) if request.method == "POST" and request.user.is_authenticated else 0
        if not seconds:
            return view(request, *args, **kwargs)
        if request.headers.get("HX-Request"):
            # The open page says it in its own words and stays as it is.
            return too_many(HttpResponse(headers={"HX-Reswap": "none"}), seconds)
        return too_many(render(request, "429.html", {"sentence": sentence(seconds)}), seconds)

    return held


def too_many(response: HttpResponse, seconds: int) -> HttpResponse:
    """429, with the time after which it may be tried again."""
    response["Retry-After"] = str(seconds)
    return _with_status(response, 429)


def _with_status(response: HttpResponse, status: int) -> HttpResponse:
    response.status_code = status
    return response
