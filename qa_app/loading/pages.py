"""A PDF's pages as images, and where on them the words of a quote stand."""

from __future__ import annotations

import ctypes
import io
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pypdfium2.raw as pdfium_c

from qa_app.errors import BrokenFileError
from qa_app.loading.pdf import open_pdf
from qa_app.loading.pdf_text import characters, load_page
from qa_app.models import Document, SourceRun

_MOST_PIXELS = 25_000_000
_GRID = 1_000_000  # steps over the page's width and height when turning points into shares


class Box(NamedTuple):
    """A rectangle on a page as it is shown: shares of its width and height, from the top left."""

    page: int
    x0: float
    y0: float
    x1: float
    y1: float


class _Rectangle(NamedTuple):
    left: float
    bottom: float
    right: float
    top: float


def render_page(path: Path, page: int, scale: float = 1.5) -> bytes:
    """Return a page as a PNG image.

    Args:
        path: a PDF file.
        page: from 1.
        scale: pixels a point; less where the page is very large.

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
    """Return a box a line around the words ``document.text[start:end]`` on the document's pages.

    Words read by OCR have a box each. Empty where the document has no places, as outside PDF.

    Args:
        document: as loaded from ``path``.
        path: the PDF file.
        start, end: offsets in the document's text.

    Raises:
        BrokenFileError: it is damaged, or no PDF, or not the file that was loaded.
        PasswordError: it needs a password.
    """
    by_page: dict[int, list[tuple[int, int]]] = defaultdict(list)
    found: list[Box] = []
    for run in _source_runs(document, start, end):
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


def _source_runs(document: Document, start: int, end: int) -> Iterator[SourceRun]:
    """Yield the runs that share characters with the span."""
    runs = document.source_runs
    at = max(0, bisect_right(runs, start, key=lambda run: run.start) - 1)
    for run in runs[at:]:
        if run.start >= end:
            return
        if start < run.start + run.length:
            yield run


def _page_boxes(pdf: Any, number: int, spans: list[tuple[int, int]]) -> list[Box]:
    page = load_page(pdf, number - 1)
    if not page:
        raise BrokenFileError(f"Its page {number} cannot be read.", "Build the index again.")
    textpage = pdfium_c.FPDFText_LoadPage(page)
    try:
        text = characters(textpage)
        found: list[tuple[_Rectangle, int, str]] = []
        for first, last in spans:
            rectangle = _measure(textpage, first, last)
            words = text[first:last]
            if rectangle is None:
                continue
            if found and _is_next_to(found[-1][0], rectangle) and first - found[-1][1] <= 2:
                joined, _, before = found[-1]
                found[-1] = (_join(joined, rectangle), last, before + words)
            else:
                found.append((rectangle, last, words))
        return [_place(page, number, _tighten(textpage, box, words)) for box, _, words in found]
    finally:
        pdfium_c.FPDFText_ClosePage(textpage)
        pdfium_c.FPDF_ClosePage(page)


def _measure(textpage: Any, first: int, last: int) -> _Rectangle | None:
    """Return the box around characters; as wide as their ink, and over the whole baseline."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    x, y = ctypes.c_double(), ctypes.c_double()
    around: _Rectangle | None = None
    for index in range(first, last):
        if not pdfium_c.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
            continue
        if right.value <= left.value and top.value <= bottom.value:
            continue
        box = _Rectangle(left.value, bottom.value, right.value, top.value)
        around = box if around is None else _join(around, box)
        if pdfium_c.FPDFText_GetCharOrigin(textpage, index, x, y):
            around = _join(around, _Rectangle(x.value, y.value, x.value, y.value))
    return around


def _tighten(textpage: Any, around: _Rectangle, words: str) -> _Rectangle:
    """Return the box, or a lower one where only that holds nothing but the words.

    The lines of some pages are set so closely that their letters reach into each other.
    """
    height = around.top - around.bottom
    for share in (0.0, 0.1, 0.2, 0.3):
        box = around._replace(
            bottom=around.bottom + share * height, top=around.top - share * height
        )
        if _bare(_read(textpage, box)) == _bare(words):
            return box
    return around


def _read(textpage: Any, box: _Rectangle) -> str:
    area = (box.left, box.top, box.right, box.bottom)
    length = pdfium_c.FPDFText_GetBoundedText(textpage, *area, None, 0)
    buffer = (ctypes.c_ushort * (length + 1))()
    pdfium_c.FPDFText_GetBoundedText(textpage, *area, buffer, length)
    return bytes(buffer)[: 2 * length].decode("utf-16-le", "replace")


def _bare(words: str) -> str:
    return "".join(c for c in words if c.isprintable() and not c.isspace())


def _join(one: _Rectangle, two: _Rectangle) -> _Rectangle:
    return _Rectangle(
        min(one.left, two.left),
        min(one.bottom, two.bottom),
        max(one.right, two.right),
        max(one.top, two.top),
    )


def _is_next_to(last: _Rectangle, box: _Rectangle) -> bool:
    shared = min(last.top, box.top) - max(last.bottom, box.bottom)
    return shared > 0.6 * min(last.top - last.bottom, box.top - box.bottom)


def _place(page: Any, number: int, rectangle: _Rectangle) -> Box:
    """Turn points of the page into shares of the page as it is shown, however it is rotated."""
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
