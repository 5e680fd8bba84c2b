"""Renders templates to HTML, and marks words in texts.

Autoescape is always on and no template turns it off. Templates receive the models themselves;
the functions that they call besides Jinja's own filters are registered here.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_app.citations import quoted_harvard, quoted_plain, short_title
from qa_app.highlighting.segments import Segment, mark_spans
from qa_app.models import Citation, Quote
from qa_app.text.analysis import Analyser
from qa_app.text.wording import count
from qa_app.web.address import write_span

# A word, with inner hyphens, apostrophes, stops and commas: "data-sharing", "force’s", "1,000".
_WORD = re.compile(r"\w+(?:[.,'’‐‑-]\w+)*")


class Marker:
    """Marks a question's words in texts, in any form that the analyser reduces to the same term."""

    def __init__(self, question: str, analyser: Analyser) -> None:
        self._analyser = analyser
        # The question's terms, as in the lexical index.
        self.terms = frozenset(analyser.terms(question))

    def shared(self, text: str) -> int:
        """Return how many of the question's distinct terms occur in a text."""
        return len(self.terms.intersection(self._analyser.terms(text)))

    def mark(self, text: str) -> tuple[Segment, ...]:
        """Return the text in segments; a word is marked if one of its terms is in the question."""
        words = _WORD.finditer(text) if self.terms else ()
        return mark_spans(text, [word.span() for word in words if self.shared(word.group())])


def pin_payload(citation: Citation, value: str = "", lead_in: Quote | None = None) -> str:
    """Return the JSON of a Pin button: the quote's place, with the facet value that it is about.

    It has no words: the server reads those from the document.
    """
    at = write_span(citation.start, citation.end)
    place = {"doc": citation.document, "at": at, "value": value}
    if lead_in is not None:
        place["lead"] = write_span(lead_in.citation.start, lead_in.citation.end)
    return json.dumps(place)


def capitalise(name: str) -> str:
    """Return a name as a heading: "report_type" as "Report type"."""
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
