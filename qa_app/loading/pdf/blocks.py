"""Groups rows of PDF pages into paragraphs, list items, table rows, notes and headings."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from qa_app.loading.pdf.layout import Row
from qa_app.loading.pdf.lines import Line
from qa_app.models import BlockKind

# A bullet: a printed mark, a private-use code of a symbol font, or the "o" that Word prints.
_BULLET = re.compile(r"(?:[•▪‣◦●○■□➢►✓✔·∙–—*-]|[\uf000-\uf0ff]|o(?=\s))\s*(?=\S)")
# The mark of a list item: "(a) ", "iv) ", "b. ".
_ITEM = re.compile(r"\(?([a-z]|[ivx]{1,5}|\d{1,3})\)\s*(?=\S)|([a-z]|[ivx]{1,4})\.\s+(?=\S)")
# The number of a paragraph: "3.12 ", or "7. " before a capital, opening mark or digit.
_CLAUSE = re.compile(
    r"(\d{1,3}(?:\.\d{1,3})+)\.?\s+(?=\S)|(\d{1,3})\.(?:\s+(?=[A-Z“‘\"'(\[\d])|(?=[A-Z][A-Za-z\s]))"
)
# The number or sign that starts a footnote.
_NOTE = re.compile(r"(\d{1,3}|[*†‡§])\s*(?=[^\s\d.,%)])")
# "Figure 3", "Source:".
_CAPTION = re.compile(r"(?:figure|table|chart|box|source|exhibit|map)\s*[\d:.]", re.IGNORECASE)
# A line of a table of contents: leader dots before the page number.
_CONTENTS = re.compile(r"(?:\.\s?){3,}\s*\w{0,6}$|…\s*\w{0,6}$")
# Dropped to compare headings with bookmarks.
_NO_LETTER = re.compile(r"[\W_]+")
_DIGIT = re.compile(r"\d")
# Ends of sentences and clauses, after which a block is complete.
_ENDS = (".", "?", "!", ":", ";", ".”", ".’", '."', ".)", "…")
_FULL_STOPS = tuple(end for end in _ENDS if end not in {";", "…"})
# A heading that starts with a part of a report: "Chapter 4", "Annex B".
_KEYWORD = re.compile(r"(?:chapter|part|section|annex|appendix|volume)\s+[\dA-Z]", re.IGNORECASE)
_USUAL = 5  # times a line spacing must occur to count as usual
_DEEPEST = 8  # level given to headings at most
_LONGEST_HEADING = 160  # characters; longer text is a paragraph
_MOST_LINES = 8  # of a heading that matches a bookmark
_LARGER = 1.12  # times the body's type size; text this large is a heading

_Style = tuple[int, bool, bool, bool]  # rounded type size, has keyword, is bold, is in capitals


@dataclass(slots=True)
class Draft:
    """A block before it is written as text.

    Attributes:
        marker: length of the bullet or number that starts its first row, 0 without one.
        right: right edge of the text around it in points.
    """

    kind: BlockKind
    lines: list[Line] = field(default_factory=list)
    level: int = 0
    label: str | None = None
    marker: int = 0
    right: float = 0.0

    @property
    def page(self) -> int:
        """The page on which it starts, from 1."""
        return self.lines[0].page

    @property
    def words(self) -> str:
        """Its text on one line, marker included."""
        return " ".join(line.text for line in self.lines)


def draft_blocks(pages: Sequence[Sequence[Row]]) -> list[Draft]:
    """Return the blocks of a document in reading order; ``mark_headings`` then finds headings.

    Footnotes come before a paragraph that continues on the next page, so that pages stay in order.
    """
    drafter = _Drafter(pages)
    for rows in pages:
        drafter.take(rows)
    _mark_table_headers(drafter.drafts)
    return drafter.drafts


def _mark_table_headers(drafts: Sequence[Draft]) -> None:
    """Make a table's first row a caption if it has no digits and the next two rows do."""
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
        """Return the block that may continue on the next page, or None.

        It is moved after the notes on its page unless it ends like a sentence.
        """
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
        """Return the index of the row where a page's footnotes start, ``len(rows)`` without any."""
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
        # Notes are below larger text; small type elsewhere is not a note.
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
        """Drop the number of a line that starts with one by chance, as "2019. It was"."""
        if mark[2] is None:
            return
        number = int(mark[2])
        is_glued = not mark[0][-1].isspace()  # a sentence would have a space here
        if is_glued or number in {1, self._number + 1} or draft.lines[0].bold:
            self._number = number
        elif text[mark.end() :][:1].isdigit() or not 0 <= number - self._number <= 40:
            draft.label, draft.marker = None, 0

    def _continues(self, draft: Draft, row: Row) -> bool:
        """Tell whether a row is the next line of a block."""
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
        """Tell whether a block continues in the next column or page."""
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
    """Return the usual line spacing for each rounded type size, as a multiple of the size."""
    steps: dict[int, Counter[float]] = defaultdict(Counter)
    for rows in pages:
        for last, row in pairwise(rows):
            step = last.y0 - row.y0
            if abs(last.size - row.size) < 0.5 and 0.8 * row.size < step < 2.2 * row.size:
                steps[round(row.size)][round(step / row.size, 1)] += 1
    usual = {size: found.most_common(1)[0] for size, found in steps.items()}
    return {size: step for size, (step, times) in usual.items() if times >= _USUAL}


def mark_headings(drafts: Sequence[Draft], outline: Sequence[tuple[int, str, int]] = ()) -> None:
    """Turn drafts that match a bookmark or look like headings into headings, with their level.

    Args:
        drafts: blocks in reading order; changed in place.
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
    """Return the level of each style: its usual depth in the outline, else by rank.

    Styles rank by type size, then keyword, boldness and capitals.
    """
    outlined: dict[_Style, Counter[int]] = defaultdict(Counter)
    for draft in found:
        if id(draft) in marked:
            outlined[_style(draft)][marked[id(draft)]] += 1
    # Styles used only on the cover do not push the report's own headings a level down.
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
    """Return the type size of most characters in points, to the nearest half point."""
    sizes: Counter[float] = Counter()
    for lines in pages:
        for line in lines:
            sizes[round(line.size * 2) / 2] += len(line.text)
    return max(sizes, key=sizes.__getitem__, default=10.0)
