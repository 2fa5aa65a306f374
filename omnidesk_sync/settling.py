"""Settles a send whose outcome is unknown: looks, adopts what is ours, sends again only what is not there.

Nothing is concluded from absence before the quarantine is over: a server may still be committing what it got
from a call that was cut. What is similar but not equal is never guessed about; a person decides.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from cabinet import desk
from cabinet.models import Case, OutboxEntry
from omnidesk_sync import delivering, identities, linking, mapping, people, policy, reading, sending
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.errors import NotFound, OmnideskError, TryLater
from omnidesk_sync.identities import Identity
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import Attempt, CaseLink
from omnidesk_sync.policy import AfterLook, Likeness, Look, Words
from omnidesk_sync.types import DeskCase

log = logging.getLogger(__name__)

Kind, State = OutboxEntry.Kind, OutboxEntry.State


def settle(entry: OutboxEntry, lease: Lease) -> bool:
    """Looks for the entry over there, after its quarantine. True when the lane may go on."""
    attempt = Attempt.objects.filter(entry=entry).order_by("-id").first()
    if attempt is None:
        # Marked by hand or by a restore without a try of ours: begin one that knows what we know.
        attempt = open_attempt(entry, now=timezone.now())
    try:
        with Account(Spending.WRITES, before_each=lease.renew) as account:
            look = _look(entry, attempt, account, lease)
    except OmnideskError as error:
        with lease.guard():
            _look_later(entry, error)
        return False
    if look is not Look.FOUND:
        with lease.guard():
            _decide(entry, attempt, look)
    return True


def open_attempt(entry: OutboxEntry, *, now: datetime) -> Attempt:
    """An attempt of unknown outcome for an entry that may have been sent without our knowing."""
    baseline = linking.baseline_of(entry)
    return Attempt.objects.create(entry=entry, baseline=baseline, started_at=now, dead_at=now)


def _look(entry: OutboxEntry, attempt: Attempt, account: Account, lease: Lease) -> Look:
    if entry.kind == Kind.OPEN_CASE:
        return _look_for_case(entry, attempt, account)
    link = CaseLink.objects.filter(case_id=entry.case_id).first()
    if link is None:
        return Look.ABSENT
    if entry.kind == Kind.REPLY:
        return reading.look_for_reply(link, lease, account)
    if entry.kind == Kind.RATE:
        return _look_at_rating(entry, attempt, link, account)
    return _look_at_status(entry, attempt, link, account)


def _look_at_status(entry: OutboxEntry, attempt: Attempt, link: CaseLink, account: Account) -> Look:
    try:
        status = account.client.view_case(link.desk_case_id).status
    except NotFound:
        return Look.ABSENT
    wanted = sending.wanted_status(entry)
    if status == wanted or (wanted == "open" and status != "closed"):
        delivering.status_delivered(entry, attempt)
        return Look.FOUND
    return Look.ABSENT


def _look_at_rating(entry: OutboxEntry, attempt: Attempt, link: CaseLink, account: Account) -> Look:
    """Sending it again would do no harm over there, but a look costs half of it and wakes no rule twice."""
    try:
        there = account.client.view_case(link.desk_case_id)
    except NotFound:
        return Look.ABSENT
    rated = Case.objects.only("rating", "rating_comment").get(pk=entry.case_id)
    same_words = policy.normalised(there.rating_comment) == policy.normalised(rated.rating_comment)
    if there.rating != rated.rating or not same_words:
        return Look.ABSENT
    delivering.status_delivered(entry, attempt)
    return Look.FOUND


# ── an opening: among the customer's cases ──────────────────────────────────────────────────────────────


def _look_for_case(entry: OutboxEntry, attempt: Attempt, account: Account) -> Look:
    verdict = Look.ABSENT
    try:
        identity = identities.identity_for(entry.case)
    except identities.NoWayToName:
        # The address under which it was sent is nobody's any more: where to look, nobody knows.
        return Look.UNCLEAR
    newer = _newer_cases(entry, attempt, identity, account)
    for case in sorted(newer, key=lambda found: found.case_id):
        likeness = _compare(entry, case, account)
        if likeness is not Likeness.OTHER and not _is_his(entry, case, identity, account):
            continue
        if likeness is Likeness.EQUAL:
            try:
                delivering.case_delivered(entry, case, attempt)
            except linking.AlreadyLinked:
                continue
            return Look.FOUND
        if likeness is Likeness.SIMILAR:
            verdict = Look.UNCLEAR
    return verdict


def _newer_cases(
    entry: OutboxEntry, attempt: Attempt, identity: Identity, account: Account
) -> Iterator[DeskCase]:
    """The identity's cases after the baseline that are nobody's yet, running chats and merged ones too."""
    for case in account.client.iter_cases(**identity.filters()):
        if case.case_id <= attempt.baseline:
            return
        if _could_be_in(entry.case.mode, case) and not _opened_here(case.case_id, entry):
            yield case


def _could_be_in(mode: str, case: DeskCase) -> bool:
    """Whether a case stands where an opening in this mode would. One id is used in both our channels, and in
    which words a case names its channel is not relied upon: only another one of ours is another case."""
    channel = identities.mode_of_case(case)
    return channel == mode or (mode != Case.Mode.MAIL and channel == Case.Mode.MAIL)


def _is_his(entry: OutboxEntry, case: DeskCase, identity: Identity, account: Account) -> bool:
    return not identity.custom_id or people.is_behind(entry.case.owner, case.user_id, account)


def _opened_here(desk_case_id: int, entry: OutboxEntry) -> bool:
    """Whether another case of ours is that one. An import is not: it may be this very opening."""
    links = CaseLink.objects.filter(desk_case_id=desk_case_id, case__outbox__kind=Kind.OPEN_CASE)
    return links.exclude(case_id=entry.case_id).exists()


def _compare(entry: OutboxEntry, case: DeskCase, account: Account) -> Likeness:
    # Only there: what stands in other fields is typed by customers.
    reference = settings.OMNIDESK_CASE_REFERENCE_FIELD
    if reference and case.custom_fields.get(reference) == str(entry.case_id):
        return Likeness.EQUAL
    first = account.client.list_messages(case.case_id, order="asc", limit=1).items
    if not first or entry.message is None:
        return Likeness.SIMILAR
    found = policy.likeness(mapping.ours(entry.message), mapping.theirs(first[0]))
    subjects = policy.likeness(Words(entry.case.subject), Words(case.subject))
    if not entry.case.subject.strip():
        # A chat may have none; what the desk calls it then says nothing.
        return found
    if found is Likeness.EQUAL and subjects is not Likeness.EQUAL:
        return Likeness.SIMILAR
    return found


# ── what follows from not finding it ────────────────────────────────────────────────────────────────────


def _decide(entry: OutboxEntry, attempt: Attempt, look: Look) -> None:
    now = timezone.now()
    first_look = _first_look(attempt, now)
    decision = policy.after_look(
        look,
        resends=Attempt.objects.filter(entry=entry, outcome=Attempt.Outcome.ABSENT).count(),
        seconds_since_first_look=(now - first_look).total_seconds(),
    )
    if decision is AfterLook.SEND_AGAIN:
        Attempt.objects.filter(pk=attempt.pk).update(outcome=Attempt.Outcome.ABSENT)
        desk.set_aside(entry, due_at=now, reason="absent", detail=f"{attempt.detail} · not there after all")
    elif decision is AfterLook.LOOK_AGAIN:
        due_at = now + timedelta(seconds=policy.LOOK_AGAIN_SECONDS)
        desk.mark_unsettled(entry, due_at=due_at, reason="similar", detail="something similar is there")
    else:
        desk.mark_given_up(
            entry,
            state=State.UNDECIDED,
            now=now,
            reason="undecided",
            detail=f"{look.value}: {attempt.detail}",
        )
        linking.want_reading(entry.case_id, now=now)
        log.error("outbox entry %s needs a person to decide", entry.pk)


def _first_look(attempt: Attempt, now: datetime) -> datetime:
    """When this attempt was first looked for with success: until then no time counts against it."""
    if attempt.first_look_at is None:
        attempt.first_look_at = now
        attempt.save(update_fields=["first_look_at"])
    return attempt.first_look_at


def _look_later(entry: OutboxEntry, error: OmnideskError) -> None:
    seconds = error.after_seconds if isinstance(error, TryLater) else None
    due_at = timezone.now() + timedelta(
        seconds=policy.CALL_FAILURE_BACKOFF[0] if seconds is None else seconds
    )
    desk.mark_unsettled(entry, due_at=due_at, reason="unknown", detail=describe(error))
