"""When a case was closed and opened again, as its thread tells it between the messages.

Kept in the case's own row: it is written under the same lock as the status and costs a page no question.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from cabinet.models import Case, Message

MOST_KEPT = 100
"""Of a case that goes back and forth for ever the last are told."""


@dataclass(frozen=True, slots=True)
class Change:
    """`closed`, or opened again. `by` is the key of the person who did it here, "" if the desk did.

    `at` is None where nobody knows: such a change is kept, lest it be taken for a new one, and not told.
    """

    closed: bool
    by: str
    at: datetime | None

    @property
    def key(self) -> str:
        """Tells it from the others of its case; for the page that swaps what has changed."""
        return f"{self.at:%Y%m%d%H%M%S%f}" if self.at else ""

    def is_by(self, person: AbstractBaseUser | AnonymousUser) -> bool:
        return self.by != "" and self.by == str(person.pk)

    def stored(self) -> dict[str, object]:
        return {"closed": self.closed, "by": self.by, "at": self.at.isoformat() if self.at else None}


def of(case: Case) -> list[Change]:
    return [
        Change(row["closed"], row["by"], datetime.fromisoformat(row["at"]) if row["at"] else None)
        for row in case.closings or []
    ]


def note(case: Case, *, by: object, now: datetime) -> None:
    """Follows the status of a locked case that is about to be stored.

    Why a case that cannot be used here is closed, its notice says.
    """
    closed = case.status == Case.Status.CLOSED
    last = case.closings[-1] if case.closings else None
    if closed == bool(last and last["closed"]):
        # The desk has said since when: that counts, whatever was thought before.
        if last and last["closed"] and last["at"] and case.closed_at:
            last["at"] = case.closed_at.isoformat()
        return
    if closed and case.availability != Case.Availability.NORMAL:
        return
    change = Change(closed, "" if by is None else str(by), case.closed_at if closed else now)
    case.closings = [*(case.closings or []), change.stored()][-MOST_KEPT:]


def beside(messages: Sequence[Message], changes: Sequence[Change]) -> list[list[Change]]:
    """The changes that stand before each of the messages and, last, after all of them: one list more.

    By time and not by place: a reading of the desk learns that a case was closed before it learns the answer
    with which it was.
    """
    places: list[list[Change]] = [[] for _ in range(len(messages) + 1)]
    for change in changes:
        if change.at is None:
            continue
        earlier = (number for number, said in enumerate(messages, 1) if said.written_at <= change.at)
        places[max(earlier, default=0)].append(change)
    return places
