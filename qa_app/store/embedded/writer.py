"""Write the next generation: documents one by one, then the vectors; then publish it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.errors import IndexCorruptError, StoreError
from qa_app.models import Failure, ModelIdentity
from qa_app.store.documents import DocumentRecord, SourceStamp
from qa_app.store.embedded.generation import LEXICAL_FOLDER, EmbeddedGeneration
from qa_app.store.embedded.lexical import COUNTS_FILE, write_lexical
from qa_app.store.embedded.publishing import clean, next_name, publish, start_folder
from qa_app.store.embedded.records import RecordsWriter
from qa_app.store.embedded.tokens import TokensWriter
from qa_app.store.embedded.vectors import write_vectors
from qa_app.store.manifest import (
    MANIFEST_FILE,
    Current,
    FileStamp,
    Manifest,
    Recipe,
    VectorsDescription,
    hash_file,
)
from qa_app.store.protocol import Generation
from qa_app.text.analysis import analyser_for


class EmbeddedWriter(RecordsWriter):
    """Context manager that writes one generation; the caller holds the build lock.

    Leaving it before ``finish`` removes everything written.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._previous: EmbeddedGeneration | None = None
        self._kept = np.empty(0, dtype=np.int64)  # row in the previous generation, or -1
        with _translated(index):
            self._folder = start_folder(index)
            self._tokens = TokensWriter(self._folder)
            try:
                super().__init__(self._folder)
            except BaseException:
                shutil.rmtree(self._folder, ignore_errors=True)
                raise

    def add_file(self, name: str, text: str) -> None:
        """Write a text file to the generation's folder, unless the text is empty."""
        if text:
            with _translated(self._index):
                (self._folder / name).write_text(text, encoding="utf-8")

    def add_tokens(self, rows: Sequence[int], codes: CodeArray) -> None:
        """Store the token codes (from ``pack``) of one text, shared by all of these rows."""
        with _translated(self._index):
            self._tokens.add(rows, codes)

    def add_stored(self, previous: Generation, record: DocumentRecord, source: SourceStamp) -> None:
        """Append a document of the previous generation as it is, undecoded."""
        self._add_stored(_embedded(previous), record, source)

    def copy_tokens(self, previous: Generation, places: RowArray, rows: RowArray) -> None:
        """Copy the token codes of ``rows`` of the previous generation to this one's ``places``.

        Their terms and the cells of their vectors too, in ``finish``.
        """
        self._previous = previous = _embedded(previous)
        self._kept = np.full(self.num_passages, -1, dtype=np.int64)
        self._kept[places] = rows
        if self._tokens.share(previous.tokens, places, rows):
            return
        alike: dict[int, list[int]] = {}
        for place, row in zip(places.tolist(), rows.tolist(), strict=True):
            alike.setdefault(row, []).append(place)
        for group, codes in zip(alike.values(), previous.tokens.codes(list(alike)), strict=True):
            self.add_tokens(group, codes)

    def finish(
        self,
        embeddings: FloatArray | HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
        corpus: Path | None = None,
        failures: tuple[Failure, ...] = (),
        warnings: tuple[Failure, ...] = (),
    ) -> str:
        """Write the remaining files, make this the live generation, and return its name.

        The arguments and the errors are as in ``Writer.finish``.
        """
        if not self.num_passages or embeddings.shape != (self.num_passages, model.dimension):
            raise ValueError(
                f"embeddings have the shape {embeddings.shape}; there are {self.num_passages} "
                f"passages, and {model.name} has {model.dimension} dimensions"
            )
        with _translated(self._index):
            vectors = self._write_searchable(embeddings, recipe)
            manifest = Manifest(
                generation=next_name(self._index),
                created=datetime.now(UTC).isoformat(),
                model=model,
                recipe=recipe,
                documents=self.num_documents,
                passages=self.num_passages,
                vectors=vectors,
                files=self._stamp_files(),
                corpus=_corpus_path(corpus, self._index),
                failures=failures,
                warnings=warnings,
            )
            content = manifest.to_bytes()
            (self._folder / MANIFEST_FILE).write_bytes(content)
            self._check_opens(manifest)
            current = Current(manifest.generation, hashlib.sha256(content).hexdigest())
            publish(self._index, self._folder, current)
        clean(self._index)
        return manifest.generation

    def _write_searchable(
        self, embeddings: FloatArray | HalfArray, recipe: Recipe
    ) -> VectorsDescription:
        before, folder, kept = self._previous, self._folder / LEXICAL_FOLDER, self._kept
        analyser, earlier = analyser_for(recipe.language), None
        if before is not None and f"{LEXICAL_FOLDER}/{COUNTS_FILE}" in before.manifest.files:
            old = before.manifest.recipe
            if (old.lexical, old.language) == (recipe.lexical, recipe.language):
                earlier = before.folder / LEXICAL_FOLDER
        if earlier is None:
            write_lexical(folder, self.texts(), analyser)
        else:
            write_lexical(
                folder, self.texts(np.flatnonzero(kept < 0).tolist()), analyser, earlier, kept
            )
        self._finish_records()
        self._tokens.close(self.num_passages)
        vectors = np.asarray(embeddings, dtype=np.float16)
        if before is None:
            return write_vectors(self._folder, vectors)
        return write_vectors(self._folder, vectors, earlier=before.folder, kept=kept)

    def _stamp_files(self) -> dict[str, FileStamp]:
        files = self._previous.manifest.files if self._previous else {}
        known = {name: files[name] for name in self._tokens.shared_files}
        paths = [path for path in sorted(self._folder.rglob("*")) if path.is_file()]
        names = [path.relative_to(self._folder).as_posix() for path in paths]
        return {
            name: known.get(name) or hash_file(path)
            for name, path in zip(names, paths, strict=True)
        }

    def _check_opens(self, manifest: Manifest) -> None:
        """Raise ``StoreError`` if it cannot be opened: not every library reports a full disk."""
        try:
            EmbeddedGeneration(self._folder, manifest).close()
        except IndexCorruptError as exc:
            raise _write_error(self._index, f"a file came out short ({exc.message})") from exc

    def __enter__(self) -> EmbeddedWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._abandon_records()
        self._tokens.abandon()
        shutil.rmtree(self._folder, ignore_errors=True)
        if isinstance(error, sqlite3.Error):  # RecordsWriter's methods do not translate it
            raise _write_error(self._index, str(error)) from error


def _embedded(generation: Generation) -> EmbeddedGeneration:
    if not isinstance(generation, EmbeddedGeneration):
        raise TypeError(f"{generation!r} is of another store")
    return generation


@contextmanager
def _translated(index: Path) -> Iterator[None]:
    try:
        yield
    except OSError as exc:
        raise _write_error(index, exc.strerror or str(exc)) from exc
    except sqlite3.Error as exc:
        raise _write_error(index, str(exc)) from exc


def _write_error(index: Path, reason: str) -> StoreError:
    return StoreError(
        f"The index in {index} cannot be written: {reason}.",
        "Make room on the disk, or allow writing there; then build again. What was there before "
        "still answers.",
    )


def _corpus_path(corpus: Path | None, index: Path) -> str:
    """Return the corpus's path relative to the index, so that both can be moved together."""
    if corpus is None:
        return ""
    try:
        return Path(os.path.relpath(corpus.resolve(), index.resolve())).as_posix()
    except ValueError:  # on another drive (Windows): absolute
        return corpus.resolve().as_posix()
