"""What workers are rung for. Doors only: an id in, one service call."""

from celery import shared_task

from webhooks import services


@shared_task(name=services.PROCESS_TASK)
def process_entry(entry_id: int) -> None:
    services.process_entry(entry_id)


@shared_task(name="webhooks.sweep")
def sweep() -> None:
    services.sweep()
