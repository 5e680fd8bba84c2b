"""Ranks passages for a question: candidates, fused scores, results with citations."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_app.arrays import FloatArray, RowArray
from qa_app.citations import cite_whole
from qa_app.embedding import Encoder
from qa_app.errors import QueryError
from qa_app.facets import Facets
from qa_app.models import Mode, Passage, Place, SearchResult
from qa_app.reranking import Reranker
from qa_app.retrieval.duplicates import group_repeats
from qa_app.retrieval.filters import Filters, filter_rows
from qa_app.retrieval.fusion import (
    FEEDBACK_PASSAGES,
    POOL,
    expand_query,
    feedback_strength,
    fuse,
    share_scores,
)
from qa_app.retrieval.late import TokenReader, add_maxsim
from qa_app.retrieval.leads import NEAR_DUPLICATE, mean_vector, rows_at, turn_away, with_repeats
from qa_app.store.documents import searchable_text
from qa_app.store.protocol import Generation, LexicalScores

MAX_QUESTION_CHARACTERS = 4_000  # bounds the cost of a request; questions are far shorter
# Most passages that a reranker is given.
_MOST_RERANKED = 50
# Passages searched for repeats, as a multiple of the passages asked for.
_LOOKED_THROUGH = 3


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row and its scores.

    Attributes:
        score: the score ranked by; comparable within one question only.
        scores: component scores, by name: "dense" is the cosine of question and passage and
            "lexical" is BM25, both before feedback; "rerank" is the reranker's score, and
            "reranked" the number of passages that it scored for the question.
        repeats: lower-ranked rows with the same wording.
    """

    row: int
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    repeats: tuple[int, ...] = ()


class Retriever:
    """Ranks the passages of one generation. Safe to use from several threads.

    ``encoder`` must be the model that made its vectors; ``tokens`` reads its token vectors.
    """

    def __init__(
        self,
        generation: Generation,
        encoder: Encoder,
        facets: Facets | None = None,
        reranker: Reranker | None = None,
    ) -> None:
        self.generation = generation
        self.encoder = encoder
        self.facets = facets or Facets()
        self.tokens = TokenReader(generation, encoder)
        self._reranker = reranker
        self._rejected: FloatArray | None = None
        self._left_out: RowArray | None = None

    def without(self, places: Sequence[Place]) -> Retriever:
        """Return a retriever whose ``rows`` leave out the passages at these places.

        Their repeats and near duplicates are left out too, and questions are moved away from their
        vectors.
        """
        rows = rows_at(self.generation, places)
        other = copy.copy(self)
        other._rejected = np.asarray(self.generation.stored_vectors(rows), dtype=np.float32)
        other._left_out = with_repeats(self.generation, rows, NEAR_DUPLICATE)
        return other

    def encode(self, question: str) -> FloatArray:
        """Return the question's vector, moved away from rejected ones, shape (1, dim)."""
        query = self.encoder.encode_queries([question])
        return query if self._rejected is None else turn_away(query, self._rejected)

    def search(
        self,
        question: str,
        top_k: int = 8,
        filters: Filters | None = None,
        mode: Mode = Mode.BEST,
        distinct: bool = True,
    ) -> tuple[SearchResult, ...]:
        """Return the best passages with their citations, best first.

        Args:
            question, top_k, filters, mode: as in ``Index.search``.
            distinct: return each wording once, with citations of its repeats.

        Raises:
            QueryError: the question, a filter or ``top_k`` is not valid.
        """
        check_question(question)
        rows = self.rows(filters)
        rank = self.rank_distinct if distinct else self.rank
        return self.results(rank(question, top_k, rows, mode))

    def rows(self, filters: Filters | None) -> RowArray | None:
        """Return the rows that pass the filters, or None if there are no filters.

        Raises:
            QueryError: a filter is malformed, or names an unknown facet or value.
        """
        rows = filter_rows(self.generation, filters, self.facets)
        if self._left_out is None:
            return rows
        every = np.arange(self.generation.num_passages) if rows is None else rows
        return np.setdiff1d(every, self._left_out, assume_unique=True)

    def search_like(
        self, place: Place, top_k: int = 8, filters: Filters | None = None
    ) -> tuple[SearchResult, ...]:
        """Return the passages nearest to those at a place, without them and their repeats.

        By the cosine of the stored vectors, mixed with BM25 of the passages' terms.

        Raises:
            QueryError: a filter or ``top_k`` is not valid.
        """
        if top_k < 1:
            raise QueryError(f"{top_k} passages were asked for.", "Ask for 1 or more.")
        seed = rows_at(self.generation, [place])
        like = copy.copy(self)
        like._left_out = with_repeats(self.generation, seed)
        rows = like.rows(filters)
        vectors = self.generation.vectors
        query = mean_vector(np.asarray(self.generation.stored_vectors(seed), dtype=np.float32))
        passages = self.generation.passages(seed)
        terms = self.generation.lexical.analyser.terms(" ".join(item.text for item in passages))
        words = self.generation.lexical.scores(terms)
        pool = max(2 * top_k, POOL)
        _, nearest = vectors.search(query, pool, rows)
        found, score = self._fused(query, np.union1d(nearest, words.best(pool, rows)), words)
        dense = vectors.scores(query, found)[0]
        return self.results(self._distinct(_ranked(found, score, {"dense": dense}), top_k))

    def rank(
        self,
        question: str,
        top_k: int,
        rows: RowArray | None = None,
        mode: Mode = Mode.BEST,
    ) -> list[Ranked]:
        """Return the best rows, best first; fewer than ``top_k`` if fewer match.

        Args:
            rows: int64, ascending: the rows to rank; None for all.
            mode: ``LEXICAL`` leaves out passages that share no term with the question; ``FAST``
                does not use the reranker.

        Raises:
            QueryError: ``top_k`` is under 1.
        """
        if top_k < 1:
            raise QueryError(f"{top_k} passages were asked for.", "Ask for 1 or more.")
        if rows is not None and not len(rows):
            return []
        if self._reranker is None or mode is Mode.FAST:
            return self._rank(question, top_k, rows, mode)
        ranked = self._rank(question, max(top_k, _MOST_RERANKED), rows, mode)
        return self._reranked(self._reranker, question, ranked)[:top_k]

    def _rank(self, question: str, top_k: int, rows: RowArray | None, mode: Mode) -> list[Ranked]:
        lexical = self.generation.lexical
        terms = lexical.analyser.terms(question)
        words = lexical.scores(terms)
        if mode is Mode.LEXICAL:
            found = words.best(top_k, rows)
            score = words.at(found)
            return _ranked(found, score, {"lexical": score})
        query = self.encode(question)
        if mode is Mode.DENSE:
            cosines, nearest = self.generation.vectors.search(query, top_k, rows)
            return _ranked(nearest[0], cosines[0], {"dense": cosines[0]})
        pool = max(top_k, POOL)
        _, nearest = self.generation.vectors.search(query, pool, rows)
        found, score = self._fused(query, np.union1d(nearest, words.best(pool, rows)), words)
        strength = feedback_strength(score)
        maxsim = self.tokens.maxsim(question, found)
        first, _ = _descending(found, add_maxsim(found, score, maxsim))
        wide = self._expanded_scores(terms, first[:FEEDBACK_PASSAGES], strength)
        found, score = self._fused(query, np.union1d(nearest, wide.best(pool, rows)), wide)
        score = add_maxsim(found, score, maxsim)
        near = np.asarray(self.generation.stored_vectors(found[:POOL]), dtype=np.float32)
        shared = share_scores(score[:POOL], near, strength)
        found, score = _descending(found, np.concatenate([shared, score[POOL:]]))
        found, score = found[:top_k], score[:top_k]
        dense = self.generation.vectors.scores(query, found)[0]
        return _ranked(found, score, {"dense": dense, "lexical": words.at(found)})

    def rank_distinct(
        self,
        question: str,
        top_k: int,
        rows: RowArray | None = None,
        mode: Mode = Mode.BEST,
    ) -> list[Ranked]:
        """Return what ``rank`` does, without passages that repeat a higher one.

        Repeats found among the passages searched are listed with the one that they repeat.

        Raises:
            QueryError: ``top_k`` is under 1.
        """
        if top_k < 1:
            return self.rank(question, top_k, rows, mode)
        # At least twice as many, so that enough are left without the repeats.
        return self._distinct(self.rank(question, max(2 * top_k, POOL), rows, mode), top_k)

    def _distinct(self, ranked: Sequence[Ranked], top_k: int) -> list[Ranked]:
        depth, groups = 0, list[list[int]]()
        while len(groups) < top_k and depth < len(ranked):
            depth = min(max(_LOOKED_THROUGH * top_k, 2 * depth), len(ranked))
            passages = self.generation.passages([item.row for item in ranked[:depth]])
            groups = group_repeats([passage.text for passage in passages])
        return [
            replace(ranked[first], repeats=tuple(ranked[place].row for place in others))
            for first, *others in groups[:top_k]
        ]

    def results(self, ranked: Sequence[Ranked]) -> tuple[SearchResult, ...]:
        """Return ranked rows as passages with citations."""
        found = self.passages(ranked)
        return tuple(
            SearchResult(
                rank=rank,
                score=item.score,
                passage=found[item.row],
                citation=cite_whole(found[item.row]),
                scores=item.scores,
                also_in=tuple(cite_whole(found[row]) for row in item.repeats),
            )
            for rank, item in enumerate(ranked, start=1)
        )

    def passages(self, ranked: Sequence[Ranked]) -> dict[int, Passage]:
        """Return the passages of ranked rows and of those that repeat them, by row."""
        rows = [row for item in ranked for row in (item.row, *item.repeats)]
        return dict(zip(rows, self.generation.passages(rows), strict=True))

    def _reranked(
        self, reranker: Reranker, question: str, ranked: Sequence[Ranked]
    ) -> list[Ranked]:
        """Return the passages with the first ones reordered, as many as the time limit allows.

        A passage takes the fused score of its new place, so that scores still descend.
        """
        first = self.generation.passages([item.row for item in ranked[:_MOST_RERANKED]])
        found = reranker.score(question, [searchable_text(passage) for passage in first])
        order = np.argsort(-found, kind="stable")
        moved = [
            replace(
                ranked[place],
                score=ranked[rank].score,
                scores={
                    **ranked[place].scores,
                    "rerank": float(found[place]),
                    "reranked": len(found),
                },
            )
            for rank, place in enumerate(order)
        ]
        return [*moved, *ranked[len(found) :]]

    def _fused(
        self, query: FloatArray, candidates: RowArray, words: LexicalScores
    ) -> tuple[RowArray, FloatArray]:
        """Return the candidates with their fused scores, best first."""
        dense = self.generation.vectors.scores(query, candidates)[0]
        return _descending(candidates, fuse(dense, words.at(candidates)))

    def _expanded_scores(
        self, terms: Sequence[str], first: RowArray, strength: float
    ) -> LexicalScores:
        """Return the passages' BM25 for the question expanded by terms of its first passages."""
        lexical = self.generation.lexical
        passages = self.generation.passages(first)
        said = [lexical.analyser.terms(searchable_text(passage)) for passage in passages]
        return lexical.scores(expand_query(terms, said, lexical, strength))


def check_question(question: str) -> None:
    """Raise ``QueryError`` for a question that is empty, too long or has NUL characters.

    The most is ``MAX_QUESTION_CHARACTERS``.
    """
    if not question.strip():
        raise QueryError("The question is empty.", "Ask in plain words.")
    if "\x00" in question:
        raise QueryError("The question holds a NUL character.", "Type it again as plain text.")
    if len(question) > MAX_QUESTION_CHARACTERS:
        raise QueryError(
            f"The question has {len(question):,} characters; "
            f"the most is {MAX_QUESTION_CHARACTERS:,}.",
            "Ask a shorter question.",
        )


def _descending(rows: RowArray, scores: FloatArray) -> tuple[RowArray, FloatArray]:
    # Ties are broken by row, so that the order is deterministic.
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _ranked(rows: RowArray, scores: FloatArray, parts: Mapping[str, FloatArray]) -> list[Ranked]:
    return [
        Ranked(
            int(row), float(scores[n]), {name: float(values[n]) for name, values in parts.items()}
        )
        for n, row in enumerate(rows)
    ]
