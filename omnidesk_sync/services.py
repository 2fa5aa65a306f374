"""What other rooms may ask of the synchronisation. Nothing here makes a call."""

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.translation import gettext_noop as _

from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync import bells, imports, lane, linking
from omnidesk_sync.models import CaseLink, MessageLink

ECHO_WAIT = timedelta(seconds=1)
"""While one of our own calls is under way, a hint may be its echo: its answer tells, a moment later."""

OPENING_WAIT = timedelta(seconds=30)
"""A hint about an unknown case waits at most this long for openings that are being sent."""

OWN_STATUS = timedelta(seconds=5)
"""A change of status told of so soon after our own reply is that reply's doing: it opens a case that waited
for the customer. What staff may do to the status in the same seconds, reconciliation finds."""

CHANNEL_EVENT = "message_new"
"""What a custom channel's own webhook calls a message of staff."""

MESSAGE_EVENTS = ("staff_reply", "user_reply", CHANNEL_EVENT)
STATUS_EVENT = "status"
NEW_CASE_EVENT = "new_case"
KNOWN_EVENTS = (*MESSAGE_EVENTS, STATUS_EVENT, NEW_CASE_EVENT)
"""What hints may be about. An event of any other name is still a hint about its case, and worth a person's
look: nobody has described it."""


class Verdict(enum.Enum):
    """What a hint came to."""

    WANTED = "a reading was asked for"
    NOTHING = "nothing to do"
    NOT_YET = "cannot be judged yet"


@dataclass(frozen=True, slots=True)
class HintAnswer:
    """`reason` is for the admin, in a few words; `again_at` is set for NOT_YET."""

    verdict: Verdict
    reason: str = ""
    again_at: datetime | None = None


def take_hint(
    *, event: str, desk_case_id: int, desk_message_id: int | None, received_at: datetime
) -> HintAnswer:
    """Something may have happened to a case of the desk. Makes no call; rings the case's lane if need be."""
    link = CaseLink.objects.filter(desk_case_id=desk_case_id, detached=False).first()
    if link is None:
        return _about_unknown_case(desk_case_id, received_at)
    if event == NEW_CASE_EVENT:
        return HintAnswer(Verdict.NOTHING, _("the case is here already"))
    if event in MESSAGE_EVENTS and desk_message_id is not None:
        if MessageLink.objects.filter(case=link.case_id, desk_message_id=desk_message_id).exists():
            return HintAnswer(Verdict.NOTHING, _("the message is here already"))
        if desk_message_id <= link.read_through_id:
            return HintAnswer(Verdict.NOTHING, _("read already, and not public"))
        if _call_under_way(case=link.case_id):
            return HintAnswer(Verdict.NOT_YET, _("a call is under way"), timezone.now() + ECHO_WAIT)
    if event == STATUS_EVENT and desk_message_id is not None:
        if _call_under_way(case=link.case_id, kind=OutboxEntry.Kind.REPLY):
            return HintAnswer(Verdict.NOT_YET, _("a call is under way"), timezone.now() + ECHO_WAIT)
        if _opened_by_our_reply(link, desk_message_id, received_at):
            return HintAnswer(Verdict.NOTHING, _("our own reply has opened the case"))
    named = desk_message_id if event in MESSAGE_EVENTS else None
    linking.want_reading(link.case_id, now=timezone.now(), desk_message_id=named or 0)
    wait = lane.seconds_until_next(link.case_id)
    bells.ring_lane(link.case_id, in_seconds=wait or 0.0)
    return HintAnswer(Verdict.WANTED)


def _opened_by_our_reply(link: CaseLink, desk_message_id: int, received_at: datetime) -> bool:
    """Whether the status changed because of a reply from here, so that it is known here already."""
    ours = MessageLink.objects.filter(
        case=link.case_id,
        desk_message_id=desk_message_id,
        message__origin=Message.Origin.CABINET,
        linked_at__gt=received_at - OWN_STATUS,
    )
    return ours.filter(case__status=Case.Status.OPEN).exists()


def _about_unknown_case(desk_case_id: int, received_at: datetime) -> HintAnswer:
    now = timezone.now()
    openings = {"kind": OutboxEntry.Kind.OPEN_CASE}
    if now - received_at < OPENING_WAIT and _call_under_way(**openings):
        return HintAnswer(Verdict.NOT_YET, _("an opening is being sent"), now + ECHO_WAIT)
    candidate = imports.mention(desk_case_id)
    if candidate is None:
        return HintAnswer(Verdict.NOTHING, _("not a case of anybody here"))
    bells.ring_candidate(candidate.pk)
    return HintAnswer(Verdict.WANTED, _("looking whose case it is"))


def _call_under_way(**entries: object) -> bool:
    """Whether a call may still be answered: of a killed worker's call nobody will tell the end."""
    attempting = OutboxEntry.objects.filter(state=OutboxEntry.State.ATTEMPTING, **entries)
    return attempting.filter(tries__dead_at__gt=timezone.now()).exists()
