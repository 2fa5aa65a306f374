"""What is different about a chat: it ends, by itself or by staff, and may take no more messages then.

Whether a desk reopens a chat that has ended when its customer writes once more, refuses the message although
the case is there, or takes it and leaves the case closed is [unknown]. All three end well:

| what the desk does | what happens here |
|---|---|
| takes the message and reopens | as in every case |
| takes it and leaves the case closed | the case is opened: else nobody over there would see the message |
| refuses it | the message is marked, "the chat was closed": it can be sent in a new chat, or again here |

A closed chat is not opened for a message that the desk has refused: there would be nothing new in it.
"""

import logging

from cabinet.models import Case, OutboxEntry
from omnidesk_sync.account import Account
from omnidesk_sync.errors import NotFound, OmnideskError, Rejected
from omnidesk_sync.models import CaseLink

log = logging.getLogger(__name__)

Kind, State = OutboxEntry.Kind, OutboxEntry.State

OVER = "chat_closed"
"""The reason of a message that came too late for its chat."""


def refused_as_over(entry: OutboxEntry, error: Rejected, account: Account) -> bool:
    """Whether a reply was refused because its chat is over: the case itself is looked at, for one unit.

    A desk that says "not found" of a case that is there can mean nothing else; what else it refuses (a text
    too long, say) is the chat's end only if the case is closed. A case that cannot be looked at now tells
    nothing: then the refusal is judged as everywhere.
    """
    if entry.kind != Kind.REPLY or entry.case.mode != Case.Mode.CHAT:
        return False
    link = CaseLink.objects.filter(case_id=entry.case_id).first()
    if link is None:
        return False
    try:
        there = account.client.view_case(link.desk_case_id)
    except OmnideskError as trouble:
        log.info("the chat of case %s could not be looked at: %s", entry.case_id, type(trouble).__name__)
        return False
    if there.parent_case_id or there.deleted or there.spam:
        return False
    return there.status == "closed" or isinstance(error, NotFound)


def has_nothing_new(entry: OutboxEntry) -> bool:
    """Whether a chat would be opened for nothing: the message that asked for it was refused."""
    if entry.case.mode != Case.Mode.CHAT:
        return False
    replies = OutboxEntry.objects.filter(case_id=entry.case_id, kind=Kind.REPLY, number__lt=entry.number)
    last = replies.order_by("-number").first()
    return last is not None and last.state in (State.REJECTED, State.DROPPED)
