"""What a pile of reports is about, read from what a build stored: topics by facet, what is new."""

from qa_app.triage.reading import Triage
from qa_app.triage.vocabulary import (
    Cell,
    Change,
    Excerpt,
    Kind,
    Matrix,
    TopicsReport,
    TopicSummary,
    Trend,
)

__all__ = [
    "Cell",
    "Change",
    "Excerpt",
    "Kind",
    "Matrix",
    "TopicSummary",
    "TopicsReport",
    "Trend",
    "Triage",
]
