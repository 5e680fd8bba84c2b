"""Answers to "which …" questions: one row a value, over the whole corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_app.answering.calibration import ROW_BEST, ROW_CUT, ROW_FAST, Logistic, chance
from qa_app.answering.conflict import PLANS, side_by_side
from qa_app.answering.evidence import Evidence, Measure, preselect
from qa_app.answering.facts import Outcome, finding, reads_tokens
from qa_app.answering.reading import Reading
from qa_app.answering.repeats import group_sentences
from qa_app.models import Coverage, Finding, Mode, Support
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.fusion import fuse
from qa_app.store.vectors import RowArray

# Of each value; then of all values together, which bounds the model's time.
_PASSAGES = 4
_SENTENCES = 3
_MOST_SENTENCES = 96
_NEAR_MISSES = 3
# Fewer values are no field to stand out from; nor are values that all say it alike.
_FIELD = 8
_LEAST_SPREAD = 0.5


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A sentence that may be evidence for a value."""

    value: str
    evidence: Evidence


def answer_table(
    retriever: Retriever, reading: Reading, top_k: int, rows: RowArray | None, mode: Mode
) -> Outcome:
    """Return a row for every value that a sentence bears out, the firmest first."""
    if reading.table is None:
        raise ValueError("the question asks for no facet")
    facet = reading.table.facet
    values = _values(retriever, facet, rows)
    measure = Measure(reading, retriever.generation.lexical)
    candidates = _candidates(retriever, reading, facet, values, measure)
    model = ROW_FAST
    if reads_tokens(mode):
        candidates, model = _with_tokens(retriever, measure, candidates), ROW_BEST
    asks_plans = bool(PLANS.search(reading.question))
    dates = retriever.generation.dates
    by_value: dict[str, list[Finding]] = {}
    for value, evidence in _by_value(candidates, model).items():
        for group in group_sentences(evidence, {}, dates):
            plans = not asks_plans and bool(PLANS.search(group[0].text))
            found = finding(group, model.chance(group[0].scores), dates, value, plans)
            by_value.setdefault(value, []).append(found)
    ordered = sorted((rows_of[0] for rows_of in by_value.values()), key=_firmest)
    cut = _cut([model.logit(row.scores) for row in ordered])
    language = retriever.generation.lexical.language
    bearing = (
        [item for item in rows_of if model.logit(item.scores) >= cut]
        for rows_of in by_value.values()
    )
    findings = tuple(sorted((side_by_side(b, language) for b in bearing if b), key=_firmest))
    # Rows have had the model's time: the passages beside them are ranked without it.
    cheap = Mode.FAST if mode is Mode.BEST else mode
    return Outcome(
        confidence=max((row.score for row in ordered), default=0.0),
        findings=findings,
        passages=retriever.results(retriever.rank_distinct(reading.text, top_k, rows, cheap)),
        coverage=_coverage(retriever, facet, values, findings),
        near_misses=() if findings else tuple(ordered[:_NEAR_MISSES]),
        scores=dict(ordered[0].scores) if ordered else {},
        explanation=model.explain(chance(cut)),
    )


def _by_value(candidates: Sequence[_Candidate], model: Logistic) -> dict[str, list[Evidence]]:
    """Return each value's sentences, best first."""
    found: dict[str, list[Evidence]] = {}
    for item in sorted(candidates, key=lambda item: -model.logit(item.evidence.scores)):
        found.setdefault(item.value, []).append(item.evidence)
    return found


def _firmest(row: Finding) -> tuple[bool, float, str]:
    return row.support is not Support.STRONG, -row.score, row.facet_value or ""


def _cut(logits: Sequence[float]) -> float:
    """Return the logit from which a value has a row, given every value's best.

    Where all values speak of the matter, as policies on one subject do, only those that say it
    better than the mean answer the question.
    """
    if len(logits) < _FIELD or np.std(logits) < _LEAST_SPREAD:
        return ROW_CUT
    return max(ROW_CUT, float(np.mean(logits)))


def _values(retriever: Retriever, facet: str, rows: RowArray | None) -> dict[str, RowArray]:
    found = {}
    for value in retriever.generation.facet_values(facet):
        tagged = retriever.generation.rows_tagged(facet, value)
        kept = tagged if rows is None else np.intersect1d(tagged, rows)
        if len(kept):
            found[value] = kept
    return found


def _candidates(
    retriever: Retriever,
    reading: Reading,
    facet: str,
    values: dict[str, RowArray],
    measure: Measure,
) -> list[_Candidate]:
    if not values:
        return []
    generation = retriever.generation
    rows = np.unique(np.concatenate(list(values.values())))
    query = retriever.encoder.encode_queries([reading.text])
    dense = generation.vectors.scores(query, rows)[0]
    shares = measure.shares(rows)
    score = fuse(dense, shares)
    best = float(score.max())
    found: list[_Candidate] = []
    for value, tagged in values.items():
        places = np.searchsorted(rows, tagged)
        places = places[np.argsort(-score[places], kind="stable")][:_PASSAGES]
        ranked = [
            Ranked(
                int(rows[place]),
                float(score[place]),
                {"dense": float(dense[place]), "share": float(shares[place])},
            )
            for place in places
        ]
        passages = generation.passages([item.row for item in ranked])
        evidence = [
            item
            for item in measure.words(ranked, passages, best)
            if _is_about(retriever, facet, value, item)
        ]
        found += [_Candidate(value, item) for item in preselect(evidence, _SENTENCES)]
    return found


def _is_about(retriever: Retriever, facet: str, value: str, item: Evidence) -> bool:
    """Tell whether the sentence is about the value, in a passage that may be about several."""
    named = retriever.facets.named_by(facet, item.text)
    if named:
        return value in named
    return len(item.passage.tags.get(facet, ())) == 1


def _with_tokens(
    retriever: Retriever, measure: Measure, candidates: Sequence[_Candidate]
) -> list[_Candidate]:
    chosen = sorted(candidates, key=lambda item: -ROW_FAST.logit(item.evidence.scores))
    chosen = chosen[:_MOST_SENTENCES]
    read = measure.tokens([item.evidence for item in chosen], retriever.encoder)
    return [_Candidate(item.value, found) for item, found in zip(chosen, read, strict=True)]


def _coverage(
    retriever: Retriever, facet: str, values: dict[str, RowArray], findings: Sequence[Finding]
) -> Coverage:
    found = {row.facet_value for row in findings}
    known = retriever.facets.values(facet)
    present = set(retriever.generation.facet_values(facet))
    missing = tuple(value for value in known if value not in present)
    return Coverage(
        facet=facet,
        with_evidence=tuple(value for value in values if value in found),
        without_evidence=tuple(value for value in values if value not in found),
        not_in_corpus=len(missing),
        not_in_corpus_values=missing,
    )
