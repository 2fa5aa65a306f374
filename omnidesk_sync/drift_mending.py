"""What the product offers against a difference. It never guesses: what a reading cannot mend, a person does.

| kind | offered |
|---|---|
| anything a whole reading puts right | that reading (the audit), as the lane's next one |
| the desk's own text, author or files | the same, and it takes them over anew |
| a file that was given up | one more try, and the reading brings its fresh address |
| a case nobody here knows | looked for as though somebody had just mentioned it |
| a lost link, the order, words of ours | nothing by itself: an admin's page is pointed at |
"""

import enum
import uuid
from collections.abc import Mapping, Sequence

from django.utils import timezone

from cabinet.models import Message
from omnidesk_sync import bells, files, imports, linking
from omnidesk_sync.drift_differences import Kind
from omnidesk_sync.models import Candidate, CaseLink, FileLink, Lane, MessageLink

Values = Mapping[str, object]

TAKEN_OVER = (Kind.TEXT.code, Kind.AUTHOR.code, Kind.FILES.code)
DIFFERENT = "differs"
"""No hash is like this: the next reading takes the message over as though it had been changed over there."""


class Mended(enum.Enum):
    """What was done about a case."""

    READING = "reading"
    LOOKING = "looking"
    BY_HAND = "by_hand"


def mend(case_id: uuid.UUID | None, desk_case_id: int, differences: Sequence[Values]) -> Mended:
    """Asks for what mends these differences; the work follows in the case's lane."""
    kinds = {str(difference["kind"]) for difference in differences}
    if kinds & {Kind.UNKNOWN_HERE.code, Kind.CAME_BACK.code}:
        _look_for(desk_case_id)
        return Mended.LOOKING
    mendable = [difference for difference in differences if not difference.get("by_hand")]
    # A message without its link would be read as a second one beside itself.
    if case_id is None or not mendable or kinds & {Kind.UNLINKED.code, Kind.NOT_LINKED.code}:
        return Mended.BY_HAND
    for difference in mendable:
        _prepare(difference)
    read_whole(case_id)
    return Mended.READING


def read_whole(case_id: uuid.UUID) -> None:
    """Wants the whole thread read now, whatever was read before."""
    Lane.objects.filter(pk=case_id).update(read_failures=0, last_error="")
    CaseLink.objects.filter(case_id=case_id).update(audit_wanted=True)
    linking.want_reading(case_id, now=timezone.now())
    bells.ring_lane(case_id)


def _prepare(difference: Values) -> None:
    message_id = uuid.UUID(str(difference["message_id"])) if difference.get("message_id") else None
    if difference["kind"] in TAKEN_OVER:
        links = MessageLink.objects.filter(message=message_id, message__origin=Message.Origin.DESK)
        links.update(desk_hash=DIFFERENT)
    if difference["kind"] == Kind.FILE_GIVEN_UP.code:
        given_up = FileLink.objects.filter(file__message=message_id, file__state="unavailable")
        for link in given_up:
            files.retry(link)
            bells.ring_file(link.pk)


def _look_for(desk_case_id: int) -> None:
    candidate, _ = Candidate.objects.get_or_create(
        desk_case_id=desk_case_id, defaults={"due_at": timezone.now()}
    )
    imports.look_anew(candidate)
    bells.ring_candidate(candidate.pk)
