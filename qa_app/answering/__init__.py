"""A question to an answer in the reports' own words, or to "the reports do not say".

    question ──▶ facts:  passages ──▶ sentences ──▶ the best one to three
            └──▶ tables: each value's passages ──▶ its best sentence, if it bears the row out

``features`` measures sentences and has the reader read them, ``model`` turns the features into one
chance, and a chance under the threshold is no answer; ``quotes`` makes of a sentence what is shown.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from qa_app.answering.facts import Outcome, answer_fact, put_meanings_first
from qa_app.answering.question import as_fact, parse_question
from qa_app.answering.tables import answer_table
from qa_app.models import Answer, Mode, SearchResult, Verdict
from qa_app.reader import Reader
from qa_app.retrieval import Retriever
from qa_app.retrieval.retriever import check_question

__all__ = ["answer_question"]


def answer_question(
    retriever: Retriever,
    question: str,
    top_k: int = 8,
    filters: Mapping[str, Sequence[str]] | None = None,
    mode: Mode = Mode.BEST,
    reader: Reader | None = None,
) -> Answer:
    """Return what the reports say to the question.

    Args:
        question: in plain words.
        top_k: most passages to return with the answer.
        filters: facet, "document", "type" or "date" to the values to keep to.
        mode: fast spends nothing on models beyond the question's own vector.
        reader: finds the words that answer; without one sentences are measured alone.

    Raises:
        QueryError: the question or a filter cannot be used.
    """
    started = time.perf_counter()
    check_question(question)
    rows = retriever.rows(filters)
    parsed = parse_question(question, retriever.facets, retriever.generation)
    reader = None if mode is Mode.FAST else reader
    outcome: Outcome | None = None
    if parsed.table is not None:
        outcome = answer_table(retriever, parsed, top_k, rows, mode, reader)
        if parsed.table.soft and not outcome.findings:
            outcome, parsed = None, as_fact(parsed, retriever.generation)
    if outcome is None:
        outcome = answer_fact(retriever, parsed, top_k, rows, mode, reader)
        outcome = put_meanings_first(outcome, question, retriever, rows)
    return Answer(
        question=question,
        verdict=Verdict.ANSWERED if outcome.findings else Verdict.NOT_FOUND,
        confidence=outcome.confidence,
        findings=outcome.findings,
        passages=outcome.passages,
        coverage=outcome.coverage,
        near_misses=outcome.near_misses,
        timings_ms={"total": round((time.perf_counter() - started) * 1000, 2)},
        generation=retriever.generation.name,
        scores={**outcome.scores, **_reranked(outcome.passages)},
        explanation=outcome.explanation,
        reader=reader.identity.name if reader and "answer" in outcome.scores else "",
    )


def _reranked(passages: Sequence[SearchResult]) -> dict[str, float]:
    """Return how many passages a reranker read, where there was one."""
    read = passages[0].scores.get("reranked") if passages else None
    return {} if read is None else {"reranked": read}
