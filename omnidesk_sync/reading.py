"""Reads a case: its messages, then the case object; then applies what is new, changed or gone.

The object is asked for last because it says whose the case is: who owns it after its messages were read owned
it when they were. The other way round, a case handed over between the two calls would show its former owner
what was written for the next one.

The calls happen outside any transaction; what they brought is applied in one, under the lease, or dropped if
the lease was lost. Every reading first matches an unsettled send: presence settles it at once.

Nothing that is not known to be public gets past `policy.visibility`: notes and messages whose sending time
lies ahead are stored nowhere.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from cabinet import desk
from cabinet.models import OPEN_STATES, Case, OutboxEntry
from omnidesk_sync import applying, budget, linking, mapping, policy, snapshots
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.errors import NotFound, OmnideskError, OutcomeUnknown, TryLater
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import Candidate, CaseLink, Lane, MessageLink
from omnidesk_sync.people import person_behind
from omnidesk_sync.policy import Look
from omnidesk_sync.types import DeskCase, DeskMessage, Page

log = logging.getLogger(__name__)

PAGE = 100
MAX_PAGES = 500
"""The vendor's page cap [seen in code]; a longer thread raises rather than being cut short."""

State = OutboxEntry.State


@dataclass(frozen=True, slots=True)
class Read:
    """The upper part of a message list, in ascending order, without a gap from `complete_from` upwards."""

    messages: tuple[DeskMessage, ...]
    complete_from: int
    server_time: datetime
    started_at: datetime


def read(lease: Lease) -> bool:
    """Serves the lane's wish for a reading. True when it was read; False when it comes again later."""
    lane = Lane.objects.get(pk=lease.case_id)
    link = CaseLink.objects.select_related("case").get(case_id=lease.case_id)
    spending = Spending.READINGS if lane.urgent else Spending.BACKGROUND
    try:
        with Account(spending, before_each=lease.renew) as account:
            # Both calls or none: readings that each got one call and no second would starve each other.
            account.pay_ahead(1 if _snapshot(link, lane) else 2)
            _read(link, lane, lease, account)
    except OmnideskError as error:
        with lease.guard():
            _back_off(lane, error)
        return False
    with lease.guard():
        _lower(lane)
    return True


def look_for_reply(link: CaseLink, lease: Lease, account: Account) -> Look:
    """A reading whose question is whether the unsettled reply at the head is there; adopts it if it is."""
    lane = Lane.objects.get(pk=lease.case_id)
    look = _read(link, lane, lease, account, fresh=True)
    with lease.guard():
        _lower(lane)
    return look


def _read(link: CaseLink, lane: Lane, lease: Lease, account: Account, *, fresh: bool = False) -> Look:
    """Reads and applies. The verdict is about the unsettled reply at the head, if there is one.

    In a case that cannot be read nothing is absent: it may be restored, with the reply in it.
    """
    kept = None if fresh else _snapshot(link, lane)
    result = _fetch(link, account, timezone.now())
    if kept is not None and result is not None and not _tells_more(result, kept, link):
        case = snapshots.case_of_snapshot(kept)
    else:
        # Whatever stops us from here on, the next reading pays for both calls.
        CaseLink.objects.filter(pk=link.pk).update(snapshot=None, snapshot_at=None)
        try:
            case = account.client.view_case(link.desk_case_id)
        except NotFound:
            _archive(link, lease, account)
            return Look.UNCLEAR
    if not _take_over_case(link, case, lease, account):
        return Look.UNCLEAR
    if result is None:
        raise OutcomeUnknown("The case is there and its messages are not.")
    with lease.guard():
        return applying.apply(link, case, result, unsettled=_unsettled_replies(link))


def _unsettled_replies(link: CaseLink) -> list[OutboxEntry]:
    """The replies of the case that may or may not have arrived, in their order.

    In ordinary life only the head can be one. After a restore all that waited are.
    """
    unsettled = [state for state in OPEN_STATES if state != State.WAITING]
    entries = OutboxEntry.objects.filter(
        case_id=link.case_id, kind=OutboxEntry.Kind.REPLY, state__in=unsettled
    )
    return list(entries.select_related("message").order_by("number"))


# ── the case object ─────────────────────────────────────────────────────────────────────────────────────


def _snapshot(link: CaseLink, lane: Lane) -> dict[str, object] | None:
    """What a list call said, if that was not before the newest hint: saves asking for the case once more."""
    if link.snapshot is None or link.snapshot_at is None or lane.raised_at is None:
        return None
    if link.snapshot_at < lane.raised_at or timezone.now() - link.snapshot_at > snapshots.FRESH:
        return None
    values: dict[str, object] = link.snapshot
    return values


def _tells_more(read: Read, kept: dict[str, object], link: CaseLink) -> bool:
    """Whether the messages say anything from after the snapshot: then it cannot tell for whom that was."""
    said_at = snapshots.said_at(kept)
    known = dict(MessageLink.objects.filter(case=link.case_id).values_list("desk_message_id", "desk_hash"))
    for message in read.messages:
        if known.get(message.message_id):
            if known[message.message_id] != mapping.desk_hash(message):
                return True
            continue
        appeared_at = message.sent_at or message.created_at
        if said_at is None or appeared_at is None or appeared_at >= said_at:
            return True
    return False


def _archive(link: CaseLink, lease: Lease, account: Account) -> None:
    """404 for a case we know: gone for good, or the whole host is wrong. A probe tells which."""
    if not account.answers():
        raise TryLater("The account does not answer.", after_seconds=budget.PROBE_SECONDS)
    facts = desk.CaseFacts(number="", status=Case.Status.CLOSED, availability=Case.Availability.ARCHIVED)
    _set_facts(link, facts, lease)


def _take_over_case(link: CaseLink, case: DeskCase, lease: Lease, account: Account) -> bool:
    """Applies the case object. False when its messages are not to be read: another person's, or away."""
    if case.user_id != link.desk_user_id and not _still_the_owners(link, case, account):
        _hand_over(link, case, lease)
        return False
    facts = mapping.facts(case)
    _set_facts(link, facts, lease, merged_into=_survivor(link, case))
    return facts.availability == Case.Availability.NORMAL


def _still_the_owners(link: CaseLink, case: DeskCase, account: Account) -> bool:
    """One person may have several profiles over there; the case stays his when it moves between them."""
    person = person_behind(case.user_id, account)
    if person is None or person.pk != link.case.owner_id:
        return False
    CaseLink.objects.filter(pk=link.pk).update(desk_user_id=case.user_id)
    link.desk_user_id = case.user_id
    return True


def _hand_over(link: CaseLink, case: DeskCase, lease: Lease) -> None:
    """The case is somebody else's now: frozen here, and looked at anew for whoever it belongs to."""
    facts = desk.CaseFacts(number="", status=Case.Status.CLOSED, availability=Case.Availability.MOVED)
    with transaction.atomic():
        _set_facts(link, facts, lease)
        CaseLink.objects.filter(pk=link.pk).update(detached=True)
        Candidate.objects.update_or_create(
            desk_case_id=case.case_id,
            defaults={"desk_user_id": case.user_id, "not_ours": False, "due_at": timezone.now()},
        )


def _survivor(link: CaseLink, case: DeskCase) -> Case | None:
    """The case this one was merged into, followed only within one customer."""
    if not case.parent_case_id:
        return None
    parent = CaseLink.objects.filter(desk_case_id=case.parent_case_id, detached=False).first()
    if parent is None:
        Candidate.objects.get_or_create(desk_case_id=case.parent_case_id, defaults={"due_at": timezone.now()})
        return None
    return parent.case if parent.case.owner_id == link.case.owner_id else None


def _set_facts(
    link: CaseLink, facts: desk.CaseFacts, lease: Lease, *, merged_into: Case | None = None
) -> None:
    with lease.guard():
        desk.set_facts(link.case_id, facts, merged_into=merged_into, now=timezone.now())


# ── the messages ────────────────────────────────────────────────────────────────────────────────────────


def _fetch(link: CaseLink, account: Account, started_at: datetime) -> Read | None:
    """The messages, or None where the desk knows none of such a case: the case object tells why."""
    stop_at = 0 if link.audit_wanted or not link.opening_read else link.read_through_id
    try:
        return fetch(link.desk_case_id, account, stop_at=stop_at, started_at=started_at)
    except NotFound:
        return None


def fetch(desk_case_id: int, account: Account, *, stop_at: int, started_at: datetime) -> Read:
    """Pages from the newest down to `stop_at`, what was read before, or to the end (0).

    A message deleted between two pages would shift one row past us unseen; then the reading is begun again
    later. One that was added only makes the pages overlap, and the next reading brings it.

    The time is that of the first page: what was said after it is not in there.
    """
    found: dict[int, DeskMessage] = {}
    first = page = account.client.list_messages(desk_case_id, order="desc", limit=PAGE)
    for number in range(1, MAX_PAGES + 1):
        if number > 1:
            before = page
            page = account.client.list_messages(desk_case_id, order="desc", page=number, limit=PAGE)
            if _has_shifted(before, page, found):
                raise OutcomeUnknown("The thread changed while it was being read.")
        found.update((message.message_id, message) for message in page.items)
        at_end = _is_last(page, number)
        lowest = min(found, default=0)
        if at_end or lowest <= stop_at:
            messages = tuple(found[key] for key in sorted(found))
            return Read(messages, 0 if at_end else lowest, first.server_time, started_at)
    raise OutcomeUnknown("The thread is longer than the desk lets anyone read.")


def _has_shifted(before: Page[DeskMessage], page: Page[DeskMessage], found: dict[int, DeskMessage]) -> bool:
    """Whether a row may have slipped past us between two pages. An empty page often has no counter."""
    if page.total_count is None or page.total_count == before.total_count:
        return False
    return not any(message.message_id in found for message in page.items)


def _is_last(page: Page[DeskMessage], number: int) -> bool:
    """With a counter it decides: what looks absent after the end counts as deleted."""
    if page.total_count is not None:
        return number * PAGE >= page.total_count
    return len(page.items) < PAGE


# ── the wish ────────────────────────────────────────────────────────────────────────────────────────────


def _lower(lane: Lane) -> None:
    """The wish is served, unless somebody raised it while we read for more than what we have seen."""
    now = timezone.now()
    served = {"read_failures": 0, "last_error": "", "last_read_at": now}
    Lane.objects.filter(pk=lane.pk).update(**served)
    Lane.objects.filter(pk=lane.pk, wanted=_served(lane)).update(
        wanted=0, wanted_since=None, read_due_at=None, urgent=False
    )
    spaced = now + linking.spacing_of(lane.pk)
    Lane.objects.filter(pk=lane.pk, wanted__gt=0, read_due_at__lt=spaced).update(read_due_at=spaced)


def _served(lane: Lane) -> int:
    """How far the counter was served: as it stood when we began, and beyond that if every later wish was for
    a message that we have seen. Of one answer a rule and a channel may tell at the same moment."""
    row = Lane.objects.get(pk=lane.pk)
    later = row.wanted - lane.wanted
    seen = CaseLink.objects.filter(case_id=lane.pk, read_through_id__gte=row.hinted_to).exists()
    return row.wanted if later and seen and later == row.hinted - lane.hinted else lane.wanted


def _back_off(lane: Lane, error: OmnideskError) -> None:
    """A reading that failed comes again later, visibly; what our own budget delays is no failure."""
    delayed = isinstance(error, TryLater) and error.after_seconds is not None
    failures = lane.read_failures if delayed else lane.read_failures + 1
    seconds = error.after_seconds if isinstance(error, TryLater) else None
    due_at = timezone.now() + timedelta(seconds=policy.backoff(failures) if seconds is None else seconds)
    Lane.objects.filter(pk=lane.pk).update(
        read_failures=failures, last_error=describe(error), read_due_at=due_at
    )
