"""Our part when a person is erased in the cabinet: the links go with the rows they link.

Runs inside the cabinet's own transaction. Nothing is asked of the desk and nothing deleted there. A worker
that is at one of these cases finds its lease gone and writes nothing more.
"""

import uuid
from collections.abc import Sequence

from django.db.models import Q

from omnidesk_sync.models import (
    AddressImport,
    Candidate,
    CaseLink,
    DriftCase,
    Lane,
    PersonLink,
    Stranger,
)
from omnidesk_sync.people import address_hash


def forget_cases(case_ids: Sequence[uuid.UUID]) -> None:
    """What the links' own deletion does not reach. The lanes are locked first, in the workers' order."""
    list(Lane.objects.select_for_update().filter(pk__in=case_ids).order_by("pk").values_list("pk"))
    desk_ids = list(CaseLink.objects.filter(case__in=case_ids).values_list("desk_case_id", flat=True))
    DriftCase.objects.filter(Q(case__in=case_ids) | Q(desk_case_id__in=desk_ids)).delete()
    Candidate.objects.filter(desk_case_id__in=desk_ids).delete()


def forget_person(user_id: int, addresses: Sequence[str]) -> None:
    """Who the person was over there is known no more: later changes of those cases are a stranger's."""
    links = PersonLink.objects.filter(user_id=user_id)
    profiles = list(links.values_list("desk_user_id", flat=True))
    hashes = [address_hash(address) for address in addresses]
    Stranger.objects.filter(Q(desk_user_id__in=profiles) | Q(address_hash__in=hashes)).delete()
    Candidate.objects.filter(desk_user_id__in=profiles).delete()
    DriftCase.objects.filter(owner=user_id).delete()
    AddressImport.objects.filter(user=user_id).delete()
    links.delete()
