"""An evidence grid: questions in rows, the values of a facet in columns, quotes in the cells.

Grids are immutable, and nothing here reads or writes files. A change names its row by number and
its cell by value, so that changes from two windows may arrive in any order.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from qa_app.briefs.brief import FORMAT_VERSION, LONGEST_NOTE
from qa_app.errors import BriefError, QueryError
from qa_app.models import Citation, Quote, Support
from qa_app.verification import plain

MOST_QUESTIONS = 500  # bounds the time of a run and the size of the file
LONGEST_NAME = 200  # characters, as of a brief's title
_LIST_HINT = "Look up the numbers: qa-app grid --name NAME"


class Judgement(StrEnum):
    """The analyst's mark on a cell."""

    AGREED = "agreed"
    REJECTED = "rejected"
    NOTED = "noted"


@dataclass(frozen=True, slots=True)
class CellQuote:
    """A quote in a cell.

    Attributes:
        text: exact text of the source.
        support: how strongly it answers the question.
        lead_in: the line that introduces a quoted list item, where it has one.
        date: of its document, as "2024-05"; "" if unknown.
        document_sha256: of the source file when it was quoted.
    """

    text: str
    citation: Citation
    support: Support
    lead_in: Quote | None = None
    date: str = ""
    document_sha256: str = ""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the analyst says of a cell.

    Attributes:
        evidence: ``Cell.evidence`` when it was marked.
        changed: version of the grid in which the mark was last changed.
    """

    judgement: Judgement
    note: str = ""
    evidence: str = ""
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """What the reports say about a question for one value; without quotes they say nothing.

    Attributes:
        quotes: the newest first, then older ones of other dates; at most four.
        is_new: the quotes differ from those of the generation that was asked before.
    """

    value: str
    quotes: tuple[CellQuote, ...] = ()
    is_new: bool = False
    mark: Mark | None = None

    @property
    def support(self) -> Support | None:
        """Support of the first quote; None without quotes."""
        return self.quotes[0].support if self.quotes else None

    @property
    def evidence(self) -> str:
        """A SHA-256 over documents and words of the quotes; their order and place do not count."""
        parts = sorted(f"{item.citation.document}\0{plain(item.text)}" for item in self.quotes)
        return hashlib.sha256("\0".join(parts).encode(errors="surrogatepass")).hexdigest()

    @property
    def changed_since_marked(self) -> bool:
        """Whether the quotes are others than those that the analyst marked."""
        return self.mark is not None and self.mark.evidence != self.evidence


@dataclass(frozen=True, slots=True)
class Row:
    """A question with its cells.

    Attributes:
        id: unique in the grid, never reused.
        cells: by value; only those that have quotes, are new (emptied), or are marked.
        generation: name of the index generation that was last asked; "" before the first time.
        stamp: identifies generation and reader; a row of another stamp is asked again.
    """

    id: int
    question: str
    cells: Mapping[str, Cell] = field(default_factory=dict)
    generation: str = ""
    stamp: str = ""

    def cell(self, value: str) -> Cell:
        """Return the cell of a value; an empty one if there is nothing to say."""
        return self.cells.get(value, Cell(value))

    def filled(self, asked: Row) -> Row:
        """Return the row as it was asked anew; its cells keep the marks of the former ones.

        A cell is new if its quotes differ from the former ones, unless the row is asked for the
        first time.
        """
        cells = {}
        for value in dict.fromkeys((*asked.cells, *self.cells)):
            before, now = self.cell(value), asked.cell(value)
            is_new = bool(self.generation) and before.evidence != now.evidence
            cell = replace(now, is_new=is_new, mark=before.mark)
            if cell != Cell(value):
                cells[value] = cell
        return replace(asked, cells=cells)


@dataclass(frozen=True, slots=True)
class Grid:
    """An evidence grid.

    Attributes:
        facet: "document", "date" (years), "type" or a facet of the corpus; its values are columns.
        filters: facet to allowed values: the passages that may be quoted.
        values: the columns when it was last asked, sorted.
        version: increases by one with every change.
    """

    name: str = ""
    facet: str = ""
    filters: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rows: tuple[Row, ...] = ()
    values: tuple[str, ...] = ()
    version: int = 0
    next_id: int = 1
    format_version: int = FORMAT_VERSION

    @property
    def columns(self) -> tuple[str, ...]:
        """The values, then former ones whose cells still hold something, such as a mark."""
        former = (value for row in self.rows for value in sorted(row.cells))
        return tuple(dict.fromkeys((*self.values, *former)))

    @property
    def cells(self) -> tuple[tuple[Row, Cell], ...]:
        """The cells that hold something, row by row in the order of the columns."""
        columns = self.columns
        return tuple(
            (row, row.cells[value]) for row in self.rows for value in columns if value in row.cells
        )

    def row(self, row_id: int) -> Row:
        """Return the row with this number; ``BriefError`` if there is none."""
        for row in self.rows:
            if row.id == row_id:
                return row
        raise BriefError(f"There is no row {row_id} in the grid.", _LIST_HINT)

    def pending(self, stamp: str) -> tuple[Row, ...]:
        """Return the rows that were not computed yet with this stamp, in order."""
        return tuple(row for row in self.rows if row.stamp != stamp)

    def asking(self, questions: Sequence[str]) -> Grid:
        """Return the grid with these questions in this order; cells already computed are kept.

        A row whose question is not among them is taken out, unless the analyst has marked a cell of
        it: then it stays, at the end.

        Raises:
            QueryError: there are more than 500.
        """
        known = {row.question: row for row in self.rows}
        rows, next_id = [], self.next_id
        for question in dict.fromkeys(questions):
            row = known.pop(question, None)
            if row is None:
                row, next_id = Row(next_id, question), next_id + 1
            rows.append(row)
        marked = [row for row in known.values() if any(c.mark for c in row.cells.values())]
        found = (*rows, *marked)
        if len(found) > MOST_QUESTIONS:
            raise QueryError(
                f"The grid would have {len(found)} questions; {MOST_QUESTIONS} are the most.",
                "Split the list, and give each part a --name of its own.",
            )
        return self if found == self.rows else self._next(rows=found, next_id=next_id)

    def without(self, row_id: int) -> Grid:
        """Return the grid without a row and its marks; ``BriefError`` if there is none."""
        gone = self.row(row_id)
        return self._next(rows=tuple(row for row in self.rows if row is not gone))

    def filled(self, asked: Row, values: Sequence[str]) -> Grid:
        """Return the grid with a row asked anew (``Row.filled``), and the columns of now.

        A row that was taken out meanwhile stays out, and so does a grid that was removed.
        """
        if not any(row.id == asked.id for row in self.rows):
            return self
        rows = tuple(row.filled(asked) if row.id == asked.id else row for row in self.rows)
        return self._next(rows=rows, values=tuple(values))

    def marked(
        self,
        row_id: int,
        value: str,
        judgement: Judgement | None,
        note: str = "",
        seen: int | None = None,
    ) -> Grid:
        """Return the grid with a cell marked, or with its mark taken away.

        Args:
            judgement: None takes the mark away, with its note.
            note: at most 10,000 characters.
            seen: version of the grid that the analyst looked at.

        Raises:
            BriefError: there is no such cell, the note is too long, or the cell's mark has changed
                since ``seen``.
        """
        row = self.row(row_id)
        if value not in self.columns:
            raise BriefError(
                f"There is no column {value!r} in the grid.", f"Columns: {', '.join(self.columns)}."
            )
        cell = row.cell(value)
        if seen is not None and cell.mark is not None and cell.mark.changed > seen:
            said = f"{cell.mark.judgement}. {cell.mark.note}".strip()
            raise BriefError(
                f"This was marked elsewhere meanwhile; it says now: {said}",
                "Load the grid again, then put your words in.",
            )
        note = note.replace("\r\n", "\n").replace("\r", "\n").strip()
        if len(note) > LONGEST_NOTE:
            raise BriefError(
                f"The note has {len(note):,} characters; {LONGEST_NOTE:,} are the most.",
                "Shorten it.",
            )
        mark = Mark(judgement, note, cell.evidence, self.version + 1) if judgement else None
        changed = replace(cell, mark=mark)
        cells = {**row.cells, value: changed}
        if changed == Cell(value):
            del cells[value]
        rows = tuple(replace(row, cells=cells) if row is other else other for other in self.rows)
        return self._next(rows=rows)

    def _next(self, **changes: Any) -> Grid:
        return replace(self, version=self.version + 1, **changes)
