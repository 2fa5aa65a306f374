"""`manage.py erase_person`: erases whoever asked for it by phone or letter, as the cabinet's page does."""

from typing import Any

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user_model
from django.contrib.auth.models import AbstractBaseUser
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from cabinet import erasure
from cabinet.privacy_models import Erasure


class Command(BaseCommand):
    help = "Erases everything a person has in the cabinet. Nothing is erased at the help desk."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("person", help="an address of the person, or the primary key of the account")
        parser.add_argument("--yes", action="store_true", help="do not ask")

    def handle(self, *_: Any, **options: Any) -> None:
        person = find(options["person"])
        counts = erasure.counts_of(person)
        self.stdout.write(", ".join(f"{name}: {count}" for name, count in counts.items()))
        if counts["waiting"]:
            self.stdout.write("What is waiting has not reached the help desk and will not be sent.")
        if not options["yes"] and input("This cannot be undone. Type “erase”: ").strip() != "erase":
            raise CommandError("Nothing was erased.")
        try:
            begun = erasure.request(person=person, asked_by=Erasure.AskedBy.STAFF, now=timezone.now())
        except erasure.StaffAccount as error:
            raise CommandError("This account belongs to staff: take its rights away first.") from error
        while erasure.work_off(begun.pk):
            self.stdout.write("…")
        begun.refresh_from_db()
        if begun.erased_at is None:
            self.stdout.write(f"Erasure {begun.pk} goes on in a worker ({begun.last_error or 'it has it'}).")
        else:
            self.stdout.write(f"Erasure {begun.pk} is done; a worker looks once more in an hour.")


def find(name: str) -> AbstractBaseUser:
    """Raises `CommandError` if nobody, or more than one, is meant."""
    found = set(EmailAddress.objects.filter(email__iexact=name).values_list("user_id", flat=True))
    people = get_user_model()._default_manager
    if not found:
        try:
            found = set(people.filter(pk=name).values_list("pk", flat=True))
        except (ValueError, TypeError):
            found = set()
    if len(found) != 1:
        raise CommandError(
            "Nobody has this address." if not found else "Several have it: name the key instead."
        )
    person: AbstractBaseUser = people.get(pk=found.pop())
    return person
