"""What a store of indexes offers. There are two: folders on disk, and PostgreSQL.

``open_store`` in ``qa_app.store`` returns the one for a location. Both are held to one set of
tests, tests/store/test_contract*.py.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.models import Failure, ModelIdentity, Passage
from qa_app.settings import Location
from qa_app.store.documents import DocumentRecord, IndexedDocument, SourceStamp, StoredRecords
from qa_app.store.manifest import Current, Manifest, Recipe
from qa_app.text.analysis import Analyser


class LexicalScores(Protocol):
    """The BM25 of every passage for one weighted set of terms, worked out as far as asked for."""

    def best(self, top_k: int, rows: RowArray | None = None) -> RowArray:
        """Return the rows of the highest scores above 0, best first, ties by row.

        Args:
            top_k: most rows.
            rows: int64, ascending: the rows to choose from; None for all.
        """
        ...

    def at(self, rows: RowArray) -> FloatArray:
        """Return the scores of these rows, float32, same shape, at least 0."""
        ...


class Lexical(Protocol):
    """A generation's BM25 index. ``analyser`` gives the terms of its passages and of questions."""

    @property
    def analyser(self) -> Analyser:
        """The analyser that the index was written with."""
        ...

    def scores(self, weights: Mapping[str, float] | Iterable[str]) -> LexicalScores:
        """Return the scores for terms, each with its weight; a repeated term counts each time."""
        ...

    def rows_with(self, terms: Iterable[str]) -> RowArray:
        """Return the rows of the passages that have all of the terms, int64, ascending."""
        ...

    def __contains__(self, term: str) -> bool:
        """Return whether any passage has the term."""
        ...

    def idf(self, terms: Iterable[str]) -> Mapping[str, float]:
        """Return the idf (``bm25.idf``) of each of these terms; an unknown one has df = 0."""
        ...

    def max_score(self, terms: Iterable[str]) -> float:
        """Return an upper bound of the BM25 score: the sum of idf, unknown terms included."""
        ...


class Vectors(Protocol):
    """A generation's vectors."""

    def search(
        self, query_embeddings: FloatArray, top_k: int, rows: RowArray | None = None
    ) -> tuple[FloatArray, RowArray]:
        """Return the nearest passages for each query, best first, equal scores by row.

        Args:
            query_embeddings: float32, shape (num_queries, dim), unit rows.
            top_k: maximum hits per query, at least 1.
            rows: int64, ascending: the rows to search; None for all.

        Returns:
            scores: cosines, float32, shape (num_queries, k), descending.
            rows: int64, shape (num_queries, k); k is less than ``top_k`` if there are fewer rows,
                or an approximate search finds fewer.

        Raises:
            ValueError: top_k is less than 1, or the dimension is wrong.
        """
        ...

    def scores(self, query_embeddings: FloatArray, rows: RowArray) -> FloatArray:
        """Return the exact cosines of queries and rows, float32, shape (num_queries, len(rows))."""
        ...


class Tokens(Protocol):
    """A generation's token vectors, one bit per dimension; ``dimension`` is for ``unpack``."""

    @property
    def dimension(self) -> int:
        """Number of dimensions; it may differ from the passage vectors'."""
        ...

    def codes(self, rows: Sequence[int] | RowArray) -> list[CodeArray]:
        """Return each row's codes, uint8, shape (tokens, bytes per token); tokens may be 0."""
        ...


class Generation(StoredRecords):
    """One generation of an index: immutable, and usable after a newer one is published.

    When two newer ones are, it answers the same still, or every method raises ``StoreError``.

    Safe to use from several threads. Passages have rows from 0 to ``num_passages`` less 1.

    Attributes:
        manifest: its description.
        fallback: what is wrong with the live generation, if this one was opened in its place.
        vectors, lexical: set only if it was opened as searchable.
    """

    manifest: Manifest
    fallback: str
    vectors: Vectors
    lexical: Lexical

    @property
    def name(self) -> str:
        """Name of the generation, for example "000002"."""
        return self.manifest.generation

    @property
    def num_passages(self) -> int:
        """Number of passages; rows run from 0 to this number less 1."""
        return self.manifest.passages

    @property
    @abstractmethod
    def tokens(self) -> Tokens:
        """Token codes of the passages."""

    @abstractmethod
    def file(self, name: str) -> str:
        """Return a text that the build stored under this name, "" if there is none.

        Raises:
            IndexCorruptError: it cannot be read.
        """

    @abstractmethod
    def stored_vectors(self, rows: RowArray) -> HalfArray:
        """Return the vectors of these rows, float16, shape (len(rows), dim)."""

    @abstractmethod
    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""

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

    @abstractmethod
    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's ``searchable_text``; equal texts have equal hashes."""

    @abstractmethod
    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with a value, int64, ascending; empty if it is unknown."""

    @abstractmethod
    def close(self) -> None:
        """Close the files or connections."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


class Writer(Protocol):
    """Context manager that writes one generation; leaving it before ``finish`` discards it.

    Attributes:
        hashes: ``hash_text`` of each row's ``searchable_text``.
    """

    hashes: list[bytes]

    @property
    def num_passages(self) -> int:
        """Number of passages added so far."""
        ...

    def add(self, item: IndexedDocument) -> None:
        """Append a document; its passages get the next rows, in the order given.

        Raises:
            ValueError: a passage's text differs from the document's at its offsets, or the
                document's path or a passage's id is in use already.
        """
        ...

    def add_stored(self, previous: Generation, record: DocumentRecord, source: SourceStamp) -> None:
        """Append a document of a generation of this store as it is, with its passages and tags.

        Args:
            previous: the generation.
            record: of the document, in that generation.
            source: present state of its file.
        """
        ...

    def tag_documents(self, facet: str) -> None:
        """Tag every passage with its document's unique name, replacing its values of the facet."""
        ...

    def texts(self, rows: Sequence[int] | None = None) -> Iterator[str]:
        """Yield the searchable text of these rows in the order given, or of all in row order."""
        ...

    def passages(self, rows: Sequence[int]) -> tuple[Passage, ...]:
        """Return the passages of these rows in the order given, with ``lead_in`` left None."""
        ...

    def outline(self) -> list[tuple[int, str]]:
        """Return (document number, passage text) for every row, in row order."""
        ...

    def titles(self) -> list[str]:
        """Return the documents' titles, in the order added."""
        ...

    def add_file(self, name: str, text: str) -> None:
        """Store a text under a name, unless it is empty."""
        ...

    def add_tokens(self, rows: Sequence[int], codes: CodeArray) -> None:
        """Store the token codes (from ``pack``) of one text, shared by all of these rows."""
        ...

    def copy_tokens(self, previous: Generation, places: RowArray, rows: RowArray) -> None:
        """Take over the token codes of ``rows`` of the previous generation for ``places``.

        A store may take over whatever else it has made of their texts.
        """
        ...

    def finish(
        self,
        embeddings: FloatArray | HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
        corpus: Path | None = None,
        failures: tuple[Failure, ...] = (),
        warnings: tuple[Failure, ...] = (),
    ) -> str:
        """Write the rest, make this the live generation, and return its name.

        The arguments are as in ``contents.GenerationContents``.

        Raises:
            StoreError: it cannot be written; the old generation stays live.
            ValueError: there are no passages, or the embeddings have another shape.
        """
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class Unpublished(Protocol):
    """Context manager over what an interrupted build has embedded, for the holder of the lock."""

    def __contains__(self, digest: bytes) -> bool:
        """Return whether the vector of the text with this ``hash_text`` is kept."""
        ...

    def get(self, digest: bytes) -> tuple[HalfArray, CodeArray]:
        """Return a text's vector, float16, shape (dim,), and its token codes."""
        ...

    def add(self, digest: bytes, vector: FloatArray, codes: CodeArray) -> None:
        """Keep a text's vector and token codes, if there is room."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, *_error: object) -> None: ...


class Store(Protocol):
    """An index's generations, wherever they are kept.

    Every method may raise ``IndexNotFoundError`` (there is no index yet), ``IndexCorruptError``,
    ``IndexMismatchError`` (another format) or another ``StoreError`` (it cannot be reached).
    """

    @property
    def location(self) -> Location:
        """Folder of the index, or address of its database."""
        ...

    def current(self) -> Current:
        """Return the name of the live generation, and the hash of its manifest."""
        ...

    def manifest(self) -> Manifest:
        """Return the live generation's manifest."""
        ...

    def last_manifest(self) -> Manifest | None:
        """Return the live generation's manifest, else the newest readable one, else None.

        A build takes its default corpus, model and language from it. A damaged index raises
        nothing, because a build must be able to repair it.
        """
        ...

    def open(
        self,
        expected: ModelIdentity | None = None,
        *,
        allow_previous: bool = False,
        searchable: bool = True,
    ) -> Generation:
        """Open the live generation.

        Args:
            expected: the model that will encode the questions, or None if no model is used;
                ``IndexMismatchError`` if the index was made with another.
            allow_previous: if the live generation is damaged, open the newest intact one.
            searchable: also open the vectors, the tokens and the lexical index.
        """
        ...

    def open_earlier(self, name: str = "") -> Generation:
        """Open a generation older than the live one, not searchable: "000002", "2", or the newest.

        Raises:
            IndexNotFoundError: there is no such older generation.
        """
        ...

    def lock(self) -> AbstractContextManager[None]:
        """Hold the index's build lock; ``IndexLockedError`` if another build holds it."""
        ...

    def writer(self) -> Writer:
        """Return a writer of the next generation, for the holder of the lock."""
        ...

    def unpublished(self, model: ModelIdentity, rebuild: bool = False) -> Unpublished:
        """Return what interrupted builds with this model have embedded, for the lock's holder.

        Args:
            model: the model that makes the vectors.
            rebuild: everything is embedded again: only what a rebuild has made is used.
        """
        ...

    def forget_unpublished(self) -> None:
        """Remove what is kept: it is published, or not wanted any more."""
        ...

    def check(self) -> tuple[int, tuple[Failure, ...], Generation | None]:
        """Check everything stored of the live generation against its hashes.

        Returns:
            number of files or documents checked, the faults, and the generation, not searchable,
            unless its passages are damaged; the caller closes it.
        """
        ...
