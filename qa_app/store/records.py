"""Documents, passages and tags in one SQLite file, written once and then only read."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from qa_app.errors import IndexCorruptError, QueryError
from qa_app.models import (
    Block,
    BlockKind,
    Document,
    MetadataField,
    Passage,
    Sentence,
    SourceRun,
)
from qa_app.store.manifest import MEND_HINT

RECORDS_FILE = "passages.sqlite"

RowArray = npt.NDArray[np.int64]

_SCHEMA = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, title TEXT NOT NULL, format TEXT NOT NULL,
    size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, sha256 TEXT NOT NULL, ocr INTEGER NOT NULL,
    overrides TEXT NOT NULL, first_row INTEGER NOT NULL, passages INTEGER NOT NULL,
    text TEXT NOT NULL, blocks TEXT NOT NULL, page_starts TEXT NOT NULL, page_labels TEXT NOT NULL,
    source_runs TEXT NOT NULL, metadata TEXT NOT NULL, warnings TEXT NOT NULL
);
CREATE TABLE passages (
    "row" INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL,
    section TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL,
    sentences TEXT NOT NULL, page INTEGER, label TEXT, tags TEXT NOT NULL,
    content_hash BLOB NOT NULL
);
CREATE TABLE tags (
    facet TEXT NOT NULL, value TEXT NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (facet, value)
) WITHOUT ROWID;
"""
_DOCUMENT_COLUMNS = (
    "path, title, format, text, blocks, page_starts, page_labels, source_runs, metadata, warnings"
)
_PASSAGE_QUERY = (
    'SELECT p."row", p.id, d.path, d.title, p.section, p.start, p."end", p.text, p.sentences, '
    "p.page, p.label, p.tags FROM passages p JOIN documents d ON d.id = p.document "
)
_TEXT_QUERY = (
    "SELECT d.title, p.section, p.text FROM passages p JOIN documents d ON d.id = p.document"
)
_RECORD_QUERY = (
    "SELECT path, title, format, json_array_length(page_starts), first_row, passages, size, "
    "mtime_ns, sha256, ocr, overrides, metadata, warnings FROM documents ORDER BY id"
)
# SQLite takes at most 999 parameters in old builds.
_MOST_PARAMETERS = 900


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """The file that a document was read from, as it was then.

    Attributes:
        ocr: whether scanned pages were to be read.
        overrides: facts about it that were given beside the corpus, as (name, value).
    """

    size: int
    mtime_ns: int
    sha256: str
    ocr: bool = False
    overrides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document without its text: what lists and comparisons need.

    Attributes:
        pages: number of pages, 0 where the format has none.
        rows: rows of its passages.
    """

    path: str
    title: str
    format: str
    pages: int
    rows: range
    source: SourceStamp
    metadata: tuple[MetadataField, ...]
    warnings: tuple[str, ...]

    @property
    def passages(self) -> int:
        """Number of passages."""
        return len(self.rows)


def searchable_text(passage: Passage) -> str:
    """Return what is embedded and what BM25 sees: title and section path, then the words."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


def hash_text(text: str) -> bytes:
    """Return the key under which a text's vector is kept from build to build."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()


class RecordsWriter:
    """Fills a new file; nothing is promised of it until ``close`` has returned."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / RECORDS_FILE, isolation_level=None)
        # A file that is not finished is thrown away, so no journal; the caller makes it durable.
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            + _SCHEMA
            + "BEGIN;"
        )
        self._tags: dict[tuple[str, str], list[int]] = {}
        self.num_documents = 0
        self.hashes: list[bytes] = []

    def add(self, document: Document, source: SourceStamp, passages: Sequence[Passage]) -> None:
        """Append a document; its passages get the next rows, in the order given.

        Raises:
            ValueError: a passage is not the document's words, or its id is taken.
        """
        first = len(self.hashes)
        try:
            self._db.execute(
                f"INSERT INTO documents VALUES ({', '.join('?' * 18)})",
                _document_values(self.num_documents, document, source, first, len(passages)),
            )
            self._db.executemany(
                f"INSERT INTO passages VALUES ({', '.join('?' * 12)})",
                (self._passage_values(document, passage) for passage in passages),
            )
        except sqlite3.IntegrityError as exc:
            raise ValueError(f"{document.path}: {exc}") from exc
        self.num_documents += 1

    def _passage_values(self, document: Document, passage: Passage) -> tuple[Any, ...]:
        if document.text[passage.start : passage.end] != passage.text:
            raise ValueError(f"Passage {passage.id} is not the words of {document.path}.")
        row = len(self.hashes)
        digest = hash_text(searchable_text(passage))
        self.hashes.append(digest)
        for facet, values in passage.tags.items():
            for value in values:
                self._tags.setdefault((facet, value), []).append(row)
        sentences = [
            (s.start, s.end, s.kind, *s.lead_in) if s.lead_in else (s.start, s.end, s.kind)
            for s in passage.sentences
        ]
        return (
            row,
            passage.id,
            self.num_documents,
            _dump(passage.section),
            passage.start,
            passage.end,
            passage.text,
            _dump(sentences),
            passage.page,
            passage.label,
            _dump(dict(passage.tags)),
            digest,
        )

    def texts(self, rows: Sequence[int] | None = None) -> Iterator[str]:
        """Yield the searchable text of these rows, or of every passage, in the order given."""
        if rows is None:
            found: Iterable[Any] = self._db.execute(f'{_TEXT_QUERY} ORDER BY p."row"')
        else:
            one = f'{_TEXT_QUERY} WHERE p."row" = ?'
            found = (self._db.execute(one, (row,)).fetchone() for row in rows)
        for title, section, text in found:
            context = " > ".join((title, *json.loads(section)))
            yield f"{context}\n{text}" if context else text

    def close(self) -> None:
        """Finish the file."""
        self._db.executemany(
            "INSERT INTO tags VALUES (?, ?, ?)",
            (
                (facet, value, np.array(rows, dtype="<i4").tobytes())
                for (facet, value), rows in sorted(self._tags.items())
            ),
        )
        self._db.execute("COMMIT")
        self._db.close()

    def abandon(self) -> None:
        """Let go of the file, finished or not."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()


class Records:
    """Read access. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        # Nobody writes to it ever again, so SQLite need neither lock it nor look for a journal.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)
        self._facets: dict[str, tuple[str, ...]] | None = None

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
        wanted = [int(row) for row in rows]
        found: dict[int, Passage] = {}
        for start in range(0, len(wanted), _MOST_PARAMETERS):
            some = wanted[start : start + _MOST_PARAMETERS]
            marks = ", ".join("?" * len(some))
            for values in self._all(f'{_PASSAGE_QUERY} WHERE p."row" IN ({marks})', some):
                found[values[0]] = _passage(values)
        missing = [row for row in wanted if row not in found]
        if missing:
            raise IndexError(f"There is no passage in row {missing[0]}.")
        return tuple(found[row] for row in wanted)

    def passages_of(self, rows: range) -> tuple[Passage, ...]:
        """Return the passages of a stretch of rows."""
        query = f'{_PASSAGE_QUERY} WHERE p."row" >= ? AND p."row" < ? ORDER BY p."row"'
        return tuple(_passage(values) for values in self._all(query, (rows.start, rows.stop)))

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        found = self._all('SELECT "row" FROM passages WHERE id = ?', (passage_id,))
        return int(found[0][0]) if found else None

    def hashes(self) -> dict[bytes, int]:
        """Return for each distinct embedded text the row that holds its vector."""
        return dict(
            self._all('SELECT content_hash, min("row") FROM passages GROUP BY content_hash')
        )

    def facet_values(self) -> dict[str, tuple[str, ...]]:
        """Return the facets that passages are tagged with, and their values, sorted."""
        if self._facets is None:
            found: dict[str, list[str]] = {}
            for facet, value in self._all("SELECT facet, value FROM tags ORDER BY facet, value"):
                found.setdefault(facet, []).append(value)
            self._facets = {facet: tuple(values) for facet, values in found.items()}
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


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _document_values(
    number: int, document: Document, source: SourceStamp, first_row: int, passages: int
) -> tuple[Any, ...]:
    runs = [(r.start, r.length, r.page, r.index) for r in document.source_runs]
    return (
        number,
        document.path,
        document.title,
        document.format,
        source.size,
        source.mtime_ns,
        source.sha256,
        int(source.ocr),
        _dump(source.overrides),
        first_row,
        passages,
        document.text,
        _dump([(b.start, b.end, b.kind, b.level, b.label) for b in document.blocks]),
        _dump(document.page_starts),
        _dump(document.page_labels),
        _dump(runs),
        _dump([(m.name, m.value, m.origin) for m in document.metadata]),
        _dump(document.warnings),
    )


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
        source_runs=tuple(SourceRun(*run) for run in json.loads(runs)),
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
    _, passage_id, path, title, section, start, end, text, sentences, page, label, tags = values
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
    )
