"""Build the next generation: read changed files, embed new passages, publish atomically.

A build that fails or is interrupted before publishing leaves the live generation unchanged; what
it has embedded is kept for the next one.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, nullcontext, suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Any, Protocol

import numpy as np

from qa_app import loading
from qa_app.arrays import CodeArray, FloatArray, HalfArray, RowArray
from qa_app.chunking import CHUNKING_VERSION, chunk
from qa_app.embedding import Encoder
from qa_app.errors import (
    CorpusError,
    EmbeddingError,
    IndexCorruptError,
    IndexMismatchError,
    IndexNotFoundError,
    StoreError,
)
from qa_app.facets import DOCUMENT_FACET, FACETS_FILE, Facets
from qa_app.loading import SourceFile
from qa_app.loading.metadata import is_named_after_file
from qa_app.models import BuildReport, Document, Failure, ModelIdentity, Passage
from qa_app.settings import DEFAULT_LANGUAGE, Settings
from qa_app.store.bm25 import LEXICAL_VERSION
from qa_app.store.codes import pack
from qa_app.store.documents import DocumentRecord, IndexedDocument, SourceStamp
from qa_app.store.manifest import Recipe, hash_file
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation, Store, Unpublished, Writer
from qa_app.text.analysis import ANALYSIS_VERSION, analyser_for
from qa_app.topics.topic_builder import Earlier, Themes, find_topics
from qa_app.topics.topic_store import TOPICS_FILE, TOPICS_VERSION, Topics, read_topics

# Texts fetched and embedded at once: enough that many have one length in tokens, few enough for
# memory (50 MB of token codes).
_SLICE = 8192
_NO_CODES: CodeArray = np.zeros((0, 0), dtype=np.uint8)
# A file changed less than 2 s ago may change again with the same time stamp: some file systems
# have a resolution of 2 s. Its time is not stored, so that the next build hashes it again.
_DOUBT_NS = 2_000_000_000
_NO_TIME = -1  # equal to no file's time

Loaded = tuple[SourceFile, tuple[Document, tuple[Passage, ...]] | Failure]
# Reads files and cuts them: given the files, whether to use OCR, and the most tokens of a passage,
# yields each file in this order.
Read = Callable[[Sequence[SourceFile], bool, int], Iterator[Loaded]]
# Rows of the next generation whose text the previous one has, and its rows of them.
Stored = tuple[RowArray, RowArray]


class Stage(StrEnum):
    """Stages of a build, as words for the user."""

    READING = "Reading"
    EMBEDDING = "Embedding"
    TOPICS = "Topics"
    WRITING = "Writing"


class BuildProgress(Protocol):
    """Receives the progress of a build."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of ``total`` steps; 0 if their number is unknown."""

    def advance(self, steps: int, label: str = "") -> None:
        """Report ``steps`` more as done; ``label`` names the current item, such as a file."""

    def close(self) -> None:
        """Report that the build has ended, successfully or not."""


class _Silence:
    def stage(self, *_: Any, **__: Any) -> None:
        """Do nothing."""

    advance = close = stage


def build(
    settings: Settings,
    encoder: Encoder,
    progress: BuildProgress | None = None,
    rebuild: bool = False,
    read: Read | None = None,
) -> BuildReport:
    """Bring the index up to date with the corpus and return what was done.

    Unchanged files are not read again, and unchanged passages not embedded again, unless a setting
    or version that they depend on has changed, such as the model. If nothing at all has changed,
    the generation stays. ``rebuild`` reads and embeds everything. ``read`` is used to read files if
    they are to be read elsewhere than on this machine.

    Raises:
        CorpusError: there is nothing to index; the live generation is unchanged.
        ConfigError: the facets file, the themes file or the language is wrong.
        EmbeddingError: the model cannot be used.
        IndexLockedError: another build of this index is running.
        IndexMismatchError: the index has another format, and ``rebuild`` is false.
        StoreError: the index cannot be written; the live generation is unchanged.
    """
    started = time.perf_counter()
    corpus = settings.corpus or Path("corpus")
    scan = loading.scan(corpus)
    if not scan.files and not scan.failures:
        raise CorpusError(
            f"There are no reports in {corpus}.",
            "Put reports into it (PDF, Word, web pages, Markdown, text), then build again.",
        )
    # The language in the settings, else the index's own, else the default.
    store = open_store(settings.index)
    manifest = None if settings.language else store.last_manifest()
    own = manifest.recipe.language if manifest else DEFAULT_LANGUAGE
    settings = replace(settings, language=settings.language or own)
    progress = progress or _Silence()
    try:
        with (
            store.lock(),
            _open_previous(store, rebuild) or nullcontext() as previous,
        ):
            report = _Build(
                store, settings, scan, corpus, encoder, progress, previous, rebuild, read
            ).run()
            store.forget_unpublished()
    finally:
        progress.close()
    return replace(report, seconds=time.perf_counter() - started)


def _open_previous(store: Store, rebuild: bool) -> Generation | None:
    try:
        return store.open(allow_previous=True, searchable=False)
    except (IndexNotFoundError, IndexCorruptError, IndexMismatchError) as exc:
        if isinstance(exc, IndexMismatchError) and not rebuild:
            raise
        return None  # nothing to reuse: everything is built anew


@dataclass(frozen=True, slots=True)
class _Reuse:
    """Which parts of the previous generation can be reused.

    Attributes:
        documents: extracted texts.
        passages: their division into passages.
        tags: facet values of the passages.
        vectors: of passages and of their tokens.
        everything: all of it; only changed files in the corpus require work.
    """

    documents: bool = False
    passages: bool = False
    tags: bool = False
    vectors: bool = False
    everything: bool = False


def _find_reuse(previous: Generation | None, recipe: Recipe, model: ModelIdentity) -> _Reuse:
    if previous is None:
        return _Reuse()
    old = previous.manifest.recipe
    same_model = previous.manifest.model == model
    vectors = same_model
    return _Reuse(
        documents=old.loader == recipe.loader,
        # The model's tokenizer determines the length of passages.
        passages=same_model
        and (old.chunking, old.passage_tokens) == (recipe.chunking, recipe.passage_tokens),
        tags=old.facets == recipe.facets,
        vectors=vectors,
        everything=vectors and old == recipe,
    )


@dataclass(frozen=True, slots=True)
class _Step:
    """A file's present state, and the stored document to reuse for it, None if it must be read."""

    source: SourceFile
    stamp: SourceStamp
    kept: DocumentRecord | None

    @property
    def is_untouched(self) -> bool:
        """Whether the stored document was read from the same path."""
        return self.kept is not None and self.kept.path == self.source.path


class _Build:
    """One build, under the lock: decides what to do with each file, and does it."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        scan: loading.Scan,
        corpus: Path,
        encoder: Encoder,
        progress: BuildProgress,
        previous: Generation | None,
        rebuild: bool,
        read: Read | None,
    ) -> None:
        self._store = store
        self._read = read or self._read_here
        self._settings = settings
        self._scan = scan
        self._encoder = encoder
        self._corpus = corpus
        self._facets = Facets.load(corpus)
        self._themes = Themes.load(corpus)
        self._analyser = analyser_for(settings.language)  # raises for a wrong language
        self._progress = progress
        self._previous = previous
        self._recipe = Recipe(
            loader=loading.LOADER_VERSION,
            chunking=CHUNKING_VERSION,
            facets=self._facets.fingerprint,
            lexical=f"{ANALYSIS_VERSION}.{LEXICAL_VERSION}",
            passage_tokens=settings.passage_tokens,
            language=settings.language,
            topics=f"{TOPICS_VERSION}.{self._themes.fingerprint}",
        )
        self._rebuild = rebuild
        held = None if rebuild else previous
        self._reuse = _find_reuse(held, self._recipe, encoder.identity)
        documents = previous.documents if previous else ()
        self._before = {record.path: record for record in documents}
        self._by_sha256 = {record.source.sha256: record for record in documents}
        self._steps: list[_Step] = []  # one per readable file, ordered by path
        self._failures = list(scan.failures)

    def run(self) -> BuildReport:
        """Write the next generation, unless it would equal the previous one."""
        for source in self._scan.files:
            try:
                self._steps.append(self._step(source))
            except OSError as exc:
                reason = f"It cannot be read: {exc.strerror}."
                hint = "Check the file's permissions."
                self._failures.append(Failure(source.path, reason, hint))
        to_load = [step.source for step in self._steps if step.kept is None]
        with closing(self._load(to_load)) as loaded:
            tried: list[Loaded] = []
            if self._may_be_unchanged(to_load):
                # Files that failed before are tried again: the cause may have been removed.
                tried = list(loaded)
                if unchanged := self._report_unchanged(tried):
                    return unchanged
            if to_load:
                _load_ahead(self._encoder)
            with self._store.writer() as writer:
                return self._write(writer, chain(tried, loaded))

    def _step(self, source: SourceFile) -> _Step:
        mtime_ns = source.mtime_ns if time.time_ns() - source.mtime_ns > _DOUBT_NS else _NO_TIME
        before = self._before.get(source.path)
        now = source.size, source.mtime_ns
        if before and (before.source.size, before.source.mtime_ns) == now:
            sha256 = before.source.sha256
        else:
            sha256 = hash_file(source.absolute).sha256
        stamp = SourceStamp(source.size, mtime_ns, sha256, self._settings.ocr, source.overrides)
        for record in (before, self._by_sha256.get(sha256)):
            if record is not None and self._stands_for(record, source, stamp):
                return _Step(source, replace(stamp, ocr=record.source.ocr), record)
        return _Step(source, stamp, None)

    def _stands_for(self, record: DocumentRecord, source: SourceFile, stamp: SourceStamp) -> bool:
        """Return whether reading the file would give the stored document again."""
        same_name = record.path == source.path or (
            PurePosixPath(record.path).suffix == PurePosixPath(source.path).suffix
            # A title made from the file's name would change with it.
            and not is_named_after_file(record.title, record.path)
        )
        return (
            self._reuse.documents
            and same_name
            and record.source.sha256 == stamp.sha256
            and record.source.overrides == stamp.overrides
            and (record.source.ocr or not stamp.ocr)
        )

    def _load(self, sources: Sequence[SourceFile]) -> Generator[Loaded, None, None]:
        if not sources:
            return
        self._progress.stage(Stage.READING, len(sources))
        settings = self._settings
        for source, found in self._read(sources, settings.ocr, settings.passage_tokens):
            self._progress.advance(1, source.path)
            yield source, _check_still(source) or found

    def _read_here(
        self, sources: Sequence[SourceFile], ocr: bool, passage_tokens: int
    ) -> Iterator[Loaded]:
        for source, found in loading.load_many(sources, ocr):
            if isinstance(found, Failure):
                yield source, found
            else:
                yield source, (found, chunk(found, self._encoder.count_tokens, passage_tokens))

    def _may_be_unchanged(self, to_load: Sequence[SourceFile]) -> bool:
        """Return whether nothing but files that failed in the last build can have changed."""
        if self._previous is None or self._previous.fallback or not self._reuse.everything:
            return False
        untouched = sum(step.is_untouched for step in self._steps)
        failed = {failure.path for failure in self._previous.manifest.failures}
        return untouched == len(self._before) == len(self._steps) - len(to_load) and all(
            source.path in failed for source in to_load
        )

    def _report_unchanged(self, tried: Sequence[Loaded]) -> BuildReport | None:
        failures = [found for _, found in tried if isinstance(found, Failure)]
        if self._previous is None or len(failures) < len(tried):
            return None
        manifest = self._previous.manifest
        if _by_path([*self._failures, *failures]) != manifest.failures:
            return None
        kept = [step for step in self._steps if step.kept]
        problems = manifest.failures, manifest.warnings
        return self._report(manifest.generation, kept, *problems, manifest.passages, embedded=0)

    def _report(
        self,
        generation: str,
        indexed: Sequence[_Step],
        failures: tuple[Failure, ...],
        warnings: tuple[Failure, ...],
        passages: int,
        embedded: int,
    ) -> BuildReport:
        old = {path: record.source.sha256 for path, record in self._before.items()}
        known = sum(step.source.path in old for step in indexed)
        same = sum(old.get(step.source.path) == step.stamp.sha256 for step in indexed)
        there = {item.path for item in self._scan.files}
        there |= {item.path for item in self._scan.failures}
        return BuildReport(
            generation=generation,
            added=len(indexed) - known,
            changed=known - same,
            removed=len(old.keys() - there),
            unchanged=same,
            failures=failures,
            warnings=warnings,
            passages=passages,
            embedded=embedded,
            reused=passages - embedded,
            seconds=0.0,
        )

    def _write(self, writer: Writer, loaded: Iterator[Loaded]) -> BuildReport:
        failures, warnings = self._failures, []
        indexed: list[_Step] = []
        for step in self._steps:
            found = self._add(writer, step, loaded)
            if isinstance(found, Failure):
                failures.append(found)
                continue
            indexed.append(step)
            if found:
                warnings.append(Failure(step.source.path, "; ".join(found)))
        if not indexed:
            raise _nothing_read(self._corpus, failures)
        if not self._facets.values(DOCUMENT_FACET):  # unless facets.toml defines that facet
            writer.tag_documents(DOCUMENT_FACET)
        previous, stored = self._previous, None
        if previous is not None and previous.manifest.model == self._encoder.identity:
            stored = previous.stored_rows(writer.hashes)
        embeddings, new = self._embed(writer, stored)
        self._progress.stage(Stage.TOPICS, 0)
        writer.add_file(TOPICS_FILE, self._topics(writer, embeddings, stored).to_text())
        self._progress.stage(Stage.WRITING, 0)
        writer.add_file(FACETS_FILE, self._facets.source)
        problems = _by_path(failures), _by_path(warnings)
        name = writer.finish(
            embeddings, self._encoder.identity, self._recipe, self._corpus, *problems
        )
        return self._report(name, indexed, *problems, writer.num_passages, new)

    def _add(
        self, writer: Writer, step: _Step, loaded: Iterator[Loaded]
    ) -> tuple[str, ...] | Failure:
        """Add the step's document to the next generation, and return its warnings."""
        reuse = self._reuse.passages and self._reuse.tags
        if reuse and step.is_untouched and step.kept is not None and self._previous is not None:
            writer.add_stored(self._previous, step.kept, step.stamp)
            return step.kept.warnings
        found = self._make(step, loaded)
        if isinstance(found, Failure):
            return found
        writer.add(found)
        return found.document.warnings

    def _make(self, step: _Step, loaded: Iterator[Loaded]) -> IndexedDocument | Failure:
        """Return the step's document and tagged passages, reusing what is stored where possible."""
        if step.kept is None or self._previous is None:
            source, found = next(loaded)
            if source != step.source:
                raise ValueError(f"{source.path} was loaded in the place of {step.source.path}")
            if isinstance(found, Failure):
                return found
            document, passages = found
        else:
            document = replace(self._previous.document(step.kept.path), path=step.source.path)
            is_cut = self._reuse.passages and step.is_untouched
            passages = (
                self._previous.passages(step.kept.rows)
                if is_cut
                else chunk(document, self._encoder.count_tokens, self._settings.passage_tokens)
            )
        if not passages:
            return Failure(document.path, "There is nothing in it to quote.", "Look at the file.")
        tagged = tuple(replace(item, tags=self._facets.tag(item)) for item in passages)
        return IndexedDocument(document, step.stamp, tagged)

    def _topics(self, writer: Writer, embeddings: HalfArray, stored: Stored | None) -> Topics:
        earlier, previous = None, self._previous  # also on a rebuild: topics keep names
        if previous is not None and stored is not None:
            places, old = stored
            new = np.ones(writer.num_passages, dtype=np.bool_)
            new[places] = False
            removed = max(0, previous.num_passages - len(places))
            with suppress(StoreError):  # missing, damaged or of another version: none to compare
                topics = read_topics(previous.file(TOPICS_FILE), previous.name)
                grouped = topics.grouped_rows()
                prose = None
                if grouped is not None:
                    prose = np.zeros(writer.num_passages, dtype=np.bool_)
                    prose[places] = np.isin(old, grouped)
                earlier = Earlier(topics, new, removed, prose)
        given = self._facets, self._themes, self._analyser
        return find_topics(writer, embeddings, self._encoder, *given, earlier)

    def _embed(self, writer: Writer, stored: Stored | None) -> tuple[HalfArray, int]:
        """Return every row's vector, float16, shape (rows, dim), and how many were computed now."""
        identity, previous = self._encoder.identity, self._previous
        embeddings = np.empty((writer.num_passages, identity.dimension), dtype=np.float16)
        new = np.ones(writer.num_passages, dtype=np.bool_)
        if previous is not None and stored is not None and self._reuse.vectors:
            places, old = stored
            embeddings[places] = previous.stored_vectors(old)
            writer.copy_tokens(previous, places, old)
            new[places] = False
        rows: defaultdict[bytes, list[int]] = defaultdict(list)
        for row in np.flatnonzero(new).tolist():
            rows[writer.hashes[row]].append(row)
        if not rows:
            return embeddings, 0
        with self._store.unpublished(identity, self._rebuild) as unpublished:
            left = [digest for digest in rows if digest not in unpublished]
            embedded = sum(len(rows[digest]) for digest in left)
            if left:
                stage: str = Stage.EMBEDDING
                if previous is not None and previous.manifest.model != identity:
                    stage += f" (the model was {previous.manifest.model.name}, now {identity.name})"
                self._progress.stage(stage, len(left))
            items = iter(rows.items())
            while some := list(islice(items, _SLICE)):
                found = self._encode(writer, unpublished, dict(some))
                # In the order of rows: the files do not depend on what was computed when.
                for digest, group in some:
                    embeddings[group], codes = found[digest]
                    if len(codes):
                        writer.add_tokens(group, codes)
        return embeddings, embedded

    def _encode(
        self, writer: Writer, unpublished: Unpublished, rows: dict[bytes, list[int]]
    ) -> dict[bytes, tuple[HalfArray, CodeArray]]:
        """Return vector and token codes of each text, by its hash; codes may be empty.

        ``rows`` are those of each text.
        """
        found = {digest: unpublished.get(digest) for digest in rows if digest in unpublished}
        left = [digest for digest in rows if digest not in found]
        codes = dict.fromkeys(left, _NO_CODES)

        def keep(place: int, vector: FloatArray, tokens: FloatArray) -> None:
            codes[left[place]] = pack(tokens)
            unpublished.add(left[place], vector, codes[left[place]])

        identity, texts = self._encoder.identity, writer.texts([rows[digest][0] for digest in left])
        vectors = self._encoder.encode_documents(list(texts), self._progress.advance, keep)
        if vectors.shape != (len(left), identity.dimension) or not np.isfinite(vectors).all():
            raise EmbeddingError(
                f"The model {identity.name} gave vectors that cannot be used.",
                "Build with another model: --model NAME_OR_PATH",
            )
        half = vectors.astype(np.float16)
        return found | {digest: (half[place], codes[digest]) for place, digest in enumerate(left)}


def _load_ahead(encoder: Encoder) -> None:
    """Load the model while files are read; an error is raised again where it is used."""
    pool = ThreadPoolExecutor(1)
    pool.submit(encoder.load)
    pool.shutdown(wait=False)


def _check_still(source: SourceFile) -> Failure | None:
    """Return a failure if the file's size or time has changed since the corpus was scanned."""
    try:
        now = source.absolute.stat()
    except OSError:
        reason = "It went away while it was read."
    else:
        if (now.st_size, now.st_mtime_ns) == (source.size, source.mtime_ns):
            return None
        reason = "It changed while it was read."
    return Failure(source.path, reason, "Build again when nothing writes to it.")


def _nothing_read(corpus: Path, failures: Sequence[Failure]) -> CorpusError:
    first = _by_path(failures)[0]
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    return CorpusError(
        f"No file in {corpus} can be read. {first.path}: {first.reason}{more}",
        first.hint or "Put reports into it (PDF, Word, web pages, Markdown, text).",
    )


def _by_path(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    return tuple(sorted(failures, key=lambda failure: (failure.path, failure.reason)))
