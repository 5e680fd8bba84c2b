"""Open a generation for reading, after checking its files."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

from qa_app.arrays import HalfArray, RowArray
from qa_app.errors import IndexCorruptError, StoreError
from qa_app.models import ModelIdentity
from qa_app.store.embedded.lexical import EmbeddedLexical
from qa_app.store.embedded.records import Records
from qa_app.store.embedded.tokens import EmbeddedTokens
from qa_app.store.embedded.vectors import (
    EmbeddedVectors,
    open_embeddings,
)
from qa_app.store.manifest import (
    MANIFEST_FILE,
    MEND_HINT,
    Current,
    Manifest,
    check_files,
    check_model,
    choose_earlier,
    generation_folder,
    generation_folders,
    parse_manifest,
    read_current,
    read_manifest,
    read_manifest_bytes,
)
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for

LEXICAL_FOLDER = "lexical"
# Times that a reader reads CURRENT again if its generation was removed meanwhile by builds.
_MOST_LOOKS = 10


class EmbeddedGeneration(Records, Generation):
    """A generation in a folder. Use ``open_generation`` to get one.

    Raises:
        IndexCorruptError: a file cannot be read, or its number of passages is not the manifest's.
    """

    def __init__(
        self, folder: Path, manifest: Manifest, searchable: bool = True, fallback: str = ""
    ) -> None:
        super().__init__(folder)
        self.folder = folder
        self.manifest = manifest
        self.fallback = fallback
        counts = [self.count_passages()]
        size = manifest.passages, manifest.model.dimension
        if searchable:
            self.vectors = EmbeddedVectors(folder, *size, manifest.vectors)
            analyser = analyser_for(manifest.recipe.language)
            self.lexical = EmbeddedLexical(folder / LEXICAL_FOLDER, analyser)
            self.tokens.expect_questions()
            _ = self._embeddings  # opened now, as the tokens: a later build may remove the files
            counts.append(self.lexical.num_passages)
        if set(counts) != {manifest.passages}:
            raise IndexCorruptError(
                f"{folder} holds {counts} passages in its text and lexical index; its manifest "
                f"says {manifest.passages}.",
                MEND_HINT,
            )

    @cached_property
    def tokens(self) -> EmbeddedTokens:
        """Token codes of the passages."""
        return EmbeddedTokens(self.folder, self.manifest.passages, self.manifest.model.dimension)

    @cached_property
    def _embeddings(self) -> HalfArray:
        size = self.manifest.passages, self.manifest.model.dimension
        return open_embeddings(self.folder, *size)

    def file(self, name: str) -> str:
        """Return the text of a file in the folder, "" if there is none."""
        if name not in self.manifest.files:
            return ""
        path = self.folder / name
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, ValueError) as exc:
            raise IndexCorruptError(f"{path} cannot be read: {exc}.", MEND_HINT) from exc

    def stored_vectors(self, rows: RowArray) -> HalfArray:
        """Return the vectors of these rows, float16, shape (len(rows), dim)."""
        return self._embeddings[rows]

    def close(self) -> None:
        """Close the files."""
        super().close()
        for name in ("vectors", "lexical", "tokens", "_embeddings"):
            self.__dict__.pop(name, None)


def open_generation(
    index: Path,
    expected: ModelIdentity | None = None,
    *,
    allow_previous: bool = False,
    searchable: bool = True,
) -> EmbeddedGeneration:
    """Open the live generation, after checking the size and SHA-256 of each of its files.

    Args:
        index: folder of the index.
        expected: the model that will encode the questions, or None if no model is used.
        allow_previous: if the live generation is damaged, open the newest intact one.
        searchable: also open the vectors, the tokens and the lexical index.

    Raises:
        IndexNotFoundError: there is no index yet.
        IndexCorruptError: a file is missing or damaged; the message names it.
        IndexMismatchError: it was made with another model or index format.
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


def open_earlier(index: Path, name: str = "") -> EmbeddedGeneration:
    """Open a generation older than the live one, without its search indexes.

    Args:
        index: folder of the index.
        name: "000002" or "2"; "" for the newest older one.

    Raises:
        IndexNotFoundError: there is no index, or no such older generation in it.
        IndexCorruptError: a file is missing or damaged.
        IndexMismatchError: it has another index format.
    """
    live = read_current(index).name
    kept = [folder.name for folder in generation_folders(index) if folder.name < live]
    folder = generation_folder(index, choose_earlier(kept, name))
    return _open(folder, _manifest_in(folder), searchable=False)


def last_manifest(index: Path) -> Manifest | None:
    """Return the live generation's manifest, else the newest readable one, else None.

    A build takes its default corpus, model and language from it. It raises nothing, because a
    build must be able to repair a damaged index.
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
    """Return a generation's manifest without checking its hash."""
    path = folder / MANIFEST_FILE
    return parse_manifest(read_manifest_bytes(path), str(path), folder.name)


def _open_live(index: Path, searchable: bool) -> EmbeddedGeneration:
    current = read_current(index)
    for _ in range(_MOST_LOOKS):
        try:
            return _open_current(index, current, searchable)
        except IndexCorruptError:
            # Since CURRENT was read, two builds may have ended and the second removed this one.
            now = read_current(index)
            if now == current:
                raise
            current = now
    return _open_current(index, current, searchable)


def _open_current(index: Path, current: Current, searchable: bool) -> EmbeddedGeneration:
    return _open(generation_folder(index, current.name), read_manifest(index, current), searchable)


def _open(
    folder: Path, manifest: Manifest, searchable: bool, fallback: str = ""
) -> EmbeddedGeneration:
    bad = check_files(folder, manifest, all_bytes=False)
    if bad:
        others = f" (and {len(bad) - 1} more)" if len(bad) > 1 else ""
        raise IndexCorruptError(
            f"{folder / bad[0].path} is damaged{others}: {bad[0].reason}.", MEND_HINT
        )
    return EmbeddedGeneration(folder, manifest, searchable, fallback)


def _open_newest_sound(index: Path, searchable: bool, reason: str) -> EmbeddedGeneration | None:
    """Open the newest generation but the live one whose files all match its manifest, if any."""
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
