"""Accuracy on twin questions, an answerable and an unanswerable one about the same document.

    python benchmarks/twins.py DATA INDEX [--reader none] [--questions FOLDER] [--share 0.2]
        [--everywhere] [--misses]

DATA contains reader/reports.jsonl; INDEX is an index of the corpus of training.sources. Questions
are taken from documents excluded from training (training.mixture.DEVELOPMENT), and asked within
their document unless --everywhere is given. --misses lists answerable questions not answered first.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_app import open_index
from qa_app.evaluation.scoring import auroc
from qa_app.models import Answer, Finding, Verdict
from training.examples import read_lines
from training.mixture import DEVELOPMENT
from training.questions import load_questions
from training.sources import document_path


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, its answer, and the rank of the right quote, from 1, or None."""

    row: dict[str, Any]
    answer: Answer
    rank: int | None

    @property
    def impossible(self) -> bool:
        return not self.row["answers"]


def held_questions(data: Path, questions: Path, index: Path) -> Iterator[dict[str, Any]]:
    for row in read_lines(data / "reader/reports.jsonl"):
        if row["document"] in DEVELOPMENT:
            yield row
    for row in load_questions(questions, index):
        if row["document"] in DEVELOPMENT:
            yield row


def ask(index: Any, row: dict[str, Any], everywhere: bool) -> Asked:
    path = document_path(row["document"])
    filters = {} if everywhere else {"document": [path]}
    answer = index.ask(row["question"], filters=filters)
    rank = None
    if row["answers"]:
        place = index.snapshot().document(path).text.find(row["context"])
        start = place + row["answers"][0]["answer_start"]
        end = start + len(row["answers"][0]["text"])
        quotes = answer.findings or answer.near_misses
        # A context made of several rows is not in the corpus text; then the words are compared.
        words = "" if place >= 0 else row["answers"][0]["text"]
        ranks = (n for n, quote in enumerate(quotes, 1) if _holds(quote, path, start, end, words))
        rank = next(ranks, None)
    return Asked(row, answer, rank)


def _holds(quote: Finding, path: str, start: int, end: int, words: str) -> bool:
    if words:
        return words in quote.quote
    places = (quote.citation, *quote.also_in)
    return any(p.document == path and p.start < end and start < p.end for p in places)


def figures(asked: list[Asked]) -> dict[str, float]:
    real = [item for item in asked if not item.impossible]
    near = [item for item in asked if item.impossible]
    hard = [item for item in real if item.row.get("paraphrase")]
    sure = [item for item in asked if item.answer.confidence >= 0.9]
    found = {
        "questions": len(real),
        "first": _share(item.rank == 1 for item in real),
        "first_paraphrase": _share(item.rank == 1 for item in hard),
        "third": _share(item.rank is not None for item in real),
        "answered": _share(item.answer.verdict is Verdict.ANSWERED for item in real),
        "near_answered": _share(item.answer.verdict is Verdict.ANSWERED for item in near),
        "auroc": auroc(
            [item.answer.confidence for item in real], [item.answer.confidence for item in near]
        ),
        "sure": len(sure),
        "right_when_sure": _share(item.rank == 1 for item in sure),
    }
    sides: dict[str, dict[bool, float]] = {}
    for item in asked:
        sides.setdefault(item.row["twin"], {})[item.impossible] = item.answer.confidence
    pairs = [side for side in sides.values() if len(side) == 2]
    return {**found, "twin": _share(side[False] > side[True] for side in pairs)}


def _share(values: Any) -> float:
    kept = list(values)
    return sum(kept) / len(kept) if kept else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("index", type=Path)
    parser.add_argument("--reader", default="default")
    parser.add_argument("--questions", type=Path, default=Path("training/questions"))
    parser.add_argument("--share", type=float, default=1.0, help="of the pairs")
    parser.add_argument("--everywhere", action="store_true", help="ask the whole corpus")
    parser.add_argument("--misses", action="store_true")
    given = parser.parse_args()
    rows = list(held_questions(given.data, given.questions, given.index))
    twins = sorted({row["twin"] for row in rows})
    kept = set(random.Random(3).sample(twins, int(len(twins) * given.share)))
    with open_index(given.index, reader=given.reader) as index, ThreadPoolExecutor(2) as pool:
        chosen = [row for row in rows if row["twin"] in kept]
        asked = list(pool.map(lambda row: ask(index, row, given.everywhere), chosen))
    if given.misses:
        for item in asked:
            if item.rank != 1 and not item.impossible:
                quotes = item.answer.findings or item.answer.near_misses
                print(item.row["question"], "|", item.row["answers"][0]["text"], "|", item.rank)
                print(
                    "   ", f"{item.answer.confidence:.2f}", quotes[0].quote[:200] if quotes else "-"
                )
    print(json.dumps({key: round(value, 4) for key, value in figures(asked).items()}))


if __name__ == "__main__":
    main()
