"""Small logistic models over the measures of evidence: what was fitted, and on what."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass


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
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, self.logit(scores)))))


# Which sentence of the best passages answers. Conditional logit, xquad-en, 1,190 questions.
SENTENCE_BEST = Logistic(
    0.0, {"late": 2.8, "weakest": 10.0, "lexical": 5.7, "passage": 9.3, "kind": 1.5}
)
SENTENCE_FAST = Logistic(0.0, {"lexical": 5.5, "covered": 5.6, "passage": 8.5, "kind": 1.9})

# Whether the corpus answers, from the best sentence. Logistic regression on the questions of
# squad2-half and xquad-en, each asked with and without the article that answers it.
ANSWERED_BEST = Logistic(
    -15.5,
    {
        "dense": 7.5,
        "share": 5.0,
        "late": 18.0,
        "weakest": 0.7,
        "lexical": 3.3,
        "covered": 1.9,
    },
)
ANSWERED_FAST = Logistic(-11.3, {"dense": 16.0, "share": 5.3, "lexical": 2.3, "covered": 6.7})
THRESHOLD = 0.5
STRONG = 0.8

# Whether a sentence bears out a row.
ROW_BEST = ANSWERED_BEST
ROW_FAST = ANSWERED_FAST
ROW_THRESHOLD = 0.5
