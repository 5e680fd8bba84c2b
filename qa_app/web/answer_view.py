"""The answer view, the front page, and the filter panel of both."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from qa_app.citations import short_title
from qa_app.facets import DOCUMENT_FACET, SECTION_FACET, YEAR_FACET, name_documents
from qa_app.highlighting.segments import Segment, mark_spans
from qa_app.models import Answer, BlockKind, Citation, Explanation, Finding, Passage, Verdict
from qa_app.output.messages import (
    count_detail,
    count_headline,
    coverage_headline,
    doubt_text,
    not_mentioned,
    unknown_text,
)
from qa_app.retrieval.filters import DATE, TYPE, FilterChoices
from qa_app.text.wording import count
from qa_app.web.address import Address
from qa_app.web.catalogue import Catalogue, Visit
from qa_app.web.rendering import Marker, capitalise, render
from qa_app.web.security import HIGHLIGHTS_ROUTE

_SCORE_NAMES = {
    "answer": "What the reader makes of it",
    "behind": "Behind the best that was read",
    "rank": "Place of its passage",
    "misdated": "About another year than the one asked for",
    "covered": "The question’s words in the quote",
    "dense": "Closeness in meaning",
    "late": "Words and headings that mean the same",
    "lexical": "Shared words",
    "rerank": "Reranker",
    "size": "Number of passages searched",
    "weakest": "The words that fit worst",
}
_NOT_SCORES = frozenset({"reranked"})  # the number of passages that were reranked
_LEAST_SHARE = 0.05  # of the sum of absolute terms; smaller terms of a score are not listed
# A list item's bullet with the blanks behind it; U+F0B7 and U+F0A7 are from symbol fonts.
_BULLET = re.compile(r"[-*•▪‣◦●○·–—\uf0b7\uf0a7][ \t]+(?=\S)")
# Values listed per facet; people do not choose from a longer list.
_MOST_VALUES = 200
_FACET_NAMES = {YEAR_FACET: "Year named in the text"}
_LAST_FACETS = (DOCUMENT_FACET, TYPE, YEAR_FACET)
_TO = ".."  # separates the two dates of a range


@dataclass(frozen=True, slots=True)
class FilterPanel:
    """The active filters and the available ones.

    Attributes:
        here: the page's state, with no source open; its ``filters`` are the active ones.
        groups: facet to its values with their numbers of passages, the most frequent first
            (documents in the index's order). Facets with a single value are left out.
        names: path of each document to a short name that distinguishes it from the others.
    """

    here: Address
    choices: FilterChoices
    groups: Mapping[str, Mapping[str, int]]
    names: Mapping[str, str]

    def heading(self, facet: str) -> str:
        """Return a facet's heading in the panel."""
        return _FACET_NAMES.get(facet, capitalise(facet))

    def text(self, facet: str, value: str) -> str:
        """Return a value as displayed."""
        if facet == DATE:
            return _date_words(value)
        return self.names.get(value, value) if facet == DOCUMENT_FACET else value

    @property
    def dates(self) -> tuple[str, str]:
        """The first and last date of the date filter, each as typed, or ""."""
        since, _, until = self.here.filters.get(DATE, ("",))[0].partition(_TO)
        return since, until

    @property
    def dates_hint(self) -> str:
        """The range of the reports' dates, and how many reports have none, as a sentence."""
        choices = self.choices
        hint = f"Reports are dated {choices.earliest} to {choices.latest}"
        if choices.undated:
            reports = count(len(self.names), "report")
            hint += f"; {choices.undated:,} of {reports} without a date are left out"
        return f"{hint}."


def filter_panel(catalogue: Catalogue, address: Address) -> FilterPanel:
    """Return the filter panel for an address."""
    documents = catalogue.documents
    passages = {path: document.passages for path, document in documents.items()}
    counts = {**catalogue.choices.values, DOCUMENT_FACET: passages}
    facets = [*sorted(counts.keys() - {*_LAST_FACETS, SECTION_FACET}), *_LAST_FACETS]
    return FilterPanel(
        here=address.opening(""),
        choices=catalogue.choices,
        groups={
            facet: dict(list(counts[facet].items())[:_MOST_VALUES])
            for facet in facets
            if len(counts.get(facet, ())) > 1
        },
        names=name_documents({path: document.title for path, document in documents.items()}),
    )


def _date_words(value: str) -> str:
    since, to, until = value.partition(_TO)
    if not (to and since):
        return f"to {until}" if to else since
    return f"{since} to {until}" if until else f"from {since}"


def render_home(visit: Visit) -> str:
    """Return the front page's HTML: example questions and filters."""
    return render(
        "home",
        here=visit.address,
        stamp=visit.stamp,
        examples=visit.catalogue.examples,
        filters=filter_panel(visit.catalogue, visit.address),
    )


def render_answer(visit: Visit, answer: Answer, rejected: Sequence[object] = ()) -> str:
    """Return the HTML of an answer to the address's question.

    Args:
        rejected: ``lead_view.Rejected`` places that the answer does without.
    """
    snapshot, filtered = visit.catalogue.snapshot, bool(visit.address.filters)
    return render(
        "answer",
        answer=answer,
        here=visit.address,
        stamp=visit.stamp,
        facts=visit.catalogue.facts,
        llm=visit.llm,
        quotes_key=quotes_key(answer),
        filters=filter_panel(visit.catalogue, visit.address),
        marker=Marker(answer.question, snapshot.generation.lexical.analyser),
        headline=headline(answer, "within these filters" if filtered else "in this corpus"),
        detail=" ".join(filter(None, (detail(answer), unknown_text(answer, snapshot.retriever)))),
        seconds=answer.timings_ms.get("total", sum(answer.timings_ms.values())) / 1000,
        highlights=f"{HIGHLIGHTS_ROUTE.removeprefix('/')}{visit.address.search}",
        rejected=rejected,
        source_text=source_text,
        quote_segments=quote_segments,
        quote_scores=quote_scores,
        passage_lines=passage_lines,
        passage_scores=passage_scores,
    )


def quotes_key(answer: Answer) -> str:
    """Return what tells apart answers with other quotes, or with the same in another order."""
    places = [
        (row.citation.document, row.citation.start, row.citation.end)
        for finding in answer.findings
        for row in (finding, *finding.others)
    ]
    return hashlib.sha256(repr((answer.generation, places)).encode()).hexdigest()


def headline(answer: Answer, place: str) -> str:
    """Return the verdict in one line; ``place`` completes it, as in "in this corpus"."""
    if answer.verdict is not Verdict.ANSWERED:
        return "The reports do not say."
    if answer.count is not None:
        return count_headline(answer.count, place)
    if answer.coverage is not None:
        return coverage_headline(answer.coverage, place)
    reports = {finding.citation.document for finding in answer.findings}
    return f"{count(len(answer.findings), 'quote')} from {count(len(reports), 'report')}"


def detail(answer: Answer) -> str:
    """Return the qualification shown below the verdict, or ""."""
    if answer.count is not None and (answer.findings or answer.count.words):
        nearest = "" if answer.findings else f"{count_headline(answer.count)}. "
        return f"{nearest}{count_detail(answer.count)}"
    if answer.verdict is not Verdict.ANSWERED:
        if not answer.passages:
            left_out = " but what you left out" if answer.rejected else ""
            return f"Nothing in them{left_out} comes near the question."
        return "These passages come nearest; none of them answers the question."
    if not answer.coverage or not answer.coverage.not_in_corpus:
        return doubt_text(answer)
    return f"{not_mentioned(answer.coverage)}."


def source_text(citation: Citation, beside: str) -> str:
    """Return a citation's label, without the title if the row's label ``beside`` ends with it."""
    if not beside.endswith(citation.title):
        return citation.label
    # The row's label is the title alone, or a file's name followed by the title.
    return citation.label.removeprefix(f"{short_title(citation.title)}, ")


def quote_segments(finding: Finding, marker: Marker) -> tuple[Segment, ...]:
    """Return the quote with the reader's answer marked, or without one the question's words."""
    if finding.answer is None:
        return marker.mark(finding.quote)
    return mark_spans(finding.quote, [finding.answer])


def quote_scores(finding: Finding, explanation: Explanation | None) -> Iterable[tuple[str, str]]:
    """Yield (name, value) rows that explain a quote's score; none without an explanation.

    First the weighted terms, largest magnitude first and without the small ones (see
    ``_LEAST_SHARE``), then the intercept and the score.
    """
    if explanation is None:
        return
    parts = {
        name: weight * finding.scores.get(name, 0.0) for name, weight in explanation.weights.items()
    }
    whole = sum(map(abs, parts.values())) or 1.0
    for name, part in sorted(parts.items(), key=lambda item: -abs(item[1])):
        if abs(part) > _LEAST_SHARE * whole and math.isfinite(part):
            yield _score_name(name), f"{part:+.1f}"
    yield "Starting point", f"{explanation.intercept:+.1f}"
    yield "Score (0 to 1)", f"{finding.score:.2f}"


def passage_scores(scores: Mapping[str, float]) -> Iterable[tuple[str, str]]:
    """Yield the parts of a passage's score as (displayed name, value)."""
    for name, value in scores.items():
        if name not in _NOT_SCORES:
            yield _score_name(name), f"{value:.2f}"


def _score_name(name: str) -> str:
    return _SCORE_NAMES.get(name, capitalise(name))


def passage_lines(passage: Passage) -> Iterable[tuple[str, bool]]:
    """Yield a passage's lines without their bullets, and whether each is a list item."""
    # A passage starts behind its first item's bullet, so that item is recognised by its kind.
    first = passage.sentences[0].kind if passage.sentences else BlockKind.PARAGRAPH
    for number, line in enumerate(passage.text.split("\n")):
        words = line.strip()
        if words:
            bullet = _BULLET.match(words)
            is_item = bullet is not None or (number == 0 and first is BlockKind.LIST_ITEM)
            yield words[bullet.end() if bullet else 0 :], is_item
