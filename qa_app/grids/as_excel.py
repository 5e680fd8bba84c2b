"""Export of a grid as an Excel workbook: the grid, every quote with its source, how it was made.

Every text is written as a string, so that none is taken for a formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from qa_app.briefs.export.as_word import xml_text
from qa_app.grids.grid import Cell, CellQuote, Grid, Row
from qa_app.grids.grid_words import FILLS, cell_words, colophon
from qa_app.models import Citation

if TYPE_CHECKING:
    from xlsxwriter.worksheet import Worksheet

_LONGEST_TEXT = 32_767  # characters in a cell, Excel's limit
_LONGEST_LINK = 2_079  # characters of a link, Excel's limit; it also allows 65,530 links a sheet
_MOST_LINKS = 65_000
# Heading and width, in characters, of each column of the sheet of quotes.
_QUOTES = {
    "No.": 6, "Question": 40, "Value": 18, "Strength": 10, "Quote": 80, "Introduced by": 30,
    "Source": 40, "Document": 30, "Title": 30, "Section": 30, "Page": 6, "Date": 11, "New": 6,
    "Mark": 10, "Note": 40, "Changed since marked": 10, "SHA-256": 20,
}  # fmt: skip


def grid_to_xlsx(grid: Grid, made: date, link: Callable[[Citation], str] = lambda _: "") -> bytes:
    """Return a grid as an XLSX file; the same grid, date and links give the same bytes.

    Args:
        link: returns the address that opens a citation's source, or "" for no link.
    """
    # Imported here, as only an export needs it.
    import xlsxwriter

    file = io.BytesIO()
    with xlsxwriter.Workbook(file, {"in_memory": True}) as book:
        book.set_properties(
            {"title": xml_text(grid.name), "created": datetime(*made.timetuple()[:3])}
        )
        plain = {"text_wrap": True, "valign": "top", "border": 1, "border_color": "#BFBFBF"}
        formats = {
            "text": book.add_format(plain),
            "head": book.add_format({**plain, "bold": True, "bg_color": "#E7E6E6"}),
            "link": book.add_format({**plain, "font_color": "#0563C1", "underline": 1}),
            **{
                str(support): book.add_format({**plain, "bg_color": f"#{fill}"})
                for support, fill in FILLS.items()
            },
        }
        _write_grid(book.add_worksheet("Grid"), formats, grid)
        _write_quotes(book.add_worksheet("Quotes"), formats, grid, link)
        about = book.add_worksheet("About")
        about.set_column(0, 0, 20)
        about.set_column(1, 1, 100)
        for place, pair in enumerate([("Grid", grid.name), *colophon(grid, made)]):
            for column, text in enumerate(pair):
                _write(about, place, column, text, formats["text"])
    return file.getvalue()


def _write_grid(sheet: Worksheet, formats: dict[str, Any], grid: Grid) -> None:
    sheet.set_column(0, 0, 5)
    sheet.set_column(1, 1, 50)
    sheet.set_column(2, 1 + max(1, len(grid.columns)), 14)
    sheet.freeze_panes(1, 2)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)  # printed, all columns on one page
    sheet.repeat_rows(0)
    for column, name in enumerate(("No.", "Question", *grid.columns)):
        _write(sheet, 0, column, name, formats["head"])
    for place, row in enumerate(grid.rows, start=1):
        sheet.write_number(place, 0, place, formats["text"])
        _write(sheet, place, 1, row.question, formats["text"])
        for column, value in enumerate(grid.columns, start=2):
            cell = row.cell(value)
            words = cell_words(cell) if row.stamp or cell.mark else "not asked yet"
            _write(sheet, place, column, words, formats[str(cell.support or "text")])


def _write_quotes(
    sheet: Worksheet, formats: dict[str, Any], grid: Grid, link: Callable[[Citation], str]
) -> None:
    for column, (name, width) in enumerate(_QUOTES.items()):
        sheet.set_column(column, column, width)
        _write(sheet, 0, column, name, formats["head"])
    sheet.freeze_panes(1, 0)
    places = {row.id: place for place, row in enumerate(grid.rows, start=1)}
    line = 0
    for line, (row, cell, quote) in enumerate(_lines(grid), start=1):
        sheet.write_number(line, 0, places[row.id], formats["text"])
        for column, text in enumerate(_texts(row, cell, quote), start=1):
            _write(sheet, line, column, text, formats["text"])
        source = list(_QUOTES).index("Source")
        address = xml_text(link(quote.citation)) if quote and line <= _MOST_LINKS else ""
        if quote and 0 < len(address) <= _LONGEST_LINK:
            label = xml_text(quote.citation.label)
            # In capitals, since XlsxWriter writes "file:" addresses for Windows alone.
            address = re.sub("^file:", "FILE:", address)
            sheet.write_url(line, source, address, formats["link"], label)
    sheet.autofilter(0, 0, line, len(_QUOTES) - 1)


def _lines(grid: Grid) -> Iterator[tuple[Row, Cell, CellQuote | None]]:
    """Yield every quote with its cell; a cell that has none, but a mark or news, once."""
    for row, cell in grid.cells:
        for quote in cell.quotes or (None,):
            yield row, cell, quote


def _texts(row: Row, cell: Cell, quote: CellQuote | None) -> Iterator[str]:
    yield from (row.question, cell.value)
    if quote is None:
        yield from [""] * 9
    else:
        place = quote.citation
        yield from (str(quote.support), quote.text, quote.lead_in.text if quote.lead_in else "")
        yield from (place.label, place.document, place.title, " > ".join(place.section))
        yield from ("" if place.page is None else str(place.page), quote.date)
    yield "new" if cell.is_new else ""
    yield str(cell.mark.judgement) if cell.mark else ""
    yield cell.mark.note if cell.mark else ""
    yield "yes" if cell.changed_since_marked else ""
    yield quote.document_sha256 if quote else ""


def _write(sheet: Worksheet, row: int, column: int, text: str, style: Any) -> None:
    """Write a text; as a string even if it looks like a formula, a number or a link."""
    if text:
        sheet.write_string(row, column, xml_text(text)[:_LONGEST_TEXT], style)
    else:
        sheet.write_blank(row, column, None, style)
