"""Pictures of staff: one face for all, on different colours. PNG, because that is what people upload."""

from __future__ import annotations

import struct
import zlib

SIZE = 64
_BACKGROUNDS = (b"\x2f\x6f\x8f", b"\x8f\x4f\x6f", b"\x5f\x7f\x3f", b"\x7f\x5f\x2f")
_FACE = b"\xf4\xee\xe4"


def staff_picture(staff_id: int) -> bytes:
    """A square PNG: head and shoulders."""
    background = _BACKGROUNDS[staff_id % len(_BACKGROUNDS)]
    rows = (
        b"\0" + b"".join(_FACE if _in_figure(x, y) else background for x in range(SIZE)) for y in range(SIZE)
    )
    head = struct.pack(">IIBBBBB", SIZE, SIZE, 8, 2, 0, 0, 0)
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(b"".join(rows))), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def _in_figure(x: int, y: int) -> bool:
    head = (x - 32) ** 2 + (y - 25) ** 2 < 11**2
    shoulders = y > 38 and (x - 32) ** 2 + (y - 62) ** 2 < 22**2
    return head or shoulders


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
