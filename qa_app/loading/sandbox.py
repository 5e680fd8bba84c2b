"""Reads files in worker processes, since a parser can be killed by the file it parses.

A worker that dies, hangs or grows too large costs the one file it had.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Lock, Thread

from qa_app.errors import BrokenFileError, CorpusError, LimitError, LoadError
from qa_app.loading.corpus import SourceFile
from qa_app.loading.limits import MAX_OCR_SECONDS, MAX_SECONDS
from qa_app.loading.wire import decode
from qa_app.models import Document, Failure

READY = b"ready"
_MAX_ANSWER = 2**30
_WINDOW = 8  # files a worker that may be read ahead of the one that is waited for
_ROOT = Path(__file__).resolve().parent.parent.parent
_COMMAND = (sys.executable, "-P", "-c", "from qa_app.loading.worker import main; main()")


def load_many(
    sources: Sequence[SourceFile], ocr: bool = False, jobs: int | None = None
) -> Iterator[tuple[SourceFile, Document | Failure]]:
    """Yield each file with its document, or why there is none, in the order given.

    Args:
        sources: files found by ``scan``.
        ocr: read PDF pages without text with the tesseract program.
        jobs: worker processes; one a processor core unless told.
    """
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(sources)))
    pool = _Pool(jobs, ocr)
    waiting: deque[tuple[SourceFile, Future[Document | Failure]]] = deque()
    remaining = iter(sources)
    try:
        while True:
            while len(waiting) < jobs * _WINDOW and (source := next(remaining, None)):
                waiting.append((source, pool.submit(source)))
            if not waiting:
                return
            source, future = waiting.popleft()
            yield source, future.result()
    finally:
        pool.close()


class _Pool:
    """So many threads, each with the worker process that it speaks to."""

    def __init__(self, jobs: int, ocr: bool) -> None:
        self._ocr = ocr
        self._lock = Lock()
        self._idle: list[_Worker] = []
        self._all: list[_Worker] = []
        self._closed = False
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="loading")

    def submit(self, source: SourceFile) -> Future[Document | Failure]:
        return self._threads.submit(self._read, source)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for worker in self._all:
                worker.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _read(self, source: SourceFile) -> Document | Failure:
        try:
            outcome = self._ask(source, self._take())
        except LoadError as exc:
            outcome = exc
        if isinstance(outcome, LoadError):
            return Failure(source.path, outcome.message, outcome.hint)
        return outcome

    def _ask(self, source: SourceFile, worker: _Worker) -> Document | LoadError:
        is_fresh = worker.answered == 0
        outcome = worker.ask(source, self._ocr)
        if isinstance(outcome, BrokenFileError | LimitError) and not is_fresh:
            # An earlier file may have left the worker in a bad way: judge by a new one.
            worker.kill()
            worker = self._take(fresh=True)
            outcome = worker.ask(source, self._ocr)
        if isinstance(outcome, LoadError):
            worker.kill()
        with self._lock:
            if worker.is_alive:
                self._idle.append(worker)
            else:
                self._all.remove(worker)
        return outcome

    def _take(self, fresh: bool = False) -> _Worker:
        with self._lock:
            if self._closed:
                raise LoadError("Reading was stopped.")
            if self._idle and not fresh:
                return self._idle.pop()
            worker = _Worker()
            self._all.append(worker)
            return worker


class _Worker:
    """One worker process."""

    def __init__(self) -> None:
        self.answered = 0
        self.is_alive = True
        paths = os.pathsep.join(path for path in (str(_ROOT), os.environ.get("PYTHONPATH")) if path)
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_THREAD_LIMIT": "1"},
            start_new_session=True,
        )
        self._answers: SimpleQueue[bytes | None] = SimpleQueue()
        # A thread can wait for a pipe and be waited for with a limit, on every system.
        self._listener = Thread(target=self._listen, name="loading", daemon=True)
        self._listener.start()
        try:
            ready = self._answer(time.monotonic() + MAX_SECONDS)
        except (TimeoutError, EOFError, OSError):
            ready = b""
        if ready != READY:
            self.kill()
            raise CorpusError(
                "The process that reads files cannot be started.",
                f"Try it: {sys.executable} -c 'import qa_app.loading.worker'",
            )

    def ask(self, source: SourceFile, ocr: bool) -> Document | LoadError:
        """Return the document of a file, or why there is none; the worker may die of it."""
        request = {
            "path": source.path,
            "absolute": str(source.absolute),
            "ocr": ocr,
            "overrides": source.overrides,
        }
        seconds = MAX_OCR_SECONDS if ocr else MAX_SECONDS
        deadline = time.monotonic() + seconds
        try:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(request).encode() + b"\n")
            self._process.stdin.flush()
            outcome = decode(self._answer(deadline))
        except TimeoutError:
            self.kill()
            return _too_slow(seconds)
        except (EOFError, OSError):
            self.kill()
            return self._explain_death(seconds)
        except BrokenFileError as exc:
            self.kill()
            return exc
        self.answered += 1
        return outcome

    def kill(self) -> None:
        """End the process and everything that it started."""
        self.is_alive = False
        if self._process.poll() is None:
            try:
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()
        self._process.wait()
        self._listener.join()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except BrokenPipeError:
                    continue

    def _answer(self, deadline: float) -> bytes:
        try:
            answer = self._answers.get(timeout=max(0.0, deadline - time.monotonic()))
        except Empty:
            raise TimeoutError from None
        if answer is None:
            raise EOFError
        return answer

    def _listen(self) -> None:
        """Queue the process's answers, then None when it has ended or makes no sense."""
        assert self._process.stdout is not None
        while True:
            length = int.from_bytes(self._process.stdout.read(8), "big")
            answer = self._process.stdout.read(length) if 0 < length <= _MAX_ANSWER else b""
            if not length or len(answer) < length:
                self._answers.put(None)
                return
            self._answers.put(answer)

    def _explain_death(self, seconds: float) -> LoadError:
        code = self._process.returncode
        if code == -getattr(signal, "SIGXCPU", 0):
            return _too_slow(seconds)
        return BrokenFileError(
            "The program that reads it crashed on it.",
            "The file is damaged or very unusual: save it again from its own program.",
        )


def _too_slow(seconds: float) -> LimitError:
    return LimitError(
        f"Reading it took more than {seconds:.0f} seconds.",
        "Split it into smaller files, or save it again from its own program.",
    )
