"""What a build gathers for the next generation of a database, in a temporary folder."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.arrays import CodeArray, IntArray, RowArray
from qa_app.store.documents import DOCUMENT_COLUMNS, PASSAGE_COLUMNS, DocumentRecord
from qa_app.store.embedded.records import RecordsWriter
from qa_app.store.embedded.tokens import EmbeddedTokens, TokensWriter
from qa_app.store.postgres.binary import dimension_of
from qa_app.store.protocol import Generation
from qa_app.text.analysis import Analyser

# Rows fetched from the temporary folder, or from the previous generation, at once.
_BATCH = 256
_TERMS_FILE = "terms.bin"


class Gathered(RecordsWriter):
    """Documents, passages, token codes and files; removed when the ``with`` block ends."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="qa_app-"))
        self.files: dict[str, str] = {}
        self._token_file = TokensWriter(self._folder)
        self._previous: Generation | None = None
        self._rows_before: dict[int, int] = {}
        super().__init__(self._folder)

    def add_file(self, name: str, text: str) -> None:
        """Store a text under a name, unless it is empty."""
        if text:
            self.files[name] = text

    def add_tokens(self, rows: Sequence[int], codes: CodeArray) -> None:
        """Store the token codes (from ``pack``) of one text, shared by all of these rows."""
        self._token_file.add(rows, codes)

    def copy_tokens(self, previous: Generation, places: RowArray, rows: RowArray) -> None:
        """Take over the token codes of ``rows`` of the previous generation for ``places``.

        They are fetched when they are needed: those of a document that stays are in the database.
        """
        self._previous = previous
        self._rows_before |= dict(zip(places.tolist(), rows.tolist(), strict=True))

    def close_tokens(self, dimension: int) -> None:
        """End the adding of token codes, of a model of this dimension; they can be read then."""
        self._token_file.close(self.num_passages)
        self._tokens = EmbeddedTokens(self._folder, self.num_passages, dimension)

    def document(self, place: int) -> tuple[str, ...]:
        """Return a gathered document's values of ``DOCUMENT_COLUMNS``."""
        query = f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE id = ?"
        (found,) = self._all(query, (place,))
        return tuple(found)

    def passages_of(self, place: int) -> list[Any]:
        """Return the values of ``PASSAGE_COLUMNS`` of a gathered document's passages."""
        rows = self._documents[place].rows
        query = f'SELECT {PASSAGE_COLUMNS} FROM passages WHERE "row" >= ? AND "row" < ?'
        return self._all(f'{query} ORDER BY "row"', (rows.start, rows.stop))

    def record(self, place: int) -> DocumentRecord:
        """Return a gathered document's record."""
        return self._documents[place]

    def codes(self, rows: range) -> Iterator[bytes]:
        """Yield each row's token codes."""
        for start in range(rows.start, rows.stop, _BATCH):
            some = range(start, min(start + _BATCH, rows.stop))
            before = [row for row in some if row in self._rows_before]
            copied: dict[int, CodeArray] = {}
            if before and self._previous is not None:
                found = self._previous.tokens.codes([self._rows_before[row] for row in before])
                copied = dict(zip(before, found, strict=True))
            for row, own in zip(some, self._tokens.codes(some), strict=True):
                yield copied.get(row, own).tobytes()

    def code_width(self) -> int:
        """Return the bytes of a token's code; 0 where no tokens were added."""
        width: int = self._tokens.width
        if not width and self._previous is not None:
            before = list(self._rows_before.values())[:_BATCH]
            codes = self._previous.tokens.codes(before)
            width = max((item.shape[1] for item in codes if len(item)), default=0)
        return width

    def analysed(self, places: Sequence[int], analyser: Analyser) -> AnalysedTerms:
        """Return the terms of these documents' passages, each analysed once."""
        rows = [row for place in places for row in self._documents[place].rows]
        ends = np.zeros(len(rows) + 1, dtype=np.int64)
        with (self._folder / _TERMS_FILE).open("wb") as file:
            for start in range(0, len(rows), _BATCH):
                for n, text in enumerate(self.texts(rows[start : start + _BATCH]), start=start):
                    terms = np.array([*map(dimension_of, analyser.terms(text))], dtype=np.int32)
                    file.write(terms.tobytes())
                    ends[n + 1] = ends[n] + len(terms)
        return AnalysedTerms(self._folder / _TERMS_FILE, rows, ends)

    def __exit__(self, *_error: object) -> None:
        self._abandon_records()
        self._token_file.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)


class AnalysedTerms:
    """The hashed terms of passages, from a file, since all of them may not fit into memory."""

    def __init__(self, path: Path, rows: Sequence[int], ends: IntArray) -> None:
        self._places = {row: place for place, row in enumerate(rows)}
        self._ends = ends
        self._terms = np.memmap(path, np.int32, "r") if ends[-1] else np.zeros(0, np.int32)

    @property
    def mean_length(self) -> float:
        """Mean number of terms of a passage; 1 if none has any."""
        return float(self._ends[-1]) / max(len(self._places), 1) or 1.0

    def of(self, row: int) -> list[int]:
        """Return a passage's terms in order, repeats kept."""
        place = self._places[row]
        found: list[int] = self._terms[self._ends[place] : self._ends[place + 1]].tolist()
        return found
