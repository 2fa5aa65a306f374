"""Rings tasks by name. Only rings: whether there is anything to do, the rows say."""

import uuid

from omnidesk_sync.doorbell import ring


def ring_lane(case_id: uuid.UUID | object, *, in_seconds: float = 0.0) -> None:
    ring("omnidesk_sync.work_lane", str(case_id), in_seconds=in_seconds)


def ring_candidate(candidate_id: int) -> None:
    ring("omnidesk_sync.look_at_candidate", candidate_id)


def ring_import(import_id: int) -> None:
    ring("omnidesk_sync.import_address", import_id)


def ring_file(link_id: int) -> None:
    ring("omnidesk_sync.fetch_file", link_id)


def ring_face(link_id: int) -> None:
    ring("omnidesk_sync.fetch_face", link_id)


def ring_drift(run_id: int) -> None:
    ring("omnidesk_sync.compare", run_id)


def ring_reconcile(*, at_once: bool = False) -> None:
    ring("omnidesk_sync.reconcile", at_once)


def ring_task(task: str, key: str) -> None:
    """A task of another room, by its name."""
    ring(task, key)


def ring_sweep() -> None:
    ring("omnidesk_sync.sweep")
