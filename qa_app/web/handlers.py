"""What the library returned, as what the page shows. Pure: no index, no clock, no HTML."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from qa_app.citations import short_title
from qa_app.models import (
    Answer,
    BlockKind,
    Citation,
    Finding,
    Passage,
    SearchResult,
    Support,
    Verdict,
)
from qa_app.presentation import count, coverage_headline, plural
from qa_app.web.address import Address
from qa_app.web.filtering import capitalise
from qa_app.web.marking import mark_words, question_terms
from qa_app.web.views import (
    AnswerView,
    EvidenceRow,
    FilterPanelView,
    Line,
    Link,
    PassageView,
    Score,
)

_STRENGTH = {Support.STRONG: "Strong", Support.PARTIAL: "Partial"}
_SCORE_NAMES = {
    "dense": "Likeness of meaning",
    "lexical": "Shared words",
    "bm25": "Shared words",
    "rerank": "Reranker",
}
_BULLET = re.compile(r"[-*•▪‣◦●○·–—\uf0b7\uf0a7][ \t]+(?=\S)")


def answer_view(
    answer: Answer,
    address: Address,
    filters: FilterPanelView,
    stamp: str = "",
) -> AnswerView:
    """Return the answer as it is shown.

    Args:
        answer: what the library said.
        address: the page's state, which the links lead on from.
        filters: what it is kept to, and could be.
        stamp: differs between two answers.
    """
    terms = question_terms(answer.question)
    found = answer.verdict is Verdict.ANSWERED
    coverage = answer.coverage
    has_values = any(finding.facet_value for finding in answer.findings)
    return AnswerView(
        question=answer.question,
        verdict=answer.verdict,
        headline=_headline(answer, bool(address.filters)) if found else "The reports do not say.",
        detail=_detail(answer),
        value_heading=capitalise(coverage.facet if coverage else "about") if has_values else "",
        rows=tuple(_evidence_row(finding, terms, address) for finding in answer.findings),
        silent=coverage.without_evidence if coverage and found else (),
        silent_heading="No evidence found for",
        passages_heading="Passages" if found else "Nearest passages",
        passages=tuple(_passage_view(result, terms, address) for result in answer.passages),
        filters=filters,
        search=address.search,
        best=_best(answer, address),
        footnote=_footnote(answer),
        stamp=stamp,
    )


def copy_text(quote: str, citation: Citation) -> str:
    """Return a quote with its citation, ready to paste: ‘words’ (Title, Section, p. 3)."""
    return f"‘{' '.join(quote.split())}’ ({citation.label})"


def _best(answer: Answer, address: Address) -> str:
    if answer.verdict is not Verdict.ANSWERED or not answer.findings:
        return ""
    best = answer.findings[0].citation
    return address.opening(best.document, (best.start, best.end)).search


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
    missing = answer.coverage.not_in_corpus if answer.coverage else 0
    if not answer.coverage or not missing:
        return ""
    facet = answer.coverage.facet
    if missing == 1:
        return f"1 known {facet} is not mentioned."
    return f"{missing:,} known {plural(facet)} are not mentioned."


def _footnote(answer: Answer) -> str:
    total = answer.timings_ms.get("total", sum(answer.timings_ms.values()))
    return f"Answered in {total / 1000:.2f} s from index {answer.generation}."


def _evidence_row(finding: Finding, terms: Collection[str], address: Address) -> EvidenceRow:
    citation = finding.citation
    return EvidenceRow(
        value=finding.facet_value or "",
        lead_in=finding.lead_in.text if finding.lead_in else "",
        quote=mark_words(finding.quote, terms),
        support=finding.support,
        strength=_STRENGTH[finding.support],
        source=_source_link(citation, address, finding.facet_value or ""),
        span=f"{citation.document}:{citation.start}",
        copy=copy_text(finding.quote, citation),
    )


def _passage_view(result: SearchResult, terms: Collection[str], address: Address) -> PassageView:
    return PassageView(
        rank=result.rank,
        score=f"{result.score:.2f}",
        lines=tuple(_lines(result.passage, terms)),
        source=_source_link(result.citation, address),
        span=f"{result.citation.document}:{result.citation.start}",
        copy=copy_text(result.passage.text, result.citation),
        why=tuple(
            Score(_SCORE_NAMES.get(name, capitalise(name)), f"{value:.2f}")
            for name, value in result.scores.items()
            if name != "reranked"  # a number of passages
        ),
    )


def _source_link(citation: Citation, address: Address, beside: str = "") -> Link:
    href = address.opening(citation.document, (citation.start, citation.end)).search
    text = citation.label
    if beside == citation.title:
        # The title stands in the row already.
        text = text.removeprefix(f"{short_title(citation.title)}, ")
    return Link(text, href)


def _lines(passage: Passage, terms: Collection[str]) -> Iterable[Line]:
    # The first item's own bullet stands in front of the passage, so it is known by its kind.
    first = passage.sentences[0].kind if passage.sentences else BlockKind.PARAGRAPH
    starts_in_list = first is BlockKind.LIST_ITEM
    for number, line in enumerate(passage.text.split("\n")):
        words = line.strip()
        if words:
            mark = _BULLET.match(words)
            rest = words[mark.end() :] if mark else words
            is_item = mark is not None or (number == 0 and starts_in_list)
            yield Line(mark_words(rest, terms), bullet=is_item)
