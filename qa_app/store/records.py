"""Documents, passages and tags in one SQLite file: writing and reading.

Values that are always read whole are stored as JSON in one column, by msgspec. Lists of small
dataclasses, such as sentences, are stored as arrays of field values without field names, which
takes a third of the space.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec
import numpy as np

from qa_app.arrays import RowArray
from qa_app.errors import IndexCorruptError, QueryError
from qa_app.facets import name_documents
from qa_app.models import (
    Block,
    Document,
    LeadIn,
    MetadataField,
    Passage,
    Sentence,
    SourceRun,
    find_ocr_pages,
)
from qa_app.store.manifest import MEND_HINT
from qa_app.text.dates import Days, parse_date

RECORDS_FILE = "passages.sqlite"

_T = TypeVar("_T")

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
_PASSAGE_QUERY = (
    'SELECT "row", document, id, section, start, "end", text, sentences, page, page_breaks, label, '
    "tags FROM passages"
)
# Query parameters at once: old builds of SQLite allow at most 999.
_MOST_PARAMETERS = 900


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """State of the file that a document was read from, at that time.

    Attributes:
        size: in bytes.
        mtime_ns: modification time in nanoseconds; -1 if it was too recent to detect a later
            change by.
        ocr: whether OCR of scanned pages was switched on.
        overrides: facts from the corpus's ``metadata.toml``, as (name, value).
    """

    size: int
    mtime_ns: int
    sha256: str
    ocr: bool = False
    overrides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document, the state of its file, and its passages with their tags."""

    document: Document
    source: SourceStamp
    passages: tuple[Passage, ...]


@dataclass(frozen=True, slots=True)
class DocumentRecord:
    """A document without its text, for lists and comparisons.

    Attributes:
        pages: number of pages, 0 if the format has none.
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

    @property
    def dated(self) -> Days | None:
        """The days that its date may mean, or None if it has no date that can be parsed."""
        return next((parse_date(m.value) for m in self.metadata if m.name == "date"), None)


def searchable_text(passage: Passage) -> str:
    """Return the text that is embedded and indexed by BM25: title, section path, passage text."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


def hash_text(text: str) -> bytes:
    """Return the SHA-256 of a text: the key by which later builds reuse its vector."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()


class RecordsWriter:
    """Writes documents, passages and tags to a new file; the base of ``GenerationWriter``.

    Attributes:
        hashes: ``hash_text`` of each row's ``searchable_text``.
    """

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / RECORDS_FILE, isolation_level=None)
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
            _dump(record),
            document.text,
            _dump(document.page_starts),
            _dump(document.page_labels),
            _dump_each(document.blocks),
            _dump_each(document.source_runs),
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

    def add_stored(self, earlier: Records, record: DocumentRecord, source: SourceStamp) -> None:
        """Append a document as an earlier generation has it, with its tags, undecoded.

        ``record`` is the earlier one, ``source`` the present state of its file.
        """
        number, first = len(self._documents), len(self.hashes)
        record = replace(record, rows=range(first, first + record.passages), source=source)
        document, passages = earlier.stored(record.path)
        self._db.execute(
            f"INSERT INTO documents VALUES ({', '.join('?' * 8)})",
            (number, record.path, _dump(record), *document),
        )
        self._db.executemany(
            f"INSERT INTO passages VALUES ({', '.join('?' * 13)})",
            ((row, own, number, *rest) for row, (own, *rest) in enumerate(passages, start=first)),
        )
        for row, (*_, tags, digest) in enumerate(passages, start=first):
            self.hashes.append(digest)
            self._tag(row, _load_tags(tags))
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
        return (
            row,
            passage.id,
            len(self._documents),
            _dump(passage.section),
            passage.start,
            passage.end,
            passage.text,
            _dump_each(passage.sentences),
            passage.page,
            _dump(passage.page_breaks),
            passage.label,
            _dump(passage.tags),
            digest,
        )

    def tag_documents(self, facet: str) -> None:
        """Tag every passage with its document's unique name, replacing its values of the facet."""
        self._tags = {key: rows for key, rows in self._tags.items() if key[0] != facet}
        names = name_documents({record.path: record.title for record in self._documents})
        for record in self._documents:
            self._tags[facet, names[record.path]] = list(record.rows)
            query = 'SELECT tags FROM passages WHERE "row" = ?'
            tags = self._db.execute(query, (record.rows.start,)).fetchone()
            if tags and _load_tags(tags[0]).get(facet) == (names[record.path],):
                continue  # stored with its name, which is still free
            self._db.execute(
                'UPDATE passages SET tags = json_set(tags, ?, json(?)) WHERE "row" BETWEEN ? AND ?',
                (
                    f'$."{facet}"',
                    _dump([names[record.path]]),
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
            found = (_passage(values, self._documents) for values in every)
        yield from map(searchable_text, found)

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows in the order given, with ``lead_in`` left None."""
        return _select_passages(
            lambda query, values: self._db.execute(query, values).fetchall(), rows, self._documents
        )

    def outline(self) -> list[tuple[int, str]]:
        """Return (document number, passage text) for every row, in row order."""
        return self._db.execute('SELECT document, text FROM passages ORDER BY "row"').fetchall()

    def titles(self) -> list[str]:
        """Return the documents' titles, in the order added."""
        return [record.title for record in self._documents]

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


class Records:
    """The documents and passages of a generation, read only. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        # The file is never written again, so SQLite need not lock it or look for a journal.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)

    @cached_property
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in row order."""
        return tuple(
            _load_record(content)
            for (content,) in self._all("SELECT record FROM documents ORDER BY id")
        )

    @cached_property
    def _by_path(self) -> dict[str, DocumentRecord]:
        return {record.path: record for record in self.documents}

    @cached_property
    def dates(self) -> dict[str, str]:
        """Date ("2024-05") by path, for the documents with a date that can be parsed."""
        return {
            record.path: field.value
            for record in self.documents
            for field in record.metadata
            if field.name == "date" and record.dated
        }

    def document(self, path: str) -> Document:
        """Return a document as loaded; ``QueryError`` if there is none with this path."""
        query = "SELECT text, page_starts, page_labels, blocks, source_runs FROM documents WHERE "
        found = self._all(f"{query} path = ?", (path,))
        if not found:
            raise QueryError(
                f"There is no document {path!r} in the index.",
                "Look up the paths: qa-app status --json",
            )
        text, starts, labels, blocks, runs = found[0]
        record = self._by_path[path]
        return Document(
            path=path,
            format=record.format,
            title=record.title,
            text=text,
            blocks=_load_each(Block, blocks),
            page_starts=_load_numbers(starts),
            page_labels=_load_texts(labels),
            source_runs=_load_each(SourceRun, runs),
            metadata=record.metadata,
            warnings=record.warnings,
        )

    def stored(self, path: str) -> tuple[Any, list[Any]]:
        """Return a document's columns after its record, and its passages' after "row"."""
        query = "SELECT text, page_starts, page_labels, blocks, source_runs FROM documents WHERE "
        (document,) = self._all(f"{query} path = ?", (path,))
        rows = self._by_path[path].rows
        query = (
            'SELECT id, section, start, "end", text, sentences, page, page_breaks, label, tags, '
            'content_hash FROM passages WHERE "row" >= ? AND "row" < ? ORDER BY "row"'
        )
        return document, self._all(query, (rows.start, rows.stop))

    def document_sha256(self, path: str) -> str:
        """Return the SHA-256 of a document's file when it was indexed; "" if there is no such."""
        record = self._by_path.get(path)
        return record.source.sha256 if record else ""

    def document_rows(self, path: str) -> range:
        """Return the rows of a document's passages; empty if there is no such document."""
        record = self._by_path.get(path)
        return record.rows if record else range(0)

    def passage(self, row: int) -> Passage:
        """Return the passage of a row; ``IndexError`` if there is no such row."""
        return self.passages([row])[0]

    def passages(self, rows: Sequence[int] | RowArray | range) -> tuple[Passage, ...]:
        """Return the passages of these rows in the order given, with their lead-ins.

        Raises:
            IndexError: there is no such row.
        """
        found = _select_passages(self._all, rows, self.documents)
        return tuple(map(self._with_lead_in, found))

    def _with_lead_in(self, passage: Passage) -> Passage:
        lead = passage.sentences[0].lead_in if passage.sentences else None
        if lead is None or lead[0] >= passage.start:
            return passage
        start, end = lead
        query = "SELECT page_starts FROM documents WHERE path = ?"
        ((starts,),) = self._all(query, (passage.document,))
        page = bisect_right(_load_numbers(starts), start) or None
        words = self._words(passage.document, start, end)
        return replace(passage, lead_in=LeadIn(start, end, words, page))

    def stretch(self, passage: Passage, end: int) -> Passage:
        """Return a passage extended by the text after it, up to offset ``end`` of its document."""
        if end <= passage.end:
            return passage
        text = self._words(passage.document, passage.start, end)
        return replace(passage, end=end, text=text)

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

    def stored_rows(self, hashes: Sequence[bytes]) -> tuple[RowArray, RowArray]:
        """Return which of these texts have a vector in this generation, and in which row.

        Args:
            hashes: of texts, from ``hash_text``.

        Returns:
            places: int64, positions in ``hashes`` of the texts found, ascending.
            rows: int64, same shape, the first row with that text.
        """
        own = self.content_hashes()
        known = dict(zip(reversed(own), range(len(own) - 1, -1, -1), strict=True))
        pairs = [(place, known[digest]) for place, digest in enumerate(hashes) if digest in known]
        places, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return places, rows

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's ``searchable_text``; equal texts have equal hashes."""
        return [
            digest for (digest,) in self._all('SELECT content_hash FROM passages ORDER BY "row"')
        ]

    def facets(self) -> tuple[str, ...]:
        """Return the names of the facets that passages are tagged with, sorted."""
        return tuple(self.facet_counts)

    def facet_values(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that passages are tagged with, sorted."""
        return tuple(self.facet_counts.get(facet, ()))

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
    rows: Sequence[int] | RowArray | range,
    documents: Sequence[DocumentRecord],
) -> tuple[Passage, ...]:
    """Return the passages of these rows in the order given; ``IndexError`` if one is missing.

    ``select`` runs a query with its parameters and returns the result rows.
    """
    wanted = [int(row) for row in rows]
    found: dict[int, Passage] = {}
    for start in range(0, len(wanted), _MOST_PARAMETERS):
        some = wanted[start : start + _MOST_PARAMETERS]
        marks = ", ".join("?" * len(some))
        for values in select(f'{_PASSAGE_QUERY} WHERE "row" IN ({marks})', some):
            found[values[0]] = _passage(values, documents)
    missing = [row for row in wanted if row not in found]
    if missing:
        raise IndexError(f"There is no passage in row {missing[0]}.")
    return tuple(found[row] for row in wanted)


def _passage(values: Any, documents: Sequence[DocumentRecord]) -> Passage:
    _, number, name, section, start, end, text, sentences, page, breaks, label, tags = values
    document = documents[number]
    return Passage(
        id=name,
        document=document.path,
        title=document.title,
        section=_load_texts(section),
        start=start,
        end=end,
        text=text,
        sentences=_load_each(Sentence, sentences),
        page=page,
        label=label,
        tags=_load_tags(tags),
        page_breaks=_load_numbers(breaks),
        ocr_pages=find_ocr_pages(document.metadata),
    )


def _range_ends(value: range) -> tuple[int, int]:
    return value.start, value.stop


def _dump(value: Any) -> str:
    return msgspec.json.encode(value, enc_hook=_range_ends).decode()


_load_texts = msgspec.json.Decoder(tuple[str, ...]).decode
_load_numbers = msgspec.json.Decoder(tuple[int, ...]).decode
_load_tags = msgspec.json.Decoder(dict[str, tuple[str, ...]]).decode
_load_record = msgspec.json.Decoder(DocumentRecord, dec_hook=lambda _, ends: range(*ends)).decode


def _dump_each(items: Sequence[Any]) -> str:
    """Return dataclass instances as a JSON array of arrays of their field values."""
    return _dump([[getattr(item, name) for name in item.__slots__] for item in items])


def _load_each(kind: Callable[..., _T], content: str) -> tuple[_T, ...]:
    return tuple(kind(*values) for values in _decoder(kind).decode(content))


@cache
def _decoder(kind: Callable[..., Any]) -> msgspec.json.Decoder[Any]:
    fields: Any = tuple(get_type_hints(kind).values())
    return msgspec.json.Decoder(list[tuple[fields]])
