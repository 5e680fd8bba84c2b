"""Answers one question for each value of a facet, whether it asks "which …" or not."""

from __future__ import annotations

from qa_app.answering.facts import rows_named
from qa_app.answering.question import parse_for_facet
from qa_app.answering.tables import quotes_by_value, rows_by_value, supported_rows
from qa_app.arrays import RowArray
from qa_app.models import Finding
from qa_app.reader import Reader
from qa_app.retrieval import Retriever
from qa_app.retrieval.retriever import check_question


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
    by_value, scale = quotes_by_value(retriever, parsed, values, reader)
    found = {row.facet_value: row for row in supported_rows(by_value, scale)}
    return {value: found.get(value) for value in values}
