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

    def explain(self, threshold: float, order: Logistic | None = None) -> Explanation:
        """Return the numbers for whoever asks why."""
        weights = order.weights if order is not None else {}
        return Explanation(threshold, self.intercept, self.weights, weights)


@dataclass(frozen=True, slots=True)
class Scale:
    """How sentences are judged.

    Attributes:
        answered: the chance that a sentence answers.
        order: by which sentences stand.
        threshold: chance from which the reports are held to answer.
        strong: chance from which the evidence is called strong.
    """

    answered: Logistic
    order: Logistic
    threshold: float
    strong: float


def chance(logit: float) -> float:
    """Return the logistic function of a weighted sum."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))


# What late interaction would find, by "covered", where no token vectors are stored: least squares
# over the sentences of xquad-en that have some (correlations 0.69, 0.57 and 0.51).
_GUESSES = {"late": (0.19, 0.52), "words": (0.21, 0.42), "weakest": (0.13, 0.27)}


def guess_late(covered: float) -> dict[str, float]:
    """Return the likely measures of late interaction of a sentence whose tokens are not stored."""
    return {name: base + slope * covered for name, (base, slope) in _GUESSES.items()}


# Of 0 and 1, for facts: 1 refused 1 in 100 questions fewer in corpora of one article. Rows of
# tables come out better without.
EVENNESS = 1.0

# Whether the corpus answers, from its best sentences: logistic regression on 1,100 questions of
# xquad-en, squad2-half and ten public reports (an analyst's words, not the report's), each asked
# with and without the article or report that answers it, of 8, 240, 646, 16,468 and 18,173
# passages; at lower weights, those again without the one paragraph or page that answers (0.2), and
# questions that squad2-half calls unanswerable (0.06): near misses, which are hard. A quote about
# another year is no answer; such questions are so few there that "misdated" was set by hand.
ANSWERED = Logistic(
    -6.85,
    {
        "late": 6.83,
        "words": 11.14,
        "weakest": 3.48,
        "lexical": 0.8,
        "length": -0.58,
        "unnamed": -0.78,
        "asked": 0.1,
        "misdated": -4.0,
        "share": 3.8,
        "size": -0.6,
    },
)

# Which sentence of the best passages answers: the same weights, and to them those of a conditional
# logit on 400 questions of xquad-en, 350 of squad2-half, and 82 about public reports, whose page
# is known (at three times the weight).
SENTENCE = Logistic(
    0.0,
    {
        "late": 12.1,
        "words": 15.6,
        "weakest": 9.2,
        "lexical": 6.8,
        "passage": 4.9,
        "length": -0.6,
        "unnamed": -0.8,
        "misdated": -7.0,
        "share": 3.8,
    },
)

# Under this 94 to 100 in 100 questions whose article is missing are refused, and 2 to 3 in 100
# others; among 16,468 passages 91 and 5.
THRESHOLD = 0.4
# The most that "size" can be: of more than some 3,000 passages, more make no difference.
MOST_SIZE = 3.5
STRONG = 0.8

# Sentences that no reader has read.
UNREAD = Scale(ANSWERED, SENTENCE, THRESHOLD, STRONG)

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
        return Scale(model, model, self.threshold, self.strong)


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
    return Scale(model, model, found["threshold"], found["strong"])


def _row_scale(found: Mapping[str, Any]) -> RowScale:
    model = Logistic(found["intercept"], found["weights"])
    return RowScale(model, found["prior"], found["threshold"], found["strong"])


_FITTED = _fitted()
# Sentences that the reader has read; rows of a "which …" question, read and not.
READ = _scale(_FITTED["fact"])
ROWS_READ = _row_scale(_FITTED["row"])
ROWS_UNREAD = _row_scale(_FITTED["row_unread"])
