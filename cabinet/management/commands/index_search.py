"""`manage.py index_search`: makes searchable what was written past the index."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from cabinet.models import Case
from cabinet.search.indexing import Indexer


class Command(BaseCommand):
    help = "Indexes the cases that the search does not know as they are. Can be broken off and run again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--all", action="store_true", help="every case anew, after changes by hand")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        indexer = Indexer()
        ids = Case.objects.values_list("pk", flat=True) if options["all"] else indexer.stale()
        self.stdout.write(self.style.SUCCESS(f"{indexer.index_many(list(ids))} cases indexed."))
