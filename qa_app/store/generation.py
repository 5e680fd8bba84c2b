"""A generation, open for reading: checked first, then served."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from types import TracebackType

import numpy as np

from qa_app.analysis import analyser_for
from qa_app.errors import IndexCorruptError, IndexNotFoundError, StoreError
from qa_app.models import Document, ModelIdentity, Passage
from qa_app.store.lexical import Lexical
from qa_app.store.manifest import (
    GENERATION_NAME,
    GENERATIONS_FOLDER,
    MANIFEST_FILE,
    MEND_HINT,
    Current,
    Manifest,
    check_files,
    check_model,
    generation_folder,
    parse_manifest,
    read_current,
    read_manifest,
    read_manifest_bytes,
)
from qa_app.store.reader import Records, RowArray
from qa_app.store.records import DocumentRecord
from qa_app.store.tokens import TOKENS_FILE, Tokens
from qa_app.store.vectors import HalfArray, Vectors, open_embeddings

LEXICAL_FOLDER = "lexical"
# A reader that finds its generation gone looks at CURRENT again, this many times.
_MOST_LOOKS = 10


class Generation:
    """One generation's passages, vectors and lexical index. Safe to use from several threads.

    Use ``open_generation`` to get one. Nothing in it ever changes, and it stays usable when newer
    ones are published.

    Attributes:
        folder: where its files are.
        manifest: what it says of itself.
        fallback: why it is not the newest generation, if it is not.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, searchable: bool = True, fallback: str = ""
    ) -> None:
        self.folder = folder
        self.manifest = manifest
        self.fallback = fallback
        self._records = Records(folder)
        self._vectors: Vectors | None = None
        self._lexical: Lexical | None = None
        if searchable:
            self._vectors = Vectors(
                folder, manifest.passages, manifest.model.dimension, manifest.vectors
            )
            self._lexical = Lexical(folder / LEXICAL_FOLDER, analyser_for(manifest.recipe.language))
            _ = self.tokens  # opened now: the files may be gone later
        self._check_counts()

    @property
    def name(self) -> str:
        """Name of the generation, as "000002"."""
        return self.manifest.generation

    @property
    def num_passages(self) -> int:
        """Number of passages; rows are 0 up to this."""
        return self.manifest.passages

    @property
    def vectors(self) -> Vectors:
        """The vectors of the passages."""
        if self._vectors is None:
            raise ValueError("This generation was not opened for searching.")
        return self._vectors

    @property
    def lexical(self) -> Lexical:
        """The lexical index of the passages."""
        if self._lexical is None:
            raise ValueError("This generation was not opened for searching.")
        return self._lexical

    @cached_property
    def documents(self) -> tuple[DocumentRecord, ...]:
        """Every document without its text, in the order of their rows."""
        return self._records.documents()

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
        """Return a document as extracted; ``QueryError`` if it is not in the index."""
        return self._records.document(path)

    def document_rows(self, path: str) -> range:
        """Return the rows of a document's passages, none if there is no such document."""
        return self._records.document_rows(path)

    def passage(self, row: int) -> Passage:
        """Return the passage of a row; ``IndexError`` if there is no such row."""
        return self._records.passages([row])[0]

    def passages(self, rows: Sequence[int] | RowArray | range) -> tuple[Passage, ...]:
        """Return the passages of these rows, in the order given."""
        if isinstance(rows, range) and rows.step == 1:
            return self._records.passages_of(rows)
        return self._records.passages(rows)

    def stretch(self, passage: Passage, end: int) -> Passage:
        """Return a passage with the words that follow it, up to offset ``end`` of its document."""
        if end <= passage.end:
            return passage
        text = self._records.words(passage.document, passage.start, end)
        return replace(passage, end=end, text=text)

    def row_of(self, passage_id: str) -> int | None:
        """Return the row of the passage with this id, or None."""
        return self._records.row_of(passage_id)

    def facets(self) -> tuple[str, ...]:
        """Return the facets that passages are tagged with, sorted."""
        return tuple(self._records.facet_counts())

    def facet_values(self, facet: str) -> tuple[str, ...]:
        """Return the values of a facet that passages are tagged with, sorted."""
        return tuple(self._records.facet_counts().get(facet, ()))

    def facet_counts(self) -> dict[str, dict[str, int]]:
        """Return facet to its values, sorted, each with its number of passages."""
        return self._records.facet_counts()

    def rows_tagged(self, facet: str, value: str) -> RowArray:
        """Return the rows tagged with a value, int64, ascending."""
        return self._records.rows_tagged(facet, value)

    @property
    def has_tokens(self) -> bool:
        """Whether tokens were kept; programs before this one kept none."""
        return TOKENS_FILE in self.manifest.files

    @cached_property
    def tokens(self) -> Tokens | None:
        """The tokens of the passages."""
        if not self.has_tokens:
            return None
        return Tokens(self.folder, self.manifest.passages, self.manifest.model.dimension)

    def stored_rows(self, hashes: Sequence[bytes]) -> tuple[RowArray, RowArray]:
        """Return which of these texts were embedded for this generation, and where they are.

        Args:
            hashes: of texts, as ``hash_text`` makes them.

        Returns:
            places: int64, ascending positions in ``hashes``.
            rows: int64, the row of each.
        """
        known = self._records.hashes()
        pairs = [(place, known[digest]) for place, digest in enumerate(hashes) if digest in known]
        places, rows = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
        return places, rows

    def stored_vectors(self, rows: RowArray) -> HalfArray:
        """Return the vectors of these rows, float16, shape (len(rows), dim)."""
        size = self.manifest.passages, self.manifest.model.dimension
        return open_embeddings(self.folder, *size)[rows]

    def content_hashes(self) -> list[bytes]:
        """Return the hash of each row's embedded text: equal for passages that say the same."""
        return self._records.content_hashes()

    def close(self) -> None:
        """Let go of the files."""
        self._records.close()
        self._vectors = self._lexical = None
        self.__dict__.pop("tokens", None)

    def __enter__(self) -> Generation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _check_counts(self) -> None:
        lexical = self._lexical.num_passages if self._lexical else self.manifest.passages
        found = (self._records.num_passages(), lexical)
        if found != (self.manifest.passages, self.manifest.passages):
            raise IndexCorruptError(
                f"{self.folder} holds {found[0]} passages and {found[1]} in its lexical index; "
                f"its manifest says {self.manifest.passages}.",
                MEND_HINT,
            )


def open_generation(
    index: Path,
    expected: ModelIdentity | None = None,
    *,
    allow_previous: bool = False,
    searchable: bool = True,
) -> Generation:
    """Open the live generation, after checking every one of its files.

    Args:
        index: folder of the index.
        expected: the model that will ask, or None where no model is used.
        allow_previous: if the live one is damaged, open the newest that is sound.
        searchable: open the vectors and the lexical index too.

    Raises:
        IndexNotFoundError: nothing was built here yet.
        IndexCorruptError: a file is missing or damaged; it is named.
        IndexMismatchError: another model or another version of the program made it.
    """
    try:
        generation = _open_live(index, searchable)
    except IndexCorruptError as exc:
        found = _open_newest_sound(index, searchable, exc.message) if allow_previous else None
        if found is None:
            raise
        generation = found
    if expected is not None:
        try:
            check_model(generation.manifest, expected)
        except StoreError:
            generation.close()
            raise
    return generation


def open_earlier(index: Path, name: str = "") -> Generation:
    """Open a generation that is kept beside the live one, without its vectors.

    Args:
        index: folder of the index.
        name: as "000002" or "2"; "" for the newest before the live one.

    Raises:
        IndexNotFoundError: it is not kept, or never was.
        IndexCorruptError: a file is missing or damaged.
    """
    live = read_current(index).name
    kept = [folder for folder in generation_folders(index) if folder.name < live]
    for folder in kept:
        if not name or int(folder.name) == int(name if name.isdecimal() else -1):
            return _open(folder, _manifest_in(folder), searchable=False)
    there = ", ".join(folder.name for folder in kept)
    raise IndexNotFoundError(
        f"Generation {name} is not kept." if name else "There is no earlier generation.",
        f"Kept are: {there}." if there else "Only the live one is kept so far; build again first.",
    )


def last_manifest(index: Path) -> Manifest | None:
    """Return the live generation's manifest, or the newest that can be read, or None.

    For what a build goes on with unless told otherwise (its corpus, its model): a build must be
    able to mend a damaged index, so nothing is raised.
    """
    try:
        return read_manifest(index)
    except StoreError:
        pass
    for folder in generation_folders(index):
        try:
            return _manifest_in(folder)
        except StoreError:
            continue
    return None


def _manifest_in(folder: Path) -> Manifest:
    """Return a generation's manifest, taken at its word."""
    path = folder / MANIFEST_FILE
    return parse_manifest(read_manifest_bytes(path), path)


def _open_live(index: Path, searchable: bool) -> Generation:
    current = read_current(index)
    for _ in range(_MOST_LOOKS):
        try:
            return _open_checked(index, current, searchable)
        except IndexCorruptError:
            # Two builds may have ended since CURRENT was read, and the second cleared it away.
            now = read_current(index)
            if now == current:
                raise
            current = now
    return _open_checked(index, current, searchable)


def _open_checked(index: Path, current: Current, searchable: bool) -> Generation:
    return _open(generation_folder(index, current.name), read_manifest(index, current), searchable)


def _open(folder: Path, manifest: Manifest, searchable: bool, fallback: str = "") -> Generation:
    bad = check_files(folder, manifest)
    if bad:
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise IndexCorruptError(
            f"{folder / bad[0].path} is damaged{others}: {bad[0].reason}.", MEND_HINT
        )
    return Generation(folder, manifest, searchable, fallback)


def _open_newest_sound(index: Path, searchable: bool, reason: str) -> Generation | None:
    """Open the newest of the others whose manifest, taken at its word, fits all its files."""
    try:
        live = read_current(index).name
    except IndexCorruptError:
        live = ""
    for folder in generation_folders(index):
        if folder.name == live:
            continue
        try:
            return _open(folder, _manifest_in(folder), searchable, reason)
        except StoreError:
            continue
    return None


def generation_folders(index: Path) -> list[Path]:
    """Return the folders of all generations, finished or not, newest first."""
    root = index / GENERATIONS_FOLDER
    if not root.is_dir():
        return []
    found = [path for path in root.iterdir() if GENERATION_NAME.fullmatch(path.name)]
    return sorted(found, key=lambda path: int(path.name), reverse=True)
