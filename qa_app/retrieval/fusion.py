"""Formulas of ranking: fusion of dense and lexical scores, and pseudo-relevance feedback.

Feedback is query expansion with terms of the first passages, and smoothing of scores over nearest
neighbours. Both rest on the cluster hypothesis (van Rijsbergen 1979): passages similar to relevant
ones are relevant too. It fails where one passage alone answers, so both are weakened if the first
passage's score stands out.

The weights of feedback were chosen on orsharc, qmsum-committee, cisi, npl and cranfield; the
scaling on these and xquad-en, clapnq and conditionalqa (benchmarks/RESULTS.md, "Ablation").
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from qa_app.arrays import FloatArray
from qa_app.store.protocol import Lexical

# Candidates from each of dense and lexical search. Both scores are computed for the union of the
# two, so that a passage found by one search only still gets its score from the other.
POOL = 100
# Share of BM25 in the fused score; cosines have the rest.
LEXICAL_WEIGHT = 0.45
# Passages at the top of the ranking whose terms expand the question.
FEEDBACK_PASSAGES = 5
# Largest share of the added terms in the expanded question, and their largest number.
_TERM_WEIGHT = 0.5
_MOST_TERMS = 40
# Largest share of a passage's score that comes from its nearest neighbours, and their number.
_NEIGHBOUR_WEIGHT = 0.4
_NEIGHBOURS = 8


def fuse(dense: FloatArray, lexical: FloatArray) -> FloatArray:
    """Return the weighted sum of both scores, each divided by its maximum, float32."""
    mixed = (1 - LEXICAL_WEIGHT) * _by_maximum(dense) + LEXICAL_WEIGHT * _by_maximum(lexical)
    return np.asarray(mixed, dtype=np.float32)


def _by_maximum(scores: FloatArray) -> FloatArray:
    most = scores.max(initial=0.0)
    return scores / most if most > 0 else np.zeros_like(scores)


def feedback_strength(scores: FloatArray) -> float:
    """Return the weight of feedback in [0, 1], low where the first score stands out.

    The square of the mean of the second to sixth score divided by the first. Its median is 0.2 on
    sets where one passage answers and BM25 nearly always finds it (xquad-en, clapnq), 0.8 where
    dozens are relevant (cisi, npl).

    Args:
        scores: fused, descending.
    """
    if len(scores) < 2 or scores[0] <= 0:
        return 0.0
    return float(min(scores[1:6].mean() / scores[0], 1.0)) ** 2


def expand_query(
    question: Sequence[str],
    passages: Sequence[Sequence[str]],
    lexical: Lexical,
    strength: float,
) -> dict[str, float]:
    """Return the question's terms and the passages' heaviest ones, with weights that sum to 1.

    After RM3 (Abdul-Jaleel and others 2004); a term weighs tf / (tf + 1) × idf in each passage.

    Args:
        question: its terms; without any, added terms weigh 0.
        passages: their terms.
        strength: of the feedback, in [0, 1].
    """
    weights: defaultdict[str, float] = defaultdict(float)
    idf = lexical.idf(term for terms in passages for term in terms)
    for terms in passages:
        for term, count in Counter(terms).items():
            weights[term] += count / (count + 1) * idf[term]
    found = sorted(weights.items(), key=lambda item: (-item[1], item[0]))[:_MOST_TERMS]
    share = _TERM_WEIGHT * strength if question and found else 0.0
    asked = Counter(question)
    expanded = {term: (1 - share) * count / asked.total() for term, count in asked.items()}
    total = sum(weight for _, weight in found)
    for term, weight in found:
        expanded[term] = expanded.get(term, 0.0) + share * weight / total
    return expanded


def share_scores(scores: FloatArray, embeddings: FloatArray, strength: float) -> FloatArray:
    """Return each score mixed with the cosine-weighted mean of its nearest neighbours' scores.

    One step of Diaz, Regularizing Ad Hoc Retrieval Scores (2005).

    Args:
        scores: float32, shape (num_passages,).
        embeddings: float32, shape (num_passages, dim), unit rows.
        strength: of the feedback, in [0, 1].
    """
    count = min(_NEIGHBOURS, len(scores) - 1)
    if count < 1:
        return scores
    cosines = embeddings @ embeddings.T
    np.fill_diagonal(cosines, -2.0)  # below any cosine: no passage is its own neighbour
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    weights = np.take_along_axis(cosines, nearest, axis=1).clip(min=1e-6)
    means = (weights * scores[nearest]).sum(axis=1) / weights.sum(axis=1)
    share = _NEIGHBOUR_WEIGHT * strength
    return np.asarray((1 - share) * scores + share * means, dtype=np.float32)
