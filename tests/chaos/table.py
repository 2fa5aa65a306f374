"""The result, for people."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.chaos.checker import Finding, Kind
from tests.chaos.ledger import Fate, Side, Written

FAILING = (Kind.LOST, Kind.DOUBLED, Kind.OUT_OF_ORDER, Kind.LEAKED, Kind.STATUS)
SHOWN = 40


@dataclass
class Result:
    """All that is known when it is over."""

    faults: Counter[str] = field(default_factory=Counter)
    blows: Counter[str] = field(default_factory=Counter)
    kills: int = 0
    ended_by_themselves: int = 0
    entries: Sequence[Written] = ()
    findings: Sequence[Finding] = ()
    explanations: Sequence[str] = ()
    remarks: Sequence[str] = ()
    settled_after: float = 0.0
    slowest_page: float = 0.0
    calls: int = 0
    calls_in_trouble: int = 0
    units: int = 0
    least_messages: int = 0
    least_kills: int = 0

    @property
    def messages(self) -> int:
        return sum(entry.fate is Fate.ACCEPTED for entry in self.entries)

    def count(self, kind: Kind) -> int:
        return sum(finding.kind is kind for finding in self.findings)

    @property
    def shortfalls(self) -> list[str]:
        """A run that tried too little proves nothing."""
        found = []
        if self.messages < self.least_messages:
            found.append(f"only {self.messages} messages instead of {self.least_messages}")
        if self.kills < self.least_kills:
            found.append(f"only {self.kills} kills instead of {self.least_kills}")
        return found

    @property
    def failed(self) -> bool:
        return bool(self.shortfalls or self.ended_by_themselves) or any(self.count(kind) for kind in FAILING)

    def lines(self) -> list[str]:
        return [
            "",
            "faults of the desk",
            _row("share of the calls struck, percent", self._share_struck()),
            *(_row(kind, count) for kind, count in sorted(self.faults.items())),
            "blows at the house",
            *(_row(kind, count) for kind, count in sorted(self.blows.items())),
            _row("SIGKILLs of workers in all", self.kills),
            "messages written and accepted",
            *(_row(side.value, self._by(side, Fate.ACCEPTED)) for side in Side),
            _row("posts that were never answered", self._by(Side.CABINET, Fate.UNKNOWN)),
            "outcome",
            *(_row(kind.value, self.count(kind)) for kind in Kind),
            _row("longest time to settle, seconds", round(self.settled_after, 1)),
            _row("slowest page, seconds", round(self.slowest_page, 2)),
            _row("API calls", self.calls),
            _row("API units per message", round(self.units / max(self.messages, 1), 2)),
            *self._notes(),
            "",
            "FAILED" if self.failed else "passed",
        ]

    def _share_struck(self) -> int:
        struck = sum(count for kind, count in self.faults.items() if not kind.startswith("webhook"))
        return round(100 * struck / max(self.calls_in_trouble, 1))

    def _by(self, side: Side, fate: Fate) -> int:
        return sum(entry.side is side and entry.fate is fate for entry in self.entries)

    def _notes(self) -> list[str]:
        notes: list[str] = []
        for title, items in (
            ("findings", [str(finding) for finding in self.findings]),
            ("given to a person, in the product's own words", list(self.explanations)),
            ("remarks", list(self.remarks)),
            ("too little was tried", self.shortfalls),
        ):
            if items:
                more = [f"  … and {len(items) - SHOWN} more"] if len(items) > SHOWN else []
                notes += ["", title, *(f"  {item}" for item in items[:SHOWN]), *more]
        return notes


def _row(name: str, value: object) -> str:
    return f"  {name:<38} {value:>8}"
