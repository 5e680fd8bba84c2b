"""The one killable process: it parses files and draws pages, and may die of either.

A file can crash the parser that reads it, hang it, or take it over. So parsers run in worker
processes of limited memory and time, and what a worker sends is decoded as JSON of a known shape,
which cannot run code. A worker that dies costs the one file that it had.

A message is a frame: eight bytes of length and as many of content. A worker first sends READY.
A request is a frame of JSON; its answer is one of JSON and one of bytes, empty but for a PNG.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from itertools import islice
from pathlib import Path
from threading import Lock, Timer
from typing import IO, TypeVar

import msgspec

from qa_app.errors import BrokenFileError, CorpusError, LimitError, LoadError
from qa_app.loading.limits import MAX_ADDRESS_SPACE, MAX_OCR_SECONDS, MAX_SECONDS
from qa_app.loading.registry import SourceFile, load
from qa_app.models import Document, Failure

if sys.platform != "win32":  # which has no such limits; the wall clock still holds there
    import resource

READY = b"ready"
MAX_DRAW_SECONDS = 10.0  # a reader waits for the page, and is shown the text instead
_SCALE = 1.5  # pixels a point: 108 dpi, sharp enough to read on a screen
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # how every PNG begins, its width and height next
_MAX_FRAME = 2**30  # bytes; a longer frame is nonsense, not a document of 20 million characters
_WINDOW = 8  # files a worker that may be read ahead of the one that is waited for
_ROOT = Path(__file__).resolve().parent.parent.parent
_COMMAND = (sys.executable, "-P", "-c", "from qa_app.loading.worker import main; main()")
_ERRORS = {kind.__name__: kind for kind in LoadError.__subclasses__()}

Box = tuple[float, float, float, float]  # left, top, right, bottom: shares of the page's size
Answer = TypeVar("Answer")


class _Read(msgspec.Struct, tag=True):
    """Parse this file. ``file`` is its path as ``os.fsencode`` gives it: it may be no UTF-8."""

    path: str
    file: bytes
    overrides: tuple[tuple[str, str], ...]
    ocr: bool


class _Draw(msgspec.Struct, tag=True):
    """Draw this page, from 1, and say where the words of the span stand on it."""

    document: Document
    file: bytes
    page: int
    span: tuple[int, int] | None


class _Loaded(msgspec.Struct, tag=True):
    document: Document


class _Drawn(msgspec.Struct, tag=True):
    boxes: tuple[Box, ...]


class _Refused(msgspec.Struct, tag=True):
    kind: str
    message: str
    hint: str


_READ_ANSWER: msgspec.json.Decoder[_Loaded | _Refused] = msgspec.json.Decoder(_Loaded | _Refused)
_DRAW_ANSWER: msgspec.json.Decoder[_Drawn | _Refused] = msgspec.json.Decoder(_Drawn | _Refused)


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
    pool = _Pool(ocr)
    threads = ThreadPoolExecutor(jobs, thread_name_prefix="loading")
    waiting: deque[tuple[SourceFile, Future[Document | Failure]]] = deque()
    remaining = iter(sources)
    try:
        while True:
            for source in islice(remaining, jobs * _WINDOW - len(waiting)):
                waiting.append((source, threads.submit(pool.read, source)))
            if not waiting:
                return
            source, future = waiting.popleft()
            yield source, future.result()
    finally:
        pool.stop()
        threads.shutdown(wait=True, cancel_futures=True)
        pool.close()


class _Pool:
    """The workers of a build: each reads for one thread at a time."""

    def __init__(self, ocr: bool) -> None:
        self._ocr = ocr
        self._lock = Lock()
        self._started: list[Worker] = []
        self._idle: list[Worker] = []
        self._is_stopped = False

    def read(self, source: SourceFile) -> Document | Failure:
        worker = self._take()
        was_used = worker.answered > 0
        outcome = worker.read(source, self._ocr)
        if was_used and isinstance(outcome, BrokenFileError | LimitError):
            # An earlier file may have left the worker in a bad way: judge by a new one.
            worker.close()
            worker = self._take(fresh=True)
            outcome = worker.read(source, self._ocr)
        if isinstance(outcome, LoadError):
            worker.close()
            return Failure(source.path, outcome.message, outcome.hint)
        self._idle.append(worker)
        return outcome

    def stop(self) -> None:
        with self._lock:
            self._is_stopped = True
            for worker in self._started:
                worker.kill()

    def close(self) -> None:
        for worker in self._started:
            worker.close()

    def _take(self, fresh: bool = False) -> Worker:
        with self._lock:
            if self._is_stopped:
                raise LoadError("Reading was stopped.")
            if self._idle and not fresh:
                return self._idle.pop()
            worker = Worker()
            self._started.append(worker)
            return worker


class Worker:
    """A worker process, as its parent sees it. For one thread at a time, but for ``kill``.

    Raises:
        CorpusError: it cannot be started.
    """

    def __init__(self) -> None:
        self.answered = 0
        self._was_slow = False
        paths = os.pathsep.join(path for path in (str(_ROOT), os.environ.get("PYTHONPATH")) if path)
        self._process = subprocess.Popen(
            _COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths, "OMP_THREAD_LIMIT": "1"},
            start_new_session=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._requests, self._answers = self._process.stdin, self._process.stdout
        ready = b""
        with suppress(EOFError, OSError), self._time_limit(MAX_SECONDS):
            ready = _receive(self._answers)
        if ready != READY:
            self.close()
            raise CorpusError(
                "The process that reads files cannot be started.",
                f"Try it: {sys.executable} -c 'import qa_app.loading.worker'",
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        return self._process.poll() is None

    def read(self, source: SourceFile, ocr: bool = False) -> Document | LoadError:
        """Return the document of a file, or why there is none; the worker may die of it."""
        file = os.fsencode(source.absolute)
        request = _Read(source.path, file, source.overrides, ocr)
        answer = self._ask(request, _READ_ANSWER, MAX_OCR_SECONDS if ocr else MAX_SECONDS)
        return answer if isinstance(answer, LoadError) else answer[0].document

    def draw(
        self, path: Path, document: Document, page: int, span: tuple[int, int] | None
    ) -> tuple[bytes, tuple[Box, ...]] | LoadError:
        """Return a page as PNG with boxes around words, or why not; the worker may die of it.

        Args:
            path: a PDF file.
            document: as it was read from the file.
            page: from 1.
            span: offsets of the words to put boxes around.
        """
        # The places of the words are all that is needed of the document.
        places = replace(document, text="", blocks=())
        request = _Draw(places, os.fsencode(path), page, span)
        answer = self._ask(request, _DRAW_ANSWER, MAX_DRAW_SECONDS)
        if isinstance(answer, LoadError):
            return answer
        drawn, png = answer
        if not png.startswith(_PNG):
            self.close()
            return BrokenFileError("What was drawn is no picture.")
        return png, drawn.boxes

    def kill(self) -> None:
        """End the process and all that it started, from any thread."""
        if self.is_alive:
            try:
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()

    def close(self) -> None:
        """End the process and let go of its pipes."""
        self.kill()
        self._process.wait()
        self._answers.close()
        with suppress(BrokenPipeError):  # what was never sent
            self._requests.close()

    def _ask(
        self, request: _Read | _Draw, decoder: msgspec.json.Decoder[Answer | _Refused], limit: float
    ) -> tuple[Answer, bytes] | LoadError:
        try:
            with self._time_limit(limit):
                _send(self._requests, msgspec.json.encode(request))
                content, attached = _receive(self._answers), _receive(self._answers)
            answer = decoder.decode(content)
        except (EOFError, OSError):
            self.close()
            return self._explain_death(limit)
        except (ValueError, RecursionError):
            self.close()
            return BrokenFileError(
                "The program that reads it gave no sense.",
                "Save the file again from its own program.",
            )
        self.answered += 1
        if isinstance(answer, _Refused):
            return _ERRORS.get(answer.kind, LoadError)(answer.message, answer.hint)
        return answer, attached

    @contextmanager
    def _time_limit(self, seconds: float) -> Iterator[None]:
        """End the process, which closes its pipes, if what is done within takes too long."""
        timer = Timer(seconds, self._stop_waiting)
        timer.daemon = True
        timer.start()
        try:
            yield
        finally:
            timer.cancel()

    def _stop_waiting(self) -> None:
        self._was_slow = True
        self.kill()

    def _explain_death(self, limit: float) -> LoadError:
        if self._was_slow or self._process.returncode == -getattr(signal, "SIGXCPU", 0):
            return LimitError(
                f"Reading it took more than {limit:.0f} seconds.",
                "Split it into smaller files, or save it again from its own program.",
            )
        return BrokenFileError(
            "The program that reads it crashed on it.",
            "The file is damaged or very unusual: save it again from its own program.",
        )


def _send(pipe: IO[bytes], content: bytes) -> None:
    pipe.write(len(content).to_bytes(8, "big") + content)
    pipe.flush()


def _receive(pipe: IO[bytes]) -> bytes:
    """Return the content of the next frame; EOFError where the pipe ends or makes no sense."""
    header = pipe.read(8)
    length = int.from_bytes(header, "big")
    content = pipe.read(length) if len(header) == 8 and length <= _MAX_FRAME else b""
    if len(header) < 8 or len(content) < length:
        raise EOFError
    return content


def main() -> None:
    """Be the worker: answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Parsers print as they please; nothing of it may get among the answers.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # Ctrl+C is for the parent, which ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests = msgspec.json.Decoder(_Read | _Draw)
    _send(answers, READY)
    with suppress(EOFError):
        while True:
            request = requests.decode(_receive(sys.stdin.buffer))
            _limit_cpu()
            for frame in _answer(request):
                _send(answers, frame)


def _limit_cpu() -> None:
    """Allow this process so many more seconds of CPU; the kernel ends it after that."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = math.ceil(used.ru_utime + used.ru_stime + MAX_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _answer(request: _Read | _Draw) -> tuple[bytes, bytes]:
    """Return the two frames of an answer."""
    path = Path(os.fsdecode(request.file))
    try:
        if isinstance(request, _Read):
            source = SourceFile(request.path, path, 0, 0, request.overrides)
            return msgspec.json.encode(_Loaded(load(source, request.ocr))), b""
        boxes, png = _draw(request, path)
        return msgspec.json.encode(_Drawn(boxes)), png
    except LoadError as exc:
        error = exc
    except UnicodeEncodeError:  # half of a character, as a broken file may hold
        error = BrokenFileError("Its text cannot be written down.", "Save it again.")
    message = error.message.encode("utf-8", "replace").decode("utf-8")
    refusal = _Refused(type(error).__name__, message, error.hint)
    return msgspec.json.encode(refusal), b""


def _draw(request: _Draw, path: Path) -> tuple[tuple[Box, ...], bytes]:
    from qa_app.loading.pages import boxes, render_page

    try:
        png = render_page(path, request.page, _SCALE)
    except ValueError as exc:
        raise LoadError(f"There is no page {request.page}.") from exc
    found = boxes(request.document, path, *request.span) if request.span else []
    return tuple(box[1:] for box in found if box.page == request.page), png
