"""PDFium's pages and the characters on them: text, positions, type size and weight.

Coordinates are in points, y upwards. An index is PDFium's number of a character on its page.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from qa_app.errors import BrokenFileError
from qa_app.loading.limits import needs_password

RESAVE = "Open it in a PDF reader and print or save it as a new PDF."
HYPHEN = "\ufffe"  # PDFium's character for a hyphen at a line end where it joined the lines
NOTHING = "\u2060"  # takes the place of a character left out of the text
_BOLD = re.compile("bold|black|heavy|demi", re.IGNORECASE)  # in a font's name
_BOLD_WEIGHT = 600  # semi-bold on the scale of CSS

Box = tuple[float, float, float, float]  # left, bottom, right, top


def open_pdf(content: Any) -> Any:
    """Return the ``pypdfium2.PdfDocument`` of a file's bytes or path.

    Raises:
        BrokenFileError: it is damaged, or not a PDF.
        PasswordError: it needs a password.
    """
    try:
        return pdfium.PdfDocument(content)
    except pdfium.PdfiumError as exc:
        if "assword" in str(exc) or "ecurity" in str(exc):
            raise needs_password() from exc
        raise BrokenFileError("It is damaged, or is not a PDF file.", RESAVE) from exc


@contextmanager
def open_page(pdf: Any, index: int) -> Iterator[tuple[Any, Any]]:
    """Yield PDFium's handles of the page ``index`` (from 0) and its text, null if it is broken.

    Form fields and free-text annotations are flattened into the page, so their contents are part
    of its text. Open pages only with this function, so that characters always have the same index.
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
    """Return a page's text, one code point per PDFium character, so that indices agree."""
    count = pdfium_c.FPDFText_CountChars(textpage)
    if count <= 0:
        return ""
    buffer = (ctypes.c_ushort * (2 * count + 2))()
    written = pdfium_c.FPDFText_GetText(textpage, 0, count, buffer)
    text = bytes(buffer)[: 2 * max(0, written - 1)].decode("utf-16-le", "replace")
    return text if len(text) == count else "".join(_one_by_one(textpage, count))


def _one_by_one(textpage: Any, count: int) -> Iterator[str]:
    """Yield one code point per PDFium character; NOTHING for what is not a character.

    Needed where PDFium's text omits a character, or joins two surrogates into one.
    """
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
    """Return the angle of a character's line in degrees clockwise, 0 to 359.

    PDFium's own function mistakes slanted letters for a slanted line.
    """
    matrix = pdfium_c.FS_MATRIX()
    pdfium_c.FPDFText_GetMatrix(textpage, index, matrix)
    return round(math.degrees(math.atan2(-matrix.b, matrix.a))) % 360


def turn(rect: pdfium_c.FS_RECTF, angle: int) -> Box:
    """Return a rectangle with the page rotated back by ``angle`` degrees.

    Only 90, 180 and 270 degrees have an effect.
    """
    left, bottom, right, top = rect.left, rect.bottom, rect.right, rect.top
    if angle == 90:
        return -top, left, -bottom, right
    if angle == 180:
        return -right, -top, -left, -bottom
    if angle == 270:
        return bottom, -right, top, -left
    return left, bottom, right, top


class Glyphs:
    """Measures the characters of a page, given by index."""

    def __init__(self, textpage: Any) -> None:
        self.textpage = textpage
        self._rect = pdfium_c.FS_RECTF()
        self._rect_pointer = ctypes.byref(self._rect)
        self._matrix = pdfium_c.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()

    def angle(self, index: int) -> int:
        """Return the angle of a character's line, as ``read_angle``."""
        return read_angle(self.textpage, index)

    def is_generated(self, index: int) -> bool:
        """Tell whether a character is not in the file but was inserted by PDFium."""
        return bool(pdfium_c.FPDFText_IsGenerated(self.textpage, index) == 1)

    def box(self, index: int, angle: int = 0) -> Box:
        """Return a character's loose box, with the page rotated back by ``angle`` degrees."""
        pdfium_c.FPDFText_GetLooseCharBox(self.textpage, index, self._rect_pointer)
        return turn(self._rect, angle)

    def size(self, index: int) -> float:
        """Return a character's type size in points."""
        size = float(pdfium_c.FPDFText_GetFontSize(self.textpage, index))
        if pdfium_c.FPDFText_GetMatrix(self.textpage, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        return size or 1.0

    def is_bold(self, index: int) -> bool:
        """Tell whether a character is bold, by the weight or the name of its font."""
        if pdfium_c.FPDFText_GetFontWeight(self.textpage, index) >= _BOLD_WEIGHT:
            return True
        length = pdfium_c.FPDFText_GetFontInfo(
            self.textpage, index, self._name, 128, ctypes.byref(self._flags)
        )
        return 0 < length <= 128 and bool(_BOLD.search(self._name.value.decode("utf-8", "replace")))

    def rise(self, index: int, below: int) -> float:
        """Return how far a character is above the baseline of another, in points."""
        pdfium_c.FPDFText_GetMatrix(self.textpage, below, self._matrix)
        along, aside = self._matrix.a, self._matrix.b
        (x, y), (x0, y0) = self._origin(index), self._origin(below)
        rise: float = (y - y0) * along - (x - x0) * aside
        return rise / (math.hypot(along, aside) or 1.0)

    def _origin(self, index: int) -> tuple[float, float]:
        pdfium_c.FPDFText_GetCharOrigin(self.textpage, index, self._x, self._y)
        return self._x.value, self._y.value

    def gaps(self, letters: Sequence[int]) -> list[float]:
        """Return the horizontal gaps between successive letters, in points."""
        boxes = [self.box(index) for index in letters]
        return [two[0] - one[2] for one, two in pairwise(boxes)]
