"""Small logistic models over the measures of evidence: what was fitted, and on what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

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

    def explain(self, threshold: float, order: Logistic | None = None) -> Explanation:
        """Return the numbers for whoever asks why."""
        weights = order.weights if order is not None else {}
        return Explanation(threshold, self.intercept, self.weights, weights)


def chance(logit: float) -> float:
    """Return the logistic function of a weighted sum."""
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, logit))))


# What late interaction would find, by "covered", where no token vectors are stored: least squares
# over the sentences of xquad-en that have some (correlations 0.69, 0.57 and 0.51).
_GUESSES = {"late": (0.19, 0.52), "words": (0.21, 0.42), "weakest": (0.13, 0.27)}


def guess_late(covered: float) -> dict[str, float]:
    """Return the likely measures of late interaction of a sentence whose tokens are not stored."""
    return {name: base + slope * covered for name, (base, slope) in _GUESSES.items()}


# Which sentence of the best passages answers: conditional logit on questions of xquad-en.
SENTENCE = Logistic(
    0.0,
    {"late": 4.3, "words": -7.2, "weakest": 14.3, "lexical": 9.3, "passage": 8.2, "kind": 1.7},
)

# Whether the corpus answers, from its best sentence: logistic regression on the same questions,
# each asked with and without the article that answers it, and again of corpora of one article.
ANSWERED = Logistic(
    -12.5, {"late": 12.2, "dense": 14.8, "share": 2.9, "covered": 5.1, "absent": -2.9}
)
THRESHOLD = 0.35
STRONG = 0.8

# Whether a sentence bears out a row, from questions with known rows; ROW_CUT is a logit.
ROW = Logistic(-9.0, {"late": 16.0, "weakest": 6.0, "covered": 2.0, "share": 2.0, "contrary": -1.0})
ROW_CUT = 0.0
