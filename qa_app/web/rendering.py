"""Templates to HTML, and the words in them that are marked.

Autoescape is always on and no template turns it off. The templates take the models themselves;
what they call beside Jinja's own filters is registered here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_app.citations import quoted_harvard, quoted_plain, short_title
from qa_app.models import Citation, Quote
from qa_app.text.analysis import Analyser
from qa_app.text.wording import count
from qa_app.web.address import write_span

# A word with what joins it to the next: "data-sharing", "force’s", "1,000", "e.g".
_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text that is marked, or is not."""

    text: str
    marked: bool = False


class Marker:
    """Marks the words of a question, in any of their forms."""

    def __init__(self, question: str, analyser: Analyser) -> None:
        self._analyser = analyser
        # As the lexical index has them.
        self.terms = frozenset(analyser.terms(question))

    def shared(self, text: str) -> int:
        """Return how many of the question's terms a text has."""
        return len(self.terms.intersection(self._analyser.terms(text)))

    def mark(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments; a word is marked if one of its terms is asked for."""
        words = _WORD.finditer(text) if self.terms else ()
        return mark_spans(text, [word.span() for word in words if self.shared(word.group())])


def mark_spans(text: str, spans: Iterable[tuple[int, int]]) -> tuple[Segment, ...]:
    """Return the text in segments, those in ``spans`` (ascending and disjoint) marked."""
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


def pin_payload(citation: Citation, value: str = "", lead_in: Quote | None = None) -> str:
    """Return what a Pin button carries: a place, from which the server takes the words itself."""
    at = write_span(citation.start, citation.end)
    place = {"doc": citation.document, "at": at, "value": value}
    if lead_in is not None:
        place["lead"] = write_span(lead_in.citation.start, lead_in.citation.end)
    return json.dumps(place)


def capitalise(name: str) -> str:
    """Return a facet's name, or a score's, as a heading."""
    return f"{name[:1].upper()}{name[1:]}".replace("_", " ")


def render(template: str, **values: object) -> str:
    """Return templates/``template``.html with these values; every text in them is escaped."""
    return _TEMPLATES.get_template(f"{template}.html").render(**values)


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {"as_heading": capitalise, "short_title": short_title}
_TEMPLATES.globals |= {
    "count": count,
    "mark_spans": mark_spans,
    "pin_payload": pin_payload,
    "quoted_harvard": quoted_harvard,
    "quoted_plain": quoted_plain,
}
