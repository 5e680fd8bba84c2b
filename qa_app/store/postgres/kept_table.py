"""Briefs, saved questions and grids as rows of the table ``qa_app.kept``."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import psycopg
from psycopg import IsolationLevel

from qa_app.errors import BriefError, StoreError
from qa_app.settings import DatabaseUrl
from qa_app.store.postgres.connections import Connections

# Milliseconds to wait for another's change, as with files, and after which a change is given up
# whose process has stopped in the middle: it must not hold up the others.
_WAIT = 10_000
_LIMITS = (
    "SELECT set_config('lock_timeout', %(wait)s, true),"
    " set_config('idle_in_transaction_session_timeout', %(wait)s, true)"
)
_LOCK = "SELECT pg_advisory_xact_lock(%s)"
_READ = "SELECT content FROM qa_app.kept WHERE name = %s"
_STARTING = 'FROM qa_app.kept WHERE starts_with(name, %s) ORDER BY name COLLATE "C"'
_NAMES = f"SELECT name {_STARTING}"
_CONTENTS = f"SELECT name, content {_STARTING}"
_WRITE = (
    "INSERT INTO qa_app.kept (name, content, changed) VALUES (%s, %s, now()) ON CONFLICT (name)"
    " DO UPDATE SET content = excluded.content, changed = excluded.changed"
)
_REMOVE = "DELETE FROM qa_app.kept WHERE name = %s"


class KeptTable:
    """Rows of the table in an index's database; implements ``kept.KeptFiles``.

    Each call has a connection of its own, some 7 ms, so that no process holds one for the few
    times that a brief is looked at.
    """

    mend = "Put its row in the table qa_app.kept back from a backup, or delete it to begin anew."

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._connections = Connections(url)

    def place(self, _name: str, words: str) -> str:
        """Return what it is, and in which database."""
        return f"{words} in {self._url}"

    def read(self, name: str) -> bytes | None:
        """Return the content of a row."""
        found = self._rows(_READ, name)
        return bytes(found[0][0]) if found else None

    def change(self, name: str, edit: Callable[[bytes | None], bytes | None]) -> None:
        """Replace a row in one transaction, under a lock of its name."""
        with self._connections.writing() as connection:
            # Each statement sees what was committed before it: what a change sees when it has the
            # lock is what the change before it has made.
            connection.isolation_level = IsolationLevel.READ_COMMITTED
            try:
                with connection.transaction():
                    connection.execute(_LIMITS, {"wait": str(_WAIT)})
                    connection.execute(_LOCK, (_lock_key(name),))
                    found = connection.execute(_READ, (name,)).fetchone()
                    before = bytes(found[0]) if found else None
                    after = edit(before)
                    if after is None:
                        connection.execute(_REMOVE, (name,))
                    elif after != before:
                        connection.execute(_WRITE, (name, after))
            except psycopg.errors.LockNotAvailable as exc:
                raise BriefError(
                    f"{name} in {self._url} is being changed elsewhere.", "Try again in a moment."
                ) from exc

    def names(self, start: str) -> list[str]:
        """Return the names of rows."""
        return [name for (name,) in self._rows(_NAMES, start)]

    def contents(self, start: str) -> dict[str, bytes]:
        """Return the contents of rows, by name."""
        return {name: bytes(content) for name, content in self._rows(_CONTENTS, start)}

    def _rows(self, query: str, value: str) -> list[tuple[Any, ...]]:
        # Asked of the primary, since a replica may lag behind what a user has just pinned; where
        # only a replica can be reached, it is better than nothing.
        try:
            with self._connections.writing() as connection:
                return connection.execute(query, (value,)).fetchall()
        except StoreError:
            try:
                with self._connections.reading() as connection:
                    return connection.execute(query, (value,)).fetchall()
            finally:
                self._connections.close()


def _lock_key(name: str) -> int:
    """Return the key of a name's advisory lock, a signed 64-bit integer."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], signed=True)
