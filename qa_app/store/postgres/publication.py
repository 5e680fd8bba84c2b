"""The transaction that stores a generation in a database."""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from qa_app.arrays import HalfArray
from qa_app.errors import IndexLockedError
from qa_app.models import Failure, ModelIdentity
from qa_app.store import bm25
from qa_app.store.documents import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    digest_document,
    dump_record,
)
from qa_app.store.manifest import Manifest, Recipe
from qa_app.store.postgres import indexes
from qa_app.store.postgres.binary import (
    dump_half,
    dump_sparse,
    load_dimensions,
    refuse_nul,
    word_of,
)
from qa_app.store.postgres.connections import Connection
from qa_app.store.postgres.database_generation import facet_key
from qa_app.store.postgres.gathering import AnalysedTerms, Gathered
from qa_app.store.postgres.schema import has_bm25, lock_words_index
from qa_app.text.analysis import Analyser, analyser_for

# Stored weights keep the mean length that they were made with while the present one differs from it
# by less than this share, which changes a score by a hundredth at most; then all are made anew.
_MOST_DRIFT = 0.02
# Passages that the present mean is taken from, evenly spaced: it is within half a hundredth then.
_MOST_SAMPLED = 10_000
# Types of number, document and the passage columns.
_TEXT, _WHOLE = "text", "int4"
_PASSAGE_TYPES = ["int8", "int8", _TEXT, _TEXT, _WHOLE, _WHOLE, _TEXT, _TEXT, _WHOLE]
_PASSAGE_TYPES += [_TEXT, _TEXT, _TEXT]
_PLACE_OF_TAGS = [name.strip() for name in PASSAGE_COLUMNS.split(",")].index("tags")


@dataclass(frozen=True, slots=True)
class _Stored:
    """A document of the live generation."""

    id: int
    digest: bytes
    record: str


@dataclass(frozen=True, slots=True)
class _New:
    """A document to store: its place among those gathered, and its ids."""

    place: int
    id: int
    first: int
    digest: bytes


class Publication:
    """The transaction that stores a generation."""

    def __init__(
        self,
        gathered: Gathered,
        connection: Connection,
        embeddings: HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
    ) -> None:
        self._gathered = gathered
        self._connection = connection
        self._embeddings = embeddings
        self._model = model
        self._recipe = recipe
        self._analyser: Analyser = analyser_for(recipe.language)
        self._terms: Counter[int] = Counter()  # change of each term's frequency

    def run(
        self,
        expected: int | None,
        corpus: Path | None,
        failures: tuple[Failure, ...],
        warnings: tuple[Failure, ...],
    ) -> str:
        """Store what is new, make it all the live generation, and return its name.

        Args:
            expected: number of the generation that must be the live one still.
            corpus, failures, warnings: as in ``contents.GenerationContents``.
        """
        live = self._one(
            "SELECT generation, next_document, next_passage FROM qa_app.live FOR UPDATE"
        )
        if live[0] != expected:
            raise IndexLockedError(
                f"Another build has published generation {live[0] or 0:06d} meanwhile.",
                "Build again.",
            )
        lock_words_index(self._connection)
        # Where the table is shared out over several servers, a crash may leave rows on some.
        self._connection.execute("DELETE FROM qa_app.searched WHERE document >= %s", (live[1],))
        stored, mean_length, code_width = self._reusable(live[0])
        new, documents, after = self._compare(stored, live[1], live[2])
        terms = self._gathered.analysed([item.place for item in new], self._analyser)
        mean_length = mean_length or terms.mean_length
        number = (live[0] or 0) + 1
        self._copy(new, terms, mean_length)
        self._forget(live[0], documents)
        description = indexes.bring_up_to_date(self._connection, *self._embeddings.shape)
        manifest = Manifest(
            generation=f"{number:06d}",
            created=datetime.now(UTC).isoformat(),
            model=self._model,
            recipe=self._recipe,
            documents=self._gathered.num_documents,
            passages=self._gathered.num_passages,
            vectors=description,
            files={},
            corpus="" if corpus is None else corpus.resolve().as_posix(),
            failures=failures,
            warnings=warnings,
        )
        self._publish(
            number, manifest, documents, mean_length, code_width or self._gathered.code_width()
        )
        self._connection.execute(
            "UPDATE qa_app.live SET generation = %s, next_document = %s, next_passage = %s",
            (number, *after),
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
        if abs(self._sampled_length() - mean_length) > _MOST_DRIFT * mean_length:
            return {}, 0.0, 0
        query = (
            "SELECT path, id, digest, record FROM qa_app.documents WHERE id IN "
            "(SELECT unnest(documents) FROM qa_app.generations WHERE number = %s)"
        )
        found = self._connection.execute(query, (live,)).fetchall()
        return {path: _Stored(*values) for path, *values in found}, mean_length, width

    def _sampled_length(self) -> float:
        """Return about the mean number of terms of a passage."""
        step = math.ceil(self._gathered.num_passages / _MOST_SAMPLED)
        rows = range(0, self._gathered.num_passages, step)
        lengths = [len(self._analyser.terms(text)) for text in self._gathered.texts(rows)]
        return sum(lengths) / len(lengths)

    def _compare(
        self, stored: dict[str, _Stored], next_document: int, next_passage: int
    ) -> tuple[list[_New], list[int], tuple[int, int]]:
        """Return the documents to store, the ids of all in row order, and the next ids."""
        new, ids = [], []
        for place in range(self._gathered.num_documents):
            record = self._gathered.record(place)
            values, passages = self._gathered.document(place), self._gathered.passages_of(place)
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
        return new, ids, (next_document, next_passage)

    def _copy(self, new: Sequence[_New], terms: AnalysedTerms, mean_length: float) -> None:
        """Store the new documents: everything of one table, then of the next."""
        by_index = has_bm25(self._connection)
        self._copy_rows(
            "documents",
            f"id, path, first, passages, digest, record, {DOCUMENT_COLUMNS}",
            ["int8", "text", "int8", "int4", "bytea", *["text"] * 6],
            map(self._document_row, new),
        )
        self._copy_rows(
            "passages",
            f"number, document, {PASSAGE_COLUMNS}, facets, content_hash, codes, words",
            [*_PASSAGE_TYPES, "text[]", "bytea", "bytea", "text"],
            (row for item in new for row in self._passage_rows(item, terms, by_index)),
        )
        self._copy_rows(
            "searched",
            "number, document, embedding, weights",
            ["int8", "int8", "bytea", "bytea"],
            (row for item in new for row in self._searched_rows(item, terms, mean_length)),
        )

    def _copy_rows(
        self, table: str, columns: str, types: Sequence[str], rows: Iterable[Sequence[Any]]
    ) -> None:
        query = f"COPY qa_app.{table} ({columns}) FROM STDIN (FORMAT BINARY)"
        with self._connection.cursor() as cursor, cursor.copy(query) as copy:
            copy.set_types(types)
            for row in rows:
                copy.write_row(row)

    def _document_row(self, item: _New) -> Sequence[Any]:
        record = self._gathered.record(item.place)
        values = self._gathered.document(item.place)
        refuse_nul(values)
        head = item.id, record.path, item.first, record.passages, item.digest
        return *head, dump_record(record), *values

    def _passage_rows(
        self, item: _New, terms: AnalysedTerms, by_index: bool
    ) -> Iterator[Sequence[Any]]:
        rows = self._gathered.record(item.place).rows
        passages, codes = self._gathered.passages_of(item.place), self._gathered.codes(rows)
        for n, (values, code) in enumerate(zip(passages, codes, strict=True)):
            tags = msgspec.json.decode(values[_PLACE_OF_TAGS], type=dict[str, list[str]])
            facets = [facet_key(name, value) for name, found in tags.items() for value in found]
            words = " ".join(map(word_of, terms.of(rows[n]))) if by_index else None
            digest = self._gathered.hashes[rows[n]]
            yield item.first + n, item.id, *values, facets, digest, code, words

    def _searched_rows(
        self, item: _New, terms: AnalysedTerms, mean_length: float
    ) -> Iterator[Sequence[Any]]:
        rows = self._gathered.record(item.place).rows
        for n, row in enumerate(rows):
            found = terms.of(row)
            counts = Counter(found)
            norm = bm25.K1 * (1 - bm25.B + bm25.B * len(found) / mean_length)
            weights = {term: count / (count + norm) for term, count in counts.items()}
            self._terms.update(counts.keys())
            vector = dump_half(self._embeddings[row])
            yield item.first + n, item.id, vector, dump_sparse(weights)

    def _forget(self, live: int | None, documents: Sequence[int]) -> None:
        """Take the terms of documents that the new generation has not off the frequencies."""
        if live is None:
            return
        (before,) = self._one("SELECT documents FROM qa_app.generations WHERE number = %s", (live,))
        gone = sorted(set(before).difference(documents))
        query = "SELECT weights FROM qa_app.searched WHERE document = ANY(%s)"
        with self._connection.cursor(binary=True) as cursor:
            for (weights,) in cursor.execute(query, (gone,)):
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
        for name, text in self._gathered.files.items():
            connection.execute("INSERT INTO qa_app.files VALUES (%s, %s, %s)", (number, name, text))

    def _one(self, query: str, values: Sequence[Any] = ()) -> Any:
        found = self._connection.execute(query, values).fetchone()
        if found is None:
            raise IndexLockedError("The index is being changed by another program.", "Try again.")
        return found
