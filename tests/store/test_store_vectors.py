"""EmbeddedVectors: what a search finds is what comparing every vector by hand finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from qa_app.errors import IndexCorruptError
from qa_app.store.embedded.vectors import FLAT, IVF, EmbeddedVectors, write_vectors
from qa_app.store.manifest import VectorsDescription

# Four passages on a plane, at 0, 90, 180 and 45 degrees.
PLANE = np.array([[1, 0], [0, 1], [-1, 0], [0.7071, 0.7071]], dtype=np.float16)
EAST = np.array([[1, 0]], dtype=np.float32)


def _unit(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float16]:
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float16)


def _open(
    folder: Path, embeddings: npt.NDArray[np.float16], flat_limit: int = 1000
) -> EmbeddedVectors:
    description = write_vectors(folder, embeddings, flat_limit)
    return EmbeddedVectors(folder, *embeddings.shape, description)


def test_nearest_first(tmp_path: Path) -> None:
    scores, rows = _open(tmp_path, PLANE).search(EAST, 3)
    assert rows.tolist() == [[0, 3, 1]]
    assert scores[0] == pytest.approx([1.0, 0.7071, 0.0], abs=1e-3)
    assert (scores.dtype, rows.dtype) == (np.float32, np.int64)


def test_a_search_among_some_rows(tmp_path: Path) -> None:
    vectors = _open(tmp_path, PLANE)
    scores, rows = vectors.search(EAST, 9, np.array([2, 3]))
    assert rows.tolist() == [[3, 2]]
    assert scores[0] == pytest.approx([0.7071, -1.0], abs=1e-3)
    scores, rows = vectors.search(EAST, 1, np.array([], dtype=np.int64))
    assert scores.shape == rows.shape == (1, 0)


def test_scores_stand_in_the_order_of_the_rows_given(tmp_path: Path) -> None:
    scores = _open(tmp_path, PLANE).scores(EAST, np.array([1, 0, 2]))
    assert scores.tolist() == [[0.0, 1.0, -1.0]]


def test_no_more_hits_than_passages(tmp_path: Path) -> None:
    scores, rows = _open(tmp_path, PLANE).search(np.repeat(EAST, 2, axis=0), 100)
    assert scores.shape == rows.shape == (2, 4)


def test_equal_scores_stand_in_row_order(tmp_path: Path) -> None:
    vectors = _open(tmp_path, np.repeat(PLANE[:1], 5, axis=0))
    assert vectors.search(EAST, 5)[1].tolist() == [[0, 1, 2, 3, 4]]
    assert vectors.search(EAST, 5, np.array([4, 1, 3]))[1].tolist() == [[1, 3, 4]]


def test_a_search_equals_comparing_every_vector(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    embeddings = _unit(generator.standard_normal((500, 16)))
    queries = _unit(generator.standard_normal((7, 16))).astype(np.float32)
    scores, rows = _open(tmp_path, embeddings).search(queries, 10)
    exact = queries @ embeddings.astype(np.float32).T
    truth = np.argsort(-exact, axis=1, kind="stable")[:, :10]
    assert rows.tolist() == truth.tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(exact, truth, axis=1), atol=1e-6)


def test_many_passages_get_an_approximate_index_with_exact_scores(tmp_path: Path) -> None:
    generator = np.random.default_rng(2)
    centres = generator.standard_normal((50, 16))
    noise = 0.3 * generator.standard_normal((4000, 16))
    embeddings = _unit(centres[generator.integers(50, size=4000)] + noise)
    description = write_vectors(tmp_path, embeddings, flat_limit=3999)
    assert description.kind == IVF
    assert description.recall >= 0.99
    assert 1 <= description.probes <= description.lists == 253

    queries = _unit(centres + 0.3 * generator.standard_normal((50, 16))).astype(np.float32)
    scores, rows = EmbeddedVectors(tmp_path, 4000, 16, description).search(queries, 10)
    exact = queries @ embeddings.astype(np.float32).T
    np.testing.assert_allclose(scores, np.take_along_axis(exact, rows, axis=1), atol=1e-6)
    truth = np.argsort(-exact, axis=1, kind="stable")[:, :10]
    found = [len(np.intersect1d(a, b)) for a, b in zip(truth, rows, strict=True)]
    assert sum(found) / truth.size >= 0.97
    assert (np.diff(scores, axis=1) <= 0).all()


def test_wrong_questions_are_refused(tmp_path: Path) -> None:
    vectors = _open(tmp_path, PLANE)
    with pytest.raises(ValueError, match="top_k is 0"):
        vectors.search(EAST, 0)
    with pytest.raises(ValueError, match=r"\(1, 3\); the vectors have 2"):
        vectors.search(np.zeros((1, 3), dtype=np.float32), 1)


# Files that are whole but are not what the manifest says


@pytest.mark.parametrize(
    ("passages", "dimension", "kind"), [(5, 2, FLAT), (4, 3, FLAT), (4, 2, IVF)]
)
def test_another_shape_is_refused(tmp_path: Path, passages: int, dimension: int, kind: str) -> None:
    write_vectors(tmp_path, PLANE)
    with pytest.raises(IndexCorruptError, match=r"(embeddings\.npy|candidates\.faiss)"):
        EmbeddedVectors(tmp_path, passages, dimension, VectorsDescription(kind))


def test_pickles_are_not_opened(tmp_path: Path) -> None:
    description = write_vectors(tmp_path, PLANE)
    np.save(tmp_path / "embeddings.npy", np.array([print], dtype=object), allow_pickle=True)
    with pytest.raises(IndexCorruptError, match=r"embeddings\.npy"):
        EmbeddedVectors(tmp_path, 4, 2, description)


_MUTATE = """
import sys
from pathlib import Path
import numpy as np
from qa_app.errors import IndexCorruptError
from qa_app.store.manifest import VectorsDescription
from qa_app.store.embedded.vectors import EmbeddedVectors
folder, kind, lists, probes = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
description = VectorsDescription(kind, 1.0, lists, probes)
path = folder / "candidates.faiss"
whole = path.read_bytes()
generator = np.random.default_rng(3)
query = np.zeros((1, 8), dtype=np.float32)
outcomes = {"refused": 0, "opened": 0}
for number in range(500):
    mutated = bytearray(whole)
    # Half of them in the first bytes, where sizes and kinds stand.
    last = 128 if number % 2 else len(whole)
    for place in generator.integers(last, size=1 + number % 3):
        mutated[place] = int(generator.integers(256))
    if number % 10 == 0:
        mutated = mutated[: int(generator.integers(len(whole)))]
    path.write_bytes(mutated)
    try:
        vectors = EmbeddedVectors(folder, 300, 8, description)
        vectors.search(query, 5)
        outcomes["opened"] += 1
    except IndexCorruptError:
        outcomes["refused"] += 1
print(outcomes)
"""


def test_hostile_index_files_do_not_end_the_process(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    description = write_vectors(tmp_path, _unit(generator.standard_normal((300, 8))), 299)
    arguments = [description.kind, str(description.lists), str(description.probes)]
    run = subprocess.run(
        [sys.executable, "-c", _MUTATE, str(tmp_path), *arguments],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr[-2000:]
    assert "'refused': 0" not in run.stdout


@pytest.mark.parametrize("flat_limit", [6000, 5999])
@pytest.mark.parametrize("kept", [1, 6, 60, 600, 2048, 2049, 5999, 6000])
def test_a_search_among_some_rows_is_exact(tmp_path: Path, flat_limit: int, kept: int) -> None:
    generator = np.random.default_rng(kept)
    embeddings = _unit(generator.standard_normal((6000, 8)))
    rows = np.sort(generator.permutation(6000)[:kept])
    queries = _unit(generator.standard_normal((3, 8))).astype(np.float32)
    scores, found = _open(tmp_path, embeddings, flat_limit).search(queries, 20, rows)
    exact = queries @ embeddings[rows].astype(np.float32).T
    truth = np.argsort(-exact, axis=1, kind="stable")[:, :20]
    assert found.tolist() == rows[truth].tolist()
    np.testing.assert_allclose(scores, np.take_along_axis(exact, truth, axis=1), atol=1e-6)


def test_vectors_are_stored_within_1_3_times_their_bytes(tmp_path: Path) -> None:
    embeddings = _unit(np.random.default_rng(6).standard_normal((5000, 32)))
    write_vectors(tmp_path, embeddings)
    stored = sum(path.stat().st_size for path in tmp_path.iterdir())
    assert stored <= 1.3 * embeddings.nbytes


_MEMORY = """
import resource, sys
from pathlib import Path
import numpy as np
from qa_app.store.manifest import VectorsDescription
from qa_app.store.embedded.vectors import EmbeddedVectors
def look(folder, passages):
    query = np.full((1, 384), 384**-0.5, dtype=np.float32)
    vectors = EmbeddedVectors(Path(folder), passages, 384, VectorsDescription("flat"))
    vectors.search(query, 100)
    vectors.search(query, 100, np.arange(0, passages, 2))
    vectors.scores(query, np.arange(passages))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
small = look(sys.argv[1], 1000)  # with the libraries loaded and warm
print(1024 * (look(sys.argv[2], 100_000) - small))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="ru_maxrss is counted in other units")
def test_vectors_are_searched_within_1_3_times_their_bytes(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    embeddings = generator.random((100_000, 384), dtype=np.float32).astype(np.float16)
    for name, count in (("small", 1000), ("large", 100_000)):
        (tmp_path / name).mkdir()
        write_vectors(tmp_path / name, embeddings[:count])
    arguments = [str(tmp_path / "small"), str(tmp_path / "large")]
    run = subprocess.run(
        [sys.executable, "-c", _MEMORY, *arguments], capture_output=True, text=True, check=True
    )
    assert int(run.stdout) <= 1.3 * embeddings.nbytes


def test_cells_are_taken_on_by_the_next_generation(tmp_path: Path) -> None:
    generator = np.random.default_rng(4)
    before = _unit(generator.standard_normal((3000, 16)))
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    new.mkdir()
    write_vectors(old, before, 1000)
    # Every tenth is gone, the others stand in another order, and 200 are new.
    kept = np.append(generator.permutation(np.flatnonzero(np.arange(3000) % 10)), [-1] * 200)
    after = np.where(kept[:, None] >= 0, before[kept], _unit(generator.standard_normal((2900, 16))))
    description = write_vectors(new, after, 1000, old, kept)
    assert description.lists == round(4 * np.sqrt(3000))  # not 4 * sqrt(2900)
    vectors = EmbeddedVectors(new, *after.shape, description)
    questions = after[::10].astype(np.float32)
    _, found = vectors.search(questions, 10)
    _, exact = vectors.search(questions, 10, np.arange(2900))
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True)]
    assert sum(hits) / exact.size > 0.95
    assert description.recall >= 0.99
