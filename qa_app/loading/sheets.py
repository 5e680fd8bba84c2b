"""Spreadsheets and delimited text files; each row is written as "header: value" pairs."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from pathlib import PurePosixPath

from python_calamine import (
    CalamineError,
    CalamineSheet,
    CalamineWorkbook,
    PasswordError,
    SheetTypeEnum,
)

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_characters, needs_password
from qa_app.loading.ooxml import Package
from qa_app.loading.plain import decode
from qa_app.models import BlockKind, Document

_ZIP_MAGIC = b"PK"  # first bytes of .xlsx, .xlsm and .ods, but not of .xls
_SNIFFED = 20_000  # characters; enough rows to detect the separator


def load_csv(path: str, content: bytes) -> Document:
    """Return the document of values separated by comma, semicolon, tab or vertical bar."""
    text = decode(content)
    try:
        dialect: type[csv.Dialect] = csv.Sniffer().sniff(text[:_SNIFFED], ",;\t|")
    except csv.Error:
        dialect = csv.excel_tab if path.lower().endswith(".tsv") else csv.excel
    builder = DocumentBuilder(path, "csv")
    try:
        builder.add_table(list(csv.reader(io.StringIO(text), dialect)))
    except csv.Error as exc:
        raise BrokenFileError(f"Its rows cannot be told apart: {exc}.", "Save it again.") from exc
    return builder.build()


def load_spreadsheet(path: str, content: bytes) -> Document:
    """Return the document of an Excel or OpenDocument spreadsheet, one heading per sheet.

    Hidden sheets are read too. Cells show their stored values: dates as 2024-05-01, numbers
    without currency or per cent signs, formulas as their last calculated value.
    """
    suffix = PurePosixPath(path).suffix.lower()
    # Opening the package checks its expanded size before calamine expands it.
    package = (
        Package(content, refuse_doctype=suffix != ".ods")
        if content.startswith(_ZIP_MAGIC)
        else None
    )
    builder = DocumentBuilder(path, suffix.removeprefix("."))
    try:
        workbook = CalamineWorkbook.from_filelike(io.BytesIO(content))
        for index, sheet in enumerate(workbook.sheets_metadata):
            if sheet.typ is SheetTypeEnum.WorkSheet:
                rows = list(_read_rows(workbook.get_sheet_by_index(index)))
                if rows:
                    builder.add(BlockKind.HEADING, sheet.name, 1)
                builder.add_table(rows)
    except PasswordError as exc:
        raise needs_password() from exc
    except CalamineError as exc:
        raise BrokenFileError(
            f"It is damaged, or is no spreadsheet: {exc}.", "Save it again from its own program."
        ) from exc
    return builder.build(package.office_metadata() if package else ())


def _read_rows(sheet: CalamineSheet) -> Iterator[list[str]]:
    characters = 0
    for row in sheet.iter_rows():
        cells = [_show(cell) for cell in row]
        characters += sum(map(len, cells))
        check_characters(characters)
        if any(cells):
            yield cells


def _show(cell: float | str | bool | time | date | datetime | timedelta) -> str:
    match cell:
        case bool():
            return "yes" if cell else "no"
        case int() | float():
            # Excel shows fifteen digits; more would show the rounding errors of binary fractions.
            return f"{cell:.15g}"
        case datetime():
            return cell.date().isoformat()
        case date():
            return cell.isoformat()
        case time():
            return cell.isoformat("minutes")
        case timedelta():
            minutes = round(cell.total_seconds() / 60)
            return f"{minutes // 60}:{minutes % 60:02}"
        case _:
            return cell
