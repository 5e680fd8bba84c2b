"""From what the library returned to pins."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qa_app.api import Snapshot
from qa_app.briefs.brief import Pin
from qa_app.citations import cite
from qa_app.errors import QueryError
from qa_app.models import Answer, Quote, SearchResult
from qa_app.store.generation import Generation


def pin_findings(
    snapshot: Snapshot, answer: Answer, values: Collection[str] = ()
) -> tuple[Pin, ...]:
    """Return a pin for each finding of an answer, or for those of these facet values.

    Raises:
        QueryError: there is no row of such a value, or the answer is that there is none.
    """
    rows = {finding.facet_value or "" for finding in answer.findings}
    if unknown := [value for value in values if value not in rows]:
        known = ", ".join(sorted(rows)) if any(rows) else "the answer has none"
        raise QueryError(f"The answer has no row {unknown[0]!r}.", f"Rows: {known}.")
    if not answer.findings:
        raise QueryError(
            "The reports do not say, so there is nothing to pin.",
            "Pin a passage: qa-app brief add QUERY --passage 1",
        )
    return tuple(
        _pin(
            snapshot,
            Quote(finding.quote, finding.citation),
            answer.question,
            finding.facet_value,
            finding.lead_in,
            bool(answer.reader),
        )
        for finding in answer.findings
        if not values or finding.facet_value in values
    )


def pin_everything(snapshot: Snapshot, answer: Answer) -> tuple[Pin, ...]:
    """Return a pin for each quote of an answer, wherever its words stand."""
    return tuple(
        _pin(
            snapshot,
            Quote(other.quote, place),
            answer.question,
            finding.facet_value,
            read=bool(answer.reader),
        )
        for finding in answer.findings
        for other in (finding, *finding.others)
        for place in (other.citation, *other.also_in)
    )


def pin_passages(
    snapshot: Snapshot, query: str, results: Sequence[SearchResult]
) -> tuple[Pin, ...]:
    """Return a pin for each ranked passage."""
    return tuple(
        _pin(snapshot, Quote(result.passage.text, result.citation), query, read=False)
        for result in results
    )


def pin_span(
    snapshot: Snapshot,
    document: str,
    span: tuple[int, int],
    question: str = "",
    facet_value: str = "",
    lead_in: tuple[int, int] | None = None,
) -> Pin:
    """Return a pin for the words at offsets ``span`` of a document.

    Raises:
        QueryError: there is no such document, or the words are not inside one passage.
    """
    generation = snapshot.generation
    introduction = find_quote(generation, document, lead_in) if lead_in else None
    quote = find_quote(generation, document, span)
    return _pin(snapshot, quote, question, facet_value, introduction, bool(question))


def find_quote(generation: Generation, document: str, span: tuple[int, int]) -> Quote:
    """Return the words at offsets ``span`` of a document, with their citation.

    Raises:
        QueryError: there is no such document, or the words are not inside one passage or a list
            that goes on through several of one section.
    """
    start, end = span
    held = [
        passage
        for passage in generation.passages(generation.document_rows(document))
        if passage.start < end and start < passage.end
    ]
    sections = {passage.section for passage in held}
    if start < end and len(sections) == 1 and held[0].start <= start and end <= held[-1].end:
        passage = generation.stretch(held[0], end)
        return Quote(passage.slice(start, end), cite(passage, start, end))
    raise QueryError(
        f"Nothing can be quoted at {start} to {end} of {document!r}.",
        "Ask again: the reports may have been indexed anew since.",
    )


def _pin(
    snapshot: Snapshot,
    quote: Quote,
    question: str,
    facet_value: str | None = None,
    lead_in: Quote | None = None,
    read: bool = True,
) -> Pin:
    generation = snapshot.generation
    hashes = {record.path: record.source.sha256 for record in generation.documents}
    return Pin(
        quote,
        document_sha256=hashes.get(quote.citation.document, ""),
        generation=generation.name,
        question=question,
        facet_value=facet_value or "",
        lead_in=lead_in,
        reader=str(snapshot.reader.identity) if read and snapshot.reader else "",
    )
