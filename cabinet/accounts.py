"""Signing in: an address, a one-time code, nothing else.

Who somebody is gets decided only after the code came back. Until then a known, an unknown and a
switched-off address run through exactly the same lines: the same letter, the same answer, the same queries.
So nothing can be learned about an address without reading its mail, and no row is made for an address that
nobody has proved.

An account is entered only through an address it has proved. An address that merely stands in somebody's
user row proves nothing: whoever wrote it there could otherwise wait for its real owner and read his cases.
Somebody signed in by other means of the site, but without a proved address, adds one to his account the
same way.

The company's own site may vouch for people as well (`handover`); what it needs of accounts is here too.
"""

import smtplib
import time
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter, get_adapter
from allauth.account.app_settings import EmailVerificationMethod
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.login_by_code import LoginCodeVerificationProcess
from allauth.account.models import EmailAddress, Login
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.account.utils import user_email, user_field, user_username
from allauth.core import ratelimit
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import get_language

from cabinet.middleware import zone_of
from cabinet.models import Profile
from cabinet.selectors import full_name_of
from cabinet.signals import address_proved

LONGEST_NAME_TRIED = 255


class LetterNotSent(Exception):
    """The mail server did not take the letter with the code."""


class AddressRefused(Exception):
    """The address is proved but may not sign in: its account is switched off, or another one holds it."""


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """How allauth behaves on this site: no sign-up page, no remarks of its own, mail trouble said aloud."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def add_message(self, *args: Any, **kwargs: Any) -> None:
        """Our pages say what they have to say themselves."""

    def render_mail(
        self, template_prefix: str, email: str, context: dict[str, Any], headers: dict[str, str] | None = None
    ) -> Any:
        """As allauth does it, marked so that no holiday notice answers."""
        marked = {"Auto-Submitted": "auto-generated", **(headers or {})}
        return super().render_mail(template_prefix, email, context, marked)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        try:
            super().send_mail(template_prefix, email, context)
        except (OSError, smtplib.SMTPException) as error:
            raise LetterNotSent from error


class SignIn(LoginCodeVerificationProcess):  # type: ignore[misc]
    """allauth's sign-in by code, told nothing about whose address it is."""

    @classmethod
    def begin(cls, request: HttpRequest, address: str) -> None:
        """Sends a code and remembers it in the session. Raises `LetterNotSent`."""
        login = Login(user=None, email=address)
        login.state["stages"] = {"current": LoginByCodeStage.key}
        stage = LoginByCodeStage(LoginStageController(request, login), request, login)
        stage.state.update(cls.initial_state(user=None, email=address), initiated_by_user=True)
        process = cls(stage)
        process.send()
        process.persist()

    @classmethod
    def pending(cls, request: HttpRequest) -> "SignIn | None":
        """What this browser has begun and not finished, None if nothing or if the code is too old."""
        stage = LoginStageController.enter(request, LoginByCodeStage.key)
        process = cls(stage) if stage and stage.state.get("code") else None
        return process.abort_if_invalid() if process else None

    @property
    def address(self) -> str:
        return str(self.state["email"])

    def send_by_email(self, email: str, skip_enumeration_mails: bool = False) -> None:  # noqa: ARG002
        context = {"code": self.generate_code(), "minutes": self.timeout // 60}
        get_adapter().send_mail("account/email/login_code", email, context)

    def resend(self) -> None:
        """A fresh code with its full time; the earlier one is void."""
        self.send()
        self.state["at"] = time.time()
        self.record_resend()
        self.persist()

    def guess_allowed(self) -> bool:
        """Few wrong codes per address and day, however many browsers and letters somebody tries with."""
        return bool(
            ratelimit.consume(self.request, action="wrong_login_code", key=self.address, dry_run=True)
        )

    def record_invalid_attempt(self) -> bool:
        """Counts a wrong code. False when there is no further attempt."""
        ratelimit.consume(self.request, action="wrong_login_code", key=self.address)
        return bool(super().record_invalid_attempt())

    def finish(self, redirect_url: str) -> HttpResponse:
        """Signs in whoever has shown that he reads this address. Raises `AddressRefused`."""
        try:
            user = prove(self.address, signed_in=self.request.user)
        except AddressRefused:
            self.abort()
            raise
        remember_preferences(user, self.request)
        record_authentication(self.request, user, method="code", email=self.address)
        response: HttpResponse = perform_login(self.request, Login(user=user, redirect_url=redirect_url))
        return response


def prove(address: str, *, signed_in: AbstractBaseUser | AnonymousUser) -> AbstractBaseUser:
    """The person who reads this address: the one known by it, else the one signed in, else a new one.

    Tells the rest of the house after the commit, every time. Raises `AddressRefused`.
    """
    try:
        with transaction.atomic():
            user = _known(address) or _joined(address, signed_in)
            _tell(user, address)
    except IntegrityError as error:
        # The same person finished in another window at this moment; or the site's own user class wants
        # unique addresses and an account that never proved this one holds it.
        with transaction.atomic():
            known = _known(address)
            if known is None:
                raise AddressRefused from error
            _tell(known, address)
        return known
    return user


def _known(address: str) -> AbstractBaseUser | None:
    user = holder_of(address)
    if user is not None and not user.is_active:
        raise AddressRefused
    return user


def holder_of(address: str) -> AbstractBaseUser | None:
    """The person who has proved this address, switched off or not; None if nobody has."""
    # Case is ignored because an existing site may have kept addresses as they were typed.
    rows = EmailAddress.objects.filter(email__iexact=address, verified=True).order_by("pk")
    row = rows.select_related("user").first()
    return row.user if row else None


def _joined(address: str, signed_in: AbstractBaseUser | AnonymousUser) -> AbstractBaseUser:
    user = (
        signed_in
        if isinstance(signed_in, AbstractBaseUser) and signed_in.is_authenticated
        else new_person(address)
    )
    # The lazy object of the request would carry itself into the row.
    person: AbstractBaseUser = get_user_model()._default_manager.get(pk=user.pk)
    first = not EmailAddress.objects.filter(user_id=person.pk, primary=True).exists()
    EmailAddress.objects.update_or_create(
        user=person,
        email=address.lower(),
        defaults={"verified": True, **({"primary": True} if first else {})},
    )
    return person


def new_person(address: str = "", *, name: str = "", called: str = "") -> AbstractBaseUser:
    """A user of whatever class the site has; allauth knows its name and address fields from the settings.

    `called` is what the name to sign in with is made of, where the class has one; else the name or address.
    """
    adapter = get_adapter()
    user: AbstractBaseUser = adapter.new_user(None)
    if address:
        user_email(user, address)
    _set_name(user, name)
    user.set_unusable_password()
    if called and user_username(user) is not None:
        user_username(user, adapter.generate_unique_username([called, "user"]))
    adapter.populate_username(None, user)
    user.save()
    return user


def rename(user: AbstractBaseUser, name: str) -> None:
    """Takes over the name the company's site says, "" changes nothing.

    Only where the cabinet made the user: an account with a password belongs to the site around us, which
    keeps names in its own way.
    """
    if name and not user.has_usable_password() and name != full_name_of(user):
        user.save(update_fields=_set_name(user, name))


def _set_name(user: AbstractBaseUser, name: str) -> list[str]:
    """Puts the whole name where this user class has room for one. Returns the fields that were set."""
    fields = [field for field in ("first_name", "last_name") if hasattr(user, field)]
    fields = fields or [field for field in ("full_name", "name") if hasattr(user, field)][:1]
    for field in fields:
        user_field(user, field, name if field == fields[0] else "")
    return fields


def vouch(user: AbstractBaseUser, address: str, *, known: bool) -> None:
    """The company's site says that the address is this person's, inside a transaction.

    An address `known` as his stays as it is. A new one comes first from now on: the site says it of today.
    """
    if not known:
        others = EmailAddress.objects.filter(user_id=user.pk, primary=True)
        others.exclude(email=address).update(primary=False)
        EmailAddress.objects.update_or_create(
            user=user, email=address, defaults={"verified": True, "primary": True}
        )
        if user_email(user) != address:
            user_email(user, address, commit=True)
    _tell(user, address)


def admit(request: HttpRequest, user: AbstractBaseUser, *, redirect_url: str) -> HttpResponse:
    """Signs in a person for whom the company's site vouches.

    Nothing of whoever used this browser before stays: no session, and no code that was asked for and would
    add its address to this person.
    """
    if request.user.pk != user.pk:
        get_adapter().logout(request)
    remember_preferences(user, request)
    record_authentication(request, user, method="handover")
    # allauth would otherwise insist on an address, which this person may not have.
    login = Login(user=user, redirect_url=redirect_url, email_verification=EmailVerificationMethod.NONE)
    response: HttpResponse = perform_login(request, login)
    return response


def _tell(user: AbstractBaseUser, address: str) -> None:
    user_id = user.pk

    # A named function and not a partial: Django logs a robust callback's failure by its name.
    def tell() -> None:
        address_proved.send_robust(sender=type(user), user_id=user_id, address=address.lower())

    transaction.on_commit(tell, robust=True)


def remember_preferences(user: AbstractBaseUser, request: HttpRequest) -> None:
    """Keeps language and time zone for what will be sent when no browser is there to ask."""
    zone = zone_of(request)
    Profile.objects.update_or_create(
        user_id=user.pk,
        defaults={"language": get_language() or "", **({"time_zone": str(zone)} if zone else {})},
    )


def name_tried(request: HttpRequest, credentials: dict[str, Any] | None = None) -> str | None:
    """The name that somebody tried with a password, as far as a row about failures has room for it."""
    name = (credentials or request.POST).get("username")
    return None if name is None else str(name).replace("\x00", "")[:LONGEST_NAME_TRIED]
