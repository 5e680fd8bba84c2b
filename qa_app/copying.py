"""Copy an index to another place, of the same kind or not, and compare the two in every detail."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path

import msgspec
import numpy as np

from qa_app.arrays import CodeArray
from qa_app.briefs.saved import SavedQuestions
from qa_app.briefs.stored_file import StoredFile
from qa_app.errors import BriefError, IndexCorruptError, IndexNotFoundError, StoreError
from qa_app.facets import FACETS_FILE
from qa_app.indexing import BuildProgress
from qa_app.settings import Location
from qa_app.store.documents import DocumentRecord, IndexedDocument
from qa_app.store.kept import KeptFiles, kept_files, own_folders
from qa_app.store.manifest import MEND_HINT, Manifest
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation, Store, Writer
from qa_app.topics.topic_store import TOPICS_FILE

# Passages whose vectors or token codes are in memory at once: 50 MB of token codes.
_SLICE = 8192
_FILES = (FACETS_FILE, TOPICS_FILE)
# Sorted: a store may keep the facets of a passage in another order.
_encode = msgspec.json.Encoder(order="sorted").encode


class Stage(StrEnum):
    """Stages of a copy, as words for the user."""

    READING = "Reading"
    COMPARING = "Comparing with what is there"
    COPYING = "Copying"
    WRITING = "Writing"
    CHECKING = "Checking the copy"


@dataclass(frozen=True, slots=True)
class CopyReport:
    """What was copied. Source and target have the same digest; if not, an error was raised.

    Attributes:
        source, target: where the two indexes are, without passwords.
        source_generation, generation: the live generations of the two.
        replaced: the target's generation that was live before; "" if there was none.
        digest: SHA-256 over everything that can be read from them: see ``digests``.
        copied: whether a generation was written; false if an equal one was there already.
        kept: number of briefs, lists of saved questions and grids that the target has as well.
        left: names of those that the target has with another content, which stays.
        seconds: duration.
    """

    source: str
    source_generation: str
    target: str
    generation: str
    replaced: str
    documents: int
    passages: int
    digest: str
    copied: bool
    kept: int
    left: tuple[str, ...]
    seconds: float


def copy_index(source: Location, target: Location, progress: BuildProgress) -> CopyReport:
    """Copy the live generation of one index into a new generation of another, and compare the two.

    An equal generation that is there already stays. What was live there before is kept beside the
    new one, as after a build. Interrupted, or unable to write, it leaves the target as it was.
    Briefs, saved questions and grids are copied last, where the target has none of their name.

    Raises:
        BriefError: the index is copied, but one of those cannot be.
        IndexNotFoundError: there is no index at ``source``.
        IndexCorruptError: the source is damaged, or the copy differs from it.
        IndexLockedError: a build of ``target`` is running.
        IndexMismatchError: one of them has another index format.
        StoreError: the target cannot be written, or does not show the copy yet.
    """
    started = time.perf_counter()
    store = open_store(target)
    try:
        with open_store(source).open(searchable=False) as original, store.lock():
            manifest = original.manifest
            corpus = _corpus(manifest, source)
            progress.stage(Stage.READING, manifest.documents)
            parts = list(digests(original, progress))
            replaced, is_equal = _compare(store, corpus, parts, progress)
            if is_equal:
                name, replaced = replaced, ""
            else:
                name = _write(original, store, corpus, progress)
                try:
                    progress.stage(Stage.CHECKING, manifest.documents)
                    _check(store, name, source, parts, progress)
                except KeyboardInterrupt:  # "the index is as it was" would not be true
                    raise StoreError(
                        f"Stopped: the copy is live in {target}, but it has not been checked.",
                        "Run the same command again: it compares the two.",
                    ) from None
    finally:
        progress.close()
    kept, left = _copy_kept(source, target, manifest.generation, name)
    return CopyReport(
        source=str(source),
        source_generation=manifest.generation,
        target=str(target),
        generation=name,
        replaced=replaced,
        documents=manifest.documents,
        passages=manifest.passages,
        digest=hashlib.sha256(b"".join(digest for _, digest in parts)).hexdigest(),
        copied=not is_equal,
        kept=kept,
        left=left,
        seconds=time.perf_counter() - started,
    )


def digests(
    generation: Generation, progress: BuildProgress | None = None
) -> Iterator[tuple[str, bytes]]:
    """Yield the SHA-256 of each part of a generation, with the part's name in words.

    Together they are all that a reader can see: the model, the recipe and what was not read; each
    document in row order, with its text, blocks, passages, tags, content hashes, vectors and token
    codes; the rows of each value of a facet; the stored files. Left out are the generation's name
    and time, the corpus folder, and how vectors and terms are searched, which differs by store.
    """
    about = generation.manifest
    # ascii: a file name that is not valid UTF-8 has no JSON.
    yield "the model and the recipe", _sha256(ascii((about.model, about.recipe)).encode())
    yield "what was not read", _sha256(ascii((about.failures, about.warnings)).encode())
    hashes = generation.content_hashes()
    for record in generation.documents:
        rows = np.arange(record.rows.start, record.rows.stop)
        yield (
            record.path,
            _sha256(
                _encode((record.pages, _indexed(generation, record))),
                *hashes[record.rows.start : record.rows.stop],
                generation.stored_vectors(rows).tobytes(),
                *(codes.tobytes() for codes in generation.tokens.codes(rows)),
            ),
        )
        if progress is not None:
            progress.advance(1, record.path)
    for facet, values in sorted(generation.facet_counts.items()):
        for value, number in sorted(values.items()):
            rows = generation.rows_tagged(facet, value)
            yield f"{facet} {value}", _sha256(_encode((facet, value, number)), rows.tobytes())
    for name in _FILES:
        yield name, _sha256(generation.file(name).encode())


def _sha256(*items: bytes) -> bytes:
    digest = hashlib.sha256()
    for item in items:
        # With its length, so that nothing can move from one item to the next unseen.
        digest.update(len(item).to_bytes(8, "big") + item)
    return digest.digest()


def _indexed(generation: Generation, record: DocumentRecord) -> IndexedDocument:
    passages = generation.passages(record.rows)
    return IndexedDocument(generation.document(record.path), record.source, passages)


def _corpus(manifest: Manifest, index: Location) -> Path | None:
    """Return the corpus folder, absolute: two indexes name it relative to different places."""
    found = manifest.corpus_folder(index.resolve() if isinstance(index, Path) else index)
    return found.resolve() if found else None


def _compare(
    store: Store, corpus: Path | None, parts: list[tuple[str, bytes]], progress: BuildProgress
) -> tuple[str, bool]:
    """Return the name of a store's live generation, "" for none, and whether it has these parts."""
    try:
        present = store.open(searchable=False)
    except (IndexNotFoundError, IndexCorruptError):
        return "", False
    with present:
        if _corpus(present.manifest, store.location) != corpus:
            return present.name, False
        progress.stage(Stage.COMPARING, present.manifest.documents)
        return present.name, not _first_difference(parts, digests(present, progress))


def _first_difference(parts: list[tuple[str, bytes]], others: Iterable[tuple[str, bytes]]) -> str:
    """Return the name of the first part that is not the same in both, "" if all are."""
    for wanted, found in zip_longest(parts, others):
        if wanted != found:
            return (wanted or found)[0]
    return ""


def _write(original: Generation, store: Store, corpus: Path | None, progress: BuildProgress) -> str:
    manifest = original.manifest
    embeddings = np.empty((manifest.passages, manifest.model.dimension), dtype=np.float16)
    progress.stage(Stage.COPYING, manifest.documents)
    with store.writer() as writer:
        for record in original.documents:
            try:
                writer.add(_indexed(original, record))
            except ValueError as exc:
                raise IndexCorruptError(f"{exc}", MEND_HINT) from exc
            progress.advance(1, record.path)
        for start in range(0, len(embeddings), _SLICE):
            rows = np.arange(start, min(start + _SLICE, len(embeddings)))
            embeddings[rows] = original.stored_vectors(rows)
        _copy_tokens(original, writer)
        for name in _FILES:
            writer.add_file(name, original.file(name))
        progress.stage(Stage.WRITING, 0)
        problems = manifest.failures, manifest.warnings
        return writer.finish(embeddings, manifest.model, manifest.recipe, corpus, *problems)


def _copy_tokens(original: Generation, writer: Writer) -> None:
    """Copy the token codes, those of equal texts once, as a build stores them."""
    first: dict[bytes, int] = {}
    alike = np.array([first.setdefault(text, row) for row, text in enumerate(writer.hashes)])
    order = np.argsort(alike, kind="stable")  # rows, those of equal texts one after another
    for start in range(0, len(order), _SLICE):
        some = order[start : start + _SLICE]
        groups: dict[bytes, tuple[list[int], CodeArray]] = {}
        for row, codes in zip(some.tolist(), original.tokens.codes(some), strict=True):
            groups.setdefault(codes.tobytes(), ([], codes))[0].append(row)
        for group, codes in groups.values():
            if len(codes):
                writer.add_tokens(group, codes)


def _check(
    store: Store,
    name: str,
    source: Location,
    parts: list[tuple[str, bytes]],
    progress: BuildProgress,
) -> None:
    with store.open(searchable=False) as copied:
        if copied.name != name:  # a replica
            raise StoreError(
                f"Generation {name} is written, but {store.location} still shows {copied.name}.",
                "Run the same command again when it shows the new one; that compares the two.",
            )
        if different := _first_difference(parts, digests(copied, progress)):
            raise IndexCorruptError(
                f"The copy of {source} is not equal to it: {different} differs. It is live in "
                f"{store.location} as generation {name}.",
                "Do not use it. Copy again; if it differs again, report it.",
            )


def _copy_kept(
    source: Location, target: Location, before: str, now: str
) -> tuple[int, tuple[str, ...]]:
    """Copy what users keep beside the index; generation ``before`` is ``now`` in the target.

    Returns:
        how many the target has as well, and the names of those that it has with another content.
    """
    if own_folders(source)[1:] == own_folders(target)[1:] != ():
        return 0, ()  # two indexes beside one another share them
    ours, theirs = kept_files(source), kept_files(target)
    try:
        names = ours.names("")
        left = [name for name in names if not _carry(ours, theirs, name, before, now)]
    except OSError as exc:
        raise BriefError(
            f"The index is copied, but not the briefs beside it: {exc}.",
            "See that they may be read and written, then copy again.",
        ) from exc
    return len(names) - len(left), tuple(left)


def _carry(ours: KeptFiles, theirs: KeptFiles, name: str, before: str, now: str) -> bool:
    """Copy one content, if the target has none, and return whether both have the same now."""
    if name.startswith("saved"):
        saved = StoredFile(ours, name, name, SavedQuestions()).read().carried(before, now)
        there = StoredFile(theirs, name, name, SavedQuestions())
        return there.change(lambda those: those if those.items else saved) == saved
    content = ours.read(name)
    theirs.change(name, lambda those: content if those is None else those)
    return theirs.read(name) == content
