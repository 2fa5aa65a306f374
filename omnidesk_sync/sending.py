"""Sends the head of an outbox: one attempt, written down before the call, settled or left unsettled after it.

| what happened | what is written |
|---|---|
| answered with the new object | linked and delivered, in one transaction, even if the lease is lost by then |
| provably not sent, or 429 | waits until it may go |
| key, staff, host, certificate | waits; the whole account pauses |
| read and refused | rejected, with the reason |
| anything else | unsettled: looked for after its quarantine (`omnidesk_sync.settling`) |
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from typing import BinaryIO, cast

from django.conf import settings
from django.utils import timezone

from cabinet import desk
from cabinet.models import Case, CaseFile, Message, OutboxEntry
from cabinet.selectors import name_of
from omnidesk_sync import budget, chats, delivering, identities, imports, linking, policy
from omnidesk_sync.account import Account, describe
from omnidesk_sync.budget import Spending
from omnidesk_sync.errors import AccountTrouble, NotFound, OmnideskError, Rejected, TryLater
from omnidesk_sync.leases import Lease
from omnidesk_sync.models import Attempt, CaseLink
from omnidesk_sync.routing import routing_of
from omnidesk_sync.types import CaseStatus, NewCase, NewMessage, OutgoingFile, Rating

log = logging.getLogger(__name__)

Kind, State = OutboxEntry.Kind, OutboxEntry.State
READ_UNITS, WRITE_UNITS = 1, 2


class Unsendable(Exception):
    """Nothing a call could mend: the reason goes to the customer."""


def send(entry: OutboxEntry, lease: Lease) -> bool:
    """Delivers the entry if it can be delivered now. True when the lane may go on with the next step."""
    try:
        with Account(Spending.WRITES, before_each=lease.renew) as account:
            return _attempt(entry, lease, account)
    except AccountTrouble as error:
        # From the import that comes before an opening: `Account` has paused everything.
        _wait(entry, TryLater(str(error), after_seconds=budget.PROBE_SECONDS))
        return False
    except OmnideskError as error:
        # Raised before the attempt was written: dry budget, paused account, no account, an import first.
        _wait(entry, error if isinstance(error, TryLater) else TryLater(str(error), status=error.status))
        return False


def _attempt(entry: OutboxEntry, lease: Lease, account: Account) -> bool:
    call = _CALLS[Kind(entry.kind)]
    if entry.kind == Kind.OPEN_CASE:
        with suppress(identities.NoWayToName):
            imports.before_opening(entry.case.owner, identities.identity_for(entry.case), account)
    account.pay_ahead(READ_UNITS if entry.kind == Kind.ENSURE_OPEN else WRITE_UNITS)
    attempt = _write_down(entry, lease)
    if attempt is None:
        return True
    try:
        call(entry, account, attempt)
    except OmnideskError as error:
        return _failed(entry, attempt, account, lease, error)
    except Unsendable as error:
        _give_up(entry, attempt, lease, str(error), "")
    return True


def _failed(
    entry: OutboxEntry, attempt: Attempt, account: Account, lease: Lease, error: OmnideskError
) -> bool:
    """Writes down what the failure means. True when the lane may go on with the next entry.

    A failure that comes after the lease was lost is dropped: whoever holds the lane settles the entry.
    """
    if isinstance(error, TryLater):
        _not_sent(entry, attempt, lease, error)
        return False
    if isinstance(error, AccountTrouble):
        return _refused_access(entry, attempt, lease, error)
    if isinstance(error, Rejected) and chats.refused_as_over(entry, error, account):
        _give_up(entry, attempt, lease, chats.OVER, describe(error), status=error.status)
        linking.want_reading(entry.case_id, now=timezone.now())
        return True
    if isinstance(error, NotFound):
        return _not_found(entry, attempt, account, lease, error)
    if isinstance(error, Rejected):
        _give_up(entry, attempt, lease, "rejected", describe(error), status=error.status)
        return True
    _unsettled(entry, attempt, lease, error)
    return False


def _write_down(entry: OutboxEntry, lease: Lease) -> Attempt | None:
    """Commits, before the call, that it may happen and what was known until now. None: it is not our turn."""
    now = timezone.now()
    dead_at = now + timedelta(seconds=settings.OMNIDESK_TIMEOUT_SECONDS)
    with lease.guard():
        if not desk.mark_attempting(entry, due_at=dead_at + quarantine()):
            return None
        return Attempt.objects.create(
            entry=entry, baseline=linking.baseline_of(entry), started_at=now, dead_at=dead_at
        )


def quarantine() -> timedelta:
    """How long the server may still be committing what it got from a call that is over."""
    return timedelta(seconds=settings.OMNIDESK_QUARANTINE_SECONDS)


# ── the calls ───────────────────────────────────────────────────────────────────────────────────────────


def _open_case(entry: OutboxEntry, account: Account, attempt: Attempt) -> None:
    case, message = entry.case, _message(entry)
    try:
        identity, channel = identities.identity_for(case), identities.channel_for(case)
    except identities.NoWayToName as error:
        raise Unsendable(str(error)) from error
    reference = settings.OMNIDESK_CASE_REFERENCE_FIELD
    routing = routing_of(case)
    made = account.client.create_case(
        NewCase(
            user_email=identity.address,
            user_full_name=name_of(case.owner),
            subject=case.subject,
            content=message.text,
            custom_fields={**routing.custom_fields, **({reference: str(case.pk)} if reference else {})},
            files=_files(message),
            user_custom_id=identity.custom_id,
            channel=channel,
            group_id=routing.group_id,
            labels=routing.labels,
            priority=routing.priority,
        )
    )
    delivering.case_delivered(entry, made, attempt, just_made=True)


def _reply(entry: OutboxEntry, account: Account, attempt: Attempt) -> None:
    message, link = _message(entry), _link(entry)
    sent = account.client.add_message(
        link.desk_case_id,
        NewMessage(user_id=link.desk_user_id, content=message.text, files=_files(message)),
    )
    delivering.reply_delivered(entry, sent.message_id, attempt)


def _set_status(entry: OutboxEntry, account: Account, attempt: Attempt) -> None:
    link = _link(entry)
    if entry.kind == Kind.ENSURE_OPEN and chats.has_nothing_new(entry):
        delivering.status_delivered(entry, attempt)
        return
    if entry.kind == Kind.ENSURE_OPEN and account.client.view_case(link.desk_case_id).status != "closed":
        # The desk reopened it by itself when the reply came: nothing to say.
        delivering.status_delivered(entry, attempt)
        return
    account.client.set_status(link.desk_case_id, wanted_status(entry))
    delivering.status_delivered(entry, attempt)


def _rate(entry: OutboxEntry, account: Account, attempt: Attempt) -> None:
    """Says how the case is rated by now: of two changes on their way the last one stays, however they end."""
    link = _link(entry)
    rated = Case.objects.only("rating", "rating_comment").get(pk=entry.case_id)
    if rated.rating not in Case.Rating:
        raise Unsendable("no_rating")
    account.client.rate_case(link.desk_case_id, cast("Rating", rated.rating), rated.rating_comment)
    delivering.status_delivered(entry, attempt)


def wanted_status(entry: OutboxEntry) -> CaseStatus:
    return "closed" if entry.kind == Kind.CLOSE else "open"


_CALLS = {
    Kind.OPEN_CASE: _open_case,
    Kind.REPLY: _reply,
    Kind.CLOSE: _set_status,
    Kind.REOPEN: _set_status,
    Kind.ENSURE_OPEN: _set_status,
    Kind.RATE: _rate,
}


def _message(entry: OutboxEntry) -> Message:
    if entry.message is None:
        raise Unsendable("no_message")
    return entry.message


def _link(entry: OutboxEntry) -> CaseLink:
    link = CaseLink.objects.filter(case_id=entry.case_id).first()
    if link is None or link.detached or entry.case.availability != Case.Availability.NORMAL:
        raise Unsendable("unavailable")
    return link


def _files(message: Message) -> tuple[OutgoingFile, ...]:
    files = list(message.files.all())
    if not all(file.blob and file.blob.storage.exists(str(file.blob.name)) for file in files):
        raise Unsendable("file_missing")
    return tuple(
        OutgoingFile(name=file.name, content_type=file.content_type, size=file.size, open=_opener(file))
        for file in files
    )


def _opener(file: CaseFile) -> Callable[[], BinaryIO]:
    def open_blob() -> BinaryIO:
        return open(file.blob.path, "rb")

    return open_blob


# ── the ends ────────────────────────────────────────────────────────────────────────────────────────────


def _not_sent(entry: OutboxEntry, attempt: Attempt, lease: Lease, error: TryLater) -> None:
    with lease.guard():
        delivering.close_attempt(
            attempt, Attempt.Outcome.NOT_SENT, status=error.status, detail=describe(error)
        )
        _wait(entry, error)


def _wait(entry: OutboxEntry, error: TryLater) -> None:
    """Back to waiting. Our own budget's answers carry their time; a network that is away backs off."""
    seconds = error.after_seconds
    if seconds is None:
        seconds = 60.0 if error.status == 429 else policy.backoff(max(_failures_in_a_row(entry), 1))
    due_at = timezone.now() + timedelta(seconds=seconds)
    desk.set_aside(entry, due_at=due_at, reason="waiting", detail=describe(error))


def _failures_in_a_row(entry: OutboxEntry) -> int:
    return Attempt.objects.filter(entry=entry, outcome=Attempt.Outcome.NOT_SENT).count()


def _refused_access(entry: OutboxEntry, attempt: Attempt, lease: Lease, error: AccountTrouble) -> bool:
    """Nobody's message is at fault, so pause; unless the account is fine and only this object is forbidden.

    403 has two meanings here: the staff member, or this very object [seen in code]. If the account has proved
    itself since an earlier refusal of this same entry, it is the object.
    """
    refusals = Attempt.objects.filter(entry=entry, outcome=Attempt.Outcome.REFUSED).order_by("-id")
    earlier = refusals.first()
    if (
        error.status == 403
        and error.code != "staff_not_active"
        and earlier
        and budget.proved_since(earlier.started_at)
    ):
        _give_up(entry, attempt, lease, "forbidden", describe(error), status=error.status)
        return True
    with lease.guard():
        delivering.close_attempt(
            attempt, Attempt.Outcome.REFUSED, status=error.status, detail=describe(error)
        )
        _wait(
            entry,
            TryLater(str(error), after_seconds=budget.PROBE_SECONDS, status=error.status, code=error.code),
        )
    budget.pause(describe(error))
    return False


def _not_found(entry: OutboxEntry, attempt: Attempt, account: Account, lease: Lease, error: NotFound) -> bool:
    """404: the case is gone over there, or the whole host is wrong. A probe tells which."""
    try:
        answers = account.answers()
    except OmnideskError as trouble:
        _not_sent(entry, attempt, lease, TryLater(str(trouble)))
        return False
    if not answers:
        _not_sent(entry, attempt, lease, TryLater(str(error), after_seconds=budget.PROBE_SECONDS))
        return False
    _give_up(entry, attempt, lease, "not_found", describe(error), status=error.status)
    linking.want_reading(entry.case_id, now=timezone.now())
    return True


def _give_up(
    entry: OutboxEntry, attempt: Attempt, lease: Lease, reason: str, detail: str, *, status: int | None = None
) -> None:
    with lease.guard():
        delivering.close_attempt(attempt, Attempt.Outcome.REFUSED, status=status, detail=detail)
        desk.mark_given_up(entry, state=State.REJECTED, now=timezone.now(), reason=reason, detail=detail)
    log.warning("outbox entry %s was rejected: %s %s", entry.pk, reason, detail)


def _unsettled(entry: OutboxEntry, attempt: Attempt, lease: Lease, error: OmnideskError) -> None:
    """The call is over, so the quarantine counts from now."""
    now = timezone.now()
    with lease.guard():
        Attempt.objects.filter(pk=attempt.pk).update(dead_at=now, status=error.status, detail=describe(error))
        desk.mark_unsettled(entry, due_at=now + quarantine(), reason="unknown", detail=describe(error))
