"""The drift report: whether both systems hold the same public thread. Reporting changes nothing.

    subjects (`drift_scope`)  → which cases; a person's are listed in one call
    `look`                    → one comparison of one case, under its lane's lease
    `conclude`                → what one look after another comes to
    `drift_now`, `drift_runs` → all looks, in a command that waits or in small steps of workers
    `drift_mending`           → what the product offers against each kind

How a false alarm is avoided:

- What is on its way is no difference: a case with open outbox entries or a wanted reading is "in motion", and
  no call is made for it.
- The calls of a look are made under the lease of the case's lane, so that no send and no reading runs beside
  them; what is here is looked at after the calls and counts only if the lease still stands. While the budget
  has no room the lane is not held.
- What changed over there after the time up to which reconciliation has come is only not known *yet*; while
  reconciliation is alive that is motion too.
- A difference counts when two looks in a row, `AGAIN_SECONDS` apart, find the same one. The second look asks
  for the case anew and trusts no list.

No text leaves this module: a difference is a kind, a place, ids and times.
"""

import enum
import uuid
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from cabinet.models import GIVEN_UP_STATES, OPEN_STATES, Case, CaseFile, OutboxEntry
from cabinet.selectors import person
from omnidesk_sync import bells, budget, drift_differences, imports, lane, policy, reading
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.drift_differences import Difference, Kind, Said, Theirs
from omnidesk_sync.errors import AccountTrouble, NotFound, OmnideskError, TryLater
from omnidesk_sync.leases import Lease, LeaseLost
from omnidesk_sync.models import Budget, Candidate, CaseLink, Lane, PersonLink, Reconciliation
from omnidesk_sync.types import DeskCase

AGAIN_SECONDS = 20.0
"""Between two looks at one case: longer than a list over there may lag behind what was answered."""

MOST_LOOKS = 4
"""Then the last look counts as it is."""

MOST_AHEAD = 3
"""Calls of a look that are paid for before the first: so many fit into the smallest account's minute."""

LIVELY = 3
"""Reconciliation counts as alive if its last walk is at most so many intervals ago."""


class State(enum.Enum):
    """What a look, or all looks at a case, came to."""

    SAME = "same"
    IN_MOTION = "in_motion"
    DIFFERS = "differs"
    FAILED = "failed"


class Why(Said):
    """Why a case is in motion, and what else is to be said of a case that is the same."""

    ON_ITS_WAY = "on_its_way", _("on its way")
    FILE_ON_ITS_WAY = "file_on_its_way", _("a file is being fetched")
    GIVEN_UP = "given_up", _("given up, a person decides")
    READING_WANTED = "reading_wanted", _("a reading is due")
    BUSY = "busy", _("a worker is at it")
    CHANGED_LATELY = "changed_lately", _("changed in Omnidesk a moment ago")
    BEING_LOOKED_AT = "being_looked_at", _("whose case it is, is being found out")
    UNSTEADY = "unsteady", _("changed while it was compared")


WHYS = {why.code: why for why in Why}


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be said that is no difference. `detail` is the system's reason, never a person's words."""

    why: str
    position: int = 0
    since: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Subject:
    """One case to be compared: ours, or one over there that is not linked here (then whose, if a list told).

    `listed` is what a list call said of it just now; without it the case is asked for.
    """

    case_id: uuid.UUID | None
    desk_case_id: int = 0
    number: str = ""
    listed: DeskCase | None = None
    owner_id: int | str | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """What a look found."""

    state: State
    differences: tuple[Difference, ...] = ()
    notes: tuple[Note, ...] = ()
    error: str = ""


@dataclass(slots=True)
class Meter:
    """What has been spent, also by looks that were broken off."""

    units: int = 0


def anew(subject: Subject) -> Subject:
    """The same case for another look, which trusts no list."""
    return replace(subject, listed=None)


def conclude(earlier: Finding | None, latest: Finding, *, looks: int) -> Finding | None:
    """What is known after so many looks; None: look again."""
    if latest.state is State.SAME:
        return latest
    confirmed = (
        latest.state is State.DIFFERS
        and earlier is not None
        and earlier.state is State.DIFFERS
        and set(earlier.differences) == set(latest.differences)
    )
    if confirmed:
        return latest
    if looks < MOST_LOOKS:
        return None
    if latest.state is State.DIFFERS:
        return Finding(State.IN_MOTION, notes=(*latest.notes, Note(Why.UNSTEADY.code)))
    return latest


def look(subject: Subject, meter: Meter) -> Finding:
    """Compares once. Raises `TryLater` when there is no room for the calls, `AccountTrouble` when the account
    is at fault and paused; every other failure is a finding."""
    try:
        if subject.case_id is None:
            return _look_over_there(subject, meter)
        return _look_here(subject.case_id, subject, meter)
    except AccountTrouble as error:
        if Budget.objects.filter(paused_since__isnull=False).exists():
            raise
        # Only this object is forbidden to the key's owner.
        return Finding(State.FAILED, error=describe(error))
    except TryLater:
        raise
    except OmnideskError as error:
        return Finding(State.FAILED, error=describe(error))


def _look_here(case_id: uuid.UUID, subject: Subject, meter: Meter) -> Finding:
    case = Case.objects.filter(pk=case_id).first()
    if case is None:
        return Finding(State.SAME)
    link = CaseLink.objects.filter(case=case).first()
    if link is None:
        return _never_linked(case)
    if link.detached:
        return Finding(State.SAME)
    moving = _motion(case.pk)
    if moving:
        return Finding(State.IN_MOTION, notes=moving)
    lease = Lease.claim(case.pk)
    if lease is None:
        return Finding(State.IN_MOTION, notes=(Note(Why.BUSY.code),))
    try:
        return _compare_under(lease, link, subject.listed, meter)
    except LeaseLost:
        return Finding(State.IN_MOTION, notes=(Note(Why.BUSY.code),))
    finally:
        lease.release()
        if lane.next_step(case.pk) is not None:
            # Who rang while we held the lane found it taken.
            bells.ring_lane(case.pk)


def _compare_under(lease: Lease, link: CaseLink, listed: DeskCase | None, meter: Meter) -> Finding:
    with Metered(meter, lease) as account:
        # All calls or none: a look that gets only its first would have spent it for nothing.
        pages = 1 + link.case.messages.count() // reading.PAGE
        account.pay_ahead(min(pages + (listed is None), MOST_AHEAD))
        try:
            theirs = _fetch(link, listed, account)
        except budget.NoRoom as error:
            if isinstance(error, budget.Paused) or not account.spent:
                raise
            # A thread of more pages than a minute has calls would be begun for ever.
            return Finding(State.FAILED, error=describe(error))
    moving = _motion(link.case_id)
    if moving or not lease.holds():
        return Finding(State.IN_MOTION, notes=moving or (Note(Why.BUSY.code),))
    return _compare(CaseLink.objects.select_related("case").get(pk=link.pk), theirs)


class Metered(Account):
    """The account, in the background's class, with what it spends noted down."""

    def __init__(self, meter: Meter, lease: Lease | None = None) -> None:
        super().__init__(Spending.BACKGROUND, before_each=lease.renew if lease is not None else None)
        self._meter = meter

    def __exit__(self, *error: object) -> None:
        try:
            super().__exit__(*error)  # type: ignore[arg-type]
        finally:
            self._meter.units += self.spent


def _fetch(link: CaseLink, listed: DeskCase | None, account: Account) -> Theirs:
    started_at = timezone.now()
    try:
        case = listed or account.client.view_case(link.desk_case_id)
        if _away(case) or not _is_the_owners(case, link):
            return Theirs(case)
        return Theirs(case, reading.fetch(case.case_id, account, stop_at=0, started_at=started_at))
    except NotFound as error:
        # A wrong host answers 404 to everything.
        if not account.answers():
            raise AccountTrouble(str(error), status=error.status) from error
        return Theirs(None)


def _away(case: DeskCase) -> bool:
    """What is merged, spam or in the trash is not read: its thread here stands still."""
    return bool(case.parent_case_id or case.deleted or case.spam)


def _is_the_owners(case: DeskCase, link: CaseLink) -> bool:
    if case.user_id == link.desk_user_id:
        return True
    return PersonLink.objects.filter(desk_user_id=case.user_id, user_id=link.case.owner_id).exists()


# ── ours ────────────────────────────────────────────────────────────────────────────────────────────────


def _compare(link: CaseLink, theirs: Theirs) -> Finding:
    """What is here against what is there, with the lane's lease held: nothing of ours moves meanwhile."""
    case, notes = link.case, (*_given_up(link.case_id), *_files_on_their_way(link.case_id))
    if theirs.case is None:
        gone_here = case.availability == Case.Availability.ARCHIVED
        found = [] if gone_here else [Difference(Kind.GONE_THERE.code)]
    elif not _is_the_owners(theirs.case, link):
        found = [Difference(Kind.OWNER.code)]
    else:
        found = list(drift_differences.of_case(case, theirs.case))
        if theirs.read is not None:
            found += drift_differences.of_thread(link, theirs.case, theirs.read)
    if found and theirs.case is not None and _not_known_yet(theirs.case, link.updated_at):
        return Finding(State.IN_MOTION, notes=(*notes, Note(Why.CHANGED_LATELY.code)))
    return Finding(State.DIFFERS if found else State.SAME, tuple(found), notes)


def _motion(case_id: uuid.UUID) -> tuple[Note, ...]:
    """What is under way in a case, and why it has not arrived yet."""
    entries = OutboxEntry.objects.filter(case=case_id, state__in=OPEN_STATES).select_related("message")
    notes = [
        _of_entry(Why.ON_ITS_WAY, entry, entry.detail or entry.kind) for entry in entries.order_by("number")
    ]
    row = Lane.objects.filter(pk=case_id).first()
    soon = timezone.now() + timedelta(seconds=2 * policy.LOOK_AGAIN_SECONDS)
    looked_at_soon = row is not None and row.look_again_at is not None and row.look_again_at <= soon
    if row is not None and (row.wanted or looked_at_soon):
        since = row.wanted_since.isoformat() if row.wanted_since else ""
        notes.append(Note(Why.READING_WANTED.code, since=since, detail=row.last_error))
    return tuple(notes)


def _given_up(case_id: uuid.UUID) -> tuple[Note, ...]:
    """What was refused or is undecided: its author is shown that it was not delivered, so nothing differs."""
    entries = OutboxEntry.objects.filter(case=case_id, state__in=GIVEN_UP_STATES).select_related("message")
    return tuple(
        _of_entry(Why.GIVEN_UP, entry, entry.detail or entry.reason) for entry in entries.order_by("number")
    )


def _of_entry(why: Why, entry: OutboxEntry, detail: str) -> Note:
    position = entry.message.position if entry.message else 0
    return Note(why.code, position=position, since=entry.created_at.isoformat(), detail=detail)


def _files_on_their_way(case_id: uuid.UUID) -> tuple[Note, ...]:
    files = CaseFile.objects.filter(message__case=case_id, state=CaseFile.State.FETCHING)
    return tuple(
        Note(Why.FILE_ON_ITS_WAY.code, position=position)
        for position in files.order_by("message__position").values_list("message__position", flat=True)
    )


def _never_linked(case: Case) -> Finding:
    moving, given_up = _motion(case.pk), _given_up(case.pk)
    openings = OutboxEntry.objects.filter(case=case, kind=OutboxEntry.Kind.OPEN_CASE)
    if moving and openings.filter(state__in=OPEN_STATES).exists():
        return Finding(State.IN_MOTION, notes=moving)
    if openings.filter(state__in=[*GIVEN_UP_STATES, OutboxEntry.State.DROPPED]).exists():
        return Finding(State.SAME, notes=given_up)
    return Finding(State.DIFFERS, (Difference(Kind.NOT_LINKED.code, by_hand=True),), given_up)


def _not_known_yet(there: DeskCase, read_up_to: datetime | None) -> bool:
    """Whether it changed over there after reconciliation last came by. All in the desk's own time."""
    walk = Reconciliation.objects.filter(pk=1).first()
    if walk is None or walk.walked_to is None or walk.last_done_at is None or there.updated_at is None:
        return False
    lively = timedelta(seconds=LIVELY * settings.OMNIDESK_RECONCILE_SECONDS)
    if timezone.now() - walk.last_done_at > lively or (read_up_to and there.updated_at <= read_up_to):
        return False
    # In the last second the walk has seen there may be more than it saw.
    return there.updated_at >= walk.walked_to


# ── theirs ──────────────────────────────────────────────────────────────────────────────────────────────


def _look_over_there(subject: Subject, meter: Meter) -> Finding:
    """A case that is linked to none of ours: should its customer find it here?"""
    linked = CaseLink.objects.filter(desk_case_id=subject.desk_case_id)
    if linked.filter(detached=False).exists():
        return Finding(State.SAME)
    case = subject.listed or _view(subject.desk_case_id, meter)
    owner = _owner_of(case, subject) if case is not None and not _away(case) else None
    if case is None or owner is None or _is_unlinked_here(case, owner.pk):
        return Finding(State.SAME)
    looking = Candidate.objects.filter(desk_case_id=case.case_id, not_ours=False, due_at__isnull=False)
    if imports.has_unsettled_opening(owner) or looking.exists():
        return Finding(State.IN_MOTION, notes=(Note(Why.BEING_LOOKED_AT.code),))
    if _not_known_yet(case, None):
        return Finding(State.IN_MOTION, notes=(Note(Why.CHANGED_LATELY.code),))
    returned = linked.filter(case__owner_id=owner.pk).exists()
    kind = Kind.CAME_BACK if returned else Kind.UNKNOWN_HERE
    return Finding(State.DIFFERS, (Difference(kind.code),))


def _view(desk_case_id: int, meter: Meter) -> DeskCase | None:
    with Metered(meter) as account:
        try:
            return account.client.view_case(desk_case_id)
        except NotFound as error:
            if not account.answers():
                raise AccountTrouble(str(error), status=error.status) from error
            return None


def _owner_of(case: DeskCase, subject: Subject) -> AbstractBaseUser | None:
    """The active person whose case it is: by the profile, or because it was listed under a proved address."""
    link = PersonLink.objects.filter(desk_user_id=case.user_id).first()
    owner_id = link.user_id if link is not None else subject.owner_id
    return person(owner_id) if owner_id is not None else None


def _is_unlinked_here(case: DeskCase, owner_id: int) -> bool:
    """Whether it is here and only its link is missing: that is told of the case itself, once."""
    cases = Case.objects.filter(owner_id=owner_id, number=case.case_number, desk_link=None)
    return bool(case.case_number) and cases.exists()
