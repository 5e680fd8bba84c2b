"""Answers to "which …" questions: one row a value, over the whole corpus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_app.answering.calibration import ROW
from qa_app.answering.conflict import PLANS, side_by_side
from qa_app.answering.evidence import Evidence, Measure
from qa_app.answering.facts import Outcome, finding
from qa_app.answering.quoting import Quoting
from qa_app.answering.reading import Reading
from qa_app.answering.repeats import group_sentences
from qa_app.models import Coverage, Finding, Mode, Support
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.fusion import fuse
from qa_app.store.vectors import RowArray

# Passages that are read of each value: as many as of all together leave time for.
_PASSAGES = 5
_LEAST_PASSAGES = 2
_MOST_PASSAGES = 200
_NEAR_MISSES = 3
# Fewer values are no field to stand out from; nor are values that all say it alike.
_FIELD = 8
_LEAST_SPREAD = 0.3
# Chance from which a value has a row.
_CUT = 0.5
# The same of a few values: less, since the weights come from long policies, whose every sentence
# is near to something.
_CUT_OF_FEW = 0.38


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
    candidates = _candidates(retriever, reading, facet, values)
    asks_plans = bool(PLANS.search(reading.question))
    dates = retriever.generation.dates
    found = _by_value(candidates)
    quoting = Quoting(retriever.generation, reading.question)
    least = _CUT_OF_FEW if len(found) < _FIELD else _CUT
    row = ROW.over(_cut([ROW.logit(evidence[0].scores) for evidence in found.values()]))
    by_value: dict[str, list[Finding]] = {}
    for value, evidence in found.items():
        for group in group_sentences(evidence, {}, dates):
            plans = not asks_plans and bool(PLANS.search(group[0].text))
            chance = row.chance(group[0].scores)
            shown = quoting.quote(group) if chance >= least else group
            quote = finding(shown, chance, dates, value, plans)
            by_value.setdefault(value, []).append(quote)
    ordered = sorted((rows_of[0] for rows_of in by_value.values()), key=_firmest)
    language = retriever.generation.lexical.language
    bearing = ([item for item in rows_of if item.score >= least] for rows_of in by_value.values())
    findings = tuple(sorted((side_by_side(b, language) for b in bearing if b), key=_firmest))
    return Outcome(
        confidence=max((row.score for row in ordered), default=0.0),
        findings=findings,
        passages=retriever.results(retriever.rank_distinct(reading.text, top_k, rows, mode)),
        coverage=_coverage(retriever, facet, values, findings),
        near_misses=() if findings else tuple(ordered[:_NEAR_MISSES]),
        scores=dict(ordered[0].scores) if ordered else {},
        explanation=row.explain(least),
    )


def _by_value(candidates: Sequence[_Candidate]) -> dict[str, list[Evidence]]:
    """Return each value's sentences, best first."""
    found: dict[str, list[Evidence]] = {}
    for item in sorted(candidates, key=lambda item: -ROW.logit(item.evidence.scores)):
        found.setdefault(item.value, []).append(item.evidence)
    return found


def _firmest(row: Finding) -> tuple[bool, float, str]:
    return row.support is not Support.STRONG, -row.score, row.facet_value or ""


def _cut(logits: Sequence[float]) -> float:
    """Return the logit from which a value has a row, given every value's best.

    Half of it is what evidence must reach by itself, which is 0. Where there are many values, the
    other half is their mean: if all speak of the matter, as policies on one subject do, only those
    that say it better than the others answer.
    """
    if len(logits) < _FIELD or np.std(logits) < _LEAST_SPREAD:
        return 0.0
    return float(np.mean(logits)) / 2


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
) -> list[_Candidate]:
    if not values:
        return []
    measure = Measure(reading, retriever)
    depth = max(_LEAST_PASSAGES, min(_PASSAGES, _MOST_PASSAGES // len(values)))
    generation = retriever.generation
    rows = np.unique(np.concatenate(list(values.values())))
    query = retriever.encoder.encode_queries([reading.text])
    dense = generation.vectors.scores(query, rows)[0]
    shares = measure.shares(rows)
    score = fuse(dense, shares)
    chosen = {}
    for value, tagged in values.items():
        places = np.searchsorted(rows, tagged)
        chosen[value] = places[np.argsort(-score[places], kind="stable")][:depth]
    # A passage may be about several values: each is read once.
    read = np.unique(np.concatenate(list(chosen.values())))
    ranked = [
        Ranked(
            int(rows[place]),
            float(score[place]),
            {"dense": float(dense[place]), "share": float(shares[place])},
        )
        for place in read
    ]
    passages = generation.passages(rows[read])
    evidence = dict(zip(read, measure.sentences(ranked, passages, float(score.max())), strict=True))
    return [
        _Candidate(value, item)
        for value, places in chosen.items()
        for place in places
        for item in evidence[place]
        if _is_about(retriever, facet, value, item)
    ]


def _is_about(retriever: Retriever, facet: str, value: str, item: Evidence) -> bool:
    """Tell whether the sentence is about the value, in a passage that may be about several."""
    named = retriever.facets.named_by(facet, item.text)
    if named:
        return value in named
    return len(item.passage.tags.get(facet, ())) == 1


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
