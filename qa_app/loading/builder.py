"""Collects the blocks of a document whose text is extracted rather than the file's own.

Every block becomes one line of the text, its words rejoined over line ends.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from qa_app.loading.limits import check_characters
from qa_app.loading.metadata import title_from_path
from qa_app.models import Block, BlockKind, Document, MetadataField

# Soft hyphens and zero-width marks break words apart for search, and nobody sees them.
INVISIBLE = re.compile(
    "[\u00ad\u200b\u2060\ufeff\ufffe\uffff\ud800-\udfff]|[\x00-\x08\x0e-\x1f\x7f]"
)
# "3.12 " at the start of a numbered paragraph.
_NUMBER = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)\.?\s+(?=\S)")
# "2023" or "2023-24": a year heads a column, other figures do not.
_YEAR = re.compile(r"^(?:19|20)\d\d\b")
# Five digits in a row are in codes, hardly ever in the name of a column.
_CODE = re.compile(r"\d{5}")
_LONGEST_NAME = 100  # characters of a column's name; a longer cell is a sentence
# Letters that PDF and Word join into one character; search wants them apart.
LIGATURES = {ord(c): unicodedata.normalize("NFKC", c) for c in "ﬀﬁﬂﬃﬄﬅﬆ"}


def clean(words: str) -> str:
    """Return words on one line: white space single, ligatures as letters, invisible marks out."""
    return " ".join(INVISIBLE.sub("", words).translate(LIGATURES).split())


class DocumentBuilder:
    """Takes blocks in reading order and gives the document."""

    def __init__(self, path: str, document_format: str) -> None:
        self._path = path
        self._format = document_format
        self._parts: list[str] = []
        self._blocks: list[Block] = []
        self._page_starts: list[int] = []
        self._length = 0

    def add(self, kind: BlockKind, words: str, level: int = 0, label: str | None = None) -> None:
        """Add a block; words that come to nothing are passed over.

        ``label`` is put before the block, outside its span; that of a numbered paragraph ("3.12")
        is found among its words.
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
        """Add the blocks of a plain text; what look like its headings are so many levels down."""
        for block in blocks:
            level = block.level + below * (block.kind is BlockKind.HEADING)
            self.add(block.kind, text[block.start : block.end], level, block.label)

    def add_table(self, rows: Sequence[Sequence[str]], header_rows: int | None = None) -> None:
        """Add the rows of a table, as ``describe_rows`` says them."""
        for line in describe_rows(rows, header_rows):
            self.add(BlockKind.TABLE_ROW, line)

    def start_page(self) -> None:
        """Say that what follows is on a new page."""
        self._page_starts.append(self._length)

    @property
    def blocks(self) -> Sequence[Block]:
        """The blocks so far."""
        return self._blocks

    @property
    def opening_heading(self) -> str | None:
        """The words that the document opens with, if they are a heading of the first level."""
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
            metadata: facts with their origins; its title is the document's.
            fallback: title where the metadata has none; else it is the only heading of the first
                level, or the one that the file is called after, else the file's name.
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
    """Return a line a row: "Town: York; Visitors: 12", or "York; 12" without a header.

    Args:
        rows: cells as text; rows may differ in length.
        header_rows: how many rows are the header; judged by their look unless told.
    """
    cleaned = [[clean(cell) for cell in row] for row in rows]
    filled = [row for row in cleaned if any(row)]
    titles = []
    if header_rows is None:
        # A line above the table, written into its first cell.
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
    # The first column's header is often left empty.
    names = [cell for cell in first[1:] if cell]
    return len(names) == len(first) - 1 and all(map(_is_name, names))


def _is_name(cell: str) -> bool:
    """Tell whether a cell may head a column: words or a year, but no figure, code or sentence."""
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
        # A cell merged over columns comes once for each; it is said once.
        repeated = column > 0 and cell == row[column - 1] and name == ""
        if cell and not repeated:
            cells.append(f"{name.rstrip(':')}: {cell}" if name and name != cell else cell)
    return "; ".join(cells)
