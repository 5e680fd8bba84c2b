"""Figures of merit, from ranked lists and judgements alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# Up to this many questions that differ, every one of the 2**n sign patterns is counted.
_MOST_EXACT = 14
_ROUNDS = 10_000
_SEED = 7
# Numbers drawn at a time, so that many questions take little memory.
_DRAWN = 2_000_000


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


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """How two systems differ on the same questions; above 0 where the second scores higher.

    Attributes:
        mean: mean of second minus first.
        interval: 95 % bootstrap interval of the mean, (low, high).
        p_value: chance of a mean as far from 0 as this if the two were alike.
        better, worse, tied: questions on which the second scores higher, lower, the same.
    """

    mean: float
    interval: tuple[float, float]
    p_value: float
    better: int
    worse: int
    tied: int


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """Compare two systems by their scores on the same questions, in the same order.

    Raises:
        ValueError: not as many scores on one side as on the other, or none.
    """
    if len(first) != len(second) or not first:
        raise ValueError(f"{len(first)} and {len(second)} scores cannot be compared")
    differences = np.asarray(second, dtype=np.float64) - np.asarray(first, dtype=np.float64)
    better, worse = int((differences > 0).sum()), int((differences < 0).sum())
    return PairedDifference(
        mean=float(differences.mean()),
        interval=bootstrap_interval(differences),
        p_value=randomisation_p_value(differences),
        better=better,
        worse=worse,
        tied=len(differences) - better - worse,
    )


def randomisation_p_value(differences: Sequence[float] | NDArray[np.float64]) -> float:
    """Return the two-sided p-value of the paired randomisation test, in (0, 1].

    If the two systems were alike, each difference could as well have the other sign. The p-value
    is the share of sign patterns whose sum is at least as far from 0 as the one found: of all
    patterns where at most 14 differences are not 0, else of 10,000 seeded random ones and the one
    found (Fisher 1935; Smucker, Allan and Carterette 2007; Phipson and Smyth 2010).
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    count = len(values)
    # A hair less, so that sums that are equal but for rounding count as equal.
    bound = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if count <= _MOST_EXACT:
        patterns = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float((np.abs((1 - 2 * patterns) @ values) >= bound).mean())
    generator = np.random.default_rng(_SEED)
    extreme = 0
    for rounds in _batches(count):
        signs = generator.integers(0, 2, (rounds, count), dtype=np.int8)
        extreme += int((np.abs((1 - 2 * signs) @ values) >= bound).sum())
    return (extreme + 1) / (_ROUNDS + 1)


def bootstrap_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % interval of the mean: percentiles of 10,000 seeded resamples (Efron 1979)."""
    sample = np.asarray(values, dtype=np.float64)
    generator = np.random.default_rng(_SEED)
    means = [
        sample[generator.integers(0, len(sample), (rounds, len(sample)))].mean(axis=1)
        for rounds in _batches(len(sample))
    ]
    low, high = np.percentile(np.concatenate(means), [2.5, 97.5])
    return float(low), float(high)


def _batches(size: int) -> list[int]:
    """Return how many of the rounds to draw at a time."""
    batch = max(1, min(_ROUNDS, _DRAWN // max(1, size)))
    whole, rest = divmod(_ROUNDS, batch)
    return [batch] * whole + ([rest] if rest else [])


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
