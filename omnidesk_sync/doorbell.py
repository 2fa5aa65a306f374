"""Rings workers through the broker, and never makes anybody wait for it.

A ring is a courtesy: the rows are the truth and the sweeps find them. So a broker that is down or hangs costs
the first caller about half a second, everybody after him nothing for half a minute, and nobody an error.
"""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from celery import Celery, Task
from celery.app import app_or_default
from kombu import Connection, pools

logger = logging.getLogger(__name__)

QUIET_SECONDS = 30.0
"""After a failed ring nobody tries again for so long: every try may cost a customer the timeout below."""

TIMEOUT_SECONDS = 0.5
"""A Redis in reach answers within milliseconds; without a limit a hung one would hold a request for ever."""

TRIAL_QUEUE = "cabinet.trial"

_QUICK = {
    "socket_timeout": TIMEOUT_SECONDS,
    "socket_connect_timeout": TIMEOUT_SECONDS,
    # Kombu would otherwise sleep and reconnect until its own limit of several seconds.
    "max_retries": 0,
}


Rung = tuple[str, tuple[Any, ...]]
_kept: ContextVar[deque[Rung] | None] = ContextVar("kept rings", default=None)


@contextmanager
def keeping_rings() -> Iterator[deque[Rung]]:
    """Inside, this thread's rings go nowhere but into the list: task name and arguments, oldest first."""
    rings: deque[Rung] = deque()
    token = _kept.set(rings)
    try:
        yield rings
    finally:
        _kept.reset(token)


def quick_connection(app: Celery) -> Connection:
    """A connection to the app's broker that gives up within about half a second; not opened yet.

    The options are Redis's; the filesystem and memory transports ignore them.
    """
    return app.connection_for_write(transport_options=_QUICK)


def try_broker(app: Celery) -> None:
    """Raises, within about half a second, if the broker takes no message: away, hung, or full.

    One that is full still answers a greeting, so a message is left with it and taken away again.
    """
    with quick_connection(app) as connection:
        connection.ensure_connection(max_retries=0)
        channel: Any = connection.default_channel
        connection.Producer(channel).publish("", exchange="", routing_key=TRIAL_QUEUE, retry=False)
        channel.queue_purge(TRIAL_QUEUE)


class Doorbell:
    """Best-effort publishing with a pause after a failure. One per process; threads share the pause."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._quiet_until = float("-inf")
        self._connections: dict[Celery, Connection] = {}

    def ring(self, task: str | Task[Any, Any], *args: Any, in_seconds: float = 0.0) -> bool:
        """Asks a worker to run `task(*args)`; True if the broker took it. Never raises.

        `in_seconds` is for a few seconds at most: what waits longer is a row that a sweep finds.

        A task may be given by its name, so that a service can ring a task whose module imports that service.
        """
        kept = _kept.get()
        if kept is not None:
            kept.append((task if isinstance(task, str) else task.name, args))
            return True
        if self._clock() < self._quiet_until:
            return False
        try:
            self._publish(task, args, in_seconds)
        except Exception as error:  # noqa: BLE001 - each transport fails in its own way, and none may matter
            self._quiet_until = self._clock() + QUIET_SECONDS
            # Only the class: the text of some errors holds the broker's address with its password.
            logger.warning(
                "The broker took no ring (%s); sweeps carry on, next try in %d seconds.",
                type(error.__cause__ or error).__name__,
                QUIET_SECONDS,
            )
            return False
        return True

    def _publish(self, task: str | Task[Any, Any], args: tuple[Any, ...], in_seconds: float) -> None:
        if isinstance(task, str):
            name, app = task, app_or_default()
        else:
            name, app = task.name, task.app
        if app not in self._connections:
            self._connections[app] = quick_connection(app)
        # Kombu's pools know about threads and forks; the connection is only their template.
        pool = pools.producers[self._connections[app]]
        with pool.acquire(block=True, timeout=TIMEOUT_SECONDS) as producer:
            app.send_task(
                name,
                args=args,
                countdown=in_seconds or None,
                producer=producer,
                retry=False,
                ignore_result=True,
                add_to_parent=False,
            )


_doorbell = Doorbell()
ring = _doorbell.ring
