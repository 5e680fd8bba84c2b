"""The page's state as a query string, so that a link reproduces the view it was copied from.

?q=which+towns+improved+data-sharing%3F&doc=annual.txt&at=1203-1291&town=York
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, quote

from qa_app.citations import parse_place
from qa_app.errors import QueryError
from qa_app.models import Citation, Place

# "1203-1291"; nine digits hold any offset, since a text has at most 20 million characters.
_SPAN = re.compile(r"(\d{1,9})-(\d{1,9})")
_PART = re.compile(r"[0-9]{1,6}")  # six digits hold any page or part number
# More fields than the page writes into a link; a longer query string is ignored.
_MOST_FIELDS = 64


class Key(StrEnum):
    """Names in the query string that are not facets."""

    QUESTION = "q"
    DOCUMENT = "doc"
    SPAN = "at"
    PART = "part"
    FORM = "as"
    FIND = "find"
    VIEW = "show"
    # The question before a follow-up; the place of the quote that "More like this" starts from;
    # places of quotes rejected by "Not this".
    AFTER = "after"
    LIKE = "like"
    NOT = "not"
    # Of the topics view: its facet; topics or themes; topic and value of the open cell; the value
    # compared with it.
    BY = "by"
    GROUPS = "groups"
    TOPIC = "topic"
    VALUE = "value"
    WITH = "with"
    # Of the grids' view, besides ``VALUE``: the grid's name, and the row of the open cell.
    GRID = "grid"
    ROW = "row"


class View(StrEnum):
    """What the left side shows; ``page.VIEWS`` has the function that renders each."""

    ANSWER = "answer"
    BRIEF = "brief"
    GRID = "grid"
    SOURCES = "sources"
    TOPICS = "topics"


# A facet may have one of these names, so they are read as keys in their view only.
_PLACE_KEYS = {
    View.TOPICS: (Key.BY, Key.GROUPS, Key.TOPIC, Key.VALUE, Key.WITH),
    View.GRID: (Key.GRID, Key.ROW, Key.VALUE),
}
_KEYS = frozenset(Key) - frozenset(key for keys in _PLACE_KEYS.values() for key in keys)


class Form(StrEnum):
    """How an open source is shown, if images of its pages can be drawn."""

    PAGE = "page"
    TEXT = "text"

    @property
    def other(self) -> Form:
        """The form that the page offers to switch to."""
        return Form.TEXT if self is Form.PAGE else Form.PAGE


@dataclass(frozen=True, slots=True)
class Address:
    """The page's state, as carried in a link.

    Attributes:
        question: empty on the front page.
        document: path of the open source, or empty.
        span: start and end offset of the marked text in the open source, or None.
        part: page or part of the source to show, from 1; 0 for the one that holds the span.
        find: search words for the open source; without a span the matches are listed.
        view: what the left side shows.
        filters: facet to its chosen values.
        place: the position in the view of topics or of grids, by key.
        after: the question asked before, if ``question`` is a follow-up to it.
        like: the place of the quote whose like are listed.
        rejected: places of the quotes that the answer does without.
    """

    question: str = ""
    document: str = ""
    span: tuple[int, int] | None = None
    part: int = 0
    form: Form = Form.PAGE
    find: str = ""
    view: View = View.ANSWER
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    place: Mapping[str, str] = field(default_factory=dict)
    after: str = ""
    like: Place | None = None
    rejected: tuple[Place, ...] = ()

    @property
    def search(self) -> str:
        """The query string with its question mark; empty for the front page."""
        fields = [(Key.QUESTION.value, self.question)] if self.question else []
        if self.question and self.after:
            fields.append((Key.AFTER.value, self.after))
        fields += [(Key.NOT.value, str(place)) for place in self.rejected]
        fields += [(Key.LIKE.value, str(self.like))] if self.like else []
        for facet, values in self.filters.items():
            fields += [(facet, value) for value in values]
        if self.view is not View.ANSWER:
            fields.append((Key.VIEW.value, self.view.value))
        keys = _PLACE_KEYS.get(self.view, ())
        fields += [(key.value, self.place[key]) for key in keys if key in self.place]
        if self.document:
            source = {
                Key.DOCUMENT: self.document,
                Key.SPAN: write_span(*self.span) if self.span else "",
                Key.PART: str(self.part or ""),
                Key.FORM: Form.TEXT.value if self.form is Form.TEXT else "",
                Key.FIND: self.find,
            }
            fields += [(key.value, value) for key, value in source.items() if value]
        pairs = "&".join(f"{_escape(name)}={_escape(value)}" for name, value in fields)
        return f"?{pairs}" if pairs else ""

    def but(self, **changes: Any) -> Address:
        """Return the address with some fields changed."""
        return replace(self, **changes)

    def opening(self, document: str, span: tuple[int, int] | None = None) -> Address:
        """Return the address with a source open."""
        return self.but(document=document, span=span, part=0, form=Form.PAGE, find="")

    def citing(self, citation: Citation) -> Address:
        """Return the address with a citation's source open and its words marked."""
        return self.opening(citation.document, (citation.start, citation.end))

    def asking(self, question: str) -> Address:
        """Return the address of a new question: same filters, answer view, no source open."""
        return Address(question=question, filters=self.filters)

    def rejecting(self, place: Place) -> Address:
        """Return the address with the answer made without a quote, or with it again."""
        others = tuple(item for item in self.rejected if item != place)
        again = len(others) < len(self.rejected)
        return self.but(rejected=others if again else (*self.rejected, place), like=None)

    def toggling(self, facet: str, value: str) -> Address:
        """Return the address with one filter value added, or removed if it is set."""
        values = self.filters.get(facet, ())
        kept = tuple(item for item in values if item != value)
        filters = {**self.filters, facet: kept if value in values else (*values, value)}
        return self.but(filters={name: chosen for name, chosen in filters.items() if chosen})

    def without(self, facet: str) -> Address:
        """Return the address without the filters of a facet."""
        return self.but(
            filters={name: kept for name, kept in self.filters.items() if name != facet}
        )


def parse_address(search: str, facets: Collection[str] = ()) -> Address:
    """Return the address for a query string as the browser sends it.

    Fields that are neither a ``Key`` nor one of ``facets`` are ignored, and so are malformed
    values; nothing is raised.
    """
    own: dict[str, str] = {}
    filters: dict[str, tuple[str, ...]] = {}
    place: dict[str, str] = {}
    rejected: dict[Place, None] = {}
    try:
        fields = parse_qsl(search.removeprefix("?"), max_num_fields=_MOST_FIELDS)
    except ValueError:  # too many fields
        fields = []
    shown = next((value for name, value in fields if name == Key.VIEW), "")
    view = next((view for view in View if view == shown), View.ANSWER)
    for name, value in fields:
        if name == Key.NOT:
            rejected |= dict.fromkeys(_places(value))
        elif name in _KEYS:
            own[name] = value
        elif name in _PLACE_KEYS.get(view, ()):
            place[name] = value
        elif name in facets:
            filters[name] = (*filters.get(name, ()), value)
    document = own.get(Key.DOCUMENT, "")
    return Address(
        question=own.get(Key.QUESTION, "").strip(),
        document=document,
        span=parse_span(own.get(Key.SPAN, "")) if document else None,
        part=int(part) if document and _PART.fullmatch(part := own.get(Key.PART, "")) else 0,
        form=Form.TEXT if document and own.get(Key.FORM) == Form.TEXT else Form.PAGE,
        find=own.get(Key.FIND, "").strip() if document else "",
        view=view,
        filters=filters,
        place=place,
        after=own.get(Key.AFTER, "").strip(),
        like=next(_places(own.get(Key.LIKE, "")), None),
        rejected=tuple(rejected),
    )


def _places(value: str) -> Iterator[Place]:
    with contextlib.suppress(QueryError):
        yield parse_place(value)


def write_span(start: int, end: int) -> str:
    """Return a span as written in links and buttons: "1203-1291"."""
    return f"{start}-{end}"


def parse_span(value: str) -> tuple[int, int] | None:
    """Return the span written as "1203-1291", or None if it is malformed or empty."""
    match = _SPAN.fullmatch(value)
    if match is None or int(match[1]) >= int(match[2]):
        return None
    return int(match[1]), int(match[2])


def _escape(text: str) -> str:
    # Slashes, commas, @ and question marks are kept unescaped so that pasted links stay readable.
    return quote(text, safe="/,?@ ").replace(" ", "+")
