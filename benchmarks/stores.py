"""Two stores side by side: do they rank alike, and how fast is each?

    python benchmarks/stores.py FOLDER SECOND --eval EVAL [--sets cisi npl] [--questions 100]
    python benchmarks/stores.py INDEX SECOND [--questions 30]

FOLDER keeps an index of each set of EVAL (a folder of sets in BEIR form), made if it is not there
yet; INDEX is any index. Each is copied into SECOND, postgresql://… or a folder, which must hold no
index of anything else: what is there is replaced. The questions are those of the set, or of
benchmarks/questions/reports.csv.

"agreement" is the share of the first ten passages that both stores have, averaged over questions.
Seconds are taken of one store and the other in turn, question by question; a search includes
encoding the question. The filter keeps about a tenth of the passages. Ends with 1 if the mean
agreement of mode best is under 0.95, or nDCG@10 differs by more than 0.01.
"""

from __future__ import annotations

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_app.api import Snapshot, encoder_for, open_from_settings
from qa_app.embedding import Encoder
from qa_app.evaluation.scoring import ndcg_at
from qa_app.evaluation.sets import index_rows, read_set
from qa_app.models import Mode
from qa_app.settings import Location, Settings, index_location
from qa_app.store.contents import GenerationContents, write_generation
from qa_app.store.documents import IndexedDocument
from qa_app.store.opening import open_store

QUESTIONS = Path(__file__).parent / "questions" / "reports.csv"
MODES = (Mode.BEST, Mode.DENSE, Mode.LEXICAL)
LEAST_AGREEMENT, MOST_DIFFERENCE = 0.95, 0.01
SHOWN = 10
KEPT = 0.1  # share of the passages that the filter keeps, about
THREADS = (1, 8)
ANSWERS = 64  # asked of each store by each number of threads


@dataclass(frozen=True, slots=True)
class Set:
    """Questions for an index, and the relevance of its documents to each, if known."""

    name: str
    index: Location
    questions: tuple[str, ...]
    judged: tuple[Mapping[str, float], ...] = ()


class Quiet:
    """Says nothing of the progress of a build."""

    def stage(self, name: str, total: int) -> None:
        pass

    def advance(self, steps: int, label: str = "") -> None:
        pass

    def close(self) -> None:
        pass


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("first", type=index_location)
    parser.add_argument("second", type=index_location)
    parser.add_argument("--eval", type=Path)
    parser.add_argument("--sets", nargs="*")
    parser.add_argument("--questions", type=int, default=100)
    parser.add_argument("--no-pace", action="store_true", help="agreement alone")
    given = parser.parse_args()
    encoder = encoder_for(Settings())
    if given.eval:
        names = given.sets or sorted(path.name for path in given.eval.iterdir() if path.is_dir())
        sets = [evaluation(given.eval / name, given.first / name, encoder) for name in names]
    else:
        with QUESTIONS.open(encoding="utf-8", newline="") as file:
            asked = tuple(row["question"] for row in csv.DictReader(file))
        sets = [Set("index", given.first, asked)]
    results = [compare(item, given.second, encoder, given) for item in sets]
    agreements = [agreement[Mode.BEST] for agreement, _ in results]
    gains = np.mean([gain for _, gain in results], axis=0)
    print(f"mean: agreement {np.mean(agreements):.3f}, nDCG@10 {gains[0]:.4f} and {gains[1]:.4f}")
    alike = np.mean(agreements) >= LEAST_AGREEMENT
    return 0 if alike and abs(gains[0] - gains[1]) <= MOST_DIFFERENCE else 1


def evaluation(folder: Path, index: Path, encoder: Encoder) -> Set:
    """Return the questions of a set that has relevant rows, and index it if it is not yet."""
    found = read_set(folder)
    if open_store(index).last_manifest() is None:
        index_rows(found.rows, index, encoder, Settings(), Quiet())
    asked = [query for query in found.queries if found.relevant(query)]
    judged = tuple(found.judged[query.id] for query in asked)
    return Set(folder.name, index, tuple(query.text for query in asked), judged)


def compare(
    item: Set, second: Location, encoder: Encoder, given: argparse.Namespace
) -> tuple[dict[Mode, float], tuple[float, float]]:
    """Copy the index, measure both, and return agreement by mode and the nDCG@10 of both."""
    copied = contents(item.index)
    rates = [load(copied, second)]
    with tempfile.TemporaryDirectory() as folder:
        rates.insert(0, load(copied, Path(folder)))
    chosen = np.random.default_rng(7).permutation(len(item.questions))[: given.questions]
    asked = [item.questions[number] for number in chosen]
    with (
        open_from_settings(
            Settings(index=item.index, corpus=Path(), reader="none"), encoder
        ) as one,
        open_from_settings(Settings(index=second, corpus=Path(), reader="none"), encoder) as two,
    ):
        sides = one.snapshot(), two.snapshot()
        agreement, ranked = {}, []
        for mode in MODES:
            pairs = [[search(side, text, mode) for side in sides] for text in asked]
            shares = [len({*a} & {*b}) / max(len(a), len(b), 1) for a, b in pairs]
            agreement[mode] = float(np.mean(shares))
            ranked = ranked or pairs
        gains = (0.0, 0.0)
        if item.judged:
            paths = [
                [documents(side, rows) for side, rows in zip(sides, pair, strict=True)]
                for pair in ranked
            ]
            every = [
                [ndcg_at(ranking, item.judged[number], SHOWN) for ranking in pair]
                for number, pair in zip(chosen, paths, strict=True)
            ]
            gains = tuple(np.mean(every, axis=0).tolist())
        print(
            f"| {item.name} | {sides[0].generation.num_passages:,} | {len(asked)} | "
            + " | ".join(f"{agreement[mode]:.3f}" for mode in MODES)
            + f" | {gains[0]:.4f} | {gains[1]:.4f} | {rates[0]:,.0f} | {rates[1]:,.0f} |",
            flush=True,
        )
        if not given.no_pace:
            pace(sides, asked, encoder)
    return agreement, gains


def contents(index: Location) -> GenerationContents:
    with open_store(index).open(searchable=False) as source:
        every = np.arange(source.num_passages)
        documents = [
            IndexedDocument(source.document(item.path), item.source, source.passages(item.rows))
            for item in source.documents
        ]
        manifest, tokens = source.manifest, source.tokens.codes(every)
        vectors = source.stored_vectors(every)
        return GenerationContents(
            documents, vectors, manifest.model, manifest.recipe, tokens=tokens
        )


def load(copied: GenerationContents, place: Location) -> float:
    """Write a generation, and return the passages written a second."""
    started = time.perf_counter()
    write_generation(place, copied)
    return len(copied.embeddings) / (time.perf_counter() - started)


def search(
    side: Snapshot,
    text: str,
    mode: Mode,
    filters: Mapping[str, Sequence[str]] | None = None,
) -> list[str]:
    """Return the ids of the first passages."""
    found = side.search(text, SHOWN, filters, mode, distinct=False)
    return [result.passage.id for result in found]


def documents(side: Snapshot, ids: Sequence[str]) -> list[str]:
    rows = [side.generation.row_of(name) for name in ids]
    return [passage.document for passage in side.generation.passages(rows)]


def pace(sides: Sequence[Snapshot], asked: Sequence[str], encoder: Encoder) -> None:
    """Print the milliseconds of searches, and answers a second."""
    filters = a_filter(sides[0])
    alone = times([lambda text: encoder.encode_queries([text])], asked)[0]
    print(f"  {'encoding the question':<24} p50 {alone[0]:7.1f}")
    for mode in (Mode.BEST, Mode.FAST):
        for kind, chosen in (("", {}), (", filtered", filters)):
            calls = [
                lambda text, side=side, mode=mode, chosen=chosen: search(side, text, mode, chosen)
                for side in sides
            ]
            shown = (f"p50 {half:7.1f}, p95 {most:7.1f} ms" for half, most in times(calls, asked))
            print(f"  {'search ' + mode + kind:<24} " + " | ".join(shown), flush=True)
    for threads in THREADS:
        shown = []
        for side in sides:
            texts = [asked[number % len(asked)] for number in range(ANSWERS)]
            with ThreadPoolExecutor(threads) as pool:
                started = time.perf_counter()
                list(pool.map(lambda text, side=side: side.ask(text, mode=Mode.FAST), texts))
            shown.append(f"{ANSWERS / (time.perf_counter() - started):.1f} answers a second")
        print(f"  {f'ask fast, {threads} at once':<24} " + " | ".join(shown), flush=True)


def times(
    calls: Sequence[Callable[[str], object]], asked: Sequence[str]
) -> list[tuple[float, float]]:
    """Return p50 and p95 of each call in milliseconds, the calls in turn for each question."""
    taken: list[list[float]] = [[] for _ in calls]
    for text in (asked[0], *asked):  # the first is to warm up
        for call, found in zip(calls, taken, strict=True):
            started = time.perf_counter()
            call(text)
            found.append(1000 * (time.perf_counter() - started))
    return [tuple(np.quantile(found[1:], (0.5, 0.95)).tolist()) for found in taken]


def a_filter(side: Snapshot) -> dict[str, list[str]]:
    """Return values of one facet that together have about a tenth of the passages."""
    counts = side.generation.facet_counts
    facet = max(counts, key=lambda name: len(counts[name]))
    wanted, values, total = KEPT * side.generation.num_passages, [], 0
    for value, count in sorted(counts[facet].items()):
        if total < wanted:
            values.append(value)
            total += count
    return {facet: values}


if __name__ == "__main__":
    sys.exit(main())
