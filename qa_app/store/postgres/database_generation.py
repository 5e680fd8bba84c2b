"""A generation in a database, for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from qa_app.arrays import HalfArray, RowArray
from qa_app.models import Passage
from qa_app.store.documents import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    DocumentRecord,
    digest_document,
    load_passage,
    load_record,
)
from qa_app.store.manifest import Manifest
from qa_app.store.postgres.connections import Connection, Connections
from qa_app.store.postgres.search import DatabaseLexical, DatabaseTokens, DatabaseVectors
from qa_app.store.postgres.view import GenerationConnections, View
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for

# Separates facet and value in the column ``facets``; loaders leave no control characters in texts.
_UNIT = "\x1f"


def facet_key(facet: str, value: str) -> str:
    """Return how a facet's value stands in the column ``facets``."""
    return f"{facet}{_UNIT}{value}"


class DatabaseGeneration(Generation):
    """One generation of the index in a database; ``read_generation`` opens one."""

    vectors: DatabaseVectors

    def __init__(
        self,
        connections: GenerationConnections,
        manifest: Manifest,
        view: View,
        documents: Sequence[DocumentRecord],
        code_width: int,
    ) -> None:
        self.manifest = manifest
        self.fallback = ""
        self._records = tuple(documents)
        self._connections = connections
        self._view = view
        dimension = manifest.model.dimension
        self.vectors = DatabaseVectors(connections, view, dimension, manifest.vectors)
        analyser = analyser_for(manifest.recipe.language)
        self.lexical = DatabaseLexical(connections, view, analyser)
        self._tokens = DatabaseTokens(connections, view, dimension, code_width)

    @property
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in row order."""
        return self._records

    @property
    def tokens(self) -> DatabaseTokens:
        """Token codes of the passages."""
        return self._tokens

    def file(self, name: str) -> str:
        """Return a text that the build stored under this name, "" if there is none."""
        query = "SELECT content FROM qa_app.files WHERE generation = %s AND name = %s"
        found = self._all(query, (self._view.generation, name))
        return str(found[0][0]) if found else ""

    def stored_vectors(self, rows: RowArray) -> HalfArray:
        """Return the vectors of these rows, float16, shape (len(rows), dim)."""
        return self.vectors.at(rows)

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        where, values = self._view.condition(None)
        query = f"SELECT number FROM qa_app.passages WHERE id = %s AND {where}"
        found = self._all(query, (passage_id, *values))
        return int(self._view.rows(np.array(found[0]))[0]) if found else None

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's ``searchable_text``."""
        where, values = self._view.condition(None)
        found = self._all(f"SELECT number, content_hash FROM qa_app.passages WHERE {where}", values)
        rows = self._view.rows(np.array([number for number, _ in found], dtype=np.int64))
        return [bytes(found[place][1]) for place in np.argsort(rows)]

    @cached_property
    def facet_counts(self) -> dict[str, dict[str, int]]:
        """Number of passages by facet and value, both sorted."""
        found: dict[str, dict[str, int]] = {}
        query = "SELECT facet, value, passages FROM qa_app.facet_counts WHERE generation = %s"
        for facet, value, count in sorted(self._all(query, (self._view.generation,))):
            found.setdefault(facet, {})[value] = count
        return found

    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with a value, int64, ascending; empty if it is unknown."""
        where, values = self._view.condition(None)
        query = f"SELECT number FROM qa_app.passages WHERE facets @> %s AND {where}"
        found = self._all(query, ([facet_key(facet, value)], *values))
        return np.sort(self._view.rows(np.array([number for (number,) in found], dtype=np.int64)))

    def is_sound(self, record: DocumentRecord) -> bool:
        """Return whether a document is as it was when it was stored."""
        ((digest,),) = self._of_document(record.path, "digest")
        values = self._document_values(record.path) or ()
        numbers = self._view.numbers(np.array(record.rows)).tolist()
        query = (
            f"SELECT {PASSAGE_COLUMNS} FROM qa_app.passages WHERE number = ANY(%s) ORDER BY number"
        )
        vectors = self.stored_vectors(np.array(record.rows))
        found = digest_document(record, values, self._all(query, (numbers,)), vectors)
        return found == bytes(digest)

    def close(self) -> None:
        """Do nothing: the connections are the store's."""

    def _document_values(self, path: str) -> Sequence[str] | None:
        found = self._of_document(path, DOCUMENT_COLUMNS)
        return found[0] if found else None

    def _page_starts(self, path: str) -> str:
        ((starts,),) = self._of_document(path, "page_starts")
        return str(starts)

    def _words(self, path: str, start: int, end: int) -> str:
        ((words,),) = self._of_document(path, "substr(text, %s, %s)", (start + 1, end - start))
        return str(words)

    def _of_document(self, path: str, columns: str, values: Sequence[Any] = ()) -> list[Any]:
        rows = self.document_rows(path)
        if not rows:
            return []
        first = int(self._view.numbers(np.array([rows.start]))[0])
        query = f"SELECT {columns} FROM qa_app.documents WHERE path = %s AND first = %s"
        return self._all(query, (*values, path, first))

    def _passages(self, rows: Sequence[int]) -> Mapping[int, Passage]:
        there = [row for row in rows if 0 <= row < self.num_passages]
        numbers = self._view.numbers(np.array(there, dtype=np.int64)).tolist()
        query = f"SELECT number, {PASSAGE_COLUMNS} FROM qa_app.passages WHERE number = ANY(%s)"
        found = {values[0]: values for values in self._all(query, (numbers,))}
        return {
            row: load_passage(self._view.document_of(row), found[number][1:], self.documents)
            for row, number in zip(there, numbers, strict=True)
        }

    def _all(self, query: str, values: Sequence[Any]) -> list[Any]:
        with self._connections.reading() as connection:
            return connection.execute(query, values).fetchall()


def read_generation(
    connections: Connections, connection: Connection, number: int, manifest: Manifest
) -> DatabaseGeneration:
    """Return a generation that is there.

    Args:
        connections: for its later queries.
        connection: a transaction in which it was seen.
    """
    query = (
        "SELECT d.id, d.first, d.passages, d.record FROM qa_app.generations g "
        "CROSS JOIN unnest(g.documents) WITH ORDINALITY AS item(id, place) "
        "JOIN qa_app.documents d ON d.id = item.id WHERE g.number = %s ORDER BY item.place"
    )
    found = connection.execute(query, (number,)).fetchall()
    others = (
        "SELECT id FROM qa_app.documents WHERE id <= %s AND id NOT IN "
        "(SELECT unnest(documents) FROM qa_app.generations WHERE number = %s)"
    )
    last = max((item[0] for item in found), default=0)
    left_out = [each for (each,) in connection.execute(others, (last, number)).fetchall()]
    view = View(number, [item[:3] for item in found], left_out)
    records = [
        replace(load_record(content), rows=rows)
        for (_, _, _, content), rows in zip(found, view.ranges(), strict=True)
    ]
    query = "SELECT code_width, manifest_sha256 FROM qa_app.generations WHERE number = %s"
    ((width, digest),) = connection.execute(query, (number,)).fetchall()
    reads = GenerationConnections(connections, number, digest)
    return DatabaseGeneration(reads, manifest, view, records, width)
