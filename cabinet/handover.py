"""Sign-in handed over by the company's own site: what its tokens must say, and whom they bring.

The site signs a short-lived token (JWT, HS256) for a visitor it knows and leads the browser here with it.
`external_id`, the site's own id of the person, is the identity: names and addresses change. The site vouches
for `email`: whoever holds the secret could sign in as anybody anyway. What the site does not decide is who
already signs in here with a code to that address; those two become one only after the code (`joining`).

A token works once. What is kept of it is a hash of its signature and not of its letters: the same token may
be spelled in several ways.
"""

import hashlib
import math
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

import jwt
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import IntegrityError, transaction

from cabinet import accounts
from cabinet.forms import AddressForm
from cabinet.models import MAX_EXTERNAL_ID, Profile, UsedToken

LIFETIME = timedelta(minutes=5)
SKEW = timedelta(seconds=60)
"""How far the clocks of both sides may differ."""

LONGEST_TOKEN = 8192
LONGEST_NAME = 150
FORGOTTEN_AT_ONCE = 100
MILLISECONDS = 10**11
"""A time from here on is no time in seconds: JavaScript counts in thousandths."""

_SIGNATURE_ONLY: Any = {
    f"verify_{claim}": False for claim in ("exp", "nbf", "iat", "aud", "iss", "sub", "jti")
}
# Without these two some scripts cannot be written.
_JOINERS = "\u200c\u200d"


def sign_in_page(wanted: str) -> str:
    """The page of the company's site that leads back here, to the path `wanted`; "" if none is named."""
    page = str(getattr(settings, "SSO_SIGN_IN_URL", ""))
    if not page or not wanted:
        return page
    return f"{page}{'&' if '?' in page else '?'}{urlencode({'return_to': settings.SITE_URL + wanted})}"


class Reason(StrEnum):
    """Why somebody was not let in. Visitors are shown it and can quote it to the site's developers."""

    INCOMPLETE = "incomplete"
    UNREADABLE = "unreadable"
    SIGNATURE = "signature"
    EXPIRED = "expired"
    TOO_EARLY = "too-early"
    TOO_LONG = "too-long"
    CLAIM = "claim"
    USED = "used"
    ADDRESS_TAKEN = "address-taken"
    ADDRESS_KNOWN = "address-known"
    SWITCHED_OFF = "switched-off"


class Refused(Exception):
    """The token lets nobody in. `claim` names what is wrong; `detail` is for the log and holds no values."""

    def __init__(self, reason: Reason, *, claim: str = "", detail: str = "") -> None:
        super().__init__(reason, claim, detail)
        self.reason, self.claim, self.detail = reason, claim, detail


@dataclass(frozen=True)
class HandOver:
    """What a good token says. `digest` names the token, which can let nobody in from `expires_at` on."""

    external_id: str
    name: str
    address: str
    digest: str
    expires_at: datetime


def read(token: str, *, secret: str, now: datetime) -> HandOver:
    """What the token says, if it is the site's and its time is now. Raises `Refused`."""
    claims, signature = _verified(token, secret)
    return HandOver(
        expires_at=_expiry(claims, now.timestamp()),
        external_id=_external_id(claims),
        name=_name(claims),
        address=_address(claims),
        digest=hashlib.sha256(signature).hexdigest(),
    )


def spend(handed: HandOver, *, now: datetime) -> None:
    """Uses the token up, whatever comes of it. Raises `Refused` if it was used before.

    Of two browsers that bring it in the same moment one gets in: the row is unique.
    """
    _forget_expired(now)
    try:
        with transaction.atomic():
            UsedToken.objects.create(digest=handed.digest, expires_at=handed.expires_at)
    except IntegrityError as error:
        raise Refused(Reason.USED) from error


def person_for(handed: HandOver) -> AbstractBaseUser:
    """The person with this `external_id`, made if there is none, with the name and address the site says.

    Tells the rest of the house about the address after the commit. Raises `Refused`.
    """
    try:
        with transaction.atomic():
            return _person(handed)
    except IntegrityError:
        # The same person came in another window at this moment, or somebody has just proved the address.
        return _person_now(handed)


def is_signed_in(user: AbstractBaseUser | AnonymousUser, handed: HandOver) -> bool:
    """Whether it is the token's own person who asks."""
    return bool(
        user.is_authenticated
        and user.is_active
        and Profile.objects.filter(user_id=user.pk, external_id=handed.external_id).exists()
    )


# ── what the token says ─────────────────────────────────────────────────────────────────────────────────


def _verified(token: str, secret: str) -> tuple[dict[str, Any], bytes]:
    if not token:
        raise Refused(Reason.INCOMPLETE)
    if len(token) > LONGEST_TOKEN or not token.isascii():
        raise Refused(Reason.UNREADABLE, detail="too long or not ASCII")
    try:
        decoded = jwt.decode_complete(token, secret, algorithms=["HS256"], options=_SIGNATURE_ONLY)
    except (jwt.InvalidSignatureError, jwt.InvalidAlgorithmError) as error:
        raise Refused(Reason.SIGNATURE, detail=str(error)) from error
    except jwt.PyJWTError as error:
        raise Refused(Reason.UNREADABLE, detail=type(error).__name__) from error
    return decoded["payload"], decoded["signature"]


def _expiry(claims: dict[str, Any], now: float) -> datetime:
    """From when on the token is worth nothing. One without `exp` lives five minutes from `iat`."""
    life, skew = LIFETIME.total_seconds(), SKEW.total_seconds()
    issued, ends, begins = (_moment(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None and ends is None:
        raise Refused(Reason.CLAIM, claim="iat", detail="neither iat nor exp")
    for name, moment in (("iat", issued), ("nbf", begins)):
        if moment is not None and moment > now + skew:
            raise Refused(Reason.TOO_EARLY, claim=name, detail=f"{moment - now:.0f} s ahead")
    if ends is None:
        ends = (issued or 0) + life
    elif ends > now + life + skew or (issued is not None and ends - issued > life + skew):
        # Counted from `iat` too: otherwise a token for a year would work in its last five minutes.
        raise Refused(Reason.TOO_LONG, claim="exp", detail=f"ends {ends - now:.0f} s from now")
    if ends + skew <= now:
        raise Refused(Reason.EXPIRED, detail=f"{now - ends:.0f} s ago")
    return datetime.fromtimestamp(ends + skew, UTC)


def _moment(claims: dict[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Refused(Reason.CLAIM, claim=name, detail="not a number")
    if isinstance(value, float) and not math.isfinite(value):
        raise Refused(Reason.CLAIM, claim=name, detail="not finite")
    if not 0 <= value < MILLISECONDS:
        raise Refused(Reason.CLAIM, claim=name, detail="not in seconds since 1970")
    return float(value)


def _external_id(claims: dict[str, Any]) -> str:
    value = claims.get("external_id")
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    value = _text("external_id", value).strip()
    if not value:
        raise Refused(Reason.CLAIM, claim="external_id", detail="missing or empty")
    if len(value) > MAX_EXTERNAL_ID:
        raise Refused(Reason.CLAIM, claim="external_id", detail="too long")
    # Two that look alike must not be two people, so nothing invisible either.
    if not value.isprintable():
        raise Refused(Reason.CLAIM, claim="external_id", detail="characters that cannot be printed")
    return value


def _name(claims: dict[str, Any]) -> str:
    """One line to show; what cannot be shown is left out, because nobody is known by his name."""
    shown = "".join(char if _is_shown(char) else " " for char in _text("name", claims.get("name")))
    return " ".join(shown.split())[:LONGEST_NAME].strip()


def _is_shown(char: str) -> bool:
    return char in _JOINERS or unicodedata.category(char)[0] != "C"


def _address(claims: dict[str, Any]) -> str:
    value = _text("email", claims.get("email")).strip()
    if not value:
        return ""
    form = AddressForm({"email": value})
    if not form.is_valid():
        raise Refused(Reason.CLAIM, claim="email", detail="not an address")
    return str(form.cleaned_data["email"])


def _text(claim: str, value: object) -> str:
    """PHP writes null for what it does not have."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise Refused(Reason.CLAIM, claim=claim, detail=f"of the type {type(value).__name__}")
    return value


# ── whom it brings ──────────────────────────────────────────────────────────────────────────────────────


def _person_now(handed: HandOver) -> AbstractBaseUser:
    try:
        with transaction.atomic():
            return _person(handed)
    except IntegrityError as error:
        if not handed.address:
            raise
        # The site's own user class wants unique addresses, and an account that never proved this one has it.
        raise Refused(Reason.ADDRESS_TAKEN) from error


def _person(handed: HandOver) -> AbstractBaseUser:
    # In this order: an address that is seen to be held was committed together with the person who holds it,
    # so whoever comes in two windows at once is found here and not taken for somebody else (READ COMMITTED).
    holder = accounts.holder_of(handed.address) if handed.address else None
    known = Profile.objects.filter(external_id=handed.external_id).select_related("user").first()
    if known is None:
        if holder is not None:
            raise _held_by(holder)
        user = accounts.new_person(handed.address, name=handed.name, called=handed.external_id)
        Profile.objects.create(user_id=user.pk, external_id=handed.external_id)
    else:
        user = known.user
        if not user.is_active:
            raise Refused(Reason.SWITCHED_OFF)
        if holder is not None and holder.pk != user.pk:
            raise Refused(Reason.ADDRESS_TAKEN, claim="email")
        accounts.rename(user, handed.name)
    if handed.address:
        accounts.vouch(user, handed.address, known=holder is not None)
    return user


def _held_by(holder: AbstractBaseUser) -> Refused:
    if not holder.is_active:
        return Refused(Reason.SWITCHED_OFF)
    if Profile.objects.filter(user_id=holder.pk, external_id__isnull=False).exists():
        return Refused(Reason.ADDRESS_TAKEN, claim="email")
    return Refused(Reason.ADDRESS_KNOWN, claim="email")


def _forget_expired(now: datetime) -> None:
    """A few at each sign-in, so that the table stays small without a duty of its own."""
    with transaction.atomic():
        # Rows that another sign-in is deleting just now are left to it: two could wait for each other.
        expired = UsedToken.objects.filter(expires_at__lte=now).select_for_update(skip_locked=True)
        keys = list(expired.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
        if keys:
            UsedToken.objects.filter(pk__in=keys).delete()
