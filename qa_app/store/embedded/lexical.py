"""BM25 over the passages: built and stored by bm25s, read from memory maps.

Every posting holds its final score, so a query costs one addition per posting of its terms, and
every passage's score is exact.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.arrays import FloatArray, RowArray
from qa_app.errors import IndexCorruptError
from qa_app.store import bm25
from qa_app.store.manifest import MEND_HINT
from qa_app.text.analysis import Analyser

# How often the passage has the term, one number a posting: a later build needs no terms again.
COUNTS_FILE = "counts.npy"
# Scores whose highest is looked at first, where the best of all are chosen.
_BLOCK = 1024


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
    norms = bm25.K1 * (
        1 - bm25.B + bm25.B * lengths / (float(lengths.mean(dtype=np.float64)) or 1.0)
    )
    found = np.diff(counts.indptr)
    idf = np.log1p((len(lengths) - found + 0.5) / (found + 0.5)).astype(np.float32)
    index = bm25s.BM25(k1=bm25.K1, b=bm25.B, method="lucene")
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
        from scipy import sparse

        self.analyser = analyser
        try:
            index = bm25s.BM25.load(folder, mmap=True)
            self._vocabulary: dict[str, int] = index.vocab_dict
            # Plain arrays over the maps: reading one number of a memmap takes 3 microseconds.
            self._scores: npt.NDArray[np.float32] = np.asarray(index.scores["data"])
            self._rows: npt.NDArray[np.int32] = np.asarray(index.scores["indices"])
            self._starts: npt.NDArray[np.int64] = np.asarray(index.scores["indptr"])
            self.num_passages = int(index.scores["num_docs"])
            postings = len(self._scores), len(self._rows), self._starts[-1]
            if len(self._starts) != len(self._vocabulary) + 1 or len(set(postings)) != 1:
                raise ValueError("its files do not fit together")
            # scipy wants rows and starts in one type, and would copy the rows as int64.
            few = len(self._rows) <= np.iinfo(np.int32).max
            starts = self._starts.astype(np.int32) if few else self._starts
            stored = self._scores, self._rows, starts
            self._matrix = sparse.csc_array(stored, (self.num_passages, len(self._vocabulary)))
        except (OSError, EOFError, ValueError, LookupError, TypeError, AttributeError) as exc:
            raise IndexCorruptError(
                f"The lexical index in {folder} cannot be used: {exc}.", MEND_HINT
            ) from exc

    def scores(self, weights: Mapping[str, float] | Iterable[str]) -> EmbeddedScores:
        """Return every passage's score for terms, each with its weight, or counted as repeated."""
        known = {term: n for term, n in Counter[str](weights).items() if term in self._vocabulary}
        columns = self._matrix[:, [self._vocabulary[term] for term in known]]
        return EmbeddedScores(columns @ np.array(list(known.values()), dtype=np.float32))

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
        # Few scores reach the top_k-th highest of the maxima of blocks: of a million, this takes a
        # tenth of the time of choosing among all.
        maxima = np.sort(np.maximum.reduceat(chosen, np.arange(0, len(chosen), _BLOCK)))
        floor = maxima[-top_k] if top_k <= len(maxima) else 0.0
        places = np.flatnonzero((chosen >= floor) & (chosen > 0))
        if len(places) > top_k:
            # All that tie with the last, so that the first rows of them are chosen.
            least = np.partition(chosen[places], -top_k)[-top_k]
            places = places[chosen[places] >= least]
        found = places if rows is None else rows[places]
        return found[np.lexsort((found, -self._scores[found]))][:top_k].astype(np.int64)

    def at(self, rows: RowArray) -> FloatArray:
        """Return the scores of these rows."""
        return self._scores[rows]
