"""BM25 over the passages, as postings in numpy files that are opened as memory maps.

Every posting holds its finished score ("impact"), so a question costs one addition for each
posting of its terms, and every passage's score is exact. The formula is Robertson and Zaragoza's
(The Probabilistic Relevance Framework: BM25 and Beyond, 2009) with Lucene's idf, which is never
negative, and without the constant factor k1 + 1, as in Lucene since version 8:

    idf(t)      = ln(1 + (N - df + 0.5) / (df + 0.5))
    score(t, d) = idf(t) * tf / (tf + k1 * (1 - b + b * |d| / mean |d|))

Files of the folder: ``lexical.json`` (language, number of passages), ``terms.txt`` (the
vocabulary, sorted, one a line), and the columns ``indptr.npy`` (int64), ``rows.npy`` (int32,
ascending in a term) and ``impacts.npy`` (float32).
"""

from __future__ import annotations

import json
import math
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa_app.analysis import Analyser, analyser_for
from qa_app.errors import ConfigError, IndexCorruptError

# Changes with the formula, its numbers or the files: what was written before is then written anew.
LEXICAL_VERSION = "1"
K1 = 0.9
B = 0.4

_BLOCK = 20_000  # passages counted at once: bounds the memory of a build
_FloatArray = npt.NDArray[np.float32]
_IntArray = npt.NDArray[np.int64]


def write_lexical(folder: Path, texts: Iterable[str], analyser: Analyser) -> None:
    """Write the postings of ``texts`` (one a passage, in row order) into an existing folder.

    Raises:
        OSError: the folder cannot be written.
    """
    ids: dict[str, int] = {}
    terms, rows, counts, lengths = _count(texts, analyser, ids)
    vocabulary = sorted(ids)
    place = np.empty(len(ids), dtype=np.int64)
    place[[ids[term] for term in vocabulary]] = np.arange(len(ids))
    terms = place[terms]
    # Stable, so that rows stay ascending in each term.
    order = np.argsort(terms, kind="stable")
    terms, rows, counts = terms[order], rows[order], counts[order]
    frequencies = np.bincount(terms, minlength=len(ids))
    idf = np.log1p((len(lengths) - frequencies + 0.5) / (frequencies + 0.5))
    norms = K1 * (1 - B + B * lengths / max(lengths.mean() if len(lengths) else 0.0, 1e-9))
    impacts = idf[terms] * counts / (counts + norms[rows])
    np.save(folder / "indptr.npy", np.concatenate(([0], np.cumsum(frequencies))).astype(np.int64))
    np.save(folder / "rows.npy", rows.astype(np.int32))
    np.save(folder / "impacts.npy", impacts.astype(np.float32))
    (folder / "terms.txt").write_bytes("".join(f"{term}\n" for term in vocabulary).encode())
    header = {"language": analyser.language, "passages": len(lengths)}
    (folder / "lexical.json").write_text(json.dumps(header), encoding="utf-8")


def _count(
    texts: Iterable[str], analyser: Analyser, ids: dict[str, int]
) -> tuple[_IntArray, _IntArray, _IntArray, _IntArray]:
    """Return terms, rows and counts of all postings (ascending by row), and the texts' lengths."""
    blocks: list[tuple[_IntArray, _IntArray, _IntArray]] = []
    lengths = array("q")
    flat = array("q")
    first = 0
    for text in texts:
        found = analyser.terms(text)
        flat.extend([ids.setdefault(term, len(ids)) for term in found])
        lengths.append(len(found))
        if len(lengths) - first == _BLOCK:
            blocks.append(_postings(flat, lengths, first))
            first, flat = len(lengths), array("q")
    blocks.append(_postings(flat, lengths, first))
    terms, rows, counts = (np.concatenate(column) for column in zip(*blocks, strict=True))
    return terms, rows, counts, np.array(lengths, dtype=np.int64)


def _postings(
    flat: array[int], lengths: array[int], first: int
) -> tuple[_IntArray, _IntArray, _IntArray]:
    terms = np.array(flat, dtype=np.int64)
    rows = np.repeat(np.arange(first, len(lengths)), np.array(lengths[first:], dtype=np.int64))
    width = int(terms.max()) + 1 if len(terms) else 1
    pairs, counts = np.unique(rows * width + terms, return_counts=True)
    return pairs % width, pairs // width, counts.astype(np.int64)


@dataclass(frozen=True, slots=True)
class Lexical:
    """The postings, read only.

    Attributes:
        analyser: of the texts; a question's terms come from the same.
        num_passages: rows are 0 up to this.
        vocabulary: the terms, sorted.
    """

    analyser: Analyser
    num_passages: int
    vocabulary: Sequence[str]
    _indptr: _IntArray
    _rows: npt.NDArray[np.int32]
    _impacts: _FloatArray

    @classmethod
    def open(cls, folder: Path) -> Lexical:
        """Open what ``write_lexical`` wrote.

        Raises:
            IndexCorruptError: a file is missing or is not what it should be.
        """
        try:
            header = json.loads((folder / "lexical.json").read_text(encoding="utf-8"))
            analyser = analyser_for(str(header["language"]))
            passages = int(header["passages"])
            vocabulary = (folder / "terms.txt").read_bytes().decode().split("\n")[:-1]
            columns = [
                np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                for name in ("indptr", "rows", "impacts")
            ]
        except (OSError, ValueError, KeyError, TypeError, ConfigError) as exc:
            raise _corrupt(folder, str(exc)) from exc
        indptr, rows, impacts = columns
        if len(indptr) != len(vocabulary) + 1 or not len(rows) == len(impacts) == indptr[-1]:
            raise _corrupt(folder, "its files do not fit together")
        return cls(analyser, passages, vocabulary, indptr, rows, impacts)

    def scores(self, terms: Iterable[str]) -> _FloatArray:
        """Return every passage's BM25, float32, shape (num_passages,), at least 0.

        A term given twice counts twice.
        """
        return self.weighted_scores(Counter(terms))

    def weighted_scores(self, weights: dict[str, float] | Counter[str]) -> _FloatArray:
        """Return every passage's sum of weight times BM25 of the term, as ``scores``."""
        total = np.zeros(self.num_passages, dtype=np.float32)
        for term, weight in weights.items():
            start, end = self._span(term)
            # A row occurs once in a term, so += by index adds every posting.
            total[self._rows[start:end]] += np.float32(weight) * self._impacts[start:end]
        return total

    def __contains__(self, term: str) -> bool:
        """Tell whether any passage has the term."""
        start, end = self._span(term)
        return start < end

    def idf(self, term: str) -> float:
        """Return ln(1 + (N - df + 0.5) / (df + 0.5)); an unknown term has df = 0."""
        start, end = self._span(term)
        return math.log1p((self.num_passages - (end - start) + 0.5) / (end - start + 0.5))

    def max_score(self, terms: Iterable[str]) -> float:
        """Return the BM25 that no passage can reach: each term's idf, unknown terms' too."""
        return sum(self.idf(term) for term in terms)

    def _span(self, term: str) -> tuple[int, int]:
        place = bisect_left(self.vocabulary, term)
        if place == len(self.vocabulary) or self.vocabulary[place] != term:
            return 0, 0
        return int(self._indptr[place]), int(self._indptr[place + 1])


def _corrupt(folder: Path, reason: str) -> IndexCorruptError:
    return IndexCorruptError(
        f"The lexical index in {folder} cannot be used: {reason}.",
        "Build the index again: qa-app build --rebuild",
    )
