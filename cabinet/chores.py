"""Work of the cabinet that a worker does. Rows say what is due; a ring only says it sooner.

The cabinet knows no broker: whoever has one listens to `chore_waiting`. Without anybody listening the sweep
does it.
"""

from django.db import transaction

from cabinet.signals import chore_waiting


def ring(task: str, key: object) -> None:
    chore_waiting.send_robust(sender=None, task=task, key=str(key))


def ring_after_commit(task: str, key: object) -> None:
    # A named function and not a partial: Django logs a robust callback's failure by its name.
    def ring_worker() -> None:
        ring(task, key)

    transaction.on_commit(ring_worker, robust=True)
