"""The formula of BM25, which every store's lexical index follows.

It is Robertson and Zaragoza's (The Probabilistic Relevance Framework: BM25 and Beyond, 2009) with
Lucene's idf, which is never negative, and without the constant factor k1 + 1, as in Lucene since
version 8:

    idf(t)      = ln(1 + (N - df + 0.5) / (df + 0.5))
    score(t, d) = idf(t) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|))
"""

from __future__ import annotations

import math

# Part of the recipe: increase it when the formula or its constants change.
LEXICAL_VERSION = "2"
# Anserini's defaults, tuned for passages; Lucene's are 1.2 and 0.75, for longer texts.
K1 = 0.9
B = 0.4


def idf(frequency: int, num_passages: int) -> float:
    """Return the idf of a term that ``frequency`` of the passages have."""
    return math.log1p((num_passages - frequency + 0.5) / (frequency + 0.5))
