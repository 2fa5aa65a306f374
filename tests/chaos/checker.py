"""Compares two histories message by message. Plain values in, findings out: it asks nobody anything."""

import enum
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from tests.chaos.history import History, Row, Thread
from tests.chaos.ledger import Fate, Side, Written, by_case

WITHDRAWN = "A message that was here has been withdrawn."


class Kind(enum.Enum):
    """The columns of the table; what was given to a person is explained, everything else is a failure."""

    LOST = "lost"
    DOUBLED = "doubled"
    OUT_OF_ORDER = "out of order"
    LEAKED = "leaked"
    STATUS = "status differs"
    LATE = "files still being fetched"
    GIVEN = "given to a person"


@dataclass(frozen=True)
class Finding:
    kind: Kind
    subject: str
    what: str

    def __str__(self) -> str:
        return f"{self.kind.value}: case {self.subject}: {self.what}"


def compare(entries: Sequence[Written], desk: History, cabinet: History) -> list[Finding]:
    """Everything on which the two sides, or a side and what was written, disagree."""
    written = by_case(entries)
    found: list[Finding] = []
    for subject in {*written, *desk, *cabinet}:
        case = _Case(subject, written.get(subject, []), desk.get(subject, []), cabinet.get(subject, []))
        found += case.findings()
    return sorted(found, key=lambda finding: (finding.kind.value, finding.subject, finding.what))


class _Case:
    """One case on both sides, with what was written into it."""

    def __init__(
        self, subject: str, written: Sequence[Written], desk: Sequence[Thread], cabinet: Sequence[Thread]
    ) -> None:
        self.subject = subject
        self.written = [entry for entry in written if not entry.deleted]
        self.threads = {"desk": desk, "cabinet": cabinet}
        self.desk = [row for thread in desk for row in thread.rows]
        # The place of a withdrawn message stays, its words do not.
        self.cabinet = [row for thread in cabinet for row in thread.rows if row.key != WITHDRAWN]
        self.given = self._given()

    def findings(self) -> list[Finding]:
        found = [Finding(Kind.GIVEN, self.subject, key) for key in sorted(self.given)]
        for kind, what in (*self._twins(), *self._counts(), *self._bodies(), *self._order(), *self._status()):
            found.append(Finding(kind, self.subject, what))
        return found

    def _given(self) -> set[str]:
        """What the page says was not delivered, and all that waits behind an opening of that kind."""
        failed = {row.key for row in self.cabinet if row.state == "failed"}
        openings = {entry.key for entry in self.written if entry.opening}
        if failed & openings:
            failed |= {row.key for row in self.cabinet if row.state == "sending"}
        return failed

    def _twins(self) -> list[tuple[Kind, str]]:
        return [
            (Kind.DOUBLED, f"{len(threads)} cases of this subject in the {side}")
            for side, threads in self.threads.items()
            if len(threads) > 1
        ]

    def _counts(self) -> list[tuple[Kind, str]]:
        found = []
        least = Counter(entry.key for entry in self.written if entry.fate is Fate.ACCEPTED)
        most = Counter(entry.key for entry in self.written if entry.fate is not Fate.REFUSED)
        sides = {
            "desk": Counter(row.key for row in self.desk),
            "cabinet": Counter(r.key for r in self.cabinet),
        }
        for key in {*most, *sides["desk"], *sides["cabinet"]}:
            for side, counts in sides.items():
                missing = least[key] - counts[key]
                if missing > 0 and not (side == "desk" and key in self.given):
                    found.append(
                        (Kind.LOST, f"{key!r} is {counts[key]} times in the {side}, not {least[key]}")
                    )
                if counts[key] > most[key]:
                    found.append(
                        (Kind.DOUBLED, f"{key!r} is {counts[key]} times in the {side}, not {most[key]}")
                    )
            if (
                sides["desk"][key] != sides["cabinet"][key]
                and least[key] != most[key]
                and key not in self.given
            ):
                found.append(
                    (Kind.LOST, f"{key!r}, never answered, is on one side only: {_numbers(sides, key)}")
                )
        return found

    def _bodies(self) -> list[tuple[Kind, str]]:
        """Texts and files of what was counted once, and what still says "sending"."""
        found = [
            (Kind.LOST, f"{thread.files_given_up} files are not available")
            for thread in self.threads["cabinet"]
            if thread.files_given_up
        ]
        wanted = {entry.key: entry for entry in self.written}
        for row in self.desk:
            entry = wanted.get(row.key)
            if entry and entry.side is Side.CABINET and _plain(row.text) != _plain(entry.text):
                found.append((Kind.LOST, f"{row.key!r} has another text at the desk: {row.text!r}"))
            if entry and sorted(row.file_sizes) != sorted(entry.file_sizes) and entry.side is Side.CABINET:
                found.append((Kind.LOST, f"{row.key!r} has other files at the desk: {row.file_sizes}"))
        for row in self.cabinet:
            entry = wanted.get(row.key)
            if entry and len(row.file_sizes) != len(entry.file_sizes):
                # A worker killed in mid-download keeps its claim for minutes: time, not a message.
                missing = entry.side is not Side.CABINET and len(row.file_sizes) < len(entry.file_sizes)
                kind = Kind.LATE if missing else Kind.LOST
                found.append((kind, f"{row.key!r} shows {len(row.file_sizes)} files in the cabinet"))
            if entry and entry.side is Side.STAFF and _plain(row.text) != _plain(entry.text):
                found.append((Kind.LOST, f"{row.key!r} has another text in the cabinet: {row.text!r}"))
            if row.state == "sending" and row.key not in self.given:
                found.append((Kind.LOST, f"{row.key!r} still says that it is being sent"))
            if entry and (row.author == "staff") != (entry.side is Side.STAFF):
                found.append((Kind.LOST, f"{row.key!r} is shown as of {row.author}"))
        return found

    def _order(self) -> list[tuple[Kind, str]]:
        """The customer's own order on both sides; the order of what the desk said; who knew what when."""
        ours = [entry for entry in self.written if entry.side is Side.CABINET and self._has_a_place(entry)]
        theirs = {entry.key for entry in self.written if entry.side is not Side.CABINET and not entry.delayed}
        found = []
        for side, rows in (("desk", self.desk), ("cabinet", self.cabinet)):
            keys = {entry.key for entry in ours}
            there = [row.key for row in rows if row.key in keys]
            wanted = [entry.key for entry in ours if entry.key in there]
            if _once(there) != _once(wanted):
                found.append((Kind.OUT_OF_ORDER, f"{side}: {there} instead of {wanted}"))
        said = [row.key for row in self.desk if row.key in theirs]
        heard = [row.key for row in self.cabinet if row.key in theirs]
        if _once(said) != _once(heard):
            found.append((Kind.OUT_OF_ORDER, f"the desk said {said}, the cabinet shows {heard}"))
        return found + self._answers({entry.key for entry in ours}, theirs)

    def _answers(self, ours: set[str], theirs: set[str]) -> list[tuple[Kind, str]]:
        """What was known here before the customer wrote stands before his words at the desk as well."""
        found = []
        place = {row.key: number for number, row in enumerate(self.desk)}
        seen: list[str] = []
        for row in self.cabinet:
            if row.key in theirs:
                seen.append(row.key)
            elif row.key in ours and row.key in place:
                late = [key for key in seen if place.get(key, -1) > place[row.key]]
                if late:
                    found.append(
                        (Kind.OUT_OF_ORDER, f"{row.key!r} answers {late}, which the desk has after it")
                    )
        return found

    def _has_a_place(self, entry: Written) -> bool:
        equal = sum(1 for other in self.written if other.key == entry.key) > 1
        return not entry.retried and not equal and entry.key not in self.given

    def _status(self) -> list[tuple[Kind, str]]:
        desk, cabinet = self.threads["desk"], self.threads["cabinet"]
        if len(desk) != 1 or len(cabinet) != 1 or self.given or desk[0].closed == cabinet[0].closed:
            return []
        words = {True: "closed", False: "open"}
        return [
            (Kind.STATUS, f"{words[desk[0].closed]} at the desk, {words[cabinet[0].closed]} in the cabinet")
        ]


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())


def _once(keys: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(keys))


def _numbers(sides: dict[str, Counter[str]], key: str) -> str:
    return ", ".join(f"{side} {counts[key]}" for side, counts in sides.items())


def rows_of(history: History) -> list[Row]:
    return [row for threads in history.values() for thread in threads for row in thread.rows]
