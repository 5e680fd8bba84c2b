"""Exact against approximate vector search by number of passages, to choose FLAT_LIMIT.

    python benchmarks/vectors.py INDEX 100000 200000 300000

The given numbers of vectors are made from the index's passages by adding noise of length 0.6, so
that their distribution is like that of real reports; questions have a cosine of about 0.7 to one of
them. CPU time is the more reliable on a busy machine. Filtered search is always exact; its time is
printed by the share of passages that the filter keeps.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from qa_app.store.embedded.generation import open_generation
from qa_app.store.embedded.vectors import EmbeddedVectors, write_vectors

SPREAD = 0.6  # length of the noise added to a unit vector
QUESTIONS = 100  # timed for each number of passages
POOL = 100  # nearest vectors asked for
SHARES = (0.001, 0.01, 0.1, 0.5)  # of passages that a filter keeps

Floats = npt.NDArray[np.float32]


def unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), dtype=np.float32)


def around(generator: np.random.Generator, centres: Floats, count: int, spread: float) -> Floats:
    chosen = centres[generator.integers(len(centres), size=count)]
    noise = unit(generator.standard_normal(chosen.shape, dtype=np.float32))
    return unit(chosen + spread * noise)


def timed(search: Callable[[Floats], object], questions: Floats) -> str:
    seconds, of_processor = [], []
    for question in questions:
        started, used = time.perf_counter(), time.process_time()
        search(question[None])
        seconds.append(time.perf_counter() - started)
        of_processor.append(time.process_time() - used)
    median, slow = np.quantile(seconds, (0.5, 0.95)) * 1000
    return f"{median:7.2f} ms, p95 {slow:7.2f} ms, CPU {np.median(of_processor) * 1000:6.2f} ms"


def measure(centres: Floats, count: int) -> None:
    generator = np.random.default_rng(1)
    dimension = centres.shape[1]
    embeddings = np.empty((count, dimension), dtype=np.float16)
    for start in range(0, count, 20_000):
        part = embeddings[start : start + 20_000]
        part[:] = around(generator, centres, len(part), SPREAD)
    some = embeddings[:: count // QUESTIONS].astype(np.float32)
    questions = around(generator, some, QUESTIONS, 1.0)
    truth = None
    for limit in (count, count - 1):
        with tempfile.TemporaryDirectory() as folder:
            started = time.perf_counter()
            description = write_vectors(Path(folder), embeddings, limit)
            seconds = time.perf_counter() - started
            vectors = EmbeddedVectors(Path(folder), count, dimension, description)
            found = np.vstack([vectors.search(question[None], POOL)[1] for question in questions])
            truth = found if truth is None else truth
            hits = [len(np.intersect1d(a, b)) for a, b in zip(truth, found, strict=True)]
            print(
                f"{count:>9,}  {description.kind:<8} {timed(_search(vectors), questions)}"
                f"  recall@{POOL} {sum(hits) / truth.size:.4f}"
                f"  built in {seconds:.1f} s, {description.probes} of {description.lists} cells",
                flush=True,
            )
            if limit < count:
                continue
            for share in SHARES:
                rows = np.sort(generator.permutation(count)[: round(count * share)])
                shown = timed(_search(vectors, rows), questions)
                print(f"{count:>9,}  filter that keeps {share:<6.1%} {shown}", flush=True)


def _search(
    vectors: EmbeddedVectors, rows: npt.NDArray[np.int64] | None = None
) -> Callable[[Floats], object]:
    return lambda question: vectors.search(question, POOL, rows)


if __name__ == "__main__":
    with open_generation(Path(sys.argv[1])) as generation:
        passages = generation.vectors.embeddings.astype(np.float32)
    for argument in sys.argv[2:]:
        measure(passages, int(argument))
