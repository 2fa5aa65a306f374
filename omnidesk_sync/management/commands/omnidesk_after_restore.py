"""`manage.py omnidesk_after_restore`: run once after restoring a backup, before the workers start."""

from typing import Any

from django.core.management.base import BaseCommand

from omnidesk_sync import restoring


class Command(BaseCommand):
    help = "Treats everything that waits as possibly sent, so that nothing is doubled after a restore."

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        count = restoring.after_restore()
        self.stdout.write(self.style.SUCCESS(f"{count} waiting entries will be looked for before they go."))
