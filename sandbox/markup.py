"""A very small way to make HTML: templates from files, everything escaped that is not marked as markup."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from string import Template

_FOLDER = Path(__file__).parent / "templates"


class Markup(str):
    """Text that is HTML already and goes into a page as it is."""

    __slots__ = ()


@cache
def _template(name: str) -> Template:
    return Template((_FOLDER / f"{name}.html").read_text(encoding="utf-8"))


def render(name: str, /, **values: object) -> Markup:
    """``templates/<name>.html`` with its ``$names`` filled in; only ``Markup`` is not escaped."""
    safe = {key: value if isinstance(value, Markup) else escape(str(value)) for key, value in values.items()}
    return Markup(_template(name).substitute(safe))


def joined(parts: Iterable[Markup]) -> Markup:
    return Markup("".join(parts))


def choices(values: Iterable[tuple[object, object]], chosen: object = None) -> Markup:
    """``<option>`` elements for (value, title) pairs."""
    return joined(
        render("option", value=value, title=title, selected="selected" if value == chosen else "")
        for value, title in values
    )
