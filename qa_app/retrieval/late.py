"""Late interaction: each word of the question finds its best match among a passage's words.

Khattab and Zaharia's MaxSim (ColBERT, 2020) over the token vectors of the index's own encoder.
That encoder was not trained for it, so the vectors are centred first: what all the passages'
tokens have in common hides what tells them apart.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_app.analysis import analyse
from qa_app.embedding import Encoder
from qa_app.store.lexical import Lexical
from qa_app.store.vectors import FloatArray, RowArray

# Most and fewest passages that are read for a question, and the seconds that it may take: of a
# question's 300 ms, the choice of sentences needs some too. On the sets of feedback.py eight gain
# as much as fifty, and under six nothing: too few to say what is much and what is little.
MOST_READ = 16
LEAST_READ = 6
BUDGET = 0.2
# Weight of MaxSim against the fused score, both in standard deviations over the passages read.
_WEIGHT = 0.8
# A first guess at the encoder's pace, on purpose slow: 60 passages of 1,000 characters a second.
_SECONDS_PER_CHARACTER = 1 / 60_000
_CHARACTERS_PER_TOKEN = 5
# Passages between two looks at the clock.
_BATCH = 8
# What the guess is multiplied by after a question that could not be read for: on a machine that is
# too busy, one question in forty or so pays for finding out whether it still is.
_BOLDER = 0.97
# Below this all that was read matches alike, and the rest is rounding.
_LEAST_DEVIATION = 1e-6


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


class LateReader:
    """Reads passages word by word, as many as fit into the time. Safe in several threads."""

    def __init__(self, encoder: Encoder, lexical: Lexical, budget: float = BUDGET) -> None:
        self._encoder = encoder
        self._lexical = lexical
        self._budget = budget
        # What is beyond the model's limit is cut, and costs nothing.
        self._longest = _CHARACTERS_PER_TOKEN * encoder.identity.max_tokens
        # Threads may overwrite each other's guess, which is as good.
        self._pace = _SECONDS_PER_CHARACTER

    def read(self, question: str, rows: RowArray, texts: Sequence[str]) -> Reading:
        """Return what was found in the first of these passages.

        Args:
            question: as it was asked.
            rows: of the passages, best first.
            texts: of the passages, as they were embedded.
        """
        lengths = [min(len(text), self._longest) for text in texts]
        count = self.affordable(lengths)
        if count < min(LEAST_READ, len(texts)) or count < 2:
            # Next time the guess is bolder, so that one slow moment does not end all reading.
            self._pace *= _BOLDER
            return NOTHING_READ
        started = time.perf_counter()
        query = self._encoder.encode_tokens([question], queries=True)[0]
        passages: list[FloatArray] = []
        while len(passages) < count:
            passages += self._encoder.encode_tokens(texts[len(passages) : count][:_BATCH])
            seconds = time.perf_counter() - started
            if seconds * (1 + _BATCH / len(passages)) > self._budget:
                break
        count = len(passages)
        self._pace = (self._pace + seconds / max(sum(lengths[:count]), 1)) / 2
        late = max_similarity(query, passages, self._token_weights(question, len(query)))
        order = np.argsort(rows[:count])
        return Reading(rows[:count][order], late[order])

    def affordable(self, lengths: Sequence[int]) -> int:
        """Return how many of the first passages can be read in time, by their characters."""
        characters = np.cumsum(lengths[:MOST_READ])
        return int(np.searchsorted(characters * self._pace, self._budget, side="right"))

    def _token_weights(self, question: str, tokens: int) -> FloatArray:
        idf = self._lexical.idf
        words = question.split()
        rarity = [
            1 + max(map(idf, analyse(word, self._lexical.language)), default=0.0) for word in words
        ]
        return token_weights(self._encoder.count_tokens(words), rarity, tokens)


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


def max_similarity(
    query: FloatArray, passages: Sequence[FloatArray], weights: FloatArray
) -> FloatArray:
    """Return for each passage the weighted mean of the question's tokens' best centred cosines.

    Args:
        query: float32, shape (tokens, dim).
        passages: float32 each, shape (tokens, dim), at least one token.
        weights: float32, shape (tokens of the question,), summing to 1.
    """
    every = np.concatenate(passages)
    centre = every.mean(axis=0)
    starts = np.cumsum([0, *(len(tokens) for tokens in passages[:-1])])
    cosines = _unit(query - centre) @ _unit(every - centre).T
    return np.asarray(weights @ np.maximum.reduceat(cosines, starts, axis=1), dtype=np.float32)


def _unit(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-9), dtype=np.float32)
