"""The glyphs on a PDF's pages: PDFium's characters, and the lines that they make up.

PDFium's coordinates grow upwards; a page whose text runs sideways is turned so that its lines are
level.
"""

from __future__ import annotations

import ctypes
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import groupby, islice, pairwise
from statistics import median
from typing import Any

import pypdfium2 as pdfium
import pypdfium2.raw as pdfium_c

from qa_app.errors import BrokenFileError
from qa_app.loading.limits import needs_password

RESAVE = "Open it in a PDF reader and print or save it as a new PDF."
HYPHEN = "\ufffe"  # PDFium writes it for a hyphen at the end of a line that it joined
NOTHING = "\u2060"  # holds the place of a character that is left out of the text
_PHYSICAL = re.compile(rf"[^\r\n{HYPHEN}]+")  # a line of PDFium's text
_WORD = re.compile(r"\S+")
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
_MARKS = ".,;:()“”‘’\"'"
_SAMPLE = 16  # blanks looked at to tell whether the page has its own
_STRANGE = re.compile("[\ufffd\ue000-\uf8ff\x00-\x08]")  # a code without a meaning
_BOLD = re.compile("bold|black|heavy|demi", re.IGNORECASE)  # in a font's name
_BOLD_WEIGHT = 600  # of CSS: semi-bold

# What may point to a note, after a word or full stop: "UK.69", "data 70, 71", "217,000†".
_MAY_BE_REFERENCE = re.compile(r"(?<=\S) {0,2}(?=[\d*∗†‡§])")
_REFERENCES = re.compile(r"[1-9]\d{0,2}(?:[ ,;–-]{1,2}\d{1,3})*[)*∗†‡§]?|[*∗†‡§]{1,3}")
_SIGNS = "†‡§"  # a star may also say that a figure is significant
_GOES_ON = re.compile(r"\w|\s*[/⁄]")  # "1/4", whose halves PDFium may take for two lines
_LONGEST_REFERENCES = 24  # characters
_SMALL = 0.85  # of its neighbour's size, at most; references have 0.55 to 0.75
_LEAST_RISE, _MOST_RISE = 0.15, 0.7  # over the line, of its neighbour's size; usual: 0.3 to 0.5
_FARTHEST = 0.5  # from its neighbour, of its size; over it stands another cell or column
# What a raised number behind it is a power of, as "m2", "R2", "102", or part of, as of a fraction.
_HAS_POWER = re.compile(
    r"(?:(?<![^\W\d_])(?:[kcdmnµμ]?m|ft|yd)|(?<![^\W_])[^\W\d_]|(?<![\d.,])(?:10|\d)|[-−–+=×·/⁄(<>£$€])$"
)
# Numbers that no power is taken of: years, sums of money, thousands, "COVID-19", "G7".
_NO_POWER = re.compile(
    r"(?:(?<!\d)(?:1[5-9]|20)\d\d(?:[/–-]\d{2,4})?|[£$€]\d[\d.,]*|\d,\d{3}|[^\W\d_xX]-?\d{1,3})$"
)
# Behind a reference: then the blank before it goes too, and one that PDFium put in.
_NO_WORD = re.compile(rf"[\s{HYPHEN}.,;:!?)\]”’]|$")
_BLANK_BEHIND = re.compile(r" (?=[.,;:!?)\]”’])")

_Span = tuple[int, int]
_Box = tuple[float, float, float, float]  # left, bottom, right, top


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
    boxes: dict[int, _Box] = field(default_factory=dict)

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
        if _is_on(_turn(frame, angle), line):
            lines.append(line)
    _, bottom, _, top = _turn(frame, main)
    is_empty = pdfium_c.FPDFPage_CountObjects(page) == 0
    return PageText(lines, bottom, top, _is_garbled(text), is_empty=is_empty)


def _is_on(frame: _Box, line: Line) -> bool:
    """Tell whether any of a line is on the page: beside it nobody sees it."""
    left, bottom, right, top = frame
    return line.x0 < right and line.x1 > left and line.y0 < top and line.y1 > bottom


def _turn(rect: pdfium_c.FS_RECTF, angle: int) -> _Box:
    """Return left, bottom, right and top once the page is turned back by so many degrees.

    Only whole quarters of a turn count.
    """
    left, bottom, right, top = rect.left, rect.bottom, rect.right, rect.top
    if angle == 90:
        return -top, left, -bottom, right
    if angle == 180:
        return -right, -top, -left, -bottom
    if angle == 270:
        return bottom, -right, top, -left
    return left, bottom, right, top


def _is_garbled(text: str) -> bool:
    """Tell whether the characters are mostly codes without a meaning."""
    return 5 * len(_STRANGE.findall(text)) > 2 * len("".join(text.split()))


class _Reader:
    """Measures the lines of one page."""

    def __init__(self, textpage: Any, text: str, number: int, whole: set[str]) -> None:
        self._textpage = textpage
        self.text = text
        self._number = number
        self._whole = whole
        self._rect = pdfium_c.FS_RECTF()
        self._rect_pointer = ctypes.byref(self._rect)
        self._matrix = pdfium_c.FS_MATRIX()
        self._x, self._y = ctypes.c_double(), ctypes.c_double()
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self._lacks_blanks = self._tell_blanks()
        if not self._lacks_blanks:
            self._close_up()
        self._leave_out_references()

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
                opens_bold = self._is_bold(start)
                bold = opens_bold and self._is_bold(start + text.rfind(" ") + 1)
                end = start + len(text)
                line = Line(self._number, start, end, text, *box, size, bold, opens_bold)
                line.hyphenated = hyphenated and stop == spans[-1][1]
                if self._lacks_blanks and angle == 0 and not _RIGHT_TO_LEFT.search(line.text):
                    line.gaps = tuple(self._find_glued(line))
                yield angle, line

    def _group_by_angle(self, spans: list[_Span]) -> Iterator[tuple[int, list[_Span]]]:
        first, last = (read_angle(self._textpage, spans[i][0]) for i in (0, -1))
        if first == last:
            yield first, spans
            return
        for angle, words in groupby(spans, lambda span: read_angle(self._textpage, span[0])):
            yield angle, list(words)

    def _split(self, spans: list[_Span], angle: int) -> Iterator[tuple[int, int, float, _Box]]:
        """Yield (start, end, size, box) of the stretches between wide gaps."""
        size = self._size(self._skip_marker(spans[0][0], spans[-1][1]))
        widest = _WIDEST_SPACE * size
        text = self.text
        whole = angle % 90 != 0 or bool(_RIGHT_TO_LEFT.search(text, spans[0][0], spans[-1][1]))
        start = stop = -1
        x0 = y0 = x1 = y1 = 0.0
        for first, last in spans:
            left, bottom, right, top = self._box(first, angle)
            if last - first > 1:
                edge, _, end, _ = self._box(last - 1, angle)
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
                size = self._size(self._skip_marker(first, spans[-1][1]))
                start, x0, y0, x1, y1 = first, left, bottom, right, top
            stop = last
        yield start, stop, size, (x0, y0, x1, y1)

    def _skip_marker(self, start: int, stop: int) -> int:
        """Return where a line's text begins: its bullet or number may be of another size."""
        marker = _MARKER.match(self.text, start, stop)
        return marker.end() if marker else start

    def _box(self, index: int, angle: int = 0) -> _Box:
        pdfium_c.FPDFText_GetLooseCharBox(self._textpage, index, self._rect_pointer)
        return _turn(self._rect, angle)

    def _size(self, index: int) -> float:
        size = float(pdfium_c.FPDFText_GetFontSize(self._textpage, index))
        if pdfium_c.FPDFText_GetMatrix(self._textpage, index, self._matrix):
            size *= math.hypot(self._matrix.c, self._matrix.d)
        return size or 1.0

    def _is_bold(self, index: int) -> bool:
        if pdfium_c.FPDFText_GetFontWeight(self._textpage, index) >= _BOLD_WEIGHT:
            return True
        length = pdfium_c.FPDFText_GetFontInfo(
            self._textpage, index, self._name, 128, ctypes.byref(self._flags)
        )
        return 0 < length <= 128 and bool(_BOLD.search(self._name.value.decode("utf-8", "replace")))

    def _leave_out_references(self) -> None:
        """Put NOTHING for the raised numbers and signs that point to notes.

        They are no part of what is said. The number that a note begins with has nothing before it
        on its line, and stays.
        """
        for match in _MAY_BE_REFERENCE.finditer(self.text):
            neighbour, start = match.start() - 1, match.end()
            end = self._end_of_raised(start, neighbour)
            if self._is_reference(start, end, neighbour):
                before = match.start() if _NO_WORD.match(self.text, end) else start
                if blank := _BLANK_BEHIND.match(self.text, end):
                    end = blank.end()
                self.text = f"{self.text[:before]}{NOTHING * (end - before)}{self.text[end:]}"

    def _end_of_raised(self, start: int, neighbour: int) -> int:
        """Return where the small raised characters from ``start`` on end."""
        size = self._size(neighbour)
        end = start
        for index in range(start, min(start + _LONGEST_REFERENCES, len(self.text))):
            if self.text[index] == " ":
                continue
            if self.text[index] in "\r\n" or self._size(index) > _SMALL * size:
                break
            if not _LEAST_RISE * size < self._rise(index, neighbour) < _MOST_RISE * size:
                break
            end = index + 1
        return end

    def _is_reference(self, start: int, end: int, neighbour: int) -> bool:
        mark = self.text[start:end]
        goes_on = _GOES_ON.match(self.text, end) and not mark.endswith(")")
        if not _REFERENCES.fullmatch(mark) or goes_on:
            return False
        angle = read_angle(self._textpage, neighbour)
        size = self._size(neighbour)
        distance = self._box(start, angle)[0] - self._box(neighbour, angle)[2]
        before = self.text[max(0, neighbour - _LONGEST_REFERENCES) : start].rstrip()
        if abs(distance) > _FARTHEST * size:
            return False
        if not mark[0].isdigit():
            return mark[0] in _SIGNS or not before[-1].isdigit()
        if _NO_POWER.search(before):
            return True
        # Powers of more than one figure are of 10 or of one figure.
        return not _HAS_POWER.search(before) and not (before[-1].isdigit() and len(mark) == 1)

    def _rise(self, index: int, below: int) -> float:
        """Return how far a character stands above the line of another, in points."""
        pdfium_c.FPDFText_GetMatrix(self._textpage, below, self._matrix)
        along, aside = self._matrix.a, self._matrix.b
        (x, y), (x0, y0) = self._origin(index), self._origin(below)
        rise: float = (y - y0) * along - (x - x0) * aside
        return rise / (math.hypot(along, aside) or 1.0)

    def _origin(self, index: int) -> tuple[float, float]:
        pdfium_c.FPDFText_GetCharOrigin(self._textpage, index, self._x, self._y)
        return self._x.value, self._y.value

    def _tell_blanks(self) -> bool:
        """Tell whether the page leaves gaps where others have blanks."""
        blanks = [blank.start() for blank in islice(re.finditer(" ", self.text), _SAMPLE)]
        put_in = sum(pdfium_c.FPDFText_IsGenerated(self._textpage, i) == 1 for i in blanks)
        return bool(2 * put_in > len(blanks))

    def _close_up(self) -> None:
        """Take out the blanks that PDFium puts before the last letter of widely set words.

        They are many in text that was laid under a scan, whose letters are spread to fit it.
        """
        for match in _SPLIT_OFF.finditer(self.text):
            at = match.start()
            if pdfium_c.FPDFText_IsGenerated(self._textpage, at) == 1:
                usual, gap = self._gaps([at - 2, at - 1]), self._gaps([at - 1, at + 1])
                size = self._size(at - 1)
                if usual[0] > 0.05 * size and gap[0] < usual[0] + 0.05 * size:
                    self.text = f"{self.text[:at]}{NOTHING}{self.text[at + 1 :]}"

    def _find_glued(self, line: Line) -> Iterator[int]:
        """Yield where a word begins after a gap that PDFium finds too narrow for a blank."""
        for match in _WORD.finditer(line.text):
            word = match.group()
            known = word.strip(_MARKS)
            if len(known) < _SHORTEST_GLUED or known in self._whole:
                continue
            gaps = self._gaps(range(line.start + match.start(), line.start + match.end()))
            usual = max(0.0, median(gaps))
            breaks = [
                i
                for i, gap in enumerate(gaps, 1)
                if word[i].isalnum() and gap > usual + _narrowest(word[i - 1 : i + 1]) * line.size
            ]
            if not breaks:
                self._whole.add(known)
            yield from (match.start() + i for i in breaks)

    def _gaps(self, letters: Sequence[int]) -> list[float]:
        """Return the distances between letters that follow each other, in points."""
        boxes = [self._box(index) for index in letters]
        return [two[0] - one[2] for one, two in pairwise(boxes)]


def _narrowest(pair: str) -> float:
    # These letters reach out over their own width.
    return 0.05 if pair[0] == "f" or pair[1] == "j" else _NARROWEST_SPACE


def open_pdf(content: Any) -> Any:
    """Return the ``pypdfium2.PdfDocument`` of a file's bytes or path.

    Raises:
        BrokenFileError: it is damaged, or no PDF.
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
