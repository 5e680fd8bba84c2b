"""Metrics, results by question, and significance tests between two runs of the same questions."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from qa_app.api import Snapshot
from qa_app.indexing import BuildProgress
from qa_app.models import Answer, Mode, Quote, SearchResult, Verdict

# Name of the metric that is 1 where a question was rightly answered or rightly refused, else 0.
VERDICT = "right_verdict"
# Results kept for each question, to show what was found instead of the expected.
_CAME = 3
# Up to this many nonzero differences, all 2**n sign patterns are enumerated (at most 16,384).
_MOST_EXACT = 14
# Random resamples or sign patterns; the standard error of the p-value is then at most 0.005.
_ROUNDS = 10_000
# Arbitrary, but fixed: the same scores give the same intervals and p-values.
_SEED = 7
# Random numbers drawn per batch; limits memory for many questions.
_DRAWN = 2_000_000

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Side:
    """A system to evaluate: an index, a mode, and a display name such as "index, best"."""

    name: str
    snapshot: Snapshot
    mode: Mode


@dataclass(frozen=True, slots=True)
class Scored:
    """The result for one question.

    Attributes:
        id: from the set, or such as "row 7" of a CSV.
        expected: descriptions of the expected results; empty where the question should be refused.
        figures: metrics by name; a metric that does not apply is absent.
        missed: the expected result was not found, or the verdict was wrong.
        rank: of the first expected passage or quote, from 1; None if it was not found.
        came: the first few results.
    """

    id: str
    question: str
    expected: tuple[str, ...]
    figures: Mapping[str, float]
    missed: bool
    rank: int | None = None
    verdict: Verdict | None = None
    came: tuple[Quote, ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """Results of all questions for one side, and the metrics over all of them."""

    scored: tuple[Scored, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """Difference of two systems on the same questions, second minus first.

    Attributes:
        interval: 95 % bootstrap interval of the mean, (low, high).
        p_value: two-sided, from the paired randomisation test.
        better, worse, tied: numbers of questions on which the second scores higher, lower, equal.
    """

    mean: float
    interval: tuple[float, float]
    p_value: float
    better: int
    worse: int
    tied: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of two sides: their names, the second's metrics, and the paired differences."""

    names: tuple[str, str]
    figures: Mapping[str, Any]
    differences: Mapping[str, PairedDifference]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Metrics and misses of the first side, and the comparison if there is a second."""

    figures: Mapping[str, Any]
    misses: tuple[Scored, ...] = ()
    comparison: Comparison | None = None


def evaluation_of(runs: Sequence[Run], sides: Sequence[Side]) -> Evaluation:
    """Return the evaluation of one run, or of two runs of the same questions compared."""
    first, second = runs[0], runs[-1]
    misses = tuple(item for item in first.scored if item.missed)
    if len(runs) == 1:
        return Evaluation(first.figures, misses)
    differences = {}
    for name in dict.fromkeys(name for item in first.scored for name in item.figures):
        pairs = [
            (one.figures[name], other.figures[name])
            for one, other in zip(first.scored, second.scored, strict=True)
            if name in one.figures and name in other.figures
        ]
        differences[name] = paired_difference([a for a, _ in pairs], [b for _, b in pairs])
    comparison = Comparison((sides[0].name, sides[1].name), second.figures, differences)
    return Evaluation(first.figures, misses, comparison)


def each(items: Sequence[_Item], progress: BuildProgress, stage: str) -> Iterator[_Item]:
    """Yield the items, and advance the progress of the stage after each."""
    progress.stage(stage, len(items))
    for item in items:
        yield item
        progress.advance(1)


def mean_figures(scored: Sequence[Scored], names: Sequence[str]) -> dict[str, float | None]:
    """Return the mean of each metric over the questions that have it, None where none has."""
    values = {
        name: [item.figures[name] for item in scored if name in item.figures] for name in names
    }
    return {name: float(np.mean(found)) if found else None for name, found in values.items()}


def score_refusal(
    possible: Sequence[Answer], refusable: Sequence[Answer]
) -> dict[str, float | None]:
    """Return metrics of refusal: AUROC of confidence, precision, recall and false refusal rate.

    ``possible`` are the answers to questions that should be answered, ``refusable`` those to
    questions that should be refused. A metric that is undefined is None.
    """
    wrongly = sum(answer.verdict is Verdict.NOT_FOUND for answer in possible)
    rightly = sum(answer.verdict is Verdict.NOT_FOUND for answer in refusable)
    area = auroc(
        [answer.confidence for answer in possible], [answer.confidence for answer in refusable]
    )
    return {
        "auroc": None if math.isnan(area) else area,
        "precision": rightly / (rightly + wrongly) if rightly + wrongly else None,
        "recall": rightly / len(refusable) if refusable else None,
        "false_refusals": wrongly / len(possible) if possible else None,
    }


def quotes_of(results: Iterable[SearchResult] | Answer) -> tuple[Quote, ...]:
    """Return the first few passages, or quotes of an answer, with their citations."""
    if isinstance(results, Answer):
        findings = results.findings or results.near_misses
        return tuple(Quote(item.quote, item.citation) for item in findings[:_CAME])
    return tuple(Quote(item.passage.text, item.citation) for item in list(results)[:_CAME])


def ndcg_at(ranked: Sequence[str], judged: Mapping[str, float], depth: int) -> float:
    """Return normalised discounted cumulative gain, in [0, 1]; 0 where nothing is relevant.

    Linear gain and a base-2 logarithmic discount, relative to the best order of all judged items
    (Järvelin and Kekäläinen 2002, as in trec_eval). scikit-learn's function is not used: it needs
    a score for every judged item, which a ranking cut at a depth lacks.
    """
    gains = [max(judged.get(item, 0.0), 0.0) for item in ranked[:depth]]
    ideal = sorted((gain for gain in judged.values() if gain > 0), reverse=True)[:depth]
    return _discounted(gains) / _discounted(ideal) if ideal else 0.0


def recall_at(ranks: Sequence[int], total: int, depth: int) -> float:
    """Return the share of ``total`` relevant items found within the depth.

    ``ranks`` are those of the relevant items that were found, from 1.
    """
    return sum(rank <= depth for rank in ranks) / total


def reciprocal_rank_at(ranks: Sequence[int], depth: int) -> float:
    """Return the reciprocal of the best rank of a relevant item, 0 if none is within the depth."""
    return max((1.0 / rank for rank in ranks if rank <= depth), default=0.0)


def auroc(positives: Sequence[float], negatives: Sequence[float]) -> float:
    """Return the area under the ROC curve; NaN where either side is empty.

    It is the probability that a positive scores above a negative, with ties counted half.
    """
    if not positives or not negatives:
        return math.nan
    kinds = [1] * len(positives) + [0] * len(negatives)
    return float(roc_auc_score(kinds, [*positives, *negatives]))


def paired_difference(first: Sequence[float], second: Sequence[float]) -> PairedDifference:
    """Compare two systems by their scores on the same questions, in the same order.

    Raises:
        ValueError: the numbers of scores differ, or there are none.
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

    Under the null hypothesis each difference has either sign with equal probability. The p-value is
    the share of sign patterns whose sum is at least as far from 0 as the observed one: over all
    patterns for at most 14 nonzero differences, else over 10,000 seeded random patterns and the
    observed one (Fisher 1935; Smucker, Allan and Carterette 2007; Phipson and Smyth 2010). scipy's
    permutation_test doubles the smaller tail instead, which differs for random patterns.
    """
    values = np.asarray(differences, dtype=np.float64)
    values = values[values != 0]
    count = len(values)
    # Slightly lower, so that sums that differ only by rounding count as equal.
    bound = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if count <= _MOST_EXACT:
        patterns = np.arange(2**count)[:, None] >> np.arange(count) & 1
        return float((np.abs((1 - 2 * patterns) @ values) >= bound).mean())
    generator = np.random.default_rng(_SEED)
    extreme, batch = 0, max(1, min(_ROUNDS, _DRAWN // count))
    for start in range(0, _ROUNDS, batch):
        rounds = min(batch, _ROUNDS - start)
        signs = generator.integers(0, 2, (rounds, count), dtype=np.int8)
        extreme += int((np.abs((1 - 2 * signs) @ values) >= bound).sum())
    return (extreme + 1) / (_ROUNDS + 1)


def bootstrap_interval(values: Sequence[float] | NDArray[np.float64]) -> tuple[float, float]:
    """Return the 95 % percentile bootstrap interval of the mean (Efron 1979).

    From 10,000 seeded resamples; a single value is its own interval.
    """
    sample = np.asarray(values, dtype=np.float64)
    if len(sample) == 1:  # scipy needs at least two values
        return float(sample[0]), float(sample[0])
    found = stats.bootstrap(
        (sample,),
        np.mean,
        n_resamples=_ROUNDS,
        batch=max(1, _DRAWN // len(sample)),
        method="percentile",
        rng=np.random.default_rng(_SEED),
    )
    low, high = np.percentile(found.bootstrap_distribution, [2.5, 97.5])
    return float(low), float(high)


def _discounted(gains: Sequence[float]) -> float:
    return sum(gain / math.log2(rank + 1) for rank, gain in enumerate(gains, start=1))
