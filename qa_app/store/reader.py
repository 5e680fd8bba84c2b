"""Documents, passages and tags, read from their SQLite file."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.errors import IndexCorruptError, QueryError
from qa_app.models import (
    Block,
    BlockKind,
    Document,
    LeadIn,
    MetadataField,
    Passage,
    Sentence,
    SourceRun,
    find_ocr_pages,
)
from qa_app.store.manifest import MEND_HINT
from qa_app.store.records import RECORDS_FILE, DocumentRecord, SourceStamp

RowArray = npt.NDArray[np.int64]

_DOCUMENT_COLUMNS = (
    "path, title, format, text, blocks, page_starts, page_labels, source_runs, metadata, warnings"
)
_PASSAGE_QUERY = (
    'SELECT p."row", p.id, d.path, d.title, p.section, p.start, p."end", p.text, p.sentences, '
    "p.page, p.page_breaks, p.label, p.tags, "
    "CASE WHEN instr(d.metadata, '[\"ocr\"') THEN d.metadata ELSE '[]' END "
    "FROM passages p JOIN documents d ON d.id = p.document "
)
_RECORD_QUERY = (
    "SELECT path, title, format, json_array_length(page_starts), first_row, passages, size, "
    "mtime_ns, sha256, ocr, overrides, metadata, warnings FROM documents ORDER BY id"
)
# SQLite takes at most 999 parameters in old builds.
_MOST_PARAMETERS = 900


class Records:
    """Read access. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        # Nobody writes to it ever again, so SQLite need neither lock it nor look for a journal.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._facets: dict[str, dict[str, int]] | None = None

    def num_passages(self) -> int:
        """Return the number of passages."""
        return int(self._all("SELECT count(*) FROM passages")[0][0])

    def documents(self) -> tuple[DocumentRecord, ...]:
        """Return every document without its text, in the order of their rows."""
        return tuple(_record(values) for values in self._all(_RECORD_QUERY))

    def document(self, path: str) -> Document:
        """Return a document as it was extracted; ``QueryError`` if there is none at this path."""
        found = self._all(f"SELECT {_DOCUMENT_COLUMNS} FROM documents WHERE path = ?", (path,))
        if not found:
            raise QueryError(
                f"There is no document {path!r} in the index.",
                "Look up the paths: qa-app status --json",
            )
        return _document(found[0])

    def document_rows(self, path: str) -> range:
        """Return the rows of a document's passages, none if there is no such document."""
        found = self._all("SELECT first_row, passages FROM documents WHERE path = ?", (path,))
        return range(found[0][0], sum(found[0])) if found else range(0)

    def passages(self, rows: Sequence[int] | RowArray) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given.

        Raises:
            IndexError: there is no such row.
        """
        return tuple(map(self._with_lead_in, select_passages(self._all, rows)))

    def passages_of(self, rows: range) -> tuple[Passage, ...]:
        """Return the passages of a stretch of rows."""
        query = f'{_PASSAGE_QUERY} WHERE p."row" >= ? AND p."row" < ? ORDER BY p."row"'
        found = self._all(query, (rows.start, rows.stop))
        return tuple(self._with_lead_in(_passage(values)) for values in found)

    def _with_lead_in(self, passage: Passage) -> Passage:
        lead = passage.sentences[0].lead_in if passage.sentences else None
        if lead is None or lead[0] >= passage.start:
            return passage
        start, end = lead
        query = "SELECT page_starts FROM documents WHERE path = ?"
        ((starts,),) = self._all(query, (passage.document,))
        page = bisect_right(json.loads(starts), start) or None
        words = self.words(passage.document, start, end)
        return replace(passage, lead_in=LeadIn(start, end, words, page))

    def words(self, path: str, start: int, end: int) -> str:
        """Return what stands at offsets ``start:end`` of a document."""
        query = "SELECT substr(text, ?, ?) FROM documents WHERE path = ?"
        ((words,),) = self._all(query, (start + 1, end - start, path))
        # SQLite counts characters no further than a NUL.
        return words if len(words) == end - start else self.document(path).text[start:end]

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        found = self._all('SELECT "row" FROM passages WHERE id = ?', (passage_id,))
        return int(found[0][0]) if found else None

    def hashes(self) -> dict[bytes, int]:
        """Return for each distinct embedded text the row that holds its vector."""
        return dict(
            self._all('SELECT content_hash, min("row") FROM passages GROUP BY content_hash')
        )

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's embedded text."""
        return [
            digest for (digest,) in self._all('SELECT content_hash FROM passages ORDER BY "row"')
        ]

    def facet_counts(self) -> dict[str, dict[str, int]]:
        """Return the facets of the passages, their values, sorted, and how many have each."""
        if self._facets is None:
            found: dict[str, dict[str, int]] = {}
            query = "SELECT facet, value, length(rows) / 4 FROM tags ORDER BY facet, value"
            for facet, value, count in self._all(query):
                found.setdefault(facet, {})[value] = count
            self._facets = found
        return self._facets

    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with the value, ascending; none if it is unknown."""
        query = "SELECT rows FROM tags WHERE facet = ? AND value = ?"
        found = self._all(query, (facet, value))
        content = found[0][0] if found else b""
        return np.frombuffer(content, dtype="<i4").astype(np.int64)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._db.close()

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        with self._translated(), self._lock:
            return self._db.execute(query, values).fetchall()

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as exc:
            raise IndexCorruptError(f"{self._path} cannot be read: {exc}.", MEND_HINT) from exc


def select_passages(
    select: Callable[[str, Sequence[Any]], list[Any]], rows: Sequence[int] | RowArray
) -> tuple[Passage, ...]:
    """Return the passages of these rows, in the order given, through a query to their file."""
    wanted = [int(row) for row in rows]
    found: dict[int, Passage] = {}
    for start in range(0, len(wanted), _MOST_PARAMETERS):
        some = wanted[start : start + _MOST_PARAMETERS]
        marks = ", ".join("?" * len(some))
        for values in select(f'{_PASSAGE_QUERY} WHERE p."row" IN ({marks})', some):
            found[values[0]] = _passage(values)
    missing = [row for row in wanted if row not in found]
    if missing:
        raise IndexError(f"There is no passage in row {missing[0]}.")
    return tuple(found[row] for row in wanted)


def _document(values: Any) -> Document:
    path, title, kind, text, blocks, starts, labels, runs, metadata, warnings = values
    return Document(
        path=path,
        format=kind,
        title=title,
        text=text,
        blocks=tuple(
            Block(start, end, BlockKind(role), level, label)
            for start, end, role, level, label in json.loads(blocks)
        ),
        page_starts=tuple(json.loads(starts)),
        page_labels=tuple(json.loads(labels)),
        source_runs=tuple(
            SourceRun(start, length, page, index, tuple(box[0]) if box else None)
            for start, length, page, index, *box in json.loads(runs)
        ),
        metadata=_metadata(metadata),
        warnings=tuple(json.loads(warnings)),
    )


def _record(values: Any) -> DocumentRecord:
    path, title, kind, pages, first, passages, *stamp, metadata, warnings = values
    size, mtime_ns, sha256, ocr, overrides = stamp
    given = tuple((name, value) for name, value in json.loads(overrides))
    return DocumentRecord(
        path=path,
        title=title,
        format=kind,
        pages=pages,
        rows=range(first, first + passages),
        source=SourceStamp(size, mtime_ns, sha256, bool(ocr), given),
        metadata=_metadata(metadata),
        warnings=tuple(json.loads(warnings)),
    )


def _metadata(content: str) -> tuple[MetadataField, ...]:
    return tuple(MetadataField(*item) for item in json.loads(content))


def _passage(values: Any) -> Passage:
    _, passage_id, path, title, section, start, end, text, sentences, page, *rest = values
    breaks, label, tags, metadata = rest
    return Passage(
        id=passage_id,
        document=path,
        title=title,
        section=tuple(json.loads(section)),
        start=start,
        end=end,
        text=text,
        sentences=tuple(
            Sentence(first, last, BlockKind(kind), (lead[0], lead[1]) if lead else None)
            for first, last, kind, *lead in json.loads(sentences)
        ),
        page=page,
        label=label,
        tags={facet: tuple(names) for facet, names in json.loads(tags).items()},
        page_breaks=tuple(json.loads(breaks)),
        ocr_pages=find_ocr_pages(_metadata(metadata)),
    )
