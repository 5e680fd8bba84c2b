"""The arithmetic of fusion: candidates from both sides, exact scores of both kinds for all."""

from __future__ import annotations

import numpy as np

from qa_app.store.vectors import FloatArray, RowArray

# Candidates of each kind. Both kinds' exact scores are taken for the whole union, so that a
# passage found by one side only is not punished for a rank that the other side did not give it.
POOL = 100
# Share of BM25 in the sum.
LEXICAL_WEIGHT = 0.45


def best_rows(scores: FloatArray, rows: RowArray | None, top_k: int) -> RowArray:
    """Return the rows of the highest scores above 0, best first, ties by row.

    Args:
        scores: float32, shape (num_passages,).
        rows: the rows to choose from, or None for all.
        top_k: most to return.
    """
    chosen = scores if rows is None else scores[rows]
    k = min(top_k, len(chosen))
    if k == 0:
        return np.empty(0, dtype=np.int64)
    places = np.argpartition(-chosen, k - 1)[:k]
    places = places[chosen[places] > 0]
    found = places if rows is None else rows[places]
    return found[np.lexsort((found, -scores[found]))].astype(np.int64)


def by_maximum(scores: FloatArray) -> FloatArray:
    """Return the scores divided by their maximum, or zeros where none is above 0."""
    most = scores.max(initial=0.0)
    return scores / most if most > 0 else np.zeros_like(scores)


def fuse(dense: FloatArray, lexical: FloatArray) -> FloatArray:
    """Return the weighted sum of both scores, each divided by its maximum."""
    mixed = (1 - LEXICAL_WEIGHT) * by_maximum(dense) + LEXICAL_WEIGHT * by_maximum(lexical)
    return np.asarray(mixed, dtype=np.float32)
