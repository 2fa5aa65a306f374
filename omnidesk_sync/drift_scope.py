"""Which cases a drift report compares.

A person's cases are listed in one call, which also tells of cases nobody here knows; what is ours and was not
listed is asked for by itself. So a case costs one call for its messages and its share of a list.
"""

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import Exists, OuterRef, Q, QuerySet

from cabinet.models import Case
from cabinet.modes import custom_id_of
from cabinet.selectors import address_of
from omnidesk_sync import imports, reconciling
from omnidesk_sync.account import Account
from omnidesk_sync.budget import NoRoom
from omnidesk_sync.drift import Meter, Metered, Subject
from omnidesk_sync.errors import Rejected
from omnidesk_sync.identities import Identity
from omnidesk_sync.models import AddressImport, CaseLink, PersonLink
from omnidesk_sync.types import DeskCase, Page


class UnknownCase(Exception):
    """There is no such case here."""


@dataclass(frozen=True, slots=True)
class Listed:
    """What a list call said of a case, and when, by the desk's clock."""

    case: DeskCase
    server_time: datetime


def people(after: str = "") -> QuerySet[AbstractBaseUser]:
    """Everybody who has cases here or may have some over there, in a steady order."""
    found = get_user_model().objects.filter(
        Exists(Case.objects.filter(owner=OuterRef("pk")))
        | Exists(AddressImport.objects.filter(user=OuterRef("pk")))
    )
    ordered: QuerySet[AbstractBaseUser] = found.order_by("pk")
    return ordered.filter(pk__gt=after) if after else ordered


def list_person(user: AbstractBaseUser, meter: Meter) -> list[Listed]:
    """The cases of a person over there: one call for each identity and hundred cases.

    Not all of them if the minute's calls end in between: whatever is not listed is asked for by itself.
    """
    found: list[Listed] = []
    with Metered(meter) as account:
        try:
            for identity in _identities_of(user):
                found.extend(_list_identity(identity, account))
        except NoRoom:
            if not account.spent:
                raise
    return found


def _identities_of(user: AbstractBaseUser) -> list[Identity]:
    """Every address under which a person was ever looked for, and the id of ours once it has been used.

    A person of whom every channel case was handed over here from elsewhere has no such row: those cases are
    asked for one by one.
    """
    rows = set(AddressImport.objects.filter(user_id=user.pk).values_list("address", flat=True))
    addresses = sorted({address.lower() for address in [*rows, address_of(user)] if address})
    by_id = [Identity(custom_id=custom_id_of(user))] if "" in rows else []
    return [*(Identity(address=address) for address in addresses), *by_id]


def _list_identity(identity: Identity, account: Account) -> Iterator[Listed]:
    number, more = 1, True
    while more:
        try:
            page = account.client.list_cases(page=number, limit=imports.PAGE, **identity.filters())
        except Rejected:
            # An address the desk refuses to look for (a very short one) has no list: each case is asked for.
            return
        yield from _of_page(page)
        more = imports.has_more(page, number)
        number += 1


def of_person(user: AbstractBaseUser, listed: Iterable[Listed]) -> list[Subject]:
    """A person's cases here, and those over there that none of them is."""
    return _subjects(Case.objects.filter(owner_id=user.pk), listed, owner_id=user.pk)


def person(user: AbstractBaseUser, meter: Meter) -> list[Subject]:
    """A person's cases, with what a list says of them."""
    return of_person(user, list_person(user, meter))


class Changed:
    """What changed since then, on either side. Called again after an error it goes on where it was."""

    def __init__(self, since: datetime, meter: Meter) -> None:
        self._since = since
        self._meter = meter
        self._found: dict[int, Listed] = {}
        self._start, self._number, self._more = since, 1, True

    def __call__(self) -> list[Subject]:
        with Metered(self._meter) as account:
            while self._more:
                self._turn(account)
        return of_changed(self._since, self._found.values())

    def _turn(self, account: Account) -> None:
        page = reconciling.changed_since(account, self._start, self._number)
        self._found.update((row.case.case_id, row) for row in _of_page(page))
        self._more = imports.has_more(page, self._number)
        latest = max((case.updated_at for case in page.items if case.updated_at), default=None)
        self._start, self._number = reconciling.further(self._start, self._number, latest)


def of_changed(since: datetime, listed: Iterable[Listed]) -> list[Subject]:
    """What changed since then on either side."""
    rows = list(listed)
    there = [row.case.case_id for row in rows]
    linked = CaseLink.objects.filter(desk_case_id__in=there, detached=False)
    here = Q(changed_at__gte=since) | Q(pk__in=linked.values("case"))
    return _subjects(Case.objects.filter(here), rows, owner_id=None)


def of_cases(cases: Iterable[Case]) -> list[Subject]:
    """These and no others; each is asked for by itself."""
    return [Subject(case.pk, number=case.number) for case in cases]


def find_cases(names: Iterable[str]) -> list[Case]:
    """Cases by their numbers or ids. Raises `UnknownCase`."""
    return [case for name in names for case in _find(name.strip())]


def _find(name: str) -> list[Case]:
    try:
        by_id = Q(pk=uuid.UUID(name))
    except ValueError:
        by_id = Q(pk=None)
    found = list(Case.objects.filter(by_id | Q(number=name) & ~Q(number="")))
    if not found:
        raise UnknownCase(name)
    return found


def _of_page(page: Page[DeskCase]) -> Iterator[Listed]:
    return (Listed(case, page.server_time) for case in page.items)


def _subjects(
    cases: QuerySet[Case], listed: Iterable[Listed], *, owner_id: int | str | None
) -> list[Subject]:
    there = {row.case.case_id: row.case for row in listed}
    links = dict(
        CaseLink.objects.filter(case__in=cases, detached=False).values_list("case_id", "desk_case_id")
    )
    ours = [
        Subject(case.pk, links.get(case.pk, 0), case.number, there.get(links.get(case.pk, 0)), case.owner_id)
        for case in cases.order_by("created_at", "pk")
    ]
    linked = set(
        CaseLink.objects.filter(desk_case_id__in=there, detached=False).values_list("desk_case_id", flat=True)
    )
    unknown = [case for case_id, case in sorted(there.items()) if case_id not in linked]
    if owner_id is None:
        # Of everybody's changes only those of people who are known here concern us.
        known = set(
            PersonLink.objects.filter(desk_user_id__in={case.user_id for case in unknown}).values_list(
                "desk_user_id", flat=True
            )
        )
        unknown = [case for case in unknown if case.user_id in known]
    return [*ours, *(Subject(None, case.case_id, case.case_number, case, owner_id) for case in unknown)]
