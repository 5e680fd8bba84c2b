"""The topics view: a heat map by facet, the quotes of a cell, two values side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from qa_app.citations import short_title
from qa_app.errors import IndexNotFoundError
from qa_app.facets import DOCUMENT_FACET, YEAR_FACET
from qa_app.models import Citation
from qa_app.output.messages import unplaced_text
from qa_app.retrieval.filters import DATE, TYPE
from qa_app.text.wording import count
from qa_app.topics.topic_queries import Cell, Change, Kind, Matrix, Trend, Triage
from qa_app.web.address import Address, Key
from qa_app.web.catalogue import Visit
from qa_app.web.rendering import capitalise, render

if TYPE_CHECKING:
    from qa_app.api import Snapshot

_SHADES = 5  # of a cell, each with a rule in the stylesheet
_MOST_COLUMNS = 40  # of the heat map; a wider table is hard to read
# Quotes listed for one cell; and for each of several cells, which have to fit on a page.
_MOST_QUOTES, _MOST_COMPARED = 100, 5
_FACET_NAMES = {DATE: "Year of report"}
# Facets whose values are properties of a quote's source or text, not the subject of the quote.
_PLACES = frozenset({DOCUMENT_FACET, DATE, YEAR_FACET, TYPE})
# The timeline's bar width, gap and largest bar height, in SVG user units.
_BAR, _GAP, _HEIGHT = 28, 6, 56


@dataclass(frozen=True)
class TopicsPage:
    """The topics, or the analyst's own themes, that an address selects.

    Attributes:
        here: the address, with the facet of the matrix's columns filled in.
        facets: the available facets for the columns.
        values: the selected values of the facet: none, one, or two side by side.
        rows: for each selected topic its cells, one per selected value; None if nothing is
            selected.
        years: numbers of quotes by year, if a topic but no value is selected.
        news: changes of topics since the previous build, if nothing is selected.
    """

    here: Address
    matrix: Matrix
    facets: tuple[str, ...]
    values: tuple[str, ...] = ()
    rows: Sequence[Sequence[Cell]] | None = None
    years: Mapping[str, int] = field(default_factory=dict)
    news: tuple[Change, ...] = ()

    @property
    def noun(self) -> str:
        """What a row of the matrix is called."""
        return "theme" if self.matrix.kind is Kind.THEMES else "topic"

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that are shown, at most ``_MOST_COLUMNS``."""
        return self.matrix.columns[:_MOST_COLUMNS]

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences about quotes and columns that the table does not show."""
        return tuple(filter(None, (unplaced_text(self.matrix), _left_out(self.matrix))))

    @property
    def heading(self) -> str:
        """The selected topic and values as a heading."""
        topic = self.rows[0][0].label if self.here.place.get(Key.TOPIC) and self.rows else ""
        return " · ".join(filter(None, (topic, " and ".join(map(short_title, self.values)))))

    @cached_property
    def largest(self) -> int:
        """The largest number in a cell."""
        return max((number for counts in self.matrix.counts for number in counts), default=0)

    @property
    def best(self) -> Citation | None:
        """The citation of the strongest quote in the first non-empty selected cell, or None."""
        cells = (cell for cells in self.rows or () for cell in cells)
        return next((item.citation for cell in cells for item in cell.excerpts), None)

    @property
    def bars(self) -> Sequence[tuple[int, int, int, int, int]]:
        """The timeline's bars as (year, number, x, y, height); none for fewer than two years.

        The years run without gaps. x, y and height are in SVG user units.
        """
        if len(self.years) <= 1:
            return ()
        most = max(*self.years.values(), 1)
        found = []
        for place, year in enumerate(range(int(min(self.years)), int(max(self.years)) + 1)):
            number = self.years.get(str(year), 0)
            height = math.ceil(_HEIGHT * number / most)
            found.append((year, number, place * (_BAR + _GAP), _HEIGHT - height, height))
        return found

    @property
    def news_line(self) -> str:
        """A one-line summary of ``news``, or ""."""
        parts = []
        for trend in (Trend.APPEARED, Trend.GREW, Trend.SHRANK, Trend.VANISHED):
            if number := sum(change.trend is trend for change in self.news):
                parts.append(f"{count(number, 'topic')} {trend}")
        new = count(sum(change.new for change in self.news), "new quote")
        return f"Since the build before: {', '.join(parts)}; {new}." if parts else ""

    def shade(self, number: int) -> int:
        """Return a cell's shade, 0 (empty) to ``_SHADES``, by the square root of its number."""
        return math.ceil(_SHADES * math.sqrt(number / self.largest)) if number else 0

    def facet_name(self, facet: str) -> str:
        """Return a facet's name in this view."""
        return _FACET_NAMES.get(facet, capitalise(facet))

    def about(self, cell: Cell) -> str:
        """Return the facet value that a cell's quotes are about; "" if the facet is no subject."""
        return "" if self.matrix.facet in _PLACES else cell.value

    def at(self, **place: str) -> str:
        """Return the query string for ``place``; facet and kind of rows are kept unless given."""
        kept = {key: self.here.place[key] for key in (Key.BY, Key.GROUPS) if key in self.here.place}
        return self.here.but(place={**kept, **place}).search

    def comparing(self, value: str) -> str:
        """Return the query string that shows another value beside the selected one."""
        return self.here.but(place={**self.here.place, Key.WITH: value}).search


def render_topics(visit: Visit) -> str:
    """Return the HTML of the heat map, and of the quotes that are selected in it.

    Raises:
        IndexNotFoundError, QueryError: as ``read_topics``.
    """
    return render(
        "topics",
        view=read_topics(visit.catalogue.snapshot, visit.address),
        search=visit.address.search,
        stamp=visit.stamp,
        facts=visit.catalogue.facts,
    )


def read_topics(snapshot: Snapshot, address: Address) -> TopicsPage:
    """Return the topics or themes that an address selects.

    Raises:
        IndexNotFoundError: the index was built by a version without topics.
        QueryError: the address names an unknown topic, facet or value.
    """
    place, triage = address.place, snapshot.triage
    themes = place.get(Key.GROUPS) == Kind.THEMES
    matrix = triage.matrix(place.get(Key.BY, ""), Kind.THEMES if themes else Kind.TOPICS)
    here = address.but(place={**place, Key.BY: matrix.facet})
    topic = place.get(Key.TOPIC, "")
    values = tuple(value for key in (Key.VALUE, Key.WITH) if (value := place.get(key)))
    if not (topic or place.get(Key.VALUE)):
        return TopicsPage(here, matrix, triage.facet_names(), news=_news(snapshot))
    return TopicsPage(
        here,
        matrix,
        triage.facet_names(),
        values,
        rows=_cells(triage, matrix, topic, values),
        years=triage.timeline(topic, themes) if topic and not values else {},
    )


def _cells(
    triage: Triage, matrix: Matrix, topic: str, values: Sequence[str]
) -> Sequence[Sequence[Cell]]:
    themes = matrix.kind is Kind.THEMES
    if not values:
        return [(triage.cell(topic, matrix.facet, themes=themes, most=_MOST_QUOTES),)]
    most = _MOST_QUOTES if len(values) == 1 and topic else _MOST_COMPARED
    return triage.compare(values, matrix.facet, topic, themes, most)


def _left_out(matrix: Matrix) -> str:
    left = len(matrix.columns) - _MOST_COLUMNS
    what = "the latest" if matrix.facet in {DATE, YEAR_FACET} else "those with the fewest quotes"
    if left <= 0:
        return ""
    columns = f"{count(left, 'more column')} ({what}) {'is' if left == 1 else 'are'} left out here"
    return f"{columns}; the command line has all: qa-app topics --json"


def _news(snapshot: Snapshot) -> tuple[Change, ...]:
    try:
        return snapshot.topic_changes()
    except IndexNotFoundError:
        return ()  # this is the first build, or the previous one had no topics
