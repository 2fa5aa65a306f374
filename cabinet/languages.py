"""Which of the two languages of the interface is spoken."""

from typing import Literal

from django.utils.translation import get_language


def spoken() -> Literal["ru", "en"]:
    """The language of whoever reads now; Russian where nothing is known of him."""
    return "ru" if (get_language() or "ru").startswith("ru") else "en"
