"""Late interaction: MaxSim over the token vectors that were stored when the index was built.

Each token of the question is matched with the nearest token of a passage (ColBERT, Khattab and
Zaharia 2020). Here the tokens are the index encoder's own, weighted by the idf of their words.
Passages are not encoded again when a question is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_app.arrays import FloatArray, RowArray, SpanArray
from qa_app.embedding import (
    Encoder,
)
from qa_app.models import Passage
from qa_app.store.codes import unpack
from qa_app.store.documents import searchable_text
from qa_app.store.protocol import Generation

# Passages that get a MaxSim score; on the sets named in fusion.py eight gain as much as fifty.
MOST_SCORED = 16
# Weight of MaxSim against the fused score, both in standard deviations over those passages.
_WEIGHT = 0.8
# Below this standard deviation all passages match alike, and differences are rounding errors.
_LEAST_DEVIATION = 1e-6
_NOWHERE = -1  # offset of tokens outside the passage's text


@dataclass(frozen=True, slots=True)
class QuestionTokens:
    """The tokens of a question.

    Attributes:
        vectors: float32, shape (tokens, dim), unit rows.
        weights: float32, shape (tokens,), sum 1: by 1 + idf of each token's word.
        rarity: the same by idf alone, so 0 for stop words; ``weights`` if all are stop words.
    """

    vectors: FloatArray
    weights: FloatArray
    rarity: FloatArray


@dataclass(frozen=True, slots=True)
class PassageTokens:
    """The tokens of a passage, up to the encoder's token limit.

    Attributes:
        vectors: float32, shape (tokens, dim), unit rows; only the signs were stored.
        spans: int32, shape (tokens, 2): character offsets in the passage's text; -1 for special
            tokens and those of title and section path.
    """

    vectors: FloatArray
    spans: SpanArray

    def within(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Return a mask of the tokens that lie wholly in this span of the passage's text."""
        inside = (self.spans[:, 0] >= max(start, 0)) & (self.spans[:, 1] <= end)
        return np.asarray(inside, dtype=np.bool_)

    @property
    def context(self) -> npt.NDArray[np.bool_]:
        """A mask of the tokens of title and section path."""
        outside = self.spans[:, 0] < 0
        outside[:1] = outside[-1:] = False  # special tokens
        return np.asarray(outside, dtype=np.bool_)


class TokenReader:
    """Reads the stored tokens of one generation. Safe in several threads."""

    def __init__(self, generation: Generation, encoder: Encoder) -> None:
        self._generation = generation
        self._encoder = encoder

    def maxsim(self, question: str, rows: RowArray) -> dict[int, float]:
        """Return MaxSim by row for the first 16 of these rows, best first, that have tokens."""
        tokens = self._generation.tokens
        first = rows[:MOST_SCORED]
        codes = {
            int(row): found
            for row, found in zip(first, tokens.codes(first), strict=True)
            if len(found)
        }
        if not codes:
            return {}
        counts = np.array([len(found) for found in codes.values()])
        every = unpack(np.concatenate(list(codes.values())), tokens.dimension)
        scores = maxsim(self.question(question), every, counts)
        return dict(zip(codes, scores.tolist(), strict=True))

    def question(
        self, text: str, passed_over: Collection[str] = (), evenness: float = 0.0
    ) -> QuestionTokens:
        """Return the tokens of a question with their vectors and weights.

        Args:
            passed_over: terms that count as stop words.
            evenness: added to each term's idf, so that terms weigh more equally.
        """
        vectors = self._encoder.encode_query_tokens(text)
        lexical = self._generation.lexical
        words = text.split()
        terms = [set(lexical.analyser.terms(word)).difference(passed_over) for word in words]
        known = lexical.idf(set().union(*terms))
        idf = [max((known[term] for term in found), default=0.0) for found in terms]
        counts = self._encoder.count_tokens(words)
        weights = token_weights(counts, [1 + value for value in idf], len(vectors))
        even = [value + evenness if value else 0.0 for value in idf]
        rare = token_weights(counts, even, len(vectors)) if any(even) else weights
        return QuestionTokens(vectors, weights, rare)

    def passages(self, rows: Sequence[int], passages: Sequence[Passage]) -> list[PassageTokens]:
        """Return the stored tokens of each passage; empty where none were stored.

        Args:
            rows, passages: in the same order.
        """
        tokens = self._generation.tokens
        texts = [searchable_text(passage) for passage in passages]
        vectors = [unpack(codes, tokens.dimension) for codes in tokens.codes(rows)]
        before = [
            len(text) - len(passage.text) for text, passage in zip(texts, passages, strict=True)
        ]
        return [
            PassageTokens(own, _inside(spans, start, len(own)))
            for own, spans, start in zip(
                vectors, self._encoder.token_spans(texts), before, strict=True
            )
        ]


def _inside(spans: SpanArray, before: int, tokens: int) -> SpanArray:
    """Return spans of the searchable text as spans of the passage's, which begins at ``before``."""
    if len(spans) != tokens:  # the tokens do not match the stored vectors: offsets are unknown
        return np.full((tokens, 2), _NOWHERE, dtype=np.int32)
    moved = spans - before
    moved[(spans[:, 0] == spans[:, 1]) | (moved[:, 0] < 0)] = _NOWHERE
    return np.asarray(moved, dtype=np.int32)


def token_weights(counts: Sequence[int], idf: Sequence[float], tokens: int) -> FloatArray:
    """Return each token's weight, float32, sum 1: its word's idf, 0 for the special tokens.

    If the words' tokens do not add up to the question's (a prompt, truncation), all weigh the same.

    Args:
        counts: number of tokens of each word.
        idf: of each word.
        tokens: number of tokens of the question, with one special token at each end.
    """
    if sum(counts) + 2 != tokens or not any(counts):
        return np.full(tokens, 1 / tokens, dtype=np.float32)
    weights = np.zeros(tokens, dtype=np.float32)
    weights[1:-1] = np.repeat(idf, counts)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def maxsim(question: QuestionTokens, every: FloatArray, counts: RowArray) -> FloatArray:
    """Return for each passage the weighted mean of the question tokens' highest cosines, float32.

    Args:
        every: float32, shape (tokens, dim), unit rows: the passages' tokens, concatenated.
        counts: number of tokens of each passage, at least 1.
    """
    starts = np.cumsum(counts) - counts
    best = np.maximum.reduceat(question.vectors @ every.T, starts, axis=1)
    return np.asarray(question.weights @ best, dtype=np.float32)


def add_maxsim(rows: RowArray, scores: FloatArray, found: Mapping[int, float]) -> FloatArray:
    """Return the scores with MaxSim added for the rows that have one, leaving their mean as is."""
    places = np.flatnonzero([row in found for row in rows.tolist()])
    late = np.array([found[row] for row in rows[places].tolist()], dtype=np.float32)
    deviation = float(late.std()) if len(late) > 1 else 0.0
    if deviation < _LEAST_DEVIATION:
        return scores
    moved = scores.copy()
    step = _WEIGHT * float(scores[places].std()) / deviation
    moved[places] += step * (late - late.mean())
    return moved
