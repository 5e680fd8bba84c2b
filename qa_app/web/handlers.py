"""What the library returned, as what the page shows. Pure: no index, no clock, no HTML."""

from __future__ import annotations

from qa_app.analysis import Analyser
from qa_app.citations import Facts
from qa_app.models import Answer, Verdict
from qa_app.output.messages import coverage_headline, doubt_text, not_mentioned
from qa_app.text.wording import count
from qa_app.web.address import Address
from qa_app.web.evidence import Reading, evidence_rows, passage_view
from qa_app.web.filtering import capitalise
from qa_app.web.marking import Marker
from qa_app.web.views import AnswerView, FilterPanelView


def answer_view(
    answer: Answer,
    address: Address,
    analyser: Analyser,
    filters: FilterPanelView,
    stamp: str = "",
    facts: Facts | None = None,
    unknown: str = "",
) -> AnswerView:
    """Return the answer as it is shown.

    Args:
        answer: what the library said.
        address: the page's state, which the links lead on from.
        analyser: of the reports' language.
        filters: what it is kept to, and could be.
        stamp: differs between two answers.
        facts: path of a document to its author, publisher and date, for its citations.
        unknown: says which of the question's words no report has.
    """
    reading = Reading(address, Marker(answer.question, analyser), facts or {}, answer.explanation)
    found = answer.verdict is Verdict.ANSWERED
    coverage = answer.coverage
    has_values = any(finding.facet_value for finding in answer.findings)
    return AnswerView(
        question=answer.question,
        verdict=answer.verdict,
        headline=_headline(answer, bool(address.filters)) if found else "The reports do not say.",
        detail=" ".join(filter(None, (_detail(answer), unknown))),
        value_heading=capitalise(coverage.facet if coverage else "about") if has_values else "",
        rows=evidence_rows(answer.findings, reading),
        silent=coverage.without_evidence if coverage and found else (),
        passages_heading="Passages" if found else "Nearest passages",
        passages=tuple(passage_view(result, reading, found) for result in answer.passages),
        filters=filters,
        search=address.search,
        best=_best(answer, address),
        footnote=_footnote(answer),
        stamp=stamp,
    )


def _best(answer: Answer, address: Address) -> str:
    if answer.verdict is not Verdict.ANSWERED or not answer.findings:
        return ""
    best = answer.findings[0].citation
    return address.citing(best).search


def _headline(answer: Answer, filtered: bool) -> str:
    if answer.coverage is not None:
        place = "within these filters" if filtered else "in this corpus"
        return coverage_headline(answer.coverage, place)
    reports = {finding.citation.document for finding in answer.findings}
    return f"{count(len(answer.findings), 'quote')} from {count(len(reports), 'report')}"


def _detail(answer: Answer) -> str:
    if answer.verdict is not Verdict.ANSWERED:
        if not answer.passages:
            return "Nothing in them comes near the question."
        return "These passages come nearest; none of them answers the question."
    if not answer.coverage or not answer.coverage.not_in_corpus:
        return doubt_text(answer)
    return f"{not_mentioned(answer.coverage)}."


def _footnote(answer: Answer) -> str:
    total = answer.timings_ms.get("total", sum(answer.timings_ms.values()))
    return f"Answered in {total / 1000:.2f} s from index {answer.generation}."
