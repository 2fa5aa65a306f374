"""Text without case, and the columns that hold it: the admin's search looks for parts of words in them.

SQLite's LIKE folds only ASCII and PostgreSQL's folding depends on the locale its database was made with, so
both sides of the comparison are folded here.
"""

import unicodedata
from typing import Any

from django.db import models


def fold(text: str) -> str:
    """The text as search compares it: no case, compatible characters alike, «ё» as «е», № as #."""
    text = text.replace("№", "#").replace("\x00", "")
    return unicodedata.normalize("NFKC", text).casefold().replace("ё", "е")


class FoldedField(models.TextField):  # type: ignore[type-arg]
    """Holds the folded text of other columns; fills itself whenever the row is saved."""

    def __init__(self, *args: Any, of: tuple[str, ...] = (), **kwargs: Any) -> None:
        self.of = of
        super().__init__(*args, **{**kwargs, "editable": False, "blank": True, "default": ""})

    def deconstruct(self) -> Any:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "of": self.of}

    def pre_save(self, model_instance: models.Model, add: bool) -> str:  # noqa: ARG002
        value = fold(" ".join(str(getattr(model_instance, name)) for name in self.of))
        setattr(model_instance, self.attname, value)
        return value
