"""Values that other rooms hand to the cabinet or get from it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Self


@dataclass(frozen=True, slots=True)
class IncomingFile:
    """A file the desk names; its bytes are fetched later as work of its own.

    `addresses`: by which the message's HTML shows it in place.
    """

    name: str
    size: int
    content_type: str
    addresses: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class IncomingMessage:
    """A public message that became known from the desk. `html` and `text` are raw, either may be empty.

    `quote_classes` are the class names by which the desk itself marks quoted mail history. `by_owner`: a
    customer's message is of the case's own customer; another's is shown under his name.
    """

    author: str
    author_name: str
    html: str
    text: str
    written_at: datetime
    quote_classes: tuple[str, ...] = ()
    files: tuple[IncomingFile, ...] = ()
    by_owner: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """What a customer gave in one field of a topic, with the words that stood there then.

    `value` is for machines: the key of a choice, "yes" of a checkbox, a date as 2026-03-02. `choice_ru` and
    `choice_en` are the label of the choice, "" for other kinds. Where an English text is "", the Russian
    stands.
    """

    key: str
    kind: str
    value: str
    label_ru: str
    label_en: str = ""
    choice_ru: str = ""
    choice_en: str = ""

    def stored(self) -> dict[str, str]:
        return asdict(self)

    @classmethod
    def restored(cls, values: Mapping[str, str]) -> Self:
        """Names that another version has stored beside ours are left out."""
        return cls(**{name: str(values.get(name, "")) for name in cls.__dataclass_fields__})
