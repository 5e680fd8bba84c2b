"""What the exports of a grid say of a cell and of the whole, the same in Excel and Word."""

from __future__ import annotations

from datetime import date

from qa_app.grids.grid import Cell, Grid
from qa_app.models import Support
from qa_app.text.wording import count, listed
from qa_app.version import __version__

# Background by support, RRGGBB: green and amber, light enough for black words.
FILLS = {Support.STRONG: "C6E7CE", Support.PARTIAL: "FFE9B3"}
CHANGED = "changed since it was marked"


def cell_words(cell: Cell) -> str:
    """Return a cell in words: "strong, new, agreed"; "" if it is empty and unmarked."""
    words = [str(cell.support)] if cell.support else []
    if cell.is_new:
        words.append("new" if cell.quotes else "nothing any more")
    if cell.mark is not None:
        words.append(str(cell.mark.judgement))
    if cell.changed_since_marked:
        words.append(CHANGED)
    return ", ".join(words)


def summary(grid: Grid) -> str:
    """Return how many cells have evidence: "31 of 60 cells have evidence"."""
    filled = sum(bool(cell.quotes) for _, cell in grid.cells)
    total = len(grid.rows) * len(grid.columns)
    asked = f"{count(len(grid.rows), 'question')} by {grid.facet}"
    return f"{asked}: {filled:,} of {count(total, 'cell')} have evidence"


def colophon(grid: Grid, made: date) -> tuple[tuple[str, str], ...]:
    """Return names and values of what is needed to make the grid again."""
    stamps = sorted({row.stamp for row in grid.rows if row.stamp})
    unasked = sum(not row.stamp for row in grid.rows)
    filters = (f"{name}: {listed(values)}" for name, values in grid.filters.items())
    return (
        ("Date", made.isoformat()),
        ("Program", f"qa_app {__version__}"),
        ("Facet", grid.facet),
        ("Filters", "; ".join(filters) or "none"),
        *(("Index and reader", f"generation {stamp}") for stamp in stamps),
        *([("Not asked yet", count(unasked, "question"))] if unasked else []),
        ("Empty cells", "the reports were searched, and nothing was found that answers"),
    )
