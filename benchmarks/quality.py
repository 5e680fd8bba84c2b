"""Metrics of the answers to questions about the reports of tests/quality.

    python benchmarks/quality.py [--reader none] [--questions FILE]

The default questions are those of tests/quality; benchmarks/questions/invented-reports.jsonl has
about as many more on the same reports.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable
from pathlib import Path

from qa_app import build_index, open_index
from qa_app.evaluation.scoring import auroc
from qa_app.models import Answer, Verdict

NET = Path("tests/quality")
SURE = (0.9, 0.7, 0.5)  # confidence levels at which accuracy is reported


def rank(answer: Answer, words: Iterable[str]) -> int | None:
    quotes = answer.findings or answer.near_misses
    return next((n for n, q in enumerate(quotes, 1) if any(w in q.quote for w in words)), None)


def share(values: Iterable[bool]) -> float:
    kept = list(values)
    return round(sum(kept) / len(kept), 3) if kept else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reader", default="default")
    parser.add_argument("--questions", type=Path, default=NET / "questions.jsonl")
    given = parser.parse_args()
    rows = [json.loads(line) for line in given.questions.read_text("utf-8").splitlines()]
    with tempfile.TemporaryDirectory() as folder:
        build_index(NET / "corpus", folder)
        with open_index(folder, NET / "corpus", reader=given.reader) as index:
            asked = [(row, index.ask(row["question"])) for row in rows]
    ranked = [(row, answer, rank(answer, row["contains"])) for row, answer in asked]
    real = [item for item in ranked if item[0]["answerable"]]
    none = [item for item in ranked if not item[0]["answerable"]]
    figures = {
        "questions": len(ranked),
        "first": share(place == 1 for _, _, place in real),
        "paraphrase": share(place == 1 for row, _, place in real if row.get("paraphrase")),
        "third": share(place is not None for _, _, place in real),
        "answered": share(answer.verdict is Verdict.ANSWERED for _, answer, _ in real),
        "unanswerable answered": share(a.verdict is Verdict.ANSWERED for _, a, _ in none),
        "auroc": auroc([a.confidence for _, a, _ in real], [a.confidence for _, a, _ in none]),
    }
    for least in SURE:
        sure = [place == 1 for _, answer, place in ranked if answer.confidence >= least]
        figures[f"right at {least} and more"] = f"{share(sure)} of {len(sure)}"
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
