"""Pages of a PDF as images with boxes around words, drawn in a process of their own.

A PDF library can be killed by the file it draws, and is not safe in two threads; so one worker
process draws, and when it dies or hangs the reader sees the text instead.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import signal
import sys
import threading
from collections import OrderedDict
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path

from qa_app.errors import QAAppError
from qa_app.models import Document

_SCALE = 1.5
_MOST_SECONDS = 10.0
_MOST_KEPT = 24
_MEMORY_BYTES = 3 * 2**29


@dataclass(frozen=True, slots=True)
class PageBox:
    """A rectangle: shares of the page's width and height, from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page as PNG, and the boxes around the quoted words on it."""

    number: int
    png: bytes
    boxes: tuple[PageBox, ...]


@dataclass(frozen=True, slots=True)
class _Request:
    path: Path
    page: int
    document: Document
    span: tuple[int, int] | None


class PageImages:
    """Draws pages, one at a time; keeps the last few."""

    def __init__(self) -> None:
        self._worker: _Worker | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, tuple[int, int] | None], PageImage] = OrderedDict()

    def draw(
        self, path: Path, sha256: str, document: Document, page: int, span: tuple[int, int] | None
    ) -> PageImage | None:
        """Return the page's image, or None where it cannot be drawn.

        Args:
            path: the file.
            sha256: what the file was when it was indexed; another file is not drawn.
            document: as it was read from the file.
            page: from 1.
            span: offsets of the words to put boxes around.
        """
        key = (sha256, page, span)
        with self._lock:
            if key not in self._kept:
                image = self._draw(path, sha256, document, page, span)
                if image is None:
                    return None
                self._kept[key] = image
            self._kept.move_to_end(key)
            while len(self._kept) > _MOST_KEPT:
                self._kept.popitem(last=False)
            return self._kept[key]

    @property
    def worker_pid(self) -> int | None:
        """Process id of the worker, while there is one."""
        return self._worker.pid if self._worker else None

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            if self._worker is not None:
                self._worker.end()
                self._worker = None

    def _draw(
        self, path: Path, sha256: str, document: Document, page: int, span: tuple[int, int] | None
    ) -> PageImage | None:
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    return None
        except OSError:
            return None
        # The places of the words are all that is needed of the document.
        places = replace(document, text="", blocks=())
        if self._worker is None:
            self._worker = _Worker()
        try:
            return self._worker.ask(_Request(path, page, places, span))
        except (EOFError, OSError, TimeoutError):
            self._worker.end()
            self._worker = None
            return None


class _Worker:
    def __init__(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._connection, theirs = context.Pipe()
        self._process: SpawnProcess = context.Process(target=_work, args=[theirs], daemon=True)
        self._process.start()
        theirs.close()

    def ask(self, request: _Request) -> PageImage | None:
        self._connection.send(request)
        if not self._connection.poll(_MOST_SECONDS):
            raise TimeoutError
        image: PageImage | None = self._connection.recv()
        return image

    @property
    def pid(self) -> int | None:
        return self._process.pid

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._connection.close()


def _work(connection: Connection) -> None:
    # Ctrl+C is for the server, which ends this process itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _limit_memory()
    while True:
        try:
            request: _Request = connection.recv()
        except EOFError:
            return
        connection.send(_draw_one(request))


def _draw_one(request: _Request) -> PageImage | None:
    from qa_app.loading.pages import boxes, render_page

    try:
        png = render_page(request.path, request.page, _SCALE)
        found = boxes(request.document, request.path, *request.span) if request.span else []
    except (QAAppError, ValueError):
        return None
    here = (box for box in found if box.page == request.page)
    return PageImage(
        request.page, png, tuple(PageBox(box.x0, box.y0, box.x1, box.y1) for box in here)
    )


def _limit_memory() -> None:
    if sys.platform != "win32":  # which has no such limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
