"""Fit what turns a value's best sentence into the chance of a row in a "which …" question.

    python -m training.rows collect --data DATA --out rows.jsonl
    python -m training.rows collect --data DATA --reader none --out rows-unread.jsonl
    python -m training.rows fit rows.jsonl rows-unread.jsonl [--write]

Eight questions about the use-of-force policies of 28 police departments, and five about the four
forces of the sample report; of each value it is known whether it has a row. A question is judged by
a model that was fitted on the others. ``--write`` fits on all of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_app import build_index, open_index
from qa_app.answering.model import SHRUNK_BY, row_cut
from qa_app.answering.question import parse_question
from qa_app.answering.tables import candidates_of
from training.calibrate import FITTED, logistic
from training.examples import read_lines

NAMES = {
    "row": ("answer", "late", "weakest", "covered", "share"),
    "row_unread": ("late", "weakest", "covered", "share"),
}
_START = {"answer": 0.3, "late": 9.6, "weakest": 3.6, "covered": 1.2, "share": 1.2}
_ROUNDS = 5  # of choosing each value's best sentence and fitting again
_RIDGE = 8.0
_LEAST = 0.4


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence of a value, and whether the value has a row."""

    question: str
    value: str
    true: bool
    scores: Mapping[str, float]


def collect(data: Path, reader: str) -> Iterator[Row]:
    """Yield every sentence that might bear out a row of the questions with known answers."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        policies = root / "policies"
        shutil.copytree(data / "which-departments/docs", policies)
        names = (data / "which-departments/departments.txt").read_text("utf-8").split()
        values = "".join(f'"{name.replace("_", " ")}" = []\n' for name in names)
        nouns = '[department]\nnouns = ["department", "departments"]\n[department.values]\n'
        (policies / "facets.toml").write_text(nouns + values, "utf-8")
        asked = list(read_lines(data / "which-departments/questions.jsonl"))
        gold = {
            row["text"]: {k.replace("_", " "): v for k, v in row["gold"].items()} for row in asked
        }
        yield from _rows(policies, root / "index", gold, reader)
        yield from _rows(Path("corpus"), root / "sample", dict(_sample(data)), reader)


def _sample(data: Path) -> Iterator[tuple[str, dict[str, bool | None]]]:
    forces = ("Humberside", "Lincolnshire", "Merseyside", "Surrey")
    for row in read_lines(data / "questions/apcc.jsonl"):
        required, allowed = row.get("required", ()), row.get("allowed", ())
        if row["question"].lower().startswith("which"):
            yield row["question"], {f: None if f in allowed else f in required for f in forces}


def _rows(
    corpus: Path, index: Path, gold: Mapping[str, Mapping[str, bool | None]], reader: str
) -> Iterator[Row]:
    build_index(corpus, index)
    with open_index(index, reader=reader) as opened:
        retriever = opened.snapshot().retriever
        for question, known in gold.items():
            asked = parse_question(question, retriever.facets, retriever.generation)
            for value, item in candidates_of(retriever, asked, None, opened.snapshot().reader):
                if known.get(value) is not None:
                    yield Row(question, value, bool(known[value]), dict(item.scores))


def fit(rows: Sequence[Row], names: Sequence[str]) -> tuple[np.ndarray, float]:
    """Return intercept and weights, and the usual weighted sum of a value's best sentence."""
    model = np.array([0.0, *(_START[name] for name in names)])
    usual = np.zeros(len(names))
    for _ in range(_ROUNDS):
        x, y, w, usual = _centred(best_of(rows, model, names), names)
        model = logistic(x, y, w, _RIDGE)
    return model, float(model[1:] @ usual)


def best_of(
    rows: Sequence[Row], model: np.ndarray, names: Sequence[str]
) -> dict[tuple[str, str], tuple[float, Row]]:
    """Return each value's best sentence with its weighted sum, the intercept left out."""
    best: dict[tuple[str, str], tuple[float, Row]] = {}
    for row in rows:
        total = sum(w * row.scores.get(n, 0.0) for w, n in zip(model[1:], names, strict=True))
        key = (row.question, row.value)
        if key not in best or total > best[key][0]:
            best[key] = (total, row)
    return best


def _centred(
    best: Mapping[tuple[str, str], tuple[float, Row]], names: Sequence[str]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return features less their question's mean, shrunk towards the usual one; labels; weights.

    Last the usual mean: of all questions.
    """
    by_question: dict[str, list[Row]] = defaultdict(list)
    for (question, _), (_, row) in best.items():
        by_question[question].append(row)
    tables = {
        question: np.array([[row.scores.get(n, 0.0) for n in names] for row in some])
        for question, some in by_question.items()
    }
    every = np.mean([table.mean(0) for table in tables.values()], axis=0)
    x, y, w = [], [], []
    for question, table in tables.items():
        size = len(table)
        centre = (size * table.mean(0) + SHRUNK_BY * every) / (size + SHRUNK_BY)
        x.append(np.c_[np.ones(size), table - centre])
        y += [float(row.true) for row in by_question[question]]
        w += [1 / np.sqrt(size)] * size
    weights = np.array(w)
    return np.concatenate(x), np.array(y), weights * len(weights) / weights.sum(), every


def judged(
    rows: Sequence[Row], model: np.ndarray, prior: float, names: Sequence[str]
) -> list[tuple[float, bool]]:
    """Return the chance of each value of one question, and whether it has a row."""
    best = best_of(rows, model, names)
    cut = row_cut([total for total, _ in best.values()], prior)
    return [(1 / (1 + np.exp(-(model[0] + s - cut))), row.true) for s, row in best.values()]


def f1(found: Sequence[tuple[float, bool]], least: float) -> float:
    """Return the F1 of the rows from a chance on; 1 where there is nothing to find or found."""
    right = sum(true for chance, true in found if chance >= least)
    size = sum(chance >= least for chance, _ in found) + sum(true for _, true in found)
    return 2 * right / size if size else 1.0


def main() -> None:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("collect")
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--reader", default="default")
    one.add_argument("--out", type=Path, required=True)
    two = commands.add_parser("fit")
    two.add_argument("read", type=Path)
    two.add_argument("unread", type=Path)
    two.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.command == "collect":
        with given.out.open("w", encoding="utf-8") as out:
            for row in collect(given.data, given.reader):
                kept = {name: round(float(row.scores.get(name, 0.0)), 4) for name in _START}
                line = {"question": row.question, "value": row.value, "true": row.true}
                out.write(json.dumps({**line, "scores": kept}) + "\n")
        return
    written: dict[str, Any] = json.loads(FITTED.read_text("utf-8"))
    for name, path in (("row", given.read), ("row_unread", given.unread)):
        rows = [Row(**row) for row in read_lines(path)]
        show(rows, NAMES[name])
        model, prior = fit(rows, NAMES[name])
        weights = dict(zip(NAMES[name], (round(float(w), 4) for w in model[1:]), strict=True))
        written.setdefault(name, {"threshold": _LEAST, "strong": 0.7})
        written[name] |= {"intercept": round(float(model[0]), 4), "weights": weights}
        written[name]["prior"] = round(prior, 4)
    if given.write:
        FITTED.write_text(json.dumps(written, indent=1) + "\n", "utf-8")


def show(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Print each question's F1 by a model that was fitted on the others."""
    scores: dict[str, float] = {}
    every: list[tuple[float, bool]] = []
    for question in dict.fromkeys(row.question for row in rows):
        model, prior = fit([row for row in rows if row.question != question], names)
        found = judged([row for row in rows if row.question == question], model, prior, names)
        scores[question] = f1(found, _LEAST)
        every += found
        print(f"{scores[question]:.2f}  {question}")
    many = [score for question, score in scores.items() if "department" in question]
    sure = [true for chance, true in every if chance >= 0.8]
    all_of = np.mean(list(scores.values()))
    print(f"macro F1 {np.mean(many):.3f} of the policies, {all_of:.3f} of all questions")
    print(f"right at 0.8 and more: {np.mean(sure):.2f} of {len(sure)}\n")


if __name__ == "__main__":
    main()
