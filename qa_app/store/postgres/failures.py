"""What PostgreSQL and its driver report, as our errors: what is wrong, and what mends it."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator

import psycopg

from qa_app.errors import (
    IndexCorruptError,
    IndexLockedError,
    IndexNotFoundError,
    StoreError,
)
from qa_app.settings import DatabaseUrl

# What a failed attempt to connect says: libpq passes no SQLSTATE on, only the server's words, in
# English unless the server speaks otherwise. The first that fits counts, so that of several
# servers' failures the one that an administrator can mend is told.
_WORDS = (
    (r"password authentication failed|no password supplied", "28P01"),
    (
        r"no pg_hba\.conf entry|role .* (?:does not exist|is not permitted)|authentication fail",
        "28",
    ),
    (r"database .* does not exist", "3D000"),
    (r"permission denied for database", "42501"),
    (r"too many (?:clients|connections)|remaining connection slots", "53300"),
    (r"starting up|shutting down|not (?:yet )?accepting connections|recovery mode", "57P03"),
    # A lost connection that was encrypted, or not.
    (r"closed unexpectedly|closed the connection|SYSCALL error|is lost|is closed", "08"),
    (r"SSL|certificate|private key", "tls"),
    (r"failed to resolve host|could not translate host name", "host"),
    (r"[Rr]efused|timeout|timed out|[Uu]nreachable|No route to host", "08001"),
    (r"session is read-only|server is in hot standby", "25006"),
    (
        r"connection is bad|invalid URI|missing .* in connection|invalid connection option",
        "address",
    ),
    (r"consuming input|sending query|reset by peer|Broken pipe", "08"),
)
# By SQLSTATE or its class (its first two characters), and the names given above: the kind, the
# message and the hint. {url} is the address without its password, {said} what the server said.
_FAILURES: dict[str, tuple[type[StoreError], str, str]] = {
    "host": (
        StoreError,
        "The host of {url} is not known: {said}.",
        "See whether its name is right, and whether this machine's network knows it.",
    ),
    "address": (
        StoreError,
        "{url} is no address that PostgreSQL's library takes: {said}.",
        "Write it as postgresql://USER@HOST:PORT/DATABASE?sslmode=verify-full",
    ),
    "tls": (
        StoreError,
        "No encrypted connection to {url}: {said}.",
        "sslmode and sslrootcert in the address say what is asked of the server's certificate.",
    ),
    "08001": (
        StoreError,
        "The database server of {url} cannot be reached: {said}.",
        "See whether it runs, listens at this host and port, and no firewall is between.",
    ),
    "08": (
        StoreError,
        "The connection to {url} was lost in the middle.",
        "Run it again: the program connects anew. If it stays so, see whether the server runs.",
    ),
    "57": (
        StoreError,
        "The server of {url} ended the connection: {said}.",
        "Run it again: the program connects anew. If it stays so, see whether the server runs.",
    ),
    "57P03": (
        StoreError,
        "The server of {url} is starting up or shutting down.",
        "Run it again in a moment.",
    ),
    "57014": (
        StoreError,
        "The database took too long: {said}.",
        "Ask again, or narrow the question by --filter; the server may be overloaded.",
    ),
    "25P03": (
        StoreError,
        "The server of {url} ended the connection: a transaction was idle for too long.",
        "Run it again.",
    ),
    "28": (
        StoreError,
        "The server of {url} does not let this user in: {said}.",
        "Its administrator can allow it: a role with LOGIN, and a line in pg_hba.conf.",
    ),
    "28P01": (
        StoreError,
        "The server of {url} refused the password, or there was none.",
        "Give it in PGPASSWORD, in ~/.pgpass or in the address, its special characters as %40.",
    ),
    "3D000": (
        StoreError,
        "The database of {url} does not exist.",
        "Create it (createdb NAME), or mend the name in the address.",
    ),
    "42501": (
        StoreError,
        "The user of {url} may not do this: {said}.",
        "Asking needs a role that may read the index's tables, building one that may change them.",
    ),
    "25006": (
        StoreError,
        "{url} is a read-only server, a replica perhaps.",
        "Build against the primary server; the addresses of both may be given: HOST1,HOST2.",
    ),
    "42P01": (
        IndexNotFoundError,
        "There is no index in {url}.",
        "qa-app build --index {url} makes one.",
    ),
    "42704": (
        StoreError,
        "{url} lacks an extension: {said}.",
        "Its administrator can run: CREATE EXTENSION vector",
    ),
    "0A000": (
        StoreError,
        "{url} lacks something that the index needs: {said}.",
        "The server needs PostgreSQL 16 or newer with pgvector installed.",
    ),
    "55000": (
        StoreError,
        "{url} is not set up for the index: {said}.",
        "An extension may have to be named in shared_preload_libraries, and the server restarted.",
    ),
    "55P03": (
        IndexLockedError,
        "Another build of {url} is running.",
        "Wait until it ends, or end it; then build again.",
    ),
    "53": (
        StoreError,
        "The server of {url} is out of something: {said}.",
        "Its administrator can see what; nothing is lost. Then run it again.",
    ),
    "53100": (
        StoreError,
        "The disk of {url} is full: {said}.",
        "Make room there and run it again; what was published before is whole.",
    ),
    "53300": (
        StoreError,
        "The server of {url} has no connection left.",
        "Run it again in a moment; its administrator can raise max_connections.",
    ),
    "58": (
        StoreError,
        "The server of {url} cannot read or write its files: {said}.",
        "Its administrator finds more in the server's log.",
    ),
    "40": (
        StoreError,
        "The database could not do this beside what others did: {said}.",
        "Run it again.",
    ),
    "XX001": (
        IndexCorruptError,
        "The database {url} is damaged: {said}.",
        "Restore it from a backup, or build the index anew in a new database.",
    ),
}
# The same cause under another code: schema and function missing; file of an extension; index.
_SAME = {
    "3F000": "42P01",
    "42883": "42704",
    "58P01": "42704",
    "XX002": "XX001",
    "08004": "08001",
}
_OTHER = (StoreError, "The database {url} answered with an error: {said}.", "--debug shows more.")


@contextlib.contextmanager
def translated(url: DatabaseUrl) -> Iterator[None]:
    """Raise what the driver raises inside the ``with`` block as a ``StoreError`` or a kind of it.

    The messages hold no password, and the hint says what mends it.
    """
    try:
        yield
    except psycopg.Error as exc:
        raise store_error(exc, url) from exc


def store_error(exc: psycopg.Error, url: DatabaseUrl) -> StoreError:
    """Return our error for one of the driver's, told by its SQLSTATE, or else by its words."""
    code = exc.sqlstate or next(
        (code for words, code in _WORDS if re.search(words, str(exc))), "none"
    )
    code = _SAME.get(code, code)
    kind, message, hint = _FAILURES.get(code) or _FAILURES.get(code[:2]) or _OTHER
    return kind(message.format(url=url, said=_said(exc)), hint.format(url=url))


def _said(exc: psycopg.Error) -> str:
    """Return the first line of what the server said, without the driver's preface."""
    said = exc.diag.message_primary or (str(exc).splitlines() or [type(exc).__name__])[0]
    return said.split(" failed: ")[-1].removeprefix("FATAL:").strip().rstrip(".")
