"""What the company has said about personal data, and who has agreed to it.

The consent is remembered in the session too, so that a page of somebody who gave it costs no query more.
"""

from datetime import datetime

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.http import HttpRequest

from cabinet.privacy_models import Consent

SESSION_KEY = "cabinet_consent"
READING = ("GET", "HEAD", "OPTIONS", "TRACE")


def policy_url() -> str:
    """Where the policy can be read, "" if none is named."""
    return str(getattr(settings, "PRIVACY_POLICY_URL", ""))


def policy_version() -> str:
    return str(getattr(settings, "PRIVACY_POLICY_VERSION", ""))


def contact() -> str:
    """Whom people ask about their data at the company, "" if nobody is named."""
    return str(getattr(settings, "PRIVACY_CONTACT", ""))


def consent_is_asked_for() -> bool:
    """Whether this site wants consent before the first use."""
    return bool(getattr(settings, "PRIVACY_CONSENT", False))


def consent_is_missing(request: HttpRequest) -> bool:
    """Whether the person signed in has to agree before a page of cases is shown.

    Who agreed to an earlier version is asked at the next page: a form on its way is not thrown away for it.
    """
    if not consent_is_asked_for():
        return False
    person_key, known = str(request.user.pk), request.session.get(SESSION_KEY)
    if known == [person_key, policy_version()]:
        return False
    if isinstance(known, list) and known[:1] == [person_key] and request.method not in READING:
        return False
    if not has_consented(request.user):
        return True
    remember_consent(request)
    return False


def has_consented(person: AbstractBaseUser | AnonymousUser) -> bool:
    """Whether the person has agreed to the policy as it stands."""
    return Consent.objects.filter(person_id=person.pk, version=policy_version()).exists()


def remember_consent(request: HttpRequest) -> None:
    request.session[SESSION_KEY] = [str(request.user.pk), policy_version()]


def give_consent(*, person: AbstractBaseUser, language: str, now: datetime) -> Consent:
    """The person agrees to the policy as it stands. Agreeing twice to one version leaves the first row."""
    consent, _ = Consent.objects.get_or_create(
        person_id=person.pk,
        version=policy_version(),
        defaults={"policy_url": policy_url(), "language": language[:8], "given_at": now},
    )
    return consent
