"""Which words of a text are marked: those that the question uses, in any of their forms."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from qa_app.analysis import analyse

_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text that is marked, or is not."""

    text: str
    marked: bool = False


def question_terms(question: str) -> frozenset[str]:
    """Return the question's terms as the lexical index has them."""
    return frozenset(analyse(question))


def mark_words(text: str, terms: Collection[str]) -> tuple[Segment, ...]:
    """Return the text in segments; a word is marked if one of its terms is asked for."""
    spans = [
        match.span()
        for match in _WORD.finditer(text)
        if terms and not set(analyse(match.group())).isdisjoint(terms)
    ]
    return mark_spans(text, spans)


def mark_spans(text: str, spans: Iterable[tuple[int, int]]) -> tuple[Segment, ...]:
    """Return the text in segments; ``spans`` are ascending and disjoint.

    Joined, the segments are the text again.
    """
    segments: list[Segment] = []
    at = 0
    for start, end in spans:
        segments += [Segment(text[at:start]), Segment(text[start:end], marked=True)]
        at = end
    segments.append(Segment(text[at:]))
    return tuple(segment for segment in segments if segment.text)


def overlap(spans: Sequence[tuple[int, int]], start: int, end: int) -> list[tuple[int, int]]:
    """Return the parts of ``spans`` inside ``start:end``, counted from ``start``."""
    return [
        (max(first, start) - start, min(last, end) - start)
        for first, last in spans
        if first < end and last > start
    ]
