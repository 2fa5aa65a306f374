"""After a restore from a backup: what still waits here may have been sent after the backup was taken."""

from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from cabinet import desk
from cabinet.models import OPEN_STATES, OutboxEntry
from omnidesk_sync import settling
from omnidesk_sync.models import AddressImport, CaseLink, FaceLink, Lane, Reconciliation

BEFORE_THE_BACKUP = timedelta(hours=1)
"""How far before the backup's last walk changes are asked for again: a backup takes its time."""


def after_restore() -> int:
    """Marks everything waiting as unsettled, with what the backup knew as baseline. Returns how many.

    Each is looked for before it is sent: what was delivered after the backup is adopted, not doubled. The
    walk over changed cases begins at the backup's time and brings back what was written since.
    """
    now = timezone.now()
    with transaction.atomic():
        Lane.objects.update(lane_until=None, token=None)
        waiting = OutboxEntry.objects.filter(state__in=OPEN_STATES).select_related("case")
        count = 0
        for entry in waiting.order_by("case", "number"):
            settling.open_attempt(entry, now=now)
            desk.mark_unsettled(entry, due_at=now, reason="restored", detail="restored from a backup")
            count += 1
        CaseLink.objects.update(audit_wanted=True, snapshot=None, snapshot_at=None)
        # Their bytes may be of another day than their rows; the readings to come name each anew.
        FaceLink.objects.update(address_hash="", tried_at=None)
        AddressImport.objects.update(due_at=now, done_at=None, page=1)
        walk, _ = Reconciliation.objects.get_or_create(pk=1)
        Reconciliation.objects.filter(pk=1).update(restored_at=now)
        if walk.walked_to is not None:
            Reconciliation.objects.filter(pk=1).update(
                walked_to=walk.walked_to - BEFORE_THE_BACKUP, next_due_at=now
            )
    return count
