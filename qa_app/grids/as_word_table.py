"""Export of a grid as a Word document: landscape tables, the quotes in footnotes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from qa_app.briefs.export.as_word import render_docx
from qa_app.briefs.export.outline import Note, footnote
from qa_app.grids.grid import Cell, CellQuote, Grid, Row
from qa_app.grids.grid_words import FILLS, cell_words, colophon, summary
from qa_app.models import Quote

# Width between the margins of a landscape page of A4, and of the questions' column, in twentieths
# of a point.
_WIDTH, _QUESTION_WIDTH = 14_678, 3_878
# Columns of values in one table: more would be too narrow for "strong" with its footnotes.
_MOST_COLUMNS = 8


@dataclass(frozen=True, slots=True)
class _Cell:
    words: str
    fill: str
    numbers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Row:
    question: str
    cells: tuple[_Cell, ...]


@dataclass(frozen=True, slots=True)
class _Table:
    header: tuple[str, ...]
    widths: tuple[int, ...]
    rows: tuple[_Row, ...]


@dataclass(frozen=True, slots=True)
class _Outline:
    """What the template shows; see ``render_docx`` for title, made and notes."""

    title: str
    made: str
    summary: str
    tables: tuple[_Table, ...]
    notes: tuple[Note, ...]
    remarks: tuple[tuple[str, str], ...]
    colophon: tuple[tuple[str, str], ...]
    width: int = _WIDTH


def grid_to_docx(grid: Grid, made: date) -> bytes:
    """Return a grid as a DOCX file; the same grid and date give the same bytes.

    The columns are spread over several tables where there are more than eight.
    """
    notes: list[Note] = []
    tables = tuple(
        _table(grid, grid.columns[first : first + _MOST_COLUMNS], notes)
        for first in range(0, len(grid.columns), _MOST_COLUMNS)
    )
    outline = _Outline(
        title=grid.name or "Evidence grid",
        made=made.isoformat(),
        summary=summary(grid),
        tables=tables,
        notes=tuple(notes),
        remarks=tuple(_remarks(grid)),
        colophon=colophon(grid, made),
    )
    return render_docx("grid.xml", outline)


def _table(grid: Grid, values: tuple[str, ...], notes: list[Note]) -> _Table:
    """Return the table of some columns; its footnotes are added to ``notes``."""
    width = (_WIDTH - _QUESTION_WIDTH) // len(values)
    rows = tuple(
        _Row(
            f"{place}. {row.question}",
            tuple(_cell(row, row.cell(value), notes) for value in values),
        )
        for place, row in enumerate(grid.rows, start=1)
    )
    return _Table(("Question", *values), (_QUESTION_WIDTH, *[width] * len(values)), rows)


def _cell(row: Row, cell: Cell, notes: list[Note]) -> _Cell:
    first = len(notes) + 1
    for number, item in enumerate(cell.quotes, start=first):
        quote = Quote(item.text, item.citation)
        notes.append(Note(number, quote, _note(item), item.document_sha256))
    words = cell_words(cell) if row.stamp or cell.mark else "not asked yet"
    return _Cell(
        words, FILLS[cell.support] if cell.support else "", tuple(range(first, len(notes) + 1))
    )


def _note(item: CellQuote) -> str:
    lead_in = f"[{' '.join(item.lead_in.text.split())}] " if item.lead_in else ""
    return f"{lead_in}“{' '.join(item.text.split())}” ({item.support}) {footnote(item.citation)}"


def _remarks(grid: Grid) -> Iterator[tuple[str, str]]:
    places = {row.id: place for place, row in enumerate(grid.rows, start=1)}
    for row, cell in grid.cells:
        if cell.mark is not None and cell.mark.note:
            yield f"{places[row.id]}, {cell.value} ({cell.mark.judgement})", cell.mark.note
