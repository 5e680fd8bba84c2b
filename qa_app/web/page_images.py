"""Pages of a PDF as images with boxes around words, drawn in a worker process.

A malformed PDF can crash or hang the library that draws it, and the library is not thread-safe.
So a single worker draws, and when it fails the reader sees the text instead.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from qa_app.errors import CorpusError, LoadError
from qa_app.loading.worker import Worker
from qa_app.models import Document

_MOST_KEPT = 24  # pages cached: a few megabytes, enough for paging back and forth


@dataclass(frozen=True, slots=True)
class PageBox:
    """A rectangle in fractions of the page's width and height; the origin is the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, slots=True)
class PageImage:
    """A page (``number`` from 1) as PNG, and the boxes around the quoted words on it."""

    number: int
    png: bytes
    boxes: tuple[PageBox, ...]


class PageImages:
    """Draws pages, one at a time, and caches the last few. Safe to use from several threads."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, int, tuple[int, int] | None], PageImage] = OrderedDict()

    def draw(
        self, path: Path, sha256: str, document: Document, page: int, span: tuple[int, int] | None
    ) -> PageImage | None:
        """Return the page's image, or None if it cannot be drawn.

        Args:
            path: the PDF file.
            sha256: hash of the file when it was indexed; a file with another hash is not drawn.
            document: the document read from the file.
            page: from 1.
            span: start and end offset in the document's text of the words to put boxes around.
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
        """Process id of the worker, or None if there is none."""
        return self._worker.pid if self._worker else None

    def close(self) -> None:
        """End the worker."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None

    def _draw(
        self, path: Path, sha256: str, document: Document, page: int, span: tuple[int, int] | None
    ) -> PageImage | None:
        try:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    return None
            self._worker = self._worker or Worker()
        except (OSError, CorpusError):
            return None
        drawn = self._worker.draw(path, document, page, span)
        if isinstance(drawn, LoadError):
            if not self._worker.is_alive:
                self._worker = None
            return None
        png, boxes = drawn
        return PageImage(page, png, tuple(PageBox(*box) for box in boxes))
