"""System checks of what the company's own dress is made of."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from cabinet import brand, logos
from cabinet.colours import Colour


@register("cabinet")
def check_colour(**_: Any) -> list[CheckMessage]:
    """One colour, out of which all others are made."""
    value = str(getattr(settings, "BRAND_COLOR", ""))
    try:
        if value:
            Colour.parse(value)
    except ValueError as error:
        return [
            Error(
                f"BRAND_COLOR: {error}.",
                hint="Take the company's colour as #rrggbb, or leave it empty for the cabinet's own blue.",
                id="cabinet.E001",
            )
        ]
    return []


@register("cabinet")
def check_logos(**_: Any) -> list[CheckMessage]:
    """Files that are there, small, and what their names say. Pages go without one that is not."""
    found: list[CheckMessage] = []
    for setting in (brand.LIGHT, brand.DARK):
        path = brand.path_of(setting)
        try:
            if path is not None:
                logos.read(path)
        except logos.NotALogo as reason:
            found.append(
                Error(
                    f"{setting}: {path} {reason}.",
                    hint="Pages are shown without it. Name an SVG with a viewBox, or a PNG, of at most "
                    f"{logos.LARGEST // 1024} KB, that the processes `web` can read.",
                    id="cabinet.E002",
                )
            )
    if brand.path_of(brand.DARK) and not brand.path_of(brand.LIGHT):
        found.append(
            Error(
                "BRAND_LOGO_DARK is set and BRAND_LOGO is not: the light theme would have no logo.",
                hint="Set BRAND_LOGO too. Alone it is shown in both themes.",
                id="cabinet.E003",
            )
        )
    return found
