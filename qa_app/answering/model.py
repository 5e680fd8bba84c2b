"""Logistic models over the features of sentences, with the fitted weights of ``fitted.json``."""

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
    """A logistic model: features to a probability in [0, 1]."""

    intercept: float
    weights: Mapping[str, float]

    def logit(self, scores: Mapping[str, float]) -> float:
        """Return the intercept plus the weighted sum; a missing feature counts as 0."""
        return self.intercept + sum(
            weight * scores.get(name, 0.0) for name, weight in self.weights.items()
        )

    def chance(self, scores: Mapping[str, float]) -> float:
        """Return the probability of the logit."""
        return chance(self.logit(scores))

    def over(self, cut: float) -> Logistic:
        """Return the model with ``cut`` subtracted from its intercept."""
        return Logistic(self.intercept - cut, self.weights)

    def explain(self, threshold: float) -> Explanation:
        """Return the intercept, weights and threshold as they are shown to users."""
        return Explanation(threshold, self.intercept, self.weights)


@dataclass(frozen=True, slots=True)
class Scale:
    """How sentences are judged.

    Attributes:
        answered: gives the probability that a sentence answers.
        threshold: least probability of an answer; below it the question counts as not answered.
        strong: least probability of strong support.
    """

    answered: Logistic
    threshold: float
    strong: float


def chance(logit: float) -> float:
    """Return the logistic function of a logit, clipped to ±40."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))


# Weight of the prior in ``row_level``, as a number of facet values.
SHRUNK_BY = 8
# The one feature of a row that is not compared with the other values: how near its passage comes to
# the best of all. It tells a corpus in which every value speaks of the subject from a mixed one.
UNCENTRED = "passage"


@dataclass(frozen=True, slots=True)
class RowScale:
    """How a value's best sentence is judged relative to the best sentences of the other values.

    If every value has sentences on the subject, as policies on one subject do, those above the
    mean are likelier to answer. With few values the mean is unreliable, so it is shrunk towards
    ``prior``.

    Attributes:
        model: over the features of a value's best sentence.
        prior: mean weighted sum of a value's best sentence over the questions fitted on, without
            ``UNCENTRED``.
        share: of the mean weighted sum that is subtracted, in [0, 1].
        threshold, strong: as in ``Scale``.
    """

    model: Logistic
    prior: float
    share: float
    threshold: float
    strong: float

    def total(self, scores: Mapping[str, float]) -> float:
        """Return a sentence's weighted sum without intercept, by which a value's best is chosen."""
        return self.model.logit(scores) - self.model.intercept

    def among(self, best: Sequence[Mapping[str, float]]) -> Scale:
        """Return the scale for one question, given the features of every value's best sentence."""
        passage = self.model.weights.get(UNCENTRED, 0.0)
        totals = [self.total(scores) - passage * scores.get(UNCENTRED, 0.0) for scores in best]
        model = self.model.over(self.share * row_level(totals, self.prior))
        return Scale(model, self.threshold, self.strong)


def row_level(totals: Sequence[float], prior: float) -> float:
    """Return the mean of the weighted sums, shrunk towards ``prior``."""
    return (sum(totals) + SHRUNK_BY * prior) / (len(totals) + SHRUNK_BY)


def _fitted() -> dict[str, Any]:
    """Return the models fitted by ``training/calibrate.py`` and ``training/rows.py``."""
    found: dict[str, Any] = json.loads(
        resources.files("qa_app.answering").joinpath("fitted.json").read_text("utf-8")
    )
    return found


def _scale(found: Mapping[str, Any]) -> Scale:
    model = Logistic(found["intercept"], found["weights"])
    return Scale(model, found["threshold"], found["strong"])


def _row_scale(found: Mapping[str, Any]) -> RowScale:
    model = Logistic(found["intercept"], found["weights"])
    return RowScale(model, found["prior"], found["share"], found["threshold"], found["strong"])


_FITTED = _fitted()
# For sentences with and without the reader's features; then the same for rows.
READ = _scale(_FITTED["fact"])
UNREAD = _scale(_FITTED["fact_unread"])
ROWS_READ = _row_scale(_FITTED["row"])
ROWS_UNREAD = _row_scale(_FITTED["row_unread"])
