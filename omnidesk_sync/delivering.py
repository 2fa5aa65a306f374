"""What follows from knowing that an entry has arrived: link and settle, in one short transaction."""

from django.db import IntegrityError, transaction
from django.utils import timezone

from cabinet import desk
from cabinet.models import OutboxEntry
from omnidesk_sync import linking
from omnidesk_sync.models import Attempt
from omnidesk_sync.types import DeskCase


def case_delivered(entry: OutboxEntry, made: DeskCase, attempt: Attempt, *, just_made: bool = False) -> None:
    """Links the case and settles its opening, in one short transaction.

    `just_made`: the answer to the creation. A desk that makes API cases "waiting" whatever it is told
    [unknown, the documented sample does] would keep them from its staff's eyes.
    """
    try:
        _link_case(entry, made, attempt)
    except IntegrityError:
        # An import of the same case was committed between our look for a twin and our own link.
        _link_case(entry, made, attempt)
    if just_made and made.status == "waiting":
        desk.reopen_new(entry.case_id, now=timezone.now())


def _link_case(entry: OutboxEntry, made: DeskCase, attempt: Attempt) -> None:
    now = timezone.now()
    with transaction.atomic():
        linking.link_case(entry.case, desk_case_id=made.case_id, desk_user_id=made.user_id, now=now)
        desk.mark_delivered(entry, now=now, number=made.case_number)
        close_attempt(attempt, Attempt.Outcome.DELIVERED)


def reply_delivered(
    entry: OutboxEntry, desk_message_id: int, attempt: Attempt, *, desk_hash: str = ""
) -> None:
    """Links the message and settles its entry, in one short transaction."""
    now = timezone.now()
    with transaction.atomic():
        if entry.message is not None:
            linking.link_message(entry.message, desk_message_id, now=now, desk_hash=desk_hash)
        desk.mark_delivered(entry, now=now)
        close_attempt(attempt, Attempt.Outcome.DELIVERED)


def status_delivered(entry: OutboxEntry, attempt: Attempt) -> None:
    """Settles a close, a reopen or a rating."""
    with transaction.atomic():
        desk.mark_delivered(entry, now=timezone.now())
        close_attempt(attempt, Attempt.Outcome.DELIVERED)


def close_attempt(
    attempt: Attempt, outcome: Attempt.Outcome, *, status: int | None = None, detail: str = ""
) -> None:
    Attempt.objects.filter(pk=attempt.pk).update(outcome=outcome, status=status, detail=detail[:300])
