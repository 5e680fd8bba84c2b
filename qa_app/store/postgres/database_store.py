"""The store that keeps an index in a PostgreSQL database."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from functools import cache

from qa_app.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexNotFoundError,
    QAAppError,
)
from qa_app.models import Failure, ModelIdentity
from qa_app.settings import DatabaseUrl
from qa_app.store.manifest import (
    MEND_HINT,
    Current,
    Manifest,
    check_model,
    choose_earlier,
    parse_manifest,
)
from qa_app.store.postgres.connections import Connection, Connections
from qa_app.store.postgres.database_generation import DatabaseGeneration, read_generation
from qa_app.store.postgres.indexes import renew_words_index
from qa_app.store.postgres.kept_vectors import KeptVectors, forget_vectors
from qa_app.store.postgres.schema import check_version, migrate
from qa_app.store.postgres.transfer import DatabaseWriter

# Key of the advisory lock that a build holds: any number that no other program is likely to use.
_LOCK_KEY = 7_161_512_026


class DatabaseStore:
    """An index in a database, as ``schema`` describes it; implements ``protocol.Store``."""

    def __init__(self, location: DatabaseUrl) -> None:
        self.location = location
        self._connections = _connections(location)
        # While the build lock is held: its connection, and the live generation then.
        self._held: tuple[Connection, int | None] | None = None

    def current(self) -> Current:
        """Return the name of the live generation, and the hash of its manifest."""
        with self._reading() as connection:
            number, digest, _ = self._live(connection)
        return Current(f"{number:06d}", digest)

    def manifest(self) -> Manifest:
        """Return the live generation's manifest."""
        with self._reading() as connection:
            return self._manifest(*self._live(connection))

    def last_manifest(self) -> Manifest | None:
        """Return the live generation's manifest, None if there is none or it cannot be read.

        Also from tables of another version of the program: a build brings older ones up to date.
        """
        try:
            with self._connections.reading() as connection:
                return self._manifest(*self._live(connection))
        except (IndexNotFoundError, IndexCorruptError):
            return None

    def open(
        self,
        expected: ModelIdentity | None = None,
        *,
        allow_previous: bool = False,  # noqa: ARG002 - the server answers for what it stores
        searchable: bool = True,  # noqa: ARG002 - nothing is loaded for a search
    ) -> DatabaseGeneration:
        """Open the live generation."""
        with self._reading() as connection:
            live = self._live(connection)
            manifest = self._manifest(*live)
            if expected is not None:
                check_model(manifest, expected)
            return read_generation(self._connections, connection, live[0], manifest)

    def open_earlier(self, name: str = "") -> DatabaseGeneration:
        """Open a generation older than the live one: "000002", "2", or the newest."""
        query = (
            "SELECT number, manifest_sha256, manifest FROM qa_app.generations WHERE number < "
            "(SELECT generation FROM qa_app.live) ORDER BY number DESC"
        )
        with self._reading() as connection:
            kept = {f"{row[0]:06d}": row for row in connection.execute(query).fetchall()}
            chosen = kept[choose_earlier(list(kept), name)]
            manifest = self._manifest(*chosen)
            return read_generation(self._connections, connection, chosen[0], manifest)

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the build lock, which the server releases when the connection ends."""
        with self._connections.writing() as connection:
            query = "SELECT pg_try_advisory_lock(%s)"
            if connection.execute(query, (_LOCK_KEY,)).fetchone() != (True,):
                raise IndexLockedError(
                    f"Another build of {self.location} is running{_holder(connection)}.",
                    "Wait until it ends, or end it; then build again.",
                )
            migrate(connection)
            renew_words_index(connection)
            found = connection.execute("SELECT generation FROM qa_app.live").fetchone()
            self._held = connection, found and found[0]
            try:
                yield
            finally:
                self._held = None

    def writer(self) -> DatabaseWriter:
        """Return a writer of the next generation, which publishes it over the lock's connection.

        So a build that has lost the lock, with its connection, can publish nothing.
        """
        if self._held is None:
            raise ValueError("A writer is for the holder of the lock.")
        return DatabaseWriter(self._connections.url, *self._held)

    def unpublished(self, model: ModelIdentity, rebuild: bool = False) -> KeptVectors:
        """Return what interrupted builds with this model have embedded."""
        return KeptVectors(self._connections, model, rebuild)

    def forget_unpublished(self) -> None:
        """Remove what interrupted builds have embedded."""
        forget_vectors(self._connections)

    def check(self) -> tuple[int, tuple[Failure, ...], DatabaseGeneration | None]:
        """Compare every document of the live generation with the digest of when it was stored."""
        try:
            generation = self.open()
        except IndexCorruptError as exc:
            return 1, (Failure("manifest", exc.message, exc.hint),), None
        bad = []
        for record in generation.documents:
            try:
                fault = "" if generation.is_sound(record) else "It is not as it was stored."
            except (QAAppError, ValueError, LookupError) as exc:
                fault = f"It cannot be read: {exc}."
            if fault:
                bad.append(Failure(record.path, f"In the database: {fault}", MEND_HINT))
        return 1 + len(generation.documents), tuple(bad), None if bad else generation

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self._connections.reading() as connection, connection.transaction():
            check_version(connection)
            yield connection

    def _live(self, connection: Connection) -> tuple[int, str, str]:
        query = (
            "SELECT number, manifest_sha256, manifest FROM qa_app.generations "
            "JOIN qa_app.live ON generation = number"
        )
        found = connection.execute(query).fetchone()
        if found is None:
            raise IndexNotFoundError(
                f"There is no index in {self.location}.",
                f"Build one: qa-app build --index {self.location}",
            )
        return found[0], found[1], found[2]

    def _manifest(self, number: int, digest: str, content: str) -> Manifest:
        name = f"{number:06d}"
        if hashlib.sha256(content.encode()).hexdigest() != digest:
            raise IndexCorruptError(
                f"The manifest of generation {name} in {self.location} is damaged.", MEND_HINT
            )
        where = f"The manifest in {self.location}"
        # Its tables have a version of their own, which was checked.
        return parse_manifest(content.encode(), where, name, format_version=None)


@cache
def _connections(url: DatabaseUrl) -> Connections:
    """Return the connections to a database, one pool a process."""
    return Connections(url)


def _holder(connection: Connection) -> str:
    query = (
        "SELECT pid, usename, client_addr FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'advisory' AND granted AND datname = current_database() "
        "AND (classid::bigint << 32) | objid::bigint = %s"
    )
    found = connection.execute(query, (_LOCK_KEY,)).fetchone()
    if found is None:
        return ""
    process, user, address = found  # another user's address is not shown
    return f" (server process {process}, user {user}{f', from {address}' if address else ''})"
