"""Answers "which …" questions with one row per facet value, over the whole corpus."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from qa_app.answering.facts import Outcome, finding, rows_named
from qa_app.answering.features import Evidence, FeatureExtractor, read_sentences
from qa_app.answering.model import ROWS_READ, ROWS_UNREAD, Scale
from qa_app.answering.question import ParsedQuestion
from qa_app.answering.quotes import Quoting, group_sentences
from qa_app.arrays import FloatArray, RowArray
from qa_app.models import Coverage, Finding, Mode, Relation, Support
from qa_app.reader import Reader
from qa_app.retrieval import Ranked, Retriever
from qa_app.retrieval.filters import DATE, TYPE, facet_rows
from qa_app.retrieval.fusion import fuse

# Passages scored for each value: up to 5, fewer with many values, so that all together stay within
# 200 and the answer within its time, but at least 2.
_PASSAGES = 5
_LEAST_PASSAGES = 2
_MOST_PASSAGES = 200
_NEAR_MISSES = 3  # rows shown when none reaches the threshold
# Least probability without the reader at which a value's passages are read, and how many values are
# read in any case. Of 254 rows found in training/rows.py's questions none was less likely, and over
# 78 reports on different matters four fifths of the reading is saved.
_WORTH_READING = 0.05
_LEAST_READ = 8
_MOST_OTHERS = 3  # older quotes shown in one row
_MOST_COMPARED = 12  # quotes of one row whose dates are compared


def answer_table(
    retriever: Retriever,
    parsed: ParsedQuestion,
    top_k: int,
    rows: RowArray | None,
    mode: Mode,
    reader: Reader | None,
) -> Outcome:
    """Return one row per facet value that has supporting evidence, strongest first.

    If the question names values of other facets, as in "Which reports … in Surrey?", only passages
    about these count.

    Raises:
        ValueError: the question asks for no facet.
    """
    rows = rows_named(retriever, parsed, rows)
    values = rows_by_value(retriever, parsed, rows)
    found, scale = judge_rows(candidates_of(retriever, parsed, values, reader), reader)
    quotes = quote_values(retriever, parsed.question, found, scale)
    ordered = sorted((rows_of[0] for rows_of in quotes.values()), key=_firmest)
    findings = tuple(sorted(supported_rows(quotes, scale), key=_firmest))
    return Outcome(
        confidence=max((row.score for row in ordered), default=0.0),
        findings=findings,
        passages=retriever.results(retriever.rank_distinct(parsed.text, top_k, rows, mode)),
        coverage=coverage_of(retriever, _facet_of(parsed), values, findings),
        near_misses=() if findings else tuple(ordered[:_NEAR_MISSES]),
        scores=dict(ordered[0].scores) if ordered else {},
        explanation=scale.answered.explain(scale.threshold),
    )


def judge_rows(
    candidates: Sequence[tuple[str, Evidence]], reader: Reader | None
) -> tuple[dict[str, list[Evidence]], Scale]:
    """Return each value's sentences, best first, and the scale that judges them by each other.

    Args:
        candidates: pairs of value and sentence, as ``candidates_of`` returns them.
        reader: that read them, or None.
    """
    judge = ROWS_UNREAD if reader is None else ROWS_READ
    found = by_value(candidates, judge.total)
    return found, judge.among([best.scores for best, *_ in found.values()])


def by_value(
    candidates: Sequence[tuple[str, Evidence]], total: Callable[[Mapping[str, float]], float]
) -> dict[str, list[Evidence]]:
    """Return each value's sentences, those with the highest total of their scores first."""
    found: dict[str, list[Evidence]] = {}
    for value, item in sorted(candidates, key=lambda pair: -total(pair[1].scores)):
        found.setdefault(value, []).append(item)
    return found


def quote_values(
    retriever: Retriever, question: str, found: Mapping[str, Sequence[Evidence]], scale: Scale
) -> dict[str, list[Finding]]:
    """Return each value's sentences as quotes, best first, whether they reach the threshold or not.

    Args:
        found: the sentences of each value, best first.
    """
    dates = retriever.generation.dates
    quoting = Quoting(retriever.generation, question, scale)
    quotes: dict[str, list[Finding]] = {}
    for value, evidence in found.items():
        for group in group_sentences(evidence, {}, dates):
            chance = scale.answered.chance(group[0].scores)
            shown = quoting.quote(group) if chance >= scale.threshold else group
            quotes.setdefault(value, []).append(finding(shown, scale, dates, value))
    return quotes


def supported_rows(quotes: Mapping[str, Sequence[Finding]], scale: Scale) -> Iterator[Finding]:
    """Yield a row for each value that has a quote of at least the scale's threshold."""
    for of_value in quotes.values():
        if bearing := [item for item in of_value if item.score >= scale.threshold]:
            yield _newest_first(bearing)


def _facet_of(parsed: ParsedQuestion) -> str:
    if parsed.table is None:
        raise ValueError("the question asks for no facet")
    return parsed.table.facet


def _firmest(row: Finding) -> tuple[bool, float, str]:
    return row.support is not Support.STRONG, -row.score, row.facet_value or ""


def rows_by_value(
    retriever: Retriever, parsed: ParsedQuestion, rows: RowArray | None = None
) -> dict[str, RowArray]:
    """Return the passage rows of each value of the facet that a question asks for.

    Values without rows are left out.

    Args:
        rows: to choose from; None for all.

    Raises:
        ValueError: the question asks for no facet.
    """
    found = {}
    for value, tagged in facet_rows(retriever.generation, _facet_of(parsed)).items():
        kept = tagged if rows is None else np.intersect1d(tagged, rows)
        if len(kept):
            found[value] = kept
    return found


def candidates_of(
    retriever: Retriever,
    parsed: ParsedQuestion,
    values: Mapping[str, RowArray],
    reader: Reader | None,
    most: int = _MOST_PASSAGES,
) -> list[tuple[str, Evidence]]:
    """Return (value, sentence) pairs from every value's best passages, with features.

    Empty if there are no values. With a reader, at most ``most`` pairs of value and passage are
    read; the pairs beyond, lowest fused scores, are dropped, and so are values that are unlikely
    without it.

    Args:
        values: the rows of each value, at least one row each.
    """
    if not values:
        return []
    facet = _facet_of(parsed)
    depth = max(_LEAST_PASSAGES, min(_PASSAGES, most // len(values)))
    every = np.unique(np.concatenate(list(values.values())))
    query = retriever.encode(parsed.text)
    dense = retriever.generation.vectors.scores(query, every)[0]
    score = fuse(dense, _lexical_shares(retriever, parsed, every))
    chosen = {}
    for value, tagged in values.items():
        places = np.searchsorted(every, tagged)
        chosen[value] = places[np.argsort(-score[places], kind="stable")][:depth]
    # A passage may be about several values: its features are computed once, but the reader reads
    # it for each value.
    read = np.unique(np.concatenate(list(chosen.values())))
    ranked = [Ranked(int(every[place]), float(score[place])) for place in read]
    passages = retriever.generation.passages(every[read])
    extractor = FeatureExtractor(parsed, retriever)
    measured = extractor.sentences(ranked, passages, float(score.max()))
    evidence = dict(zip(read, measured, strict=True))
    pairs = [(value, place) for value, places in chosen.items() for place in places]
    if reader is not None and len(pairs) > most:
        # With very many values, the pairs with the lowest fused scores are dropped.
        far = set(sorted(pairs, key=lambda pair: -score[pair[1]])[most:])
        pairs = [pair for pair in pairs if pair not in far]
    of_pairs = [
        [item for item in evidence[place] if is_about(retriever, facet, value, item)]
        for value, place in pairs
    ]
    owners = [value for value, _ in pairs]
    if reader is not None:
        worth = _worth_reading(_flat(owners, of_pairs))
        kept = [n for n, value in enumerate(owners) if value in worth]
        owners, of_pairs = [owners[n] for n in kept], [of_pairs[n] for n in kept]
        of_pairs = read_sentences(reader, parsed.question, of_pairs, owners)
    return _flat(owners, of_pairs)


def _flat(
    values: Sequence[str], of_values: Sequence[Sequence[Evidence]]
) -> list[tuple[str, Evidence]]:
    return [(v, item) for v, items in zip(values, of_values, strict=True) for item in items]


def _worth_reading(candidates: Sequence[tuple[str, Evidence]]) -> set[str]:
    """Return the values that may have a row by what is known without the reader."""
    found, scale = judge_rows(candidates, None)
    chances = {value: scale.answered.chance(items[0].scores) for value, items in found.items()}
    ordered = sorted(chances, key=lambda value: -chances[value])
    return {
        value
        for n, value in enumerate(ordered)
        if n < _LEAST_READ or chances[value] >= _WORTH_READING
    }


def _lexical_shares(retriever: Retriever, parsed: ParsedQuestion, rows: RowArray) -> FloatArray:
    """Return each passage's BM25 as a share of the maximum possible, float32, shape (len(rows),).

    The higher of two values: with the question's acronyms spelt out and in short.
    """
    lexical = retriever.generation.lexical
    forms = [terms for terms in (parsed.terms, parsed.short_terms) if terms]
    shares = [lexical.scores(terms).at(rows) / (lexical.max_score(terms) or 1.0) for terms in forms]
    return np.max(shares, axis=0) if shares else np.zeros(len(rows), dtype=np.float32)


def is_about(retriever: Retriever, facet: str, value: str, item: Evidence) -> bool:
    """Tell whether a sentence is about the value.

    It is if it names the value, or if it names none and the passage is about one value only. A
    document has one date and one type, and all of it is about them.
    """
    if facet in {DATE, TYPE}:
        return True
    named = retriever.facets.named_by(facet, item.text)
    if named:
        return value in named
    return len(item.passage.tags.get(facet, ())) == 1


def coverage_of(
    retriever: Retriever, facet: str, values: dict[str, RowArray], findings: Sequence[Finding]
) -> Coverage:
    """Return which of the values have findings, and which known values have no passages."""
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


def _newest_first(quotes: Sequence[Finding]) -> Finding:
    """Return one row: the newest quote, with up to three older ones of other dates attached.

    Older quotes need the best one's support, or strong support. Without them the best is returned.

    Args:
        quotes: that support the row, best first, at least one.
    """
    best, *rest = quotes[:_MOST_COMPARED]
    shown = [best]
    for item in rest:
        firm = item.support is best.support or item.support is Support.STRONG
        if firm and all(_differ(item.date, known.date) for known in shown):
            shown.append(item)
    if len(shown) == 1:
        return best
    first, *older = sorted(shown, key=lambda item: item.date or "", reverse=True)
    others = [replace(item, relation=Relation.EARLIER) for item in older]
    return replace(first, others=tuple(others[:_MOST_OTHERS]))


def _differ(one: str | None, other: str | None) -> bool:
    """Tell whether two dates ("2024", "2024-05") differ as far as both are known."""
    if one is None or other is None:
        return False
    length = min(len(one), len(other))
    return one[:length] != other[:length]
