"""The company's own dress, as `BRAND_NAME`, `BRAND_COLOR`, `BRAND_LOGO` and `BRAND_LOGO_DARK` say.

What is wrong with them is said by `cabinet.checks`. Pages are whole all the same: a file that is no logo is
not shown, a colour that is none changes nothing.
"""

import logging
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _

from cabinet import logos
from cabinet.colours import Colour, stylesheet
from cabinet.logos import Logo, NotALogo

logger = logging.getLogger(__name__)

LIGHT, DARK = "BRAND_LOGO", "BRAND_LOGO_DARK"


@dataclass(frozen=True, slots=True)
class Picture:
    """A logo and where it is served."""

    logo: Logo
    url: str


@dataclass(frozen=True, slots=True)
class Brand:
    """What every page wears. `colours` is the address of a stylesheet, "" where the cabinet's own will do."""

    name: str
    is_own: bool
    colours: str
    logo: Picture | None
    dark: Picture | None


def current() -> Brand:
    name = str(getattr(settings, "BRAND_NAME", ""))
    css, light = colours(), logo(LIGHT)
    dark = logo(DARK) if light else None
    return Brand(
        name=name or _("Support"),
        is_own=bool(name),
        colours=reverse("cabinet:brand-colours", args=[logos.mark_of(css)]) if css else "",
        logo=Picture(light, reverse("cabinet:brand-logo", args=[light.mark])) if light else None,
        dark=Picture(dark, reverse("cabinet:brand-logo-dark", args=[dark.mark])) if dark else None,
    )


def colours() -> bytes:
    """The stylesheet with the company's colour, empty where there is none."""
    return _colours(str(getattr(settings, "BRAND_COLOR", "")))


@lru_cache(maxsize=8)
def _colours(text: str) -> bytes:
    try:
        return stylesheet(Colour.parse(text)).encode() if text else b""
    except ValueError:
        logger.error("BRAND_COLOR is ignored: %r is no colour", text)
        return b""


def path_of(setting: str) -> Path | None:
    """The file that `LIGHT` or `DARK` names."""
    value = getattr(settings, setting, None)
    return Path(value) if value else None


def logo(setting: str) -> Logo | None:
    """The logo of a setting, looked at anew when its file has changed."""
    path = path_of(setting)
    if path is None:
        return None
    try:
        found = path.stat()
    except (OSError, ValueError):
        return _logo(setting, path, 0, 0)
    return _logo(setting, path, found.st_mtime_ns, found.st_size)


@lru_cache(maxsize=8)
def _logo(setting: str, path: Path, changed: int, size: int) -> Logo | None:  # noqa: ARG001 - they are the key
    try:
        return logos.read(path)
    except NotALogo as reason:
        logger.error("%s is not shown: %s %s", setting, path, reason)
        return None
