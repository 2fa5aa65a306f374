"""Fetching one file from the account's host, and whether an answer is the file that was asked for.

Whether the desk gives a file away directly, after Basic credentials, or by a detour is not known [unknown:
omnidesk-api.md 12.10]. So one redirect is followed, without credentials, and only to the account's own host.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import BinaryIO
from urllib.parse import urljoin

from omnidesk_sync.addresses import own_file_address
from omnidesk_sync.errors import OmnideskError, OutcomeUnknown, Rejected
from omnidesk_sync.types import Downloaded
from omnidesk_sync.verdicts import read_document
from omnidesk_sync.wire import Arriving, Outgoing, RawAnswer, Wire

# The file as it is: a compressed answer would have the length of something else.
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity"}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is acceptable as the file; the contract is that of `Client.download`."""

    max_bytes: int
    expected_type: str
    expected_size: int | None


def fetch_file(
    wire: Wire,
    address: str,
    target: BinaryIO,
    wanted: Wanted,
    *,
    seconds: float,
    heard: Callable[[Arriving], None],
) -> Downloaded:
    """Write the file at `address`, which is on our account's host; `heard` is told of each answer."""
    ends = monotonic() + seconds
    with wire.open(Outgoing("GET", address, headers=_HEADERS), seconds=seconds) as arriving:
        heard(arriving)
        if not 300 <= arriving.status < 400:
            return _save(arriving, target, wanted)
        detour = _detour(arriving, address)
    plain = Outgoing("GET", detour, headers=_HEADERS, with_credentials=False)
    with wire.open(plain, seconds=max(ends - monotonic(), 0.0)) as arriving:
        heard(arriving)
        if arriving.status == 401 or 300 <= arriving.status < 400:
            raise _redirected(arriving)
        return _save(arriving, target, wanted)


def _detour(arriving: Arriving, address: str) -> str:
    # The bytes of a header arrive as Latin-1.
    location = arriving.headers.get("Location", "").encode("latin-1", "replace").decode("utf-8", "replace")
    origin = "/".join(address.split("/", 3)[:3])
    detour = ""
    if location:
        with suppress(Rejected, ValueError):
            detour = own_file_address(origin, urljoin(address, location))
    if not detour:
        raise _redirected(arriving)
    return detour


def _redirected(arriving: Arriving) -> Rejected:
    message = "The file lies behind a redirect that leads elsewhere."
    return Rejected(message, status=arriving.status, code="redirected")


def _save(arriving: Arriving, target: BinaryIO, wanted: Wanted) -> Downloaded:
    _refuse_other_answers(arriving, wanted.expected_type)
    size = _copy(arriving, target, wanted.max_bytes)
    if not arriving.is_framed and size != wanted.expected_size:
        raise OutcomeUnknown("The file came without a length: it may be cut.", status=arriving.status)
    return Downloaded(content_type=_bare_type(arriving.headers.get("Content-Type", "")), size=size)


def _refuse_other_answers(arriving: Arriving, expected_type: str) -> None:
    status = arriving.status
    if status == 403:
        raise Rejected("Omnidesk does not give this file to our key.", status=status)
    if status != 200:
        raise _verdict(arriving)
    found = _bare_type(arriving.headers.get("Content-Type", ""))
    if found.endswith(("html", "json")) and found != _bare_type(expected_type):
        raise Rejected("A page came instead of the file.", status=status, code="not_a_file")


def _verdict(arriving: Arriving) -> OmnideskError:
    """The ordinary verdict, on the status alone. A file's address always names an object."""
    try:
        read_document(RawAnswer(arriving.status, arriving.headers, b""), names_object=True)
    except OmnideskError as error:
        return error
    return OutcomeUnknown("The answer holds no file.", status=arriving.status)


def _copy(arriving: Arriving, target: BinaryIO, max_bytes: int) -> int:
    size = 0
    too_large = Rejected("The file is larger than allowed.", status=arriving.status, code="too_large")
    if (arriving.length or 0) > max_bytes:
        raise too_large
    for block in arriving.blocks():
        size += len(block)
        if size > max_bytes:
            raise too_large
        target.write(block)
    return size


def _bare_type(content_type: str) -> str:
    return content_type.partition(";")[0].strip().lower()
