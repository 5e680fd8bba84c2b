"""Answers one question for each value of a facet, whether it asks "which …" or not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from qa_app.answering.facts import passages_size, rows_named
from qa_app.answering.features import Evidence
from qa_app.answering.model import READ, UNREAD
from qa_app.answering.question import asks_for, parse_for_facet
from qa_app.answering.tables import (
    by_value,
    candidates_of,
    judge_rows,
    quote_values,
    rows_by_value,
    supported_rows,
)
from qa_app.arrays import RowArray
from qa_app.models import Finding
from qa_app.reader import Reader
from qa_app.retrieval import Retriever
from qa_app.retrieval.retriever import check_question

# Pairs of value and passage that are read for one question: three for each of 43 values, so that 30
# questions take about a minute. With more values two are read for each all the same.
_MOST_PASSAGES = 130
_LEAST_PASSAGES = 2
# Least probability of a cell. ``ask`` shows likelier ones with a warning that they are doubtful;
# a table has no room for it, and a wrong cell is worse than an empty one.
_LEAST_CHANCE = 0.5


def answer_for_values(
    retriever: Retriever,
    question: str,
    facet: str,
    rows: RowArray | None = None,
    reader: Reader | None = None,
) -> dict[str, Finding | None]:
    """Return the best finding for each value of a facet, or None where the reports do not say.

    Words that ask for the facet ("which forces …") are left out of the question. If it names values
    of any facet, only passages about these are searched, so that the other values have None.

    Args:
        facet: one of the corpus, "document", "type" or "date" (years of the documents).
        rows: passages to search, int64, ascending; None for all. Values without any are left out.
        reader: finds the answering words; None to go without.

    Raises:
        QueryError: the question is not valid, or there is no such facet.
    """
    check_question(question)
    parsed = parse_for_facet(question, facet, retriever.facets, retriever.generation)
    within = rows_named(retriever, parsed, rows)
    values = rows_by_value(retriever, parsed, within)
    if named := parsed.named.get(facet):
        values = {value: found for value, found in values.items() if value in named}
    most = max(_MOST_PASSAGES, _LEAST_PASSAGES * len(values))
    candidates = candidates_of(retriever, parsed, values, reader, most)
    if asks_for(question, facet, retriever.facets):
        found, scale = judge_rows(candidates, reader)
    else:
        scale = READ if reader else UNREAD
        scale = replace(scale, threshold=max(scale.threshold, _LEAST_CHANCE))
        found = by_value(_as_facts(candidates, values), scale.answered.logit)
    quotes = quote_values(retriever, question, found, scale)
    answers = {row.facet_value: row for row in supported_rows(quotes, scale)}
    return {value: answers.get(value) for value in values}


def _as_facts(
    candidates: Sequence[tuple[str, Evidence]], values: Mapping[str, RowArray]
) -> list[tuple[str, Evidence]]:
    """Return the candidates with the features of a fact that is sought in one value's passages."""
    best: dict[str, float] = {}
    for value, item in candidates:
        best[value] = max(best.get(value, 0.0), item.scores["passage"])
    return [
        (
            value,
            replace(
                item,
                scores={
                    **item.scores,
                    "passage": item.scores["passage"] / (best[value] or 1.0),
                    "size": passages_size(len(values[value])),
                },
            ),
        )
        for value, item in candidates
    ]
