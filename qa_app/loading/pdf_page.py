"""PDFium's pages: opened and closed, and the characters on them."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pypdfium2.raw as pdfium_c

HYPHEN = "\ufffe"  # PDFium writes it for a hyphen at the end of a line that it joined
NOTHING = "\u2060"  # holds the place of a blank that is none, or of half a character


@contextmanager
def open_page(pdf: Any, index: int) -> Iterator[tuple[Any, Any]]:
    """Give PDFium's handles of the page ``index`` (from 0) and of its text, null if it is broken.

    What is filled into its form is part of its text. Characters are numbered alike wherever this
    is used.
    """
    page = pdfium_c.FPDF_LoadPage(pdf.raw, index)
    if page and any(
        _is_form_field(page, number) for number in range(pdfium_c.FPDFPage_GetAnnotCount(page))
    ):
        pdfium_c.FPDFPage_Flatten(page, pdfium_c.FLAT_NORMALDISPLAY)
        pdfium_c.FPDF_ClosePage(page)
        page = pdfium_c.FPDF_LoadPage(pdf.raw, index)
    textpage = pdfium_c.FPDFText_LoadPage(page) if page else None
    try:
        yield page, textpage
    finally:
        if textpage:
            pdfium_c.FPDFText_ClosePage(textpage)
        if page:
            pdfium_c.FPDF_ClosePage(page)


def _is_form_field(page: Any, number: int) -> bool:
    note = pdfium_c.FPDFPage_GetAnnot(page, number)
    if not note:
        return False
    try:
        kind = pdfium_c.FPDFAnnot_GetSubtype(note)
        return kind in {pdfium_c.FPDF_ANNOT_WIDGET, pdfium_c.FPDF_ANNOT_FREETEXT}
    finally:
        pdfium_c.FPDFPage_CloseAnnot(note)


def characters(textpage: Any) -> str:
    """Return a page's text, one code point for each of PDFium's characters."""
    count = pdfium_c.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    written = pdfium_c.FPDFText_GetText(textpage, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
    return text if len(text) == count else "".join(_one_by_one(textpage, count))


def _one_by_one(textpage: Any, count: int) -> Iterator[str]:
    """Yield a character each where PDFium's text has none for a code, or one for two of them."""
    high = 0
    for index in range(count):
        code = pdfium_c.FPDFText_GetUnicode(textpage, index)
        if pdfium_c.FPDFText_IsHyphen(textpage, index) == 1:
            yield HYPHEN
        elif 0xDC00 <= code < 0xE000 and high:
            yield chr(0x10000 + ((high - 0xD800) << 10) + code - 0xDC00)
        else:
            yield chr(code) if 0 < code < 0xD800 or 0xDFFF < code < 0x110000 else NOTHING
        high = code if 0xD800 <= code < 0xDC00 else 0


def read_angle(textpage: Any, index: int) -> int:
    """Return the angle of the line that a character stands on: degrees clockwise, 0 to 359.

    PDFium's own function takes slanted letters for a slanted line.
    """
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(textpage, index, matrix)
    return round(math.degrees(math.atan2(-matrix.b, matrix.a))) % 360
