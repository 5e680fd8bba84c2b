"""Fit the models that give the probability of a row in a "which …" question.

    python -m training.rows collect --data DATA --out rows.jsonl
    python -m training.rows collect --data DATA --reader none --out rows-unread.jsonl
    python -m training.rows fit rows.jsonl rows-unread.jsonl [--write]

The data are eight given questions about the use-of-force policies of 28 police departments, five
about the four forces of the sample report, and those of ``mixture.HELD_FILES``, which the reader
was not trained on; for each value it is known whether it has a row. Figures of a question are from
a model fitted on the other questions; ``--write`` saves a model fitted on all.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_app import build_index, open_index
from qa_app.answering.model import SHRUNK_BY, chance, row_cut
from qa_app.answering.question import parse_question
from qa_app.answering.tables import candidates_of, rows_by_value
from training.calibrate import logistic, write
from training.examples import read_lines
from training.mixture import HELD_FILES

NAMES = {
    "row": ("answer", "late", "covered"),
    "row_unread": ("late", "covered"),
}
_KEPT = ("answer", "behind", "rank", "late", "weakest", "covered", "passage")
# Initial weights for choosing each value's best sentence.
_START = {"answer": 0.3, "late": 9.6, "weakest": 3.6, "covered": 1.2}
_ROUNDS = 5  # of choosing each value's best sentence and fitting again
_RIDGE = 8.0  # cost of squared weights, with features in standard deviations
_LEAST = 0.4  # least probability of a row, the threshold that is written
_WRITTEN = "written"  # source of the questions that are judged and not fitted on


@dataclass(frozen=True, slots=True)
class Row:
    """A candidate sentence for a value, and whether the value should have a row."""

    source: str
    question: str
    value: str
    true: bool
    scores: Mapping[str, float]


def collect(data: Path, questions: Path, reader: str) -> Iterator[Row]:
    """Yield every candidate sentence for the rows of questions with known answers."""
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        policies = root / "policies"
        shutil.copytree(data / "which-departments/docs", policies)
        names = (data / "which-departments/departments.txt").read_text("utf-8").split()
        values = "".join(f'"{name.replace("_", " ")}" = []\n' for name in names)
        plain = '["department", "departments", "agency", "agencies", "policies", "forces"]'
        nouns = f"[department]\nnouns = {plain}\n[department.values]\n"
        (policies / "facets.toml").write_text(nouns + values, "utf-8")
        asked = list(read_lines(data / "which-departments/questions.jsonl"))
        gold = {
            row["text"]: {k.replace("_", " "): v for k, v in row["gold"].items()} for row in asked
        }
        yield from _rows("given", policies, root / "index", gold, reader)
        yield from _rows(_WRITTEN, policies, root / "index", _written(questions), reader)
        yield from _rows("sample", Path("corpus"), root / "sample", dict(_sample(data)), reader)


def _written(folder: Path) -> dict[str, dict[str, bool | None]]:
    """Return, for each question of the held-out files, which values have an answering passage."""
    gold: dict[str, dict[str, bool | None]] = defaultdict(dict)
    for name in HELD_FILES:
        for row in read_lines(folder / f"{name}.jsonl"):
            known = gold[row["question"]]
            known[row["value"]] = bool(known.get(row["value"])) or "span" in row
    return gold


def _sample(data: Path) -> Iterator[tuple[str, dict[str, bool | None]]]:
    forces = ("Humberside", "Lincolnshire", "Merseyside", "Surrey")
    for row in read_lines(data / "questions/apcc.jsonl"):
        required, allowed = row.get("required", ()), row.get("allowed", ())
        if row["question"].lower().startswith("which"):
            yield row["question"], {f: None if f in allowed else f in required for f in forces}


def _rows(
    source: str,
    corpus: Path,
    index: Path,
    gold: Mapping[str, Mapping[str, bool | None]],
    reader: str,
) -> Iterator[Row]:
    build_index(corpus, index)
    with open_index(index, reader=reader) as opened:
        snapshot = opened.snapshot()
        retriever = snapshot.retriever
        for question, known in gold.items():
            parsed = parse_question(question, retriever.facets, retriever.generation)
            if parsed.table is None:
                print(f"not read as a question for rows: {question}", file=sys.stderr)
                continue
            values = rows_by_value(retriever, parsed)
            for value, item in candidates_of(retriever, parsed, values, snapshot.reader):
                if known.get(value) is not None:
                    yield Row(source, question, value, bool(known[value]), dict(item.scores))


def fit(rows: Sequence[Row], names: Sequence[str]) -> tuple[np.ndarray, float]:
    """Return (intercept and weights, prior): the prior is the mean total of the best sentences."""
    # What the written ones call unanswered was judged by two passages a value only: to fit on it
    # as well cost the given ones .04 of F1.
    rows = [row for row in rows if row.source != _WRITTEN]
    model = np.array([0.0, *(_START[name] for name in names)])
    usual = np.zeros(len(names))
    for _ in range(_ROUNDS):
        x, y, w, usual = _centred(best_of(rows, model, names), names)
        model = logistic(x, y, w, _RIDGE)
    return model, float(model[1:] @ usual)


def best_of(
    rows: Sequence[Row], model: np.ndarray, names: Sequence[str]
) -> dict[tuple[str, str], tuple[float, Row]]:
    """Return each value's best sentence with its weighted sum without intercept.

    The keys are (question, value).
    """
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
    """Return features less their question's mean, labels, case weights, and the overall mean.

    A question's mean is shrunk towards the overall mean, the mean of the questions' means.
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
    """Return for each value of one question its probability and whether it should have a row."""
    best = best_of(rows, model, names)
    cut = row_cut([total for total, _ in best.values()], prior)
    return [(chance(model[0] + total - cut), row.true) for total, row in best.values()]


def f1(found: Sequence[tuple[float, bool]], least: float) -> float:
    """Return the F1 of the rows of at least this probability; 1 if none is expected or found."""
    right = sum(true for chance, true in found if chance >= least)
    size = sum(chance >= least for chance, _ in found) + sum(true for _, true in found)
    return 2 * right / size if size else 1.0


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("collect")
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--questions", type=Path, default=Path("training/questions"))
    one.add_argument("--reader", default="default")
    one.add_argument("--out", type=Path, required=True)
    two = commands.add_parser("fit")
    two.add_argument("read", type=Path)
    two.add_argument("unread", type=Path)
    two.add_argument("--write", action="store_true")
    given = parser.parse_args()
    if given.command == "collect":
        with given.out.open("w", encoding="utf-8") as out:
            for row in collect(given.data, given.questions, given.reader):
                kept = {name: round(float(row.scores.get(name, 0.0)), 4) for name in _KEPT}
                line = {
                    name: getattr(row, name) for name in ("source", "question", "value", "true")
                }
                out.write(json.dumps({**line, "scores": kept}) + "\n")
        return
    for name, path in (("row", given.read), ("row_unread", given.unread)):
        rows = [Row(**row) for row in read_lines(path)]
        show(rows, NAMES[name])
        model, prior = fit(rows, NAMES[name])
        if given.write:
            write(name, NAMES[name], model, _LEAST, prior=round(prior, 4))


def show(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Print each question's F1 under a model fitted on the others, and means by source."""
    scores: dict[str, float] = {}
    every: list[tuple[float, bool]] = []
    for question in dict.fromkeys(row.question for row in rows):
        model, prior = fit([row for row in rows if row.question != question], names)
        found = judged([row for row in rows if row.question == question], model, prior, names)
        scores[question] = f1(found, _LEAST)
        every += found
        print(f"{scores[question]:.2f}  {question}")
    of = {row.question: row.source for row in rows}
    for source in dict.fromkeys(of.values()):
        some = [score for question, score in scores.items() if of[question] == source]
        print(f"macro F1 {np.mean(some):.3f} of {len(some)} {source} questions")
    sure = [true for score, true in every if score >= 0.8]
    print(f"right at 0.8 and more: {np.mean(sure):.2f} of {len(sure)}\n")


if __name__ == "__main__":
    main()
