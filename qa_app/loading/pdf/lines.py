"""The lines of a PDF page: stretches of text with their boxes, in the order of the file.

The coordinates of sideways text are rotated so that its lines are horizontal.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, islice
from statistics import median
from typing import Any

import pypdfium2.raw as pdfium_c

from qa_app.loading.pdf.glyphs import HYPHEN, NOTHING, Box, Glyphs, characters, open_page, turn
from qa_app.loading.pdf.note_references import leave_out_references

_PHYSICAL = re.compile(rf"[^\r\n{HYPHEN}]+")  # a line of PDFium's text, which may cross columns
_WORD = re.compile(r"\S+")
# Right-to-left scripts (Hebrew, Arabic): their gaps cannot be measured from left to right.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# A label that may stand apart before a line, as "3.12" or "(a)": the text after it is joined to it.
_LABEL = re.compile(r"(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlIVXL]{1,5})[.):]?|\W)$")
# A bullet or number at the start of a line; its type size may differ from the text's.
_MARKER = re.compile(r"(?:\(?\w{1,3}[.):]?|\W) +(?=\S)")
# The last letter of a widely spaced word, which PDFium takes for a separate word.
_SPLIT_OFF = re.compile(r"(?<=[^\W\d_]{2}) (?=[^\W\d_](?:[\s.,;:)]|$))")
_WIDEST_SPACE = 1.3  # times the type size; spaces in justified lines are narrower
_NARROWEST_SPACE = 0.12  # times the type size, above the usual gap between a word's letters
_SMALLEST_TYPE = 2.0  # points; smaller text is hidden text, not meant for readers
_SHORTEST_GLUED = 4  # letters; shorter words have too few gaps to tell the usual one
_MARKS = ".,;:()“”‘’\"'"  # punctuation around a word
_SAMPLE = 16  # spaces checked to tell whether the file itself has them
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08]")  # not a meaningful character

_Span = tuple[int, int]


@dataclass(slots=True)
class Line:
    """A line on a page, or a stretch of it between wide gaps.

    Attributes:
        page: from 1.
        start, end: PDFium's indices of its characters, end excluded; -1 for text read by OCR.
        text: those characters, with NOTHING in place of note references.
        x0, y0, x1, y1: its box in points, y upwards, after rotation to horizontal.
        size: type size in points.
        bold: whether its first and its last word are bold.
        opens_bold: whether its first word is bold.
        hyphenated: whether a word is broken by a hyphen at its end.
        gaps: offsets in ``text`` where a space is missing.
        is_turned: whether it runs at an angle to most of the page's text.
        boxes: of words read by OCR, by their offset in ``text``: left, top, right, bottom in
            shares of the page's width and height.
    """

    page: int
    start: int
    end: int
    text: str
    x0: float
    y0: float
    x1: float
    y1: float
    size: float
    bold: bool
    opens_bold: bool = False
    hyphenated: bool = False
    gaps: tuple[int, ...] = ()
    is_turned: bool = False
    boxes: dict[int, Box] = field(default_factory=dict)

    @property
    def is_legible(self) -> bool:
        """Whether it is large enough to be read; always true of text read by OCR."""
        return self.y1 - self.y0 >= _SMALLEST_TYPE or self.end < 0


@dataclass(frozen=True, slots=True)
class PageText:
    """The lines of a page in the file's order.

    Attributes:
        bottom, top: the page's edges in points, after rotation to horizontal text.
        is_garbled: whether many of its characters have no meaning.
        is_broken: whether the page cannot be loaded.
        is_empty: whether nothing at all is drawn on it.
    """

    lines: list[Line]
    bottom: float
    top: float
    is_garbled: bool = False
    is_broken: bool = False
    is_empty: bool = False


def read_page(pdf: Any, index: int, whole: set[str]) -> PageText:
    """Return the text of the page ``index`` (from 0) of a ``pypdfium2.PdfDocument``.

    A page that cannot be loaded has no lines. ``whole`` is extended by words found to contain no
    missing space, so that the document's words are measured only once.
    """
    with open_page(pdf, index) as (page, textpage):
        if page and textpage:
            return _read(page, textpage, index + 1, whole)
        return PageText([], 0.0, 0.0, is_broken=not page)


def _read(page: Any, textpage: Any, number: int, whole: set[str]) -> PageText:
    text = characters(textpage)
    reader = _Reader(textpage, text, number, whole)
    turned = [
        line for physical in _PHYSICAL.finditer(reader.text) for line in reader.read(physical)
    ]
    angles: Counter[int] = Counter()
    for angle, line in turned:
        angles[angle] += line.end - line.start
    main = angles.most_common(1)[0][0] if angles else 0
    frame = pdfium_c.FS_RECTF()
    pdfium_c.FPDF_GetPageBoundingBox(page, frame)
    lines = []
    for angle, line in turned:
        line.is_turned = abs(angle - main) > 5
        if _is_on(turn(frame, angle), line):
            lines.append(line)
    _, bottom, _, top = turn(frame, main)
    is_empty = pdfium_c.FPDFPage_CountObjects(page) == 0
    return PageText(lines, bottom, top, _is_garbled(text), is_empty=is_empty)


def _is_on(frame: Box, line: Line) -> bool:
    """Tell whether any part of a line is inside the page, and so visible."""
    left, bottom, right, top = frame
    return line.x0 < right and line.x1 > left and line.y0 < top and line.y1 > bottom


def _is_garbled(text: str) -> bool:
    """Tell whether over 40 % of the characters, apart from white space, have no meaning."""
    return 5 * len(_STRANGE.findall(text)) > 2 * len("".join(text.split()))


class _Reader:
    """Assembles the characters of one page into lines."""

    def __init__(self, textpage: Any, text: str, number: int, whole: set[str]) -> None:
        self._glyphs = Glyphs(textpage)
        self.text = text
        self._number = number
        self._whole = whole
        self._lacks_blanks = self._tell_blanks()
        if not self._lacks_blanks:
            self._close_up()
        self.text = leave_out_references(self._glyphs, self.text)

    def read(self, physical: re.Match[str]) -> Iterator[tuple[int, Line]]:
        """Yield the stretches of a line of PDFium's text, each after its angle in degrees."""
        spans = [m.span() for m in _WORD.finditer(self.text, *physical.span())]
        if not spans:
            return
        end = physical.end()
        hyphenated = self.text[end : end + 1] == HYPHEN
        for angle, words in self._group_by_angle(spans):
            for start, stop, size, box in self._split(words, angle):
                text = self.text[start:stop].rstrip(NOTHING)
                opens_bold = self._glyphs.is_bold(start)
                bold = opens_bold and self._glyphs.is_bold(start + text.rfind(" ") + 1)
                end = start + len(text)
                line = Line(self._number, start, end, text, *box, size, bold, opens_bold)
                line.hyphenated = hyphenated and stop == spans[-1][1]
                if self._lacks_blanks and angle == 0 and not _RIGHT_TO_LEFT.search(line.text):
                    line.gaps = tuple(self._find_glued(line))
                yield angle, line

    def _group_by_angle(self, spans: list[_Span]) -> Iterator[tuple[int, list[_Span]]]:
        first, last = (self._glyphs.angle(spans[i][0]) for i in (0, -1))
        if first == last:
            yield first, spans
            return
        for angle, words in groupby(spans, lambda span: self._glyphs.angle(span[0])):
            yield angle, list(words)

    def _split(self, spans: list[_Span], angle: int) -> Iterator[tuple[int, int, float, Box]]:
        """Yield (start, end, size, box) of the stretches between wide gaps."""
        size = self._glyphs.size(self._skip_marker(spans[0][0], spans[-1][1]))
        widest = _WIDEST_SPACE * size
        text = self.text
        whole = angle % 90 != 0 or bool(_RIGHT_TO_LEFT.search(text, spans[0][0], spans[-1][1]))
        start = stop = -1
        x0 = y0 = x1 = y1 = 0.0
        for first, last in spans:
            left, bottom, right, top = self._glyphs.box(first, angle)
            if last - first > 1:
                edge, _, end, _ = self._glyphs.box(last - 1, angle)
                left, right = min(left, edge), max(right, end)
            gap = left - x1
            beside = bottom < y1 and top > y0
            if start < 0:
                start, x0, y0, x1, y1 = first, left, bottom, right, top
            elif whole or (beside and -2 * size <= gap <= widest):
                x0, y0, x1, y1 = min(x0, left), min(y0, bottom), max(x1, right), max(y1, top)
            elif widest < gap < 8 * size and bottom < y1 and _LABEL.match(text[start:stop]):
                x1 = right
            else:
                yield start, stop, size, (x0, y0, x1, y1)
                size = self._glyphs.size(self._skip_marker(first, spans[-1][1]))
                start, x0, y0, x1, y1 = first, left, bottom, right, top
            stop = last
        yield start, stop, size, (x0, y0, x1, y1)

    def _skip_marker(self, start: int, stop: int) -> int:
        """Return where a line's text starts after its bullet or number, if it has one."""
        marker = _MARKER.match(self.text, start, stop)
        return marker.end() if marker else start

    def _tell_blanks(self) -> bool:
        """Tell whether the file has no space characters on this page, only gaps.

        That is the case if PDFium generated more than half of the first ``_SAMPLE`` spaces.
        """
        blanks = [blank.start() for blank in islice(re.finditer(" ", self.text), _SAMPLE)]
        put_in = sum(self._glyphs.is_generated(i) for i in blanks)
        return 2 * put_in > len(blanks)

    def _close_up(self) -> None:
        """Remove the spaces that PDFium generates before the last letter of widely spaced words.

        They are frequent in the text layer of a scan, whose letters are spread to fit the image.
        """
        for match in _SPLIT_OFF.finditer(self.text):
            at = match.start()
            if self._glyphs.is_generated(at):
                (usual,) = self._glyphs.gaps([at - 2, at - 1])
                (gap,) = self._glyphs.gaps([at - 1, at + 1])
                size = self._glyphs.size(at - 1)
                if usual > 0.05 * size and gap < usual + 0.05 * size:
                    self.text = f"{self.text[:at]}{NOTHING}{self.text[at + 1 :]}"

    def _find_glued(self, line: Line) -> Iterator[int]:
        """Yield offsets where a word starts after a gap too narrow to be a space for PDFium."""
        for match in _WORD.finditer(line.text):
            word = match.group()
            known = word.strip(_MARKS)
            if len(known) < _SHORTEST_GLUED or known in self._whole:
                continue
            gaps = self._glyphs.gaps(range(line.start + match.start(), line.start + match.end()))
            usual = max(0.0, median(gaps))
            breaks = [
                i
                for i, gap in enumerate(gaps, 1)
                if word[i].isalnum() and gap > usual + _narrowest(word[i - 1 : i + 1]) * line.size
            ]
            if not breaks:
                self._whole.add(known)
            yield from (match.start() + i for i in breaks)


def _narrowest(pair: str) -> float:
    # An f or j overhangs its own width, which narrows the gap.
    return 0.05 if pair[0] == "f" or pair[1] == "j" else _NARROWEST_SPACE
