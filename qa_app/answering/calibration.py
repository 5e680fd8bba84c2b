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


# Of 0 and 1, for facts: 1 refused 1 in 100 questions fewer in corpora of one article. Rows of
# tables come out better without.
EVENNESS = 1.0

# Which sentence of the best passages answers: conditional logit on 900 questions of xquad-en.
SENTENCE = Logistic(
    0.0,
    {"late": 4.3, "words": -7.2, "weakest": 14.3, "lexical": 9.3, "passage": 8.2, "kind": 1.7},
)

# Whether the corpus answers, from its best sentence: logistic regression on questions of xquad-en,
# each asked with and without the article that answers it: 150 among its 240 passages, 120 among
# 16,468 (with cisi, cranfield, npl and others), 144 in corpora of one article; and those again
# without the one paragraph that answers, at a weight of 0.1, since such near misses are hard.
ANSWERED = Logistic(
    -9.46, {"late": 14.65, "dense": 8.66, "share": 8.88, "absent": -2.25, "size": -0.87}
)
# On those refuses 95 in 100 questions whose article is missing, and of the others 2 in 100 among
# 240 passages, 4 among 16,468, and 3 in corpora of one article.
THRESHOLD = 0.4
STRONG = 0.8

# Whether a sentence bears out a row: set so that the rows of eight questions over 28 policies and
# of two dozen over the sample report come out best; ROW_CUT is a logit, a chance of one half.
ROW = Logistic(-9.0, {"late": 16.0, "weakest": 6.0, "covered": 2.0, "share": 2.0, "contrary": -1.0})
ROW_CUT = 0.0
