"""Read and embed on the workers of a Dask cluster. Only this module imports Dask, and late.

A task is one file, read and cut into passages, or a few texts, embedded. It changes nothing
and can run twice: when a worker dies, Dask runs its tasks on another. Few tasks are in flight at a
time, and a task carries what it needs, so that no machine needs the corpus or much memory.

Dask speaks pickle: client, scheduler and workers trust each other (SECURITY.md). Parsers are not
among them: a worker, too, reads a file in a process that it can kill, whose answer is JSON.

The functions below ``Cluster`` run on workers, which import them by name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from itertools import islice, takewhile
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock
from typing import Any

import numpy as np

from qa_app.arrays import CodeArray, FloatArray
from qa_app.chunking import CHUNKING_VERSION, chunk
from qa_app.embedding import Encoder, Keep, Progress, SentenceTransformerEncoder
from qa_app.errors import ConfigError, EmbeddingError, LoadError, QAAppError
from qa_app.loading import LOADER_VERSION, SourceFile
from qa_app.loading.limits import check_size
from qa_app.loading.worker import Pool
from qa_app.models import Document, Failure, ModelIdentity, Passage
from qa_app.store.codes import pack, unpack
from qa_app.version import __version__

# What must be alike here and on each worker, or the index would depend on who did what.
_MADE_BY = f"{__version__} (loaders {LOADER_VERSION}, passages {CHUNKING_VERSION})"
# Most texts of a task: about a second of a core, and half a megabyte of answer.
_BATCH = 64
# Tasks in flight a thread: while one runs, the next is there. Files may have 100 MB each, which the
# scheduler holds; embedding waits for no answer with four.
_FILES_AHEAD, _BATCHES_AHEAD = 2, 4
# Seconds without an answer until it is asked whether there are workers still, and seconds to wait
# for one then: a worker that was killed is started again within a few.
_PATIENCE = 20
_KEEPS = "What has been embedded is kept: build again when it is mended."
_INSTALL = f"Install qa_app[dask] {__version__} for the workers, and start them with its Python."


class Cluster:
    """An encoder that embeds documents on a cluster; questions are encoded at home.

    Its vectors equal those made at home to the last bit where the processors are of one kind. Of
    token vectors only the signs travel, a thirty-second of them, which is what an index stores.
    Context manager: leaving it, also by an error or Ctrl+C, takes back the tasks that have not run.

    Args:
        address: of the scheduler, as "tcp://host:8786"; "tls://…" with the certificates that
            Dask's own configuration names.
        encoder: the encoder at home.

    Raises:
        ConfigError: Dask is not installed, or there is no scheduler at the address.
        EmbeddingError: there are no workers, or one has another version or another model. All
            methods raise it too when the cluster is lost.
    """

    def __init__(self, address: str, encoder: Encoder) -> None:
        try:
            import dask
            import distributed
        except ImportError as exc:
            raise ConfigError(
                "Dask is not installed.", "Install it: pip install 'qa_app[dask]'"
            ) from exc
        self.identity = encoder.identity
        self.count_tokens = encoder.count_tokens
        self.token_spans = encoder.token_spans
        self.encode_queries = encoder.encode_queries
        self.encode_query_tokens = encoder.encode_query_tokens
        # Dask would print tracebacks when a connection is lost, which is an error below.
        for name in ("distributed", "distributed.client"):
            logging.getLogger(name).setLevel(logging.CRITICAL)
        # A file travels in its task; so one of over 10 MB is no mistake to warn of.
        dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 GiB"})
        try:
            self._client: Any = distributed.Client(address)
        except (OSError, ValueError, TypeError, RuntimeError) as exc:  # the last two: TLS is amiss
            raise ConfigError(
                f"There is no Dask scheduler at {address}: {exc}",
                "Start one (dask scheduler), and give the address that it prints.",
            ) from exc
        try:
            self._check_workers()
        except BaseException:
            self._client.close()
            raise

    def __enter__(self) -> Cluster:
        return self

    def __exit__(self, *_error: object) -> None:
        self._client.close()

    def load(self) -> None:
        """Do nothing: each worker loads the model with its first task."""

    def read(
        self, sources: Sequence[SourceFile], ocr: bool, passage_tokens: int
    ) -> Iterator[tuple[SourceFile, tuple[Document, tuple[Passage, ...]] | Failure]]:
        """Yield each file, in the given order, with its document and passages or why it failed."""
        tasks = ((source, (source, _content(source), ocr, passage_tokens)) for source in sources)
        yield from self._run(_read, tasks, _FILES_AHEAD * self._threads(), in_order=True)

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep: Keep | None = None,
    ) -> FloatArray:
        """As ``Encoder.encode_documents``; ``keep`` receives token vectors of equal components."""
        rows = np.empty((len(texts), self.identity.dimension), dtype=np.float32)
        # Texts of about one length go together; the worker makes batches of exactly one.
        order = np.argsort(-np.array(self.count_tokens(texts)), kind="stable")
        most = _BATCHES_AHEAD * self._threads()
        size = min(_BATCH, -(-len(texts) // most)) or 1  # few texts are shared out evenly
        batches = (order[start : start + size] for start in range(0, len(texts), size))
        tasks = ((chosen, ([texts[i] for i in chosen],)) for chosen in batches)
        for chosen, (found, tokens) in self._run(_embed, tasks, most):
            rows[chosen] = found
            if keep is not None:
                for place, (codes, width) in tokens.items():
                    keep(int(chosen[place]), found[place], unpack(codes, width))
            if progress is not None:
                progress(len(chosen))
        return rows

    def _check_workers(self) -> None:
        with self._translated():
            self._client.wait_for_workers(1, timeout=_PATIENCE)
            found = self._client.run(_check, _MADE_BY, self.identity, on_error="return")
        for address, error in found.items():
            if isinstance(error, Exception):
                raise _translate(error, f"The worker {address}") from error

    def _threads(self) -> int:
        with self._translated():
            return sum(self._client.nthreads().values()) or 1

    def _run(
        self, function: Any, tasks: Iterable[tuple[Any, Any]], most: int, in_order: bool = False
    ) -> Iterator[tuple[Any, Any]]:
        """Yield each task's label and answer as it comes, or in order.

        Args:
            function: called on a worker with ``_MADE_BY``, the model's identity and a task's
                arguments.
            tasks: each one's label and arguments, made when it is sent.
            most: tasks in flight.
        """
        remaining, running = iter(tasks), dict[Any, Any]()
        with self._translated():
            while True:
                for label, given in islice(remaining, most - len(running)):
                    given = (_MADE_BY, self.identity, *given)
                    running[self._client.submit(function, *given, pure=False)] = label
                if not running:
                    return
                done = self._wait(running, in_order)
                for future in done:
                    if future.status == "error":
                        error = future.exception()
                        raise _translate(error, "A worker") from error
                # A future that is let go of is taken back from the scheduler.
                for future, answer in zip(done, self._client.gather(done), strict=True):
                    yield running.pop(future), answer

    def _wait(self, running: dict[Any, Any], in_order: bool) -> list[Any]:
        from distributed import wait

        awaited = list(islice(running, 1)) if in_order else list(running)
        while True:
            try:
                wait(awaited, _PATIENCE, "FIRST_COMPLETED")
            except TimeoutError:
                self._client.wait_for_workers(1, timeout=_PATIENCE)
            else:
                choose = takewhile if in_order else filter
                return list(choose(lambda future: future.done(), running))

    @contextmanager
    def _translated(self) -> Iterator[None]:
        from distributed import CancelledError, KilledWorker

        try:
            yield
        except TimeoutError as exc:
            raise EmbeddingError(
                "The Dask scheduler has no workers.", f"Start some (dask worker). {_KEEPS}"
            ) from exc
        except (OSError, CancelledError) as exc:
            raise EmbeddingError("The connection to the Dask scheduler was lost.", _KEEPS) from exc
        except KilledWorker as exc:
            raise _translate(exc, "A worker") from exc


def _translate(error: BaseException, worker: str) -> QAAppError:
    from distributed import KilledWorker

    if isinstance(error, QAAppError):
        return error
    if isinstance(error, KilledWorker):
        return EmbeddingError(
            "A task was given up, because several workers died while they had it.",
            f"Look into the workers' logs; give each more memory or fewer threads. {_KEEPS}",
        )
    if isinstance(error, ImportError | AttributeError):  # of qa_app, or of this module
        return EmbeddingError(f"{worker} cannot import qa_app as it is here: {error}.", _INSTALL)
    return EmbeddingError(
        f"{worker} failed: {type(error).__name__}: {error}", f"Look into its log. {_KEEPS}"
    )


def _content(source: SourceFile) -> bytes | Failure:
    try:
        check_size(source.size)
        return source.absolute.read_bytes()
    except LoadError as exc:
        return Failure(source.path, exc.message, exc.hint)
    except OSError as exc:
        reason = f"It cannot be read: {exc.strerror}."
        return Failure(source.path, reason, "Check that the file is there and its permissions.")


_lock = Lock()  # a worker may have several threads; they share one model


@lru_cache(maxsize=1)
def _encoder(identity: ModelIdentity) -> SentenceTransformerEncoder:
    prompts = identity.query_prompt, identity.document_prompt
    return SentenceTransformerEncoder(identity.location, identity.dimension, *prompts)


@lru_cache(maxsize=1)
def _pool(ocr: bool) -> Pool:
    return Pool(ocr)


def _fit(made_by: str, identity: ModelIdentity, address: str) -> SentenceTransformerEncoder:
    """Return this worker's encoder, or raise EmbeddingError if it would make another index."""
    if made_by != _MADE_BY:
        raise EmbeddingError(
            f"The worker {address} runs qa_app {_MADE_BY}; the build is by {made_by}.",
            "Install the same version for the workers, and start them again.",
        )
    try:
        with _lock:
            encoder = _encoder(identity)
    except EmbeddingError as exc:
        raise EmbeddingError(
            f"The worker {address} cannot use the model {identity.name}: {exc.message}",
            f"Put the model there as it is here, at {identity.location or identity.name}.",
        ) from exc
    if encoder.identity != identity:
        raise EmbeddingError(
            f"The worker {address} has another model at {identity.location}, or one with other "
            f"settings: its weights' SHA-256 is {encoder.identity.weights_sha256}, not "
            f"{identity.weights_sha256}.",
            "Put the same files there.",
        )
    return encoder


def _check(made_by: str, identity: ModelIdentity, dask_worker: Any) -> None:
    """Raise as ``_fit``; Dask gives ``dask_worker``."""
    _fit(made_by, identity, dask_worker.address)


def _read(
    made_by: str,
    identity: ModelIdentity,
    source: SourceFile,
    content: bytes | Failure,
    ocr: bool,
    passage_tokens: int,
) -> tuple[Document, tuple[Passage, ...]] | Failure:
    from distributed import get_worker

    worker = get_worker()
    encoder = _fit(made_by, identity, worker.address)
    if isinstance(content, Failure):
        return content  # so that it keeps its place among the others
    with _lock:
        pool = _pool(ocr)
    # In the worker's own folder, which Dask clears also of what a killed worker has left.
    with TemporaryDirectory(dir=worker.local_directory) as folder:
        path = Path(folder) / "file"
        path.write_bytes(content)
        found = pool.read(replace(source, absolute=path))
    if isinstance(found, Failure):
        return found
    return found, chunk(found, encoder.count_tokens, passage_tokens)


def _embed(
    made_by: str, identity: ModelIdentity, texts: Sequence[str]
) -> tuple[FloatArray, dict[int, tuple[CodeArray, int]]]:
    """Return the vectors, and token codes and the tokens' dimension by a text's place."""
    from distributed import get_worker

    tokens: dict[int, tuple[CodeArray, int]] = {}

    def keep(place: int, _vector: FloatArray, own: FloatArray) -> None:
        tokens[place] = pack(own), own.shape[1]

    encoder = _fit(made_by, identity, get_worker().address)
    return encoder.encode_documents(texts, keep=keep), tokens
