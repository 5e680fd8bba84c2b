"""Small logistic models over the measures of evidence: what was fitted, and on what."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from qa_app.models import Explanation


@dataclass(frozen=True, slots=True)
class Logistic:
    """A weighted sum of measures, as a chance in [0, 1]."""

    intercept: float
    weights: Mapping[str, float]

    def logit(self, scores: Mapping[str, float]) -> float:
        """Return the weighted sum; a measure that is missing counts as 0."""
        return self.intercept + sum(
            weight * scores.get(name, 0.0) for name, weight in self.weights.items()
        )

    def chance(self, scores: Mapping[str, float]) -> float:
        """Return the sum through the logistic function."""
        return chance(self.logit(scores))

    def over(self, cut: float) -> Logistic:
        """Return the model that gives a chance of one half at this weighted sum."""
        return Logistic(self.intercept - cut, self.weights)

    def explain(self, threshold: float) -> Explanation:
        """Return the numbers for whoever asks why."""
        return Explanation(threshold, self.intercept, self.weights)


@dataclass(frozen=True, slots=True)
class Scale:
    """How sentences are judged.

    Attributes:
        answered: the chance that a sentence answers.
        threshold: chance from which the reports are held to answer.
        strong: chance from which the evidence is called strong.
    """

    answered: Logistic
    threshold: float
    strong: float


def chance(logit: float) -> float:
    """Return the logistic function of a weighted sum."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))


# Values that the usual mean of a "which …" question counts as, beside those that there are.
SHRUNK_BY = 8


@dataclass(frozen=True, slots=True)
class RowScale:
    """How a value's best sentence is judged among those of the other values.

    If all speak of the matter, as policies on one subject do, only those that say it better than
    the others answer; of a few values the mean says little, and the usual one counts for more.

    Attributes:
        model: over what a sentence has more than the mean of the values.
        prior: weighted sum of a value's best sentence, in the mean over many questions.
        threshold, strong: as of ``Scale``.
    """

    model: Logistic
    prior: float
    threshold: float
    strong: float

    def total(self, scores: Mapping[str, float]) -> float:
        """Return a sentence's weighted sum, by which a value's best is chosen."""
        return self.model.logit(scores) - self.model.intercept

    def among(self, totals: Sequence[float]) -> Scale:
        """Return how sentences are judged, given the weighted sum of every value's best."""
        model = self.model.over(row_cut(totals, self.prior))
        return Scale(model, self.threshold, self.strong)


def row_cut(totals: Sequence[float], prior: float) -> float:
    """Return the mean of the weighted sums, shrunk towards the usual one."""
    return (sum(totals) + SHRUNK_BY * prior) / (len(totals) + SHRUNK_BY)


def _fitted() -> dict[str, Any]:
    """Return what ``training/calibrate.py`` and ``training/rows.py`` have fitted."""
    found: dict[str, Any] = json.loads(
        resources.files("qa_app.answering").joinpath("fitted.json").read_text("utf-8")
    )
    return found


def _scale(found: Mapping[str, Any]) -> Scale:
    model = Logistic(found["intercept"], found["weights"])
    return Scale(model, found["threshold"], found["strong"])


def _row_scale(found: Mapping[str, Any]) -> RowScale:
    model = Logistic(found["intercept"], found["weights"])
    return RowScale(model, found["prior"], found["threshold"], found["strong"])


_FITTED = _fitted()
# For sentences that the reader has read, and for those that it has not; the same for rows.
READ = _scale(_FITTED["fact"])
UNREAD = _scale(_FITTED["fact_unread"])
ROWS_READ = _row_scale(_FITTED["row"])
ROWS_UNREAD = _row_scale(_FITTED["row_unread"])
