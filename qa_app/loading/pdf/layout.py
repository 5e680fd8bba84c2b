"""Arranges the lines of a PDF page in rows and reading order.

The file's order is nearly always the reading order, columns included. It is kept unless it goes
back up within a column; then the rows are ordered by their positions on the page.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, groupby, pairwise
from statistics import median

from qa_app.loading.pdf.lines import Line

_LEAST_ROWS = 8  # with a shared gap, to take it for a gutter between columns
_MOST_RUNS = 100  # ordering by position takes time cubic in the number of runs
# A number, range, amount, percentage, dash or "n/a" of a table cell; the hint is a quick pre-check.
_HINT = re.compile(r"[\d–—-]|/a", re.IGNORECASE)
_NUMERIC = re.compile(r"[-–(£$€+<>~]*\d[\d,.:/%)–-]*[a-zA-Z]{0,2}$|[-–—]$|n/?a$", re.I)


@dataclass(slots=True)
class Row:
    """Stretches at one height, left to right, with their common box in points.

    ``right`` is the right edge of the run of rows that it belongs to.
    """

    lines: list[Line]
    right: float = 0.0
    is_table: bool = False
    x0: float = field(init=False)
    y0: float = field(init=False)
    x1: float = field(init=False)
    y1: float = field(init=False)

    def __post_init__(self) -> None:
        self.x0 = min(line.x0 for line in self.lines)
        self.y0 = min(line.y0 for line in self.lines)
        self.x1 = self.right = max(line.x1 for line in self.lines)
        self.y1 = max(line.y1 for line in self.lines)

    @property
    def size(self) -> float:
        """Type size of the last stretch, as the first may be a raised number."""
        return self.lines[-1].size

    @property
    def opening(self) -> str:
        """The text of the first stretch, with the second if the first is short, as a number is."""
        text = self.lines[0].text
        return f"{text} {self.lines[1].text}" if len(self.lines) > 1 and len(text) <= 8 else text


def arrange(lines: Sequence[Line]) -> list[Row]:
    """Return a page's rows in reading order; illegible and turned text comes last."""
    aside = [line for line in lines if line.is_turned or not line.is_legible]
    rows = _make_rows([line for line in lines if not line.is_turned and line.is_legible])
    rows = _part_columns(rows)
    runs = _make_runs(rows)
    if _climbs(runs) and len(runs) <= _MOST_RUNS:
        runs = _order_by_place(runs)
    for run in runs:
        edge = max(row.x1 for row in run)
        for row in run:
            row.right = edge
    ordered = [row for run in runs for row in run]
    _mark_tables(ordered)
    return ordered + [Row([line]) for line in aside]


def _make_rows(lines: Sequence[Line]) -> list[Row]:
    rows: list[Row] = []
    for line in lines:
        if rows and _is_beside(rows[-1].lines[-1], line):
            rows[-1] = Row([*rows[-1].lines, line])
        else:
            rows.append(Row([line]))
    return rows


def _is_beside(last: Line, line: Line) -> bool:
    shared = min(last.y1, line.y1) - max(last.y0, line.y0)
    lower = min(last.y1 - last.y0, line.y1 - line.y0)
    return shared > 0.5 * lower and line.x0 > last.x1 - 0.5 * last.size


def _part_columns(rows: list[Row]) -> list[Row]:
    """Split rows into columns where the file has the lines of columns side by side."""
    wide = [i for i, row in enumerate(rows) if len(row.lines) > 1 and min(_lengths(row)) > 12]
    if len(wide) < _LEAST_ROWS or 4 * len(wide) < len(rows):
        return rows
    if median(length for i in wide for length in _lengths(rows[i])) < 25:
        return rows
    gutters = _find_gutters(rows, [rows[i] for i in wide])
    first, last = wide[0], wide[-1] + 1
    parted = rows[:first]
    columns: list[list[Row]] = [[] for _ in range(len(gutters) + 1)]
    for row in rows[first:last]:
        if any(_crosses(row, x) for x in gutters):
            parted.extend(chain.from_iterable(columns))
            parted.append(row)
            columns = [[] for _ in columns]
            continue
        for column, lines in groupby(row.lines, key=lambda line: bisect(gutters, line.x0)):
            columns[column].append(Row(list(lines)))
    return [*parted, *chain.from_iterable(columns), *rows[last:]]


def _find_gutters(rows: Sequence[Row], wide: Sequence[Row]) -> list[float]:
    """Return the x of column gutters: middles of gaps that many rows share and few cross."""
    gaps = [(one.x1, two.x0) for row in wide for one, two in pairwise(row.lines) if two.x0 > one.x1]
    gutters: list[float] = []
    while len(gaps) >= _LEAST_ROWS:
        middles = [(left + right) / 2 for left, right in gaps]
        at = max(middles, key=lambda x: sum(left < x < right for left, right in gaps))
        shared = sum(left < at < right for left, right in gaps)
        if shared < _LEAST_ROWS:
            break
        if 10 * sum(_crosses(row, at) for row in rows) < len(rows):
            gutters.append(at)
        gaps = [gap for gap in gaps if not gap[0] < at < gap[1]]
    return sorted(gutters)


def _lengths(row: Row) -> list[int]:
    return [len(line.text) for line in row.lines]


def _crosses(row: Row, x: float) -> bool:
    return any(line.x0 < x < line.x1 for line in row.lines)


def _make_runs(rows: Sequence[Row]) -> list[list[Row]]:
    """Return runs of rows that follow each other down the page."""
    runs: list[list[Row]] = []
    for row in rows:
        last = runs[-1][-1] if runs else None
        if last and _follows(last, row):
            runs[-1].append(row)
        else:
            runs.append([row])
    return runs


def _follows(last: Row, row: Row) -> bool:
    gap = last.y0 - row.y1
    overlap = min(last.x1, row.x1) - max(last.x0, row.x0)
    return -0.6 * last.size < gap < 2.5 * last.size and row.y0 < last.y0 and overlap > 0


def _climbs(runs: Sequence[list[Row]]) -> bool:
    """Tell whether a run is above the run before it, in the same column."""
    boxes = [Row([line for row in run for line in row.lines]) for run in runs]
    for last, box in pairwise(boxes):
        overlap = min(last.x1, box.x1) - max(last.x0, box.x0)
        narrower = min(last.x1 - last.x0, box.x1 - box.x0)
        if box.y0 > last.y1 - 2 and overlap > 0.5 * narrower:
            return True
    return False


def _order_by_place(runs: list[list[Row]]) -> list[list[Row]]:
    """Return the runs with each after those above it and those in columns to its left.

    The two ordering relations follow Breuel, "High performance document layout analysis" (2003).
    Where they form a cycle, the highest run comes first.
    """
    boxes = [Row([line for row in run for line in row.lines]) for run in runs]
    number = len(runs)
    before = [
        {i for i in range(number) if i != j and _precedes(boxes[i], boxes[j], boxes)}
        for j in range(number)
    ]
    left = set(range(number))
    order: list[int] = []
    while left:
        free = [j for j in sorted(left) if not before[j] & left]
        chosen = free[0] if free else max(left, key=lambda j: boxes[j].y1)
        order.append(chosen)
        left.remove(chosen)
    return [runs[j] for j in order]


def _precedes(a: Row, b: Row, boxes: Sequence[Row]) -> bool:
    if _share_width(a, b):
        return a.y0 + a.y1 > b.y0 + b.y1
    if a.x1 > b.x0 + 1:
        return False
    high, low = max(a.y1, b.y1), min(a.y0, b.y0)
    # A run across both columns at a height between them separates the columns.
    return not any(
        _share_width(c, a) and _share_width(c, b) and low < (c.y0 + c.y1) / 2 < high
        for c in boxes
        if c is not a and c is not b
    )


def _share_width(a: Row, b: Row) -> bool:
    return min(a.x1, b.x1) - max(a.x0, b.x0) > 1


def _mark_tables(rows: Sequence[Row]) -> None:
    """Mark as table rows those that look tabular and have another such row within two rows."""
    likely = [_looks_tabular(row) for row in rows]
    for i, row in enumerate(rows):
        near = likely[max(0, i - 2) : i] + likely[i + 1 : i + 3]
        row.is_table = likely[i] and any(near)


def _looks_tabular(row: Row) -> bool:
    if len(row.lines) > 1:
        # A bullet, number or note mark with its text is not a table row.
        return len(row.lines[0].text) > 4 or len(row.lines) > 2
    if not _HINT.search(row.lines[0].text):
        return False
    words = row.lines[0].text.split()
    return len(words) > 2 and 2 * sum(bool(_NUMERIC.match(word)) for word in words) >= len(words)
