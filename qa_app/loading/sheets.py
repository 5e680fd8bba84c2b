"""Spreadsheets and comma-separated files: a row as "header: value"."""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterator
from datetime import date, timedelta

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_characters
from qa_app.loading.ooxml import (
    Element,
    core_metadata,
    local_name,
    open_office,
    read_part,
    read_relations,
    value,
)
from qa_app.loading.tables import describe_rows
from qa_app.loading.text import decode
from qa_app.models import BlockKind, Document

_DATE_FORMAT = re.compile(r"[dy]", re.IGNORECASE)
_QUOTED = re.compile(r'"[^"]*"|\[[^\]]*\]|\\.')
_DATE_FORMATS = frozenset([14, 15, 16, 17, 22])  # those that Excel has by number
_EPOCH = date(1899, 12, 30)
_MOST_COLUMNS = 500


def load_csv(path: str, content: bytes) -> Document:
    """Return the document of a file of comma-, semicolon- or tab-separated values.

    Raises:
        BrokenFileError: the bytes are not text, or a field has no end.
        NoTextError: it has no words.
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
    for line in describe_rows(rows):
        builder.add(BlockKind.TABLE_ROW, line)
    return builder.build()


def load_xlsx(path: str, content: bytes) -> Document:
    """Return the document of an Excel file: a heading a sheet, a block a row.

    Raises:
        BrokenFileError: the package or a part of it is damaged.
        LimitError: it expands to too much.
        NoTextError: it has no words.
        PasswordError: it is encrypted.
    """
    package, main, root = open_office(content, "xl/workbook.xml", "Excel")
    relations = read_relations(package, main)
    folder = main.rpartition("/")[0]
    strings = _read_strings(read_part(package, f"{folder}/sharedStrings.xml"))
    dates = _read_dates(read_part(package, f"{folder}/styles.xml"))
    builder = DocumentBuilder(path, "xlsx")
    for sheet in (part for part in root.iter() if local_name(part) == "sheet"):
        key = next((str(v) for k, v in sheet.attrib.items() if "relationships" in str(k)), "")
        rows = list(_read_rows(package, relations.get(key, ""), strings, dates))
        if rows:
            builder.add(BlockKind.HEADING, value(sheet, "name") or "", 1)
        for line in describe_rows(rows):
            builder.add(BlockKind.TABLE_ROW, line)
    return builder.build(core_metadata(package))


def _read_strings(root: Element | None) -> list[str]:
    items = root if root is not None else ()
    return [_text(item) for item in items if local_name(item) == "si"]


def _text(item: Element) -> str:
    # Phonetic readings (rPh) repeat the words in another script.
    return "".join(
        part.text or ""
        for part in item.iter()
        if local_name(part) == "t" and local_name(part.getparent()) != "rPh"
    )


def _read_dates(root: Element | None) -> set[int]:
    """Return the numbers of the cell styles that show a date."""
    custom: set[str] = set()
    dates: set[int] = set()
    for part in root if root is not None else ():
        if local_name(part) == "numFmts":
            for shape in part:
                code = _QUOTED.sub("", value(shape, "formatCode") or "")
                if _DATE_FORMAT.search(code):
                    custom.add(value(shape, "numFmtId") or "")
        elif local_name(part) == "cellXfs":
            for number, style in enumerate(part):
                code = value(style, "numFmtId") or "0"
                if code in custom or (code.isdecimal() and int(code) in _DATE_FORMATS):
                    dates.add(number)
    return dates


def _read_rows(
    package: zipfile.ZipFile, name: str, strings: list[str], dates: set[int]
) -> Iterator[list[str]]:
    root = read_part(package, name) if name else None
    characters = 0
    for row in root.iter() if root is not None else ():
        if local_name(row) != "row":
            continue
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


def _read_cell(cell: Element, strings: list[str], dates: set[int]) -> str:
    kind = value(cell, "t")
    found = next((part.text or "" for part in cell if local_name(part) == "v"), "")
    if kind == "inlineStr":
        return _text(cell)
    if kind == "s":
        return strings[int(found)] if found.isdecimal() and int(found) < len(strings) else ""
    if kind == "b":
        return "yes" if found == "1" else "no"
    if kind in {"str", "e"}:
        return found
    style = value(cell, "s") or "0"
    return _show_number(found, style.isdecimal() and int(style) in dates)


def _show_number(found: str, is_date: bool) -> str:
    try:
        number = float(found)
        if is_date and 1 <= number < 2_958_466:
            return (_EPOCH + timedelta(days=int(number))).isoformat()
        # Fifteen digits are what Excel shows; more are the noise of binary fractions.
        return f"{number:.15g}"
    except (ValueError, OverflowError):
        return found
