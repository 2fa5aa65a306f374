"""Keeps the sweeps going while the broker is away.

Sweeps travel through the broker like every ring. So each worker has a thread that asks the broker now and
then whether it is there, and while it is not does the sweeps' work itself, one thing after another. The rows
decide what is due, as always: several watchmen, or one beside a broker that is back, do no harm.
"""

import logging
import threading
from typing import Any

from celery import Celery
from django.db import close_old_connections, connections

from omnidesk_sync.doorbell import keeping_rings, try_broker

log = logging.getLogger(__name__)

MOST_TASKS = 200
"""Tasks of one round; what is left is found by the next."""


class Watchman(threading.Thread):
    """Started in a worker's main process; a daemon, since dying in the middle of work is provided for."""

    def __init__(self, app: Celery, *, seconds: float) -> None:
        super().__init__(name="watchman", daemon=True)
        self._app = app
        self._seconds = seconds
        self._ended = threading.Event()

    def run(self) -> None:
        """Looks after the broker until the process ends."""
        while not self._ended.wait(self._seconds):
            if not self.broker_answers():
                self.do_a_round()

    def end(self) -> None:
        self._ended.set()

    def broker_answers(self) -> bool:
        """Whether a worker could be rung now; gives up within about half a second."""
        try:
            try_broker(self._app)
        except Exception as error:  # noqa: BLE001 - each transport fails in its own way
            log.warning("The broker is away (%s): the sweeps' work is done here.", type(error).__name__)
            return False
        return True

    def do_a_round(self) -> None:
        """Runs what beat would have sent, and everything that this rings for."""
        close_old_connections()
        try:
            with keeping_rings() as rings:
                rings.extend((entry["task"], ()) for entry in self._app.conf.beat_schedule.values())
                for _ in range(MOST_TASKS):
                    if not rings:
                        return
                    self._run(*rings.popleft())
        finally:
            connections.close_all()

    def _run(self, name: str, args: tuple[Any, ...]) -> None:
        try:
            self._app.tasks[name](*args)
        except Exception:
            # One broken row must not keep the others waiting.
            log.exception("%s failed without a broker", name)
