"""`manage.py omnidesk_reconcile`: asks Omnidesk now what has changed, and rings for what is due."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from omnidesk_sync import reconciling, sweeping
from omnidesk_sync.models import Reconciliation


class Command(BaseCommand):
    help = "Asks Omnidesk what has changed since the last time and wants those cases read."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        if not reconciling.reconcile():
            raise CommandError(Reconciliation.objects.get(pk=1).last_error)
        sweeping.sweep()
        self.stdout.write(self.style.SUCCESS("Caught up; changed cases are being read."))
