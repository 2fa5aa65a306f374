"""Values that other rooms hand to the cabinet or get from it."""

from dataclasses import dataclass
from datetime import datetime


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
