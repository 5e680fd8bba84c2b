"""Spreadsheets and comma-separated files: a row as "header: value"."""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path

from qa_app.errors import BrokenFileError, UnsupportedFormatError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_characters
from qa_app.loading.ooxml import Element, Package, local_name, relation, value
from qa_app.loading.tables import describe_rows
from qa_app.loading.text import decode
from qa_app.models import BlockKind, Document

_DATE_FORMAT = re.compile(r"[dy]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DATE_FORMATS = frozenset(["14", "15", "16", "17", "22"])  # those that Excel has by number
_EPOCH = date(1899, 12, 30)
_MOST_COLUMNS = 500
_MOST_LISTED = 1000
_FILE_NAME = re.compile(r"(?!/|.*\.\.)[^\0\n]{1,250}\.\w{2,8}")


def load_csv(path: str, content: bytes, folder: Path | None = None) -> Document:
    """Return the document of a file of comma-, semicolon- or tab-separated values.

    Raises:
        UnsupportedFormatError: most of its rows each name another file of ``folder``, where it is:
            it lists the reports and is none.
    """
    text = decode(content)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:20_000], ",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if path.lower().endswith(".tsv") else csv.excel
    builder = DocumentBuilder(path, "csv")
    try:
        rows = list(csv.reader(io.StringIO(text), dialect))
    except csv.Error as exc:
        raise BrokenFileError(f"Its rows cannot be told apart: {exc}.", "Save it again.") from exc
    if folder is not None and _lists_files(rows[:_MOST_LISTED], folder):
        raise UnsupportedFormatError(
            "It lists the files beside it, and is no report itself.",
            "If it is one, put it into a folder of its own.",
        )
    for line in describe_rows(rows):
        builder.add(BlockKind.TABLE_ROW, line)
    return builder.build()


def _lists_files(rows: Sequence[Sequence[str]], folder: Path) -> bool:
    """Tell whether most rows name a file of the folder, or below it, that no other row names."""
    cells = {cell.strip().replace("\\", "/") for row in rows for cell in row}
    named = {
        cell
        for cell in cells
        if _FILE_NAME.fullmatch(cell) and os.path.isfile(folder / cell)  # noqa: PTH113  # Path's raises for a name too long
    }
    return 2 * len(named) > sum(map(any, rows))


def load_xlsx(path: str, content: bytes) -> Document:
    """Return the document of an Excel file: a heading a sheet, a block a row."""
    package = Package(content)
    main, root = package.main("xl/workbook.xml", "Excel")
    relations = package.relations(main)
    folder = main.rpartition("/")[0]
    strings = [
        _text(item) for item in package.part(f"{folder}/sharedStrings.xml").iterfind("{*}si")
    ]
    dates = _find_dates(package.part(f"{folder}/styles.xml"))
    builder = DocumentBuilder(path, "xlsx")
    for sheet in root.iter("{*}sheet"):
        cells = package.part(relations.get(relation(sheet), ""))
        rows = list(_read_rows(cells, strings, dates))
        if rows:
            builder.add(BlockKind.HEADING, value(sheet, "name") or "", 1)
        for line in describe_rows(rows):
            builder.add(BlockKind.TABLE_ROW, line)
    return builder.build(package.office_metadata())


def _text(item: Element) -> str:
    # Phonetic readings (rPh) repeat the words in another script.
    return "".join(
        part.text or "" for part in item.iter("{*}t") if local_name(part.getparent()) != "rPh"
    )


def _find_dates(styles: Element) -> set[str]:
    """Return the numbers of the cell styles that show a date."""
    codes = set(_DATE_FORMATS)
    for shape in styles.iterfind("{*}numFmts/{*}numFmt"):
        if _DATE_FORMAT.search(_QUOTED.sub("", value(shape, "formatCode") or "")):
            codes.add(value(shape, "numFmtId") or "")
    formats = styles.iterfind("{*}cellXfs/{*}xf")
    return {str(i) for i, style in enumerate(formats) if value(style, "numFmtId") in codes}


def _read_rows(sheet: Element, strings: list[str], dates: set[str]) -> Iterator[list[str]]:
    characters = 0
    for row in sheet.iter("{*}row"):
        cells: list[str] = []
        for cell in row:
            column = _column(value(cell, "r") or "")
            if column is not None and column < _MOST_COLUMNS:
                cells.extend([""] * (column - len(cells)))
            cells.append(_read_cell(cell, strings, dates))
        characters += sum(map(len, cells))
        check_characters(characters)
        if any(cells):
            yield cells


def _column(reference: str) -> int | None:
    letters = "".join(c for c in reference if c.isalpha()).upper()
    number = 0
    for letter in letters:
        number = 26 * number + ord(letter) - 64
    return number - 1 if letters and letters.isascii() else None


def _read_cell(cell: Element, strings: list[str], dates: set[str]) -> str:
    kind = value(cell, "t")
    found = cell.findtext("{*}v") or ""
    if kind == "inlineStr":
        return _text(cell)
    if kind == "s":
        return strings[int(found)] if found.isdecimal() and int(found) < len(strings) else ""
    if kind == "b":
        return "yes" if found == "1" else "no"
    if kind in {"str", "e"}:
        return found
    return _show_number(found, (value(cell, "s") or "0") in dates)


def _show_number(found: str, is_date: bool) -> str:
    try:
        number = float(found)
        if is_date and 1 <= number < 2_958_466:
            return (_EPOCH + timedelta(days=int(number))).isoformat()
        # Fifteen digits are what Excel shows; more are the noise of binary fractions.
        return f"{number:.15g}"
    except (ValueError, OverflowError):
        return found
