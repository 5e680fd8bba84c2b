"""What ``qa-app topics`` prints for people."""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterable, Sequence

from qa_app.presentation import count
from qa_app.triage import Cell, Change, Excerpt, Kind, Matrix, TopicsReport, Trend

_LABEL_WIDTH, _COLUMN_WIDTH, _GAP = 38, 14, 2
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
        lines += _wrap(", ".join(topic.terms), "    ")
        lines += [line for excerpt in topic.quotes[:1] for line in _excerpt_lines(excerpt)]
    return "\n".join([*lines, "", *_matrix_lines(report.matrix)])


def cell_text(cell: Cell) -> str:
    """Return the quotes of a cell, each with where it stands."""
    head = f"{cell.label}, {cell.value}" if cell.value else cell.label
    lines = [f"{head}: {count(cell.total, 'quote')}" if cell.total else f"{head}: nothing found"]
    lines += [line for excerpt in cell.excerpts for line in _excerpt_lines(excerpt)]
    if cell.total > len(cell.excerpts):
        lines.append(f"… and {cell.total - len(cell.excerpts):,} more (--most N)")
    return "\n".join(lines)


def comparison_text(rows: Sequence[Sequence[Cell]]) -> str:
    """Return cells side by side, a column a value."""
    width = (_width() - _GAP) // 2
    lines: list[str] = []
    for cells in rows:
        lines.append(cells[0].label)
        columns = [_column(cell, width) for cell in cells]
        for line in range(max(len(column) for column in columns)):
            parts = [column[line] if line < len(column) else "" for column in columns]
            lines.append((" " * _GAP).join(part.ljust(width) for part in parts).rstrip())
        lines.append("")
    return "\n".join(lines).rstrip() or "Nothing was found for either."


def changes_text(changes: Sequence[Change]) -> str:
    """Return what became of each topic, with what is new in it; those as before in one line."""
    lines: list[str] = []
    for change in changes:
        if change.trend is Trend.SAME:
            continue
        head = f"{change.label}: {change.trend}, {change.before:,} → {change.now:,}"
        lines.append(head + (f", {change.new:,} new" if change.new else ""))
        lines += [line for excerpt in change.excerpts for line in _excerpt_lines(excerpt)]
    same = sum(change.trend is Trend.SAME for change in changes)
    if same:
        lines.append(f"{count(same, 'topic')} as before.")
    return "\n".join(lines) or "There are no topics."


def _matrix_lines(matrix: Matrix) -> list[str]:
    room = (_width() - _LABEL_WIDTH) // (_COLUMN_WIDTH + _GAP) - 1
    shown = max(_LEAST_COLUMNS, room)
    columns = list(matrix.columns[:shown])
    rows = [["", *columns, _TOTAL]]
    for label, counts, total in zip(matrix.labels, matrix.counts, matrix.row_totals, strict=True):
        rows.append([label, *(f"{n:,}" if n else "" for n in counts[:shown]), f"{total:,}"])
    totals = [f"{n:,}" for n in matrix.column_totals[:shown]]
    rows.append([_TOTAL, *totals, f"{sum(matrix.row_totals):,}"])
    lines = [f"By {matrix.facet}:", *(_row_line(row) for row in rows)]
    if len(matrix.columns) > shown:
        lines.append(f"… and {len(matrix.columns) - shown:,} more columns (--json has all)")
    return lines


def _row_line(cells: Sequence[str]) -> str:
    first, *others = cells
    line = _shorten(first, _LABEL_WIDTH).ljust(_LABEL_WIDTH)
    for cell in others:
        line += " " * _GAP + _shorten(cell, _COLUMN_WIDTH).rjust(_COLUMN_WIDTH)
    return line.rstrip()


def _column(cell: Cell, width: int) -> list[str]:
    lines = [f"{cell.value}: {count(cell.total, 'quote') if cell.total else 'nothing found'}"]
    for excerpt in cell.excerpts:
        lines += textwrap.wrap(f"“{_flat(excerpt.quote)}”", width)
        lines += textwrap.wrap(f"— {excerpt.citation.label}", width)
    return lines


def _excerpt_lines(excerpt: Excerpt) -> Iterable[str]:
    yield from _wrap(f"“{_flat(excerpt.quote)}”", "    ")
    yield f"    — {excerpt.citation.label}"


def _wrap(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, _width(), initial_indent=indent, subsequent_indent=indent)


def _width() -> int:
    return min(140, shutil.get_terminal_size((100, 24)).columns)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _shorten(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 1].rstrip(' ,')}…"
