"""A case object out of a list call, kept so that a reading just after it need not ask once more."""

from datetime import datetime, timedelta

from omnidesk_sync.types import DeskCase

FRESH = timedelta(minutes=2)
"""How long it may stand for asking: a case that was handed to somebody else since would be read for its
former owner."""


def snapshot_of(case: DeskCase, *, server_time: datetime | None) -> dict[str, object] | None:
    """What a list call said of a case, without its subject and custom fields: no texts are kept here.

    None for a rated case too: the comment on the rating is such a text, and would be missed.

    None for a case that changed in the very second of the answer, or where the desk's time is not known: it
    may change once more without its time changing, and nobody would ask again.
    """
    if server_time is None or case.rating:
        return None
    if case.updated_at and server_time - case.updated_at < timedelta(seconds=1):
        return None
    return {
        "case_id": case.case_id,
        "case_number": case.case_number,
        "user_id": case.user_id,
        "status": case.status,
        "channel": case.channel,
        "created_at": case.created_at.isoformat() if case.created_at else None,
        "updated_at": case.updated_at.isoformat() if case.updated_at else None,
        "closed_at": case.closed_at.isoformat() if case.closed_at else None,
        "parent_case_id": case.parent_case_id,
        "deleted": case.deleted,
        "spam": case.spam,
        "said_at": server_time.isoformat(),
    }


def said_at(values: dict[str, object]) -> datetime | None:
    """The desk's own time when it said this; None in a snapshot that was kept before times were."""
    value = values.get("said_at")
    return datetime.fromisoformat(str(value)) if value else None


def case_of_snapshot(values: dict[str, object]) -> DeskCase:
    """The case as the list call said it."""
    times = {
        name: datetime.fromisoformat(str(values[name])) if values.get(name) else None
        for name in ("created_at", "updated_at", "closed_at")
    }
    known = {name: value for name, value in values.items() if name != "said_at"}
    fields = {**known, **times, "subject": "", "custom_fields": {}}
    return DeskCase(**fields)  # type: ignore[arg-type]
