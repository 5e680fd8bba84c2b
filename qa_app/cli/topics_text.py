"""What ``qa-app topics`` prints for people."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Sequence

from qa_app.presentation import count, unplaced_text
from qa_app.printing import wrap
from qa_app.topics.topic_queries import Cell, Change, Excerpt, Kind, Matrix, TopicsReport, Trend

_LABEL_WIDTH, _COLUMN_WIDTH = 38, 14
_LEAST_COLUMNS = 3
_TOTAL = "total"


def topics_text(report: TopicsReport) -> str:
    """Return each topic with its terms and a quote, then the matrix."""
    if not report.topics:
        return (
            "There are no themes. Write some into themes.toml in the corpus, then: qa-app build"
            if report.matrix.kind is Kind.THEMES
            else "There are no topics."
        )
    lines: list[str] = []
    for topic in report.topics:
        lines.append(f"{topic.label}   [{topic.id}]   {count(topic.members, 'quote')}")
        lines += [*wrap(", ".join(topic.terms), "    "), *_quote_lines(topic.quotes[:1])]
    return "\n".join([*lines, "", *_matrix_lines(report.matrix)])


def cell_text(cell: Cell) -> str:
    """Return the quotes of a cell, each with where it stands."""
    head = f"{cell.label}, {cell.value}" if cell.value else cell.label
    lines = [f"{head}: {count(cell.total, 'quote') if cell.total else 'nothing found'}"]
    lines += _quote_lines(cell.excerpts)
    if cell.total > len(cell.excerpts):
        lines.append(f"… and {cell.total - len(cell.excerpts):,} more (--most N)")
    return "\n".join(lines)


def comparison_text(rows: Sequence[Sequence[Cell]]) -> str:
    """Return for each topic the quotes of one value, then of the other."""
    found = "\n\n".join("\n".join(map(cell_text, cells)) for cells in rows)
    return found or "Nothing was found for either."


def changes_text(changes: Sequence[Change]) -> str:
    """Return what became of each topic, with what is new in it; those as before in one line."""
    lines: list[str] = []
    for change in changes:
        if change.trend is not Trend.SAME:
            head = f"{change.label}: {change.trend}, {change.before:,} → {change.now:,}"
            lines.append(head + (f", {change.new:,} new" if change.new else ""))
            lines += _quote_lines(change.excerpts)
    if same := sum(change.trend is Trend.SAME for change in changes):
        lines.append(f"{count(same, 'topic')} as before.")
    return "\n".join(lines) or "There are no topics."


def _matrix_lines(matrix: Matrix) -> list[str]:
    width = min(140, shutil.get_terminal_size((100, 24)).columns)
    shown = max(_LEAST_COLUMNS, (width - _LABEL_WIDTH) // (_COLUMN_WIDTH + 2) - 1)
    lines = [f"By {matrix.facet}:", _row_line("", [*matrix.columns[:shown], _TOTAL])]
    for label, counts, total in zip(matrix.labels, matrix.counts, matrix.row_totals, strict=True):
        numbers = [f"{n:,}" if n else "" for n in (*counts[:shown], total)]
        lines.append(_row_line(label, numbers))
    totals = (*matrix.column_totals[:shown], sum(matrix.row_totals))
    lines.append(_row_line(_TOTAL, [f"{n:,}" for n in totals]))
    if len(matrix.columns) > shown:
        lines.append(f"… and {len(matrix.columns) - shown:,} more columns (--json has all)")
    return [*lines, unplaced] if (unplaced := unplaced_text(matrix)) else lines


def _row_line(label: str, cells: Sequence[str]) -> str:
    line = _shorten(label, _LABEL_WIDTH).ljust(_LABEL_WIDTH)
    parts = (f"  {_shorten(cell, _COLUMN_WIDTH).rjust(_COLUMN_WIDTH)}" for cell in cells)
    return (line + "".join(parts)).rstrip()


def _shorten(text: str, width: int) -> str:
    return textwrap.shorten(text, width, placeholder="…")


def _quote_lines(excerpts: Sequence[Excerpt]) -> list[str]:
    lines: list[str] = []
    for excerpt in excerpts:
        lines += [*wrap(f"“{excerpt.quote}”", "    "), f"    — {excerpt.citation.label}"]
    return lines
