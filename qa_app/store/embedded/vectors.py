"""Nearest passages by cosine similarity. The only module that imports faiss.

The vectors are stored once, as float16, and searched in the memory map without a copy. Up to
``FLAT_LIMIT`` passages the search is exhaustive; above that an approximate index proposes
candidates, which are then scored exactly. Its recall is measured when it is built.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.arrays import FloatArray, HalfArray, RowArray
from qa_app.errors import IndexCorruptError, StoreError
from qa_app.store.manifest import FLAT, MEND_HINT, VectorsDescription

EMBEDDINGS_FILE = "embeddings.npy"
CANDIDATES_FILE = "candidates.faiss"
IVF = "ivf_sq4"
# Passages for which an exhaustive search is fast enough (benchmarks/RESULTS.md).
FLAT_LIMIT = 200_000


_WANTED_RECALL = 0.99  # the number of probes is doubled until the index reaches it
# As deep as retrieval looks: an index that finds the first 10 may miss many of the first 100.
_RECALL_TOP_K = 100
_RECALL_QUERIES = 200  # random queries that recall is averaged over
_RECALL_MIXED = 5  # passages that a random query lies between
# Candidates asked of the approximate index, per hit wanted; exact scores choose among them.
_OVERSAMPLE = 4
# More hits than wanted, asked of the exact search to see ties with the last: few texts are repeated
# more often.
_SPARE = 8
_BLOCK = 16_384  # rows converted to float32 at once while building: bounds the memory
_CACHED_BLOCK = 1_024  # the same while searching: small enough for the processor's cache
# Bytes allowed for centroids and headers beside the vectors of an index file: 64 MiB.
_SLACK = 1 << 26


def write_vectors(
    folder: Path,
    embeddings: HalfArray,
    flat_limit: int = FLAT_LIMIT,
    earlier: Path | None = None,
    kept: RowArray | None = None,
) -> VectorsDescription:
    """Write the embeddings to a folder, and an approximate index if there are many.

    Args:
        folder: of the generation.
        embeddings: float16, shape (num_passages, dim), unit rows.
        flat_limit: maximum number of passages without an approximate index.
        earlier: folder of a generation, whose approximate index is taken on if most is as before.
        kept: int64, shape (num_passages,): each vector's row in ``earlier``, -1 for a new one.

    Raises:
        OSError: the folder cannot be written.
        StoreError: the index cannot be made.
    """
    _save_array(folder / EMBEDDINGS_FILE, embeddings)
    if len(embeddings) <= flat_limit:
        return VectorsDescription(FLAT)
    faiss = _faiss()
    try:
        found = None
        if earlier is not None and kept is not None and (earlier / CANDIDATES_FILE).exists():
            found = _take_on(faiss.read_index(str(earlier / CANDIDATES_FILE)), embeddings, kept)
        index = found or _make_ivf(embeddings)
        description = _choose_probes(index, embeddings)
        # Through a Python file, so that a full disk raises instead of leaving a short file.
        with (folder / CANDIDATES_FILE).open("wb") as file:
            faiss.write_index(index, faiss.PyCallbackIOWriter(file.write))
    except RuntimeError as exc:
        raise StoreError(f"The vector index cannot be made: {exc}", "Try again.") from exc
    return description


class EmbeddedVectors:
    """The vectors of a generation, read only.

    Attributes:
        embeddings: float16, shape (num_passages, dim), a memory map.

    Raises:
        IndexCorruptError: a file is missing, damaged or not as in the description.
    """

    def __init__(
        self, folder: Path, num_passages: int, dimension: int, description: VectorsDescription
    ) -> None:
        self.embeddings = open_embeddings(folder, num_passages, dimension)
        self._exact = _index_in_place(self.embeddings)
        self._approximate: Any = None
        if description.kind != FLAT:
            path = folder / CANDIDATES_FILE
            self._approximate = _read_index(path, num_passages, dimension, description)

    def search(
        self, query_embeddings: FloatArray, top_k: int, rows: RowArray | None = None
    ) -> tuple[FloatArray, RowArray]:
        """Return the nearest passages for each query, best first.

        Args:
            query_embeddings: float32, shape (num_queries, dim), unit rows.
            top_k: maximum hits per query, at least 1.
            rows: int64, the rows to search; None for all. Given rows are always searched exactly.

        Returns:
            scores: cosines (inner products of unit vectors), float32, shape (num_queries, k),
                descending; equal scores by ascending row.
            rows: int64, shape (num_queries, k). k = min(top_k, number of rows searched); less if
                an approximate search finds fewer.

        Raises:
            ValueError: top_k is less than 1, or the dimension is wrong.
        """
        if top_k < 1:
            raise ValueError(f"top_k is {top_k}; it must be at least 1")
        queries = self._checked(query_embeddings)
        if self._approximate is not None and rows is None:
            return self._search_approximately(queries, top_k)
        return self._search_exactly(queries, top_k, rows)

    def scores(self, query_embeddings: FloatArray, rows: RowArray) -> FloatArray:
        """Return the exact cosines of queries and rows, float32, shape (num_queries, len(rows))."""
        queries = self._checked(query_embeddings)
        scores = np.empty((len(queries), len(rows)), dtype=np.float32)
        for start in range(0, len(rows), _CACHED_BLOCK):
            some = slice(start, start + _CACHED_BLOCK)
            scores[:, some] = queries @ self.embeddings[rows[some]].astype(np.float32).T
        return scores

    def _search_exactly(
        self, queries: FloatArray, top_k: int, rows: RowArray | None
    ) -> tuple[FloatArray, RowArray]:
        faiss, count, chosen = _faiss(), len(self.embeddings), None
        if rows is not None:
            mask = np.zeros(count, dtype=bool)
            mask[rows] = True
            bits = np.packbits(mask, bitorder="little")
            selector = faiss.IDSelectorBitmap(count, faiss.swig_ptr(bits))
            chosen, count = faiss.SearchParameters(sel=selector), int(mask.sum())
        if not count:
            nothing = np.empty((len(queries), 0))
            return nothing.astype(np.float32), nothing.astype(np.int64)
        k = min(top_k, count)
        width = min(k + _SPARE, count)
        with _one_thread():
            scores, found = self._exact.search(queries, width, params=chosen)
            # Until nothing left out can tie with the last: of equal scores the first rows count.
            while width < count and (scores[:, k - 1] == scores[:, -1]).any():
                width = min(2 * width, count)
                scores, found = self._exact.search(queries, width, params=chosen)
        scores, found = _sorted(scores, found)
        return scores[:, :k], found[:, :k]

    def _search_approximately(self, queries: FloatArray, top_k: int) -> tuple[FloatArray, RowArray]:
        k = min(top_k, len(self.embeddings))
        with _one_thread():
            _, found = self._approximate.search(queries, min(k * _OVERSAMPLE, len(self.embeddings)))
        scores, rows = [], []
        for query, candidates in zip(queries[:, None], found, strict=True):
            candidates = candidates[(candidates >= 0) & (candidates < len(self.embeddings))]
            best, order = _sorted(self.scores(query, candidates), candidates[None])
            scores.append(best[0])
            rows.append(order[0])
        # The cells visited for a query may hold fewer than k rows: then all are cut to that length.
        width = min(k, *map(len, rows)) if rows else k
        shape = (len(queries), width)
        return (
            np.array([item[:width] for item in scores], dtype=np.float32).reshape(shape),
            np.array([item[:width] for item in rows], dtype=np.int64).reshape(shape),
        )

    def _checked(self, query_embeddings: FloatArray) -> FloatArray:
        queries = np.ascontiguousarray(query_embeddings, dtype=np.float32)
        if queries.ndim != 2 or queries.shape[1] != self.embeddings.shape[1]:
            raise ValueError(
                f"queries have the shape {queries.shape}; the vectors have "
                f"{self.embeddings.shape[1]} dimensions"
            )
        return queries


def open_embeddings(folder: Path, num_passages: int, dimension: int) -> HalfArray:
    """Return the embeddings as a memory map, float16, shape (num_passages, dimension).

    Raises:
        IndexCorruptError: the file cannot be read, or has another shape or type.
    """
    path = folder / EMBEDDINGS_FILE
    try:
        found: HalfArray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError) as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc
    if found.shape != (num_passages, dimension) or found.dtype != np.float16:
        raise IndexCorruptError(
            f"{path} holds {found.dtype} {found.shape}; the manifest says float16 "
            f"({num_passages}, {dimension}).",
            MEND_HINT,
        )
    return found


def _faiss() -> Any:
    # Imported late: reading a manifest needs no faiss. Any: its type hints are incomplete.
    import faiss

    return faiss


@contextmanager
def _one_thread() -> Iterator[None]:
    """Run faiss on one thread.

    More threads save a few milliseconds per question on an idle machine, and cost 50 or more on a
    busy one, where they wait for each other (benchmarks/RESULTS.md).
    """
    faiss = _faiss()
    threads = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        # torch's number too, if the two share one OpenMP library: restore it.
        faiss.omp_set_num_threads(threads)


def _save_array(path: Path, array: HalfArray) -> None:
    array = np.ascontiguousarray(array)
    with path.open("wb") as file:
        header = np.lib.format.header_data_from_array_1_0(array)
        np.lib.format.write_array_header_1_0(file, header)
        if array.size:
            file.write(array.tobytes())


def _index_in_place(embeddings: HalfArray) -> Any:
    """Return an exact faiss index over the embeddings' memory, without copying it.

    The embeddings must stay open while the index is used.
    """
    faiss = _faiss()
    kind = faiss.ScalarQuantizer.QT_fp16
    index = faiss.IndexScalarQuantizer(embeddings.shape[1], kind, faiss.METRIC_INNER_PRODUCT)
    # faiss stores codes of this kind as consecutive float16 rows, and allows the code vector to be
    # a view, as it does for files that it maps itself.
    index.codes.is_owned = False
    index.codes.c_ptr = faiss.swig_ptr(embeddings.view(np.uint8))
    index.codes.c_size = embeddings.nbytes
    index.ntotal = len(embeddings)
    return index


def _count_cells(count: int) -> int:
    # faiss's guideline for up to a million vectors is 4 to 16 times the square root.
    return max(1, round(4 * math.sqrt(count)))


def _make_ivf(embeddings: HalfArray) -> Any:
    """Return an inverted file over 4-bit codes.

    The training sample of 40 vectors per cell follows faiss's guidelines.
    """
    faiss = _faiss()
    count, dimension = embeddings.shape
    lists = _count_cells(count)
    generator = np.random.default_rng(0)
    sample = np.sort(generator.choice(count, min(count, 40 * lists), replace=False))
    index = faiss.index_factory(dimension, f"IVF{lists},SQ4", faiss.METRIC_INNER_PRODUCT)
    index.train(np.ascontiguousarray(embeddings[sample], dtype=np.float32))
    for start in range(0, count, _BLOCK):
        index.add(np.ascontiguousarray(embeddings[start : start + _BLOCK], dtype=np.float32))
    return index


def _take_on(index: Any, embeddings: HalfArray, kept: RowArray) -> Any:
    """Return an earlier inverted file with its vectors in their new rows and the new ones added.

    None if over a quarter is new, or the number of cells wanted has changed by an eighth, as it
    has when the index has grown by a quarter: then cells are to be found anew.
    """
    faiss, old = _faiss(), np.flatnonzero(kept >= 0)
    cells_wanted = _count_cells(len(embeddings))
    if 4 * len(old) < 3 * len(kept) or abs(index.nlist - cells_wanted) > cells_wanted / 8:
        return None
    cells = np.empty(index.ntotal, dtype=np.int64)
    codes = np.empty((index.ntotal, index.code_size), dtype=np.uint8)
    for cell in range(index.nlist):
        size = index.invlists.list_size(cell)
        if size:
            rows = faiss.rev_swig_ptr(index.invlists.get_ids(cell), size)
            found = faiss.rev_swig_ptr(index.invlists.get_codes(cell), size * index.code_size)
            cells[rows], codes[rows] = cell, found.reshape(size, -1)
    index.reset()
    old = old[np.argsort(cells[kept[old]], kind="stable")]
    ends = np.searchsorted(cells[kept[old]], np.arange(index.nlist), side="right")
    for cell, rows in enumerate(np.split(old, ends[:-1])):
        own = np.ascontiguousarray(codes[kept[rows]])
        pointers = faiss.swig_ptr(np.ascontiguousarray(rows)), faiss.swig_ptr(own)
        index.invlists.add_entries(cell, len(rows), *pointers)
    index.ntotal = len(old)
    new = np.flatnonzero(kept < 0)
    for start in range(0, len(new), _BLOCK):
        some = new[start : start + _BLOCK]
        index.add_with_ids(np.ascontiguousarray(embeddings[some], dtype=np.float32), some)
    return index


def _choose_probes(index: Any, embeddings: HalfArray) -> VectorsDescription:
    """Set the number of probes of an inverted file, and return its description.

    It is doubled from 8 until recall is ``_WANTED_RECALL`` or all cells are visited.
    """
    lists, queries = index.nlist, _recall_queries(embeddings, np.random.default_rng(0))
    _, truth = _index_in_place(embeddings).search(queries, _RECALL_TOP_K)
    recall, probes = 0.0, 4
    while recall < _WANTED_RECALL and probes < lists:
        probes = min(2 * probes, lists)
        index.nprobe = probes
        _, found = index.search(queries, _RECALL_TOP_K * _OVERSAMPLE)
        hits = [len(np.intersect1d(a, b)) for a, b in zip(truth, found, strict=True)]
        recall = sum(hits) / truth.size
    return VectorsDescription(IVF, round(recall, 4), lists, probes)


def _recall_queries(embeddings: HalfArray, generator: np.random.Generator) -> FloatArray:
    """Return unit vectors as questions are: between passages, and near to none.

    A question's nearest passages lie in many cells. Vectors near to one passage (at a cosine of
    0.4 or 0.7) find 0.99 of their nearest in 64 of 4,000 cells, real questions 0.91.
    """
    chosen = generator.choice(len(embeddings), (_RECALL_MIXED, _RECALL_QUERIES))
    queries = embeddings[chosen].sum(axis=0, dtype=np.float32)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    noise = generator.standard_normal(queries.shape, dtype=np.float32)
    queries += noise / np.linalg.norm(noise, axis=1, keepdims=True)
    queries /= np.linalg.norm(queries, axis=1, keepdims=True)
    return np.ascontiguousarray(queries, dtype=np.float32)


def _sorted(scores: FloatArray, rows: RowArray) -> tuple[FloatArray, RowArray]:
    # Equal scores are ordered by row, so that the ranking is deterministic.
    order = np.lexsort((rows, -scores), axis=1)
    return np.take_along_axis(scores, order, axis=1), np.take_along_axis(rows, order, axis=1)


def _read_index(
    path: Path, num_passages: int, dimension: int, description: VectorsDescription
) -> Any:
    faiss = _faiss()
    # Limits what a damaged file can make faiss allocate, by what the manifest says it holds.
    faiss.set_deserialization_vector_byte_limit(8 * num_passages * dimension + _SLACK)
    try:
        index = faiss.read_index(str(path))
    except (RuntimeError, MemoryError) as exc:
        raise IndexCorruptError(f"{path} cannot be read: {exc}", MEND_HINT) from exc
    kind = IVF if type(index) is faiss.IndexIVFScalarQuantizer else "other"
    found = (kind, index.d, index.ntotal)
    wanted = (description.kind, dimension, num_passages)
    if found != wanted:
        raise IndexCorruptError(
            f"{path} is (kind, dimension, vectors) {found}; the manifest says {wanted}.", MEND_HINT
        )
    index.nprobe = description.probes
    return index
