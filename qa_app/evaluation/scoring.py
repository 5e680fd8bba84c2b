"""What came of each question, the figures of the whole, and how two runs differ."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from qa_app.metrics import PairedDifference, auroc, paired_difference
from qa_app.models import Answer, Quote, SearchResult, Verdict

# Of a question: 1 where it was answered and should be, or refused and should be.
VERDICT = "right_verdict"
# What came instead of what was expected is shown by its first few.
_CAME = 3


@dataclass(frozen=True, slots=True)
class Scored:
    """What came of one question.

    Attributes:
        id: the set's own, or "row 7" of a file.
        expected: what should have come, in words for people; empty where a refusal should.
        figures: by name; a figure of the whole is the mean over the questions that have it.
        missed: what should have come did not.
        rank: of the first passage that was expected, as far down as was looked, or None.
        came: the first few that came.
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
    """Every question of a set, asked in one way."""

    scored: tuple[Scored, ...]
    figures: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A second way of asking the same questions, beside the first.

    Attributes:
        names: of the first and the second, as "index, best".
        figures: of the second.
        differences: by figure, second minus first.
    """

    names: tuple[str, str]
    figures: Mapping[str, Any]
    differences: Mapping[str, PairedDifference]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The figures of a set, and the questions that went wrong."""

    figures: Mapping[str, Any]
    misses: tuple[Scored, ...] = field(default=())
    comparison: Comparison | None = None


def evaluation_of(runs: Sequence[Run], names: Sequence[str]) -> Evaluation:
    """Return what one run gives, or two of the same questions side by side.

    Raises:
        ValueError: neither one run nor two, or not as many names.
    """
    if len(runs) not in {1, 2} or len(runs) != len(names):
        raise ValueError(f"{len(runs)} runs under {len(names)} names")
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
    comparison = Comparison((names[0], names[1]), second.figures, differences)
    return Evaluation(first.figures, misses, comparison)


def mean_figures(scored: Sequence[Scored], names: Sequence[str]) -> dict[str, float | None]:
    """Return the mean of each figure over the questions that have it, None where none has."""
    values = {
        name: [item.figures[name] for item in scored if name in item.figures] for name in names
    }
    return {name: float(np.mean(found)) if found else None for name, found in values.items()}


def score_refusal(
    possible: Sequence[Answer], refusable: Sequence[Answer]
) -> dict[str, float | None]:
    """Score the refusals: right when it is the second kind of question that is refused.

    What cannot be said for want of questions of a kind is None.
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
    """Return the first few passages, or quotes of an answer, with where they stand."""
    if isinstance(results, Answer):
        findings = results.findings or results.near_misses
        return tuple(Quote(item.quote, item.citation) for item in findings[:_CAME])
    return tuple(Quote(item.passage.text, item.citation) for item in list(results)[:_CAME])
