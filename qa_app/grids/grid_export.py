"""Export of a grid by file type, with links to its sources."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path

from qa_app.grids.as_excel import grid_to_xlsx
from qa_app.grids.as_word_table import grid_to_docx
from qa_app.grids.grid import Grid
from qa_app.models import Citation


class GridForm(StrEnum):
    """Export format of a grid; the value is the file's extension."""

    EXCEL = "xlsx"
    WORD = "docx"


def export_grid(
    grid: Grid, form: GridForm, link: Callable[[Citation], str], made: date | None = None
) -> bytes:
    """Return a grid as the bytes of a file.

    Args:
        link: returns the address that opens a citation's source, or "" for no link.
        made: the date of the export; by default today (UTC).
    """
    made = made or datetime.now(UTC).date()
    return grid_to_docx(grid, made) if form is GridForm.WORD else grid_to_xlsx(grid, made, link)


def link_to_file(corpus: Path) -> Callable[[Citation], str]:
    """Return a function that links a citation to its file in a folder, a PDF's to its page."""

    def link(citation: Citation) -> str:
        address = (corpus.absolute() / citation.document).as_uri()
        is_paged = citation.document.lower().endswith(".pdf") and citation.page is not None
        return f"{address}#page={citation.page}" if is_paged else address

    return link
