"""Search in the database: nearest vectors by pgvector, BM25 by weights, and the token codes.

A passage's BM25 weights of its terms are a sparse vector, and a question's are its terms' idf; the
inner product is the score. Where the server has pg_textsearch, its index proposes candidates;
otherwise all weights are scanned. Scores are exact either way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.errors import StoreError
from qa_app.store import bm25
from qa_app.store.manifest import VectorsDescription
from qa_app.store.postgres.binary import (
    as_text,
    dimension_of,
    load_half,
    sparse_as_text,
    word_of,
)
from qa_app.store.postgres.connections import Connection
from qa_app.store.postgres.schema import may_search_words
from qa_app.store.postgres.view import GenerationConnections, View
from qa_app.text.analysis import Analyser

HNSW = "hnsw"
# Rows that are searched one by one; above, an approximate index is followed until enough of them
# are found.
_MOST_SCANNED = 100_000
# Rows whose vectors are fetched and compared here, to the last bit as in a folder's index; above,
# the server compares them, which differs in the seventh digit.
_MOST_FETCHED = 2_000
# Passages up to which all weights are scanned, 13 ms: in a small table PostgreSQL does not follow
# the index of words, but works out each row's score from its text, which takes 50 times as long.
_MOST_WEIGHED = 10_000
# Candidates asked of an approximate index, per hit wanted; exact scores choose among them.
_OVERSAMPLE = 4
# Candidates that pgvector keeps in view while it follows its index (ef_search): the most it allows.
# With 400 it found 0.99 of the nearest ten, and 0.95 of the nearest hundred (RESULTS.md).
_MOST_CANDIDATES = 1_000
_FOLLOW_INDEX = (
    f"SELECT set_config('hnsw.ef_search', '{_MOST_CANDIDATES}', false),"
    " set_config('hnsw.iterative_scan', 'strict_order', false)"
)
# The most times that a term is repeated in a question to pg_textsearch, which knows no weights.
_MOST_REPEATS = 8
# Terms of a question to pg_textsearch, those of the highest weight: more cost time, and the first
# candidates depend on few.
_MOST_TERMS = 24


class DatabaseVectors:
    """The vectors of a generation; implements ``protocol.Vectors``."""

    def __init__(
        self,
        connections: GenerationConnections,
        view: View,
        dimension: int,
        description: VectorsDescription,
    ) -> None:
        self._connections = connections
        self._view = view
        self._dimension = dimension
        self._is_approximate = description.kind == HNSW

    def at(self, rows: RowArray) -> HalfArray:
        """Return the vectors of these rows, float16, shape (len(rows), dim)."""
        found = self._fetch("number = ANY(%s)", (self._view.numbers(rows).tolist(),))
        places, vectors = self._placed(found, rows)
        return vectors[places]

    def search(
        self, query_embeddings: FloatArray, top_k: int, rows: RowArray | None = None
    ) -> tuple[FloatArray, RowArray]:
        """Return the nearest passages for each query, best first, equal scores by row."""
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1")
        queries = self._checked(query_embeddings)
        count = self._view.num_passages if rows is None else len(rows)
        if not count or not len(queries):
            nothing = np.empty((len(queries), 0))
            return nothing.astype(np.float32), nothing.astype(np.int64)
        found = [self._search(query, top_k, rows) for query in queries]
        width = min(top_k, *(len(nearest) for _, nearest in found))
        return (
            np.stack([scores[:width] for scores, _ in found]),
            np.stack([nearest[:width] for _, nearest in found]),
        )

    def scores(self, query_embeddings: FloatArray, rows: RowArray) -> FloatArray:
        """Return the exact cosines of queries and rows, float32, shape (num_queries, len(rows))."""
        queries = self._checked(query_embeddings)
        if len(rows) <= _MOST_FETCHED:
            vectors = self.at(rows) if len(rows) else np.empty((0, self._dimension))
            return queries @ vectors.astype(np.float32).T
        numbers = self._view.numbers(rows)
        scores = np.empty((len(queries), len(rows)), dtype=np.float32)
        for place, asked in enumerate(queries):
            with self._connections.reading() as connection:
                score = "-(embedding::vector <#> %s::vector)"
                scores[place] = _scores(connection, score, as_text(asked), numbers)
        return scores

    def _search(
        self, query: FloatArray, top_k: int, rows: RowArray | None
    ) -> tuple[FloatArray, RowArray]:
        wanted = min(_OVERSAMPLE * top_k, max(_MOST_CANDIDATES, top_k))
        where, values = self._view.condition(rows)
        approximately = self._is_approximate and (rows is None or len(rows) > _MOST_SCANNED)
        # Adding 0 keeps the planner from an approximate index, which may find too few of the rows.
        order = f"(embedding::halfvec({self._dimension})) <#> %s::halfvec({self._dimension})"
        order = order if approximately else f"({order}) + 0"
        where = f"{where} AND vector_dims(embedding) = {self._dimension}"
        where = f"{where} ORDER BY {order} LIMIT %s"
        found = self._fetch(where, (*values, as_text(query), wanted), approximately)
        vectors = np.array([load_half(content) for _, content in found], dtype=np.float32)
        nearest = self._view.rows(np.array([number for number, _ in found], dtype=np.int64))
        scores = (query[None] @ vectors.reshape(len(found), -1).T)[0] if found else query[:0]
        best = np.lexsort((nearest, -scores))[:top_k]
        return scores[best], nearest[best]

    def _fetch(self, where: str, values: Sequence[Any], approximately: bool = False) -> list[Any]:
        query = f"SELECT number, embedding FROM qa_app.searched WHERE {where}"
        with self._connections.reading() as connection:
            if approximately:
                connection.execute(_FOLLOW_INDEX)
            with connection.cursor(binary=True) as cursor:
                return cursor.execute(query, values).fetchall()

    def _placed(self, found: Sequence[Any], rows: RowArray) -> tuple[RowArray, HalfArray]:
        """Return for each row the place of its vector in the array of those fetched."""
        numbers = np.array([number for number, _ in found], dtype=np.int64)
        vectors = np.array([load_half(content) for _, content in found], dtype=np.float16)
        order = np.argsort(numbers)
        places = np.searchsorted(numbers[order], self._view.numbers(rows))
        return order[places], vectors.reshape(len(found), self._dimension)

    def _checked(self, query_embeddings: FloatArray) -> FloatArray:
        queries = np.ascontiguousarray(query_embeddings, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self._dimension:
            raise ValueError(
                f"queries have the shape {queries.shape}; the vectors have {self._dimension} "
                "dimensions"
            )
        return queries


class DatabaseLexical:
    """The BM25 weights of a generation; implements ``protocol.Lexical``."""

    def __init__(self, connections: GenerationConnections, view: View, analyser: Analyser) -> None:
        self.analyser = analyser
        self._connections = connections
        self._view = view
        self._frequencies: dict[str, int] = {}

    def scores(self, weights: Mapping[str, float] | Iterable[str]) -> DatabaseScores:
        """Return the scores for terms, each with its weight; a repeated term counts each time."""
        weighted = Counter[str](weights)
        idf = self.idf(weighted)
        question: dict[int, float] = {}
        for term, weight in weighted.items():
            if self._frequencies[term] and weight:
                dimension = dimension_of(term)
                question[dimension] = question.get(dimension, 0.0) + weight * idf[term]
        repeats = {dimension_of(term): weight for term, weight in weighted.items()}
        return DatabaseScores(self._connections, self._view, question, repeats)

    def rows_with(self, terms: Iterable[str]) -> RowArray:
        """Return the rows of the passages that have all of the terms, int64, ascending."""
        wanted = [sparse_as_text({dimension_of(term): 1.0}) for term in set(terms)]
        if not wanted:
            return np.empty(0, dtype=np.int64)
        where, values = self._view.condition(None)
        having = " AND weights <#> %s::sparsevec < 0" * len(wanted)
        query = f"SELECT number FROM qa_app.searched WHERE {where}{having}"
        with self._connections.reading() as connection:
            found = connection.execute(query, (*values, *wanted)).fetchall()
        return np.sort(self._view.rows(np.array([number for (number,) in found], dtype=np.int64)))

    def __contains__(self, term: str) -> bool:
        self._learn([term])
        return self._frequencies[term] > 0

    def idf(self, terms: Iterable[str]) -> dict[str, float]:
        """Return the idf of each of these terms; an unknown term has df = 0."""
        asked = dict.fromkeys(terms)  # in their order, so that sums do not differ in the last bit
        self._learn(asked)
        return {term: bm25.idf(self._frequencies[term], self._view.num_passages) for term in asked}

    def max_score(self, terms: Iterable[str]) -> float:
        """Return an upper bound of the BM25 score: the sum of idf, unknown terms included."""
        asked = list(terms)
        idf = self.idf(asked)
        return sum(idf[term] for term in asked)

    def _learn(self, terms: Collection[str]) -> None:
        """Fetch how many passages have each of these terms, and keep it."""
        new = [term for term in set(terms) if term not in self._frequencies]
        if not new:
            return
        query = (
            "SELECT DISTINCT ON (term) term, frequency FROM qa_app.terms "
            "WHERE term = ANY(%s) AND generation <= %s ORDER BY term, generation DESC"
        )
        dimensions = [dimension_of(term) for term in new]
        with self._connections.reading() as connection:
            found = connection.execute(query, (dimensions, self._view.generation)).fetchall()
        known = dict(found)
        for term, dimension in zip(new, dimensions, strict=True):
            self._frequencies[term] = known.get(dimension, 0)


class DatabaseScores:
    """The BM25 of the passages for one question; implements ``protocol.LexicalScores``.

    Args:
        question: idf times weight, by dimension.
        repeats: weights alone, by dimension.
    """

    def __init__(
        self,
        connections: GenerationConnections,
        view: View,
        question: Mapping[int, float],
        repeats: Mapping[int, float],
    ) -> None:
        self._connections = connections
        self._view = view
        self._question = sparse_as_text(question)
        self._weights = question
        self._repeats = repeats

    def best(self, top_k: int, rows: RowArray | None = None) -> RowArray:
        """Return the rows of the highest scores above 0, best first, ties by row."""
        if top_k < 1 or not self._weights or (rows is not None and not len(rows)):
            return np.empty(0, dtype=np.int64)
        where, values = self._view.condition(rows)
        by_index = (
            "SELECT number, -(weights <#> %s::sparsevec) FROM qa_app.searched WHERE number IN "
            f"(SELECT number FROM qa_app.passages WHERE {where} "
            "ORDER BY words <@> to_bm25query(%s, 'qa_app.passages_words') LIMIT %s)"
        )
        by_scan = (
            "SELECT number, -(weights <#> %s::sparsevec) AS score FROM qa_app.searched "
            f"WHERE {where} ORDER BY weights <#> %s::sparsevec, number LIMIT %s"
        )
        by_words = rows is None and self._view.num_passages > _MOST_WEIGHED
        with self._connections.reading() as connection, connection.transaction():
            if by_words and may_search_words(connection):
                # That it follows the index, whatever it believes of the table's size.
                connection.execute("SET LOCAL enable_seqscan = off")
                given = (self._question, *values, self._words(), _OVERSAMPLE * top_k)
                found = connection.execute(by_index, given).fetchall()
            else:
                given = (self._question, *values, self._question, 2 * top_k)
                found = connection.execute(by_scan, given).fetchall()
        numbers = np.array([number for number, score in found if score > 0], dtype=np.int64)
        scores = np.array([score for _, score in found if score > 0], dtype=np.float32)
        best = self._view.rows(numbers)
        return best[np.lexsort((best, -scores))][:top_k]

    def at(self, rows: RowArray) -> FloatArray:
        """Return the scores of these rows, float32, same shape, at least 0."""
        if not self._weights or not len(rows):
            return np.zeros(len(rows), dtype=np.float32)
        numbers = self._view.numbers(rows)
        with self._connections.reading() as connection:
            score = "-(weights <#> %s::sparsevec)"
            return _scores(connection, score, self._question, numbers)

    def _words(self) -> str:
        """Return the question for pg_textsearch; a term's weight is its number of repeats."""
        first = sorted(self._weights, key=lambda item: -self._weights[item])[:_MOST_TERMS]
        least = min(self._repeats[dimension] for dimension in first)
        return " ".join(
            word
            for dimension in first
            for word in [word_of(dimension)]
            * min(round(self._repeats[dimension] / least), _MOST_REPEATS)
        )


class DatabaseTokens:
    """The token codes of a generation; implements ``protocol.Tokens``.

    Args:
        width: bytes of a token's code; 0 where none are kept.
    """

    def __init__(
        self, connections: GenerationConnections, view: View, dimension: int, width: int
    ) -> None:
        self._connections = connections
        self._view = view
        self._width = width
        self.dimension = dimension if width in {0, -(-dimension // 8)} else 8 * width

    def codes(self, rows: Sequence[int] | RowArray) -> list[CodeArray]:
        """Return each row's codes, uint8, shape (tokens, bytes per token); tokens may be 0."""
        numbers = self._view.numbers(np.asarray(rows, dtype=np.int64)).tolist()
        query = "SELECT number, codes FROM qa_app.passages WHERE number = ANY(%s)"
        with (
            self._connections.reading() as connection,
            connection.cursor(binary=True) as cursor,
        ):
            found = dict(cursor.execute(query, (numbers,)).fetchall())
        width = self._width
        return [
            np.frombuffer(found[number], dtype=np.uint8).reshape(-1, width)
            if width
            else np.zeros((0, 0), dtype=np.uint8)
            for number in numbers
        ]


def _scores(connection: Connection, score: str, question: str, numbers: RowArray) -> FloatArray:
    """Return a score of each of these passages, float32, same shape.

    They come as one value, since to read 100,000 rows takes the driver ten times as long.

    Args:
        score: SQL expression over ``searched`` with one parameter, ``question``.
    """
    every, places = np.unique(numbers, return_inverse=True)
    query = (
        f"SELECT string_agg(float4send(({score})::real), ''::bytea ORDER BY number) "
        "FROM qa_app.searched WHERE number = ANY(%s)"
    )
    with connection.cursor(binary=True) as cursor:
        ((content,),) = cursor.execute(query, (question, every.tolist())).fetchall()
    found = np.frombuffer(content or b"", dtype=">f4").astype(np.float32)
    if len(found) < len(every):
        raise StoreError("Passages were removed while they were read.", "Ask again.")
    return found[places]
