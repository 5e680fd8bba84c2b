"""What every store keeps of documents and passages, and how they are written as columns.

Values that are always read whole are JSON in one column, by msgspec. Lists of small dataclasses,
such as sentences, are arrays of field values without field names, which takes a third of the space.
"""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any, TypeVar, get_type_hints

import msgspec

from qa_app.arrays import HalfArray, RowArray
from qa_app.errors import QueryError
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
from qa_app.text.dates import Days, parse_date

_T = TypeVar("_T")
# Columns of a stored passage after its document's number; ``passage_values`` fills them and
# ``StoredRecords`` reads them. "end" is a word of SQL's.
PASSAGE_COLUMNS = 'id, section, start, "end", text, sentences, page, page_breaks, label, tags'
# Columns of a stored document after its path and record.
DOCUMENT_COLUMNS = "text, page_starts, page_labels, blocks, source_runs"


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


def document_values(document: Document) -> tuple[str, ...]:
    """Return the values of ``DOCUMENT_COLUMNS``."""
    return (
        document.text,
        _dump(document.page_starts),
        _dump(document.page_labels),
        _dump_each(document.blocks),
        _dump_each(document.source_runs),
    )


def passage_values(passage: Passage) -> tuple[Any, ...]:
    """Return the values of ``PASSAGE_COLUMNS``."""
    return (
        passage.id,
        _dump(passage.section),
        passage.start,
        passage.end,
        passage.text,
        _dump_each(passage.sentences),
        passage.page,
        _dump(passage.page_breaks),
        passage.label,
        _dump(passage.tags),
    )


def digest_document(
    record: DocumentRecord,
    values: Sequence[str],
    passages: Iterable[Sequence[Any]],
    vectors: HalfArray,
) -> bytes:
    """Return a SHA-256 that two documents share only if they read the same and are found alike.

    Args:
        record: its rows and the state of its file do not count.
        values: of ``DOCUMENT_COLUMNS``.
        passages: values of ``PASSAGE_COLUMNS`` of each passage.
        vectors: of the passages, as stored; one model's differ by processor in their last bits.
    """
    described = replace(record, rows=range(0), source=SourceStamp(0, 0, ""))
    digest = hashlib.sha256(dump_record(described).encode(errors="surrogatepass"))
    for part in (values, *passages):
        digest.update(_dump(list(part)).encode(errors="surrogatepass"))
    digest.update(vectors.tobytes())
    return digest.digest()


def dump_record(record: DocumentRecord) -> str:
    """Return a record as JSON."""
    return _dump(record)


def dump_values(values: Sequence[str]) -> str:
    """Return texts as a JSON array."""
    return _dump(values)


def load_record(content: str) -> DocumentRecord:
    """Return the record that ``dump_record`` wrote."""
    return _load_record(content)


def load_tags(content: str) -> dict[str, tuple[str, ...]]:
    """Return a passage's facet values, as stored."""
    return _load_tags(content)


def load_passage(
    number: int, values: Sequence[Any], documents: Sequence[DocumentRecord]
) -> Passage:
    """Return a passage, with ``lead_in`` left None.

    Args:
        number: of its document in ``documents``.
        values: of ``PASSAGE_COLUMNS``.
    """
    name, section, start, end, text, sentences, page, breaks, label, tags = values
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
        tags=load_tags(tags),
        page_breaks=_load_numbers(breaks),
        ocr_pages=find_ocr_pages(document.metadata),
    )


class StoredRecords(ABC):
    """The documents and passages of a generation, read only; the base of every store's."""

    @property
    @abstractmethod
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in row order."""

    @property
    @abstractmethod
    def facet_counts(self) -> Mapping[str, Mapping[str, int]]:
        """Number of passages by facet and value, both sorted."""

    @abstractmethod
    def _document_values(self, path: str) -> Sequence[str] | None:
        """Return a document's values of ``DOCUMENT_COLUMNS``, or None."""

    @abstractmethod
    def _page_starts(self, path: str) -> str:
        """Return a document's page starts, as stored."""

    @abstractmethod
    def _words(self, path: str, start: int, end: int) -> str:
        """Return the text at offsets ``start:end`` of a document."""

    @abstractmethod
    def _passages(self, rows: Sequence[int]) -> Mapping[int, Passage]:
        """Return the passages of those of these rows that exist, without lead-ins, by row."""

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
        found = self._document_values(path)
        if found is None:
            raise QueryError(
                f"There is no document {path!r} in the index.",
                "Look up the paths: qa-app status --json",
            )
        text, starts, labels, blocks, runs = found
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
        wanted = [int(row) for row in rows]
        found = in_order(wanted, self._passages(wanted))
        return tuple(map(self._with_lead_in, found))

    def _with_lead_in(self, passage: Passage) -> Passage:
        lead = passage.sentences[0].lead_in if passage.sentences else None
        if lead is None or lead[0] >= passage.start:
            return passage
        start, end = lead
        page = bisect_right(_load_numbers(self._page_starts(passage.document)), start) or None
        words = self._words(passage.document, start, end)
        return replace(passage, lead_in=LeadIn(start, end, words, page))

    def stretch(self, passage: Passage, end: int) -> Passage:
        """Return a passage extended by the text after it, up to offset ``end`` of its document."""
        if end <= passage.end:
            return passage
        text = self._words(passage.document, passage.start, end)
        return replace(passage, end=end, text=text)

    def facets(self) -> tuple[str, ...]:
        """Return the names of the facets that passages are tagged with, sorted."""
        return tuple(self.facet_counts)

    def facet_values(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that passages are tagged with, sorted."""
        return tuple(self.facet_counts.get(facet, ()))


def in_order(rows: Sequence[int], found: Mapping[int, Passage]) -> tuple[Passage, ...]:
    """Return the passages of these rows; ``IndexError`` if one is missing."""
    missing = [row for row in rows if row not in found]
    if missing:
        raise IndexError(f"There is no passage in row {missing[0]}.")
    return tuple(found[row] for row in rows)


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
