"""Connections to the database: a pool of readers, and a writer for a build."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from qa_app.errors import IndexMismatchError, StoreError
from qa_app.settings import DatabaseUrl
from qa_app.store.postgres.failures import translated

# The oldest that pgvector's iterative scans and the SQL are tried with (16.0, as libpq says it).
OLDEST_SERVER = 160_000
# Seconds to wait for a connection: of the server for its answer, and of a reader for its turn.
_WAIT = 5
# Seconds that a transaction may rest while its reader computes: a lost one must not hold back the
# server's vacuum. Far above what a question takes.
_IDLE = 120
# Seconds until a reader's connection is made anew, so that readers return to a replica that has
# come back.
_LIFETIME = 600
# Defaults that the address overrides. A silent peer is given up after a minute when nothing is
# asked of it, after 15 s when something is.
_DEFAULTS = {
    "fallback_application_name": "qa_app",
    "connect_timeout": str(_WAIT),
    "keepalives_idle": "30",
    "keepalives_interval": "10",
    "keepalives_count": "3",
    "tcp_user_timeout": "15000",
}
# For a build's connections: what it holds is free soon after its machine fell silent, and it may be
# at rest for hours while it embeds.
_LONG_LIVED = (
    "SELECT set_config(name, value, false) FROM (VALUES ('tcp_keepalives_idle', '30'),"
    " ('tcp_keepalives_interval', '10'), ('tcp_keepalives_count', '3'),"
    " ('idle_session_timeout', '0')) AS setting(name, value)"
)
# Every failure is raised as an error of ours. Without this, the driver's warnings would be printed
# besides, where no log is set up.
logging.getLogger("psycopg").addHandler(logging.NullHandler())

Connection = psycopg.Connection[Any]


class Connections:
    """Connections to one database, opened when they are needed; threads may share it.

    After the server was away, the next request connects anew.
    """

    def __init__(
        self, url: DatabaseUrl, max_readers: int = 8, statement_seconds: float = 30
    ) -> None:
        """Nothing is opened yet.

        Args:
            url: of the database. If it names several hosts, readers prefer replicas, and the
                writer takes the primary, unless it says otherwise (target_session_attrs).
            max_readers: most connections for reading.
            statement_seconds: most that one statement of a reader may take.
        """
        self.url = url
        self._max_readers = max_readers
        self._statement_seconds = statement_seconds
        self._lock = threading.Lock()
        self._pool: ConnectionPool[Connection] | None = None

    def close(self) -> None:
        """Close the readers' connections; those in use, when they are given back."""
        with self._lock:
            pool, self._pool = self._pool, None
        if pool:
            pool.close(timeout=0)

    @contextlib.contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold a connection that only reads; each statement is a transaction of its own.

        What belongs to a generation never changes, so its statements need no common state; others
        put theirs into a block of ``connection.transaction()``, which sees one state throughout.

        Raises:
            StoreError: the database cannot be reached, or failed within the ``with`` block.
        """
        with translated(self.url):
            pool, connection = self._reader()
            try:
                yield connection
            finally:
                self._give_back(pool, connection)

    @contextlib.contextmanager
    def writing(self) -> Iterator[Connection]:
        """Hold a new connection that may write, without a limit of time, closed at the end.

        Each statement is a transaction of its own, unless it is in a block of
        ``connection.transaction()``.

        Raises:
            StoreError: the database cannot be reached or only read, or failed within the block.
        """
        with translated(self.url), self._connect("read-write") as connection:
            _limit(connection, 0, 0)
            connection.execute(_LONG_LIVED)
            # Refused by a server on Windows: there a killed build's statement runs to its end.
            with contextlib.suppress(psycopg.errors.InvalidParameterValue):
                connection.execute("SET client_connection_check_interval = '2s'")
            yield connection

    def _reader(self) -> tuple[ConnectionPool[Connection], Connection]:
        """Return a connection that works, and the pool to give it back to."""
        while True:
            pool, new = self._opened()
            try:
                connection = pool.getconn()
            except PoolClosed:
                continue  # another thread found the server away: see whether it is back
            except PoolTimeout:
                self._connect("prefer-standby").close()  # raises why, if the server is away
                raise StoreError(
                    f"All {self._max_readers} connections to {self.url} are in use.",
                    "Ask again in a moment.",
                ) from None
            try:
                # Without asking the server: what it said when it ended is here already.
                connection.pgconn.consume_input()
            except psycopg.OperationalError:
                self._give_back(pool, connection)
                if new or not connection.closed:
                    raise
            else:
                return pool, connection

    def _opened(self) -> tuple[ConnectionPool[Connection], bool]:
        """Return the pool, and whether it is new."""
        if pool := self._pool:
            return pool, False
        # The pool connects in the background and hides why it cannot: this raises that.
        self._connect("prefer-standby").close()
        with self._lock:
            if self._pool:
                return self._pool, False
            self._pool = ConnectionPool(
                self._conninfo("prefer-standby"),
                min_size=0,
                max_size=self._max_readers,
                configure=self._configure,
                timeout=_WAIT,
                reconnect_timeout=_WAIT,
                max_lifetime=_LIFETIME,
                open=True,
            )
            return self._pool, True

    def _give_back(self, pool: ConnectionPool[Connection], connection: Connection) -> None:
        if connection.closed:
            # The server went away, and the pool's other connections are lost too. Without it, the
            # next request connects itself, and says at once whether the server is back.
            with self._lock:
                if self._pool is pool:
                    self._pool = None
            pool.close(timeout=0)
        pool.putconn(connection)

    def _configure(self, connection: Connection) -> None:
        connection.autocommit = True
        _limit(connection, self._statement_seconds, _IDLE)
        connection.execute(
            "SELECT set_config('default_transaction_read_only', 'on', false),"
            " set_config('default_transaction_isolation', 'repeatable read', false)"
        )

    def _connect(self, servers: str) -> Connection:
        """Return a new connection in autocommit mode, to a server that is new enough."""
        connection = psycopg.connect(self._conninfo(servers), autocommit=True)
        version = connection.info.server_version
        if version < OLDEST_SERVER:
            connection.close()
            needed, found = (f"PostgreSQL {each // 10_000}" for each in (OLDEST_SERVER, version))
            raise IndexMismatchError(
                f"The server of {self.url} is {found}; the index needs {needed} or newer.",
                "Give a newer server.",
                expected=needed,
                found=found,
            )
        return connection

    def _conninfo(self, servers: str) -> str:
        given = conninfo_to_dict(self.url.with_password)
        several = "," in str(given.get("host", "")) + str(given.get("hostaddr", ""))
        if servers == "read-write" or several:
            given.setdefault("target_session_attrs", servers)
        return make_conninfo("", **{**_DEFAULTS, **given})


def _limit(connection: Connection, statement_seconds: float, idle_seconds: float) -> None:
    """Bound the time of a statement, and of rest inside a transaction; 0 is without a bound."""
    connection.execute(
        "SELECT set_config('statement_timeout', %s, false),"
        " set_config('idle_in_transaction_session_timeout', %s, false)",
        (f"{round(statement_seconds * 1000)}", f"{round(idle_seconds * 1000)}"),
    )
