"""Evaluation of search and answers, through the same code that answers users.

sets       a folder in BEIR form ──▶ a temporary index ──┐
questions  a CSV of questions ─────▶ the team's index ───┴▶ Scored per question ──▶ metrics, misses
scoring                                                     two runs ─────────────▶ a comparison
"""

from qa_app.evaluation.questions import evaluate_questions
from qa_app.evaluation.scoring import Comparison, Evaluation, Scored, Side
from qa_app.evaluation.sets import EvaluationSet, Query, Task, evaluate_folder, read_set

__all__ = [
    "Comparison",
    "Evaluation",
    "EvaluationSet",
    "Query",
    "Scored",
    "Side",
    "Task",
    "evaluate_folder",
    "evaluate_questions",
    "read_set",
]
