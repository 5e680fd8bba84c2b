"""A corpus to the next generation: what changed is read, what is new is embedded, all at once live.

A build that ends in any other way than by publishing leaves the generation before it as it was.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing, nullcontext, suppress
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Protocol

import numpy as np

from qa_app import loading
from qa_app.analysis import ANALYSIS_VERSION, analyser_for
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
from qa_app.models import BuildReport, Document, Failure, Passage
from qa_app.planning import DocumentCounts, Plan, Step, find_reuse
from qa_app.settings import DEFAULT_LANGUAGE, Settings
from qa_app.store.generation import Generation, last_manifest, open_generation
from qa_app.store.lexical import LEXICAL_VERSION
from qa_app.store.manifest import Recipe
from qa_app.store.publishing import build_lock
from qa_app.store.tokens import pack
from qa_app.store.vectors import FloatArray, HalfArray
from qa_app.store.writer import GenerationWriter, IndexedDocument
from qa_app.topics.finding import BoolArray, Earlier, find_topics
from qa_app.topics.stored import TOPICS_FILE, TOPICS_VERSION, Topics, read_topics
from qa_app.topics.themes import Themes

# Texts fetched and embedded at once: enough to sort by length, few enough to hold.
_SLICE = 4096

Loaded = tuple[SourceFile, Document | Failure]


class Stage(StrEnum):
    """What a build is at, in words for the user."""

    READING = "Reading"
    EMBEDDING = "Embedding"
    TOPICS = "Topics"
    WRITING = "Writing"


class BuildProgress(Protocol):
    """Is told how a build goes on."""

    def stage(self, name: str, total: int) -> None:
        """Begin a stage of ``total`` steps, 0 where they cannot be counted."""

    def advance(self, steps: int, label: str = "") -> None:
        """Say that ``steps`` more are done; ``label`` names what is at hand, as a file."""

    def close(self) -> None:
        """Say that the build has ended, well or not."""


class _Silence:
    def stage(self, name: str, total: int) -> None:
        pass

    def advance(self, steps: int, label: str = "") -> None:
        pass

    def close(self) -> None:
        pass


def build(
    settings: Settings,
    encoder: Encoder,
    progress: BuildProgress | None = None,
    rebuild: bool = False,
) -> BuildReport:
    """Bring the index up to date with the corpus and return what was done.

    Unchanged files are not opened, unchanged passages are not embedded again, and where nothing
    changed at all the generation stays.

    Args:
        settings: corpus, index, language, passage_tokens and ocr are used.
        encoder: makes the vectors; another model than before embeds everything again.
        progress: told of each stage and step.
        rebuild: read and embed everything again.

    Raises:
        CorpusError: there is nothing to index; the old index answers as before.
        ConfigError: the facets file or the language is wrong.
        EmbeddingError: the model cannot be used.
        IndexLockedError: another build of this index is running.
        IndexMismatchError: another version of the program made the index, and not ``rebuild``.
        StoreError: the index cannot be written; the old one answers as before.
    """
    started = time.perf_counter()
    corpus = settings.corpus or Path("corpus")
    scan = loading.scan(corpus)
    if not scan.files and not scan.failures:
        raise CorpusError(
            f"There are no reports in {corpus}.",
            "Put reports into it (PDF, Word, web pages, Markdown, text), then build again.",
        )
    settings = dataclasses.replace(settings, language=_language_of(settings))
    analyser_for(settings.language)  # a wrong language is known before the work, not after it
    progress = progress or _Silence()
    try:
        with (
            build_lock(settings.index),
            _open_previous(settings.index, rebuild) or nullcontext() as previous,
        ):
            report = _Build(settings, corpus, encoder, progress, previous, rebuild).run(scan)
    finally:
        progress.close()
    return dataclasses.replace(report, seconds=time.perf_counter() - started)


def _language_of(settings: Settings) -> str:
    """Return the language asked for, else the one that the index has, else the default."""
    manifest = None if settings.language else last_manifest(settings.index)
    return settings.language or (manifest.recipe.language if manifest else DEFAULT_LANGUAGE)


def _open_previous(index: Path, rebuild: bool) -> Generation | None:
    try:
        return open_generation(index, allow_previous=True, searchable=False)
    except (IndexNotFoundError, IndexCorruptError):
        return None  # nothing sound to go on from: everything is made anew
    except IndexMismatchError:
        if rebuild:
            return None
        raise


class _Build:
    """One build, under the lock."""

    def __init__(
        self,
        settings: Settings,
        corpus: Path,
        encoder: Encoder,
        progress: BuildProgress,
        previous: Generation | None,
        rebuild: bool,
    ) -> None:
        self._settings = settings
        self._encoder = encoder
        self._corpus = corpus
        self._facets = Facets.load(corpus)
        self._themes = Themes.load(corpus)
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
        source = None if rebuild else previous
        self._reuse = find_reuse(source, self._recipe, encoder.identity)

    def run(self, scan: loading.Scan) -> BuildReport:
        """Write the next generation, unless it would be the same as the one before."""
        plan = Plan(scan, self._previous, self._reuse.documents, self._settings.ocr)
        with closing(self._load(plan.to_load)) as loaded:
            tried: list[Loaded] = []
            if self._may_be_unchanged(plan):
                # Files that failed before are tried again: what was wrong may have been mended.
                tried = list(loaded)
                if unchanged := self._report_unchanged(plan, tried):
                    return unchanged
            with GenerationWriter(self._settings.index) as writer:
                return self._write(writer, plan, chain(tried, loaded))

    def _load(self, sources: Sequence[SourceFile]) -> Generator[Loaded, None, None]:
        if not sources:
            return
        self._progress.stage(Stage.READING, len(sources))
        for source, found in loading.load_many(sources, self._settings.ocr):
            self._progress.advance(1, source.path)
            yield source, _check_still(source) or found

    def _may_be_unchanged(self, plan: Plan) -> bool:
        if self._previous is None or self._previous.fallback:
            return False
        failed = {failure.path for failure in self._previous.manifest.failures}
        tried_before = all(source.path in failed for source in plan.to_load)
        return self._reuse.everything and plan.keeps_all and tried_before

    def _report_unchanged(self, plan: Plan, tried: Sequence[Loaded]) -> BuildReport | None:
        failures = [found for _, found in tried if isinstance(found, Failure)]
        if self._previous is None or len(failures) < len(tried):
            return None
        manifest = self._previous.manifest
        if _by_path([*plan.failures, *failures]) != manifest.failures:
            return None
        kept = [step for step in plan.steps if step.kept]
        return _report(
            manifest.generation,
            plan.counts(kept),
            manifest.failures,
            manifest.warnings,
            manifest.passages,
            embedded=0,
        )

    def _write(self, writer: GenerationWriter, plan: Plan, loaded: Iterator[Loaded]) -> BuildReport:
        failures, warnings = list(plan.failures), []
        indexed: list[Step] = []
        for step in plan.steps:
            found = self._make(step, loaded)
            if isinstance(found, Failure):
                failures.append(found)
                continue
            writer.add(found)
            indexed.append(step)
            if found.document.warnings:
                warnings.append(Failure(step.source.path, "; ".join(found.document.warnings)))
        if not indexed:
            raise _nothing_read(self._corpus, failures)
        if not self._facets.values(DOCUMENT_FACET):  # the corpus has no facet of that name
            writer.tag_documents(DOCUMENT_FACET)
        embeddings, new = self._embed(writer)
        self._progress.stage(Stage.TOPICS, 0)
        writer.add_file(TOPICS_FILE, self._topics(writer, embeddings).to_text())
        self._progress.stage(Stage.WRITING, 0)
        writer.add_file(FACETS_FILE, self._facets.source)
        name = writer.finish(
            embeddings,
            self._encoder.identity,
            self._recipe,
            self._corpus,
            _by_path(failures),
            _by_path(warnings),
        )
        return _report(
            name,
            plan.counts(indexed),
            _by_path(failures),
            _by_path(warnings),
            writer.num_passages,
            int(new.sum()),
        )

    def _make(self, step: Step, loaded: Iterator[Loaded]) -> IndexedDocument | Failure:
        """Return the document of a step with its passages, stored, read or cut anew."""
        if step.kept is None or self._previous is None:
            source, found = next(loaded)
            if source != step.source:
                raise ValueError(f"{source.path} was loaded in the place of {step.source.path}")
            if isinstance(found, Failure):
                return found
            document, passages = found, None
        else:
            document = self._previous.document(step.kept.path)
            document = dataclasses.replace(document, path=step.source.path)
            passages = None
            if self._reuse.passages and step.is_untouched:
                passages = self._previous.passages(step.kept.rows)
        if passages is None:
            cut = chunk(document, self._encoder.count_tokens, self._settings.passage_tokens)
            passages = self._tag(cut)
        elif not self._reuse.tags:
            passages = self._tag(passages)
        if not passages:
            return Failure(document.path, "There is nothing in it to quote.", "Look at the file.")
        return IndexedDocument(document, step.stamp, passages)

    def _tag(self, passages: Iterable[Passage]) -> tuple[Passage, ...]:
        return tuple(
            dataclasses.replace(passage, tags=self._facets.tag(passage)) for passage in passages
        )

    def _topics(self, writer: GenerationWriter, embeddings: HalfArray) -> Topics:
        # Where everything is read anew, too, topics keep their names.
        earlier, previous = None, self._previous
        if previous is not None and previous.manifest.model == self._encoder.identity:
            places, _ = previous.stored_rows(writer.hashes)
            new = np.ones(writer.num_passages, dtype=np.bool_)
            new[places] = False
            removed = max(0, previous.num_passages - len(places))
            with suppress(StoreError):  # they are of another version
                earlier = Earlier(read_topics(previous.folder), new, removed)
        analyser = analyser_for(self._settings.language)
        return find_topics(
            writer, embeddings, self._encoder, self._facets, self._themes, analyser, earlier
        )

    def _embed(self, writer: GenerationWriter) -> tuple[HalfArray, BoolArray]:
        """Return every row's vector, and which rows' vectors were not stored."""
        identity = self._encoder.identity
        embeddings = np.empty((writer.num_passages, identity.dimension), dtype=np.float16)
        new = np.ones(writer.num_passages, dtype=np.bool_)
        if self._previous is not None and self._reuse.vectors:
            places, old = self._previous.stored_rows(writer.hashes)
            embeddings[places] = self._previous.stored_vectors(old)
            writer.copy_tokens(self._previous, places, old)
            new[places] = False
        rows: dict[bytes, list[int]] = {}
        for row, digest in enumerate(writer.hashes):
            if new[row]:
                rows.setdefault(digest, []).append(row)
        if rows:
            self._progress.stage(self._embedding_stage(), len(rows))
        alike = list(rows.values())
        for start in range(0, len(alike), _SLICE):
            some = alike[start : start + _SLICE]
            texts = writer.texts([group[0] for group in some])

            def keep(place: int, vectors: FloatArray, some: list[list[int]] = some) -> None:
                writer.add_tokens(some[place], pack(vectors))

            found = self._encoder.encode_documents(texts, self._progress.advance, keep)
            if found.shape != (len(some), identity.dimension) or not np.isfinite(found).all():
                raise EmbeddingError(
                    f"The model {identity.name} gave vectors that cannot be used.",
                    "Build with another model: --model NAME_OR_PATH",
                )
            for group, vector in zip(some, found, strict=True):
                embeddings[group] = vector
        return embeddings, new

    def _embedding_stage(self) -> str:
        if self._previous is None or self._previous.manifest.model == self._encoder.identity:
            return Stage.EMBEDDING
        old, new = self._previous.manifest.model.name, self._encoder.identity.name
        return f"{Stage.EMBEDDING} (the model was {old}, now {new})"


def _check_still(source: SourceFile) -> Failure | None:
    """Return a failure if the file is not as it was when its hash was taken."""
    hint = "Build again when nothing writes to it."
    try:
        now = source.absolute.stat()
    except OSError:
        return Failure(source.path, "It went away while it was read.", hint)
    if (now.st_size, now.st_mtime_ns) != (source.size, source.mtime_ns):
        return Failure(source.path, "It changed while it was read.", hint)
    return None


def _nothing_read(corpus: Path, failures: Sequence[Failure]) -> CorpusError:
    first = _by_path(failures)[0]
    more = f", and {len(failures) - 1} more" if len(failures) > 1 else ""
    return CorpusError(
        f"No file in {corpus} can be read. {first.path}: {first.reason}{more}",
        first.hint or "Put reports into it (PDF, Word, web pages, Markdown, text).",
    )


def _by_path(failures: Iterable[Failure]) -> tuple[Failure, ...]:
    return tuple(sorted(failures, key=lambda failure: (failure.path, failure.reason)))


def _report(
    generation: str,
    counts: DocumentCounts,
    failures: tuple[Failure, ...],
    warnings: tuple[Failure, ...],
    passages: int,
    embedded: int,
) -> BuildReport:
    return BuildReport(
        generation=generation,
        added=counts.added,
        changed=counts.changed,
        removed=counts.removed,
        unchanged=counts.unchanged,
        failures=failures,
        warnings=warnings,
        passages=passages,
        embedded=embedded,
        reused=passages - embedded,
        seconds=0.0,
    )
