"""Tables as lines that carry their headers."""

from __future__ import annotations

import re
from collections.abc import Sequence

from qa_app.loading.builder import clean

_YEAR = re.compile(r"^(?:19|20)\d\d\b")
_CODE = re.compile(r"\d{5}")
_LONGEST_NAME = 100


def describe_rows(rows: Sequence[Sequence[str]], header_rows: int | None = None) -> list[str]:
    """Return a line a row: "Town: York; Visitors: 12", or "York; 12" without a header.

    Args:
        rows: cells as text; rows may differ in length.
        header_rows: how many rows are the header; judged by their look unless told.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    filled = [row for row in cleaned if any(row)]
    titles = []
    if header_rows is None:
        # A line above the table, written into its first cell.
        while len(filled) > 2 and sum(map(bool, filled[0])) == 1 < sum(map(bool, filled[1])):
            titles.append(_describe(filled.pop(0), []))
        header_rows = 1 if _has_header(filled) else 0
    header = _join_header(filled[:header_rows])
    body = filled[header_rows:]
    if not body:
        return [_describe(row, []) for row in filled]
    return titles + [_describe(row, header) for row in body]


def _has_header(rows: list[list[str]]) -> bool:
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    first = rows[0]
    # The first column's header is often left empty.
    names = [cell for cell in first[1:] if cell]
    return len(names) == len(first) - 1 and all(map(_is_name, names))


def _is_name(cell: str) -> bool:
    """Tell whether a cell may head a column: words or a year, but no figure, code or sentence."""
    words = _YEAR.sub("", cell)
    is_figure = words[:1].isdigit() or _CODE.search(words)
    return not is_figure and len(cell) <= _LONGEST_NAME and not cell.endswith(".")


def _join_header(rows: list[list[str]]) -> list[str]:
    width = max((len(row) for row in rows), default=0)
    header = []
    for column in range(width):
        cells = [row[column] for row in rows if column < len(row) and row[column]]
        header.append(" ".join(dict.fromkeys(cells)))
    return header


def _describe(row: list[str], header: list[str]) -> str:
    cells = []
    for column, cell in enumerate(row):
        name = header[column] if column < len(header) else ""
        # A cell merged over columns comes once for each; it is said once.
        repeated = column > 0 and cell == row[column - 1] and name == ""
        if cell and not repeated:
            cells.append(f"{name.rstrip(':')}: {cell}" if name and name != cell else cell)
    return "; ".join(cells)
