"""Feedback: what the first passages say widens the question, and neighbours share their scores.

Both steps rest on the cluster hypothesis (van Rijsbergen 1979), that passages like relevant
ones are relevant too. It fails where one passage alone answers, so both are scaled by how little
the first passage stands out.

The weights were chosen on orsharc, qmsum-committee, cisi, npl and cranfield; how they are scaled,
with xquad-en, clapnq and conditionalqa in sight too (benchmarks/RESULTS.md, "Ablation").
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from qa_app.store.lexical import Lexical
from qa_app.store.vectors import FloatArray

# Passages that are fed back, by rank.
FEEDBACK_PASSAGES = 5
# Share of the fed-back terms in the widened question, and how many of them.
_TERM_WEIGHT = 0.5
_MOST_TERMS = 40
# Share of a passage's score that comes from its nearest neighbours, and how many these are.
_NEIGHBOUR_WEIGHT = 0.4
_NEIGHBOURS = 8


def feedback_strength(scores: FloatArray) -> float:
    """Return how far to trust feedback, in [0, 1]: little where one passage stands out.

    The mean of the second to the sixth score over the first, squared. Its median is 0.2 on sets
    where one passage answers and BM25 finds it nearly always (xquad-en, clapnq), 0.8 where dozens
    are relevant (cisi, npl).

    Args:
        scores: fused, descending.
    """
    if len(scores) < 2 or scores[0] <= 0:
        return 0.0
    return float(min(scores[1:6].mean() / scores[0], 1.0)) ** 2


def widen_terms(
    question: Sequence[str], passages: Sequence[Sequence[str]], lexical: Lexical, strength: float
) -> dict[str, float]:
    """Return the question's terms and the passages' weightiest ones, with weights that sum to 1.

    After RM3 (Abdul-Jaleel and others 2004), with each passage's terms weighted as BM25 does.

    Args:
        question, passages: analysed.
        strength: in [0, 1].
    """
    weights: defaultdict[str, float] = defaultdict(float)
    for terms in passages:
        for term, count in Counter(terms).items():
            weights[term] += count / (count + 1) * lexical.idf(term)
    found = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TERMS]
    share = _TERM_WEIGHT * strength if question and found else 0.0
    asked = Counter(question)
    widened = {term: (1 - share) * count / asked.total() for term, count in asked.items()}
    total = sum(weight for _, weight in found)
    for term, weight in found:
        widened[term] = widened.get(term, 0.0) + share * weight / total
    return widened


def share_scores(scores: FloatArray, embeddings: FloatArray, strength: float) -> FloatArray:
    """Return each score mixed with the mean of its nearest neighbours', weighted by cosine.

    After Diaz, Regularizing Ad Hoc Retrieval Scores (2005), in one step.

    Args:
        scores: float32, shape (num_passages,).
        embeddings: float32, shape (num_passages, dim), unit rows.
        strength: in [0, 1].
    """
    count = min(_NEIGHBOURS, len(scores) - 1)
    if count < 1:
        return scores
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2.0)  # no neighbour of itself
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    weights = np.take_along_axis(cosines, nearest, axis=1).clip(min=1e-6)
    means = (weights * scores[nearest]).sum(axis=1) / weights.sum(axis=1)
    share = _NEIGHBOUR_WEIGHT * strength
    return np.asarray((1 - share) * scores + share * means, dtype=np.float32)
