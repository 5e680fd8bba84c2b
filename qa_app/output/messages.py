"""Sentences about an answer or a table, used by the page and the terminal."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from qa_app.models import Answer, Citation, Count, Coverage, Support, Verdict
from qa_app.text.wording import count, listed

if TYPE_CHECKING:
    from qa_app.retrieval import Retriever
    from qa_app.topics.topic_queries import Matrix

# A word as typed, with inner hyphens, apostrophes, stops and commas: "data-sharing", "3.5".
_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")
_MAX_WORDS = 80  # Characters of the words of a mention that a headline repeats.
_MAX_ALSO_IN = 3  # Further places named for the same words; more would take several lines.


def unknown_text(answer: Answer, retriever: Retriever) -> str:
    """Return, for a refusal, a sentence with the question's words that no report contains.

    "" if the question was answered or there are no such words. Facet values, facet nouns and
    words that answers need not contain (``light_terms``) are left out.
    """
    # Imported here, since it imports numpy, which is slow to load.
    from qa_app.answering.question import light_terms

    if answer.verdict is Verdict.ANSWERED:
        return ""
    facets, lexical = retriever.facets, retriever.generation.lexical
    question = (answer.count and answer.count.words) or answer.question
    # Known facet values are removed: the user may have typed an alias that no report uses.
    for mention in reversed(facets.mentions(question, typed=True)):
        question = question[: mention.start] + question[mention.end :]
    nouns = {noun.casefold() for name in facets.names for noun in facets.nouns(name)}
    unknown = []
    for word in dict.fromkeys(_WORD.findall(question)):
        terms = set(lexical.analyser.terms(word)) - light_terms(lexical.analyser)
        if terms and word.casefold() not in nouns and not any(term in lexical for term in terms):
            unknown.append(f"“{word}”")
    if not unknown:
        return ""
    verb = "is" if len(unknown) == 1 else "are"
    said = f"{listed(unknown)} {verb} in none of the reports"
    return f"{said}: check the spelling, or try another word."


def doubt_text(answer: Answer) -> str:
    """Return a warning if an answer without a table has no quote with strong support; else ""."""
    if answer.verdict is not Verdict.ANSWERED or answer.coverage is not None:
        return ""
    if any(finding.support is Support.STRONG for finding in answer.findings):
        return ""
    return "It is doubtful that these quotes answer the question: read them where they stand."


def also_in_text(citations: Sequence[Citation]) -> str:
    """Return further places of the same words: "Also in Annual report, p. 3; and 2 more"."""
    shown = "; ".join(citation.label for citation in citations[:_MAX_ALSO_IN])
    more = len(citations) - _MAX_ALSO_IN
    return f"Also in {shown}" + (f"; and {more} more" if more > 0 else "")


def unplaced_text(matrix: Matrix) -> str:
    """Return how many quotes of a matrix have no value of its facet, as a sentence, or ""."""
    if not matrix.unplaced:
        return ""
    verb, them = ("has", "it") if matrix.unplaced == 1 else ("have", "them")
    found = count(matrix.unplaced, "quote")
    return f"{found} {verb} no {matrix.facet}: only the totals count {them}."


def coverage_headline(coverage: Coverage, place: str = "in this corpus") -> str:
    """Return how many of a facet's values have evidence, as a sentence without a full stop."""
    found = len(coverage.with_evidence)
    total = found + len(coverage.without_evidence)
    if total == 1:
        return f"{'Evidence' if found else 'No evidence'} for the one {coverage.facet} {place}"
    share = "all" if found == total else f"{found} of the"
    return f"Evidence for {share} {count(total, coverage.facet)} {place}"


def count_headline(number: Count, place: str = "in this corpus") -> str:
    """Return what was counted, as a sentence without a full stop; it never says more than that."""
    everything = f"{count(number.total, number.facet)} {place}"
    of_all, strong = (
        f"{f'{part:,}' if part else 'none'} of the {everything}"
        for part in (number.found, number.strong)
    )
    if number.total == 1:
        of_all = strong = f"{'the' if number.found else 'not the'} one {number.facet} {place}"
    partial = number.found - number.strong
    if number.words:
        verb = "mentions" if number.found < 2 else "mention"
        said = f"{of_all[:1].upper()}{of_all[1:]} {verb}"
        words = textwrap.shorten(number.words, _MAX_WORDS, placeholder="…")
        return f"{said} “{words}” in these words"
    if not number.strong and partial:
        return f"Only partial evidence found, for {of_all}"
    return f"Strong evidence found for {strong}" + (
        f", partial for {partial:,} more" if partial else ""
    )


def count_detail(number: Count) -> str:
    """Return how far a count can be relied on, in one or two sentences."""
    if not number.words:
        return (
            "Found by meaning, so rows may be wrong and others missing: "
            "read them before you use the number."
        )
    said = "Counted by the words in any form, not by meaning"
    if partial := number.found - number.strong:
        said += f": {number.strong:,} with the words together, {partial:,} apart in one sentence"
    return f"{said}."


def coverage_text(coverage: Coverage) -> str:
    """Return the coverage sentence.

    It says how many values have evidence, which ones have none, and how many known values the
    corpus never mentions.
    """
    text = coverage_headline(coverage)
    if coverage.without_evidence:
        text += f"; none for {listed(coverage.without_evidence)}"
    if coverage.not_in_corpus:
        text += f"; {not_mentioned(coverage)}"
    return f"{text}."


def not_mentioned(coverage: Coverage) -> str:
    """Return how many known values the corpus never mentions: "2 known forms are not mentioned"."""
    verb = "is" if coverage.not_in_corpus == 1 else "are"
    return f"{count(coverage.not_in_corpus, f'known {coverage.facet}')} {verb} not mentioned"
