"""Ablation of the retrieval steps on folders in BEIR form.

    python benchmarks/ablation.py EVAL_FOLDER [NAME …] [--modes-only]

Prints a Markdown table of nDCG@10. Each row disables some steps by setting their weights to zero;
all other code is the product's own. ``best`` and ``fast`` give the same ranking.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from qa_app.embedding import Encoder, SentenceTransformerEncoder
from qa_app.evaluation import EvaluationSet, read_set
from qa_app.evaluation.scoring import ndcg_at
from qa_app.models import Block, BlockKind, Document, Mode, Passage
from qa_app.retrieval import Retriever, fusion, late
from qa_app.store.contents import embed_contents, write_generation
from qa_app.store.documents import IndexedDocument, SourceStamp
from qa_app.store.embedded.generation import open_generation
from qa_app.store.protocol import Generation

# Judged sets, as named in EVAL_FOLDER.
SETS = ("orsharc", "qmsum-committee", "cisi", "npl", "cranfield")
DEPTH = 10  # of nDCG@10


@dataclass(frozen=True, slots=True)
class Variant:
    """A mode, and the weights that differ from the product's, by "module.NAME"."""

    name: str
    mode: Mode
    weights: Mapping[str, float]


TERMS, NEIGHBOURS = "fusion._TERM_WEIGHT", "fusion._NEIGHBOUR_WEIGHT"
LATE = "late._WEIGHT"
PLAIN = {TERMS: 0.0, NEIGHBOURS: 0.0, LATE: 0.0}
MODES = (
    Variant("dense", Mode.DENSE, {}),
    Variant("lexical (BM25)", Mode.LEXICAL, {}),
    Variant("best, fast", Mode.BEST, {}),
)
STEPS = (
    Variant("plain fusion, 0.5 + 0.5", Mode.BEST, {**PLAIN, "fusion.LEXICAL_WEIGHT": 0.5}),
    Variant("plain fusion", Mode.BEST, PLAIN),
    Variant("plain fusion, late interaction", Mode.BEST, {TERMS: 0.0, NEIGHBOURS: 0.0}),
    Variant("without late interaction", Mode.BEST, {LATE: 0.0}),
    Variant("without query expansion", Mode.BEST, {TERMS: 0.0}),
    Variant("without neighbours", Mode.BEST, {NEIGHBOURS: 0.0}),
)
_MODULES: Mapping[str, ModuleType] = {"fusion": fusion, "late": late}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="holds one folder a set")
    parser.add_argument("sets", nargs="*", default=SETS, metavar="NAME")
    parser.add_argument("--modes-only", action="store_true", help="leave the ablations out")
    options = parser.parse_args()
    variants = MODES if options.modes_only else (*MODES, *STEPS)
    encoder = SentenceTransformerEncoder()
    table: dict[str, list[float]] = {variant.name: [] for variant in variants}
    print("| | " + " | ".join((*options.sets, "mean", "ms a question (median)")) + " |")
    print("|---" * (len(options.sets) + 3) + "|")
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for name in options.sets:
        given = read_set(options.folder / name)
        with indexed(given, encoder) as generation:
            for variant in variants:
                table[variant.name].append(score(given, generation, encoder, variant, times))
    for name, values in table.items():
        cells = [f"{value:.3f}" for value in (*values, statistics.mean(values))]
        print("| " + " | ".join((name, *cells, f"{statistics.median(times[name]):.0f}")) + " |")


@contextmanager
def indexed(given: EvaluationSet, encoder: Encoder) -> Iterator[Generation]:
    """Index the rows of a set, one passage each, in a temporary folder."""
    documents = []
    for row in given.rows:
        text = row["text"].strip() or "-"
        title = row.get("title") or ""
        passage = Passage(row["_id"], row["_id"], title, (), 0, len(text), text, ())
        block = Block(0, len(text), BlockKind.PARAGRAPH)
        document = Document(row["_id"], "jsonl", title, text, (block,))
        documents.append(IndexedDocument(document, SourceStamp(0, 0, ""), (passage,)))
    with tempfile.TemporaryDirectory(prefix="qa_app-ablation-") as folder:
        write_generation(Path(folder), embed_contents(documents, encoder))
        with open_generation(Path(folder)) as generation:
            yield generation


def score(
    given: EvaluationSet,
    generation: Generation,
    encoder: Encoder,
    variant: Variant,
    times: dict[str, list[float]],
) -> float:
    """Return the mean nDCG@10 of a variant; append the milliseconds per question to ``times``."""
    retriever = Retriever(generation, encoder)
    retriever.rank("warm", DEPTH, mode=variant.mode)
    values = []
    with weights(variant.weights):
        for query in given.queries:
            judged = given.judged.get(query.id, {})
            if not any(gain > 0 for gain in judged.values()):
                continue
            started = time.perf_counter()
            ranked = retriever.rank(query.text, DEPTH, mode=variant.mode)
            times[variant.name].append((time.perf_counter() - started) * 1000)
            paths = [passage.document for passage in generation.passages([r.row for r in ranked])]
            values.append(ndcg_at(paths, judged, DEPTH))
    return statistics.mean(values)


@contextmanager
def weights(changed: Mapping[str, float]) -> Iterator[None]:
    """Set weights, given by "module.NAME", and restore them on exit."""
    kept = {}
    for path, value in changed.items():
        module, name = path.split(".")
        kept[path] = getattr(_MODULES[module], name)
        setattr(_MODULES[module], name, value)
    try:
        yield
    finally:
        for path, value in kept.items():
            module, name = path.split(".")
            setattr(_MODULES[module], name, value)


if __name__ == "__main__":
    main()
