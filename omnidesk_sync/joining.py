"""A person decides that an undecided entry did arrive: ours and the imported one become one."""

from collections.abc import Iterable

from django.db import transaction
from django.utils import timezone

from cabinet import desk
from cabinet.models import Message, OutboxEntry
from omnidesk_sync import delivering, linking, mapping, policy
from omnidesk_sync.models import Attempt, CaseLink, MessageLink
from omnidesk_sync.policy import Likeness


def join(entry: OutboxEntry) -> bool:
    """Joins an undecided reply or opening with the one thing over there that resembles it.

    False, and nothing is changed, when there is no such thing or more than one: then nobody could say which.
    """
    attempt = Attempt.objects.filter(entry=entry).order_by("-id").first()
    if entry.state != OutboxEntry.State.UNDECIDED or entry.message is None or attempt is None:
        return False
    if entry.kind == OutboxEntry.Kind.OPEN_CASE:
        return _join_case(entry, entry.message, attempt)
    return _join_reply(entry, entry.message, attempt)


def _join_reply(entry: OutboxEntry, ours: Message, attempt: Attempt) -> bool:
    later = MessageLink.objects.filter(case=entry.case_id, desk_message_id__gt=attempt.baseline)
    found = [link for link in later.select_related("message") if _resembles(ours, [link.message])]
    if len(found) != 1:
        return False
    delivering.reply_delivered(entry, found[0].desk_message_id, attempt, desk_hash=found[0].desk_hash)
    return True


def _join_case(entry: OutboxEntry, ours: Message, attempt: Attempt) -> bool:
    later = CaseLink.objects.filter(
        case__owner_id=entry.case.owner_id, desk_case_id__gt=attempt.baseline, detached=False
    )
    found = [link for link in later.select_related("case") if _resembles(ours, link.case.messages.all()[:1])]
    if len(found) != 1:
        return False
    now = timezone.now()
    number, link = found[0].case.number, found[0]
    with transaction.atomic():
        linking.link_case(entry.case, desk_case_id=link.desk_case_id, desk_user_id=link.desk_user_id, now=now)
        desk.mark_delivered(entry, now=now, number=number)
        delivering.close_attempt(attempt, Attempt.Outcome.DELIVERED)
    linking.want_reading(entry.case_id, now=now)
    return True


def _resembles(ours: Message, theirs: Iterable[Message]) -> bool:
    return any(
        message.origin == Message.Origin.DESK
        and message.author == Message.Author.CUSTOMER
        and policy.likeness(mapping.ours(ours), mapping.ours(message)) is not Likeness.OTHER
        for message in theirs
    )
