"""Plain text and reStructuredText: headings, bullets, numbered paragraphs, hard-wrapped lines.

Plain headings are recognised by the look of their lines, those of reStructuredText by underlines.

The document's text is the file's, without a byte order mark and with line ends as ``\\n``, so an
offset is a position in the file. Numbers and bullets stay in the text but outside the blocks.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import pairwise

from bs4.dammit import EncodingDetector

from qa_app.errors import BrokenFileError
from qa_app.loading.metadata import title_from_path
from qa_app.models import Block, BlockKind, Document

# Bullets: printed characters, and private-use codes of Word's Symbol and Wingdings fonts.
_BULLET = re.compile(r"(?:[-*•▪‣◦●○·–—]|\uf0b7|\uf0a7)[ \t]+(?=\S)")
# A list item's mark: "(a) ", "1. ", "iv) ", or alone on its line.
_ITEM = re.compile(r"\(?(\d{1,3}|[a-zA-Z]|[ivx]{1,5})[.)](?:[ \t]+(?=\S)|$)")
# The number of a paragraph: "3.12 ".
_CLAUSE = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)\.?[ \t]+(?=\S)")
# The number of a possible heading: "2 " or "2.1. " before a capital or opening punctuation.
_NUMBERED = re.compile(r"(\d{1,3}(?:\.\d{1,3})*)\.?[ \t]+(?=[A-Z“\"'(])")
# A heading that starts with a part of a report: "Annex B", "Chapter 4".
_KEYWORD = re.compile(r"(?:section|chapter|part|annex|appendix|schedule)\s+[\dA-Z][\w.]*\b", re.I)
# A line without letters or digits, as of dashes or stars.
_RULE = re.compile(r"[\W_]+$")
# A line of a table of contents: leader dots, or a tab, before the page number.
_CONTENTS = re.compile(r"(?:\.\s?){3,}\s*\d*$|\t\d+$")
# Page footers: "Page 3 of 9", "Annual report - 39", "Revised 1/2/15".
_FOOTER = re.compile(
    r"""^page\s+\d{1,4} (\s+of\s+\d+)? $
    | ^\S.*\s [-–|]\s* (page\s+)? \d{1,4} $
    | ^[A-Z].{0,30} \d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}""",
    re.IGNORECASE | re.VERBOSE,
)
# An RST heading: a line over a line of punctuation, or between two. The characters are those
# that the RST specification recommends.
_UNDERLINED = re.compile(
    r"^(?:(?P<over>[=\-`:.'\"~^_*+#])(?P=over){2,}[ \t]*\n)?"
    r"[ \t]*(?P<words>\S[^\n]*)\n(?P<under>[=\-`:.'\"~^_*+#])(?P=under){2,}[ \t]*$",
    re.MULTILINE,
)
# An RST directive or comment, as ".. note::", and the lines indented below it.
_DIRECTIVE = re.compile(r"^[ \t]*\.\. .*\n(?:[ \t]+\S.*\n|[ \t]*\n(?=[ \t]+\S))*", re.MULTILINE)
# Styles of headings; a numbered one has its depth as its style, as "2".
_PLAIN, _CAPS, _KEYWORD_STYLE = "plain", "caps", "keyword"
_MAX_HEADING = 90  # characters; a longer line is a sentence that lacks its full stop
_MAX_HEADING_WORDS = 13  # for the same reason


@dataclass(frozen=True, slots=True)
class _Line:
    """A logical line, unwrapped from one or more physical lines: its span, kind and style."""

    start: int
    end: int
    kind: BlockKind
    label: str | None = None
    level: int = 0
    style: str = ""


def load_text(path: str, content: bytes) -> Document:
    """Return the document of a plain text file."""
    text = decode(content)
    blocks = find_blocks(text)
    return Document(
        path=path,
        format="text",
        title=_find_title(text, blocks) or title_from_path(path),
        text=text,
        blocks=tuple(blocks),
    )


def load_rst(path: str, content: bytes) -> Document:
    """Return the document of a reStructuredText file; its blocks leave out directives."""
    text = decode(content)
    headings: list[Block] = []
    styles: list[str] = []
    # Replaced by spaces, so that the rest keeps its offsets.
    rest = _DIRECTIVE.sub(_blank, text)
    for match in _UNDERLINED.finditer(rest):
        style = (match["over"] or "") + match["under"]
        if style not in styles:
            styles.append(style)
        start, end = match.start("words"), match.start("words") + len(match["words"].rstrip())
        headings.append(Block(start, end, BlockKind.HEADING, styles.index(style) + 1))
    rest = _UNDERLINED.sub(_blank, rest)
    # Only underlined lines are headings.
    others = without_headings(find_blocks(rest))
    blocks = sorted([*headings, *others], key=lambda block: block.start)
    top = [text[block.start : block.end] for block in headings if block.level == 1]
    title = top[0] if len(top) == 1 else title_from_path(path)
    return Document(path=path, format="rst", title=title, text=text, blocks=tuple(blocks))


def decode(content: bytes) -> str:
    """Return the text of bytes, with line ends as ``\\n``.

    The encoding is that of the byte order mark (UTF-8, UTF-16 or UTF-32), else UTF-8, else
    Windows-1252 with undefined bytes replaced.

    Raises:
        BrokenFileError: there are null bytes and no byte order mark, as in binary data.
    """
    bare, encoding = EncodingDetector.strip_byte_order_mark(content)
    if encoding is None and b"\0" in content:
        raise BrokenFileError(
            "The file holds binary data where text was expected.",
            "Give it the ending of its true format, or save it as UTF-8 text.",
        )
    try:
        text = bare.decode(encoding or "utf-8")
    except UnicodeDecodeError:
        text = bare.decode(encoding or "cp1252", errors="replace")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def find_blocks(text: str) -> list[Block]:
    """Return the blocks of plain text, ascending, judged only by the look of its lines."""
    lines = _classify(text, _unwrap(text))
    lines = _settle_headings(text, lines)
    lines = _set_levels(lines)
    return [Block(line.start, line.end, line.kind, line.level, line.label) for line in lines]


def without_headings(blocks: list[Block]) -> list[Block]:
    """Return the blocks with every heading turned into a paragraph."""
    return [
        replace(block, kind=BlockKind.PARAGRAPH, level=0)
        if block.kind is BlockKind.HEADING
        else block
        for block in blocks
    ]


def _blank(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match.group())


def _find_title(text: str, blocks: list[Block]) -> str | None:
    if not blocks or blocks[0].kind is not BlockKind.HEADING:
        return None
    first = text[blocks[0].start : blocks[0].end]
    if len(first.split()) < 2 or _heading_style(first) not in {_PLAIN, _CAPS}:
        return None
    return first


def _unwrap(text: str) -> list[tuple[int, int]]:
    """Return spans of logical lines: physical lines, joined where they were hard-wrapped."""
    spans: list[tuple[int, int]] = []
    for match in re.finditer(r"[^\n\f]+", text):
        words = match.group()
        if stripped := words.strip():
            start = match.start() + len(words) - len(words.lstrip())
            spans.append((start, start + len(stripped)))
    width = _wrap_width(text, spans)
    joined: list[tuple[int, int]] = []
    last = (0, 0)
    for span in spans:
        if joined and _continues(text, last, span, width):
            joined[-1] = (joined[-1][0], span[1])
        else:
            joined.append(span)
        last = span
    return joined


def _wrap_width(text: str, spans: list[tuple[int, int]]) -> int:
    """Return the width in characters at which lines were wrapped, or 0 if they were not."""
    pairs = [
        text[after[0]].islower()
        for before, after in pairwise(spans)
        if text.count("\n", before[1], after[0]) == 1
    ]
    # In wrapped text sentences run over line ends, so many lines start with a lower-case letter.
    if sum(pairs) < 0.3 * len(pairs) or not pairs:
        return 0
    lengths = sorted(end - start for start, end in spans)
    return lengths[int(len(lengths) * 0.95)]


def _continues(text: str, last: tuple[int, int], span: tuple[int, int], width: int) -> bool:
    """Tell whether the line ``span`` continues the line ``last``."""
    gap = text[last[1] : span[0]]
    line = text[span[0] : span[1]]
    if gap.count("\n") != 1 or "\f" in gap or _RULE.match(line):
        return False
    if _BULLET.match(line) or _ITEM.match(line) or _CLAUSE.match(line):
        return False
    before = text[last[0] : last[1]]
    if line[0].islower():
        return before[-1] not in ".:;?!" and not _CONTENTS.search(before)
    # The line was wrapped if the next word would not have fitted on it.
    needed = len(before) + 1 + len(line.split(maxsplit=1)[0])
    return 40 <= width <= 130 and needed > 0.85 * width


def _classify(text: str, spans: list[tuple[int, int]]) -> list[_Line]:
    repeats = Counter(_without_numbers(text[start:end]) for start, end in spans)
    lines: list[_Line] = []
    label: str | None = None
    for start, end in spans:
        words = text[start:end]
        if _RULE.match(words) or _is_furniture(words, repeats):
            continue
        line = _classify_line(start, end, words)
        if label is not None and line.kind is not BlockKind.LIST_ITEM:
            # A number alone on its line labels the line below it.
            line = _Line(start, end, BlockKind.LIST_ITEM, label, level=1)
        label = line.label if line.start == line.end else None
        if label is None:
            lines.append(line)
    return lines


def _is_furniture(words: str, repeats: Counter[str]) -> bool:
    """Tell whether a line is a page footer: it looks like one and occurs more than twice.

    ``repeats`` counts the lines of the text with their numbers masked.
    """
    return bool(_FOOTER.search(words)) and repeats[_without_numbers(words)] > 2


def _without_numbers(words: str) -> str:
    return re.sub(r"\d+", "#", words) if len(words) <= _MAX_HEADING else ""


def _classify_line(start: int, end: int, words: str) -> _Line:
    if mark := _BULLET.match(words):
        return _Line(start + mark.end(), end, BlockKind.LIST_ITEM, level=1)
    if style := _heading_style(words):
        return _Line(start, end, BlockKind.HEADING, style=style)
    if mark := _CLAUSE.match(words):
        return _Line(start + mark.end(), end, BlockKind.PARAGRAPH, mark.group(1))
    if mark := _ITEM.match(words):
        return _Line(start + mark.end(), end, BlockKind.LIST_ITEM, mark.group(1), level=1)
    return _Line(start, end, BlockKind.PARAGRAPH)


def _heading_style(words: str) -> str:
    """Return a heading's style: keyword, numbering depth as digits, caps or plain; "" for none."""
    if len(words) > _MAX_HEADING or words[-1] in ".,;:?!…" or _CONTENTS.search(words):
        return ""
    letters = [c for c in words if c.isalpha()]
    if len(letters) < 3 or len(words.split()) > _MAX_HEADING_WORDS or "\n" in words:
        return ""
    if _KEYWORD.match(words):
        return _KEYWORD_STYLE
    if mark := _NUMBERED.match(words):
        return str(mark.group(1).count(".") + 1)
    if all(c.isupper() for c in letters) and len(letters) > len(words) / 2:
        return _CAPS
    return _PLAIN if words[0].isupper() else ""


def _settle_headings(text: str, lines: list[_Line]) -> list[_Line]:
    """Turn lines that only look like headings into paragraphs or list items.

    A plain line is a heading if text follows it, or one more plain heading and then text. In a
    longer run of such lines (an address, a list without bullets) all but the last two are
    paragraphs; the first line of the text is exempt.
    """
    settled = list(lines)
    for i, line in enumerate(lines):
        if line.kind is not BlockKind.HEADING:
            continue
        run = 1
        while i + run < len(lines) and lines[i + run].style == _PLAIN:
            run += 1
        at_end = i + run == len(lines)
        if line.style == _PLAIN and (at_end or (run > 2 and i > 0)):
            settled[i] = replace(line, kind=BlockKind.PARAGRAPH, style="")
        elif line.style == "1" and _is_numbered_item(text, lines, i):
            settled[i] = _as_item(text, line)
    return settled


def _is_numbered_item(text: str, lines: list[_Line], i: int) -> bool:
    """Tell whether a short "2. Something" is next to an item 1 or 3, so not a heading."""
    number = _number(text, lines[i])
    neighbours = (lines[j] for j in (i - 1, i + 1) if 0 <= j < len(lines))
    return number is not None and any(
        _number(text, line) in {number - 1, number + 1} for line in neighbours
    )


def _number(text: str, line: _Line) -> int | None:
    if line.label is not None:
        return int(line.label) if line.label.isdecimal() else None
    mark = re.compile(r"(\d{1,3})\.?\s").match(text, line.start)
    return int(mark.group(1)) if mark else None


def _as_item(text: str, line: _Line) -> _Line:
    mark = _NUMBERED.match(text, line.start)
    if mark is None:
        return line
    return _Line(mark.end(), line.end, BlockKind.LIST_ITEM, mark.group(1), level=1)


def _set_levels(lines: list[_Line]) -> list[_Line]:
    """Set the level of every heading; a heading on the first line is the only one at level 1."""
    styles = {line.style for line in lines[1:] if line.kind is BlockKind.HEADING}
    depths = [int(style) for style in styles if style.isdigit()]
    base = 2 if lines and lines[0].kind is BlockKind.HEADING else 1
    below_keyword = base + (_KEYWORD_STYLE in styles)
    outer = base - 1
    parent: int | None = None
    child_kind: BlockKind | None = None
    done: list[_Line] = []
    for i, line in enumerate(lines):
        if line.kind is not BlockKind.HEADING:
            done.append(line)
            continue
        content = lines[i + 1].kind if i + 1 < len(lines) else BlockKind.PARAGRAPH
        if i == 0:
            level = 1
        elif line.style != _PLAIN:
            level = base if line.style == _KEYWORD_STYLE else below_keyword
            level += int(line.style) - min(depths) if line.style.isdigit() else 0
            outer, parent = level, None
        elif content is BlockKind.HEADING and lines[i + 1].style == _PLAIN:
            level = outer + 1
            parent, child_kind = level, None
        elif parent is not None and child_kind in (None, content):
            level, child_kind = parent + 1, content
        else:
            level, parent = outer + 1, None
        done.append(replace(line, level=level))
    return done
