"""Figures of merit, from ranked lists and judgements alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np


def ndcg_at(ranked: Sequence[str], judged: Mapping[str, float], depth: int) -> float:
    """Return normalised discounted cumulative gain, in [0, 1].

    Linear gain and a base-2 logarithmic discount, against the best order of everything judged
    (Järvelin and Kekäläinen 2002, as trec_eval has it). 0 where nothing is relevant.
    """
    gains = [max(judged.get(item, 0.0), 0.0) for item in ranked[:depth]]
    ideal = sorted((gain for gain in judged.values() if gain > 0), reverse=True)[:depth]
    best = _discounted(ideal)
    return _discounted(gains) / best if best else 0.0


def recall_at(ranked: Sequence[str], judged: Mapping[str, float], depth: int) -> float:
    """Return the share of the relevant items that are among the first ``depth``."""
    relevant = {item for item, gain in judged.items() if gain > 0}
    return len(relevant.intersection(ranked[:depth])) / len(relevant) if relevant else 0.0


def reciprocal_rank_at(ranked: Sequence[str], judged: Mapping[str, float], depth: int) -> float:
    """Return one over the rank of the first relevant item, 0 if none is in the first ``depth``."""
    for rank, item in enumerate(ranked[:depth], start=1):
        if judged.get(item, 0.0) > 0:
            return 1.0 / rank
    return 0.0


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the chance that a positive scores above a negative; ties count half.

    NaN where either side is empty. The Mann-Whitney statistic over the number of pairs.
    """
    if not positives or not negatives:
        return math.nan
    ordered = np.sort(np.asarray(negatives, dtype=np.float64))
    scores = np.asarray(positives, dtype=np.float64)
    below = np.searchsorted(ordered, scores, side="left")
    upto = np.searchsorted(ordered, scores, side="right")
    return float((below + upto).mean() / (2 * len(ordered)))


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
