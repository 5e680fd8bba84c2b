"""What every face shows alike: the JSON of the command contract, and the sentences around it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qa_app.models import (
    Answer,
    BuildReport,
    Citation,
    Coverage,
    SearchResult,
    Support,
    Verdict,
    to_json,
)

if TYPE_CHECKING:
    from qa_app.evaluation import Evaluation
    from qa_app.retrieval import Retriever
    from qa_app.topics.topic_queries import Matrix
    from qa_app.verification import VerifyReport

_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")
# More names than this in one sentence, or longer ones, are not read.
_MOST_LISTED = 12
_LONGEST_NAME = 50
_MOST_ALSO_IN = 3


def build_json(report: BuildReport) -> dict[str, Any]:
    """Return the build's JSON of the command contract."""
    return {
        "generation": report.generation,
        "documents": {
            "added": report.added,
            "changed": report.changed,
            "removed": report.removed,
            "unchanged": report.unchanged,
            "failed": len(report.failures),
        },
        "failures": to_json(report.failures),
        "warnings": to_json(report.warnings),
        "passages": report.passages,
        "embedded": report.embedded,
        "reused": report.reused,
        "seconds": round(report.seconds, 3),
        "passages_per_second": round(report.passages_per_second, 1),
    }


def reranked(results: Sequence[SearchResult]) -> int:
    """Return how many passages a reranker read for a question; 0 where there was none."""
    return int(results[0].scores.get("reranked", 0)) if results else 0


def search_json(query: str, results: Sequence[SearchResult], generation: str) -> dict[str, Any]:
    """Return the search's JSON of the command contract."""
    return {
        "query": query,
        "passages": [result_json(result) for result in results],
        "reranked": reranked(results),
        "generation": generation,
    }


def result_json(result: SearchResult) -> dict[str, Any]:
    """Return one ranked passage as the contract has it."""
    return {
        "rank": result.rank,
        "score": result.score,
        "text": result.passage.text,
        "citation": to_json(result.citation),
        "also_in": to_json(result.also_in),
        "tags": to_json(result.passage.tags),
        "scores": to_json(result.scores),
    }


def answer_json(answer: Answer, check: VerifyReport | None = None) -> dict[str, Any]:
    """Return an answer as the contract has it, and whether it stands where it was checked."""
    checked = {} if check is None else {"verified": not check.bad, "bad": to_json(check.bad)}
    passages = [result_json(item) for item in answer.passages]
    return {**to_json(answer), "passages": passages, **checked}


def evaluation_json(evaluation: Evaluation) -> dict[str, Any]:
    """Return an evaluation's JSON of the command contract: figures, misses, the comparison."""
    found = {**to_json(evaluation.figures), "misses": to_json(evaluation.misses)}
    if evaluation.comparison is not None:
        found["comparison"] = to_json(evaluation.comparison)
    return found


def unknown_text(answer: Answer, retriever: Retriever) -> str:
    """Return, where the reports do not say, which words of the question none of them has, or ""."""
    # Late, since what reads questions brings numpy along.
    from qa_app.answering.reading import light_terms

    if answer.verdict is Verdict.ANSWERED:
        return ""
    facets, lexical = retriever.facets, retriever.generation.lexical
    question = answer.question
    for mention in reversed(facets.mentions(question, typed=True)):  # an alias may be in none
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
    said = f"{_listed(unknown)} {verb} in none of the reports"
    return f"{said}: check the spelling, or try another word."


def doubt_text(answer: Answer) -> str:
    """Return, where no quote surely answers, a warning to read them in their place; else ""."""
    if answer.verdict is not Verdict.ANSWERED or answer.coverage is not None:
        return ""
    if any(finding.support is Support.STRONG for finding in answer.findings):
        return ""
    return "It is doubtful that these quotes answer the question: read them where they stand."


def also_in_text(citations: Sequence[Citation]) -> str:
    """Return where else the same words stand: "Also in Annual report, p. 3; and 2 more"."""
    shown = "; ".join(citation.label for citation in citations[:_MOST_ALSO_IN])
    more = len(citations) - _MOST_ALSO_IN
    return f"Also in {shown}" + (f"; and {more} more" if more > 0 else "")


def unplaced_text(matrix: Matrix) -> str:
    """Return how many quotes no column of a matrix counts, or ""."""
    verb = "has" if matrix.unplaced == 1 else "have"
    found = f"{count(matrix.unplaced, 'quote')} {verb} no {matrix.facet}: only the totals count"
    return f"{found} {'it' if matrix.unplaced == 1 else 'them'}." if matrix.unplaced else ""


def coverage_headline(coverage: Coverage, place: str = "in this corpus") -> str:
    """Return how many of a facet's values have evidence, as a sentence without its full stop."""
    found = len(coverage.with_evidence)
    total = found + len(coverage.without_evidence)
    if total == 1:
        verb = "Evidence" if found else "No evidence"
        return f"{verb} for the one {coverage.facet} {place}"
    if found == total:
        return f"Evidence for all {count(total, coverage.facet)} {place}"
    return f"Evidence for {found} of the {count(total, coverage.facet)} {place}"


def coverage_text(coverage: Coverage) -> str:
    """Return the coverage line: who has evidence, who has none, and how many are not there."""
    text = coverage_headline(coverage)
    if coverage.without_evidence:
        text += f"; none for {_listed(coverage.without_evidence)}"
    if coverage.not_in_corpus:
        text += f"; {not_mentioned(coverage)}"
    return f"{text}."


def not_mentioned(coverage: Coverage) -> str:
    """Return how many known values are nowhere in the corpus: "2 known forms are not mentioned"."""
    verb = "is" if coverage.not_in_corpus == 1 else "are"
    return f"{count(coverage.not_in_corpus, f'known {coverage.facet}')} {verb} not mentioned"


def count(number: int, noun: str) -> str:
    """Return a number and its noun: "1 file", "2,000 files"."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return a noun's plural: "boxes", "agencies", "forms"."""
    if noun.endswith("y") and noun[-2:-1] not in set("aeiou"):
        return f"{noun[:-1]}ies"
    return f"{noun}es" if noun.endswith(("s", "x", "z", "ch", "sh")) else f"{noun}s"


def _listed(values: Sequence[str]) -> str:
    shown = [textwrap.shorten(value, _LONGEST_NAME, placeholder="…") for value in values]
    shown = shown[:_MOST_LISTED]
    if len(values) > len(shown):
        shown.append(f"{len(values) - len(shown)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
