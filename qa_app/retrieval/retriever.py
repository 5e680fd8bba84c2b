"""The query path: question, candidates, fused scores, results with citations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_app.arrays import FloatArray, RowArray
from qa_app.citations import cite_whole
from qa_app.embedding import Encoder
from qa_app.errors import QueryError
from qa_app.facets import Facets
from qa_app.models import Mode, Passage, SearchResult
from qa_app.reranking import Reranker
from qa_app.retrieval.duplicates import group_repeats
from qa_app.retrieval.filters import Filters, filter_rows
from qa_app.retrieval.fusion import (
    FEEDBACK_PASSAGES,
    POOL,
    best_rows,
    expand_query,
    feedback_strength,
    fuse,
    share_scores,
)
from qa_app.retrieval.late import TokenReader, add_maxsim
from qa_app.store.generation import Generation
from qa_app.store.records import searchable_text

MAX_QUESTION_CHARACTERS = 4_000
# Passages that a reranker is given at most.
_MOST_RERANKED = 50
# Repeats are looked for among this many times as many passages as are wanted.
_LOOKED_THROUGH = 3


@dataclass(frozen=True, slots=True)
class Ranked:
    """A row and what it scored.

    Attributes:
        score: what the ranking is by; comparable within one question only.
        scores: the parts, by name: "dense" is the cosine of question and passage, "lexical" is
            BM25, each as it was before any feedback; "rerank" is the reranker's, and "reranked"
            how many passages it read for the question.
        repeats: rows further down that say the same in the same words.
    """

    row: int
    score: float
    scores: Mapping[str, float] = field(default_factory=dict)
    repeats: tuple[int, ...] = ()


class Retriever:
    """Ranks the passages of one generation. Safe to use from several threads.

    ``encoder`` is the model that made its vectors; ``tokens`` reads its stored token vectors.
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
            distinct: show a wording once, and say where else it stands.

        Raises:
            QueryError: the question is empty or too long, or a filter names nothing.
        """
        check_question(question)
        rows = self.rows(filters)
        rank = self.rank_distinct if distinct else self.rank
        return self.results(rank(question, top_k, rows, mode))

    def rows(self, filters: Filters | None) -> RowArray | None:
        """Return the rows that pass the filters, or None where there are none.

        Raises:
            QueryError: a filter names nothing; what there is, is named.
        """
        return filter_rows(self.generation, filters, self.facets)

    def rank(
        self,
        question: str,
        top_k: int,
        rows: RowArray | None = None,
        mode: Mode = Mode.BEST,
    ) -> list[Ranked]:
        """Return the best rows, best first; fewer than ``top_k`` where fewer match at all.

        Args:
            question: any text.
            top_k: at least 1.
            rows: int64, ascending: the rows to rank; all of them unless told.
            mode: lexical leaves out passages that share no word with the question; fast leaves
                the reranker out, where there is one.

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
            found = best_rows(words, rows, top_k)
            return _ranked(found, words[found], {"lexical": words[found]})
        query = self.encoder.encode_queries([question])
        if mode is Mode.DENSE:
            cosines, nearest = self.generation.vectors.search(query, top_k, rows)
            return _ranked(nearest[0], cosines[0], {"dense": cosines[0]})
        pool = max(top_k, POOL)
        _, nearest = self.generation.vectors.search(query, pool, rows)
        found, score = self._fused(query, np.union1d(nearest, best_rows(words, rows, pool)), words)
        strength = feedback_strength(score)
        maxsim = self.tokens.maxsim(question, found)
        first, _ = _descending(found, add_maxsim(found, score, maxsim))
        wide = self._expanded_scores(terms, first[:FEEDBACK_PASSAGES], strength)
        found, score = self._fused(query, np.union1d(nearest, best_rows(wide, rows, pool)), wide)
        score = add_maxsim(found, score, maxsim)
        near = np.asarray(self.generation.vectors.embeddings[found[:POOL]], dtype=np.float32)
        shared = share_scores(score[:POOL], near, strength)
        found, score = _descending(found, np.concatenate([shared, score[POOL:]]))
        found, score = found[:top_k], score[:top_k]
        dense = self.generation.vectors.scores(query, found)[0]
        return _ranked(found, score, {"dense": dense, "lexical": words[found]})

    def rank_distinct(
        self,
        question: str,
        top_k: int,
        rows: RowArray | None = None,
        mode: Mode = Mode.BEST,
    ) -> list[Ranked]:
        """Return what ``rank`` does without passages that repeat one above them.

        They are noted with the one that they repeat, as far down as was looked.
        """
        if top_k < 1:
            return self.rank(question, top_k, rows, mode)
        # Twice as many, so that there are enough of them when repeats are taken out.
        ranked = self.rank(question, max(2 * top_k, POOL), rows, mode)
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
        """Return the passages with as many of the first as fit into the time ranked anew.

        A passage takes over the fused score of its new place, so that scores still descend.
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
        self, query: FloatArray, candidates: RowArray, words: FloatArray
    ) -> tuple[RowArray, FloatArray]:
        """Return the candidates with their fused scores, best first."""
        dense = self.generation.vectors.scores(query, candidates)[0]
        return _descending(candidates, fuse(dense, words[candidates]))

    def _expanded_scores(
        self, terms: Sequence[str], first: RowArray, strength: float
    ) -> FloatArray:
        """Return BM25 of every passage for the question with terms of its first passages."""
        lexical = self.generation.lexical
        passages = self.generation.passages(first)
        said = [lexical.analyser.terms(searchable_text(passage)) for passage in passages]
        return lexical.weighted_scores(expand_query(terms, said, lexical, strength))


def check_question(question: str) -> None:
    """Refuse a question that cannot be asked.

    Raises:
        QueryError: it is empty, holds NUL characters, or is over ``MAX_QUESTION_CHARACTERS``.
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
    # Equal scores stand in the order of their rows, so that the same question ranks the same.
    order = np.lexsort((rows, -scores))
    return rows[order], scores[order]


def _ranked(rows: RowArray, scores: FloatArray, parts: Mapping[str, FloatArray]) -> list[Ranked]:
    return [
        Ranked(
            int(row), float(scores[n]), {name: float(values[n]) for name, values in parts.items()}
        )
        for n, row in enumerate(rows)
    ]
