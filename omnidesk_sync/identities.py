"""By which identity a person is known over there: by his proved address, or by an id of ours in a channel.

One person may have several identities, and each is a customer of its own at the desk: one for mail, one for
each custom channel. All their cases stand in the one cabinet of that person.
"""

import uuid
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser

from cabinet.models import Case, Profile
from cabinet.modes import custom_id_of
from cabinet.selectors import address_of, person
from omnidesk_sync.parsing import read_channel_key
from omnidesk_sync.types import CaseFilters, DeskCase

Mode = Case.Mode


class NoWayToName(Exception):
    """The desk cannot be told who the customer is; the reason goes to the customer."""


@dataclass(frozen=True, slots=True)
class Identity:
    """One of a person's identities: `address`, or `custom_id` (in whichever channels it is used)."""

    address: str = ""
    custom_id: str = ""

    def filters(self) -> CaseFilters:
        """What lists this identity's cases, all of them: running chats and merged cases are left out of lists
        unless asked for [seen in code]."""
        found: CaseFilters = {
            "sort": "created_at_desc",
            "show_active_chats": True,
            "show_merged_cases": True,
        }
        if self.custom_id:
            return {**found, "user_custom_id": self.custom_id}
        return {**found, "user_email": self.address}


def identity_for(case: Case) -> Identity:
    """By which identity the desk knows the customer of this case. Raises `NoWayToName`."""
    if case.mode != Mode.MAIL:
        return Identity(custom_id=custom_id_of(case.owner))
    address = address_of(case.owner)
    if not address:
        raise NoWayToName("no_address")
    return Identity(address=address)


def channel_for(case: Case) -> str:
    """The custom channel in which a case is opened, "" for cases by mail. Raises `NoWayToName`."""
    if case.mode == Mode.MAIL:
        return ""
    channel = settings.OMNIDESK_CHANNELS.get(case.mode, "")
    if not channel:
        raise NoWayToName("no_channel")
    return str(channel)


def mode_of(channel: str) -> Case.Mode | None:
    """The mode of a custom channel of ours, None for every other channel."""
    modes = {read_channel_key(key): mode for mode, key in settings.OMNIDESK_CHANNELS.items()}
    key = read_channel_key(channel)
    return Mode(modes[key]) if key in modes else None


def mode_of_case(case: DeskCase) -> Case.Mode:
    """In which mode a case of the desk is led here: by its channel if that is one of ours, else by mail."""
    return mode_of(case.channel) or Mode.MAIL


def person_by_custom_id(custom_id: str) -> AbstractBaseUser | None:
    """The active person whom we named by this id, None if nobody here has it."""
    try:
        identifier = uuid.UUID(custom_id)
    except ValueError:
        return None
    owner = Profile.objects.filter(custom_id=identifier).values_list("user_id", flat=True).first()
    return person(owner) if owner is not None else None
