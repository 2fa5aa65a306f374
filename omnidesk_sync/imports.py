"""Cases that were not opened here: older ones of a proved address, and new ones that came by mail.

While a customer has an opening whose outcome is unknown, no case of his is imported as new: it may be that
very opening. A twin that slips in all the same is absorbed when the opening is linked.
"""

import logging
import uuid
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import IntegrityError, transaction
from django.utils import timezone

from cabinet import desk
from cabinet.models import OutboxEntry
from cabinet.modes import custom_id_of
from omnidesk_sync import budget, identities, linking, mapping, people, policy, snapshots
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.errors import NotFound, OmnideskError, TryLater
from omnidesk_sync.identities import Identity
from omnidesk_sync.models import AddressImport, Candidate, CaseLink, Reconciliation, Stranger
from omnidesk_sync.types import DeskCase, Page

log = logging.getLogger(__name__)

PAGE = 100
MOST_CALLS = 4
"""Calls of one look at a candidate: its profile, the case, the case's profile, a probe."""

WHILE_UNSETTLED = timedelta(seconds=policy.LOOK_AGAIN_SECONDS / 2)
"""Until a case is looked at again whose customer has an opening of unknown outcome."""

RECHECK = timedelta(days=1)
"""An address is searched again at a sign-in at most this often: reconciliation brings what is new anyway."""


def lease() -> timedelta:
    """How far a claimed row's time is moved: longer than its work, so that a dead worker's row comes back."""
    return timedelta(seconds=MOST_CALLS * settings.OMNIDESK_TIMEOUT_SECONDS + policy.LEASE_MARGIN_SECONDS)


def want_import(user: AbstractBaseUser, address: str) -> AddressImport | None:
    """Asks for the older cases of a proved address. None when they were fetched lately."""
    people.forget_stranger(address)
    now = timezone.now()
    row, made = AddressImport.objects.get_or_create(
        user_id=user.pk, address=address, defaults={"due_at": now}
    )
    if made or row.due_at is not None:
        return row
    if row.done_at is not None and now - row.done_at < RECHECK:
        return None
    AddressImport.objects.filter(pk=row.pk).update(due_at=now, page=1)
    return row


def run_import(import_id: int) -> bool:
    """Fetches one page of the older cases. True when there is more to do at once."""
    now = timezone.now()
    claimed = AddressImport.objects.filter(pk=import_id, due_at__lte=now).update(due_at=now + lease())
    if claimed != 1:
        return False
    row = AddressImport.objects.select_related("user").get(pk=import_id)
    try:
        with Account(Spending.BACKGROUND) as account:
            return _import_page(row, account)
    except OmnideskError as error:
        _put_off(row, error)
        return False


def before_opening(owner: AbstractBaseUser, identity: Identity, account: Account) -> None:
    """The first opening under an identity waits for its older cases: they are the baseline of what is new.

    An id of ours that has never been sent anywhere has none, and that costs no call. It is known never to
    have been sent unless this database was restored from a backup: whatever was sent under the id since the
    backup, nobody here knows. Then its cases are asked for as an address's are.

    Raises what the calls raise; nothing of the opening has been sent then.
    """
    now = timezone.now()
    known = {"due_at": None, "done_at": now} if _is_unheard_of(identity) else {"due_at": now}
    row, made = AddressImport.objects.get_or_create(
        user_id=owner.pk, address=identity.address, defaults=known
    )
    if made and row.done_at is None and identity.custom_id:
        people.forget_stranger(identity.custom_id)
    while row.done_at is None and _import_page(row, account):
        row.refresh_from_db()


def _is_unheard_of(identity: Identity) -> bool:
    restored = Reconciliation.objects.filter(restored_at__isnull=False)
    return bool(identity.custom_id) and not restored.exists()


def _import_page(row: AddressImport, account: Account) -> bool:
    asked_at = timezone.now()
    identity = identity_of(row)
    page = account.client.list_cases(page=row.page, limit=PAGE, **identity.filters())
    for case in sorted(page.items, key=lambda found: found.case_id):
        if identity.custom_id and not people.is_behind(row.user, case.user_id, account):
            log.warning("case %s was listed under an id that is not its customer's", case.case_id)
            continue
        adopt(case, row.user, urgent=False, said_at=asked_at, server_time=page.server_time)
        # Its address is proved here now: who had it before has lost the profile with it.
        linking.link_person(row.user, case.user_id)
    more = has_more(page, row.page)
    done = (
        {"page": row.page + 1, "due_at": timezone.now()}
        if more
        else {"due_at": None, "done_at": timezone.now()}
    )
    AddressImport.objects.filter(pk=row.pk).update(attempts=0, last_error="", **done)
    return more


def identity_of(row: AddressImport) -> Identity:
    """The identity whose older cases a row is about: without an address, the person's own id."""
    if row.address:
        return Identity(address=row.address)
    return Identity(custom_id=custom_id_of(row.user))


def has_more(page: Page[DeskCase], number: int) -> bool:
    """Whether pages follow. With a counter it decides: a page may be short because rows were hidden."""
    if not page.items or page.total_count is None:
        return len(page.items) == PAGE
    return number * PAGE < page.total_count


def _put_off(row: AddressImport | Candidate, error: OmnideskError) -> None:
    seconds = error.after_seconds if isinstance(error, TryLater) else None
    attempts = row.attempts if seconds is not None else row.attempts + 1
    wait = timedelta(seconds=policy.backoff(attempts) if seconds is None else seconds)
    type(row).objects.filter(pk=row.pk).update(
        due_at=timezone.now() + wait, attempts=attempts, last_error=describe(error)
    )


# ── one case ────────────────────────────────────────────────────────────────────────────────────────────


def adopt(
    case: DeskCase,
    user: AbstractBaseUser,
    *,
    urgent: bool,
    said_at: datetime,
    server_time: datetime | None = None,
) -> None:
    """Makes a case of the desk visible to its person and asks for its reading. Known ones change nothing.

    `said_at` is when the desk was asked for what it said of the case, `server_time` its own time then.
    """
    if CaseLink.objects.filter(desk_case_id=case.case_id, detached=False).exists():
        return
    if case.deleted or case.spam or case.parent_case_id:
        # Never shown here, so nothing has to be explained; if it comes back, its change brings it.
        Candidate.objects.filter(desk_case_id=case.case_id).delete()
        return
    if has_unsettled_opening(user):
        _later(case)
        return
    try:
        with transaction.atomic():
            snapshot = snapshots.snapshot_of(case, server_time=server_time)
            _link_import(case, user, urgent=urgent, said_at=said_at, snapshot=snapshot)
    except (IntegrityError, linking.AlreadyLinked):
        log.info("case %s was linked by another worker", case.case_id)
        return
    except desk.PersonGone:
        log.info("case %s is of nobody here any more", case.case_id)
        return
    log.info("case %s was imported", case.case_id)


def _link_import(
    case: DeskCase,
    user: AbstractBaseUser,
    *,
    urgent: bool,
    said_at: datetime,
    snapshot: dict[str, object] | None,
) -> None:
    now = timezone.now()
    returned = CaseLink.objects.filter(
        desk_case_id=case.case_id, detached=True, case__owner_id=user.pk
    ).first()
    if returned is not None:
        # It was handed to somebody else and came back: the same case, not a second one.
        linking.want_reading(returned.case_id, now=now, urgent=urgent)
        CaseLink.objects.filter(pk=returned.pk).update(detached=False, desk_user_id=case.user_id)
        Candidate.objects.filter(desk_case_id=case.case_id).delete()
        return
    made = desk.import_case(
        owner=user,
        subject=case.subject,
        facts=mapping.facts(case),
        created_at=case.created_at or now,
        now=now,
        mode=identities.mode_of_case(case),
        # Nobody waits for an older case: what was said in it, its customer has read in his mail.
        history_until=None if urgent else said_at,
    )
    link = linking.link_case(
        made, desk_case_id=case.case_id, desk_user_id=case.user_id, now=now, absorbing=False
    )
    linking.want_reading(made.pk, now=said_at, urgent=urgent)
    CaseLink.objects.filter(pk=link.pk).update(snapshot=snapshot, snapshot_at=said_at)


def has_unsettled_opening(user: AbstractBaseUser) -> bool:
    """Whether an opening of this customer may or may not have arrived."""
    return OutboxEntry.objects.filter(
        case__owner_id=user.pk,
        kind=OutboxEntry.Kind.OPEN_CASE,
        state__in=[OutboxEntry.State.ATTEMPTING, OutboxEntry.State.UNSETTLED],
    ).exists()


def _later(case: DeskCase) -> None:
    Candidate.objects.update_or_create(
        desk_case_id=case.case_id,
        defaults={
            "desk_user_id": case.user_id,
            "not_ours": False,
            "due_at": timezone.now() + WHILE_UNSETTLED,
        },
    )


# ── a case somebody mentioned ───────────────────────────────────────────────────────────────────────────


def mention(desk_case_id: int, *, desk_user_id: int = 0) -> Candidate | None:
    """A case that is not linked was mentioned. None when it is known not to be ours: that costs nothing."""
    candidate, _ = Candidate.objects.get_or_create(
        desk_case_id=desk_case_id, defaults={"desk_user_id": desk_user_id, "due_at": timezone.now()}
    )
    changed_hands = bool(desk_user_id) and candidate.desk_user_id != desk_user_id
    if candidate.not_ours and not changed_hands:
        return None
    if changed_hands or candidate.due_at is None:
        Candidate.objects.filter(pk=candidate.pk).update(
            not_ours=False, due_at=timezone.now(), desk_user_id=desk_user_id or candidate.desk_user_id
        )
    return candidate


def look_at(candidate_id: int) -> uuid.UUID | None:
    """Finds out whose case a candidate is, and adopts it if its person is here: then the case to be read."""
    now = timezone.now()
    claimed = Candidate.objects.filter(pk=candidate_id, due_at__lte=now).update(due_at=now + lease())
    if claimed != 1:
        return None
    candidate = Candidate.objects.get(pk=candidate_id)
    links = CaseLink.objects.filter(desk_case_id=candidate.desk_case_id, detached=False)
    if links.exists():
        # It was linked while somebody mentioned it.
        candidate.delete()
    else:
        _look_at(candidate)
    return links.values_list("case_id", flat=True).first()


def _look_at(candidate: Candidate) -> None:
    try:
        with Account(Spending.READINGS) as account:
            _examine(candidate, account)
    except OmnideskError as error:
        _put_off(candidate, error)


def _examine(candidate: Candidate, account: Account) -> None:
    if candidate.desk_user_id:
        owner = people.person_behind(candidate.desk_user_id, account)
        if owner is None:
            _not_ours(candidate, candidate.desk_user_id)
            return
        if has_unsettled_opening(owner):
            # It could not be adopted now: the call would be for nothing.
            Candidate.objects.filter(pk=candidate.pk).update(due_at=timezone.now() + WHILE_UNSETTLED)
            return
    said_at = timezone.now()
    try:
        case = account.client.view_case(candidate.desk_case_id)
    except NotFound as error:
        if not account.answers():
            raise TryLater(str(error), after_seconds=budget.PROBE_SECONDS) from error
        candidate.delete()
        return
    found = people.person_behind(case.user_id, account)
    if found is None:
        _not_ours(candidate, case.user_id)
    else:
        adopt(case, found, urgent=True, said_at=said_at)


def _not_ours(candidate: Candidate, desk_user_id: int) -> None:
    Candidate.objects.filter(pk=candidate.pk).update(
        not_ours=True, desk_user_id=desk_user_id, due_at=None, last_error=""
    )


def look_anew(candidate: Candidate) -> None:
    """Forgets what was concluded about a case and its profile, for an admin."""
    Stranger.objects.filter(desk_user_id=candidate.desk_user_id).delete()
    Candidate.objects.filter(pk=candidate.pk).update(not_ours=False, due_at=timezone.now(), attempts=0)
