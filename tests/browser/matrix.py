"""The ways in which the customer's side is met, and which of their combinations are tried.

All of them by `make browser`; otherwise so few that still every two values meet in one of them.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from typing import Any, Literal

FULLY = os.environ.get("BROWSER", "") == "full"

Theme = Literal["light", "dark"]
SIZES: dict[str, Any] = {"desktop": {"width": 1280, "height": 800}, "phone": {"width": 390, "height": 844}}
LOCALES = {"ru": "ru-RU", "en": "en-GB"}
THEMES: tuple[Theme, ...] = ("light", "dark")
SCRIPTS = ("scripts", "no scripts")

Pair = frozenset[tuple[str, str]]


def pairs_of(way: Mapping[str, str]) -> set[Pair]:
    return {frozenset(pair) for pair in combinations(way.items(), 2)}


def every(dimensions: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    return [dict(zip(dimensions, values, strict=True)) for values in product(*dimensions.values())]


def pairwise(dimensions: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """Few combinations in which every two values meet: always the one next that brings most new pairs."""
    ways = every(dimensions)
    missing = set().union(*map(pairs_of, ways))
    chosen: list[dict[str, str]] = []
    while missing:
        best = max(ways, key=lambda way: len(pairs_of(way) & missing))
        chosen.append(best)
        missing -= pairs_of(best)
    return chosen


@dataclass(frozen=True)
class Way:
    """One way to meet the site."""

    size: str
    language: str
    theme: Theme
    scripts: bool

    def __str__(self) -> str:
        return ", ".join([self.size, self.language, self.theme, SCRIPTS[not self.scripts]])

    @property
    def options(self) -> dict[str, Any]:
        """For playwright's `new_context`."""
        return {
            "viewport": SIZES[self.size],
            "has_touch": self.size == "phone",
            "locale": LOCALES[self.language],
            "color_scheme": self.theme,
            "java_script_enabled": self.scripts,
        }


DIMENSIONS = {"size": tuple(SIZES), "language": tuple(LOCALES), "theme": THEMES, "scripts": SCRIPTS}


def ways() -> list[Way]:
    chosen: Iterable[Mapping[str, Any]] = every(DIMENSIONS) if FULLY else pairwise(DIMENSIONS)
    return [Way(**{**way, "scripts": way["scripts"] == SCRIPTS[0]}) for way in chosen]
