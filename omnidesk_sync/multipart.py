"""A multipart/form-data body that is read from disk while it is being sent.

`requests` alone builds such a body in memory: 50 MB per request [documented limit], several times over, in
every worker. Only the framing is ours; the quoting of names is urllib3's.
"""

import io
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from typing import BinaryIO, Self

from urllib3.fields import RequestField

from omnidesk_sync.errors import Rejected
from omnidesk_sync.parsing import clean_text
from omnidesk_sync.types import OutgoingFile

_BLOCK_BYTES = 64 * 1024


class MultipartBody:
    """Fields and files as one readable of a known length; a context manager that closes the files.

    Every file is opened and measured before anything is sent, since a length that turns out wrong half way
    leaves an outcome nobody knows. A file that cannot be opened raises `Rejected` (code `unreadable_file`).
    """

    def __init__(self, fields: Sequence[tuple[str, str]], files: Sequence[tuple[str, OutgoingFile]]) -> None:
        boundary = secrets.token_hex(16)
        self.content_type = f"multipart/form-data; boundary={boundary}"
        self._opened = ExitStack()
        self._sources: list[tuple[BinaryIO, int]] = []
        with ExitStack() as on_failure:
            on_failure.callback(self._opened.close)
            for name, value in fields:
                self._add_bytes(_head(boundary, name) + clean_text(value).encode() + b"\r\n")
            for name, file in files:
                self._add_bytes(_head(boundary, name, file))
                self._add_file(file)
                self._add_bytes(b"\r\n")
            self._add_bytes(f"--{boundary}--\r\n".encode())
            on_failure.pop_all()
        self._length = sum(size for _, size in self._sources)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.close()

    def __len__(self) -> int:
        return self._length

    def __iter__(self) -> Iterator[bytes]:
        return iter(lambda: self.read(_BLOCK_BYTES), b"")

    def read(self, size: int = -1) -> bytes:
        """Up to `size` bytes, all for a negative size, b"" at the end."""
        if size < 0:
            return b"".join(self)
        while self._sources:
            source, left = self._sources[0]
            if left:
                return self._take(source, left, size)
            self._sources.pop(0)
        return b""

    def _take(self, source: BinaryIO, left: int, size: int) -> bytes:
        block = source.read(min(size, left))
        if not block:
            raise OSError("A file became shorter while it was being sent.")
        self._sources[0] = (source, left - len(block))
        return block

    def _add_bytes(self, content: bytes) -> None:
        self._sources.append((io.BytesIO(content), len(content)))

    def _add_file(self, file: OutgoingFile) -> None:
        source: tuple[BinaryIO, int] | None = None
        # ValueError is what Django's file fields raise for a file that was never stored.
        with suppress(OSError, ValueError):
            stream = self._opened.enter_context(file.open())
            size = stream.seek(0, os.SEEK_END)
            stream.seek(0)
            source = (stream, size)
        if source is None:
            raise Rejected("A file of this message cannot be read here.", code="unreadable_file")
        self._sources.append(source)


def _head(boundary: str, name: str, file: OutgoingFile | None = None) -> bytes:
    field = RequestField(name, b"", filename=clean_text(file.name) if file else None)
    field.make_multipart(content_type=_header_safe(file.content_type) if file else None)
    return f"--{boundary}\r\n{field.render_headers()}".encode()


def _header_safe(content_type: str) -> str:
    """A type came from a browser: a line break in it would become a header of its own."""
    plain = content_type.isascii() and content_type.isprintable() and content_type
    return plain or "application/octet-stream"
