"""Which pictures in a message's HTML are files of that very message, and so can be shown from our own copy.

In what shape the desk writes them is [unknown]; seen are its own addresses of attachments [seen in code], and
mail programs write `cid:` with the name of the file. What cannot be matched is not shown: nothing here makes
a browser or this server ask an address that a letter names.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from cabinet.bodies import image_addresses
from omnidesk_sync.types import Attachment


def in_place(html: str, attachments: Sequence[Attachment]) -> dict[int, tuple[str, ...]]:
    """By the id of an attachment, the addresses under which the HTML shows it."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    if attachments and "<img" in html.lower():
        for address in dict.fromkeys(image_addresses(html)):
            file = _file_at(address, attachments)
            if file is not None:
                found[file.file_id].append(address)
    return {file_id: tuple(addresses) for file_id, addresses in found.items()}


def _file_at(address: str, attachments: Sequence[Attachment]) -> Attachment | None:
    if address[:4].lower() == "cid:":
        return _only([file for file in attachments if _is_called(address[4:], file.file_name)])
    place = _place(address)
    if place is None:
        return None
    for file in attachments:
        if _place(file.url) == place:
            return file
    return _only([file for file in attachments if _names(place, file)])


def _only(files: Sequence[Attachment]) -> Attachment | None:
    """Two that could be meant are none: a wrong picture is worse than a missing one."""
    return files[0] if len(files) == 1 else None


def _is_called(content_id: str, name: str) -> bool:
    """Outlook and Apple Mail make the id of the name: `image001.png@01DC5299.10AB`."""
    return bool(name) and unquote(content_id).partition("@")[0].lower() == name.lower()


def _place(address: str) -> tuple[str, str] | None:
    """Host and path, without what a signed address changes each time; None for what leads nowhere."""
    try:
        parts = urlsplit(address.strip())
        host = parts.netloc.lower()
    except ValueError:
        return None
    return (host, parts.path) if parts.path and parts.scheme in ("", "http", "https") else None


def _names(place: tuple[str, str], file: Attachment) -> bool:
    """On the attachments' own host, a part of the path is the file's id, alone or before its key."""
    own = _place(file.url)
    if own is None or place[0] not in ("", own[0]):
        return False
    return any(re.fullmatch(rf"{file.file_id}(?:[-_.].*)?", part) for part in place[1].split("/"))
