"""Where the rows lie: in memory, or in one SQLite file that survives SIGKILL.

A row is a JSON object under (kind, key). Nothing is cached here and nothing is decided here; ``core``
calls ``commit`` before an answer leaves the house, so what a client was told is always on disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from .records import Json


class Store(Protocol):
    """The little that the desk needs of a storage."""

    def load(self, kind: str) -> Iterator[tuple[int, Json]]: ...
    def put(self, kind: str, key: int, row: Json) -> None: ...
    def drop(self, kind: str, key: int) -> None: ...
    def put_blob(self, key: int, data: bytes) -> None: ...
    def blob(self, key: int) -> bytes: ...
    def commit(self) -> None: ...
    def clear(self) -> None: ...
    def close(self) -> None: ...


class MemoryStore:
    """Keeps only what the tables cannot keep themselves: the bytes of files."""

    def __init__(self) -> None:
        self._blobs: dict[int, bytes] = {}

    def load(self, kind: str) -> Iterator[tuple[int, Json]]:
        del kind
        return iter(())

    def put(self, kind: str, key: int, row: Json) -> None:
        pass

    def drop(self, kind: str, key: int) -> None:
        pass

    def put_blob(self, key: int, data: bytes) -> None:
        self._blobs[key] = data

    def blob(self, key: int) -> bytes:
        return self._blobs[key]

    def commit(self) -> None:
        pass

    def clear(self) -> None:
        self._blobs.clear()

    def close(self) -> None:
        pass


class SqliteStore:
    """One file, two tables. All calls come under the desk's lock, hence ``check_same_thread=False``."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode=WAL")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS objects (kind TEXT, key INTEGER, body TEXT, PRIMARY KEY (kind, key))"
        )
        self._db.execute("CREATE TABLE IF NOT EXISTS blobs (key INTEGER PRIMARY KEY, data BLOB)")
        self._db.commit()

    def load(self, kind: str) -> Iterator[tuple[int, Json]]:
        rows = self._db.execute("SELECT key, body FROM objects WHERE kind = ? ORDER BY key", (kind,))
        for key, body in rows.fetchall():
            yield key, json.loads(body)

    def put(self, kind: str, key: int, row: Json) -> None:
        body = json.dumps(row, ensure_ascii=False)
        self._db.execute("INSERT OR REPLACE INTO objects VALUES (?, ?, ?)", (kind, key, body))

    def drop(self, kind: str, key: int) -> None:
        self._db.execute("DELETE FROM objects WHERE kind = ? AND key = ?", (kind, key))

    def put_blob(self, key: int, data: bytes) -> None:
        self._db.execute("INSERT OR REPLACE INTO blobs VALUES (?, ?)", (key, data))

    def blob(self, key: int) -> bytes:
        row = self._db.execute("SELECT data FROM blobs WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise KeyError(key)
        return bytes(row[0])

    def commit(self) -> None:
        self._db.commit()

    def clear(self) -> None:
        self._db.execute("DELETE FROM objects")
        self._db.execute("DELETE FROM blobs")
        self._db.commit()

    def close(self) -> None:
        self._db.commit()
        self._db.close()
