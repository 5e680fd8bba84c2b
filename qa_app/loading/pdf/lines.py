"""The lines of a PDF page: stretches of text with their places, in the order of the file.

A page whose text runs sideways is turned so that its lines are level.
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

_PHYSICAL = re.compile(rf"[^\r\n{HYPHEN}]+")  # a line of PDFium's text
_WORD = re.compile(r"\S+")
# Hebrew, Arabic and their like, whose gaps cannot be measured from left to right.
_RIGHT_TO_LEFT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc]")
# What may stand apart in front of a line, "3.12" or "(a)": the text behind it is of the same line.
_LABEL = re.compile(r"(?:\(?(?:\d{1,3}(?:\.\d{1,3})*|[a-zA-Z]|[ivxlIVXL]{1,5})[.):]?|\W)$")
_MARKER = re.compile(r"(?:\(?\w{1,3}[.):]?|\W) +(?=\S)")  # may be larger or smaller than the text
# The last letter of a widely set word, which PDFium takes for a word.
_SPLIT_OFF = re.compile(r"(?<=[^\W\d_]{2}) (?=[^\W\d_](?:[\s.,;:)]|$))")
_WIDEST_SPACE = 1.3  # of the size of type; justified lines stay under it
_NARROWEST_SPACE = 0.12  # of the size of type, over the usual distance of a word's letters
_SMALLEST_TYPE = 2.0  # points; nobody reads smaller text
_SHORTEST_GLUED = 4  # letters; in less there are too few gaps to tell the usual one
_MARKS = ".,;:()“”‘’\"'"  # around a word
_SAMPLE = 16  # blanks looked at to tell whether the page has its own
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08]")  # a code without a meaning

_Span = tuple[int, int]


@dataclass(slots=True)
class Line:
    """A stretch of one line on a page.

    Attributes:
        page: from 1.
        start, end: PDFium's numbers of its characters, end excluded.
        text: those characters; references to notes are NOTHING.
        x0, y0, x1, y1: its box in points, y upwards.
        size: size of its type in points.
        bold: whether its first and its last word are in bold type.
        opens_bold: whether its first word is.
        hyphenated: whether a word is broken at its end.
        gaps: offsets in ``text`` where a blank is to be put in.
        is_turned: whether it runs at an angle to the page's other text.
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
        """Whether it is large enough to be meant for readers."""
        return self.y1 - self.y0 >= _SMALLEST_TYPE or self.end < 0


@dataclass(frozen=True, slots=True)
class PageText:
    """The lines of a page in the file's order, and the page's upright size in points.

    ``is_empty`` says that nothing at all is drawn on it.
    """

    lines: list[Line]
    bottom: float
    top: float
    is_garbled: bool = False
    is_broken: bool = False
    is_empty: bool = False


def read_page(pdf: Any, index: int, whole: set[str]) -> PageText:
    """Return the text of the page ``index`` (from 0) of a ``pypdfium2.PdfDocument``.

    A page that cannot be loaded has no lines. ``whole`` collects the document's words that were
    found to be one word, so that none is measured twice.
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
    """Tell whether any of a line is on the page: beside it nobody sees it."""
    left, bottom, right, top = frame
    return line.x0 < right and line.x1 > left and line.y0 < top and line.y1 > bottom


def _is_garbled(text: str) -> bool:
    """Tell whether the characters are mostly codes without a meaning."""
    return 5 * len(_STRANGE.findall(text)) > 2 * len("".join(text.split()))


class _Reader:
    """Puts the characters of one page together into lines."""

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
        """Yield the stretches of a line of PDFium's text with their angles in degrees."""
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
        """Return where a line's text begins: its bullet or number may be of another size."""
        marker = _MARKER.match(self.text, start, stop)
        return marker.end() if marker else start

    def _tell_blanks(self) -> bool:
        """Tell whether the page leaves gaps where others have blanks."""
        blanks = [blank.start() for blank in islice(re.finditer(" ", self.text), _SAMPLE)]
        put_in = sum(self._glyphs.is_generated(i) for i in blanks)
        return 2 * put_in > len(blanks)

    def _close_up(self) -> None:
        """Take out the blanks that PDFium puts before the last letter of widely set words.

        They are many in text that was laid under a scan, whose letters are spread to fit it.
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
        """Yield where a word begins after a gap that PDFium finds too narrow for a blank."""
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
    # These letters reach out over their own width.
    return 0.05 if pair[0] == "f" or pair[1] == "j" else _NARROWEST_SPACE
