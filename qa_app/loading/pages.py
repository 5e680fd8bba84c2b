"""PDF pages as images, and the boxes of a quote's words on them."""

from __future__ import annotations

import ctypes
import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from qa_app.errors import BrokenFileError
from qa_app.loading.pdf.glyphs import characters, open_page, open_pdf, read_angle
from qa_app.models import Document, SourceRun

_MOST_PIXELS = 25_000_000  # of an image: 100 MB at four bytes a pixel
_MOST_SKIPPED = 2  # characters between two boxed ones of a line: a space, or a dropped mark
_WIDEST_GAP = 1.5  # times the line's height; over a wider gap a box would hold other text
_GRID = 1_000_000  # integer device units across the page: shares are exact to 1/_GRID


class Box(NamedTuple):
    """A rectangle on a displayed page (from 1), in shares of its width and height from top left."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class Rectangle(NamedTuple):
    """A rectangle in PDF points, y upwards."""

    left: float
    bottom: float
    right: float
    top: float

    def join(self, other: Rectangle) -> Rectangle:
        """Return the smallest rectangle around both."""
        return Rectangle(
            min(self.left, other.left),
            min(self.bottom, other.bottom),
            max(self.right, other.right),
            max(self.top, other.top),
        )

    def turn(self) -> Rectangle:
        """Return the rectangle with its axes exchanged."""
        return Rectangle(self.bottom, self.left, self.top, self.right)


class _Stretch(NamedTuple):
    """Characters on one line, with their box in points.

    ``last`` is PDFium's index after the last of them; ``angle`` is the line's, 0 to 179 degrees.
    """

    box: Rectangle
    words: str
    last: int
    angle: int

    def goes_on_with(self, other: _Stretch) -> bool:
        """Tell whether the next character is on the same line; never on a slanted line."""
        skipped = other.last - 1 - self.last
        if self.angle != other.angle or self.angle % 90 or not 0 <= skipped <= _MOST_SKIPPED:
            return False
        one, two = (stretch.box.turn() if self.angle else stretch.box for stretch in (self, other))
        shared = min(one.top, two.top) - max(one.bottom, two.bottom)
        gap = max(one.left, two.left) - min(one.right, two.right)
        lower, higher = sorted((one.top - one.bottom, two.top - two.bottom))
        # Adjacent letters may be raised; after a skipped character, little overlap is a new line.
        return shared > (0.6 if skipped else 0.1) * lower and gap < _WIDEST_GAP * higher

    def join(self, other: _Stretch) -> _Stretch:
        """Return one stretch for both."""
        box = self.box.join(other.box)
        return _Stretch(box, self.words + other.words, other.last, self.angle)

    def boxes(self) -> Iterator[Rectangle]:
        """Yield the box, then smaller ones, as neighbouring text may reach into its edges."""
        box = self.box.turn() if self.angle == 90 else self.box
        height, width = box.top - box.bottom, box.right - box.left
        for ends in (0.0, 0.1):
            for share in (0.0, 0.1, 0.2, 0.3, 0.4):
                down = share * height
                aside = share * width if self.angle % 90 else min(ends * height, 0.4 * width)
                smaller = Rectangle(
                    box.left + aside, box.bottom + down, box.right - aside, box.top - down
                )
                yield smaller.turn() if self.angle == 90 else smaller


def render_page(path: Path, page: int, scale: float = 1.5) -> bytes:
    """Return a page of the PDF file ``path`` as a PNG image.

    Args:
        page: from 1.
        scale: pixels per point; reduced where the image would have too many pixels.

    Raises:
        BrokenFileError: it is damaged, or no PDF.
        PasswordError: it needs a password.
        ValueError: it has no such page.
    """
    pdf = open_pdf(path)
    try:
        if not 1 <= page <= len(pdf):
            raise ValueError(f"{path.name} has pages 1 to {len(pdf)}, not {page}")
        sheet = pdf[page - 1]
        width, height = sheet.get_size()
        most = (_MOST_PIXELS / max(1.0, width * height)) ** 0.5
        image = io.BytesIO()
        sheet.render(scale=min(scale, most)).to_pil().save(image, "PNG")
        return image.getvalue()
    finally:
        pdf.close()


def boxes(document: Document, path: Path, start: int, end: int) -> list[Box]:
    """Return boxes around ``document.text[start:end]`` on the PDF's pages, one per line.

    Words read by OCR have one box each. Empty where the document has no source runs, as in all
    formats other than PDF.

    Args:
        document: as loaded from the PDF file ``path``.
        start, end: offsets in the document's text.

    Raises:
        BrokenFileError: it is damaged, or no PDF, or not the file that was loaded.
        PasswordError: it needs a password.
    """
    by_page: dict[int, list[tuple[int, int]]] = defaultdict(list)
    found: list[Box] = []
    for run in source_runs(document, start, end):
        first, last = max(start, run.start), min(end, run.start + run.length)
        if run.box is not None:
            found.append(Box(run.page, *run.box))
        else:
            shift = run.index - run.start
            by_page[run.page].append((first + shift, last + shift))
    if not by_page:
        return found
    pdf = open_pdf(path)
    try:
        for page, spans in by_page.items():
            found.extend(_page_boxes(pdf, page, spans))
        return found
    finally:
        pdf.close()


def source_runs(document: Document, start: int, end: int) -> Iterator[SourceRun]:
    """Yield the source runs that overlap the span."""
    runs = document.source_runs
    at = max(0, bisect_right(runs, start, key=lambda run: run.start) - 1)
    for run in runs[at:]:
        if run.start >= end:
            return
        if start < run.start + run.length:
            yield run


def _page_boxes(pdf: Any, number: int, spans: list[tuple[int, int]]) -> list[Box]:
    with open_page(pdf, number - 1) as (page, textpage):
        if not textpage:
            raise BrokenFileError(f"Its page {number} cannot be read.", "Build the index again.")
        return [_place(page, number, line) for line in line_rectangles(textpage, spans)]


def line_rectangles(textpage: Any, spans: Iterable[tuple[int, int]]) -> list[Rectangle]:
    """Return rectangles around characters of a page, one per line, in the order of ``spans``.

    ``spans`` are PDFium's indices of the first character and after the last.
    """
    text = characters(textpage)
    found: list[_Stretch] = []
    for first, last in spans:
        for stretch in _measure(textpage, text, first, last):
            skipped = text[found[-1].last : stretch.last - 1] if found else ""
            # Do not box what the text leaves out, such as a note reference.
            if found and not bare(skipped) and found[-1].goes_on_with(stretch):
                found[-1] = found[-1].join(stretch)
            else:
                found.append(stretch)
    return [_tighten(textpage, stretch) for stretch in found]


def _measure(textpage: Any, text: str, first: int, last: int) -> Iterator[_Stretch]:
    """Yield the characters with a visible box, extended to the baseline."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    x, y = ctypes.c_double(), ctypes.c_double()
    for index in range(first, last):
        if not pdfium_c.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
            continue
        if right.value <= left.value and top.value <= bottom.value:
            continue
        box = Rectangle(left.value, bottom.value, right.value, top.value)
        if pdfium_c.FPDFText_GetCharOrigin(textpage, index, x, y):
            box = box.join(Rectangle(x.value, y.value, x.value, y.value))
        yield _Stretch(box, text[index], index + 1, read_angle(textpage, index) % 180)


def _tighten(textpage: Any, stretch: _Stretch) -> Rectangle:
    """Return the first of a stretch's boxes that holds only its words, else its whole box."""
    words = bare(stretch.words)
    fitting = (box for box in stretch.boxes() if bare(read_rectangle(textpage, box)) == words)
    return next(fitting, stretch.box)


def read_rectangle(textpage: Any, rectangle: Rectangle) -> str:
    """Return the text that PDFium finds inside a rectangle in points."""
    area = (rectangle.left, rectangle.top, rectangle.right, rectangle.bottom)
    length = pdfium_c.FPDFText_GetBoundedText(textpage, *area, None, 0)
    buffer = (ctypes.c_ushort * (length + 1))()
    pdfium_c.FPDFText_GetBoundedText(textpage, *area, buffer, length)
    return bytes(buffer)[: 2 * length].decode("utf-16-le", "replace")


def bare(words: str) -> str:
    """Return the words without white space, controls and PDFium's marks."""
    return "".join(c for c in words if c.isprintable() and not c.isspace())


def point_of(page: Any, across: float, down: float) -> tuple[float, float]:
    """Return the point, in points, at shares of the displayed page's width and height."""
    x, y = ctypes.c_double(), ctypes.c_double()
    place = (round(across * _GRID), round(down * _GRID))
    pdfium_c.FPDF_DeviceToPage(page, 0, 0, _GRID, _GRID, 0, *place, x, y)
    return x.value, y.value


def _place(page: Any, number: int, rectangle: Rectangle) -> Box:
    """Convert points to shares of the displayed page, taking its rotation into account."""
    x, y = ctypes.c_int(), ctypes.c_int()
    corners = []
    for across, up in ((rectangle.left, rectangle.top), (rectangle.right, rectangle.bottom)):
        pdfium_c.FPDF_PageToDevice(page, 0, 0, _GRID, _GRID, 0, across, up, x, y)
        corners.append((x.value / _GRID, y.value / _GRID))
    (x0, y0), (x1, y1) = corners
    return Box(
        number,
        max(0.0, min(x0, x1)),
        max(0.0, min(y0, y1)),
        min(1.0, max(x0, x1)),
        min(1.0, max(y0, y1)),
    )
