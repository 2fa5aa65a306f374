"""Long lists in pieces: as many as a database takes in one question, or as a page can hold at once."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


def batches(values: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The values in their order, at most `size` at a time; nothing for none."""
    return (values[start : start + size] for start in range(0, len(values), size))
