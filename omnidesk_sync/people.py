"""Which profile over there is which person here. Each unknown profile costs one call, once."""

import hashlib

from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone

from cabinet.selectors import person, person_by_address
from omnidesk_sync import linking
from omnidesk_sync.account import Account
from omnidesk_sync.errors import NotFound
from omnidesk_sync.models import Candidate, PersonLink, Stranger


def person_behind(desk_user_id: int, account: Account) -> AbstractBaseUser | None:
    """The person of this cabinet behind a profile, None if it is nobody's here (0: the desk named nobody).

    Only a proved address counts. A profile that is nobody's is remembered as a stranger.
    """
    if desk_user_id <= 0:
        return None
    link = PersonLink.objects.filter(desk_user_id=desk_user_id).first()
    if link is not None:
        return person(link.user_id)
    if Stranger.objects.filter(desk_user_id=desk_user_id).exists():
        return None
    try:
        address = account.client.view_user(desk_user_id).user_email
    except NotFound:
        address = ""
    found = person_by_address(address) if address else None
    if found is None:
        Stranger.objects.get_or_create(
            desk_user_id=desk_user_id,
            defaults={"address_hash": address_hash(address), "seen_at": timezone.now()},
        )
        # Somebody may have proved the address while we asked: then the stranger came after its forgetting.
        found = person_by_address(address) if address else None
        if found is None:
            return None
        Stranger.objects.filter(desk_user_id=desk_user_id).delete()
    linking.link_person(found, desk_user_id)
    return found


def forget_stranger(address: str) -> None:
    """Somebody has proved this address: what was remembered as nobody's may be his."""
    strangers = Stranger.objects.filter(address_hash=address_hash(address))
    Candidate.objects.filter(
        not_ours=True, desk_user_id__in=list(strangers.values_list("desk_user_id", flat=True))
    ).delete()
    strangers.delete()


def address_hash(address: str) -> str:
    """Strangers' addresses are no business of ours: only their hash is kept, to know them again."""
    return hashlib.sha256(address.strip().lower().encode()).hexdigest() if address else ""
