"""Rich Text (.rtf), as WordPad, Word and LibreOffice write it: headings by style, and tables.

striprtf converts the file to plain text and handles code pages. It drops paragraph styles and
table rows, so marks are inserted into the source where these begin, and looked up in the text.
"""

from __future__ import annotations

import re

from striprtf.striprtf import rtf_to_text

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.metadata import collect
from qa_app.loading.plain import find_blocks, without_headings
from qa_app.models import BlockKind, Document

# Marks for heading levels and table parts, from Unicode's private use area, rare in real text.
_LEVELS = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009"  # index: level, 0 for none
_ROW_START, _CELL_END, _ROW_END = "\ue010", "\ue011", "\ue012"
_MARKS = re.compile("[\ue000-\ue012]")
_LEVEL = re.compile(f"[{_LEVELS}]")

# The document's Windows code page.
_CODE_PAGE = re.compile(rb"\\ansicpg(\d{3,5})")
# A heading style of the style sheet: "{\s2\sbasedon0 \b\fs28 heading 2;}", maybe with inner groups.
_STYLE = re.compile(r"\{\\s(\d+)\b(?:[^{};]|\{[^{}]*\})*?\b(?:heading (\d)|title)\s*;", re.I)
# Control words that reset a paragraph's properties, name its style or level, break a line or
# build a table.
_WORDS = re.compile(
    r"(?<!\\)\\(pard|s|outlinelevel|trowd|intbl|cell|nestcell|row|line)(\d*)(?![a-z\d]) ?"
)
# Pictures and embedded files in hexadecimal, removed because parsing them takes most of the time.
_HEX_DATA = re.compile(r"[0-9A-Fa-f]{60,}\s*")
# Removed because striprtf would write the link's address after its text.
_LINK = re.compile(r'HYPERLINK(?=[^{}]{0,20}")', re.I)
# Document properties, and the date of revision or creation.
_FACT = re.compile(r"\{(?:\\\*)?\\(title|author|company)\s((?:[^{}\\]|\\.)+)\}")
_STAMP = re.compile(r"\\(?:revtim|creatim)\\yr(\d{4})\\mo(\d{1,2})\\dy(\d{1,2})")


def load_rtf(path: str, content: bytes) -> Document:
    """Return the document of a Rich Text file. Footnotes, headers and footers are left out."""
    if not content.lstrip().startswith(b"{\\rtf"):
        raise BrokenFileError(
            "It is not a Rich Text file.", "Give it the ending of its true format."
        )
    named = _CODE_PAGE.search(content)
    code_page = f"cp{named[1].decode()}" if named else "cp1252"
    try:
        source = _HEX_DATA.sub("", content.decode(code_page, "replace"))
        text = _to_text(_mark(_LINK.sub("", source)), code_page)
        facts = {
            name: _to_text(f"{{\\rtf1 {words}}}", code_page)
            for name, words in reversed(_FACT.findall(source))
        }
    except (ValueError, TypeError, LookupError) as exc:
        raise BrokenFileError(
            f"It is damaged: {exc}.", "Open it in a word processor and save it again."
        ) from exc
    builder = DocumentBuilder(path, "rtf")
    _add_blocks(builder, text)
    stamp = _STAMP.search(source)
    changed = f"{stamp[1]}-{int(stamp[2]):02}-{int(stamp[3]):02}" if stamp else None
    return builder.build(
        collect(
            ("title", facts.get("title"), "document properties"),
            ("author", facts.get("author"), "document properties"),
            ("publisher", facts.get("company"), "document properties"),
            ("date", changed, "document properties"),
        ),
        fallback=builder.opening_heading,
    )


def _to_text(source: str, code_page: str) -> str:
    text: str = rtf_to_text(source, code_page, "replace")  # type: ignore[no-untyped-call]  # striprtf has no types
    # striprtf returns characters beyond U+FFFF as surrogate pairs.
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _mark(source: str) -> str:
    """Insert marks where paragraphs start and where table rows and cells start or end."""
    levels = {number: int(level or 1) for number, level in _STYLE.findall(source)}

    def mark(match: re.Match[str]) -> str:
        word, number = match.groups()
        if word == "pard":
            return _LEVELS[0] + match[0]
        if word == "s":
            level = levels.get(number, 0)
            return (_LEVELS[level] if level else "") + match[0]
        if word == "outlinelevel":
            return (_LEVELS[int(number) + 1] if number and int(number) < 9 else "") + match[0]
        if word in {"trowd", "intbl"}:
            return _ROW_START + match[0]
        if word == "row":
            return _ROW_END + match[0]
        # A line break inside a paragraph becomes a space.
        return " " if word == "line" else _CELL_END

    return _WORDS.sub(mark, source)


def _add_blocks(builder: DocumentBuilder, text: str) -> None:
    names_headings = any(mark in text for mark in _LEVELS[1:])
    rows: list[list[str]] = []
    level = 0
    for part in text.split(_ROW_END):
        above, _, row = part.partition(_ROW_START)
        if not row and _CELL_END in above:  # a row that keeps the previous row's properties
            above, row = "", above
        if _MARKS.sub("", above).strip():
            builder.add_table(rows)
            rows = []
        level = _add_paragraphs(builder, above, level, names_headings)
        if row:
            rows.append([_MARKS.sub("", cell) for cell in row.split(_CELL_END)[:-1]])
    builder.add_table(rows)


def _add_paragraphs(builder: DocumentBuilder, text: str, level: int, names_headings: bool) -> int:
    """Add lines of text, of which the first has ``level``; return the level after the last."""
    plain: list[str] = []
    for line in [*text.split("\n"), ""]:
        for mark in _LEVEL.findall(line):
            level = _LEVELS.index(mark)
        words = _MARKS.sub("", line)
        if level and words.strip():
            _add_plain(builder, plain, names_headings)
            builder.add(BlockKind.HEADING, words, level)
        else:
            plain.append(words)
    _add_plain(builder, plain, names_headings)
    return level


def _add_plain(builder: DocumentBuilder, lines: list[str], names_headings: bool) -> None:
    """Add lines, judged by their look; none is a heading if the file marks headings by style."""
    text = "\n\n".join(lines)
    blocks = find_blocks(text)
    builder.add_all(text, without_headings(blocks) if names_headings else blocks, below=0)
    lines.clear()
