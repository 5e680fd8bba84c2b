"""Write the next generation into a database.

Documents are gathered in a temporary folder first, since topics and vectors are made from all of
them. Then one transaction stores those that the live generation does not have, and makes the new
generation the live one.
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.errors import IndexLockedError
from qa_app.models import Failure, ModelIdentity
from qa_app.settings import DatabaseUrl
from qa_app.store import bm25
from qa_app.store.documents import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    DocumentRecord,
    digest_document,
    dump_record,
)
from qa_app.store.embedded.records import RecordsWriter
from qa_app.store.embedded.tokens import EmbeddedTokens, TokensWriter
from qa_app.store.manifest import Manifest, Recipe
from qa_app.store.postgres import indexes
from qa_app.store.postgres.binary import (
    dimension_of,
    dump_half,
    dump_sparse,
    load_dimensions,
    refuse_nul,
    word_of,
)
from qa_app.store.postgres.connections import Connection
from qa_app.store.postgres.database_generation import facet_key
from qa_app.store.postgres.failures import translated
from qa_app.store.postgres.schema import has_bm25, lock_words_index
from qa_app.store.protocol import Generation
from qa_app.text.analysis import Analyser, analyser_for

# Passages that the mean length is taken from, evenly spaced: the mean of more differs by less than
# a hundredth, and each has to be analysed once more.
_MOST_MEASURED = 20_000
# Rows fetched from the temporary folder, or from the previous generation, at once.
_BATCH = 256
# Passages stored at once, whose terms are kept in memory meanwhile: 10 MB.
_GROUP = 2_000
# Types of number, document and the passage columns.
_PASSAGE_TYPES = [
    "int8",
    "int8",
    *["text"] * 2,
    *["int4"] * 2,
    *["text"] * 2,
    "int4",
    *["text"] * 3,
]
_PLACE_OF_TAGS = [name.strip() for name in PASSAGE_COLUMNS.split(",")].index("tags")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A document of the live generation."""

    id: int
    first: int
    digest: bytes
    record: str


@dataclass(frozen=True, slots=True)
class _New:
    """A document to store: its place among those gathered, and its ids."""

    place: int
    id: int
    first: int
    digest: bytes


class DatabaseWriter(RecordsWriter):
    """Writes one generation; implements ``protocol.Writer``."""

    def __init__(self, url: DatabaseUrl, connection: Connection, live: int | None) -> None:
        """Nothing is stored yet.

        Args:
            url: of the database, for messages.
            connection: the build lock's.
            live: number of the generation that was live when the lock was taken.
        """
        self._url = url
        self._connection = connection
        self.live = live
        self._folder = Path(tempfile.mkdtemp(prefix="qa_app-"))
        self.files: dict[str, str] = {}
        self._token_file = TokensWriter(self._folder)
        self._previous: Generation | None = None
        self._rows_before: dict[int, int] = {}
        super().__init__(self._folder)

    def add_file(self, name: str, text: str) -> None:
        """Store a text under a name, unless it is empty."""
        if text:
            self.files[name] = text

    def add_tokens(self, rows: Sequence[int], codes: CodeArray) -> None:
        """Store the token codes (from ``pack``) of one text, shared by all of these rows."""
        self._token_file.add(rows, codes)

    def copy_tokens(self, previous: Generation, places: RowArray, rows: RowArray) -> None:
        """Take over the token codes of ``rows`` of the previous generation for ``places``.

        They are fetched when they are needed: those of a document that stays are in the database.
        """
        self._previous = previous
        self._rows_before |= dict(zip(places.tolist(), rows.tolist(), strict=True))

    def finish(
        self,
        embeddings: FloatArray | HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
        corpus: Path | None = None,
        failures: tuple[Failure, ...] = (),
        warnings: tuple[Failure, ...] = (),
    ) -> str:
        """Store what is new, make this the live generation, and return its name."""
        if not self.num_passages or embeddings.shape != (self.num_passages, model.dimension):
            raise ValueError(
                f"embeddings have the shape {embeddings.shape}; there are {self.num_passages} "
                f"passages, and {model.name} has {model.dimension} dimensions"
            )
        self._token_file.close(self.num_passages)
        half = np.asarray(embeddings, dtype=np.float16)
        with translated(self._url):
            with self._connection.transaction():
                publication = _Publication(self, self._connection, half, model, recipe)
                name = publication.run(corpus, failures, warnings)
            clean(self._connection)
        return name

    def gathered(self) -> Iterator[tuple[int, DocumentRecord, tuple[str, ...], list[Any]]]:
        """Yield each document's place, record, stored values and its passages' stored values."""
        for place, record in enumerate(self._documents):
            yield (place, record, *self.values(place))

    def values(self, place: int) -> tuple[tuple[str, ...], list[Any]]:
        """Return a gathered document's stored values, and its passages'."""
        query = f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE id = ?"
        (document,) = self._all(query, (place,))
        rows = self._documents[place].rows
        query = f'SELECT {PASSAGE_COLUMNS} FROM passages WHERE "row" >= ? AND "row" < ?'
        return document, self._all(f'{query} ORDER BY "row"', (rows.start, rows.stop))

    def record(self, place: int) -> DocumentRecord:
        """Return a gathered document's record."""
        return self._documents[place]

    def codes(self, rows: range, dimension: int) -> Iterator[bytes]:
        """Yield each row's token codes."""
        spooled = EmbeddedTokens(self._folder, self.num_passages, dimension)
        for start in range(rows.start, rows.stop, _BATCH):
            some = range(start, min(start + _BATCH, rows.stop))
            before = [row for row in some if row in self._rows_before]
            copied: dict[int, CodeArray] = {}
            if before and self._previous is not None:
                found = self._previous.tokens.codes([self._rows_before[row] for row in before])
                copied = dict(zip(before, found, strict=True))
            for row, own in zip(some, spooled.codes(some), strict=True):
                yield copied.get(row, own).tobytes()

    def code_width(self, dimension: int) -> int:
        """Return the bytes of a token's code; 0 where no tokens were added."""
        width = EmbeddedTokens(self._folder, self.num_passages, dimension).width
        if not width and self._previous is not None:
            before = list(self._rows_before.values())[:_BATCH]
            codes = self._previous.tokens.codes(before)
            width = max((item.shape[1] for item in codes if len(item)), default=0)
        return width

    def __exit__(self, *_error: object) -> None:
        self._abandon_records()
        self._token_file.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> DatabaseWriter:
        return self


class _Publication:
    """The transaction that stores a generation."""

    def __init__(
        self,
        writer: DatabaseWriter,
        connection: Connection,
        embeddings: HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
    ) -> None:
        self._writer = writer
        self._connection = connection
        self._embeddings = embeddings
        self._model = model
        self._recipe = recipe
        self._analyser: Analyser = analyser_for(recipe.language)
        self._terms: Counter[int] = Counter()  # change of each term's frequency

    def run(
        self, corpus: Path | None, failures: tuple[Failure, ...], warnings: tuple[Failure, ...]
    ) -> str:
        live = self._one(
            "SELECT generation, next_document, next_passage FROM qa_app.live FOR UPDATE"
        )
        if live[0] != self._writer.live:
            raise IndexLockedError(
                f"Another build has published generation {live[0] or 0:06d} meanwhile.",
                "Build again.",
            )
        lock_words_index(self._connection)
        # Where the table is shared out over several servers, a crash may leave rows on some.
        self._connection.execute("DELETE FROM qa_app.searched WHERE document >= %s", (live[1],))
        stored, mean_length, code_width = self._reusable(live[0])
        new, documents = self._compare(stored, live[1], live[2])
        mean_length = mean_length or self._mean_length()
        number = (live[0] or 0) + 1
        self._copy(new, mean_length)
        self._forget(live[0], documents)
        description = indexes.bring_up_to_date(
            self._connection, self._embeddings, self._writer.num_passages
        )
        manifest = Manifest(
            generation=f"{number:06d}",
            created=datetime.now(UTC).isoformat(),
            model=self._model,
            recipe=self._recipe,
            documents=self._writer.num_documents,
            passages=self._writer.num_passages,
            vectors=description,
            files={},
            corpus="" if corpus is None else corpus.resolve().as_posix(),
            failures=failures,
            warnings=warnings,
        )
        width = code_width or self._writer.code_width(self._model.dimension)
        self._publish(number, manifest, documents, mean_length, width)
        last = new[-1] if new else None
        if last is not None:
            passages = self._writer.record(last.place).passages
            self._connection.execute(
                "UPDATE qa_app.live SET next_document = %s, next_passage = %s",
                (last.id + 1, last.first + passages),
            )
        return manifest.generation

    def _reusable(self, live: int | None) -> tuple[dict[str, _Stored], float, int]:
        """Return what of the live generation can stay: documents by path, mean length, width."""
        if live is None:
            return {}, 0.0, 0
        content, mean_length, width = self._one(
            "SELECT manifest, mean_length, code_width FROM qa_app.generations WHERE number = %s",
            (live,),
        )
        # Parsed by json, since msgspec rejects lone surrogates, which a file's name may contain.
        before = msgspec.convert(json.loads(content), Manifest, strict=False)
        now = self._recipe
        same = (before.recipe.language, before.recipe.lexical) == (now.language, now.lexical)
        if not same or before.model != self._model:
            return {}, 0.0, 0
        query = (
            "SELECT path, id, first, digest, record FROM qa_app.documents WHERE id IN "
            "(SELECT unnest(documents) FROM qa_app.generations WHERE number = %s)"
        )
        found = self._connection.execute(query, (live,)).fetchall()
        return {path: _Stored(*values) for path, *values in found}, mean_length, width

    def _compare(
        self, stored: dict[str, _Stored], next_document: int, next_passage: int
    ) -> tuple[list[_New], list[int]]:
        """Return the documents to store, and the ids of all in row order."""
        new, ids = [], []
        for place, record, values, passages in self._writer.gathered():
            vectors = self._embeddings[record.rows.start : record.rows.stop]
            digest = digest_document(record, values, passages, vectors)
            there = stored.get(record.path)
            if there is not None and there.digest == digest:
                ids.append(there.id)
                content = dump_record(record)
                if content != there.record:  # such as the file's time
                    query = "UPDATE qa_app.documents SET record = %s WHERE id = %s"
                    self._connection.execute(query, (content, there.id))
                continue
            new.append(_New(place, next_document, next_passage, digest))
            ids.append(next_document)
            next_document += 1
            next_passage += record.passages
        return new, ids

    def _mean_length(self) -> float:
        """Return the mean number of terms of a passage."""
        step = math.ceil(self._writer.num_passages / _MOST_MEASURED)
        rows = range(0, self._writer.num_passages, step)
        lengths = [len(self._analyser.terms(text)) for text in self._writer.texts(rows)]
        return sum(lengths) / len(lengths) or 1.0

    def _copy(self, new: Sequence[_New], mean_length: float) -> None:
        """Store the new documents, some at a time: everything of one table, then of the next."""
        by_index = has_bm25(self._connection)
        for some in self._batches(new):
            # Each passage is analysed once for two tables.
            terms = [
                [list(map(dimension_of, self._analyser.terms(text))) for text in self._texts(item)]
                for item in some
            ]
            self._copy_rows(
                "documents",
                f"id, path, first, passages, digest, record, {DOCUMENT_COLUMNS}",
                ["int8", "text", "int8", "int4", "bytea", *["text"] * 6],
                map(self._document_row, some),
            )
            self._copy_rows(
                "passages",
                f"number, document, {PASSAGE_COLUMNS}, facets, content_hash, codes, words",
                [*_PASSAGE_TYPES, "text[]", "bytea", "bytea", "text"],
                (
                    row
                    for item, found in zip(some, terms, strict=True)
                    for row in self._passage_rows(item, found, by_index)
                ),
            )
            self._copy_rows(
                "searched",
                "number, document, embedding, weights",
                ["int8", "int8", "bytea", "bytea"],
                (
                    row
                    for item, found in zip(some, terms, strict=True)
                    for row in self._searched_rows(item, found, mean_length)
                ),
            )

    def _batches(self, new: Sequence[_New]) -> Iterator[list[_New]]:
        """Yield the documents in groups of about ``_GROUP`` passages."""
        some: list[_New] = []
        count = 0
        for item in new:
            some.append(item)
            count += self._writer.record(item.place).passages
            if count >= _GROUP:
                yield some
                some, count = [], 0
        if some:
            yield some

    def _texts(self, item: _New) -> Iterator[str]:
        return self._writer.texts(self._writer.record(item.place).rows)

    def _copy_rows(
        self, table: str, columns: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        query = f"COPY qa_app.{table} ({columns}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _document_row(self, item: _New) -> Sequence[Any]:
        record = self._writer.record(item.place)
        values, _ = self._writer.values(item.place)
        refuse_nul(values)
        head = item.id, record.path, item.first, record.passages, item.digest
        return *head, dump_record(record), *values

    def _passage_rows(
        self, item: _New, terms: Sequence[Sequence[int]], by_index: bool
    ) -> Iterator[Sequence[Any]]:
        rows = self._writer.record(item.place).rows
        _, passages = self._writer.values(item.place)
        codes = self._writer.codes(rows, self._model.dimension)
        for n, (values, code) in enumerate(zip(passages, codes, strict=True)):
            tags = msgspec.json.decode(values[_PLACE_OF_TAGS], type=dict[str, list[str]])
            facets = [facet_key(name, value) for name, found in tags.items() for value in found]
            words = " ".join(map(word_of, terms[n])) if by_index else None
            digest = self._writer.hashes[rows[n]]
            yield item.first + n, item.id, *values, facets, digest, code, words

    def _searched_rows(
        self, item: _New, terms: Sequence[Sequence[int]], mean_length: float
    ) -> Iterator[Sequence[Any]]:
        rows = self._writer.record(item.place).rows
        for n, found in enumerate(terms):
            counts = Counter(found)
            norm = bm25.K1 * (1 - bm25.B + bm25.B * len(found) / mean_length)
            weights = {term: count / (count + norm) for term, count in counts.items()}
            self._terms.update(counts.keys())
            vector = dump_half(self._embeddings[rows[n]])
            yield item.first + n, item.id, vector, dump_sparse(weights)

    def _forget(self, live: int | None, documents: Sequence[int]) -> None:
        """Take the terms of documents that the new generation has not off the frequencies."""
        if live is None:
            return
        query = (
            "SELECT weights FROM qa_app.searched WHERE document IN (SELECT unnest(documents) "
            "FROM qa_app.generations WHERE number = %s) AND document <> ALL(%s)"
        )
        with self._connection.cursor(binary=True) as cursor:
            for (weights,) in cursor.execute(query, (live, list(documents))):
                self._terms.subtract(load_dimensions(weights).tolist())

    def _publish(
        self,
        number: int,
        manifest: Manifest,
        documents: list[int],
        mean_length: float,
        code_width: int,
    ) -> None:
        connection = self._connection
        content = manifest.to_bytes().decode()
        digest = hashlib.sha256(content.encode()).hexdigest()
        connection.execute(
            "INSERT INTO qa_app.generations VALUES (%s, %s, %s, %s, %s, %s)",
            (number, content, digest, documents, mean_length, code_width),
        )
        changes = [(term, change) for term, change in self._terms.items() if change]
        connection.execute(
            "INSERT INTO qa_app.terms SELECT change.term, %s, change.change + coalesce("
            "(SELECT frequency FROM qa_app.terms before WHERE before.term = change.term "
            "ORDER BY generation DESC LIMIT 1), 0) "
            "FROM unnest(%s::integer[], %s::bigint[]) AS change(term, change)",
            (number, [term for term, _ in changes], [change for _, change in changes]),
        )
        connection.execute(
            "INSERT INTO qa_app.facet_counts SELECT %s, split_part(facet, chr(31), 1), "
            "split_part(facet, chr(31), 2), count(*) FROM qa_app.passages, unnest(facets) facet "
            "WHERE document = ANY(%s) GROUP BY facet",
            (number, documents),
        )
        for name, text in self._writer.files.items():
            connection.execute("INSERT INTO qa_app.files VALUES (%s, %s, %s)", (number, name, text))
        connection.execute("UPDATE qa_app.live SET generation = %s", (number,))

    def _one(self, query: str, values: Sequence[Any] = ()) -> Any:
        found = self._connection.execute(query, values).fetchone()
        if found is None:
            raise IndexLockedError("The index is being changed by another program.", "Try again.")
        return found


def clean(connection: Connection) -> None:
    """Remove what neither the live generation nor the one before has."""
    with connection.transaction():
        connection.execute(
            "DELETE FROM qa_app.generations WHERE number < (SELECT generation FROM qa_app.live) - 1"
        )
        gone = connection.execute(
            "DELETE FROM qa_app.documents WHERE id NOT IN "
            "(SELECT unnest(documents) FROM qa_app.generations) RETURNING id"
        ).fetchall()
        # For a table that is shared out over several servers, and so has no foreign key.
        connection.execute(
            "DELETE FROM qa_app.searched WHERE document = ANY(%s)", ([each for (each,) in gone],)
        )
        connection.execute(
            "DELETE FROM qa_app.terms older USING qa_app.terms newer "
            "WHERE older.term = newer.term AND older.generation < newer.generation "
            "AND newer.generation <= (SELECT min(number) FROM qa_app.generations)"
        )
