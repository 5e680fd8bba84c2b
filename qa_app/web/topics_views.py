"""The view models of topics: what their template shows, worked out beforehand."""

from __future__ import annotations

from dataclasses import dataclass

from qa_app.web.views import Copies, Link


@dataclass(frozen=True, slots=True)
class CellView:
    """A cell: its number, its shade from 0 (nothing) to 5, and where it leads."""

    text: str
    shade: int
    label: str
    href: str
    current: bool


@dataclass(frozen=True, slots=True)
class RowView:
    """A topic's row."""

    label: Link
    cells: tuple[CellView, ...]
    total: str


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
    """The quotes of a topic for a value, under its heading."""

    heading: str
    amount: str
    quotes: tuple[QuoteView, ...]
    more: str


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
    bars: tuple[tuple[str, str, int, int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class ChangeView:
    """What became of a topic since the build before."""

    text: str
    label: Link
    quotes: tuple[QuoteView, ...]


@dataclass(frozen=True, slots=True)
class TopicsView:
    """Everything on the left side.

    Attributes:
        hint: what to do where there is nothing to show.
        note: which columns are left out, if any.
        best: the address that opens the strongest quote of the panel, or "".
    """

    headline: str
    hint: str
    kinds: tuple[Choice, ...]
    facets: tuple[Choice, ...]
    corner: str
    columns: tuple[str, ...]
    rows: tuple[RowView, ...]
    totals: tuple[str, ...]
    note: str
    panel: PanelView | None
    news_line: str
    news: tuple[ChangeView, ...]
    best: str
