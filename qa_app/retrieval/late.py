"""Late interaction: each word of the question finds its best match among a passage's words.

Khattab and Zaharia's MaxSim (ColBERT, 2020) over the token vectors of the index's own encoder, as
they were stored when the index was built: a passage costs a fraction of a millisecond, and no
passage goes through the encoder when a question is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from qa_app.embedding import Encoder, SpanArray
from qa_app.models import Passage
from qa_app.store.generation import Generation
from qa_app.store.records import searchable_text
from qa_app.store.tokens import unpack
from qa_app.store.vectors import FloatArray, RowArray

# Passages that are read for a question. On the sets of feedback.py eight gain as much as fifty.
MOST_READ = 16
# Weight of MaxSim against the fused score, both in standard deviations over the passages read.
_WEIGHT = 0.8
# Below this all that was read matches alike, and the rest is rounding.
_LEAST_DEVIATION = 1e-6
_NOWHERE = -1


@dataclass(frozen=True, slots=True)
class Reading:
    """What late interaction found: rows that were read, ascending, and each one's MaxSim."""

    rows: RowArray
    late: FloatArray

    def adjust(self, rows: RowArray, scores: FloatArray) -> FloatArray:
        """Return the scores; those of rows that were read are moved, their mean stays."""
        places = np.flatnonzero(np.isin(rows, self.rows))
        late = self.late[np.searchsorted(self.rows, rows[places])]
        deviation = float(late.std()) if len(late) > 1 else 0.0
        if deviation < _LEAST_DEVIATION:
            return scores
        moved = scores.copy()
        step = _WEIGHT * float(scores[places].std()) / deviation
        moved[places] += step * (late - late.mean())
        return moved


NOTHING_READ = Reading(np.empty(0, dtype=np.int64), np.empty(0, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class QuestionTokens:
    """The tokens of a question.

    Attributes:
        vectors: float32, shape (tokens, dim), unit rows.
        weights: float32, shape (tokens,), summing to 1: by the rarity of each token's word.
        rarity: the same without anything for stop words, unless there is nothing else.
    """

    vectors: FloatArray
    weights: FloatArray
    rarity: FloatArray


@dataclass(frozen=True, slots=True)
class PassageTokens:
    """The tokens of a passage, as far as the model read it.

    Attributes:
        vectors: float32, shape (tokens, dim), unit rows, each dimension's sign alone.
        spans: int32, shape (tokens, 2): where in the passage's text each stands; -1 for the
            model's marks and for what stands in its title and section path.
    """

    vectors: FloatArray
    spans: SpanArray

    def within(self, start: int, end: int) -> npt.NDArray[np.bool_]:
        """Tell which tokens stand in this span of the passage's text."""
        inside = (self.spans[:, 0] >= max(start, 0)) & (self.spans[:, 1] <= end)
        return np.asarray(inside, dtype=np.bool_)

    @property
    def context(self) -> npt.NDArray[np.bool_]:
        """Which tokens are those of title and section path."""
        outside = self.spans[:, 0] < 0
        outside[:1] = outside[-1:] = False  # the model's marks
        return np.asarray(outside, dtype=np.bool_)


class TokenReader:
    """Reads the stored tokens of one generation. Safe in several threads."""

    def __init__(self, generation: Generation, encoder: Encoder) -> None:
        self._generation = generation
        self._encoder = encoder

    def read(self, question: str, rows: RowArray) -> Reading:
        """Return what was found in the first of these rows, which are best first."""
        tokens = self._generation.tokens
        first = rows[:MOST_READ]
        codes = [pair for pair in zip(first, tokens.codes(first), strict=True) if len(pair[1])]
        if not codes:
            return NOTHING_READ
        asked = self.question(question)
        counts = np.array([len(found) for _, found in codes])
        every = unpack(np.concatenate([found for _, found in codes]), tokens.dimension)
        late = max_similarity(asked, every, counts)
        read = np.array([row for row, _ in codes], dtype=np.int64)
        order = np.argsort(read)
        return Reading(read[order], late[order])

    def question(
        self, text: str, passed_over: Collection[str] = (), evenness: float = 0.0
    ) -> QuestionTokens:
        """Return the tokens of a question.

        Args:
            text: of the question.
            passed_over: terms that count as stop words.
            evenness: added to each term's idf, so that terms count more alike.
        """
        vectors = self._encoder.encode_query_tokens(text)
        lexical = self._generation.lexical
        words = text.split()
        terms = [set(lexical.analyser.terms(word)).difference(passed_over) for word in words]
        rarity = [max(map(lexical.idf, found), default=0.0) for found in terms]
        counts = self._encoder.count_tokens(words)
        weights = token_weights(counts, [1 + idf for idf in rarity], len(vectors))
        even = [idf + evenness if idf else 0.0 for idf in rarity]
        rare = token_weights(counts, even, len(vectors)) if any(even) else weights
        return QuestionTokens(vectors, weights, rare)

    def passages(self, rows: Sequence[int], passages: Sequence[Passage]) -> list[PassageTokens]:
        """Return the tokens of each passage; of no tokens where none were stored.

        Args:
            rows: of the passages.
            passages: in the same order.
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
    if len(spans) != tokens:  # another tokenizer than the model's own reads the text: unknown
        return np.full((tokens, 2), _NOWHERE, dtype=np.int32)
    moved = spans - before
    moved[(spans[:, 0] == spans[:, 1]) | (moved[:, 0] < 0)] = _NOWHERE
    return np.asarray(moved, dtype=np.int32)


def token_weights(counts: Sequence[int], rarity: Sequence[float], tokens: int) -> FloatArray:
    """Return each token's share of the question: its word's rarity; marks at the ends none.

    Where the words' tokens do not add up to the question's (a prompt, a cut), all count alike.

    Args:
        counts: tokens of each word.
        rarity: of each word.
        tokens: of the question, with one mark before and one behind.
    """
    if sum(counts) + 2 != tokens or not any(counts):
        return np.full(tokens, 1 / tokens, dtype=np.float32)
    weights = np.zeros(tokens, dtype=np.float32)
    weights[1:-1] = np.repeat(rarity, counts)
    return np.asarray(weights / weights.sum(), dtype=np.float32)


def max_similarity(question: QuestionTokens, every: FloatArray, counts: RowArray) -> FloatArray:
    """Return for each passage the weighted mean of the question's tokens' best cosines.

    Args:
        question: its tokens.
        every: float32, shape (tokens, dim), unit rows: the passages' tokens, one after another.
        counts: tokens of each passage, at least 1.
    """
    starts = np.cumsum(counts) - counts
    best = np.maximum.reduceat(question.vectors @ every.T, starts, axis=1)
    return np.asarray(question.weights @ best, dtype=np.float32)
