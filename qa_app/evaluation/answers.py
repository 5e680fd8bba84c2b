"""Scores quotes and refusals on a folder in BEIR form whose queries have answers."""

from __future__ import annotations

import numpy as np

from qa_app.api import Index
from qa_app.evaluation.scoring import VERDICT, Run, Scored, mean_figures, quotes_of, score_refusal
from qa_app.evaluation.sets import EvaluationSet, Query
from qa_app.indexing import BuildProgress
from qa_app.models import Answer, Finding, Mode, Verdict

# The facets that the rows are tagged with: the document that a query names, and the article.
SCOPE, ARTICLE = "scope", "article"

_FIRST, _THIRD = "sentence_accuracy@1", "sentence_accuracy@3"
# Queries whose article is taken away to see whether the program then refuses: enough for a
# standard error of about one point, few enough to wait for.
_REMOVALS = 500
_SEED = 7
_PASSAGES = 8


def filters_of(query: Query, scoped: bool) -> dict[str, list[str]]:
    """Return the filter that keeps to the document that a query names."""
    return {SCOPE: [query.scope]} if scoped and query.scope else {}


def score_answers(
    given: EvaluationSet, index: Index, mode: Mode, scoped: bool, progress: BuildProgress
) -> Run:
    """Ask every query, and a sample of them once more without the article that answers."""
    progress.stage("Asking", len(given.queries))
    answers = []
    for query in given.queries:
        answers.append(index.ask(query.text, _PASSAGES, filters_of(query, scoped), mode))
        progress.advance(1)
    asked = list(zip(given.queries, answers, strict=True))
    scored = tuple(_score(query, answer) for query, answer in asked)
    kept = [answer for query, answer in asked if not query.impossible]
    impossible = [answer for query, answer in asked if query.impossible]
    by_removal = score_refusal(kept, _ask_without_article(given, index, mode, progress))
    figures = {
        **mean_figures(scored, (_FIRST, _THIRD, VERDICT)),
        "refusal": score_refusal(kept, impossible) if impossible else by_removal,
        "refusal_article_removed": by_removal,
        "queries": len(scored),
    }
    return Run(scored, figures)


def _score(query: Query, answer: Answer) -> Scored:
    refused = answer.verdict is Verdict.NOT_FOUND
    figures = {VERDICT: float(refused == query.impossible)}
    rank = None
    if query.answers and not query.impossible:
        quotes = enumerate(answer.findings or answer.near_misses, start=1)
        rank = next((number for number, finding in quotes if _holds(query, finding)), None)
        figures[_FIRST] = float(rank == 1)
        figures[_THIRD] = float(rank is not None and rank <= 3)
    return Scored(
        id=query.id,
        question=query.text,
        expected=query.answers,
        figures=figures,
        missed=not figures[VERDICT] or not figures.get(_THIRD, 1.0),
        rank=rank,
        verdict=answer.verdict,
        came=quotes_of(answer),
    )


def _holds(query: Query, finding: Finding) -> bool:
    """Tell whether a quote holds the answer's words, from the right row."""
    places = {place.document for place in (finding.citation, *finding.also_in)}
    if query.context_id is not None and query.context_id not in places:
        return False
    quote = _folded(finding.quote)
    return any(_folded(words) in quote for words in query.answers)


def _ask_without_article(
    given: EvaluationSet, index: Index, mode: Mode, progress: BuildProgress
) -> list[Answer]:
    """Ask a sample of the questions of an index without the article that answers them."""
    titles = {str(row["_id"]): str(row.get("title") or "") for row in given.rows}
    everything = sorted(set(titles.values()))
    known = [
        query for query in given.queries if not query.impossible and query.context_id in titles
    ]
    if len(everything) < 2 or not known:
        return []
    order = np.random.default_rng(_SEED).permutation(len(known))[:_REMOVALS]
    progress.stage("Asking with the article removed", len(order))
    answers = []
    for number in order:
        query = known[number]
        article = titles[str(query.context_id)]
        rest = [title for title in everything if title != article]
        answers.append(index.ask(query.text, _PASSAGES, {ARTICLE: rest}, mode))
        progress.advance(1)
    return answers


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
