"""`manage.py omnidesk_check`: whether the connection with Omnidesk is set up, each thing in a line.

Changes nothing. It stands in this room because it looks at both: what the account says, and what has arrived.
Exit code 1 if something is to be mended.
"""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from omnidesk_sync.checkup import Line, Mark
from webhooks import checkup

WORDS = {Mark.OK: "OK", Mark.PROBLEM: "PROBLEM", Mark.LOOK: "LOOK"}


class Command(BaseCommand):
    help = (
        "Checks the connection with Omnidesk: address, key, staff, budget, channels, webhooks, clock, "
        "broker, database. Spends a few calls and changes nothing. Exit code 1 if something is to be mended."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="the findings as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        found = checkup.examine()
        problems = sum(line.mark is Mark.PROBLEM for line in found.lines)
        if options["json"]:
            self.stdout.write(json.dumps(_as_json(found.lines, problems, found.units), indent=2))
        else:
            for line in found.lines:
                self._print(line)
            self.stdout.write(f"{problems} to mend. {found.units} units of the account's calls spent.")
        if problems:
            sys.exit(1)

    def _print(self, line: Line) -> None:
        style = {Mark.OK: self.style.SUCCESS, Mark.PROBLEM: self.style.ERROR, Mark.LOOK: self.style.WARNING}
        self.stdout.write(f"{style[line.mark](f'{WORDS[line.mark]:<8}')} {line.topic}: {line.text}")
        if line.mend:
            self.stdout.write(f"{'':<8} → {line.mend}")


def _as_json(lines: list[Line], problems: int, units: int) -> dict[str, object]:
    rows = [
        {"topic": line.topic, "mark": line.mark.value, "text": line.text, "mend": line.mend} for line in lines
    ]
    return {"lines": rows, "problems": problems, "units": units}
