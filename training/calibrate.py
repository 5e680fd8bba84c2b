"""Fit the models that turn features into probabilities, and write ``answering/fitted.json``.

    python -m training.calibrate collect --data DATA --index INDEX --out features.jsonl
    python -m training.calibrate collect --data DATA --index INDEX --reader none --out unread.jsonl
    python -m training.calibrate fit fact features.jsonl [--write]
    python -m training.calibrate fit fact_unread unread.jsonl [--write]

``collect`` asks questions that were not trained on, with the product's own code, and saves the
features of each one's most likely sentences and whether they are right. ``fit`` cross-validates by
source: the figures that it prints for a source come from a model fitted on the others.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import minimize

import qa_app.answering
from qa_app.answering.facts import PASSAGES, rank_sentences
from qa_app.answering.features import Evidence
from qa_app.answering.model import READ, chance
from qa_app.answering.question import parse_question
from qa_app.api import Index, encoder_for, reader_for
from qa_app.evaluation.scoring import auroc
from qa_app.evaluation.sets import ARTICLE, index_rows, read_set
from qa_app.indexing import BuildProgress
from qa_app.settings import Settings
from training.examples import SQUAD_PARTS, read_lines
from training.mixture import DEVELOPMENT
from training.questions import load_questions
from training.sources import document_path

SEED = 5
FITTED = Path(qa_app.answering.__file__).with_name("fitted.json")
_KEPT = 12  # sentences saved per question, the most likely
_SHOWN = 3  # quotes that an answer shows
_ASKED_EVERYWHERE = 0.5  # share of questions that are also asked of the whole corpus
_DEPTHS = (1, 2, 3, 5, 8)  # numbers of passages read that ``ablate`` compares
# Cost of squared weights: keeps small the features that help on one source alone.
_RIDGE = 3.0
_BINS = 10  # of equal width, for the calibration error
# Most of the unanswerable questions here are near misses, and answers to them are shown as
# doubtful: a lower share would lose more right answers (benchmarks/RESULTS.md).
# Without the reader answers and near misses are hardly told apart: as few would refuse every other
# question that has an answer.
_MOST_WRONGLY_ANSWERED = {"fact": 0.35, "fact_unread": 0.5}
# Three in four first quotes with at least this probability are right, cross-validated.
_STRONG = 0.7
_LEAST_SPREAD = 1e-9  # below this standard deviation a feature counts as constant
# Features of each model; benchmarks/RESULTS.md has the ablations.
FEATURES = {
    "fact": ("answer", "behind", "rank", "passage", "weakest", "size", "misdated"),
    "fact_unread": ("late", "weakest", "misdated"),
}
MEASURED = ("answer", "behind", "rank", "late", "weakest", "covered", "passage", "size", "misdated")
_OF_READER = ("answer", "behind", "rank")


@dataclass(frozen=True, slots=True)
class Case:
    """One question, and its candidate sentences.

    Attributes:
        source: document or set; cross-validation leaves out one source at a time.
        kind: what was searched: "document", "corpus", "near miss" (an unanswerable question of a
            set), or "removed" (without the article that answers).
        scores: features of each sentence, by name; most likely first.
        right: whether each sentence has the answer.
        answerable: whether the answer is in what was searched.
    """

    source: str
    kind: str
    question: str
    answerable: bool
    scores: Sequence[Mapping[str, float]]
    right: Sequence[bool]


def collect(given: argparse.Namespace) -> Iterator[Case]:
    """Yield the cases of the sources asked for, or a share of them."""
    settings = Settings(index=given.index, reader=given.reader)
    if "twins" in given.sources:
        with Index(
            given.index, given.index, encoder_for(settings), None, reader_for(settings)
        ) as own:
            yield from _twins(own, given.data, given.questions, given.index, given.share)
    if "sets" in given.sources:
        folder = given.data / "eval"
        yield from _set(folder / "squad2-half", settings, int(500 * given.share), squad=True)
        yield from _set(folder / "xquad-en", settings, int(300 * given.share))


def _twins(opened: Index, data: Path, questions: Path, index: Path, share: float) -> Iterator[Case]:
    rows = [r for r in read_lines(data / "reader/reports.jsonl") if r["document"] in DEVELOPMENT]
    rows += [r for r in load_questions(questions, index) if r["document"] in DEVELOPMENT]
    rng = random.Random(SEED)
    for row in rng.sample(rows, int(len(rows) * share)):
        path = document_path(row["document"])
        text = opened.snapshot().document(path).text
        place = text.find(row["context"])
        if place < 0:
            continue
        spans = [(place + a["answer_start"], len(a["text"])) for a in row["answers"]]
        # Some are also asked of the whole corpus, which has more similar passages.
        scopes = [({"document": [path]}, "document"), ({}, "corpus")]
        for filters, kind in scopes[: 1 + (rng.random() < _ASKED_EVERYWHERE)]:
            found = sentences(opened, row["question"], filters)
            right = [
                any(
                    item.passage.document == path
                    and item.sentence.start < start + length
                    and start < item.sentence.end
                    for start, length in spans
                )
                for item in found
            ]
            kept = [dict(item.scores) for item in found]
            yield Case(row["document"], kind, row["question"], bool(spans), kept, right)


def _set(folder: Path, settings: Settings, most: int, squad: bool = False) -> Iterator[Case]:
    given = read_set(folder)
    articles = sorted({str(row["doc"]) for row in given.rows if row.get("doc")})
    back = set(articles[::SQUAD_PARTS])
    article = {str(row["_id"]): str(row.get("title") or "") for row in given.rows}
    document = {str(row["_id"]): str(row.get("doc") or "") for row in given.rows}
    asked = [q for q in given.queries if not squad or document[str(q.context_id)] in back]
    rng = random.Random(SEED)
    asked = rng.sample(asked, min(most, len(asked)))
    with tempfile.TemporaryDirectory() as temporary:
        root = Path(temporary)
        own = Settings(index=root / "index", reader=settings.reader)
        index_rows(given.rows, root / "index", encoder_for(own), own, _Silent())
        with Index(root / "index", root, encoder_for(own), None, reader_for(own)) as opened:
            every = sorted(set(article.values()))
            for n, query in enumerate(asked):
                found = sentences(opened, query.text, {})
                right = [
                    not query.impossible
                    and item.passage.document == query.context_id
                    and any(words.casefold() in item.text.casefold() for words in query.answers)
                    for item in found
                ]
                kept = [dict(item.scores) for item in found]
                kind = "near miss" if query.impossible else "corpus"
                yield Case(folder.name, kind, query.text, not query.impossible, kept, right)
                if n % 2 == 0 and not query.impossible:
                    rest = [name for name in every if name != article[str(query.context_id)]]
                    found = sentences(opened, query.text, {ARTICLE: rest})
                    kept = [dict(item.scores) for item in found]
                    yield Case(folder.name, "removed", query.text, False, kept, [False] * len(kept))


class _Silent(BuildProgress):
    def stage(self, *_: Any) -> None: ...

    def advance(self, *_: Any) -> None: ...


def sentences(index: Index, question: str, filters: Mapping[str, list[str]]) -> list[Evidence]:
    """Return a question's twelve most likely sentences, as the product ranks them."""
    retriever, reader = index.snapshot().retriever, index.snapshot().reader
    rows = retriever.rows(filters)
    parsed = parse_question(question, retriever.facets, retriever.generation)
    ranked = retriever.rank_distinct(parsed.text, PASSAGES, rows)
    searched = retriever.generation.num_passages if rows is None else len(rows)
    return rank_sentences(retriever, parsed, ranked, searched, reader)[:_KEPT]


def fit(cases: Sequence[Case], names: Sequence[str]) -> np.ndarray:
    """Return intercept and weights of the logistic model over the cases' first five sentences.

    A sentence at place k (from 0) of a question from a source of n questions weighs
    1 / (sqrt(n) (1 + k)), so that large sources count for more, but less than in proportion.
    """
    rows, right, weight = [], [], []
    size: dict[str, int] = defaultdict(int)
    for case in cases:
        size[case.source] += 1
    for case in cases:
        for place, (scores, is_right) in enumerate(zip(case.scores, case.right, strict=True)):
            if place >= 5:
                break
            rows.append([1.0, *(scores.get(name, 0.0) for name in names)])
            right.append(is_right)
            weight.append(np.sqrt(1 / size[case.source]) / (1 + place))
    x, y, w = np.array(rows), np.array(right, float), np.array(weight)
    w *= len(w) / w.sum()
    return logistic(x, y, w, _RIDGE)


def logistic(x: np.ndarray, y: np.ndarray, w: np.ndarray, ridge: float) -> np.ndarray:
    """Return the weights of a logistic regression.

    Args:
        x: features, shape (cases, features); the first is 1 for all, and has no ridge.
        y: 1 for right, 0 for wrong, shape (cases,).
        w: weight of each case, shape (cases,).
        ridge: cost of squared weights, with features in standard deviations.
    """
    spread = x.std(0)
    spread[spread < _LEAST_SPREAD] = 1.0

    def loss(v: np.ndarray) -> tuple[float, np.ndarray]:
        p = 1 / (1 + np.exp(-np.clip((x / spread) @ v, -40, 40)))
        value = -(w * (y * np.log(p + 1e-12) + (1 - y) * np.log(1 - p + 1e-12))).sum()
        free = np.concatenate([[0.0], v[1:]])
        slope = (x / spread).T @ (w * (p - y)) + ridge * free
        return value + ridge * (free**2).sum() / 2, slope

    return np.asarray(minimize(loss, np.zeros(x.shape[1]), jac=True, method="L-BFGS-B").x / spread)


def judged(case: Case, model: np.ndarray, names: Sequence[str]) -> list[tuple[float, bool]]:
    """Return each sentence's probability and whether it is right, highest probability first."""
    found = []
    for scores, right in zip(case.scores, case.right, strict=True):
        z = model[0] + sum(w * scores.get(n, 0.0) for w, n in zip(model[1:], names, strict=True))
        found.append((chance(z), right))
    return sorted(found, key=lambda pair: -pair[0])


def cross_validated(
    cases: Sequence[Case], names: Sequence[str]
) -> list[tuple[Case, list[tuple[float, bool]]]]:
    """Return every case judged by a model fitted on the other sources."""
    found = []
    for source in sorted({case.source for case in cases}):
        model = fit([case for case in cases if case.source != source], names)
        found += [(case, judged(case, model, names)) for case in cases if case.source == source]
    return found


def figures(
    judgements: Sequence[tuple[Case, list[tuple[float, bool]]]], least: float
) -> dict[str, float]:
    """Return figures of accuracy, refusal and calibration, by name.

    Args:
        least: least probability of an answer.
    """
    real = [(c, j) for c, j in judgements if c.answerable]
    none = [(c, j) for c, j in judgements if not c.answerable]
    tops = [(j[0] if j else (0.0, False)) for _, j in judgements]
    chance, right = np.array([t[0] for t in tops]), np.array([t[1] for t in tops], float)
    sure = chance >= 0.9
    return {
        "questions": len(judgements),
        "first": np.mean([bool(j and j[0][1]) for _, j in real]),
        "third": np.mean([any(r for _, r in j[:_SHOWN]) for _, j in real]),
        "answered": np.mean([bool(j and j[0][0] >= least) for _, j in real]),
        "wrongly answered": np.mean([bool(j and j[0][0] >= least) for _, j in none])
        if none
        else np.nan,
        "auroc": auroc(
            [j[0][0] if j else 0 for _, j in real], [j[0][0] if j else 0 for _, j in none]
        ),
        "sure": sure.mean(),
        "right when sure": right[sure].mean() if sure.any() else np.nan,
        "ece": calibration_error(chance, right),
    }


def calibration_error(chance: np.ndarray, right: np.ndarray) -> float:
    """Return the expected calibration error: mean of |probability - share right| over bins."""
    place = np.minimum((chance * _BINS).astype(int), _BINS - 1)
    gaps = [
        (place == n).mean() * abs(chance[place == n].mean() - right[place == n].mean())
        for n in range(_BINS)
        if (place == n).any()
    ]
    return float(sum(gaps))


def _families(cases: Sequence[tuple[Case, Any]]) -> dict[str, list[tuple[Case, Any]]]:
    found: dict[str, list[tuple[Case, Any]]] = defaultdict(list)
    for case, judgement in cases:
        family = case.source if case.source in ("squad2-half", "xquad-en") else "twins"
        found[f"{family}, {case.kind}" if family == "twins" else family].append((case, judgement))
        found["all"].append((case, judgement))
    return dict(sorted(found.items()))


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    commands = parser.add_subparsers(required=True, dest="command")
    one = commands.add_parser("collect")
    one.add_argument("--data", type=Path, required=True)
    one.add_argument("--index", type=Path, required=True)
    one.add_argument("--questions", type=Path, default=Path("training/questions"))
    one.add_argument("--reader", default="default")
    one.add_argument("--sources", nargs="*", default=("twins", "sets"), help="one, or both")
    one.add_argument("--share", type=float, default=1.0, help="of the questions")
    one.add_argument("--out", type=Path, required=True)
    two = commands.add_parser("fit")
    two.add_argument("name", choices=sorted(FEATURES))
    two.add_argument("features", type=Path, nargs="+")
    two.add_argument("--write", action="store_true")
    two.add_argument("--ablate", action="store_true", help="print what each feature is worth")
    two.add_argument("--least", type=float, default=READ.threshold)
    given = parser.parse_args()
    if given.command == "collect":
        with given.out.open("w", encoding="utf-8") as out:
            for case in collect(given):
                row = {n: getattr(case, n) for n in Case.__slots__}
                row["scores"] = [{k: round(v, 4) for k, v in s.items()} for s in case.scores]
                out.write(json.dumps(row) + "\n")
        return
    cases = [Case(**row) for path in given.features for row in read_lines(path)]
    names = FEATURES[given.name]
    show(cases, given.least, names)
    if given.ablate:
        variants = {"all": names}
        variants |= {f"- {n}": [o for o in names if o != n] for n in names}
        variants |= {f"+ {n}": [*names, n] for n in MEASURED if n not in names}
        if given.name == "fact":
            variants["the reader alone"] = _OF_READER
        ablate(cases, given.least, variants)
    if given.write:
        least = threshold_of(cases, names, _MOST_WRONGLY_ANSWERED[given.name])
        write(given.name, names, fit(cases, names), least)


def show(cases: Sequence[Case], least: float, names: Sequence[str]) -> None:
    """Print the cross-validated figures of each family of sources."""
    for family, some in _families(cross_validated(cases, names)).items():
        print(f"{family:22}", {k: round(float(v), 3) for k, v in figures(some, least).items()})


def ablate(cases: Sequence[Case], least: float, variants: Mapping[str, Sequence[str]]) -> None:
    """Print a table of cross-validated figures for each set of features and number of passages."""
    names = ("first", "third", "auroc", "right when sure", "ece")
    print("\n| | " + " | ".join(f"twins {n} | others {n}" for n in names) + " |")

    def row(label: str, some: Sequence[Case], features: Sequence[str]) -> None:
        found = cross_validated(some, features)
        twins = figures([p for p in found if p[0].kind == "document"], least)
        others = figures([p for p in found if p[0].kind != "document"], least)
        cells = [f"{twins[n]:.3f} | {others[n]:.3f}" for n in names]
        print(f"| {label} | " + " | ".join(cells) + " |", flush=True)

    for label, features in variants.items():
        row(label, cases, features)
    for depth in _DEPTHS if "rank" in variants["all"] else ():
        some = [first_passages(case, depth) for case in cases]
        row(f"first {depth} passages", some, variants["all"])


def first_passages(case: Case, depth: int) -> Case:
    """Return the case as if only the first ``depth`` passages had been read."""
    kept = [n for n, scores in enumerate(case.scores) if scores["rank"] < depth]
    best = max((case.scores[n]["answer"] for n in kept), default=0.0)
    scores = [{**case.scores[n], "behind": best - case.scores[n]["answer"]} for n in kept]
    return replace(case, scores=scores, right=[case.right[n] for n in kept])


def threshold_of(cases: Sequence[Case], names: Sequence[str], share: float) -> float:
    """Return the threshold at which a given share of unanswerable questions is answered.

    Each source is judged by a model fitted on the others.
    """
    judgements = cross_validated(cases, names)
    none = [tops[0][0] for case, tops in judgements if tops and not case.answerable]
    return round(float(np.quantile(none, 1 - share)), 3)


def write(
    name: str, features: Sequence[str], model: np.ndarray, threshold: float, **more: float
) -> None:
    """Write a model's weights, thresholds and further values into ``fitted.json``."""
    kept = json.loads(FITTED.read_text("utf-8"))
    weights = {n: round(float(w), 4) for n, w in zip(features, model[1:], strict=True)}
    kept[name] = {"intercept": round(float(model[0]), 4), "weights": weights}
    kept[name] |= {"threshold": threshold, "strong": _STRONG, **more}
    FITTED.write_text(json.dumps(kept, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
