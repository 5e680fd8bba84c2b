"""Exports of grids: typed cells that no spreadsheet runs, links, real footnotes."""

from __future__ import annotations

import io
import zipfile
from datetime import date
from pathlib import Path

import openpyxl
import pytest
from lxml import etree

from qa_app.briefs.export import form_of
from qa_app.errors import BriefError
from qa_app.grids.grid import Cell, CellQuote, Grid, Judgement, Row
from qa_app.grids.grid_export import GridForm, export_grid, link_to_file
from qa_app.models import Citation, Quote, Support

MADE = date(2026, 1, 31)
WORD = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
FORMULA = '=HYPERLINK("http://evil.example")'


def _quote(text: str, support: Support, document: str = "a b.pdf", page: int = 3) -> CellQuote:
    place = Citation(document, "Roads", page, ("Part 1", "Safety"), 7, 7 + len(text), "Roads, p. 3")
    return CellQuote(text, place, support, Quote("We will:", place), "2024-05", "ab" * 32)


def _grid(columns: int = 2) -> Grid:
    """Two questions: one with a strong and a partial cell, one marked in an empty cell."""
    values = ("=1+1", *(f"Area {n}" for n in range(2, columns + 1)))
    strong = Cell(
        "=1+1", (_quote(FORMULA, Support.STRONG), _quote("Old\x0b <b>.", Support.PARTIAL))
    )
    partial = Cell("Area 2", (_quote("+Maybe & perhaps.", Support.PARTIAL),), is_new=True)
    first = Row(1, "@Who?", {"=1+1": strong, "Area 2": partial}, "000001", "one")
    rows = (first, Row(2, "Why not?", {}, "000001", "one"), Row(3, "When?"))
    grid = Grid("=Grid", "force", {"type": ("pdf",)}, rows, values)
    grid = grid.marked(1, "=1+1", Judgement.AGREED, "-1 is right.")
    return grid.marked(2, "Area 2", Judgement.NOTED, "Ask\n\nthem.")


def _export(grid: Grid, form: GridForm) -> bytes:
    return export_grid(grid, form, link_to_file(Path("/reports")), MADE)


def test_the_workbook_has_the_grid_and_every_quote() -> None:
    content = _export(_grid(), GridForm.EXCEL)
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Grid", "Quotes", "About"]
    rows = [[cell.value for cell in row] for row in book["Grid"].iter_rows()]
    assert rows == [
        ["No.", "Question", "=1+1", "Area 2"],
        [1, "@Who?", "strong, agreed", "partial, new"],
        [2, "Why not?", None, "noted"],
        [3, "When?", "not asked yet", "not asked yet"],
    ]
    fills = [book["Grid"].cell(2, column).fill.start_color.rgb for column in (3, 4)]
    assert fills == ["FFC6E7CE", "FFFFE9B3"]
    head, *lines = [[cell.value for cell in row] for row in book["Quotes"].iter_rows()]
    found = [dict(zip(head, line, strict=True)) for line in lines]
    assert [line["Quote"] for line in found] == [FORMULA, "Old <b>.", "+Maybe & perhaps.", None]
    assert found[0] == {
        "No.": 1, "Question": "@Who?", "Value": "=1+1", "Strength": "strong", "Quote": FORMULA,
        "Introduced by": "We will:", "Source": "Roads, p. 3", "Document": "a b.pdf",
        "Title": "Roads", "Section": "Part 1 > Safety", "Page": "3", "Date": "2024-05",
        "New": None, "Mark": "agreed", "Note": "-1 is right.", "Changed since marked": None,
        "SHA-256": "ab" * 32,
    }  # fmt: skip
    assert (found[2]["New"], found[3]["Mark"], found[3]["Note"]) == ("new", "noted", "Ask\n\nthem.")
    link = book["Quotes"].cell(2, head.index("Source") + 1).hyperlink
    assert (link.target, link.location) == ("FILE:///reports/a%20b.pdf", "page=3")
    about = dict(row[:2] for row in book["About"].iter_rows(values_only=True))
    assert about["Grid"] == "=Grid"
    assert about["Filters"] == "type: pdf"
    assert about["Not asked yet"] == "1 question"


def test_no_text_of_the_workbook_is_a_formula() -> None:
    content = _export(_grid(), GridForm.EXCEL)
    book = openpyxl.load_workbook(io.BytesIO(content))
    kinds = {cell.data_type for sheet in book for row in sheet.iter_rows() for cell in row}
    assert kinds == {"s", "n"}
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sheets = [name for name in archive.namelist() if name.startswith("xl/worksheets/sheet")]
        assert not any(b"<f>" in archive.read(name) for name in sheets)


@pytest.mark.parametrize("columns", [2, 19])
def test_the_word_file_has_landscape_tables_with_the_quotes_in_footnotes(columns: int) -> None:
    with zipfile.ZipFile(io.BytesIO(_export(_grid(columns), GridForm.WORD))) as archive:
        body, notes = (
            etree.fromstring(archive.read(f"word/{name}.xml")) for name in ("document", "footnotes")
        )
    [page] = body.iter(f"{WORD}pgSz")
    assert page.get(f"{WORD}orient") == "landscape"
    tables = list(body.iter(f"{WORD}tbl"))
    assert len(tables) == -(-columns // 8)
    rows = [
        ["".join(c.itertext()).strip() for c in row.iter(f"{WORD}tc")]
        for row in tables[0].iter(f"{WORD}tr")
    ]
    assert rows[0][:3] == ["Question", "=1+1", "Area 2"]
    assert rows[1][:3] == ["1. @Who?", "strong, agreed", "partial, new"]
    assert rows[2][:3] == ["2. Why not?", "", "noted"]
    for table in tables:
        widths = [int(column.get(f"{WORD}w")) for column in table.iter(f"{WORD}gridCol")]
        assert 14_600 <= sum(widths) <= 14_678
        assert all(
            len(list(row.iter(f"{WORD}tc"))) == len(widths) for row in table.iter(f"{WORD}tr")
        )
    used = [note.get(f"{WORD}id") for note in body.iter(f"{WORD}footnoteReference")]
    texts = {note.get(f"{WORD}id"): "".join(note.itertext()).strip() for note in notes}
    assert used == ["1", "2", "3"]
    assert texts["1"] == (
        f"[We will:] “{FORMULA}” (strong) Roads. Part 1 > Safety. p. 3. a b.pdf, "
        "characters 7 to 40."
    )
    said = "".join(body.itertext())
    assert "1, =1+1 (agreed): -1 is right." in said
    assert "2, Area 2 (noted): Ask" in said


def test_the_same_grid_gives_the_same_bytes() -> None:
    for form in GridForm:
        assert _export(_grid(), form) == _export(_grid(), form)


def test_other_endings_are_refused() -> None:
    assert form_of("a.XLSX", GridForm) is GridForm.EXCEL
    with pytest.raises(BriefError, match=r"grid\.pdf does not say"):
        form_of("grid.pdf", GridForm)
