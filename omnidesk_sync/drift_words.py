"""What a drift report says to people: lines for a terminal and for the admin, in the reader's language."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from django.conf import settings
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from omnidesk_sync.drift import WHYS, Finding, State
from omnidesk_sync.drift_differences import describe, in_this_zone
from omnidesk_sync.drift_mending import Mended
from omnidesk_sync.models import DriftCase

if TYPE_CHECKING:
    from omnidesk_sync.drift_now import Report, Result

Values = Mapping[str, object]


def state(finding: Finding) -> str:
    return str(DriftCase.State(finding.state.value).label)


def lines(finding: Finding) -> list[str]:
    """What differs, then what else is to be said, then what went wrong."""
    return found_lines(
        [difference.values() for difference in finding.differences],
        [asdict(note) for note in finding.notes],
        finding.error,
    )


def found_lines(differences: Sequence[Values], notes: Sequence[Values], error: str) -> list[str]:
    said = [describe(difference) for difference in differences]
    said += [note_line(note) for note in notes]
    return [*said, error] if error else said


def note_line(note: Values) -> str:
    why = WHYS.get(str(note.get("why")))
    parts = [str(why.sentence) if why is not None else str(note.get("why"))]
    if note.get("position"):
        parts.insert(0, _("message %(position)s") % note)
    since = parse_datetime(str(note.get("since") or ""))
    if since is not None:
        parts.append(_("since %(moment)s") % {"moment": in_this_zone(since)})
    if note.get("detail"):
        parts.append(str(note["detail"]))
    return ", ".join(parts)


def mended(what: Mended, case_id: uuid.UUID | None, differences: Sequence[Values]) -> str:
    """What was asked for, and where a person goes on."""
    by_hand = any(difference.get("by_hand") for difference in differences)
    said = {
        Mended.READING: _("A full reading of the case was asked for."),
        Mended.LOOKING: _("The case is being looked for."),
        Mended.BY_HAND: "",
    }[what]
    if (by_hand or what is Mended.BY_HAND) and case_id is not None:
        address = settings.SITE_URL.rstrip("/") + admin_address(case_id)
        said = " ".join(filter(None, [said, _("A person decides: %(address)s") % {"address": address}]))
    return said


def admin_address(case_id: uuid.UUID) -> str:
    """Where an admin sees the case with its outbox and its buttons."""
    return reverse("admin:cabinet_case_change", args=[case_id])


def totals(report: "Report", units: int, seconds: float) -> dict[str, object]:
    return {
        "compared": report.compared,
        "same": report.counts[State.SAME],
        "in_motion": report.counts[State.IN_MOTION],
        "differing": report.counts[State.DIFFERS],
        "failed": report.counts[State.FAILED],
        "unfinished": report.unfinished,
        "units": units,
        "seconds": round(seconds, 1),
    }


def as_json(result: "Result") -> dict[str, object]:
    finding, subject = result.finding, result.subject
    return {
        "case": str(subject.case_id or ""),
        "number": subject.number,
        "desk_case_id": subject.desk_case_id,
        "state": finding.state.value,
        "differences": [difference.values() for difference in finding.differences],
        "notes": [asdict(note) for note in finding.notes],
        "error": finding.error,
    }
