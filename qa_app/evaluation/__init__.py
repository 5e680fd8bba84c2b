"""How good the program is, measured through the same code that answers users.

    a folder in BEIR form ──▶ a temporary index ──┐
    a CSV of questions ─────▶ the team's index ───┴▶ Scored a question ──▶ figures, misses
                                                     twice ──────────────▶ a paired comparison

``beir`` and ``answers`` score folders, ``expected`` reads a CSV and ``own`` scores an index on it.
"""

from qa_app.evaluation.beir import Task, evaluate_folder
from qa_app.evaluation.own import Side, evaluate_questions
from qa_app.evaluation.scoring import Comparison, Evaluation, Scored
from qa_app.evaluation.sets import EvaluationSet, Query, read_set

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
