"""Answers a question with exact quotes from the reports, or with "the reports do not say".

    question ──▶ facts:  passages ──▶ sentences ──▶ the best one to three
            ├──▶ tables: each value's passages ──▶ its best sentence, if it supports the row
            └──▶ counting: a fact that states the number, else a table and the count of its rows

``features`` computes the features of sentences, including the reader's scores; ``model`` turns
them into a probability, which must reach a threshold to count as an answer; ``quotes`` decides how
much text around a sentence is quoted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from qa_app.answering.counting import answer_count
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
    """Return the answer to a question, with its findings, passages and scores.

    Args:
        top_k: most passages to return with the answer.
        filters: allowed values by facet, "document", "type" or "date".
        mode: ``FAST`` runs neither the reader nor a reranker.
        reader: finds the answering words; without one, the other features alone decide.

    Raises:
        QueryError: the question, a filter or ``top_k`` is not valid.
    """
    started = time.perf_counter()
    check_question(question)
    rows = retriever.rows(filters)
    parsed = parse_question(question, retriever.facets, retriever.generation)
    reader = None if mode is Mode.FAST else reader
    outcome: Outcome | None = None
    if parsed.table is not None:
        answer = answer_count if parsed.table.counts else answer_table
        outcome = answer(retriever, parsed, top_k, rows, mode, reader)
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
        count=outcome.count,
        reader=reader.identity.name if reader and "answer" in outcome.scores else "",
    )


def _reranked(passages: Sequence[SearchResult]) -> dict[str, float]:
    """Return the number of passages that the reranker scored; empty without a reranker."""
    read = passages[0].scores.get("reranked") if passages else None
    return {} if read is None else {"reranked": read}
