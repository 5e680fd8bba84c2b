"""Export of a brief as CSV: a row for the title, each heading, quote, source and colophon line.

Spreadsheet programs run cells that begin like a formula, so such cells are prefixed with an
apostrophe.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator

from qa_app.briefs.export.outline import Outline

COLUMNS = (
    "kind", "number", "heading", "value", "text", "note", "question", "citation", "document",
    "title", "section", "page", "start", "end", "sha256",
)  # fmt: skip
# First characters that spreadsheet programs take for the start of a formula.
_FORMULA_STARTS = frozenset("=+-@")
# Unicode categories that a program may skip before a formula: white space, controls and invisible
# characters.
_SKIPPED = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# First characters that some programs take for the end of a cell, so that a formula could follow.
_DANGEROUS_GAPS = frozenset("\t\r\n\0")


def to_csv(outline: Outline) -> bytes:
    """Return a brief as CSV in UTF-8, with the byte order mark that spreadsheet programs expect."""
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, COLUMNS, restval="", quoting=csv.QUOTE_ALL)
    writer.writeheader()
    for row in _rows(outline):
        writer.writerow({name: neutral(str(value)) for name, value in row.items()})
    return file.getvalue().encode("utf-8-sig", errors="backslashreplace")


def neutral(cell: str) -> str:
    """Return a cell's text, prefixed with an apostrophe if it could be read as a formula."""
    first = next((mark for mark in cell if unicodedata.category(mark) not in _SKIPPED), "")
    is_formula = unicodedata.normalize("NFKC", first)[:1] in _FORMULA_STARTS if first else False
    return f"'{cell}" if is_formula or cell[:1] in _DANGEROUS_GAPS else cell


def _rows(outline: Outline) -> Iterator[dict[str, object]]:
    yield {"kind": "title", "text": outline.title}
    heading = question = ""
    for entry in outline.entries:
        heading = entry.heading or heading
        question = entry.question or question
        if entry.heading:
            yield {"kind": "heading", "heading": heading}
        for note in entry.notes:
            place = note.quote.citation
            yield {
                "kind": "quote",
                "number": note.number,
                "heading": heading,
                "value": entry.value,
                "text": note.quote.text,
                "note": "\n\n".join(entry.remarks) if note is entry.notes[-1] else "",
                "question": question,
                "citation": place.label,
                "document": place.document,
                "title": place.title,
                "section": " > ".join(place.section),
                "page": "" if place.page is None else place.page,
                "start": place.start,
                "end": place.end,
                "sha256": note.document_sha256,
            }
    for source in outline.sources:
        named = {"title": source.title, "document": source.document, "sha256": source.sha256}
        yield {"kind": "source", **named}
    for name, value in outline.colophon:
        yield {"kind": "colophon", "heading": name, "text": value}
