"""Writes drafts of PDF blocks as text, and records where on its page each stretch comes from."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence

from qa_app.loading.builder import INVISIBLE, LIGATURES
from qa_app.loading.limits import check_characters
from qa_app.loading.pdf.blocks import Draft
from qa_app.loading.pdf.lines import Line
from qa_app.models import Block, BlockKind, SourceRun

# What is not copied unchanged: white space other than single spaces, ligatures, invisible marks.
_ODD = re.compile(rf"\s\s|[^\S ]|[{''.join(map(chr, LIGATURES))}]|{INVISIBLE.pattern}")
# Words of letters, hyphens inside included; the parts of a word before and after a line break.
_WORD = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_LAST_PART = re.compile(r"([^\W\d_]+)-?$")
_SUSPENDED = re.compile(r"(?:and|or|to)\b(?!-)")  # "pre- and post-war": not one word
_FIRST_PART = re.compile(r"[^\W\d_]+")

_Piece = tuple[Line, int, int]


class BlockWriter:
    """The text of drafts, with its blocks, page starts and source runs.

    Args:
        drafts: in reading order.
        pages: number of pages of the document.

    Raises:
        LimitError: the text is too long.
    """

    def __init__(self, drafts: Sequence[Draft], pages: int) -> None:
        self.blocks: list[Block] = []
        self.runs: list[SourceRun] = []
        self.page_starts: list[int] = []
        self._parts: list[str] = []
        self._length = 0
        lines = [line for draft in drafts for line in draft.lines]
        broken = any(line.hyphenated or line.text[-1] == "-" for line in lines)
        self._words = _count_words(lines) if broken else Counter[str]()
        for draft in drafts:
            self._add(draft)
        self.page_starts += [self._length] * (pages - len(self.page_starts))

    @property
    def text(self) -> str:
        """The text of all drafts."""
        return "".join(self._parts)

    def _add(self, draft: Draft) -> None:
        """Write a draft as one line of the text, and add its block, which excludes the marker."""
        pieces = list(_cut(draft.lines, draft.marker))
        if self._parts and draft.kind is BlockKind.HEADING:
            self._put("\n")
        begin, start = len(self._parts), self._length
        for i, (line, first, last) in enumerate(pieces):
            is_marker = draft.marker > 0 and i == 0
            following = pieces[i + 1][0] if i + 1 < len(pieces) else None
            is_cell = draft.kind is BlockKind.TABLE_ROW and not is_marker
            joined, hyphen = self._mend(line, None if is_cell else following)
            if joined and not hyphen and line.text[last - 1] == "-":
                last -= 1
            self._write(line, first, last)
            if hyphen and line.text[last - 1] != "-":
                self._run(line, len(line.text), 1)
                self._put("-")
            if following is not None and not joined and not _closes(line, following):
                self._put("\t" if is_cell else " ")
            if is_marker:
                begin, start = len(self._parts), self._length
        while len(self._parts) > begin and self._parts[-1].isspace():
            self._length -= len(self._parts.pop())
        words = "".join(self._parts[begin:])
        if bare := words.strip():
            start += len(words) - len(words.lstrip())
            self.blocks.append(
                Block(start, start + len(bare), draft.kind, draft.level, draft.label)
            )
            self._put("\n")
        check_characters(self._length)

    def _mend(self, line: Line, following: Line | None) -> tuple[bool, bool]:
        """Return whether to join the next line without a space, and whether to keep the hyphen."""
        if following is None or not (line.hyphenated or line.text[-1] == "-"):
            return False, line.hyphenated
        if _SUSPENDED.match(following.text):
            return False, True
        last, first = _LAST_PART.search(line.text), _FIRST_PART.match(following.text)
        if last is None or first is None:
            # "2007-2008", or a web address that continues.
            within = line.text[-2:-1].isalnum() and following.text[0].isalnum()
            return line.hyphenated or within, True
        one, two = last[1].lower(), first[0].lower()
        whole, parted = self._words[one + two], self._words[f"{one}-{two}"]
        is_acronym = len(one) > 1 and last[1].isupper()  # "UK-launched"
        if not first[0][0].islower() or parted > whole or is_acronym:
            return True, True
        # "evidence-based": two words that each occur at least three times, not halves of one.
        rare = min(len(one), len(two)) < 4 or min(self._words[one], self._words[two]) < 3
        return True, whole == 0 and not rare

    def _write(self, line: Line, first: int, last: int) -> None:
        while len(self.page_starts) < line.page:
            self.page_starts.append(self._length)
        text = line.text[first:last]
        gaps = {gap for gap in line.gaps if first < gap < last}
        if not gaps and not line.boxes and not _ODD.search(text):
            self._run(line, first, len(text))
            self._put(text)
            return
        for match in re.finditer(r"\S+", text):
            if match.start():
                self._put(" ")
            if box := line.boxes.get(first + match.start()):
                length = len("".join(w for _, w in _letters(match.group(), 0, set())))
                self.runs.append(SourceRun(self._length, length, line.page, -1, box))
            for offset, letters in _letters(match.group(), first + match.start(), gaps):
                if offset >= 0:
                    self._run(line, offset, len(letters))
                self._put(letters)

    def _run(self, line: Line, offset: int, length: int) -> None:
        if line.end > 0:
            self.runs.append(SourceRun(self._length, length, line.page, line.start + offset))

    def _put(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)


def _closes(line: Line, following: Line) -> bool:
    """Tell whether ``following`` is punctuation right after the line, as after a raised number."""
    beside = following.y0 < line.y1 and following.y1 > line.y0
    gap = following.x0 - line.x1
    return following.text[0] in ".,;:)" and beside and abs(gap) < 0.3 * line.size


def _cut(lines: Sequence[Line], marker: int) -> Iterator[_Piece]:
    """Yield (line, start, end) for the marker, if there is one, then for the text after it."""
    first, *others = lines
    if marker >= len(first.text) and others:
        # The marker is a stretch of its own; it may include the space before the next.
        yield first, 0, len(first.text)
    elif marker:
        yield first, 0, len(first.text[:marker].rstrip())
        yield first, marker, len(first.text)
    else:
        yield first, 0, len(first.text)
    for line in others:
        yield line, 0, len(line.text)


def _letters(word: str, offset: int, gaps: set[int]) -> Iterator[tuple[int, str]]:
    """Yield (offset, letters) for the stretches of a word that are unchanged from the source.

    The letters of a ligature are yielded one by one with the offset of the ligature; an inserted
    space has the offset -1.
    """
    plain = ""
    for i, letter in enumerate(word, offset):
        expanded = INVISIBLE.sub("", letter).translate(LIGATURES)
        if (i in gaps or expanded != letter) and plain:
            yield i - len(plain), plain
            plain = ""
        if i in gaps:
            yield -1, " "
        if expanded == letter:
            plain += letter
        else:
            for part in expanded:
                yield i, part
    if plain:
        yield offset + len(word) - len(plain), plain


def _count_words(lines: Sequence[Line]) -> Counter[str]:
    words: Counter[str] = Counter()
    for line in lines:
        found = _WORD.findall(line.text.lower())
        # Half a word at a line end is not counted.
        words.update(found[:-1] if line.hyphenated or line.text[-1] == "-" else found)
    return words
