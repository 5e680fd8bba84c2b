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
from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.arrays import RowArray
from qa_app.errors import IndexCorruptError
from qa_app.store.manifest import MEND_HINT
from qa_app.text.analysis import Analyser

# Part of the recipe: increase it when the formula or its constants change.
LEXICAL_VERSION = "2"
# Anserini's defaults, tuned for passages; Lucene's are 1.2 and 0.75, for longer texts.
K1 = 0.9
B = 0.4
# How often the passage has the term, one number a posting: a later build needs no terms again.
COUNTS_FILE = "counts.npy"


def write_lexical(
    folder: Path,
    texts: Iterable[str],
    analyser: Analyser,
    earlier: Path | None = None,
    kept: RowArray | None = None,
) -> None:
    """Write the BM25 index of passages (in row order, at least one) to a folder.

    Args:
        folder: to be created.
        texts: of the passages whose terms are not kept, in row order.
        analyser: for the passages' language.
        earlier: folder of an index by the same analyser, whose terms are reused.
        kept: int64, shape (num_passages,): each passage's row in ``earlier``, -1 for the ones in
            ``texts``; None if all are.

    Raises:
        OSError: the folder cannot be written.
    """
    import bm25s  # imported late, here and in Lexical: reading a manifest needs no bm25s or scipy
    from scipy import sparse

    # bm25s needs at least one term; the empty term occurs in no text.
    vocabulary, before = {"": 0}, None
    if earlier is not None and kept is not None:
        vocabulary, before = _read_counts(earlier)
    terms, ends = array("i"), array("q", [0])
    for text in texts:
        terms.extend(vocabulary.setdefault(term, len(vocabulary)) for term in analyser.terms(text))
        ends.append(len(terms))
    shape = len(ends) - 1, len(vocabulary)
    counts = sparse.csr_array((np.ones(len(terms), np.int32), terms, ends), shape)
    counts.sum_duplicates()
    if before is not None and kept is not None:
        before.resize(before.shape[0], len(vocabulary))
        fresh = before.shape[0] + np.cumsum(kept < 0) - 1
        counts = sparse.vstack([before, counts], format="csr")[np.where(kept < 0, fresh, kept)]
    lengths = np.asarray(counts.sum(axis=1), dtype=np.float32)
    counts = counts.tocsc()
    often = counts.data.astype(np.float32)
    norms = K1 * (1 - B + B * lengths / (float(lengths.mean(dtype=np.float64)) or 1.0))
    found = np.diff(counts.indptr)
    idf = np.log1p((len(lengths) - found + 0.5) / (found + 0.5)).astype(np.float32)
    index = bm25s.BM25(k1=K1, b=B, method="lucene")
    index.vocab_dict, index.nonoccurrence_array = vocabulary, None
    index.scores = {
        "data": np.repeat(idf, found) * (often / (often + norms[counts.indices])),
        "indices": counts.indices.astype(np.int32),
        "indptr": counts.indptr.astype(np.int64),
        "num_docs": len(lengths),
    }
    index.save(folder)
    np.save(
        folder / COUNTS_FILE, counts.data.astype(np.min_scalar_type(counts.data.max(initial=0)))
    )


def _read_counts(folder: Path) -> tuple[dict[str, int], Any]:
    """Return an index's vocabulary, and how often each passage has each term, a sparse matrix."""
    import bm25s
    from scipy import sparse

    index = bm25s.BM25.load(folder, mmap=True)
    counts = np.load(folder / COUNTS_FILE).astype(np.int32)
    shape = index.scores["num_docs"], len(index.vocab_dict)
    stored = counts, index.scores["indices"], index.scores["indptr"]
    return index.vocab_dict, sparse.csc_array(stored, shape).tocsr()


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
