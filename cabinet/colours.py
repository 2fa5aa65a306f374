"""The cabinet's colours out of one colour of the company, readable in the light and in the dark theme.

Readable is what WCAG 2.2 calls it: text has a contrast of 4.5:1 to what it stands on (1.4.3, level AA), edges
and focus rings have 3:1 (1.4.11). A colour that has less becomes darker or lighter at the same hue until it
has enough. https://www.w3.org/TR/WCAG22/#contrast-minimum

Nothing here knows settings or pages: it is arithmetic, and tests/cabinet/test_colours.py tries any colour.
"""

import colorsys
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

TEXT = 4.5
"""Contrast that text needs to its ground."""

EDGE = 3.0
"""Contrast that a border, a focus ring or a sign needs to its ground."""

STEPS = 256
"""Into how many a lightness is cut when one is looked for: as many as a channel has values."""

HOVER = 0.07
"""By how much lightness a colour moves under the pointer."""

_HEX = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


@dataclass(frozen=True, slots=True)
class Colour:
    """An sRGB colour of three bytes."""

    red: int
    green: int
    blue: int

    @classmethod
    def parse(cls, text: str) -> "Colour":
        """`#rgb` or `#rrggbb`, with or without the `#`; else `ValueError`."""
        found = _HEX.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} is no colour like #27548a or #06c")
        digits = found[1] if len(found[1]) == 6 else "".join(2 * digit for digit in found[1])
        return cls(*bytes.fromhex(digits))

    @property
    def hex(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"

    @property
    def lightness(self) -> float:
        """From 0, black, to 1, white, as in HSL."""
        return (max(self._channels) + min(self._channels)) / 510

    @property
    def luminance(self) -> float:
        """How much light it gives: relative luminance, 0 to 1.

        https://www.w3.org/TR/WCAG22/#dfn-relative-luminance
        """
        red, green, blue = (_linear(channel / 255) for channel in self._channels)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    @property
    def _channels(self) -> tuple[int, int, int]:
        return self.red, self.green, self.blue

    def at(self, lightness: float, *, most_saturation: float = 1.0) -> "Colour":
        """The same hue at another lightness, no more colourful than allowed. Luminance grows with it."""
        hue, _lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in self._channels))
        channels = colorsys.hls_to_rgb(hue, min(max(lightness, 0.0), 1.0), min(saturation, most_saturation))
        return Colour(*(round(255 * channel) for channel in channels))


def _linear(channel: float) -> float:
    """sRGB's gamma undone, with the threshold of IEC 61966-2-1; WCAG's 0.03928 differs in no byte."""
    return channel / 12.92 if channel <= 0.04045 else float(((channel + 0.055) / 1.055) ** 2.4)


def contrast(one: Colour, other: Colour) -> float:
    """Contrast ratio, from 1 to 21. https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    darker, lighter = sorted((one.luminance, other.luminance))
    return (lighter + 0.05) / (darker + 0.05)


def stands_out(colour: Colour, grounds: Iterable[Colour], ratio: float) -> bool:
    return all(contrast(colour, ground) >= ratio for ground in grounds)


@dataclass(frozen=True, slots=True)
class Theme:
    """What `cabinet.css` paints with in one theme, as far as the accent meets it. A test compares the two."""

    name: str
    grounds: tuple[Colour, ...]
    """Whatever text of the accent may stand on, but for the customer's own messages."""
    inks: tuple[Colour, ...]
    """What is written on the customer's own messages besides the accent."""
    mine: float
    """How light the customer's own messages are."""
    tint: float
    """How colourful they may be: they are there to be read on."""
    end: float
    """The lightness in which every colour stands out here: 0 on light grounds, 1 on dark ones."""


def _colours(*texts: str) -> tuple[Colour, ...]:
    return tuple(Colour.parse(text) for text in texts)


LIGHT = Theme(
    name="light",
    grounds=_colours("#f5f6f8", "#ffffff", "#eceff3"),
    inks=_colours("#1b222c", "#55606e", "#a3231f"),
    mine=0.95,
    tint=0.6,
    end=0.0,
)
DARK = Theme(
    name="dark",
    grounds=_colours("#12161c", "#1b2129", "#262e38"),
    inks=_colours("#e7ebf0", "#a3adba", "#ff9f98"),
    mine=0.19,
    tint=0.28,
    end=1.0,
)

WHITE, BLACK = _colours("#fff", "#000")


@dataclass(frozen=True, slots=True)
class Accent:
    """One accent in one theme."""

    text: Colour
    """Links, signs, borders, focus rings: stands out as text does on every ground."""
    text_hover: Colour
    fill: Colour
    """Behind buttons and badges: the company's colour as it is. Its border is `text`."""
    fill_hover: Colour
    on_fill: Colour
    mine: Colour
    """Behind the customer's own messages: a breath of the accent."""

    def variables(self) -> dict[str, Colour]:
        """The same under the names that `cabinet.css` uses."""
        return {
            "--brand": self.text,
            "--brand-deep": self.text_hover,
            "--brand-fill": self.fill,
            "--brand-fill-deep": self.fill_hover,
            "--on-brand": self.on_fill,
            "--mine": self.mine,
        }


def accent(colour: Colour, theme: Theme) -> Accent:
    """The company's colour, made readable in one theme."""
    mine = _nearest(
        lambda lightness: colour.at(lightness, most_saturation=theme.tint),
        theme.mine,
        1 - theme.end,
        lambda tint: all(contrast(ink, tint) >= TEXT for ink in theme.inks),
    )
    grounds = (*theme.grounds, mine)
    text = readable(colour, grounds, theme.end)
    # White on anything that bears it, as people know buttons; black bears what white does not.
    on_fill = WHITE if contrast(WHITE, colour) >= TEXT else BLACK
    return Accent(
        text=text,
        text_hover=_moved(text, theme.end, lambda moved: stands_out(moved, grounds, TEXT)),
        fill=colour,
        fill_hover=_moved(colour, 1 - on_fill.lightness, lambda moved: contrast(moved, on_fill) >= TEXT),
        on_fill=on_fill,
        mine=mine,
    )


def readable(colour: Colour, grounds: Iterable[Colour], end: float) -> Colour:
    """The colour itself if it can be read on all grounds, else the next on the way to `end` that can be."""
    known = tuple(grounds)
    if stands_out(colour, known, TEXT):
        return colour
    return _nearest(colour.at, colour.lightness, end, lambda tried: stands_out(tried, known, TEXT))


def _nearest(
    at: Callable[[float], Colour], start: float, end: float, is_good: Callable[[Colour], bool]
) -> Colour:
    """The first good one from lightness `start` to `end`, which is good."""
    steps = (start + (end - start) * step / STEPS for step in range(STEPS + 1))
    return next((tried for tried in map(at, steps) if is_good(tried)), at(end))


def _moved(colour: Colour, end: float, is_good: Callable[[Colour], bool]) -> Colour:
    """Another one for under the pointer: towards `end`, or away from it where there is no room."""
    away = HOVER if end else -HOVER
    for step in (away, -away):
        lightness = colour.lightness + step
        if 0 <= lightness <= 1 and is_good(moved := colour.at(lightness)):
            return moved
    return colour


def stylesheet(colour: Colour) -> str:
    """What `cabinet.css` is told of the company's colour: a few variables for either theme."""
    light, dark = (_rules(accent(colour, theme)) for theme in (LIGHT, DARK))
    return f":root{{{light}}}\n@media (prefers-color-scheme: dark){{:root{{{dark}}}}}\n"


def _rules(accent: Accent) -> str:
    return ";".join(f"{name}:{colour.hex}" for name, colour in accent.variables().items())
