"""The tables of an index in a database, and how they are brought up to date.

    generations   one row each: its manifest, and its documents' ids in row order
    live          one row: the live generation, and the next ids
    documents     a document as extracted; its passages are numbered from ``first`` on
    passages      what is quoted, its facets, the codes of its tokens
    searched      the vector and the BM25 weights of each passage, in rows as small as can be
    terms         how many passages have a term, from a generation on
    facet_counts  how many passages have a facet's value
    files         the texts that a build stores beside the passages
    unpublished   what an interrupted build has embedded
    kept          briefs, saved questions and grids

A generation never changes: the next one adds documents and names those that it has, so what a
reader sees is decided by the ids that it was opened with. Documents that neither the live
generation nor the one before has are removed by the next build.
"""

from __future__ import annotations

import contextlib
from typing import Any

import psycopg

from qa_app.errors import IndexMismatchError, IndexNotFoundError
from qa_app.store.postgres.connections import Connection

# Each script leads from the version that is its place to the next; never change one that was used.
MIGRATIONS = (
    """
CREATE TABLE qa_app.schema_version (version integer NOT NULL);
INSERT INTO qa_app.schema_version VALUES (0);
CREATE TABLE qa_app.generations (
    number integer PRIMARY KEY,
    manifest text NOT NULL,
    manifest_sha256 text NOT NULL,
    documents bigint[] NOT NULL,
    -- Mean number of terms of a passage when the BM25 weights were worked out.
    mean_length double precision NOT NULL,
    -- Bytes of a token's code; 0 where no tokens are kept.
    code_width integer NOT NULL
);
CREATE TABLE qa_app.live (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    generation integer REFERENCES qa_app.generations,
    next_document bigint NOT NULL DEFAULT 1,
    next_passage bigint NOT NULL DEFAULT 1
);
INSERT INTO qa_app.live DEFAULT VALUES;
CREATE TABLE qa_app.documents (
    id bigint PRIMARY KEY,
    path text NOT NULL,
    first bigint NOT NULL,
    passages integer NOT NULL,
    digest bytea NOT NULL,
    record text NOT NULL,
    text text NOT NULL,
    page_starts text NOT NULL,
    page_labels text NOT NULL,
    blocks text NOT NULL,
    source_runs text NOT NULL
);
CREATE TABLE qa_app.passages (
    number bigint PRIMARY KEY,
    document bigint NOT NULL REFERENCES qa_app.documents ON DELETE CASCADE,
    id text NOT NULL,
    section text NOT NULL,
    start integer NOT NULL,
    "end" integer NOT NULL,
    text text NOT NULL,
    sentences text NOT NULL,
    page integer,
    page_breaks text NOT NULL,
    label text,
    tags text NOT NULL,
    facets text[] NOT NULL,
    content_hash bytea NOT NULL,
    codes bytea NOT NULL,
    -- The hashed terms for an index of pg_textsearch; null where it is not installed.
    words text
);
-- Signs of token vectors cannot be compressed.
ALTER TABLE qa_app.passages ALTER COLUMN codes SET STORAGE EXTERNAL;
CREATE INDEX passages_document ON qa_app.passages (document);
CREATE INDEX passages_id ON qa_app.passages (id);
CREATE INDEX passages_hash ON qa_app.passages (content_hash);
CREATE INDEX passages_facets ON qa_app.passages USING gin (facets);
CREATE TABLE qa_app.searched (
    number bigint PRIMARY KEY,
    document bigint NOT NULL REFERENCES qa_app.documents ON DELETE CASCADE,
    embedding halfvec NOT NULL,
    weights sparsevec NOT NULL
);
-- Kept in the row, not beside it: a scan of all rows reads one table.
ALTER TABLE qa_app.searched ALTER COLUMN embedding SET STORAGE PLAIN;
ALTER TABLE qa_app.searched ALTER COLUMN weights SET STORAGE MAIN;
CREATE INDEX searched_document ON qa_app.searched (document);
CREATE TABLE qa_app.terms (
    term integer,
    generation integer,
    frequency bigint NOT NULL,
    PRIMARY KEY (term, generation)
);
CREATE TABLE qa_app.facet_counts (
    generation integer REFERENCES qa_app.generations ON DELETE CASCADE,
    facet text,
    value text,
    passages bigint NOT NULL,
    PRIMARY KEY (generation, facet, value)
);
CREATE TABLE qa_app.files (
    generation integer REFERENCES qa_app.generations ON DELETE CASCADE,
    name text,
    content text NOT NULL,
    PRIMARY KEY (generation, name)
);
CREATE TABLE qa_app.unpublished (
    key bytea,
    content_hash bytea,
    embedding bytea NOT NULL,
    code_width integer NOT NULL,
    codes bytea NOT NULL,
    PRIMARY KEY (key, content_hash)
);
CREATE TABLE qa_app.kept (
    name text PRIMARY KEY,
    content bytea NOT NULL,
    changed timestamptz NOT NULL DEFAULT now()
);
""",
)
SCHEMA_VERSION = len(MIGRATIONS)
# Key of the advisory lock of pg_textsearch's index, any number beside the build lock's.
_WORDS_KEY = 7_161_512_027


def migrate(connection: Connection) -> None:
    """Create the tables, or bring them up to date, in one transaction.

    Raises:
        IndexMismatchError: a newer version of the program has made them.
    """
    with connection.transaction():
        version = _version(connection)
        _refuse_newer(version)
        if version == 0:
            _make_extensions(connection)
            # An administrator may have made it, for a role that may make none.
            if _single(connection, "SELECT to_regnamespace('qa_app')") is None:
                connection.execute("CREATE SCHEMA qa_app")
        for script in MIGRATIONS[version:]:
            connection.execute(script)
        if version < SCHEMA_VERSION:
            connection.execute("UPDATE qa_app.schema_version SET version = %s", (SCHEMA_VERSION,))


def check_version(connection: Connection) -> None:
    """Raise unless the tables are as this program reads them.

    Raises:
        IndexNotFoundError: there are none.
        IndexMismatchError: they are of another version of the program.
    """
    version = _version(connection)
    _refuse_newer(version)
    if version == 0:
        raise IndexNotFoundError("There is no index in this database.", "Build one: qa-app build")
    if version < SCHEMA_VERSION:
        raise _mismatch(version, "Bring them up to date: qa-app build")


def has_bm25(connection: Connection) -> bool:
    """Return whether the server's own BM25 (pg_textsearch) is installed in the database."""
    query = "SELECT count(*) FROM pg_extension WHERE extname = 'pg_textsearch'"
    return bool(_single(connection, query))


def has_words_index(connection: Connection) -> bool:
    """Return whether pg_textsearch has an index of the passages' terms that is whole.

    Before version 1.3 the server's log has nothing of it, so that it is incomplete after a crash
    and on a replica. An unlogged table is empty there, so one that is made with the index tells.
    """
    query = "SELECT pg_relation_size(to_regclass('qa_app.words_whole')) > 0"
    return bool(_single(connection, query))


def lock_words_index(connection: Connection) -> None:
    """Keep readers from pg_textsearch's index until the transaction ends.

    A transaction that has added to it holds it alone until it ends (version 1.0), and who searches
    it meanwhile waits, beyond every time-out.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s)", (_WORDS_KEY,))


def may_search_words(connection: Connection) -> bool:
    """Return whether the transaction may search pg_textsearch's index, from now until it ends."""
    query = f"SELECT pg_try_advisory_xact_lock_shared({_WORDS_KEY})"
    return has_words_index(connection) and bool(_single(connection, query))


def _version(connection: Connection) -> int:
    if _single(connection, "SELECT to_regclass('qa_app.schema_version')") is None:
        return 0
    return int(_single(connection, "SELECT version FROM qa_app.schema_version"))


def _refuse_newer(version: int) -> None:
    if version > SCHEMA_VERSION:
        raise _mismatch(version, "Update qa_app.")


def _mismatch(version: int, hint: str) -> IndexMismatchError:
    return IndexMismatchError(
        f"The tables of the index are of version {version}; this program reads version "
        f"{SCHEMA_VERSION}.",
        hint,
        expected=str(SCHEMA_VERSION),
        found=str(version),
    )


def _make_extensions(connection: Connection) -> None:
    connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    # Not there, not loaded or not allowed: then all weights are scanned instead.
    with contextlib.suppress(psycopg.Error), connection.transaction():
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_textsearch")


def _single(connection: Connection, query: str) -> Any:
    found = connection.execute(query).fetchone()
    return None if found is None else found[0]
