"""Every text can be read on what it stands on: in our own colours, and in any that a company may have."""

import colorsys
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.apps import apps
from hypothesis import example, given
from hypothesis import strategies as st

from cabinet.colours import DARK, EDGE, LIGHT, TEXT, Accent, Colour, Theme, accent, contrast, stylesheet

SHEETS = Path(apps.get_app_config("cabinet").path) / "static" / "cabinet"
THEMES = {"light": LIGHT, "dark": DARK}
GROUNDS = ("ground", "paper", "mine", "calm-ground")

colours = st.builds(Colour, *[st.integers(0, 255)] * 3)
both_themes = pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)


def own(theme: str) -> dict[str, Colour]:
    """The variables of cabinet.css in one theme."""
    sheet = (SHEETS / "cabinet.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", sheet, re.DOTALL)[:2]
    said = dict(re.findall(r"--([a-z-]+): ([^;]+);", light))
    if theme == "dark":
        said |= dict(re.findall(r"--([a-z-]+): ([^;]+);", dark))

    def value(name: str) -> str:
        other = re.fullmatch(r"var\(--([a-z-]+)\)", said[name])
        return value(other[1]) if other else said[name]

    return {name: Colour.parse(value(name)) for name in said if value(name).startswith("#")}


class TestArithmetic:
    @pytest.mark.parametrize(
        ("one", "other", "ratio"),
        [
            ("#000", "#fff", 21.0),
            ("#fff", "#fff", 1.0),
            ("#767676", "#ffffff", 4.54),  # the lightest grey for text on white, and the next
            ("#777777", "#ffffff", 4.48),
            ("#ff0000", "#ffffff", 4.00),
            ("#0000ff", "#ffffff", 8.59),
            ("#ffff00", "#ffffff", 1.07),
        ],
    )
    def test_contrast_is_the_known_one(self, one: str, other: str, ratio: float) -> None:
        assert contrast(Colour.parse(one), Colour.parse(other)) == pytest.approx(ratio, abs=0.005)
        assert contrast(Colour.parse(other), Colour.parse(one)) == pytest.approx(ratio, abs=0.005)

    @pytest.mark.parametrize("text", ["#27548A", "27548a", " #27548a "])
    def test_a_colour_is_read(self, text: str) -> None:
        assert Colour.parse(text) == Colour(0x27, 0x54, 0x8A)
        assert Colour.parse("#06c").hex == "#0066cc"

    @pytest.mark.parametrize(
        "text", ["", "#", "blue", "#12345", "#12345g", "#1234567", "rgb(1,2,3)", "##123456"]
    )
    def test_what_is_none_is_refused(self, text: str) -> None:
        with pytest.raises(ValueError, match="is no colour like"):
            Colour.parse(text)

    @given(colour=colours, lightness=st.floats(0, 1))
    def test_another_lightness_keeps_the_hue(self, colour: Colour, lightness: float) -> None:
        moved = colour.at(lightness)
        assert moved.lightness == pytest.approx(lightness, abs=0.005)
        hues = [
            colorsys.rgb_to_hls(one.red / 255, one.green / 255, one.blue / 255)[0] for one in (colour, moved)
        ]
        spread = max(moved.red, moved.green, moved.blue) - min(moved.red, moved.green, moved.blue)
        # Three bytes say a hue the less exactly, the greyer they are.
        turned = abs(hues[0] - hues[1])
        assert spread < 2 or min(turned, 1 - turned) <= 0.5 / spread


class TestOurOwn:
    """What cabinet.css and chat.css say with no colour of a company."""

    @both_themes
    def test_text_can_be_read_wherever_it_stands(self, theme: Theme) -> None:
        said = own(theme.name)
        for text in ("ink", "soft", "brand", "brand-deep", "bad", "turn", "good"):
            for ground in GROUNDS:
                assert contrast(said[text], said[ground]) >= TEXT, (text, ground)
        for kind in ("turn", "bad", "good"):
            for text in ("ink", kind):
                assert contrast(said[text], said[f"{kind}-ground"]) >= TEXT, (text, kind)

    @both_themes
    def test_edges_and_focus_rings_can_be_seen(self, theme: Theme) -> None:
        said = own(theme.name)
        for edge in ("edge", "brand", "bad"):
            for ground in GROUNDS:
                assert contrast(said[edge], said[ground]) >= EDGE, (edge, ground)

    @both_themes
    def test_every_rule_with_text_and_ground_can_be_read(self, theme: Theme) -> None:
        said = own(theme.name)
        found = list(painted())
        assert len(found) > 15
        for rule, text, ground in found:
            assert contrast(said[text], said[ground]) >= TEXT, (rule, text, ground)

    @both_themes
    def test_python_knows_the_grounds_of_the_stylesheet(self, theme: Theme) -> None:
        said = own(theme.name)
        assert theme.grounds == tuple(said[name] for name in ("ground", "paper", "calm-ground"))
        assert theme.inks == tuple(said[name] for name in ("ink", "soft", "bad"))

    def test_brand_css_sets_nothing_that_the_stylesheet_does_not_know(self) -> None:
        sheet = (SHEETS / "cabinet.css").read_text("utf-8")
        assert all(f"{name}:" in sheet for name in accent(Colour(0, 0, 0), LIGHT).variables())


def painted() -> Iterator[tuple[str, str, str]]:
    """Every rule that says both, its text and what is behind: rule, text, ground."""
    for sheet in SHEETS.glob("*.css"):
        for rule, body in re.findall(r"([^{}]+)\{([^{}]*)\}", sheet.read_text("utf-8")):
            text = re.search(r"(?:^|[;\s])color: var\(--([a-z-]+)\)", body)
            ground = re.search(r"background: var\(--([a-z-]+)\)", body)
            if text and ground:
                yield rule.strip(), text[1], ground[1]


def pairs(made: Accent, theme: Theme) -> Iterator[tuple[str, Colour, Colour, float]]:
    """What has to stand out from what, and how much."""
    for ground in (*theme.grounds, made.mine):
        yield "a link", made.text, ground, TEXT
        yield "a link under the pointer", made.text_hover, ground, TEXT
        yield "a border, a focus ring", made.text, ground, EDGE
    for ink in theme.inks:
        yield "words in a message of the customer", ink, made.mine, TEXT
    yield "a button", made.on_fill, made.fill, TEXT
    yield "a button under the pointer", made.on_fill, made.fill_hover, TEXT


class TestAnyCompany:
    @both_themes
    @given(colour=colours)
    @example(colour=Colour.parse("#fffde0"))
    @example(colour=Colour.parse("#ffffff"))
    @example(colour=Colour.parse("#000000"))
    @example(colour=Colour.parse("#050505"))
    @example(colour=Colour.parse("#ffff00"))
    @example(colour=Colour.parse("#0000ff"))
    @example(colour=Colour.parse("#767676"))
    def test_everything_can_be_read_in_both_themes(self, theme: Theme, colour: Colour) -> None:
        made = accent(colour, theme)
        for what, front, ground, ratio in pairs(made, theme):
            assert contrast(front, ground) >= ratio, (what, front.hex, ground.hex)
        assert made.fill == colour
        assert made.text_hover != made.text
        assert made.fill_hover != made.fill

    @both_themes
    @given(colour=colours)
    def test_what_can_be_read_as_it_is_stays(self, theme: Theme, colour: Colour) -> None:
        made = accent(colour, theme)
        needed = all(contrast(colour, ground) >= TEXT for ground in (*theme.grounds, made.mine))
        assert (made.text == colour) is needed

    def test_the_sheet_says_both_themes(self) -> None:
        sheet = stylesheet(Colour.parse("#ffd600"))
        light, dark = re.findall(r":root\{(.*?)\}", sheet)
        assert "prefers-color-scheme: dark" in sheet
        for said in (light, dark):
            assert "--brand-fill:#ffd600" in said
            assert "--on-brand:#000000" in said
        assert "--brand:#ffd600" in dark
        assert "--brand:#ffd600" not in light
