"""The view of topics: a heat map by facet, the quotes of a cell, two values side by side."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from qa_app.citations import Facts, short_title
from qa_app.errors import IndexNotFoundError
from qa_app.presentation import count
from qa_app.retrieval.filters import DATE
from qa_app.triage import Cell, Change, Excerpt, Kind, Matrix, TopicsReport, Trend, Triage
from qa_app.web.address import Address, Key
from qa_app.web.brief_view import pin_payload
from qa_app.web.evidence import copies
from qa_app.web.topics_views import (
    CellView,
    ChangeView,
    Choice,
    PanelView,
    QuotesView,
    QuoteView,
    RowView,
    TopicsView,
)
from qa_app.web.views import Link

if TYPE_CHECKING:
    from qa_app.api import Index

# Shades of a cell, and columns that can be read across.
_SHADES = 5
_MOST_COLUMNS = 40
_MOST_QUOTES, _MOST_COMPARED = 20, 5
_FACET_NAMES = {DATE: "Year of report"}
# Of the timeline's drawing, in its own units.
_BAR, _GAP, _HEIGHT = 28, 6, 56


def topics_view(index: Index, address: Address, facts: Facts) -> TopicsView:
    """Return topics or themes as the address asks for them; ``facts`` are the documents' own.

    Raises:
        IndexNotFoundError: the index was built before there were topics.
        QueryError: the address names a topic, a facet or a value that is not there.
    """
    place = address.place
    themes = place.get(Key.GROUPS) == Kind.THEMES
    report = index.topics(place.get(Key.BY, ""), themes)
    triage = index.triage()
    here = replace(address, place={**place, Key.BY: report.matrix.facet})
    panel = _panel(triage, report.matrix, here, facts) if _is_open(here) else None
    news = _news(index, here)
    return TopicsView(
        headline=_headline(report),
        hint="" if report.topics else _hint(themes),
        kinds=_kinds(here, themes),
        facets=tuple(_facet_choice(name, here) for name in triage.facet_names()),
        corner="Theme" if themes else "Topic",
        columns=tuple(short_title(name) for name in report.matrix.columns[:_MOST_COLUMNS]),
        rows=tuple(_rows(report.matrix, here)),
        totals=tuple(
            f"{n:,}"
            for n in (
                *report.matrix.column_totals[:_MOST_COLUMNS],
                sum(report.matrix.row_totals),
            )
        ),
        note=_note(report.matrix),
        panel=panel,
        news_line=_news_line(news),
        news=tuple(_change_view(change, here, facts) for change in news if change.new),
        best=_best(panel),
    )


def _is_open(here: Address) -> bool:
    return bool(here.place.get(Key.TOPIC) or here.place.get(Key.VALUE))


def _headline(report: TopicsReport) -> str:
    noun = "theme" if report.matrix.kind is Kind.THEMES else "topic"
    return f"{count(len(report.topics), noun)} in {count(sum(report.matrix.row_totals), 'quote')}"


def _hint(themes: bool) -> str:
    if themes:
        return "Write themes of your own into themes.toml beside the reports, then build again."
    return "There is too little text to group."


def _kinds(here: Address, themes: bool) -> tuple[Choice, ...]:
    plain = {key: value for key, value in here.place.items() if key == Key.BY}
    return (
        Choice("Topics found", replace(here, place=plain).search, not themes),
        Choice(
            "My themes",
            replace(here, place={**plain, Key.GROUPS: Kind.THEMES.value}).search,
            themes,
        ),
    )


def _facet_choice(name: str, here: Address) -> Choice:
    kept = {key: value for key, value in here.place.items() if key == Key.GROUPS}
    text = _FACET_NAMES.get(name, name[:1].upper() + name[1:])
    href = replace(here, place={**kept, Key.BY: name}).search
    return Choice(text, href, here.place.get(Key.BY) == name)


def _rows(matrix: Matrix, here: Address) -> Iterable[RowView]:
    largest = max((n for counts in matrix.counts for n in counts), default=0)
    for id_, label, counts, total in zip(
        matrix.rows, matrix.labels, matrix.counts, matrix.row_totals, strict=True
    ):
        cells = []
        for value, number in list(zip(matrix.columns, counts, strict=True))[:_MOST_COLUMNS]:
            at: dict[str, str] = {Key.TOPIC: id_, Key.VALUE: value}
            cells.append(
                CellView(
                    text=f"{number:,}" if number else "",
                    shade=math.ceil(_SHADES * math.sqrt(number / largest)) if number else 0,
                    label=f"{label}, {value}: {count(number, 'quote')}",
                    href=_at(here, at).search if number else "",
                    current=at.items() <= here.place.items(),
                )
            )
        yield RowView(Link(label, _at(here, {Key.TOPIC: id_}).search), tuple(cells), f"{total:,}")


def _at(here: Address, at: Mapping[str, str]) -> Address:
    kept = {k: v for k, v in here.place.items() if k in {Key.BY, Key.GROUPS}}
    return replace(here, place={**kept, **at})


def _note(matrix: Matrix) -> str:
    left = len(matrix.columns) - _MOST_COLUMNS
    return f"{left:,} more are left out here; qa-app topics --json has all." if left > 0 else ""


def _panel(triage: Triage, matrix: Matrix, here: Address, facts: Facts) -> PanelView:
    place = here.place
    facet = matrix.facet
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
    heading = " · ".join(part for part in (named, " and ".join(map(short_title, values))) if part)
    return PanelView(
        heading=heading,
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
            if value not in values
        )
        if values
        else (),
        close=_at(here, {}).search,
        bars=_bars(triage.timeline(topic, themes)) if topic and not values else (),
    )


def _quotes_view(cell: Cell, here: Address, facts: Facts, headed: bool) -> QuotesView:
    left = cell.total - len(cell.excerpts)
    return QuotesView(
        heading=short_title(cell.value) if headed else "",
        amount=count(cell.total, "quote") if cell.total else "Nothing found",
        quotes=tuple(_quote_view(excerpt, here, facts) for excerpt in cell.excerpts),
        more=f"and {left:,} more" if left else "",
    )


def _quote_view(excerpt: Excerpt, here: Address, facts: Facts) -> QuoteView:
    citation = excerpt.citation
    return QuoteView(
        quote=excerpt.quote,
        source=Link(citation.label, here.citing(citation).search),
        span=f"{citation.document}:{citation.start}",
        copies=copies(excerpt.quote, citation, facts),
        pin=pin_payload(citation),
    )


def _best(panel: PanelView | None) -> str:
    if panel is None:
        return ""
    quotes = (quote for _, columns in panel.rows for view in columns for quote in view.quotes)
    first = next(quotes, None)
    return first.source.href if first else ""


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


def _news(index: Index, here: Address) -> tuple[Change, ...]:
    if _is_open(here):
        return ()
    try:
        return index.topic_changes()
    except IndexNotFoundError:
        return ()  # the first build, or the one before had no topics


def _news_line(news: Sequence[Change]) -> str:
    parts = []
    for trend in (Trend.APPEARED, Trend.GREW, Trend.SHRANK, Trend.VANISHED):
        number = sum(change.trend is trend for change in news)
        if number:
            parts.append(f"{count(number, 'topic')} {trend}")
    if not parts:
        return ""
    new = sum(change.new for change in news)
    return f"Since the build before: {', '.join(parts)}; {count(new, 'new quote')}."


def _change_view(change: Change, here: Address, facts: Facts) -> ChangeView:
    return ChangeView(
        text=f"{change.before:,} → {change.now:,}",
        label=Link(change.label, replace(here, place={Key.TOPIC: change.id}).search),
        quotes=tuple(_quote_view(excerpt, here, facts) for excerpt in change.excerpts),
    )
