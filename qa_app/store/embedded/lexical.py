"""BM25 over the passages: built and stored by bm25s, read from memory maps.

Every posting holds its final score, so a query costs one addition per posting of its terms, and
every passage's score is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa_app.arrays import FloatArray, RowArray
from qa_app.errors import IndexCorruptError
from qa_app.store import bm25
from qa_app.store.manifest import MEND_HINT
from qa_app.text.analysis import Analyser


def write_lexical(folder: Path, texts: Iterable[str], analyser: Analyser) -> None:
    """Write the BM25 index of ``texts`` (one per passage, in row order, at least one) to a folder.

    Raises:
        OSError: the folder cannot be written.
    """
    import bm25s  # imported late, here and below: reading a manifest needs no bm25s or scipy

    # bm25s needs at least one term; the empty term occurs in no text.
    vocabulary = {"": 0}
    ids = [
        [vocabulary.setdefault(term, len(vocabulary)) for term in analyser.terms(text)]
        for text in texts
    ]
    index = bm25s.BM25(k1=bm25.K1, b=bm25.B, method="lucene")
    with np.errstate(invalid="ignore"):  # without any terms the mean length is 0
        index.index((ids, vocabulary), show_progress=False)
    index.save(folder)


class EmbeddedLexical:
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

    def scores(self, weights: Mapping[str, float] | Iterable[str]) -> EmbeddedScores:
        """Return every passage's score for terms, each with its weight, or counted as repeated."""
        total = np.zeros(self.num_passages, dtype=np.float32)
        for term, weight in Counter[str](weights).items():
            here = self._postings(term)
            # A row occurs at most once per term, so the indexed += adds every posting.
            total[self._rows[here]] += np.float32(weight) * self._scores[here]
        return EmbeddedScores(total)

    def rows_with(self, terms: Iterable[str]) -> RowArray:
        """Return the rows of the passages that have all of the terms, int64, ascending."""
        found = [np.unique(self._rows[self._postings(term)]) for term in set(terms)]
        rows = reduce(np.intersect1d, found) if found else np.empty(0)
        return rows.astype(np.int64)

    def __contains__(self, term: str) -> bool:
        """Return whether any passage has the term."""
        return self._frequency(term) > 0

    def idf(self, terms: Iterable[str]) -> dict[str, float]:
        """Return the idf of each of these terms; an unknown term has df = 0."""
        return {term: bm25.idf(self._frequency(term), self.num_passages) for term in terms}

    def max_score(self, terms: Iterable[str]) -> float:
        """Return an upper bound of the BM25 score: the sum of idf, unknown terms included."""
        return sum(self.idf([term])[term] for term in terms)

    def _frequency(self, term: str) -> int:
        here = self._postings(term)
        return int(here.stop - here.start)

    def _postings(self, term: str) -> slice:
        place = self._vocabulary.get(term)
        if place is None:
            return slice(0, 0)
        return slice(int(self._starts[place]), int(self._starts[place + 1]))


class EmbeddedScores:
    """Every passage's BM25 for one set of terms, float32, shape (num_passages,)."""

    def __init__(self, scores: FloatArray) -> None:
        self._scores = scores

    def best(self, top_k: int, rows: RowArray | None = None) -> RowArray:
        """Return the rows of the highest scores above 0, best first, ties by row."""
        chosen = self._scores if rows is None else self._scores[rows]
        k = min(top_k, len(chosen))
        if k == 0:
            return np.empty(0, dtype=np.int64)
        # All that tie with the last, so that the first rows of them are chosen.
        least = np.partition(chosen, -k)[-k]
        places = np.flatnonzero((chosen >= least) & (chosen > 0))
        found = places if rows is None else rows[places]
        return found[np.lexsort((found, -self._scores[found]))][:k].astype(np.int64)

    def at(self, rows: RowArray) -> FloatArray:
        """Return the scores of these rows."""
        return self._scores[rows]
