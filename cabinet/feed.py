"""What changed since: one query a second for a whole process, however many tabs listen.

A case's `changed_at` is written before its transaction commits, so a later time can become visible earlier.
Hence the looks overlap: each goes back by `OVERLAP`, and what was told already, known by its revision, is not
told again. A transaction that stays open longer than that costs no message: an open tab also asks the polling
door now and then.
"""

import asyncio
import contextlib
import logging
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

from asgiref.sync import sync_to_async
from django.db import connection
from django.utils import timezone

from cabinet.models import Case

log = logging.getLogger(__name__)

SECONDS_BETWEEN = 1.0
OVERLAP = timedelta(seconds=20)
"""Longer than any transaction of ours, and than the clocks of two machines differ."""

MOST_WAITING = 100
"""Changes a listener may leave untaken; a person's own page needs to know only that there were some."""


class Change(NamedTuple):
    case_id: uuid.UUID
    owner_id: object
    revision: int
    changed_at: datetime


Listener = asyncio.Queue[uuid.UUID]


def changed_since(moment: datetime) -> list[Change]:
    """The cases that changed after this moment: one query, over the index of `changed_at`."""
    rows = Case.objects.filter(changed_at__gt=moment).order_by("changed_at")
    return [Change(*row) for row in rows.values_list("pk", "owner_id", "revision", "changed_at")]


def look(moment: datetime) -> list[Change]:
    """The same over one connection that stays, since a new one each time costs more than the question."""
    try:
        return changed_since(moment)
    except Exception:
        # It may be the connection that is broken.
        connection.close()
        raise


class Feed:
    """Asks while anybody listens, and tells each listener the cases of his own that changed.

    Lives in one event loop. With the database away it tries again every second; nobody is told an error.
    """

    def __init__(
        self,
        ask: Callable[[datetime], list[Change]] = look,
        *,
        clock: Callable[[], datetime] = timezone.now,
        seconds: float = SECONDS_BETWEEN,
    ) -> None:
        self._ask, self._clock, self._seconds = ask, clock, seconds
        self._listeners: defaultdict[object, set[Listener]] = defaultdict(set)
        self._told: dict[uuid.UUID, Change] = {}
        self._looked_at = clock()
        self._task: asyncio.Task[None] | None = None

    @contextlib.contextmanager
    def listening(self, owner_id: object) -> Iterator[Listener]:
        """A queue of the ids of this person's cases, as they change from now on."""
        listener: Listener = asyncio.Queue(MOST_WAITING)
        if self._task is None or self._task.done():
            self._begin()
        self._listeners[owner_id].add(listener)
        try:
            yield listener
        finally:
            self._listeners[owner_id].discard(listener)
            if not self._listeners[owner_id]:
                del self._listeners[owner_id]

    @property
    def count(self) -> int:
        """How many listen."""
        return sum(len(listeners) for listeners in self._listeners.values())

    def _begin(self) -> None:
        self._looked_at, self._told = self._clock(), {}
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        while self._listeners:
            await asyncio.sleep(self._seconds)
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 - whatever it is: the tabs poll meanwhile
                log.warning("The database did not say what changed (%s).", type(error).__name__)

    async def _look(self) -> None:
        now = self._clock()
        for change in await sync_to_async(self._ask)(self._looked_at - OVERLAP):
            known = self._told.get(change.case_id)
            if known is None or known.revision != change.revision:
                self._tell(change, known)
            self._told[change.case_id] = change
        self._looked_at = now
        self._told = {
            key: change for key, change in self._told.items() if change.changed_at > now - 2 * OVERLAP
        }

    def _tell(self, change: Change, before: Change | None) -> None:
        """To its owner, and to whom it belonged a moment ago: his list has one row less."""
        owners = {change.owner_id} | ({before.owner_id} if before else set())
        for owner in owners:
            for listener in self._listeners.get(owner, ()):
                with contextlib.suppress(asyncio.QueueFull):
                    listener.put_nowait(change.case_id)
