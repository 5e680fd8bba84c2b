"""Answers questions for a fact with the sentences that state it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from qa_app.answering.acronyms import (
    Definition,
    asked_acronym,
    find_brackets,
    find_meanings,
    passages_with,
)
from qa_app.answering.features import Evidence, FeatureExtractor, read_sentences
from qa_app.answering.model import READ, UNREAD, Scale
from qa_app.answering.question import ParsedQuestion
from qa_app.answering.quotes import Quoting, find_repeats, group_sentences
from qa_app.arrays import RowArray
from qa_app.citations import cite
from qa_app.models import (
    Count,
    Coverage,
    Explanation,
    Finding,
    Mode,
    Passage,
    Quote,
    SearchResult,
    Support,
)
from qa_app.reader import Reader
from qa_app.retrieval import Ranked, Retriever

# Passages whose sentences are scored: ten found no more answers than eight, and each costs the
# same time (table in benchmarks/RESULTS.md).
PASSAGES = 8
MOST_FINDINGS = 3  # quotes shown in an answer for a fact
# Least probability of the second and third quote: of 532 below it 12 were right (each source left
# out in turn), and whoever reads the others loses trust in the first.
_LEAST_SHOWN = 0.01
# Added to each term's idf: on corpora of one article, 1 in 100 fewer questions were refused. Rows
# of tables score better without it.
_EVENNESS = 1.0
# The largest "size": beyond some 3,000 passages, more make no difference.
_MOST_SIZE = 3.5
_MOST_OVERVIEW = 8  # quotes shown for a question such as "What is said about Redford?"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of answering; without findings, the reports do not answer the question."""

    confidence: float
    findings: tuple[Finding, ...]
    passages: tuple[SearchResult, ...]
    coverage: Coverage | None = None
    near_misses: tuple[Finding, ...] = ()
    scores: Mapping[str, float] = field(default_factory=dict)
    explanation: Explanation | None = None
    count: Count | None = None


def answer_fact(
    retriever: Retriever,
    parsed: ParsedQuestion,
    top_k: int,
    rows: RowArray | None,
    mode: Mode,
    reader: Reader | None,
) -> Outcome:
    """Return the best sentences as findings; if none reaches the threshold, as near misses."""
    within = rows_named(retriever, parsed, rows)
    if within is not None and not len(within):
        # No passage is about the named value, so no sentence can answer; passages are still shown.
        return Outcome(
            0.0, (), retriever.results(retriever.rank_distinct(parsed.text, top_k, rows, mode))
        )
    if within is not None and parsed.overview:
        return _overview(retriever, parsed, top_k, within, mode)
    scale = UNREAD if reader is None else READ
    ranked = retriever.rank_distinct(parsed.text, max(top_k, PASSAGES), within, mode)
    results = retriever.results(ranked[:top_k])
    searched = retriever.generation.num_passages if within is None else len(within)
    evidence = rank_sentences(retriever, parsed, ranked[:PASSAGES], searched, reader)
    if not evidence:
        return Outcome(0.0, (), results)
    why = scale.answered.explain(scale.threshold)
    dates = retriever.generation.dates
    groups = group_sentences(evidence, find_repeats(retriever, ranked[:PASSAGES]), dates)
    quoting = Quoting(retriever.generation, parsed.question, scale)
    groups = quoting.quotes(groups, MOST_FINDINGS)
    if not groups:
        return Outcome(0.0, (), results)
    quotes = [finding(group, scale, dates) for group in groups]
    # The highest score among the quotes shown, whatever their order.
    confidence = max(quote.score for quote in quotes[:MOST_FINDINGS])
    if confidence < scale.threshold:
        near = tuple(quotes[:MOST_FINDINGS])
        return Outcome(confidence, (), results, None, near, quotes[0].scores, why)
    first, *more = quotes[:MOST_FINDINGS]
    shown = (first, *(quote for quote in more if quote.score >= _LEAST_SHOWN))
    return Outcome(confidence, shown, results, None, (), quotes[0].scores, why)


def _overview(
    retriever: Retriever, parsed: ParsedQuestion, top_k: int, rows: RowArray, mode: Mode
) -> Outcome:
    """Return the first quotes of the passages about the named value, in order of their rank.

    They are not scored for relevance, since the question asks for nothing in particular.
    """
    ranked = retriever.rank_distinct(parsed.question, top_k, rows, mode)
    results = retriever.results(ranked)
    evidence = [
        Evidence(result.passage, sentence)
        for result in results
        for sentence in result.passage.sentences
    ]
    dates = retriever.generation.dates
    groups = group_sentences(evidence, find_repeats(retriever, ranked), dates)
    quoting = Quoting(retriever.generation, parsed.question, UNREAD)
    quotes = [
        finding(group, UNREAD, dates, chance=1.0)
        for group in quoting.quotes(groups, _MOST_OVERVIEW)
    ]
    return Outcome(1.0 if quotes else 0.0, tuple(quotes[:_MOST_OVERVIEW]), results)


def rank_sentences(
    retriever: Retriever,
    parsed: ParsedQuestion,
    ranked: Sequence[Ranked],
    searched: int,
    reader: Reader | None = None,
) -> list[Evidence]:
    """Return the scored sentences of the passages, most likely answer first.

    Args:
        ranked: the passages, best first.
        searched: number of passages that these are the best of.
        reader: None to score without a reader.
    """
    if not ranked:
        return []
    passages = retriever.generation.passages([item.row for item in ranked])
    extractor = FeatureExtractor(parsed, retriever, _EVENNESS)
    size = passages_size(searched)
    evidence = extractor.sentences(ranked, passages, ranked[0].score, {"size": size})
    if reader is not None:
        evidence = read_sentences(reader, parsed.question, evidence)
    model = (UNREAD if reader is None else READ).answered
    return sorted(
        (item for of_passage in evidence for item in of_passage),
        key=lambda item: (-model.logit(item.scores), item.passage.id, item.sentence.start),
    )


def passages_size(searched: int) -> float:
    """Return the feature "size" for a number of passages searched, at least 1."""
    return min(math.log10(searched), _MOST_SIZE)


def finding(
    group: Sequence[Evidence],
    scale: Scale,
    dates: Mapping[str, str],
    value: str | None = None,
    chance: float | None = None,
) -> Finding:
    """Return a quote as a finding, with the lead-in of its list where it has one.

    Args:
        group: the quote, then other places with the same words.
        scale: turns the quote's scores into a probability.
        dates: document path to date.
        value: the facet value of the row; None for a fact.
        chance: probability to use in place of the one from ``scale``.
    """
    item, *others = group
    passage, sentence = item.passage, item.sentence
    lead_in = None
    if sentence.lead_in is not None:
        lead_in = Quote(passage.slice(*sentence.lead_in), cite(passage, *sentence.lead_in))
    if chance is None:
        chance = scale.answered.chance(item.scores)
    strong = chance >= scale.strong
    return Finding(
        facet_value=value,
        quote=item.text,
        support=Support.STRONG if strong else Support.PARTIAL,
        score=chance,
        citation=cite(passage, sentence.start, sentence.end),
        lead_in=lead_in,
        scores=dict(item.scores),
        date=dates.get(passage.document),
        also_in=tuple(
            cite(other.passage, other.sentence.start, other.sentence.end) for other in others
        ),
        answer=_answer(item),
    )


def _answer(item: Evidence) -> tuple[int, int] | None:
    """Return the answering words as character offsets in the quote; None if not within it."""
    if item.span is None:
        return None
    start, end = item.span[0] - item.sentence.start, item.span[1] - item.sentence.start
    return (start, end) if 0 <= start < end <= len(item.text) else None


def rows_named(
    retriever: Retriever, parsed: ParsedQuestion, rows: RowArray | None
) -> RowArray | None:
    """Return the rows about the values that the question names; ``rows`` if it names none.

    Values of one facet are alternatives; a row must match every facet named, and be in ``rows``
    unless that is None.
    """
    for facet, values in parsed.named.items():
        tagged = [retriever.generation.rows_tagged(facet, value) for value in values]
        named = np.unique(np.concatenate(tagged)) if tagged else np.empty(0, dtype=np.int64)
        rows = named if rows is None else np.intersect1d(rows, named)
    return rows


def put_meanings_first(
    outcome: Outcome, question: str, retriever: Retriever, rows: RowArray | None
) -> Outcome:
    """Return the outcome with definitions first, if the question asks what an acronym means.

    If no definition is found, the first place with the acronym in brackets is used instead.

    Args:
        rows: passages to search; None for all.
    """
    acronym = asked_acronym(question)
    if acronym is None:
        return outcome
    generation = retriever.generation
    found = passages_with(acronym, generation)
    if rows is not None:
        found = {row: found[row] for row in set(rows.tolist()).intersection(found)}
    meanings = find_meanings(acronym, found, generation.lexical.analyser)
    firsts = [meaning[0] for meaning in meanings] or find_brackets(acronym, found)[:1]
    evidence = [item for place in firsts if (item := _sentence(place, found))]
    if not evidence:
        return outcome
    said = [finding([item], UNREAD, generation.dates, chance=1.0) for item in evidence]
    places = {item.citation for item in said}
    others = [item for item in outcome.findings if item.citation not in places]
    return replace(
        outcome, confidence=1.0, findings=(*said, *others)[:MOST_FINDINGS], near_misses=()
    )


def _sentence(place: Definition, passages: Mapping[int, Passage]) -> Evidence | None:
    passage = passages[place.row]
    inside = (item for item in passage.sentences if item.start <= place.place < item.end)
    sentence = next(inside, None)
    return None if sentence is None else Evidence(passage, sentence)
