"""Ties ours to theirs. Whatever slipped in as somebody else's is absorbed, never shown twice."""

import uuid
from datetime import datetime, timedelta

from django.contrib.auth.models import AbstractBaseUser
from django.db import transaction
from django.db.models import Max

from cabinet import desk
from cabinet.models import Case, Message, OutboxEntry
from omnidesk_sync import budget, policy
from omnidesk_sync.models import Candidate, CaseLink, Lane, MessageLink, PersonLink


class AlreadyLinked(Exception):
    """The case over there belongs to another case of ours, which does not give way."""


def link_message(
    message: Message, desk_message_id: int, *, now: datetime, desk_hash: str = ""
) -> MessageLink:
    """Says that this message is that one over there. An import of the same message gives way to ours."""
    twin = MessageLink.objects.filter(case=message.case_id, desk_message_id=desk_message_id).first()
    if twin is not None and twin.message_id == message.pk:
        return twin
    if twin is not None and twin.message.origin == Message.Origin.DESK:
        twin.message.delete()
    elif twin is not None:
        # What was written here is never deleted for a link.
        twin.delete()
    link, _ = MessageLink.objects.update_or_create(
        message=message,
        defaults={
            "case_id": message.case_id,
            "desk_message_id": desk_message_id,
            "desk_hash": desk_hash,
            "linked_at": now,
            "absent": 0,
        },
    )
    return link


def link_case(
    case: Case, *, desk_case_id: int, desk_user_id: int, now: datetime, absorbing: bool = True
) -> CaseLink:
    """Says that this case is that one over there, and absorbs a twin that was imported in between.

    Raises `AlreadyLinked` if the other one is no import: of two equal openings each has its own case. Without
    `absorbing` whoever came first stays: his page may be open already.
    """
    twin = CaseLink.objects.filter(desk_case_id=desk_case_id, detached=False).exclude(case=case).first()
    if twin is not None:
        opened_here = OutboxEntry.objects.filter(case=twin.case, kind=OutboxEntry.Kind.OPEN_CASE)
        if not absorbing or opened_here.exists():
            raise AlreadyLinked
        _absorb(twin.case, into=case, now=now)
    link, _ = CaseLink.objects.update_or_create(
        case=case, defaults={"desk_case_id": desk_case_id, "desk_user_id": desk_user_id}
    )
    link_person(case.owner, desk_user_id)
    Candidate.objects.filter(desk_case_id=desk_case_id).delete()
    return link


def _absorb(twin: Case, *, into: Case, now: datetime) -> None:
    """The links follow what the cabinet moves; what was imported is read again."""
    CaseLink.objects.filter(case=twin).delete()
    for message in desk.absorb_case(twin, into=into, now=now):
        MessageLink.objects.filter(message=message).update(case=into)
    twin.delete()


def link_person(user: AbstractBaseUser, desk_user_id: int) -> None:
    """Remembers which profile over there is this person: the one who proved its address last.

    Nothing is remembered of somebody who was erased meanwhile.
    """
    with transaction.atomic():
        if desk.hold_person(user.pk):
            PersonLink.objects.update_or_create(desk_user_id=desk_user_id, defaults={"user_id": user.pk})


def profiles_of(user_id: int) -> set[int]:
    """The profiles over there that are known to be this person."""
    return set(PersonLink.objects.filter(user_id=user_id).values_list("desk_user_id", flat=True))


def baseline_of(entry: OutboxEntry) -> int:
    """The highest id known before an attempt: of the case's messages, or of the customer's cases."""
    if entry.kind == OutboxEntry.Kind.OPEN_CASE:
        return _newest_case_id(entry.case.owner_id)
    return _newest_message_id(entry.case_id)


def _newest_message_id(case_id: uuid.UUID) -> int:
    """The highest message id known of the case, 0 if none is."""
    known = MessageLink.objects.filter(case_id=case_id).aggregate(top=Max("desk_message_id"))["top"] or 0
    read = CaseLink.objects.filter(case_id=case_id).values_list("read_through_id", flat=True).first() or 0
    return max(known, read)


def _newest_case_id(user_id: int) -> int:
    """The highest case id known of this customer, 0 if none is."""
    links = CaseLink.objects.filter(case__owner_id=user_id)
    return links.aggregate(top=Max("desk_case_id"))["top"] or 0


def want_reading(
    case_id: uuid.UUID,
    *,
    now: datetime,
    due_at: datetime | None = None,
    urgent: bool = True,
    desk_message_id: int = 0,
) -> None:
    """Raises the lane's counter and says when a reading is due.

    `desk_message_id`: the wish is for nothing but this message.

    A lane that is backing off keeps its time. Replies close together cost one reading: shortly after one, the
    next waits a moment for more. `now` may lie a little back: when the list was asked for that told of it.
    """
    Lane.objects.get_or_create(case_id=case_id)
    with transaction.atomic():
        lane = Lane.objects.select_for_update().get(pk=case_id)
        Lane.objects.filter(pk=case_id).update(
            wanted=lane.wanted + 1,
            hinted=lane.hinted + bool(desk_message_id),
            hinted_to=max(lane.hinted_to, desk_message_id),
            wanted_since=lane.wanted_since or now,
            raised_at=max(lane.raised_at or now, now),
            read_due_at=_due(lane, due_at or now),
            urgent=lane.urgent or urgent,
        )


def _due(lane: Lane, due_at: datetime) -> datetime:
    if lane.wanted and lane.read_due_at is not None and lane.read_failures:
        return lane.read_due_at
    if lane.last_read_at is not None:
        due_at = max(due_at, lane.last_read_at + spacing_of(lane.pk))
    if lane.wanted and lane.read_due_at is not None:
        return min(lane.read_due_at, due_at)
    return due_at


def spacing_of(case_id: uuid.UUID) -> timedelta:
    """How far two readings of this case are kept apart just now."""
    is_chat = Case.objects.filter(pk=case_id, mode=Case.Mode.CHAT).exists()
    room = budget.room() if is_chat else None
    return timedelta(seconds=policy.read_spacing(budget.limit(), chat_room=room))
