"""Findings and passages as rows of an answer: words marked, sources linked, scores explained."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from qa_app.citations import Facts, quoted_harvard, quoted_plain, short_title
from qa_app.models import (
    BlockKind,
    Citation,
    Explanation,
    Finding,
    Passage,
    Relation,
    SearchResult,
    Support,
)
from qa_app.web.address import Address
from qa_app.web.brief_view import pin_payload
from qa_app.web.filtering import capitalise
from qa_app.web.marking import Marker, Segment, mark_spans
from qa_app.web.views import Copies, EvidenceRow, Line, Link, PassageView, Score

_STRENGTH = {Support.STRONG: "Strong", Support.PARTIAL: "Partial"}
_RELATION = {Relation.EARLIER: "Earlier"}
_SCORE_NAMES = {
    "answer": "What the reader makes of it",
    "behind": "Behind the best that was read",
    "rank": "Place of its passage",
    "misdated": "About another year than the one asked for",
    "asked": "Length of the question",
    "covered": "The question’s words in the quote",
    "dense": "Closeness in meaning",
    "late": "Words and headings that mean the same",
    "length": "Length of the quote",
    "lexical": "Shared words",
    "bm25": "Shared words",
    "rerank": "Reranker",
    "share": "The question’s words in the passage",
    "size": "Number of passages searched",
    "unnamed": "Names or numbers that are missing",
    "weakest": "The words that fit worst",
    "words": "Words that mean the same",
}
_NOT_SCORES = frozenset({"reranked"})  # a number of passages
_MOST_ALSO_IN = 3
_LEAST_SHARE = 0.05  # of a weighted sum; less is not worth a line
_BULLET = re.compile(r"[-*•▪‣◦●○·–—\uf0b7\uf0a7][ \t]+(?=\S)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What the rows of one answer have in common.

    Attributes:
        address: the page's state, which the links lead on from.
        marker: marks the question's words.
        facts: path of a document to its author, publisher and date, where known.
        explanation: what the quotes' scores were weighed with.
    """

    address: Address
    marker: Marker
    facts: Facts = field(default_factory=dict)
    explanation: Explanation | None = None


def evidence_rows(findings: Iterable[Finding], reading: Reading) -> tuple[EvidenceRow, ...]:
    """Return the rows of the table: each finding, then what stands beside it."""
    return tuple(
        _evidence_row(item, reading, item is not finding, bool(finding.others))
        for finding in findings
        for item in (finding, *finding.others)
    )


def passage_view(result: SearchResult, reading: Reading, scored: bool) -> PassageView:
    """Return a ranked passage, with its score where the reports answer."""
    return PassageView(
        rank=result.rank,
        score=f"{result.score:.2f}" if scored else "",
        lines=tuple(_lines(result.passage, reading.marker)),
        source=_source_link(result.citation, reading),
        also_in=_also_in(result.also_in, reading),
        copies=copies(result.passage.text, result.citation, reading.facts),
        pin=pin_payload(result.citation),
        why=tuple(
            Score(_score_name(name), f"{value:.2f}")
            for name, value in result.scores.items()
            if name not in _NOT_SCORES
        ),
    )


def copies(quote: str, citation: Citation, facts: Facts) -> Copies:
    """Return a quote with its citation, in each style that it can be copied in."""
    own = facts.get(citation.document, {})
    return Copies(quoted_plain(quote, citation), quoted_harvard(quote, citation, own))


def _evidence_row(
    finding: Finding, reading: Reading, beside: bool, has_others: bool
) -> EvidenceRow:
    return EvidenceRow(
        value=finding.facet_value or "",
        beside=beside,
        relation=_RELATION[finding.relation] if finding.relation else "",
        date=finding.date or "" if has_others or finding.relation else "",
        lead_in=finding.lead_in.text if finding.lead_in else "",
        quote=_marked(finding, reading.marker),
        support=finding.support,
        strength=_STRENGTH[finding.support],
        source=_source_link(finding.citation, reading, finding.facet_value or ""),
        also_in=_also_in(finding.also_in, reading),
        copies=copies(finding.quote, finding.citation, reading.facts),
        pin=pin_payload(finding.citation, finding.facet_value or "", finding.lead_in),
        why=tuple(_weighed(finding, reading.explanation)),
    )


def _marked(finding: Finding, marker: Marker) -> tuple[Segment, ...]:
    """Return the quote with the words marked that answer, or else those of the question."""
    if finding.answer is None:
        return marker.mark(finding.quote)
    return mark_spans(finding.quote, [finding.answer])


def _weighed(finding: Finding, explanation: Explanation | None) -> Iterable[Score]:
    """Yield what raised and lowered a quote's score, and what it came to."""
    if explanation is None:
        return
    parts = {
        name: weight * finding.scores.get(name, 0.0) for name, weight in explanation.weights.items()
    }
    whole = sum(map(abs, parts.values())) or 1.0
    for name, part in sorted(parts.items(), key=lambda item: -abs(item[1])):
        if abs(part) > _LEAST_SHARE * whole and math.isfinite(part):
            yield Score(_score_name(name), f"{part:+.1f}")
    yield Score("Starting point", f"{explanation.intercept:+.1f}")
    yield Score("Score (0 to 1)", f"{finding.score:.2f}")


def _score_name(name: str) -> str:
    return _SCORE_NAMES.get(name, capitalise(name))


def _source_link(citation: Citation, reading: Reading, beside: str = "") -> Link:
    text = citation.label
    if beside.endswith(citation.title):
        # The title stands in the row already, alone or after the name of one of its files.
        text = text.removeprefix(f"{short_title(citation.title)}, ")
    return Link(text, reading.address.citing(citation).search)


def _also_in(citations: Sequence[Citation], reading: Reading) -> tuple[Link, ...]:
    links = [_source_link(citation, reading) for citation in citations[:_MOST_ALSO_IN]]
    more = len(citations) - len(links)
    return (*links, Link(f"and {more} more", "")) if more else tuple(links)


def _lines(passage: Passage, marker: Marker) -> Iterable[Line]:
    # The first item's own bullet stands in front of the passage, so it is known by its kind.
    first = passage.sentences[0].kind if passage.sentences else BlockKind.PARAGRAPH
    starts_in_list = first is BlockKind.LIST_ITEM
    for number, line in enumerate(passage.text.split("\n")):
        words = line.strip()
        if words:
            mark = _BULLET.match(words)
            rest = words[mark.end() :] if mark else words
            is_item = mark is not None or (number == 0 and starts_in_list)
            yield Line(marker.mark(rest), bullet=is_item)
