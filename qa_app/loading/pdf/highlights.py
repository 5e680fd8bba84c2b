"""Copies of a PDF with highlight annotations on quotes.

Every highlight is read back from the finished copy: one that does not hold its quote's words, and
those alone, is taken out again. A quote without a highlight leaves a note on its page that says so.
"""

from __future__ import annotations

import ctypes
import hashlib
import io
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2.raw as pdfium_c
from pikepdf import Array, Dictionary, Name

from qa_app.errors import BrokenFileError
from qa_app.loading.pages import (
    Rectangle,
    bare,
    line_rectangles,
    point_of,
    source_runs,
)
from qa_app.loading.pdf.glyphs import (
    HYPHEN,
    RESAVE,
    characters,
    open_page,
    open_pdf,
)
from qa_app.models import Document, Mark

AUTHOR = "qa_app"
_COLOUR = (1, 0.87, 0.3)  # yellow; text under it keeps a contrast of over 7
_PRINTED = 4  # the flag of an annotation that is printed with its page
_NOTE_SIZE = 20  # points: width and height of the icon of a note
_NOTES_A_ROW = 20  # as fit side by side on a page
_POPUP = (200, 100)  # points: width and height of an opened popup
_LONGEST_WORDS = 300  # characters of a quote that a note repeats
_NO_PLACE = "The place of these words on the page is not known."
_OTHER_WORDS = "A highlight there would not hold these words alone."

# Page, from 1, to the rectangles of a mark on it, in points and in reading order.
Places = Mapping[int, Sequence[Rectangle]]


def mark_pdf(
    path: Path, sha256: str, document: Document, marks: Sequence[Mark]
) -> tuple[bytes, tuple[str, ...]]:
    """Return the PDF with a highlight on each mark, and for each mark "" or why it has none.

    An encrypted file stays so, with the same permissions.

    Args:
        document: as loaded from the file; its text is not needed.

    Raises:
        BrokenFileError: it is damaged, or not the file with this SHA-256, or cannot be written.
        PasswordError: it needs a password.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise BrokenFileError("It has changed since the index was built.", "Build it again.")
    with closing(open_pdf(content)) as pdf:
        places = [_find(pdf, document, mark) for mark in marks]
    reasons = ["" if found else _NO_PLACE for found in places]
    while True:
        copy = _write(content, document, marks, places)
        with closing(open_pdf(copy)) as pdf:
            wrong = _misplaced(pdf, document, marks, places)
        if not wrong:
            return copy, tuple(reasons)
        for number in wrong:
            places[number], reasons[number] = {}, _OTHER_WORDS


def _find(pdf: Any, document: Document, mark: Mark) -> Places:
    """Return where a mark is; nothing unless all of its words have a place."""
    spans: dict[int, list[tuple[int, int]]] = defaultdict(list)
    scanned: dict[int, list[Rectangle]] = defaultdict(list)
    covered = ""
    for run in source_runs(document, mark.start, mark.end):
        first, last = max(mark.start, run.start), min(mark.end, run.start + run.length)
        covered += mark.words[first - mark.start : last - mark.start]
        if run.box is None:
            spans[run.page].append((first + run.index - run.start, last + run.index - run.start))
        else:
            with open_page(pdf, run.page - 1) as (page, _):
                left, top, right, bottom = run.box
                corners = (*point_of(page, left, top), *point_of(page, right, bottom))
            scanned[run.page].append(_around(corners))
    if bare(covered) != bare(mark.words):
        return {}
    found: dict[int, Sequence[Rectangle]] = dict(scanned)
    for number, chosen in spans.items():
        with open_page(pdf, number - 1) as (_, textpage):
            lines = line_rectangles(textpage, chosen) if textpage else []
        if not lines:
            return {}
        found[number] = [*scanned[number], *lines]
    return dict(sorted(found.items()))


def _write(
    content: bytes, document: Document, marks: Sequence[Mark], places: Sequence[Places]
) -> bytes:
    copy = io.BytesIO()
    try:
        with pikepdf.open(io.BytesIO(content)) as pdf:
            notes = 0
            for mark, found in zip(marks, places, strict=True):
                for number, rectangles in found.items():
                    _add(pdf, number, _highlight(pdf, rectangles, mark.note))
                if not found:
                    number = document.page_at(mark.start) or 1
                    _add(pdf, number, _note(pdf.pages[number - 1], mark.words, notes))
                    notes += 1
            # With the same content the copy has the same bytes, unless it is encrypted.
            pdf.save(copy, encryption=pdf.is_encrypted, deterministic_id=not pdf.is_encrypted)
    except (pikepdf.PdfError, IndexError, TypeError, ValueError) as exc:
        raise BrokenFileError("It is too damaged to be written again.", RESAVE) from exc
    return copy.getvalue()


def _add(pdf: pikepdf.Pdf, number: int, annotation: Dictionary) -> None:
    """Put an annotation and its popup on a page (from 1), behind those that are there."""
    page = pdf.pages[number - 1].obj
    there = page.get("/Annots")
    added = pdf.make_indirect(annotation)
    added.P = page
    _, _, right, top = (float(value) for value in added.Rect)
    width, height = _POPUP
    popup = Dictionary(
        Type=Name.Annot,
        Subtype=Name.Popup,
        Parent=added,
        Rect=[right, top - height, right + width, top],
        Open=False,
    )
    added.Popup = pdf.make_indirect(popup)
    page.Annots = Array([*(there if isinstance(there, Array) else ()), added, added.Popup])


def _highlight(pdf: pikepdf.Pdf, rectangles: Sequence[Rectangle], note: str) -> Dictionary:
    box = _around([value for item in rectangles for value in item])
    # The corners of each line in the order that viewers expect: upper left, upper right, lower
    # left, lower right.
    corners = [
        value
        for left, bottom, right, top in rectangles
        for value in (left, top, right, top, left, bottom, right, bottom)
    ]
    drawn = "".join(
        f"{left:.3f} {bottom:.3f} {right - left:.3f} {top - bottom:.3f} re f "
        for left, bottom, right, top in rectangles
    )
    look = pdf.make_stream(
        f"/Over gs {_COLOUR[0]} {_COLOUR[1]} {_COLOUR[2]} rg {drawn}".encode(),
        Type=Name.XObject,
        Subtype=Name.Form,
        BBox=_numbers(box),
        # The colour is multiplied with the page, so that the words stay readable.
        Resources=Dictionary(ExtGState=Dictionary(Over=Dictionary(BM=Name.Multiply))),
    )
    return Dictionary(
        Type=Name.Annot,
        Subtype=Name.Highlight,
        Rect=_numbers(box),
        QuadPoints=_numbers(corners),
        AP=Dictionary(N=look),
        C=list(_COLOUR),
        F=_PRINTED,
        T=AUTHOR,
        Contents=_text(note),
    )


def _note(page: pikepdf.Page, words: str, number: int) -> Dictionary:
    """Return a note at the top of a page about words that could not be highlighted.

    ``number``, from 0, puts the notes beside one another.
    """
    left, _, _, top = (float(value) for value in page.cropbox)
    left += number % _NOTES_A_ROW * _NOTE_SIZE
    words = " ".join(words.split())
    cut = words if len(words) <= _LONGEST_WORDS else f"{words[:_LONGEST_WORDS]}…"
    return Dictionary(
        Type=Name.Annot,
        Subtype=Name.Text,
        Name=Name.Comment,
        Rect=_numbers((left, top - _NOTE_SIZE, left + _NOTE_SIZE, top)),
        C=list(_COLOUR),
        F=_PRINTED,
        T=AUTHOR,
        Contents=_text(f"Not highlighted, as their place on the page is not known: ‘{cut}’"),
    )


def _misplaced(
    pdf: Any, document: Document, marks: Sequence[Mark], places: Sequence[Places]
) -> set[int]:
    """Return the numbers of marks whose highlights in the copy hold other words than theirs."""
    on_page: dict[int, list[int]] = defaultdict(list)
    for number, found in enumerate(places):
        for page in found:
            on_page[page].append(number)
    held: dict[int, str] = defaultdict(str)
    wrong: set[int] = set()
    for page, numbers in sorted(on_page.items()):
        quads = _read_highlights(pdf, page)[-len(numbers) :]
        if len(quads) < len(numbers):
            wrong.update(numbers)
            continue
        with open_page(pdf, page - 1) as (_, textpage):
            letters = list(_letters(textpage)) if textpage else []
        for number, rectangles in zip(numbers, quads, strict=True):
            held[number] += _under(letters, rectangles)
    for number, (mark, found) in enumerate(zip(marks, places, strict=True)):
        if found and held[number] != _expected(document, mark):
            wrong.add(number)
    return wrong


def _expected(document: Document, mark: Mark) -> str:
    """Return the letters of a mark, without those of scanned pages, which hold none."""
    return "".join(
        bare(
            mark.words[max(0, run.start - mark.start) : max(0, run.start + run.length - mark.start)]
        )
        for run in source_runs(document, mark.start, mark.end)
        if run.box is None
    )


def _read_highlights(pdf: Any, number: int) -> list[list[Rectangle]]:
    """Return the rectangles of each highlight annotation of a page, in order."""
    page = pdfium_c.FPDF_LoadPage(pdf.raw, number - 1)
    found = []
    quad = pdfium_c.FS_QUADPOINTSF()
    for index in range(pdfium_c.FPDFPage_GetAnnotCount(page) if page else 0):
        note = pdfium_c.FPDFPage_GetAnnot(page, index)
        if pdfium_c.FPDFAnnot_GetSubtype(note) == pdfium_c.FPDF_ANNOT_HIGHLIGHT:
            lines = []
            for line in range(pdfium_c.FPDFAnnot_CountAttachmentPoints(note)):
                pdfium_c.FPDFAnnot_GetAttachmentPoints(note, line, quad)
                lines.append(_around((quad.x1, quad.y1, quad.x4, quad.y4)))
            found.append(lines)
        pdfium_c.FPDFPage_CloseAnnot(note)
    if page:
        pdfium_c.FPDF_ClosePage(page)
    return found


def _letters(textpage: Any) -> Iterator[tuple[str, float, float]]:
    """Yield each visible character of a page with the middle of its box."""
    left, right, bottom, top = (ctypes.c_double() for _ in range(4))
    for index, letter in enumerate(characters(textpage)):
        shown = "-" if letter == HYPHEN else letter
        if bare(shown) and pdfium_c.FPDFText_GetCharBox(textpage, index, left, right, bottom, top):
            yield shown, (left.value + right.value) / 2, (bottom.value + top.value) / 2


def _under(letters: Sequence[tuple[str, float, float]], rectangles: Sequence[Rectangle]) -> str:
    """Return the characters whose middle is in a rectangle, each once, by rectangle."""
    found: dict[int, str] = {}
    for left, bottom, right, top in rectangles:
        for index, (letter, x, y) in enumerate(letters):
            if left <= x <= right and bottom <= y <= top:
                found.setdefault(index, letter)
    return "".join(found.values())


def _around(values: Sequence[float]) -> Rectangle:
    """Return the rectangle around points, given as x, y, x, y and so on."""
    across, up = values[::2], values[1::2]
    return Rectangle(min(across), min(up), max(across), max(up))


def _numbers(values: Iterable[float]) -> Array:
    return Array([round(value, 3) for value in values])


def _text(words: str) -> pikepdf.String:
    return pikepdf.String(words.encode("utf-8", "replace").decode("utf-8"))
