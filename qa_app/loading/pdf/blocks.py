"""Rows of a PDF's pages put together into paragraphs, list items, footnotes and headings."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from qa_app.loading.pdf.layout import Row
from qa_app.loading.pdf.lines import Line
from qa_app.models import BlockKind

_BULLET = re.compile(r"(?:[•▪‣◦●○■□➢►✓✔·∙–—*-]|[\uf000-\uf0ff]|o(?=\s))\s*(?=\S)")
_ITEM = re.compile(r"\(?([a-z]|[ivx]{1,5}|\d{1,3})\)\s*(?=\S)|([a-z]|[ivx]{1,4})\.\s+(?=\S)")
_CLAUSE = re.compile(
    r"(\d{1,3}(?:\.\d{1,3})+)\.?\s+(?=\S)|(\d{1,3})\.(?:\s+(?=[A-Z“‘\"'(\[\d])|(?=[A-Z][A-Za-z\s]))"
)
_NOTE = re.compile(r"(\d{1,3}|[*†‡§])\s*(?=[^\s\d.,%)])")
_CAPTION = re.compile(r"(?:figure|table|chart|box|source|exhibit|map)\s*[\d:.]", re.IGNORECASE)
_CONTENTS = re.compile(r"(?:\.\s?){3,}\s*\w{0,6}$|…\s*\w{0,6}$")
_NO_LETTER = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
_ENDS = (".", "?", "!", ":", ";", ".”", ".’", '."', ".)", "…")
_FULL_STOPS = tuple(end for end in _ENDS if end not in {";", "…"})
_KEYWORD = re.compile(r"(?:chapter|part|section|annex|appendix|volume)\s+[\dA-Z]", re.IGNORECASE)
_USUAL = 5  # lines at one distance
_DEEPEST = 8
_LONGEST_HEADING = 160
_MOST_LINES = 8  # of a heading in the outline
_LARGER = 1.12  # of the body's size

_Style = tuple[int, bool, bool, bool]


@dataclass(slots=True)
class Draft:
    """A block in the making: its lines, and how many characters of the first are its marker."""

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    label: str | None = None
    marker: int = 0
    right: float = 0.0

    @property
    def page(self) -> int:
        """The page that it starts on, from 1."""
        return self.lines[0].page

    @property
    def words(self) -> str:
        """Its words, marker included, on one line."""
        return " ".join(line.text for line in self.lines)


def draft_blocks(pages: Sequence[Sequence[Row]]) -> list[Draft]:
    """Return the blocks of a document in reading order, headings not yet told apart.

    A footnote stands before the paragraph that runs on past the foot of its page, so that pages
    stay in order.
    """
    drafter = _Drafter(pages)
    for rows in pages:
        drafter.take(rows)
    _mark_table_headers(drafter.drafts)
    return drafter.drafts


def _mark_table_headers(drafts: Sequence[Draft]) -> None:
    """Turn a table's first row, where it is words over numbers, into what introduces the rows."""
    last: Draft | None = None
    for i, draft in enumerate(drafts):
        begins = draft.kind is BlockKind.TABLE_ROW and (
            last is None or last.kind is not BlockKind.TABLE_ROW or last.page != draft.page
        )
        last = draft
        rows = drafts[i + 1 : i + 3]
        is_table = len(rows) == 2 and all(row.kind is BlockKind.TABLE_ROW for row in rows)
        if begins and is_table and len(draft.lines) > 1 and not _DIGIT.search(draft.words):
            numbers = sum(bool(_DIGIT.search(row.words)) for row in rows)
            draft.kind = BlockKind.CAPTION if numbers == 2 else draft.kind


class _Drafter:
    def __init__(self, pages: Sequence[Sequence[Row]]) -> None:
        lines = [[line for row in rows for line in row.lines] for rows in pages]
        self.body = _body_size(lines)
        self.drafts: list[Draft] = []
        self._leading = _find_leading(pages)
        self._number = 0

    def take(self, rows: Sequence[Row]) -> None:
        """Add the rows of a page."""
        notes_from = self._find_notes(rows)
        last = self._last_running()
        for i, row in enumerate(rows):
            if i == notes_from:
                last = None
            self._add(row, last, is_note=i >= notes_from)
            last = self.drafts[-1]

    def _last_running(self) -> Draft | None:
        """Return the paragraph that may go on on the next page; it is moved behind its notes."""
        i = len(self.drafts)
        while i and self.drafts[i - 1].kind is BlockKind.FOOTNOTE:
            i -= 1
        if i == 0 or self.drafts[i - 1].kind is BlockKind.TABLE_ROW:
            return None
        running = self.drafts[i - 1]
        if i < len(self.drafts) and not running.words.endswith(_ENDS):
            self.drafts.append(self.drafts.pop(i - 1))
        return running

    def _find_notes(self, rows: Sequence[Row]) -> int:
        """Return the number of the row at which a page's footnotes begin."""
        start = len(rows)
        for i in range(len(rows) - 1, -1, -1):
            row = rows[i]
            if not row.lines[0].is_legible or row.lines[0].is_turned:
                continue
            if row.size > 0.93 * self.body or row.is_table:
                break
            if _NOTE.match(row.opening):
                start = i
        above = rows[start - 1] if 0 < start < len(rows) else None
        # Notes are under the text; small type beside or without it is something else.
        return start if above is not None and above.size > rows[start].size else len(rows)

    def _add(self, row: Row, last: Draft | None, is_note: bool) -> None:
        if row.is_table:
            self.drafts.append(Draft(BlockKind.TABLE_ROW, list(row.lines)))
            return
        draft = self._begin(row, is_note)
        if last is not None and draft.marker == 0 and self._continues(last, row):
            last.lines.extend(row.lines)
            last.right = max(last.right, row.right)
        else:
            self.drafts.append(draft)

    def _begin(self, row: Row, is_note: bool) -> Draft:
        text = row.opening
        draft = Draft(BlockKind.PARAGRAPH, list(row.lines), right=row.right)
        if not row.lines[0].is_legible:
            draft.kind = BlockKind.FOOTNOTE
        elif is_note:
            draft.kind = BlockKind.FOOTNOTE
            if mark := _NOTE.match(text):
                draft.label, draft.marker = mark[1], mark.end()
        elif mark := _CLAUSE.match(text):
            draft.label, draft.marker = mark[1] or mark[2], mark.end()
            self._tell_number(draft, text, mark)
        elif mark := _ITEM.match(text):
            draft.kind, draft.level = BlockKind.LIST_ITEM, 1
            draft.label, draft.marker = mark[1] or mark[2], mark.end()
        elif mark := _BULLET.match(text):
            draft.kind, draft.level, draft.marker = BlockKind.LIST_ITEM, 1, mark.end()
        elif _CAPTION.match(text):
            draft.kind = BlockKind.CAPTION
        return draft

    def _tell_number(self, draft: Draft, text: str, mark: re.Match[str]) -> None:
        """Drop the number of a line that only happens to begin with one, as "2019. It was"."""
        if mark[2] is None:
            return
        number = int(mark[2])
        is_glued = not mark[0][-1].isspace()  # no sentence goes on like that
        if is_glued or number in {1, self._number + 1} or draft.lines[0].bold:
            self._number = number
        elif text[mark.end() :][:1].isdigit() or not 0 <= number - self._number <= 40:
            draft.label, draft.marker = None, 0

    def _continues(self, draft: Draft, row: Row) -> bool:
        """Tell whether a row is the next line of a paragraph."""
        last, line = draft.lines[-1], row.lines[0]
        if draft.kind is BlockKind.TABLE_ROW or abs(last.size - line.size) > 0.12 * last.size:
            return False
        if last.is_turned != line.is_turned:
            return False
        if not line.is_legible:
            return True
        before = last.text
        if last.hyphenated:
            return True
        step = last.y0 - line.y0
        if last.page != line.page or step <= 0:
            return self._runs_over(draft, line)
        if step > self._leading.get(round(last.size), 1.3) * last.size * 1.22 + 0.5:
            return False
        starts_new = not line.text[0].islower() and before.endswith(_ENDS)
        if last.bold != line.bold and (starts_new or all(other.bold for other in draft.lines)):
            return not _is_short(draft, last) and not starts_new
        if starts_new and line.opens_bold and not last.opens_bold:
            return False
        return not self._is_indented(draft, line, starts_new) and not (
            starts_new and _is_short(draft, last)
        )

    def _runs_over(self, draft: Draft, line: Line) -> bool:
        """Tell whether a paragraph goes on in the next column or page."""
        before = draft.words
        if draft.lines[-1].bold != line.bold or before.endswith(_FULL_STOPS):
            return False
        return line.text[0].islower() or before.endswith(",")

    def _is_indented(self, draft: Draft, line: Line, starts_new: bool) -> bool:
        last = draft.lines[-1]
        shift = line.x0 - last.x0
        if abs((line.x0 + line.x1) - (last.x0 + last.x1)) < 4:
            return False  # centred
        if shift > 0.8 * last.size:
            return starts_new and (len(draft.lines) > 1 or draft.marker == 0)
        if shift < -0.8 * last.size and len(draft.lines) > 1:
            return draft.kind is BlockKind.LIST_ITEM or starts_new
        return False


def _is_short(draft: Draft, last: Line) -> bool:
    left = min(line.x0 for line in draft.lines)
    return last.x1 < draft.right - 0.12 * (draft.right - left)


def _find_leading(pages: Sequence[Sequence[Row]]) -> dict[int, float]:
    """Return for each size of type the usual distance of its lines, as a multiple of the size."""
    steps: dict[int, Counter[float]] = defaultdict(Counter)
    for rows in pages:
        for last, row in pairwise(rows):
            step = last.y0 - row.y0
            if abs(last.size - row.size) < 0.5 and 0.8 * row.size < step < 2.2 * row.size:
                steps[round(row.size)][round(step / row.size, 1)] += 1
    usual = {size: found.most_common(1)[0] for size, found in steps.items()}
    return {size: step for size, (step, times) in usual.items() if times >= _USUAL}


def mark_headings(drafts: Sequence[Draft], outline: Sequence[tuple[int, str, int]] = ()) -> None:
    """Turn the drafts that are headings into headings, with their depth.

    Args:
        drafts: blocks in reading order.
        outline: the file's bookmarks as (page from 1, title, depth from 1).
    """
    plain = Counter[bool]()
    for draft in drafts:
        plain[all(line.bold for line in draft.lines)] += len(draft.words)
    body = _body_size([draft.lines for draft in drafts])
    bold_body = plain[True] > plain[False]
    marked = _mark_outlined(drafts, outline)
    found = [
        draft
        for draft in drafts
        if id(draft) in marked or _looks_like_heading(draft, body, bold_body)
    ]
    levels = _rank_styles(found, marked)
    for draft in found:
        draft.level = marked.get(id(draft)) or levels[_style(draft)]
        draft.kind, draft.label, draft.marker = BlockKind.HEADING, None, 0


def _mark_outlined(
    drafts: Sequence[Draft], outline: Sequence[tuple[int, str, int]]
) -> dict[int, int]:
    by_page: dict[int, list[Draft]] = defaultdict(list)
    for draft in drafts:
        by_page[draft.page].append(draft)
    marked: dict[int, int] = {}
    for page, title, depth in outline:
        wanted = _squeeze(title)
        for draft in by_page.get(page, ()):
            if len(draft.lines) > _MOST_LINES:
                continue
            own = _squeeze(draft.words)
            if wanted and (own == wanted or (own.endswith(wanted) and len(own) < len(wanted) + 8)):
                marked.setdefault(id(draft), depth)
                break
    return marked


def _squeeze(text: str) -> str:
    return _NO_LETTER.sub("", text.lower())


def _looks_like_heading(draft: Draft, body: float, bold_body: bool) -> bool:
    if draft.kind in {BlockKind.TABLE_ROW, BlockKind.FOOTNOTE, BlockKind.CAPTION}:
        return False
    if len(draft.lines) > 4 or len(words := draft.words) > _LONGEST_HEADING:
        return False
    letters = [c for c in words if c.isalpha()]
    if len(letters) < 3:
        return False
    if words.endswith((".", ",", ";", ":")) or _CONTENTS.search(words) or words[0].islower():
        return False
    if draft.kind is BlockKind.LIST_ITEM and draft.label is None:
        return False
    size = draft.lines[0].size
    if size >= _LARGER * body:
        return True
    is_bold = all(line.bold for line in draft.lines) and not bold_body
    is_caps = len(letters) > 5 and all(c.isupper() for c in letters) and len(words) < 90
    return size >= 0.93 * body and (is_bold or is_caps) and len(draft.lines) < 4


def _style(draft: Draft) -> _Style:
    line = draft.lines[0]
    letters = [c for c in draft.words if c.isalpha()]
    is_caps = all(c.isupper() for c in letters)
    return round(line.size), bool(_KEYWORD.match(draft.words)), line.bold, is_caps


def _rank_styles(found: Sequence[Draft], marked: dict[int, int]) -> dict[_Style, int]:
    """Return the depth of each style: as the outline has it, else by size, boldness, capitals."""
    outlined: dict[_Style, Counter[int]] = defaultdict(Counter)
    for draft in found:
        if id(draft) in marked:
            outlined[_style(draft)][marked[id(draft)]] += 1
    # The cover's large type is not above the report's own headings.
    inside = {_style(draft) for draft in found if draft.page > 1}
    levels: dict[_Style, int] = {}
    depth = 0
    for style in sorted({_style(draft) for draft in found}, reverse=True):
        if style in outlined:
            depth = outlined[style].most_common(1)[0][0]
        elif style in inside or not inside:
            depth = min(depth + 1, _DEEPEST)
        levels[style] = max(depth, 1)
    return levels


def _body_size(pages: Sequence[Sequence[Line]]) -> float:
    """Return the size of type that most characters are set in, in points."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=sizes.__getitem__, default=10.0)
