"""Builds documents whose text is extracted from a format such as DOCX or HTML.

Every block becomes one line of the text, with line breaks inside it replaced by spaces.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from qa_app.loading.limits import check_characters
from qa_app.loading.metadata import title_from_path
from qa_app.models import Block, BlockKind, Document, MetadataField

# Removed because they split words for search: soft hyphens, zero-width and control characters,
# lone surrogates.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]|[\x00-\x08\x0e-\x1f\x7f]"
)
# The number that starts a numbered paragraph: "3.12 ".
_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)\.?\s+(?=\S)")
# "2023" or "2023-24": a year may be a column header, other figures may not.
_YEAR = re.compile(r"^(?:19|20)\d\d\b")
# Five digits in a row mean a code, hardly ever a column header.
_CODE = re.compile(r"\d{5}")
_LONGEST_NAME = 100  # characters of a column header; a longer cell is a sentence
# Ligature characters from PDF and Word, replaced by their letters for search.
LIGATURES = {ord(c): unicodedata.normalize("NFKC", c) for c in "ﬀﬁﬂﬃﬄﬅﬆ"}


def clean(words: str) -> str:
    """Return text on one line: single spaces, ligatures expanded, invisible characters removed."""
    return " ".join(INVISIBLE.sub("", words).translate(LIGATURES).split())


class DocumentBuilder:
    """Builds a document from blocks added in reading order."""

    def __init__(self, path: str, document_format: str) -> None:
        self._path = path
        self._format = document_format
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._page_starts: list[int] = []
        self._length = 0

    def add(self, kind: BlockKind, words: str, level: int = 0, label: str | None = None) -> None:
        """Add a block, unless its text is empty after cleaning.

        ``label`` is written before the block, outside its span. A paragraph without one takes it
        from a number such as "3.12" at the start of its text.

        Raises:
            LimitError: the document has become too long.
        """
        line = clean(words)
        if kind is BlockKind.PARAGRAPH and not label and (number := _NUMBER.match(line)):
            label, line = number[1], line[number.end() :]
        if not line:
            return
        if self._parts and kind is BlockKind.HEADING:
            self._append("\n")
        if label:
            self._append(f"{label} ")
        elif kind is BlockKind.LIST_ITEM:
            self._append("- ")
        self._blocks.append(Block(self._length, self._length + len(line), kind, level, label))
        self._append(line + "\n")
        check_characters(self._length)

    def add_all(self, text: str, blocks: Sequence[Block], below: int) -> None:
        """Add the blocks of a plain text, its headings moved ``below`` levels deeper."""
        for block in blocks:
            level = block.level + below * (block.kind is BlockKind.HEADING)
            self.add(block.kind, text[block.start : block.end], level, block.label)

    def add_table(self, rows: Sequence[Sequence[str]], header_rows: int | None = None) -> None:
        """Add a table, one block per line of ``describe_rows``."""
        for line in describe_rows(rows, header_rows):
            self.add(BlockKind.TABLE_ROW, line)

    def start_page(self) -> None:
        """Start a new page: blocks added from now on are on it."""
        self._page_starts.append(self._length)

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks added so far."""
        return self._blocks

    @property
    def opening_heading(self) -> str | None:
        """The text of the first block if it is a level-1 heading, else None."""
        first = self._blocks[0] if self._blocks else None
        if first is None or first.kind is not BlockKind.HEADING or first.level != 1:
            return None
        return "".join(self._parts)[first.start : first.end]

    def build(
        self,
        metadata: Sequence[MetadataField] = (),
        fallback: str | None = None,
        warnings: Sequence[str] = (),
    ) -> Document:
        """Return the document.

        Args:
            metadata: facts with their origins; a title among them becomes the document's.
            fallback: title where the metadata has none. Without either, the title is the only
                level-1 heading, or the first that matches the file's name, else the file's name.
            warnings: what could not be read.
        """
        text = "".join(self._parts)
        named = next((field.value for field in metadata if field.name == "title"), fallback)
        title = clean(named or "")
        return Document(
            path=self._path,
            format=self._format,
            title=title or self._find_title(text, title_from_path(self._path)),
            text=text,
            blocks=tuple(self._blocks),
            page_starts=tuple(self._page_starts),
            metadata=tuple(metadata),
            warnings=tuple(warnings),
        )

    def _append(self, part: str) -> None:
        self._parts.append(part)
        self._length += len(part)

    def _find_title(self, text: str, of_file: str) -> str:
        blocks = (b for b in self._blocks if b.kind is BlockKind.HEADING and b.level == 1)
        top = [text[block.start : block.end] for block in blocks]
        alike = (t for t in top if t.replace("-", " ").casefold() == of_file.casefold())
        return top[0] if len(top) == 1 else next(alike, of_file)


def describe_rows(rows: Sequence[Sequence[str]], header_rows: int | None = None) -> list[str]:
    """Return one line per row: "Town: York; Visitors: 12", or "York; 12" without a header.

    Args:
        rows: cells as text; rows may differ in length.
        header_rows: number of header rows; None to guess it from the cells.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    filled = [row for row in cleaned if any(row)]
    titles = []
    if header_rows is None:
        # A row with one filled cell above a wider row is a title of the table.
        while len(filled) > 2 and sum(map(bool, filled[0])) == 1 < sum(map(bool, filled[1])):
            titles.append(_describe(filled.pop(0), []))
        header_rows = 1 if _has_header(filled) else 0
    header = _join_header(filled[:header_rows])
    body = filled[header_rows:]
    if not body:
        return [_describe(row, []) for row in filled]
    return titles + [_describe(row, header) for row in body]


def _has_header(rows: list[list[str]]) -> bool:
    if len(rows) < 2 or len(rows[0]) < 2:
        return False
    first = rows[0]
    # The header of the first column is often empty.
    names = [cell for cell in first[1:] if cell]
    return len(names) == len(first) - 1 and all(map(_is_name, names))


def _is_name(cell: str) -> bool:
    """Tell whether a cell may be a header: words or a year, not a figure, code or sentence."""
    words = _YEAR.sub("", cell)
    is_figure = words[:1].isdigit() or _CODE.search(words)
    return not is_figure and len(cell) <= _LONGEST_NAME and not cell.endswith(".")


def _join_header(rows: list[list[str]]) -> list[str]:
    width = max((len(row) for row in rows), default=0)
    header = []
    for column in range(width):
        cells = [row[column] for row in rows if column < len(row) and row[column]]
        header.append(" ".join(dict.fromkeys(cells)))
    return header


def _describe(row: list[str], header: list[str]) -> str:
    cells = []
    for column, cell in enumerate(row):
        name = header[column] if column < len(header) else ""
        # A cell merged over columns is repeated in each of them; write it once.
        repeated = column > 0 and cell == row[column - 1] and name == ""
        if cell and not repeated:
            cells.append(f"{name.rstrip(':')}: {cell}" if name and name != cell else cell)
    return "; ".join(cells)
