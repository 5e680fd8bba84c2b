"""Documents, passages and tags in one SQLite file: writing and reading."""

from __future__ import annotations

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.arrays import RowArray
from qa_app.errors import IndexCorruptError
from qa_app.facets import name_documents
from qa_app.models import Document, ModelIdentity, Passage
from qa_app.store.documents import (
    DOCUMENT_COLUMNS,
    PASSAGE_COLUMNS,
    DocumentRecord,
    IndexedDocument,
    SourceStamp,
    StoredRecords,
    document_values,
    dump_record,
    dump_values,
    hash_text,
    in_order,
    load_passage,
    load_record,
    load_tags,
    passage_values,
    searchable_text,
)
from qa_app.store.manifest import MEND_HINT
from qa_app.store.protocol import Generation

RECORDS_FILE = "passages.sqlite"

_SCHEMA = """
CREATE TABLE documents (
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, record TEXT NOT NULL, text TEXT NOT NULL,
    page_starts TEXT NOT NULL, page_labels TEXT NOT NULL, blocks TEXT NOT NULL,
    source_runs TEXT NOT NULL
);
CREATE TABLE passages (
    "row" INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, document INTEGER NOT NULL,
    section TEXT NOT NULL, start INTEGER NOT NULL, "end" INTEGER NOT NULL, text TEXT NOT NULL,
    sentences TEXT NOT NULL, page INTEGER, page_breaks TEXT NOT NULL, label TEXT,
    tags TEXT NOT NULL, content_hash BLOB NOT NULL
);
CREATE TABLE tags (
    facet TEXT NOT NULL, value TEXT NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (facet, value)
) WITHOUT ROWID;
"""
_PASSAGE_QUERY = f'SELECT "row", document, {PASSAGE_COLUMNS} FROM passages'
# Query parameters at once: old builds of SQLite allow at most 999.
_MOST_PARAMETERS = 900


class RecordsWriter:
    """Writes documents, passages and tags to a new file; the base of every store's writer.

    Attributes:
        hashes: ``hash_text`` of each row's ``searchable_text``.
    """

    def __init__(self, folder: Path) -> None:
        uri = (folder / RECORDS_FILE).resolve().as_uri()
        self._db = sqlite3.connect(uri, isolation_level=None, uri=True)
        self._attached = False  # the file that stored documents are copied from
        # An unfinished file is discarded, so it needs no journal; the caller flushes it to disk.
        self._db.executescript(
            "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE;"
            + _SCHEMA
            + "BEGIN;"
        )
        self._documents: list[DocumentRecord] = []
        self._tags: dict[tuple[str, str], list[int]] = {}
        self.hashes: list[bytes] = []

    @property
    def num_documents(self) -> int:
        """Number of documents added so far."""
        return len(self._documents)

    @property
    def num_passages(self) -> int:
        """Number of passages added so far."""
        return len(self.hashes)

    def add(self, item: IndexedDocument) -> None:
        """Append a document; its passages get the next rows, in the order given.

        Raises:
            ValueError: a passage's text differs from the document's at its offsets, or the
                document's path or a passage's id is in use already.
        """
        document, passages = item.document, item.passages
        number, first = len(self._documents), len(self.hashes)
        record = DocumentRecord(
            path=document.path,
            title=document.title,
            format=document.format,
            pages=len(document.page_starts),
            rows=range(first, first + len(passages)),
            source=item.source,
            metadata=document.metadata,
            warnings=document.warnings,
        )
        values = (
            number,
            document.path,
            dump_record(record),
            *document_values(document),
        )
        try:
            self._db.execute(f"INSERT INTO documents VALUES ({', '.join('?' * 8)})", values)
            self._db.executemany(
                f"INSERT INTO passages VALUES ({', '.join('?' * 13)})",
                (self._passage_values(document, passage) for passage in passages),
            )
        except sqlite3.IntegrityError as exc:
            raise ValueError(f"{document.path}: {exc}") from exc
        self._documents.append(record)

    def add_stored(self, previous: Generation, record: DocumentRecord, source: SourceStamp) -> None:
        """As ``Writer.add_stored``."""
        passages = previous.passages(record.rows)
        self.add(IndexedDocument(previous.document(record.path), source, passages))

    def _add_stored(self, earlier: Records, record: DocumentRecord, source: SourceStamp) -> None:
        """Append a document as an earlier generation's file has it, copied by SQLite."""
        number, first, rows = len(self._documents), len(self.hashes), record.rows
        record = replace(record, rows=range(first, first + len(rows)), source=source)
        if not self._attached:
            self._db.execute("ATTACH ? AS earlier", (earlier.uri,))
            self._attached = True
        self._db.execute(
            f"INSERT INTO documents SELECT ?, path, ?, {DOCUMENT_COLUMNS} "
            "FROM earlier.documents WHERE path = ?",
            (number, dump_record(record), record.path),
        )
        name, others = PASSAGE_COLUMNS.split(", ", 1)
        self._db.execute(
            f'INSERT INTO passages SELECT "row" + ?, {name}, ?, {others}, content_hash '
            'FROM earlier.passages WHERE "row" >= ? AND "row" < ? ORDER BY "row"',
            (first - rows.start, number, rows.start, rows.stop),
        )
        query = 'SELECT tags, content_hash FROM passages WHERE "row" >= ? ORDER BY "row"'
        for row, (tags, digest) in enumerate(self._db.execute(query, (first,)), start=first):
            self.hashes.append(digest)
            self._tag(row, load_tags(tags))
        self._documents.append(record)

    def _tag(self, row: int, tags: Mapping[str, Iterable[str]]) -> None:
        for facet, values in tags.items():
            for value in values:
                self._tags.setdefault((facet, value), []).append(row)

    def _passage_values(self, document: Document, passage: Passage) -> tuple[Any, ...]:
        if document.text[passage.start : passage.end] != passage.text:
            raise ValueError(f"Passage {passage.id} is not the words of {document.path}.")
        row = len(self.hashes)
        digest = hash_text(searchable_text(passage))
        self.hashes.append(digest)
        self._tag(row, passage.tags)
        name, *others = passage_values(passage)
        return row, name, len(self._documents), *others, digest

    def tag_documents(self, facet: str) -> None:
        """Tag every passage with its document's unique name, replacing its values of the facet."""
        self._tags = {key: rows for key, rows in self._tags.items() if key[0] != facet}
        names = name_documents({record.path: record.title for record in self._documents})
        for record in self._documents:
            self._tags[facet, names[record.path]] = list(record.rows)
            query = 'SELECT tags FROM passages WHERE "row" = ?'
            tags = self._db.execute(query, (record.rows.start,)).fetchone()
            if tags and load_tags(tags[0]).get(facet) == (names[record.path],):
                continue  # stored with its name, which is still free
            self._db.execute(
                'UPDATE passages SET tags = json_set(tags, ?, json(?)) WHERE "row" BETWEEN ? AND ?',
                (
                    f'$."{facet}"',
                    dump_values([names[record.path]]),
                    record.rows.start,
                    record.rows.stop - 1,
                ),
            )

    def texts(self, rows: Sequence[int] | None = None) -> Iterator[str]:
        """Yield the searchable text of these rows in the order given, or of all in row order."""
        if rows is not None:
            found: Iterable[Passage] = self.passages(rows)
        else:
            every = self._db.execute(f'{_PASSAGE_QUERY} ORDER BY "row"')
            found = (load_passage(values[1], values[2:], self._documents) for values in every)
        yield from map(searchable_text, found)

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows in the order given, with ``lead_in`` left None."""
        wanted = [int(row) for row in rows]
        return in_order(wanted, _select_passages(self._all, wanted, self._documents))

    def outline(self) -> list[tuple[int, str]]:
        """Return (document number, passage text) for every row, in row order."""
        return self._db.execute('SELECT document, text FROM passages ORDER BY "row"').fetchall()

    def titles(self) -> list[str]:
        """Return the documents' titles, in the order added."""
        return [record.title for record in self._documents]

    def _all(self, query: str, values: Sequence[Any] = ()) -> list[Any]:
        return self._db.execute(query, values).fetchall()

    def _check_shape(self, shape: tuple[int, ...], model: ModelIdentity) -> None:
        """Raise ``ValueError`` if there are no passages, or not as many vectors of the model's."""
        if not self.num_passages or shape != (self.num_passages, model.dimension):
            raise ValueError(
                f"embeddings have the shape {shape}; there are {self.num_passages} "
                f"passages, and {model.name} has {model.dimension} dimensions"
            )

    def _finish_records(self) -> None:
        """Write the tags, commit and close the file."""
        self._db.executemany(
            "INSERT INTO tags VALUES (?, ?, ?)",
            (
                (facet, value, np.array(rows, dtype="<i4").tobytes())
                for (facet, value), rows in sorted(self._tags.items())
            ),
        )
        self._db.execute("COMMIT")
        self._db.close()

    def _abandon_records(self) -> None:
        """Close the file, finished or not."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()


class Records(StoredRecords):
    """The documents and passages of a generation, read only. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        # The file is never written again, so SQLite need not lock it or look for a journal.
        self.uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(self.uri, uri=True, check_same_thread=False)

    @cached_property
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in row order."""
        return tuple(
            load_record(content)
            for (content,) in self._all("SELECT record FROM documents ORDER BY id")
        )

    def _document_values(self, path: str) -> Sequence[str] | None:
        found = self._all(f"SELECT {DOCUMENT_COLUMNS} FROM documents WHERE path = ?", (path,))
        return found[0] if found else None

    def _page_starts(self, path: str) -> str:
        ((starts,),) = self._all("SELECT page_starts FROM documents WHERE path = ?", (path,))
        return str(starts)

    def _passages(self, rows: Sequence[int]) -> Mapping[int, Passage]:
        return _select_passages(self._all, rows, self.documents)

    def _words(self, path: str, start: int, end: int) -> str:
        """Return the text at offsets ``start:end`` of a document."""
        query = "SELECT substr(text, ?, ?) FROM documents WHERE path = ?"
        ((words,),) = self._all(query, (start + 1, end - start, path))
        # SQLite's substr stops at a NUL character.
        return words if len(words) == end - start else self.document(path).text[start:end]

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        found = self._all('SELECT "row" FROM passages WHERE id = ?', (passage_id,))
        return int(found[0][0]) if found else None

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's ``searchable_text``; equal texts have equal hashes."""
        return [
            digest for (digest,) in self._all('SELECT content_hash FROM passages ORDER BY "row"')
        ]

    @cached_property
    def facet_counts(self) -> dict[str, dict[str, int]]:
        """Number of passages by facet and value, both sorted."""
        found: dict[str, dict[str, int]] = {}
        query = "SELECT facet, value, length(rows) / 4 FROM tags ORDER BY facet, value"
        for facet, value, count in self._all(query):
            found.setdefault(facet, {})[value] = count
        return found

    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with a value, int64, ascending; empty if it is unknown."""
        query = "SELECT rows FROM tags WHERE facet = ? AND value = ?"
        found = self._all(query, (facet, value))
        content = found[0][0] if found else b""
        return np.frombuffer(content, dtype="<i4").astype(np.int64)

    def count_passages(self) -> int:
        """Return the number of passages in the file."""
        return int(self._all("SELECT count(*) FROM passages")[0][0])

    def close(self) -> None:
        """Close the file."""
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


def _select_passages(
    select: Callable[[str, Sequence[Any]], list[Any]],
    rows: Sequence[int],
    documents: Sequence[DocumentRecord],
) -> dict[int, Passage]:
    """Return the passages of those of these rows that exist, by row.

    ``select`` runs a query with its parameters and returns the result rows.
    """
    found: dict[int, Passage] = {}
    for start in range(0, len(rows), _MOST_PARAMETERS):
        some = rows[start : start + _MOST_PARAMETERS]
        marks = ", ".join("?" * len(some))
        for values in select(f'{_PASSAGE_QUERY} WHERE "row" IN ({marks})', some):
            found[values[0]] = load_passage(values[1], values[2:], documents)
    return found
