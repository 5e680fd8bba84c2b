"""Write the next generation: documents one by one, then the vectors; then publish it."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.embedding import Encoder, Progress
from qa_app.errors import IndexCorruptError, StoreError
from qa_app.models import Failure, ModelIdentity
from qa_app.store.generation import LEXICAL_FOLDER, Generation
from qa_app.store.lexical import COUNTS_FILE, write_lexical
from qa_app.store.manifest import (
    MANIFEST_FILE,
    Current,
    FileStamp,
    Manifest,
    Recipe,
    VectorsDescription,
    hash_file,
)
from qa_app.store.publishing import build_lock, clean, next_name, publish, start_folder
from qa_app.store.records import IndexedDocument, RecordsWriter, searchable_text
from qa_app.store.tokens import TokensWriter, pack
from qa_app.store.vectors import write_vectors
from qa_app.text.analysis import analyser_for


@dataclass(frozen=True, slots=True)
class GenerationContents:
    """Everything that a generation is made from.

    Attributes:
        documents: their passages get rows in this order.
        embeddings: vectors of each passage's ``searchable_text`` in row order, float32 or float16,
            shape (num_passages, dim), unit rows.
        model: the model that made the embeddings.
        recipe: its ``language`` is used for the lexical index.
        corpus: folder of the reports, or None if there is none.
        tokens: each passage's token codes, from ``pack``; empty for an index without tokens.
    """

    documents: Sequence[IndexedDocument]
    embeddings: FloatArray | HalfArray
    model: ModelIdentity
    recipe: Recipe = field(default_factory=Recipe)
    corpus: Path | None = None
    failures: tuple[Failure, ...] = ()
    warnings: tuple[Failure, ...] = ()
    tokens: Sequence[CodeArray] = ()


def embed_contents(
    documents: Sequence[IndexedDocument],
    encoder: Encoder,
    progress: Progress | None = None,
    recipe: Recipe | None = None,
) -> GenerationContents:
    """Embed the documents' passages and tokens, and return the contents of a generation."""
    texts = [searchable_text(passage) for item in documents for passage in item.passages]
    tokens = [np.empty((0, 0), dtype=np.uint8)] * len(texts)

    def keep(place: int, _: FloatArray, vectors: FloatArray) -> None:
        tokens[place] = pack(vectors)

    embeddings = encoder.encode_documents(texts, progress, keep)
    return GenerationContents(
        documents, embeddings, encoder.identity, recipe or Recipe(), tokens=tokens
    )


def write_generation(index: Path, contents: GenerationContents) -> str:
    """Write a generation, make it the live one, and return its name.

    Raises:
        IndexLockedError: another build of this index is running.
        StoreError: the disk is full or cannot be written; the old generation stays live.
        ValueError: there are no passages, or the embeddings have another shape.
    """
    with build_lock(index), GenerationWriter(index) as writer:
        for item in contents.documents:
            writer.add(item)
        for row, codes in enumerate(contents.tokens):
            writer.add_tokens([row], codes)
        return writer.finish(
            contents.embeddings,
            contents.model,
            contents.recipe,
            contents.corpus,
            contents.failures,
            contents.warnings,
        )


class GenerationWriter(RecordsWriter):
    """Context manager that writes one generation; the caller holds the build lock.

    Leaving it before ``finish`` removes everything written.
    """

    def __init__(self, index: Path) -> None:
        self._index = index
        self._previous: Generation | None = None
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

    def reuse(self, previous: Generation, places: RowArray, rows: RowArray) -> None:
        """Take what was made of the texts in ``rows`` of a generation of the same model.

        Their token codes now, their terms and cells in ``finish``. ``places`` are their rows here.
        """
        self._previous, self._kept = previous, np.full(self.num_passages, -1, dtype=np.int64)
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

        The arguments are as in ``GenerationContents``, and the errors as in ``write_generation``.
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
            Generation(self._folder, manifest).close()
        except IndexCorruptError as exc:
            raise _write_error(self._index, f"a file came out short ({exc.message})") from exc

    def __enter__(self) -> GenerationWriter:
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
