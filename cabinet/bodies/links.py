"""Which addresses a letter may link to, and where a plain address is one."""

import re
from collections.abc import Iterator

_WEB = re.compile(
    r"https?://(?:[^\s/?#@\\]{1,200}@)?(?:[\w.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?(?:[/?#].*)?",
    re.IGNORECASE,
)
_OTHER = re.compile(r"(?:mailto|tel):[^\s\"<>\\]+", re.IGNORECASE)
_ADDRESS = re.compile(r"(?<![\w/@.])https?://[^\s<>\"'`«»“”‘’{}|\\^]+", re.IGNORECASE)
_UNQUOTED = re.compile("[\"'<>`]")
_MAX_LENGTH = 2000
_TRAILING = ".,;:!?…*_~"


def safe_href(value: str) -> str:
    """The address if it leads to the web, to a mailbox or to a telephone, else ""."""
    value = re.sub(r"[\x00-\x20]+", lambda gap: "%20" if " " in gap[0] else "", value.strip())
    value = _UNQUOTED.sub(lambda letter: f"%{ord(letter[0]):02X}", value)
    if len(value) > _MAX_LENGTH:
        return ""
    return value if _WEB.fullmatch(value) or _OTHER.fullmatch(value) else ""


def split_addresses(text: str) -> Iterator[tuple[str, bool]]:
    """The text in pieces, each with whether it is a web address."""
    position = 0
    for match in _ADDRESS.finditer(text):
        address = _without_trailing(match[0])
        if safe_href(address) != address:
            continue
        if match.start() > position:
            yield text[position : match.start()], False
        yield address, True
        position = match.start() + len(address)
    if position < len(text):
        yield text[position:], False


def _without_trailing(address: str) -> str:
    """The full stop or the bracket after an address belongs to the sentence around it."""
    end = min(len(address), _MAX_LENGTH + 1)
    opened = {")": "(", "]": "["}
    surplus = {close: address.count(close) - address.count(opened[close]) for close in opened}
    while end:
        last = address[end - 1]
        if last in opened and surplus[last] > 0:
            surplus[last] -= 1
        elif last not in _TRAILING:
            break
        end -= 1
    return address[:end]
