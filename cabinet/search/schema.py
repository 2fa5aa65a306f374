"""The index over `SearchEntry.words`. The database itself keeps it in step with that column.

SQLite: a full-text table that stores no text of its own, fed by triggers. A migration that makes Django copy
the table of `SearchEntry` loses these: it has to call `create` again (a test looks for them).
PostgreSQL: a GIN index over an expression.
"""

import sqlite3

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from cabinet.search.words import MARKS

ENTRIES = "cabinet_searchentry"
INDEX = "cabinet_search_words"
TRIGGERS = (f"{INDEX}_added", f"{INDEX}_changed", f"{INDEX}_gone")

PREFIXES = "3 4 5 6"
"""Lengths of beginnings that SQLite keeps together, from `words.SHORTEST_PIECE` on. For any other length it
walks through all words with that beginning, of everybody: a person's search would cost what all have written.
"""

VECTOR = "array_to_tsvector(string_to_array({column}, ' '))"
"""Takes the words as they are: no parser, no dictionary, no stop words."""

_FORGET = f"INSERT INTO {INDEX} ({INDEX}, rowid, words) VALUES ('delete', old.id, old.words);"  # noqa: S608
_LEARN = f"INSERT INTO {INDEX} (rowid, words) VALUES (new.id, new.words);"  # noqa: S608
_FTS5 = (
    # The tokenizer takes our keys whole. Detail and sizes are for phrases and ranks, and we ask for neither.
    f"CREATE VIRTUAL TABLE {INDEX} USING fts5(words, content='{ENTRIES}', content_rowid='id', detail=none,"
    f" columnsize=0, prefix='{PREFIXES}', tokenize=\"ascii tokenchars '{MARKS}'\")",
    f"CREATE TRIGGER {TRIGGERS[0]} AFTER INSERT ON {ENTRIES} BEGIN {_LEARN} END",
    f"CREATE TRIGGER {TRIGGERS[1]} AFTER UPDATE OF id, words ON {ENTRIES} BEGIN {_FORGET} {_LEARN} END",
    f"CREATE TRIGGER {TRIGGERS[2]} AFTER DELETE ON {ENTRIES} BEGIN {_FORGET} END",
)
_GIN = (f"CREATE INDEX {INDEX} ON {ENTRIES} USING gin ({VECTOR.format(column='words')})",)

SECURE_DELETE = (3, 42)
"""From this SQLite on a word leaves the full-text table at once; before, when the table is put in order."""


def create(connection: BaseDatabaseWrapper) -> None:
    """Makes the index; the table of entries is there already."""
    with connection.cursor() as cursor:
        for statement in _FTS5 if connection.vendor == "sqlite" else _GIN:
            cursor.execute(statement)
        if connection.vendor == "sqlite" and sqlite3.sqlite_version_info >= SECURE_DELETE:
            cursor.execute(f"INSERT INTO {INDEX} ({INDEX}, rank) VALUES ('secure-delete', 1)")  # noqa: S608


def drop(connection: BaseDatabaseWrapper) -> None:
    """Takes the index away, before the table of entries goes."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            for trigger in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {trigger}")
            cursor.execute(f"DROP TABLE IF EXISTS {INDEX}")
        else:
            cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")


def renew(connection: BaseDatabaseWrapper) -> None:
    """Makes the index anew, out of the table of entries, if an earlier version has made it otherwise."""
    if connection.vendor != "sqlite":
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT sql FROM sqlite_master WHERE name = %s", [INDEX])
        if cursor.fetchone() == (_FTS5[0],):
            return
        drop(connection)
        create(connection)
        cursor.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('rebuild')")  # noqa: S608


def erase_after_commit(connection: BaseDatabaseWrapper) -> None:
    """Words were taken away: nothing finds them any more; after the commit no page of the index holds them.

    An older SQLite marks them as gone and writes the index anew only now and then. Put in order already, this
    costs nothing, so that a thousand erasures in one transaction cost one.
    """

    def put_this_in_order() -> None:
        put_in_order(connection)

    transaction.on_commit(put_this_in_order, using=connection.alias, robust=True)


def put_in_order(connection: BaseDatabaseWrapper) -> None:
    """No page of the index holds a word that was taken away before."""
    if connection.vendor == "sqlite" and not _erases_at_once(connection):
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {INDEX} ({INDEX}) VALUES ('optimize')")  # noqa: S608


def _erases_at_once(connection: BaseDatabaseWrapper) -> bool:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT v FROM {INDEX}_config WHERE k = 'secure-delete'")  # noqa: S608
        return bool((cursor.fetchone() or [0])[0])
