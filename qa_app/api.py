"""The library's public functions: build an index, open it, ask questions.

from qa_app import build_index, open_index

build_index("corpus", "index")
answer = open_index("index").ask("which reports mention data-sharing?")
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_app.answering import answer_question
from qa_app.answering.follow_up import Reading, read_follow_up
from qa_app.citations import Facts, document_facts, find_in_source
from qa_app.embedding import Encoder, SentenceTransformerEncoder
from qa_app.errors import IndexCorruptError, StoreError
from qa_app.facets import FACETS_FILE, Facets
from qa_app.indexing import BuildProgress, build
from qa_app.models import Answer, BuildReport, Document, Mode, Place, Quote, SearchResult, to_json
from qa_app.reader import ExtractiveReader, Reader
from qa_app.reranking import Reranker
from qa_app.retrieval import Retriever
from qa_app.retrieval.filters import FilterChoices, Filters, filter_choices
from qa_app.settings import (
    DEFAULT_MODEL,
    DEFAULT_READER,
    NO_READER,
    Location,
    Settings,
    index_location,
)
from qa_app.store.manifest import Current, Manifest
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation, Store
from qa_app.topics.topic_queries import Change, Kind, TopicsReport, Triage

if TYPE_CHECKING:
    from qa_app.synthesis import LanguageModel, Synthesis
    from qa_app.verification import VerifyReport


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One generation of an index, with all its queries.

    A request uses one snapshot throughout, so that its results never mix two generations.

    Attributes:
        store: of the index.
        corpus: folder of the reports.
        triage: its topics and themes, and the matrices of both by facet.
        reader: finds the answering words; None to answer without.
    """

    store: Store
    corpus: Path
    generation: Generation
    retriever: Retriever
    triage: Triage
    reader: Reader | None = None
    _changes: dict[str, tuple[Change, ...]] = field(default_factory=dict)

    @property
    def index(self) -> Location:
        """Folder or address of the index."""
        return self.store.location

    def ask(
        self,
        question: str,
        top_k: int = 8,
        filters: Filters | None = None,
        mode: Mode = Mode.BEST,
        rejecting: Sequence[Place] = (),
        after: str = "",
    ) -> Answer:
        """Return an answer in exact quotes, or one with the verdict "not found".

        Args:
            question: at most 4,000 characters.
            top_k: most passages to return.
            filters: allowed values by facet, "document", "type" or "date".
            mode: how passages are ranked; ``FAST`` also leaves out the reader.
            rejecting: places of quotes, as ``citation.place``, that are not what is meant: their
                passages and near duplicates are left out, and passages near them rank lower.
            after: the question asked before, with which a follow-up such as "and in Surrey?" is
                read.

        Raises:
            QueryError: the question, a filter or ``top_k`` is not valid, or a rejected quote is no
                longer in the reports.
        """
        reading = self.follow_up(question, after, filters)
        if reading is not None:
            question, filters = reading.question, reading.filters
        rejected = tuple(map(self.quote, rejecting))
        retriever = self.retriever.without(rejecting) if rejecting else self.retriever
        answer = answer_question(retriever, question, top_k, filters, mode, self.reader)
        return replace(answer, read_as=str(reading or ""), rejected=rejected)

    def follow_up(self, question: str, after: str, filters: Filters | None) -> Reading | None:
        """Return how a question is read with the one before it; None if it stands on its own."""
        if not after.strip():
            return None
        return read_follow_up(question, after, filters, self.retriever.facets, self.generation)

    def search(
        self,
        query: str,
        top_k: int = 8,
        filters: Filters | None = None,
        mode: Mode = Mode.BEST,
        distinct: bool = True,
    ) -> tuple[SearchResult, ...]:
        """Return the best passages for the query, best first.

        Args:
            query: at most 4,000 characters.
            top_k: most passages to return.
            filters: as for ``ask``.
            mode: how passages are ranked.
            distinct: return each wording once, with citations of its repeats.

        Raises:
            QueryError: the query, a filter or ``top_k`` is not valid.
        """
        return self.retriever.search(query, top_k, filters, mode, distinct)

    def search_like(
        self, place: Place, top_k: int = 8, filters: Filters | None = None
    ) -> tuple[SearchResult, ...]:
        """Return the passages nearest to a quote's own, without that one and its repeats.

        Args:
            place: of the quote, as ``citation.place``.
            top_k, filters: as for ``search``.

        Raises:
            QueryError: nothing can be quoted there, or a filter or ``top_k`` is not valid.
        """
        self.quote(place)  # raises QueryError
        return self.retriever.search_like(place, top_k, filters)

    def quote(self, place: Place) -> Quote:
        """Return the words at a place, with their citation.

        Raises:
            QueryError: nothing can be quoted there; it may be of an earlier generation.
        """
        return find_in_source(self.generation, place.document, (place.start, place.end))

    def filters(self) -> FilterChoices:
        """Return the available filters: every facet's values, and the range of dates."""
        return filter_choices(self.generation)

    def facts(self) -> Facts:
        """Return each document's author, publisher and date, where known, by its path."""
        return {item.path: document_facts(item.metadata) for item in self.generation.documents}

    def topics(self, facet: str = "", themes: bool = False) -> TopicsReport:
        """Return the topics of the reports, counted by the values of a facet.

        Args:
            facet: "document", "date" (years of the reports), "type" or a facet of the corpus; ""
                for the corpus's first own facet.
            themes: use the themes of ``themes.toml`` in place of the topics that the build found.

        Raises:
            IndexNotFoundError: the index was built by a version without topics.
            QueryError: there is no such facet.
        """
        kind = Kind.THEMES if themes else Kind.TOPICS
        matrix = self.triage.matrix(facet, kind)
        return TopicsReport(self.triage.summaries(kind), matrix, self.generation.name)

    def topic_changes(self, since: str = "") -> tuple[Change, ...]:
        """Return the topics that grew, shrank or appeared, with their new passages.

        Args:
            since: an earlier generation, as "000002"; "" for the previous one. An index keeps one
                earlier generation.

        Raises:
            IndexNotFoundError: that generation is not kept, or has no topics.
        """
        if since not in self._changes:
            with self.store.open_earlier(since) as earlier:
                before = Triage(earlier, Facets.parse(earlier.file(FACETS_FILE)))
                self._changes[since] = self.triage.changes(before)
        return self._changes[since]

    def document(self, path: str) -> Document:
        """Return one document as extracted; ``QueryError`` if it is not in the index."""
        return self.generation.document(path)

    def status(self) -> dict[str, Any]:
        """Return counts, model, build time, failures and warnings of the generation."""
        return _status(self.generation.manifest)

    def summarise(self, answer: Answer, llm: LanguageModel) -> Synthesis:
        """Return sentences that a language model writes about an answer's quotes, each checked.

        Args:
            answer: of this snapshot.
            llm: where the question and the quotes are sent.

        Raises:
            QueryError: the reports do not answer the question.
            LanguageModelError: the server gives no usable reply.
        """
        from anyio.from_thread import start_blocking_portal

        from qa_app.synthesis import summarise

        with start_blocking_portal() as portal:  # works in notebooks, where a loop runs already
            return portal.call(summarise, answer, llm, self.retriever, self.reader)

    def verify(self, answer: Answer) -> VerifyReport:
        """Check an answer's quotes against the files that it cites."""
        from qa_app.verification import verify_answer

        return verify_answer(answer, self.generation, self.corpus)


class Index:
    """An index that answers questions, and switches to each newly published generation.

    Safe to use from several threads. A request that makes several calls should take a
    ``snapshot``, so that all see the same generation.
    """

    def __init__(
        self,
        path: Location,
        corpus: Path,
        encoder: Encoder,
        reranker: Reranker | None = None,
        reader: Reader | None = None,
    ) -> None:
        self.path = path
        self._store = open_store(path)
        self.corpus = corpus
        self._encoder = encoder
        self._reranker = reranker
        self._reader = reader
        self._lock = threading.Lock()
        self._seen = self._read_current()
        self._snapshot = self._open()

    def snapshot(self) -> Snapshot:
        """Return the live generation, opening it if a build has published a new one.

        If that one cannot be opened, the generation already open is returned.
        """
        with self._lock, contextlib.suppress(StoreError):
            current = self._read_current()
            if current != self._seen:
                self._seen = current
                self._snapshot = self._open()
        return self._snapshot

    def ask(
        self,
        question: str,
        top_k: int = 8,
        filters: Filters | None = None,
        mode: Mode = Mode.BEST,
        rejecting: Sequence[Place] = (),
        after: str = "",
    ) -> Answer:
        """Return the live generation's answer, as ``Snapshot.ask``."""
        return self.snapshot().ask(question, top_k, filters, mode, rejecting, after)

    def search(
        self,
        query: str,
        top_k: int = 8,
        filters: Filters | None = None,
        mode: Mode = Mode.BEST,
        distinct: bool = True,
    ) -> tuple[SearchResult, ...]:
        """Return the live generation's best passages, as ``Snapshot.search``."""
        return self.snapshot().search(query, top_k, filters, mode, distinct)

    def verify(self) -> VerifyReport:
        """Check every file, passage and sentence of the index against the source files."""
        from qa_app.verification import verify

        return verify(self.path, self.corpus)

    def warm(self) -> None:
        """Load the models now, so that the first question does not wait for it."""
        self._encoder.encode_queries(["warm"])
        if self._reranker is not None:
            self._reranker.load()
        if self._reader is not None:
            self._reader.load()

    def close(self) -> None:
        """Close the files of the open generation."""
        self._snapshot.generation.close()

    def __enter__(self) -> Index:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _read_current(self) -> Current | None:
        try:
            return self._store.current()
        except IndexCorruptError:
            return None

    def _open(self) -> Snapshot:
        generation = self._store.open(self._encoder.identity, allow_previous=True)
        facets = Facets.parse(generation.file(FACETS_FILE))
        retriever = Retriever(generation, self._encoder, facets, self._reranker)
        triage = Triage(generation, facets)
        return Snapshot(self._store, self.corpus, generation, retriever, triage, self._reader)


def build_index(
    corpus: str | Path | None = None,
    index: str | Path = "index",
    model: str = "",
    encoder: Encoder | None = None,
    progress: BuildProgress | None = None,
    rebuild: bool = False,
    dask: str = "",
) -> BuildReport:
    """Bring the index up to date with the corpus and return what was done.

    Args:
        corpus: folder of reports; None for the index's own, or ``corpus`` for a new index.
        index: folder for the index, created if missing; or the address of a PostgreSQL database.
        model: a sentence-transformers model by name or folder; "" for the index's own, or the
            default for a new index.
        encoder: used instead of ``model`` if given.
        progress: called at each stage and step.
        rebuild: read and embed everything again.
        dask: address of a Dask scheduler on whose workers files are read and embedded, as
            "tcp://host:8786"; "" for this machine.

    Raises:
        ConfigError: there is no such scheduler, or Dask is not installed.
        CorpusError: there is nothing to index.
        EmbeddingError: the model cannot be used.
        StoreError: the index cannot be written; the old one remains in use.
    """
    folder = None if corpus is None else Path(corpus)
    settings = Settings(corpus=folder, index=index_location(index), model=model)
    return build_from_settings(settings, progress, rebuild, encoder, dask)


def build_from_settings(
    settings: Settings,
    progress: BuildProgress | None = None,
    rebuild: bool = False,
    encoder: Encoder | None = None,
    dask: str = "",
) -> BuildReport:
    """Build as ``build_index`` does, from settings."""
    chosen = replace(settings, corpus=corpus_of(settings))
    encoder = encoder or encoder_for(settings)
    if not dask:
        return build(chosen, encoder, progress, rebuild)
    from qa_app.distributed import Cluster

    with Cluster(dask, encoder) as cluster:
        return build(chosen, cluster, progress, rebuild, cluster.read)


def open_index(
    index: str | Path = "index",
    corpus: str | Path | None = None,
    model: str = "",
    encoder: Encoder | None = None,
    reranker: str = "",
    reader: str = DEFAULT_READER,
) -> Index:
    """Open an index for asking.

    Args:
        index: folder of the index, or the address of a PostgreSQL database.
        corpus: folder of the reports; None for the index's own.
        model: "" for the model that built the index; any other raises ``IndexMismatchError``.
        encoder: used instead of ``model`` if given.
        reranker: a cross-encoder by name or folder; "" for none.
        reader: an extractive reader by name or folder, "default" or "none".

    Raises:
        EmbeddingError: the model is not on this machine, or cannot be used.
        IndexNotFoundError: there is no index yet.
        IndexCorruptError: a file differs from the manifest.
        IndexMismatchError: the index was built with another model than the one asked for.
    """
    folder = None if corpus is None else Path(corpus)
    settings = Settings(
        corpus=folder, index=index_location(index), model=model, reranker=reranker, reader=reader
    )
    return open_from_settings(settings, encoder)


def open_from_settings(settings: Settings, encoder: Encoder | None = None) -> Index:
    """Open as ``open_index`` does, from settings."""
    return Index(
        settings.index,
        corpus_of(settings),
        encoder or encoder_for(settings),
        reranker_for(settings),
        reader_for(settings),
    )


def read_status(index: Location) -> dict[str, Any]:
    """Return an index's status from its manifest, without opening the index."""
    return _status(open_store(index).manifest())


def corpus_of(settings: Settings) -> Path:
    """Return the folder of reports: the one asked for, else the index's own, else ``corpus``."""
    if settings.corpus is not None:
        return settings.corpus
    manifest = open_store(settings.index).last_manifest()
    folder = manifest.corpus_folder(settings.index) if manifest else None
    return folder or Path("corpus")


def encoder_for(settings: Settings) -> Encoder:
    """Return the model asked for, else the index's own, else the default; not loaded yet."""
    model, dimension = settings.model, settings.dimension
    query, document = settings.query_prompt, settings.document_prompt
    # An index keeps the model that it was built with, unless another is asked for.
    if not model and (manifest := open_store(settings.index).last_manifest()):
        own = manifest.model
        model, dimension = own.location, dimension or own.dimension
        query, document = query or own.query_prompt, document or own.document_prompt
    return SentenceTransformerEncoder(model or DEFAULT_MODEL, dimension, query, document)


def reranker_for(settings: Settings) -> Reranker | None:
    """Return the reranker asked for, or None; not loaded yet."""
    if not settings.reranker:
        return None
    return Reranker(settings.reranker, settings.rerank_ms / 1000)


def reader_for(settings: Settings) -> Reader | None:
    """Return the reader asked for, or None; not loaded yet."""
    if settings.reader == NO_READER:
        return None
    return ExtractiveReader(settings.reader or DEFAULT_READER)


def _status(manifest: Manifest) -> dict[str, Any]:
    described = to_json(manifest)
    kept = ("generation", "created", "model", "documents", "passages", "vectors", "recipe")
    return {key: described[key] for key in (*kept, "failures", "warnings", "format_version")}
