"""Fit the models that give the probability of a row in a "which …" question.

    python -m training.rows collect --data DATA --out rows.jsonl
    python -m training.rows collect --data DATA --reader none --out rows-unread.jsonl
    python -m training.rows fit rows.jsonl rows-unread.jsonl [--write]

The data are eight given questions about the use-of-force policies of 28 police departments, five
about the four forces of the sample report, those of ``mixture.HELD_FILES``, which the reader was
not trained on, and questions about one of the given reports asked of all; for each value it is
known whether it has a row. Figures of a question are from a model fitted on the other questions;
``--write`` saves a model fitted on all.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from qa_app import build_index, open_index
from qa_app.answering.model import SHRUNK_BY, UNCENTRED, chance, row_level
from qa_app.answering.question import ParsedQuestion, parse_for_facet, parse_question
from qa_app.answering.tables import candidates_of, rows_by_value
from qa_app.api import Snapshot
from qa_app.facets import DOCUMENT_FACET
from training.calibrate import logistic, write
from training.examples import read_lines
from training.mixture import DEVELOPMENT, HELD_FILES

NAMES = {
    "row": ("answer", "late", "covered", UNCENTRED),
    "row_unread": ("late", "covered", UNCENTRED),
}
_KEPT = ("answer", "behind", "rank", "late", "weakest", "covered", "passage")
# Initial weights for choosing each value's best sentence.
_START = {"answer": 0.3, "late": 9.6, "weakest": 3.6, "covered": 1.2, UNCENTRED: 1.0}
_ROUNDS = 5  # of choosing each value's best sentence and fitting again
_RIDGE = 8.0  # cost of squared weights, with features in standard deviations
_LEAST = 0.4  # least probability of a row, the threshold that is written
_WRITTEN = "written"  # source of the questions that are judged and not fitted on
# Source of the questions about one report that are asked of all 78; weight of one of their values
# beside one of the policies: of .1 and .3, .1 costs the policies nothing.
_MIXED, _MIXED_WEIGHT = "mixed", 0.1
_ANSWERED, _UNANSWERED = 32, 10  # of them, with an answer in their report and with a near miss
SEED = 5


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
        yield from _mixed(data, root / "reports", reader)


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
            for value, scores in _candidates(snapshot, parsed):
                if known.get(value) is not None:
                    yield Row(source, question, value, bool(known[value]), scores)


def _mixed(data: Path, index: Path, reader: str) -> Iterator[Row]:
    """Yield rows of questions about one report, asked of every report: only its own has a row."""
    reports = data / "reports"
    build_index(reports, index)
    with open_index(index, reader=reader) as opened:
        snapshot = opened.snapshot()
        retriever, generation = snapshot.retriever, snapshot.generation
        value_of = {}
        for value in generation.facet_values(DOCUMENT_FACET):
            (first,) = generation.passages(generation.rows_tagged(DOCUMENT_FACET, value)[:1])
            value_of[first.document] = value
        asked = [
            row
            for row in read_lines(data / "reader/reports.jsonl")
            if row["document"] in DEVELOPMENT and row["document"] in value_of
        ]
        rng = random.Random(SEED)
        answered = [row for row in asked if not row["is_impossible"]]
        unanswered = [row for row in asked if row["is_impossible"]]
        chosen = rng.sample(answered, _ANSWERED) + rng.sample(unanswered, _UNANSWERED)
        for row in chosen:
            question, own = row["question"], value_of[row["document"]]
            parsed = parse_for_facet(question, DOCUMENT_FACET, retriever.facets, generation)
            for value, scores in _candidates(snapshot, parsed):
                true = value == own and not row["is_impossible"]
                yield Row(_MIXED, question, value, true, scores)


def _candidates(
    snapshot: Snapshot, parsed: ParsedQuestion
) -> Iterator[tuple[str, dict[str, float]]]:
    values = rows_by_value(snapshot.retriever, parsed)
    for value, item in candidates_of(snapshot.retriever, parsed, values, snapshot.reader):
        yield value, dict(item.scores)


def fit(rows: Sequence[Row], names: Sequence[str]) -> tuple[np.ndarray, float, float]:
    """Return (intercept and weights, prior, share), as in ``RowScale``."""
    # What the written ones call unanswered was judged by two passages a value only: to fit on it
    # as well cost the given ones .04 of F1.
    rows = [row for row in rows if row.source != _WRITTEN]
    model = np.array([0.0, *(_START[name] for name in names)])
    prior, share = 0.0, 0.0
    for _ in range(_ROUNDS):
        x, y, w, usual = _centred(best_of(rows, model, names), names, model)
        found = logistic(x, y, w, _RIDGE)
        model, share = found[:-1], 1 - float(found[-1])
        prior = float(model[1:] @ usual)
    return model, prior, share


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
    best: Mapping[tuple[str, str], tuple[float, Row]], names: Sequence[str], model: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return features less their question's mean, labels, case weights, and the overall mean.

    A question's mean is shrunk towards the overall mean, the mean of the questions' means; its
    weighted sum under the last model is a feature too, the last one. ``UNCENTRED`` keeps its value,
    and its overall mean is 0. Of mixed reports the mean says nothing of other corpora.
    """
    centred = np.array([name != UNCENTRED for name in names], dtype=float)
    by_question: dict[str, list[Row]] = defaultdict(list)
    for (question, _), (_, row) in best.items():
        by_question[question].append(row)
    tables = {
        question: np.array([[row.scores.get(n, 0.0) for n in names] for row in some])
        for question, some in by_question.items()
    }
    means = [table.mean(0) for q, table in tables.items() if by_question[q][0].source != _MIXED]
    every = np.mean(means, axis=0) * centred
    x, y, w = [], [], []
    for question, table in tables.items():
        size = len(table)
        centre = (size * table.mean(0) * centred + SHRUNK_BY * every) / (size + SHRUNK_BY)
        x.append(np.c_[np.ones(size), table - centre, np.full(size, centre @ model[1:])])
        y += [float(row.true) for row in by_question[question]]
        weight = _MIXED_WEIGHT if by_question[question][0].source == _MIXED else 1.0
        w += [weight / np.sqrt(size)] * size
    weights = np.array(w)
    return np.concatenate(x), np.array(y), weights * len(weights) / weights.sum(), every


def judged(
    rows: Sequence[Row], fitted: tuple[np.ndarray, float, float], names: Sequence[str]
) -> list[tuple[float, bool]]:
    """Return for each value of one question its probability and whether it should have a row."""
    model, prior, share = fitted
    best = best_of(rows, model, names)
    own = model[1 + names.index(UNCENTRED)]
    cut = share * row_level([t - own * row.scores[UNCENTRED] for t, row in best.values()], prior)
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
        model, prior, share = fit(rows, NAMES[name])
        if given.write:
            more = {"prior": round(prior, 4), "share": round(share, 4)}
            write(name, NAMES[name], model, _LEAST, **more)


def show(rows: Sequence[Row], names: Sequence[str]) -> None:
    """Print each question's F1 under a model fitted on the others, and means by source."""
    of = {row.question: row.source for row in rows}
    mixed = [question for question, source in of.items() if source == _MIXED]
    # Those of the mixed reports in seven parts: they are many and each is little.
    parts = [{q} for q in of if q not in mixed] + [{*mixed[n::7]} for n in range(7)]
    judgements: dict[str, list[tuple[float, bool]]] = {}
    for part in parts:
        fitted = fit([row for row in rows if row.question not in part], names)
        for question in part:
            some = [row for row in rows if row.question == question]
            judgements[question] = judged(some, fitted, names)
    for source in dict.fromkeys(of.values()):
        found = {q: judgements[q] for q in of if of[q] == source}
        if source == _MIXED:
            every = [item for some in found.values() for item in some]
            for least in (_LEAST, 0.7):
                right = sum(true for chance, true in every if chance >= least)
                wrong = sum(not true for chance, true in every if chance >= least)
                of_all = sum(true for _, true in every)
                print(f"mixed, rows at {least}: {right} of {of_all} right, {wrong} wrong")
            continue
        scores = {question: f1(some, _LEAST) for question, some in found.items()}
        for question, score in scores.items():
            print(f"{score:.2f}  {question}")
        print(f"macro F1 {np.mean(list(scores.values())):.3f} of {len(scores)} {source} questions")
    apart = [item for q in of if of[q] != _MIXED for item in judgements[q]]
    sure = [true for score, true in apart if score >= 0.8]
    print(f"right at 0.8 and more: {np.mean(sure):.2f} of {len(sure)}\n")


if __name__ == "__main__":
    main()
