"""Documents, passages and tags in one SQLite file: what is in it, and how it is filled."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.dates import Days, parse_date
from qa_app.facets import name_documents
from qa_app.models import (
    Document,
    MetadataField,
    Passage,
)

RECORDS_FILE = "passages.sqlite"

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
    sentences TEXT NOT NULL, page INTEGER, page_breaks TEXT NOT NULL, label TEXT,
    tags TEXT NOT NULL,
    content_hash BLOB NOT NULL
);
CREATE TABLE tags (
    facet TEXT NOT NULL, value TEXT NOT NULL, rows BLOB NOT NULL, PRIMARY KEY (facet, value)
) WITHOUT ROWID;
"""
_TEXT_QUERY = (
    "SELECT d.title, p.section, p.text FROM passages p JOIN documents d ON d.id = p.document"
)


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
                f"INSERT INTO passages VALUES ({', '.join('?' * 13)})",
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
            _dump(passage.page_breaks),
            passage.label,
            _dump(dict(passage.tags)),
            digest,
        )

    def tag_documents(self, facet: str) -> None:
        """Tag every passage with its document's name among the others, in place of what it had."""
        self._tags = {key: rows for key, rows in self._tags.items() if key[0] != facet}
        query = "SELECT path, title, first_row, passages FROM documents"
        found = {path: rest for path, *rest in self._db.execute(query)}
        names = name_documents({path: title for path, (title, _, _) in found.items()})
        for path, (_, first, passages) in found.items():
            rows = range(first, first + passages)
            self._tags[facet, names[path]] = list(rows)
            self._db.execute(
                'UPDATE passages SET tags = json_set(tags, ?, json(?)) WHERE "row" BETWEEN ? AND ?',
                (f'$."{facet}"', _dump([names[path]]), first, rows.stop - 1),
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

    def outline(self) -> list[tuple[int, str]]:
        """Return the number of each row's document and the passage's text."""
        return self._db.execute('SELECT document, text FROM passages ORDER BY "row"').fetchall()

    def titles(self) -> list[str]:
        """Return the documents' titles."""
        return [title for (title,) in self._db.execute("SELECT title FROM documents ORDER BY id")]

    def select(self, query: str, values: Sequence[Any]) -> list[Any]:
        """Return what a query finds in what was added so far."""
        return self._db.execute(query, values).fetchall()

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


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _document_values(
    number: int, document: Document, source: SourceStamp, first_row: int, passages: int
) -> tuple[Any, ...]:
    runs = [
        (r.start, r.length, r.page, r.index, *((r.box,) if r.box else ()))
        for r in document.source_runs
    ]
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
