"""Formulas for following a lead: which rows a quote comes from, and negative relevance feedback."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from qa_app.arrays import FloatArray, RowArray
from qa_app.models import Place
from qa_app.retrieval.duplicates import is_repeat
from qa_app.store.protocol import Generation

# Weight of the rejected passages' mean vector against the question's: the largest that costs
# questions of one sense nothing; those of two senses gain (benchmarks/RESULTS.md, "Not this").
REJECTED_WEIGHT = 0.2
# Cosine from which a passage is a near duplicate of a rejected one.
NEAR_DUPLICATE = 0.97
# Nearest passages that are looked through for repeats of a rejected one.
_LOOKED_THROUGH = 100


def rows_at(generation: Generation, places: Iterable[Place]) -> RowArray:
    """Return the rows of the passages that places touch, ascending."""
    found = set()
    for place in places:
        rows = generation.document_rows(place.document)
        for row, passage in zip(rows, generation.passages(rows), strict=True):
            if passage.start < place.end and place.start < passage.end:
                found.add(row)
    return np.array(sorted(found), dtype=np.int64)


def with_repeats(
    generation: Generation, rows: RowArray, least_cosine: float = math.inf
) -> RowArray:
    """Return the rows with those of passages of the same wording, ascending.

    Args:
        least_cosine: from which on a passage counts as a repeat whatever its wording.
    """
    vectors = np.asarray(generation.stored_vectors(rows), dtype=np.float32)
    cosines, near = generation.vectors.search(vectors, _LOOKED_THROUGH)
    found = set(rows.tolist()) | set(near[cosines >= least_cosine].tolist())
    for row, others in zip(rows, near, strict=True):
        own, *texts = (item.text for item in generation.passages([row, *others]))
        repeats = (int(n) for n, text in zip(others, texts, strict=True) if is_repeat(own, text))
        found.update(repeats)
    return np.array(sorted(found), dtype=np.int64)


def mean_vector(vectors: FloatArray) -> FloatArray:
    """Return the mean of unit vectors as a unit vector, shape (1, dim)."""
    mean = vectors.mean(axis=0, keepdims=True)
    return np.asarray(mean / (np.linalg.norm(mean) or 1.0), dtype=np.float32)


def turn_away(query: FloatArray, rejected: FloatArray) -> FloatArray:
    """Return the query moved away from the mean of the rejected vectors, unit rows.

    The negative part of Rocchio's relevance feedback (1971).

    Args:
        query: float32, shape (num_queries, dim), unit rows.
        rejected: float32, shape (num_rejected, dim), unit rows, at least one.
    """
    moved = query - REJECTED_WEIGHT * rejected.mean(axis=0)
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    return np.asarray(np.divide(moved, lengths, out=query.copy(), where=lengths > 0))
