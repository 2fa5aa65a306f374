"""Doors for Celery: ids in, one service call. What is due is decided by the rows, not by who rings."""

import uuid

from celery import shared_task

from omnidesk_sync import bells, drift_runs, faces, files, imports, lane, reconciling, sweeping


@shared_task(name="omnidesk_sync.work_lane")
def work_lane(case_id: str) -> None:
    """Works one case's lane; rings itself again for what is due within seconds."""
    identifier = uuid.UUID(case_id)
    if lane.work(identifier):
        bells.ring_lane(identifier)
    elif wait := lane.seconds_until_next(identifier):
        bells.ring_lane(identifier, in_seconds=wait)
    for link_id in lane.files_to_fetch(identifier):
        bells.ring_file(link_id)


@shared_task(name="omnidesk_sync.look_at_candidate")
def look_at_candidate(candidate_id: int) -> None:
    case_id = imports.look_at(candidate_id)
    if case_id is not None:
        bells.ring_lane(case_id)


@shared_task(name="omnidesk_sync.import_address")
def import_address(import_id: int) -> None:
    if imports.run_import(import_id):
        bells.ring_import(import_id)
    else:
        bells.ring_sweep()


@shared_task(name="omnidesk_sync.fetch_file")
def fetch_file(link_id: int) -> None:
    files.fetch(link_id)


@shared_task(name="omnidesk_sync.fetch_face")
def fetch_face(link_id: int) -> None:
    faces.fetch(link_id)


@shared_task(name="omnidesk_sync.reconcile")
def reconcile(at_once: bool = False) -> None:
    if reconciling.reconcile_if_due(at_once=at_once):
        bells.ring_sweep()


@shared_task(name="omnidesk_sync.compare")
def compare(run_id: int) -> None:
    """One step of a comparison; others have the worker in between."""
    if drift_runs.step(run_id):
        bells.ring_drift(run_id)


@shared_task(name="omnidesk_sync.sweep")
def sweep() -> None:
    sweeping.sweep()
