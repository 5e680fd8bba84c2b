"""The view of topics: a heat map by facet, the quotes of a cell, two values side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from qa_app.citations import Facts, short_title
from qa_app.errors import IndexNotFoundError
from qa_app.facets import DOCUMENT_FACET, YEAR_FACET
from qa_app.output.messages import unplaced_text
from qa_app.retrieval.filters import DATE, TYPE
from qa_app.text.wording import count
from qa_app.topics.topic_queries import Cell, Change, Excerpt, Kind, Matrix, Trend, Triage
from qa_app.web.address import Address, Key
from qa_app.web.brief_view import pin_payload
from qa_app.web.evidence import copies
from qa_app.web.views import Copies, Link

if TYPE_CHECKING:
    from qa_app.api import Snapshot

# Shades of a cell, and columns that can be read across.
_SHADES = 5
_MOST_COLUMNS = 40
_MOST_QUOTES, _MOST_COMPARED = 100, 5
_FACET_NAMES = {DATE: "Year of report"}
# Facets whose values say where a quote stands, and not whom it is about.
_PLACES = frozenset({DOCUMENT_FACET, DATE, YEAR_FACET, TYPE})
# Of the timeline's drawing, in its own units.
_BAR, _GAP, _HEIGHT = 28, 6, 56


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several ways to look, and whether it is the one."""

    text: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class QuoteView:
    """A quote and where it stands."""

    quote: str
    source: Link
    span: str
    copies: Copies
    pin: str


@dataclass(frozen=True, slots=True)
class QuotesView:
    """Quotes of a topic: for a value, or what is new; ``more`` says how many are left out."""

    heading: str
    amount: str
    quotes: tuple[QuoteView, ...]
    more: str = ""
    href: str = ""


@dataclass(frozen=True, slots=True)
class PanelView:
    """What was clicked: rows of one or two columns of quotes.

    Attributes:
        rows: (topic, its columns); the topic is empty where the heading names it.
        others: values to compare with.
        bars: of the timeline, as (year, number, x, y, height).
    """

    heading: str
    rows: tuple[tuple[str, tuple[QuotesView, ...]], ...]
    others: tuple[Link, ...]
    close: str
    bars: tuple[tuple[str, str, int, int, int], ...]

    @property
    def best(self) -> str:
        """The address that opens the strongest quote, or ""."""
        quotes = (quote for _, columns in self.rows for view in columns for quote in view.quotes)
        return next((quote.source.href for quote in quotes), "")


@dataclass(frozen=True, slots=True)
class TopicsView:
    """Everything on the left side.

    Attributes:
        largest: number in a cell.
        columns: (short name, whole name) of those that are shown.
        notes: what the table does not show.
    """

    here: Address
    matrix: Matrix
    largest: int
    kinds: tuple[Choice, ...]
    facets: tuple[Choice, ...]
    columns: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]
    panel: PanelView | None
    news_line: str
    news: tuple[QuotesView, ...]

    @property
    def noun(self) -> str:
        """What a row is."""
        return "theme" if self.matrix.kind is Kind.THEMES else "topic"

    @property
    def headline(self) -> str:
        """How much there is."""
        rows = count(len(self.matrix.rows), self.noun)
        return f"{rows} in {count(sum(self.matrix.row_totals), 'quote')}"

    @property
    def hint(self) -> str:
        """What to do where there is nothing to show."""
        if self.matrix.rows:
            return ""
        if self.matrix.kind is Kind.THEMES:
            return "Write themes of your own into themes.toml beside the reports, then build again."
        return "There is too little text to group."

    @property
    def rows(self) -> Iterable[tuple[str, str, int, Sequence[int]]]:
        """Each topic's id, label, total and the counts of the columns that are shown."""
        matrix, shown = self.matrix, len(self.columns)
        counts = (row[:shown] for row in matrix.counts)
        return zip(matrix.rows, matrix.labels, matrix.row_totals, counts, strict=True)

    def shade(self, number: int) -> int:
        """Return how dark a cell is, from 0 (nothing) to 5."""
        return math.ceil(_SHADES * math.sqrt(number / self.largest)) if number else 0

    def href(self, topic: str, value: str = "") -> str:
        """Return the address that opens a topic, or a cell of it."""
        at: dict[str, str] = {Key.TOPIC: topic}
        return _at(self.here, at | ({Key.VALUE: value} if value else {}))

    def is_open(self, topic: str, value: str) -> bool:
        """Tell whether a cell is the one that is open."""
        return (self.here.place.get(Key.TOPIC), self.here.place.get(Key.VALUE)) == (topic, value)


def topics_view(snapshot: Snapshot, address: Address, facts: Facts) -> TopicsView:
    """Return topics or themes as the address asks for them; ``facts`` are the documents' own.

    Raises:
        IndexNotFoundError: the index was built before there were topics.
        QueryError: the address names a topic, a facet or a value that is not there.
    """
    place = address.place
    themes = place.get(Key.GROUPS) == Kind.THEMES
    triage = snapshot.triage
    matrix = triage.matrix(place.get(Key.BY, ""), Kind.THEMES if themes else Kind.TOPICS)
    here = replace(address, place={**place, Key.BY: matrix.facet})
    is_open = bool(place.get(Key.TOPIC) or place.get(Key.VALUE))
    news = () if is_open else _news(snapshot)
    return TopicsView(
        here=here,
        matrix=matrix,
        largest=max((n for counts in matrix.counts for n in counts), default=0),
        kinds=tuple(_kinds(here, themes)),
        facets=tuple(_facets(triage.facet_names(), here)),
        columns=tuple((short_title(name), name) for name in matrix.columns[:_MOST_COLUMNS]),
        notes=tuple(filter(None, (unplaced_text(matrix), _left_out(matrix)))),
        panel=_panel(triage, matrix, here, facts) if is_open else None,
        news_line=_news_line(news),
        news=tuple(
            QuotesView(
                heading=change.label,
                amount=f"{change.before:,} → {change.now:,}",
                quotes=tuple(_quote_view(excerpt, here, facts) for excerpt in change.excerpts),
                href=_at(here, {Key.TOPIC: change.id}),
            )
            for change in news
            if change.new
        ),
    )


def _left_out(matrix: Matrix) -> str:
    left = len(matrix.columns) - _MOST_COLUMNS
    what = "the latest" if matrix.facet in {DATE, YEAR_FACET} else "those with the fewest quotes"
    if left <= 0:
        return ""
    columns = f"{count(left, 'more column')} ({what}) {'is' if left == 1 else 'are'} left out here"
    return f"{columns}; the command line has all: qa-app topics --json"


def _kinds(here: Address, themes: bool) -> Iterable[Choice]:
    plain = {key: value for key, value in here.place.items() if key == Key.BY}
    own = {**plain, Key.GROUPS: Kind.THEMES.value}
    yield Choice("Topics found", replace(here, place=plain).search, not themes)
    yield Choice("My themes", replace(here, place=own).search, themes)


def _facets(names: Iterable[str], here: Address) -> Iterable[Choice]:
    for name in names:
        text = _FACET_NAMES.get(name, name[:1].upper() + name[1:])
        yield Choice(text, _at(here, {Key.BY: name}), here.place.get(Key.BY) == name)


def _at(here: Address, at: Mapping[str, str]) -> str:
    """Return the address of a place in the same table."""
    kept = {key: value for key, value in here.place.items() if key in {Key.BY, Key.GROUPS}}
    return replace(here, place={**kept, **at}).search


def _panel(triage: Triage, matrix: Matrix, here: Address, facts: Facts) -> PanelView:
    place, facet = here.place, matrix.facet
    topic = place.get(Key.TOPIC, "")
    themes = matrix.kind is Kind.THEMES
    values = [value for key in (Key.VALUE, Key.WITH) if (value := place.get(key))]
    rows: Sequence[Sequence[Cell]]
    if values:
        most = _MOST_QUOTES if len(values) == 1 and topic else _MOST_COMPARED
        rows = triage.compare(values, facet, topic, themes, most)
    else:
        rows = [(triage.cell(topic, facet, themes=themes, most=_MOST_QUOTES),)]
    named = rows[0][0].label if topic and rows else ""
    return PanelView(
        heading=" · ".join(filter(None, (named, " and ".join(map(short_title, values))))),
        rows=tuple(
            (
                "" if topic else cells[0].label,
                tuple(_quotes_view(cell, here, facts, len(values) > 1) for cell in cells),
            )
            for cells in rows
        ),
        others=tuple(
            Link(short_title(value), replace(here, place={**place, Key.WITH: value}).search)
            for value in matrix.columns[:_MOST_COLUMNS]
            if values and value not in values
        ),
        close=_at(here, {}),
        bars=_bars(triage.timeline(topic, themes)) if topic and not values else (),
    )


def _quotes_view(cell: Cell, here: Address, facts: Facts, headed: bool) -> QuotesView:
    left = cell.total - len(cell.excerpts)
    command = f"qa-app topics --cell --most {cell.total}"
    value = "" if here.place[Key.BY] in _PLACES else cell.value
    return QuotesView(
        heading=short_title(cell.value) if headed else "",
        amount=count(cell.total, "quote") if cell.total else "Nothing found",
        quotes=tuple(_quote_view(excerpt, here, facts, value) for excerpt in cell.excerpts),
        more=f"and {left:,} more, which the command line lists: {command}" if left else "",
    )


def _quote_view(excerpt: Excerpt, here: Address, facts: Facts, value: str = "") -> QuoteView:
    citation = excerpt.citation
    return QuoteView(
        quote=excerpt.quote,
        source=Link(citation.label, here.citing(citation).search),
        span=f"{citation.document}:{citation.start}",
        copies=copies(excerpt.quote, citation, facts),
        pin=pin_payload(citation, value),
    )


def _bars(years: Mapping[str, int]) -> tuple[tuple[str, str, int, int, int], ...]:
    """Return a bar a year, from the first year to the last; one year alone is no line of time."""
    if len(years) <= 1:
        return ()
    most = max(max(years.values()), 1)
    found = []
    for place, year in enumerate(range(int(min(years)), int(max(years)) + 1)):
        number = years.get(str(year), 0)
        height = math.ceil(_HEIGHT * number / most)
        found.append((str(year), f"{number:,}", place * (_BAR + _GAP), _HEIGHT - height, height))
    return tuple(found)


def _news(snapshot: Snapshot) -> tuple[Change, ...]:
    try:
        return snapshot.topic_changes()
    except IndexNotFoundError:
        return ()  # the first build, or the one before had no topics


def _news_line(news: Sequence[Change]) -> str:
    parts = []
    for trend in (Trend.APPEARED, Trend.GREW, Trend.SHRANK, Trend.VANISHED):
        if number := sum(change.trend is trend for change in news):
            parts.append(f"{count(number, 'topic')} {trend}")
    new = sum(change.new for change in news)
    return (
        f"Since the build before: {', '.join(parts)}; {count(new, 'new quote')}." if parts else ""
    )
