"""What the tests of the inbox share: payload files, a quiet queue, and a pretend synchronisation."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from omnidesk_sync import services as sync
from tests import rings

PAYLOADS = Path(__file__).parent.parent / "payloads"
FIRST = "first-secret-0123456789"
SECOND = "second-secret-0123456789"


def payload(name: str) -> bytes:
    return (PAYLOADS / name).read_bytes()


@pytest.fixture(autouse=True)
def quiet_queue() -> Iterator[None]:
    rings.drain()
    yield
    rings.drain()


@dataclass
class PretendSync:
    """Answers hints with what the test says, an exception included, and remembers what it was asked."""

    answer: sync.HintAnswer | Exception = field(default_factory=lambda: sync.HintAnswer(sync.Verdict.WANTED))
    asked: list[dict[str, Any]] = field(default_factory=list)

    def take_hint(self, **hint: Any) -> sync.HintAnswer:
        self.asked.append(hint)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def pretend_sync(monkeypatch: pytest.MonkeyPatch) -> PretendSync:
    """The one seam towards the room below, whose own tests live there."""
    pretend = PretendSync()
    monkeypatch.setattr(sync, "take_hint", pretend.take_hint)
    return pretend
