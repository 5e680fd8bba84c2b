"""Documents, passages and tags in one SQLite file: how it is filled, and how it is read.

What is only ever read whole is JSON in one column, by msgspec. Lists of small dataclasses, such as
sentences, are stored as arrays of their fields, in a third of the room that names would take.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
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
# SQLite takes at most 999 parameters in old builds.
_MOST_PARAMETERS = 900


@dataclass(frozen=True, slots=True)
class SourceStamp:
    """The file that a document was read from, as it was then.

    Attributes:
        mtime_ns: -1 where it was too fresh to tell a later change by.
        ocr: whether scanned pages were to be read.
        overrides: facts about it that were given beside the corpus, as (name, value).
    """

    size: int
    mtime_ns: int
    sha256: str
    ocr: bool = False
    overrides: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class IndexedDocument:
    """A document, the file it was read from, and its passages with their tags."""

    document: Document
    source: SourceStamp
    passages: tuple[Passage, ...]


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

    @property
    def dated(self) -> Days | None:
        """The days that its date may mean, or None where it has none that can be read."""
        return next((parse_date(m.value) for m in self.metadata if m.name == "date"), None)


def searchable_text(passage: Passage) -> str:
    """Return what is embedded and what BM25 sees: title and section path, then the words."""
    return f"{passage.context}\n{passage.text}" if passage.context else passage.text


def hash_text(text: str) -> bytes:
    """Return the key under which a text's vector is kept from build to build."""
    return hashlib.sha256(text.encode("utf-8", errors="surrogatepass")).digest()


class RecordsWriter:
    """Fills a new file: the part of ``GenerationWriter`` that holds documents and passages.

    Attributes:
        hashes: of each row's embedded text.
    """

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / RECORDS_FILE, isolation_level=None)
        # A file that is not finished is thrown away, so no journal; the caller makes it durable.
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
            ValueError: a passage is not the document's words, or its id is taken.
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

    def _passage_values(self, document: Document, passage: Passage) -> tuple[Any, ...]:
        if document.text[passage.start : passage.end] != passage.text:
            raise ValueError(f"Passage {passage.id} is not the words of {document.path}.")
        row = len(self.hashes)
        digest = hash_text(searchable_text(passage))
        self.hashes.append(digest)
        for facet, values in passage.tags.items():
            for value in values:
                self._tags.setdefault((facet, value), []).append(row)
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
        """Tag every passage with its document's name among the others, in place of what it had."""
        self._tags = {key: rows for key, rows in self._tags.items() if key[0] != facet}
        names = name_documents({record.path: record.title for record in self._documents})
        for record in self._documents:
            self._tags[facet, names[record.path]] = list(record.rows)
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
        """Yield the searchable text of these rows, or of every passage, in the order given."""
        if rows is not None:
            found: Iterable[Passage] = self.passages(rows)
        else:
            every = self._db.execute(f'{_PASSAGE_QUERY} ORDER BY "row"')
            found = (_passage(values, self._documents) for values in every)
        yield from map(searchable_text, found)

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given, without their lead-ins."""
        return _select_passages(
            lambda query, values: self._db.execute(query, values).fetchall(), rows, self._documents
        )

    def outline(self) -> list[tuple[int, str]]:
        """Return the number of each row's document and the passage's text."""
        return self._db.execute('SELECT document, text FROM passages ORDER BY "row"').fetchall()

    def titles(self) -> list[str]:
        """Return the documents' titles."""
        return [record.title for record in self._documents]

    def _finish_records(self) -> None:
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

    def _abandon_records(self) -> None:
        """Let go of the file, finished or not."""
        with contextlib.suppress(sqlite3.Error):
            self._db.close()


class Records:
    """The documents and passages of a generation, read only. Safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORDS_FILE
        self._lock = threading.Lock()
        # Nobody writes to it ever again, so SQLite need neither lock it nor look for a journal.
        uri = f"{self._path.resolve().as_uri()}?mode=ro&immutable=1"
        with self._translated():
            self._db = sqlite3.connect(uri, uri=True, check_same_thread=False)

    @cached_property
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in the order of their rows."""
        return tuple(
            _load_record(content)
            for (content,) in self._all("SELECT record FROM documents ORDER BY id")
        )

    @cached_property
    def _by_path(self) -> dict[str, DocumentRecord]:
        return {record.path: record for record in self.documents}

    @cached_property
    def dates(self) -> dict[str, str]:
        """Path to date ("2024-05"), of the documents whose date is known."""
        return {
            record.path: field.value
            for record in self.documents
            for field in record.metadata
            if field.name == "date" and record.dated
        }

    def document(self, path: str) -> Document:
        """Return a document as it was extracted; ``QueryError`` if there is none at this path."""
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

    def document_rows(self, path: str) -> range:
        """Return the rows of a document's passages, none if there is no such document."""
        record = self._by_path.get(path)
        return record.rows if record else range(0)

    def passage(self, row: int) -> Passage:
        """Return the passage of a row; ``IndexError`` if there is no such row."""
        return self.passages([row])[0]

    def passages(self, rows: Sequence[int] | RowArray | range) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given.

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
        """Return a passage with the words that follow it, up to offset ``end`` of its document."""
        if end <= passage.end:
            return passage
        text = self._words(passage.document, passage.start, end)
        return replace(passage, end=end, text=text)

    def _words(self, path: str, start: int, end: int) -> str:
        """Return what stands at offsets ``start:end`` of a document."""
        query = "SELECT substr(text, ?, ?) FROM documents WHERE path = ?"
        ((words,),) = self._all(query, (start + 1, end - start, path))
        # SQLite counts characters no further than a NUL.
        return words if len(words) == end - start else self.document(path).text[start:end]

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        found = self._all('SELECT "row" FROM passages WHERE id = ?', (passage_id,))
        return int(found[0][0]) if found else None

    def stored_rows(self, hashes: Sequence[bytes]) -> tuple[RowArray, RowArray]:
        """Return which of these texts were embedded for this generation, and where they are.

        Args:
            hashes: of texts, as ``hash_text`` makes them.

        Returns:
            places: int64, ascending positions in ``hashes``.
            rows: int64, the row of each.
        """
        query = 'SELECT content_hash, min("row") FROM passages GROUP BY content_hash'
        known = dict(self._all(query))
        pairs = [(place, known[digest]) for place, digest in enumerate(hashes) if digest in known]
        places, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return places, rows

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's embedded text: equal for passages that say the same."""
        return [
            digest for (digest,) in self._all('SELECT content_hash FROM passages ORDER BY "row"')
        ]

    def facets(self) -> tuple[str, ...]:
        """Return the facets that passages are tagged with, sorted."""
        return tuple(self.facet_counts)

    def facet_values(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that passages are tagged with, sorted."""
        return tuple(self.facet_counts.get(facet, ()))

    @cached_property
    def facet_counts(self) -> dict[str, dict[str, int]]:
        """Facet to its values, sorted, each with its number of passages."""
        found: dict[str, dict[str, int]] = {}
        query = "SELECT facet, value, length(rows) / 4 FROM tags ORDER BY facet, value"
        for facet, value, count in self._all(query):
            found.setdefault(facet, {})[value] = count
        return found

    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with a value, int64, ascending; none if it is unknown."""
        query = "SELECT rows FROM tags WHERE facet = ? AND value = ?"
        found = self._all(query, (facet, value))
        content = found[0][0] if found else b""
        return np.frombuffer(content, dtype="<i4").astype(np.int64)

    def count_passages(self) -> int:
        """Return the number of passages in the file."""
        return int(self._all("SELECT count(*) FROM passages")[0][0])

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


def _select_passages(
    select: Callable[[str, Sequence[Any]], list[Any]],
    rows: Sequence[int] | RowArray | range,
    documents: Sequence[DocumentRecord],
) -> tuple[Passage, ...]:
    """Return the passages of these rows, in the order given, through a query to their file."""
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
    """Return dataclasses as a JSON array of arrays of their fields."""
    return _dump([[getattr(item, name) for name in item.__slots__] for item in items])


def _load_each(kind: Callable[..., _T], content: str) -> tuple[_T, ...]:
    return tuple(kind(*values) for values in _decoder(kind).decode(content))


@cache
def _decoder(kind: Callable[..., Any]) -> msgspec.json.Decoder[Any]:
    fields: Any = tuple(get_type_hints(kind).values())
    return msgspec.json.Decoder(list[tuple[fields]])
