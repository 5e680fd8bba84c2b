"""Which words of a text are marked: those that the question uses, in any of their forms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qa_app.analysis import Analyser

_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text that is marked, or is not."""

    text: str
    marked: bool = False


class Marker:
    """Marks the words of a question.

    Attributes:
        terms: the question's, as the lexical index has them.
    """

    def __init__(self, question: str, analyser: Analyser) -> None:
        self._analyser = analyser
        self.terms = frozenset(analyser.terms(question))

    def shared(self, text: str) -> int:
        """Return how many of the question's terms a text has."""
        return len(self.terms.intersection(self._analyser.terms(text)))

    def mark(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments; a word is marked if one of its terms is asked for."""
        words = _WORD.finditer(text) if self.terms else ()
        return mark_spans(text, [word.span() for word in words if self.shared(word.group())])


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
