"""The rate limit: so many units a minute for the whole account, writes cost two (omnidesk-api.md 1.7)."""

from __future__ import annotations

import threading

from .core import Clock
from .switches import Switches


class RateLimit:
    """Counts within calendar minutes of the desk. A refused call costs nothing."""

    def __init__(self, per_minute: int, clock: Clock, switches: Switches) -> None:
        self.per_minute = per_minute
        self._clock, self._switches = clock, switches
        self._lock = threading.Lock()
        self._minute, self._used = 0, 0

    def charge(self, units: int) -> bool:
        """Take the units, or say no and take none."""
        with self._lock:
            self._turn_over()
            if self._used + units > self.per_minute:
                return False
            self._used += units
            return True

    def burn(self, units: int) -> None:
        """Another integration of the same account was busy."""
        with self._lock:
            self._turn_over()
            self._used = min(self._used + units, self.per_minute)

    def left(self) -> int:
        with self._lock:
            self._turn_over()
            return max(0, self.per_minute - self._used)

    def headers(self, *, limited: bool) -> dict[str, str]:
        """The three headers, named exactly as the vendor does."""
        found = {"rate_limit_per_minute": str(self.per_minute), "api_calls_left": str(self.left())}
        wanted = self._switches.retry_after_header
        if wanted == "always" or (wanted == "limited" and limited):
            found["retry_after"] = str(60 - int(self._clock()) % 60)
        return found

    def reset(self) -> None:
        with self._lock:
            self._used = 0

    def _turn_over(self) -> None:
        minute = int(self._clock()) // 60
        if minute != self._minute:
            self._minute, self._used = minute, 0
