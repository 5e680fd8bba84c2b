"""Scores an index on a team's own questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_app.api import Snapshot
from qa_app.evaluation.expected import Expected, Target, read_expected, resolve
from qa_app.evaluation.scoring import (
    VERDICT,
    Evaluation,
    Run,
    Scored,
    evaluation_of,
    mean_figures,
    quotes_of,
    score_refusal,
)
from qa_app.indexing import BuildProgress
from qa_app.models import Answer, Mode, Verdict

_FIGURES = ("hit@1", "recall@5", "mrr@10", VERDICT)
_SHOWN = 5
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Side:
    """One way of asking.

    Attributes:
        name: for people, as "index, best".
    """

    name: str
    snapshot: Snapshot
    mode: Mode


def evaluate_questions(file: Path, sides: Sequence[Side], progress: BuildProgress) -> Evaluation:
    """Return how well an index answers the questions of a CSV.

    Args:
        sides: one, or two to compare.

    Raises:
        CorpusError: the file is not in the form of ``expected``, or names what is not there.
    """
    expected = read_expected(file)
    # Every side is checked before the first question is asked.
    resolved = [resolve(file, expected, side.snapshot.generation.documents) for side in sides]
    runs = [
        _run(questions, side, progress) for questions, side in zip(resolved, sides, strict=True)
    ]
    return evaluation_of(runs, [side.name for side in sides])


def _run(questions: Sequence[Expected], side: Side, progress: BuildProgress) -> Run:
    progress.stage(f"Asking ({side.name})", len(questions))
    answers = []
    for item in questions:
        answers.append(side.snapshot.ask(item.question, _DEPTH, mode=side.mode))
        progress.advance(1)
    asked = list(zip(questions, answers, strict=True))
    scored = tuple(_score(item, answer) for item, answer in asked)
    refusal = score_refusal(
        [answer for item, answer in asked if item.targets],
        [answer for item, answer in asked if not item.targets],
    )
    figures = mean_figures(scored, _FIGURES)
    return Run(scored, {**figures, "refusal": refusal, "queries": len(scored)})


def _score(item: Expected, answer: Answer) -> Scored:
    """Score one question: ranks count passages, in the order in which they are shown."""
    refused = answer.verdict is Verdict.NOT_FOUND
    figures = {VERDICT: float(refused != bool(item.targets))}
    ranks = [_rank(target, answer) for target in item.targets]
    found = [rank for rank in ranks if rank is not None]
    if ranks:
        figures["hit@1"] = float(1 in found)
        figures["recall@5"] = sum(rank <= _SHOWN for rank in found) / len(ranks)
        figures["mrr@10"] = 1 / min(found) if found else 0.0
    return Scored(
        id=f"row {item.row}",
        question=item.question,
        expected=tuple(target.label for target in item.targets),
        figures=figures,
        missed=not figures[VERDICT] or figures.get("recall@5", 1.0) < 1.0,
        rank=min(found, default=None),
        verdict=answer.verdict,
        came=quotes_of(answer.passages),
    )


def _rank(target: Target, answer: Answer) -> int | None:
    places = (result.rank for result in answer.passages if target.is_met_by(result))
    return next(places, None)
