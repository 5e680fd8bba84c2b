"""Worker processes that parse, draw and mark files, so that a bad file cannot harm the parent.

A file can crash, hang or exploit the parser that reads it. So parsers run in worker processes
with limited memory and time, and their answers are decoded as JSON of a fixed schema, which cannot
run code. If a worker dies, only the file that it was reading is lost.

A message is a frame: its length in eight bytes, big-endian, and its content. A worker first sends
READY. A request is one frame of JSON; its answer is a frame of JSON and a frame of bytes, which
holds a PNG or a PDF, or is empty.
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
from qa_app.models import Document, Failure, Mark

if sys.platform != "win32":  # Windows has no such limits; there only the wall clock limit applies
    import resource

READY = b"ready"
MAX_DRAW_SECONDS = 10.0  # a user waits for the page, and sees its text if drawing takes longer
_SCALE = 1.5  # pixels per point: 108 dpi, sharp enough to read on a screen
_PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"  # start of every PNG, up to its width and height
_MAX_FRAME = 2**30  # bytes; more than a document of 20 million characters takes
_WINDOW = 8  # files per worker read ahead of the next one to be yielded
_ROOT = Path(__file__).resolve().parent.parent.parent
_COMMAND = (sys.executable, "-P", "-c", "from qa_app.loading.worker import main; main()")
_ERRORS = {kind.__name__: kind for kind in LoadError.__subclasses__()}

Box = tuple[float, float, float, float]  # left, top, right, bottom: shares of the page's size
Answer = TypeVar("Answer")


class _Read(msgspec.Struct, tag=True):
    """Request to parse a file. ``file`` is its path from ``os.fsencode``, maybe not UTF-8."""

    path: str
    file: bytes
    overrides: tuple[tuple[str, str], ...]
    ocr: bool


class _Draw(msgspec.Struct, tag=True):
    """Request to draw a page (from 1) and return the boxes of the span's words on it."""

    document: Document
    file: bytes
    page: int
    span: tuple[int, int] | None


class _Mark(msgspec.Struct, tag=True):
    """Request for a copy of the PDF with this SHA-256, with the marks highlighted."""

    document: Document
    file: bytes
    sha256: str
    marks: tuple[Mark, ...]


class _Loaded(msgspec.Struct, tag=True):
    document: Document


class _Drawn(msgspec.Struct, tag=True):
    boxes: tuple[Box, ...]


class _Marked(msgspec.Struct, tag=True):
    """For each mark "", or why it has no highlight."""

    reasons: tuple[str, ...]


class _Refused(msgspec.Struct, tag=True):
    kind: str
    message: str
    hint: str


_Request = _Read | _Draw | _Mark
_READ_ANSWER: msgspec.json.Decoder[_Loaded | _Refused] = msgspec.json.Decoder(_Loaded | _Refused)
_DRAW_ANSWER: msgspec.json.Decoder[_Drawn | _Refused] = msgspec.json.Decoder(_Drawn | _Refused)
_MARK_ANSWER: msgspec.json.Decoder[_Marked | _Refused] = msgspec.json.Decoder(_Marked | _Refused)


def load_many(
    sources: Sequence[SourceFile], ocr: bool = False, jobs: int | None = None
) -> Iterator[tuple[SourceFile, Document | Failure]]:
    """Yield each file, in the given order, with its document or why it could not be read.

    Args:
        sources: files found by ``scan``.
        ocr: read PDF pages without text with the tesseract program.
        jobs: number of worker processes; by default one per processor core.

    Raises:
        CorpusError: a worker cannot be started.
    """
    jobs = max(1, min(jobs or os.cpu_count() or 1, len(sources)))
    pool = Pool(ocr)
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


class Pool:
    """Workers that several threads share; each is used by one thread at a time."""

    def __init__(self, ocr: bool) -> None:
        self._ocr = ocr
        self._lock = Lock()
        self._started: list[Worker] = []
        self._idle: list[Worker] = []
        self._is_stopped = False

    def read(self, source: SourceFile) -> Document | Failure:
        """Return a file's document, or why it could not be read."""
        worker = self._take()
        was_used = worker.answered > 0
        outcome = worker.read(source, self._ocr)
        if was_used and isinstance(outcome, BrokenFileError | LimitError):
            # An earlier file may have left the worker in a bad state: try again in a new one.
            worker.close()
            worker = self._take(fresh=True)
            outcome = worker.read(source, self._ocr)
        if isinstance(outcome, LoadError):
            worker.close()
            return Failure(source.path, outcome.message, outcome.hint)
        self._idle.append(worker)
        return outcome

    def stop(self) -> None:
        """Kill all workers, and start no more."""
        with self._lock:
            self._is_stopped = True
            for worker in self._started:
                worker.kill()

    def close(self) -> None:
        """Close all workers."""
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
    """A worker process, as seen by its parent. For one thread at a time, except ``kill``.

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
        """The process id."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process is running."""
        return self._process.poll() is None

    def read(self, source: SourceFile, ocr: bool = False) -> Document | LoadError:
        """Return the document of a file, or the error; reading it may end the worker."""
        file = os.fsencode(source.absolute)
        request = _Read(source.path, file, source.overrides, ocr)
        answer = self._ask(request, _READ_ANSWER, MAX_OCR_SECONDS if ocr else MAX_SECONDS)
        return answer if isinstance(answer, LoadError) else answer[0].document

    def draw(
        self, path: Path, document: Document, page: int, span: tuple[int, int] | None
    ) -> tuple[bytes, tuple[Box, ...]] | LoadError:
        """Return a page as PNG and boxes of words on it, or the error; this may end the worker.

        Args:
            document: as it was read from the PDF file ``path``.
            page: from 1.
            span: start and end, in the document's text, of the words to find; None for no boxes.
        """
        # Only the document's source runs are needed.
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

    def mark(
        self, path: Path, sha256: str, document: Document, marks: Sequence[Mark]
    ) -> tuple[bytes, tuple[str, ...]] | LoadError:
        """Return a PDF with highlights, or the error; this may end the worker.

        The texts, one for each mark, are empty or say why it has no highlight.

        Args:
            path: the PDF; refused unless its SHA-256 is ``sha256``.
            document: as it was read from that file.
        """
        places = replace(document, text="", blocks=())
        request = _Mark(places, os.fsencode(path), sha256, tuple(marks))
        answer = self._ask(request, _MARK_ANSWER, MAX_SECONDS)
        if isinstance(answer, LoadError):
            return answer
        marked, copy = answer
        if len(marked.reasons) != len(marks):
            self.close()
            return BrokenFileError("What was marked is not what was asked for.")
        return copy, marked.reasons

    def kill(self) -> None:
        """Kill the process, and outside Windows its children too; callable from any thread."""
        if self.is_alive:
            try:
                if sys.platform == "win32":
                    self._process.kill()
                else:
                    os.killpg(self._process.pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                self._process.kill()

    def close(self) -> None:
        """Kill the process and close its pipes."""
        self.kill()
        self._process.wait()
        self._answers.close()
        with suppress(BrokenPipeError):  # from flushing an unsent request
            self._requests.close()

    def _ask(
        self,
        request: _Request,
        decoder: msgspec.json.Decoder[Answer | _Refused],
        limit: float,
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
        """Kill the process, which closes its pipes, if the block takes longer than ``seconds``."""
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
    """Return the content of the next frame.

    Raises:
        EOFError: the pipe has ended, or the frame is longer than ``_MAX_FRAME``.
    """
    header = pipe.read(8)
    length = int.from_bytes(header, "big")
    content = pipe.read(length) if len(header) == 8 and length <= _MAX_FRAME else b""
    if len(header) < 8 or len(content) < length:
        raise EOFError
    return content


def main() -> None:
    """Run as a worker: answer requests until standard input ends."""
    answers = os.fdopen(os.dup(1), "wb")
    # Parsers may print; their output must not mix with the answers.
    silence = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silence, 1)
    os.dup2(silence, 2)
    # Only the parent handles Ctrl+C; it kills this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_AS, (MAX_ADDRESS_SPACE, MAX_ADDRESS_SPACE))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    requests = msgspec.json.Decoder(_Request)
    _send(answers, READY)
    with suppress(EOFError):
        while True:
            request = requests.decode(_receive(sys.stdin.buffer))
            _limit_cpu()
            for frame in _answer(request):
                _send(answers, frame)


def _limit_cpu() -> None:
    """Allow this process ``MAX_SECONDS`` more of CPU time; the kernel kills it after that."""
    if sys.platform != "win32":
        used = resource.getrusage(resource.RUSAGE_SELF)
        allowed = math.ceil(used.ru_utime + used.ru_stime + MAX_SECONDS)
        resource.setrlimit(resource.RLIMIT_CPU, (allowed, resource.RLIM_INFINITY))


def _answer(request: _Request) -> tuple[bytes, bytes]:
    """Return the JSON frame and the bytes frame that answer a request."""
    path = Path(os.fsdecode(request.file))
    try:
        if isinstance(request, _Read):
            source = SourceFile(request.path, path, 0, 0, request.overrides)
            return msgspec.json.encode(_Loaded(load(source, request.ocr))), b""
        if isinstance(request, _Mark):
            from qa_app.loading.pdf.highlights import mark_pdf

            copy, reasons = mark_pdf(path, request.sha256, request.document, request.marks)
            return msgspec.json.encode(_Marked(reasons)), copy
        boxes, png = _draw(request, path)
        return msgspec.json.encode(_Drawn(boxes)), png
    except LoadError as exc:
        error = exc
    except UnicodeEncodeError:  # a lone surrogate, as a damaged file may contain
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
