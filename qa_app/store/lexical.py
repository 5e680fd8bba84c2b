"""BM25 over the passages: built and stored by bm25s, read from memory maps.

Every posting holds its final score, so a query costs one addition per posting of its terms, and
every passage's score is exact. The formula is Robertson and Zaragoza's (The
Probabilistic Relevance Framework: BM25 and Beyond, 2009) with Lucene's idf, which is never
negative, and without the constant factor k1 + 1, as in Lucene since version 8:

    idf(t)      = ln(1 + (N - df + 0.5) / (df + 0.5))
    score(t, d) = idf(t) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|))
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa_app.errors import IndexCorruptError
from qa_app.store.manifest import MEND_HINT
from qa_app.text.analysis import Analyser

# Part of the recipe: increase it when the formula or its constants change.
LEXICAL_VERSION = "2"
# Anserini's defaults, tuned for passages; Lucene's are 1.2 and 0.75, for longer texts.
K1 = 0.9
B = 0.4


def write_lexical(folder: Path, texts: Iterable[str], analyser: Analyser) -> None:
    """Write the BM25 index of ``texts`` (one per passage, in row order, at least one) to a folder.

    Raises:
        OSError: the folder cannot be written.
    """
    import bm25s  # imported late, here and in Lexical: reading a manifest needs no bm25s or scipy

    # bm25s needs at least one term; the empty term occurs in no text.
    vocabulary = {"": 0}
    ids = [
        [vocabulary.setdefault(term, len(vocabulary)) for term in analyser.terms(text)]
        for text in texts
    ]
    index = bm25s.BM25(k1=K1, b=B, method="lucene")
    with np.errstate(invalid="ignore"):  # without any terms the mean length is 0
        index.index((ids, vocabulary), show_progress=False)
    index.save(folder)


class Lexical:
    """A BM25 index, read only.

    Args:
        folder: written by ``write_lexical``.
        analyser: the one that the index was written with; use it for the terms of questions too.

    Raises:
        IndexCorruptError: a file is missing or damaged.
    """

    def __init__(self, folder: Path, analyser: Analyser) -> None:
        import bm25s

        self.analyser = analyser
        try:
            index = bm25s.BM25.load(folder, mmap=True)
            self._vocabulary: dict[str, int] = index.vocab_dict
            self._scores: npt.NDArray[np.float32] = index.scores["data"]
            self._rows: npt.NDArray[np.int32] = index.scores["indices"]
            self._starts: npt.NDArray[np.int64] = index.scores["indptr"]
            self.num_passages = int(index.scores["num_docs"])
            postings = len(self._scores), len(self._rows), self._starts[-1]
            if len(self._starts) != len(self._vocabulary) + 1 or len(set(postings)) != 1:
                raise ValueError("its files do not fit together")
        except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as exc:
            raise IndexCorruptError(
                f"The lexical index in {folder} cannot be used: {exc}.", MEND_HINT
            ) from exc

    def scores(self, terms: Iterable[str]) -> npt.NDArray[np.float32]:
        """Return every passage's BM25 score, float32, shape (num_passages,), at least 0.

        A repeated term counts each time.
        """
        return self.weighted_scores(Counter(terms))

    def weighted_scores(self, weights: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """Return ``scores`` with each term's BM25 multiplied by its weight."""
        total = np.zeros(self.num_passages, dtype=np.float32)
        for term, weight in weights.items():
            here = self._postings(term)
            # A row occurs at most once per term, so the indexed += adds every posting.
            total[self._rows[here]] += np.float32(weight) * self._scores[here]
        return total

    def __contains__(self, term: str) -> bool:
        """Return whether any passage has the term."""
        return self._frequency(term) > 0

    def idf(self, term: str) -> float:
        """Return ln(1 + (N - df + 0.5) / (df + 0.5)); an unknown term has df = 0."""
        frequency = self._frequency(term)
        return math.log1p((self.num_passages - frequency + 0.5) / (frequency + 0.5))

    def max_score(self, terms: Iterable[str]) -> float:
        """Return an upper bound of the BM25 score: the sum of idf, unknown terms included."""
        return sum(self.idf(term) for term in terms)

    def _frequency(self, term: str) -> int:
        here = self._postings(term)
        return int(here.stop - here.start)

    def _postings(self, term: str) -> slice:
        place = self._vocabulary.get(term)
        if place is None:
            return slice(0, 0)
        return slice(int(self._starts[place]), int(self._starts[place + 1]))
