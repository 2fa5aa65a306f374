"""Which profile over there is which person here. Each unknown profile costs one call, once.

A profile is one identity in one channel: of a mail profile only a proved address counts, of a profile in one
of our custom channels only the id by which we named the customer there. What else stands in it, somebody has
typed.
"""

import hashlib

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from cabinet.selectors import person, person_by_address
from omnidesk_sync import identities, linking
from omnidesk_sync.account import Account
from omnidesk_sync.errors import NotFound
from omnidesk_sync.models import Candidate, PersonLink, Stranger
from omnidesk_sync.types import DeskUser


def person_behind(desk_user_id: int, account: Account) -> AbstractBaseUser | None:
    """The person of this cabinet behind a profile, None if it is nobody's here (0: the desk named nobody).

    A profile that is nobody's is remembered as a stranger.
    """
    if desk_user_id <= 0:
        return None
    link = PersonLink.objects.filter(desk_user_id=desk_user_id).first()
    if link is not None:
        return person(link.user_id)
    if Stranger.objects.filter(desk_user_id=desk_user_id).exists():
        return None
    try:
        profile = account.client.view_user(desk_user_id)
    except NotFound:
        profile = None
    found = _person_of(profile) if profile is not None else None
    if found is None:
        known_by = (profile.custom_id or profile.user_email) if profile is not None else ""
        Stranger.objects.get_or_create(
            desk_user_id=desk_user_id,
            defaults={"address_hash": address_hash(known_by), "seen_at": timezone.now()},
        )
        # Somebody may have proved the address while we asked: then the stranger came after its forgetting.
        found = _person_of(profile) if profile is not None else None
        if found is None:
            return None
        Stranger.objects.filter(desk_user_id=desk_user_id).delete()
    linking.link_person(found, desk_user_id)
    return found


def is_behind(user: AbstractBaseUser, desk_user_id: int, account: Account) -> bool:
    """Whether a profile that a list gave under the person's own id is his; remembered if it is.

    A desk that does not know the filter [seen in code, not documented] would give everybody's cases. So the
    profile is looked at, once; one that does not say its custom id at all [unknown] is taken on the list's
    word, which `manage.py omnidesk_check` puts to the test.
    """
    if desk_user_id <= 0:
        return False
    link = PersonLink.objects.filter(desk_user_id=desk_user_id).first()
    if link is not None:
        return bool(link.user_id == user.pk)
    try:
        profile = account.client.view_user(desk_user_id)
    except NotFound:
        return False
    found = _person_of(profile) if profile.custom_id or profile.user_email else user
    if found is None or found.pk != user.pk:
        return False
    Stranger.objects.filter(desk_user_id=desk_user_id).delete()
    linking.link_person(user, desk_user_id)
    return True


def _person_of(profile: DeskUser) -> AbstractBaseUser | None:
    if profile.custom_id:
        ours = not profile.custom_channel or identities.mode_of(profile.custom_channel) is not None
        return identities.person_by_custom_id(profile.custom_id) if ours else None
    return person_by_address(profile.user_email) if profile.user_email else None


def forget_stranger(known_by: str) -> None:
    """Somebody has proved this address, or goes by this id: what was remembered as nobody's may be his."""
    strangers = Stranger.objects.filter(address_hash=address_hash(known_by))
    Candidate.objects.filter(
        not_ours=True, desk_user_id__in=list(strangers.values_list("desk_user_id", flat=True))
    ).delete()
    strangers.delete()


def address_hash(address: str) -> str:
    """Strangers' addresses are no business of ours: only their hash is kept, to know them again."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest() if address else ""
