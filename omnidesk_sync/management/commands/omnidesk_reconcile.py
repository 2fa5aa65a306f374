"""`manage.py omnidesk_reconcile`: asks Omnidesk now what has changed, and rings for what is due.

With `--report` it compares instead, case by case, and changes nothing unless `--mend` is given. Exit codes of
the report: 0 nothing differs, 1 something does, 2 bad input or not everything could be compared, 130
interrupted (what is known by then is printed).
"""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import partial
from time import monotonic
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from omnidesk_sync import drift_mending, drift_now, drift_scope, drift_words, reconciling, sweeping
from omnidesk_sync.account import describe
from omnidesk_sync.drift import State, Subject
from omnidesk_sync.drift_now import Comparison, Report, Result
from omnidesk_sync.errors import OmnideskError
from omnidesk_sync.models import Reconciliation

Batch = Callable[[], list[Subject]]

SAY_FROM = 2.0
"""Shorter waits, in seconds, are not worth a line."""


class Command(BaseCommand):
    help = (
        "Asks Omnidesk what has changed since the last time and wants those cases read. "
        "With --report: compares both systems case by case and changes nothing."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--report", action="store_true", help="compare, and name what differs")
        parser.add_argument(
            "--case",
            action="append",
            default=[],
            metavar="NUMBER",
            help="only this case (its number, or its id in the cabinet); may be repeated",
        )
        parser.add_argument(
            "--since", metavar="DATE", help="only what changed since, e.g. 2026-03-01 or '2026-03-01 09:00'"
        )
        parser.add_argument("--mend", action="store_true", help="ask for what mends each difference")
        parser.add_argument("--json", action="store_true", help="the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:  # noqa: ARG002
        if options["report"]:
            self._report(options)
            return
        if options["case"] or options["since"] or options["mend"] or options["json"]:
            raise CommandError(_("--case, --since, --mend and --json belong to --report."), returncode=2)
        if not reconciling.reconcile():
            raise CommandError(Reconciliation.objects.get(pk=1).last_error)
        sweeping.sweep()
        self.stdout.write(self.style.SUCCESS("Caught up; changed cases are being read."))

    def _report(self, options: dict[str, Any]) -> None:
        comparison = Comparison(say=self._waits, pause=drift_now.pause)
        batches = self._batches(options, comparison)
        began, interrupted = monotonic(), False
        try:
            comparison.run(batches)
        except OmnideskError as error:
            self._print(comparison, monotonic() - began, {**options, "mend": False})
            raise CommandError(describe(error), returncode=2) from error
        except KeyboardInterrupt:
            interrupted = True
        mends = options["mend"] and not interrupted
        self._print(comparison, monotonic() - began, {**options, "mend": mends})
        if interrupted:
            sys.exit(130)
        self._end(comparison.report)

    def _end(self, report: Report) -> None:
        if report.counts[State.DIFFERS]:
            sys.exit(1)
        if report.counts[State.FAILED]:
            sys.exit(2)

    # ── what to compare ─────────────────────────────────────────────────────────────────────────────────

    def _batches(self, options: dict[str, Any], comparison: Comparison) -> Iterator[Batch]:
        if options["case"] and options["since"]:
            raise CommandError(_("Either --case or --since."), returncode=2)
        if options["case"]:
            return iter([partial(drift_scope.of_cases, self._cases(options["case"]))])
        if options["since"]:
            return iter([drift_scope.Changed(self._since(options["since"]), comparison.meter)])
        return (partial(drift_scope.person, user, comparison.meter) for user in list(drift_scope.people()))

    def _cases(self, names: list[str]) -> list[Any]:
        try:
            return drift_scope.find_cases(names)
        except drift_scope.UnknownCase as error:
            raise CommandError(
                _("There is no case %(name)s here.") % {"name": error}, returncode=2
            ) from error

    def _since(self, text: str) -> datetime:
        try:
            moment = parse_datetime(text)
            day = parse_date(text) if moment is None else None
        except ValueError:
            moment = day = None
        if moment is None and day is not None:
            moment = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - in this site's zone, below
        if moment is None:
            raise CommandError(_("--since %(text)s is no date.") % {"text": text}, returncode=2)
        moment = timezone.make_aware(moment) if timezone.is_naive(moment) else moment
        if moment > timezone.now():
            raise CommandError(_("--since %(text)s lies in the future.") % {"text": text}, returncode=2)
        return moment

    # ── what to say ─────────────────────────────────────────────────────────────────────────────────────

    def _waits(self, seconds: float) -> None:
        if seconds >= SAY_FROM:
            text = _("Waiting %(seconds)d s for calls: the account's minute is shared.")
            self.stderr.write(text % {"seconds": round(seconds)})

    def _print(self, comparison: Comparison, seconds: float, options: dict[str, Any]) -> None:
        report = comparison.report
        done = {id(result): self._mend(result) for result in report.results} if options["mend"] else {}
        if options["json"]:
            rows = [drift_words.as_json(result) for result in report.results]
            totals = drift_words.totals(report, comparison.meter.units, seconds)
            self.stdout.write(json.dumps({"cases": rows, "totals": totals}, ensure_ascii=False, indent=2))
            return
        for result in report.results:
            self._print_case(result, done.get(id(result)))
        text = _(
            "%(compared)d compared: %(same)d the same, %(in_motion)d in motion, %(differing)d differing, "
            "%(failed)d could not be compared; %(unfinished)d not finished. %(units)d units, %(seconds)s s."
        )
        self.stdout.write(text % drift_words.totals(report, comparison.meter.units, seconds))

    def _print_case(self, result: Result, mended: str | None) -> None:
        name = result.subject.number or str(result.subject.case_id or result.subject.desk_case_id)
        state = drift_words.state(result.finding)
        for line in [*drift_words.lines(result.finding), *([mended] if mended else [])] or [""]:
            self.stdout.write(f"{name:<14}  {state:<12}  {line}".rstrip())

    def _mend(self, result: Result) -> str | None:
        if result.finding.state is not State.DIFFERS:
            return None
        subject = result.subject
        differences = [difference.values() for difference in result.finding.differences]
        mended = drift_mending.mend(subject.case_id, subject.desk_case_id, differences)
        return drift_words.mended(mended, subject.case_id, differences)
