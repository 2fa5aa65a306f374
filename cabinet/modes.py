"""How cases may be led: which modes are on, and which of them a person can use."""

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from cabinet.models import Case, Profile
from cabinet.selectors import address_of

Mode = Case.Mode


def switched_on() -> list[Mode]:
    """The modes of this site, the default first."""
    return [Mode(mode) for mode in getattr(settings, "CABINET_MODES", [Mode.MAIL])]


def open_to(user: AbstractBaseUser) -> list[Mode]:
    """Those in which this person can open a case: answers by e-mail need a proved address."""
    by_mail = bool(address_of(user))
    return [mode for mode in switched_on() if by_mail or mode != Mode.MAIL]


def custom_id_of(user: AbstractBaseUser) -> str:
    """The id by which a person is known to the desk where no address is used. Made on first need."""
    profile, _ = Profile.objects.get_or_create(user_id=user.pk)
    if profile.custom_id is None:
        profile.custom_id = Profile._meta.get_field("custom_id").get_default()
        # Of two workers that met the row of an older version at once one wins.
        Profile.objects.filter(pk=profile.pk, custom_id=None).update(custom_id=profile.custom_id)
        profile.refresh_from_db(fields=["custom_id"])
    return str(profile.custom_id)
