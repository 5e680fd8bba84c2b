"""A report sent from the page, on its way into the corpus: all of it, under its own name, or none.

It is written beside the corpus's files under a hidden name, which builds pass over, and linked to
its own name when it is whole; a link never replaces a file that is there already.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path

from qa_app.errors import UploadError
from qa_app.loading.limits import check_size
from qa_app.loading.registry import check_suffix
from qa_app.loading.scan import NOT_REPORTS
from qa_app.store.manifest import hash_file

_LONGEST_NAME = 200  # bytes; file systems take 255
_PREFIX = ".upload-"
_STALE_SECONDS = 3600.0  # no upload takes so long
_UNSAFE = frozenset('/\\:*?"<>|')  # which Windows has no file names with


class IncomingFile:
    """A file being received. Used as a context: what was not kept is thrown away at its end.

    Args:
        corpus: folder of the reports; made where it is missing.
        name: as the browser gives it.

    Raises:
        UploadError: no report can have this name.
        UnsupportedFormatError: files of this kind cannot be read.
    """

    def __init__(self, corpus: Path, name: str) -> None:
        self.name = safe_name(name)
        self._corpus = corpus
        self._size = 0
        self._sha256 = hashlib.sha256()
        with _saving(self.name):
            corpus.mkdir(parents=True, exist_ok=True)
            _sweep(corpus)
            self._temporary = corpus / f"{_PREFIX}{secrets.token_hex(8)}"
            self._file = self._temporary.open("xb")

    def write(self, chunk: bytes) -> None:
        """Take the next bytes; ``LimitError`` when they are too many."""
        self._size += len(chunk)
        check_size(self._size)
        self._sha256.update(chunk)
        with _saving(self.name):
            self._file.write(chunk)

    def keep(self) -> bool:
        """Put the file into the corpus; False if exactly this file is there already.

        Raises:
            UploadError: another file of this name is there, or the disk refuses.
        """
        target = self._corpus / self.name
        with _saving(self.name):
            self._file.flush()
            os.fsync(self._file.fileno())
            try:
                os.link(self._temporary, target)
            except FileExistsError as exc:
                if target.is_file() and hash_file(target).sha256 == self._sha256.hexdigest():
                    return False
                raise UploadError(
                    f"Another file is called {self.name} already.",
                    "Rename yours, then add it again.",
                ) from exc
        return True

    def __enter__(self) -> IncomingFile:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()
        self._temporary.unlink(missing_ok=True)


def safe_name(name: str) -> str:
    """Return the name under which a report is kept.

    Raises:
        UploadError: it could lead elsewhere, cannot be shown, or is one that the corpus uses.
        UnsupportedFormatError: files of this kind cannot be read.
    """
    name = unicodedata.normalize("NFC", name)
    fault = ""
    if not name or name.startswith(".") or name != name.strip():
        fault = "is no file name that can be kept"
    elif not name.isprintable() or _UNSAFE.intersection(name):
        fault = "has characters that file names cannot have everywhere"
    elif len(name.encode("utf-8", errors="replace")) > _LONGEST_NAME:
        fault = "is too long"
    elif name.lower() in NOT_REPORTS:
        fault = "is a name that the corpus uses for itself"
    if fault:
        raise UploadError(f"{name[:_LONGEST_NAME]!r} {fault}.", "Rename the file, then add it.")
    check_suffix(name)
    return name


def _sweep(corpus: Path) -> None:
    """Throw away what a server that was killed left behind."""
    for path in corpus.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another upload was here first
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                path.unlink()


@contextlib.contextmanager
def _saving(name: str) -> Iterator[None]:
    """Say that a file could not be saved where the disk refuses."""
    try:
        yield
    except OSError as exc:
        raise UploadError(
            f"{name} could not be saved: {exc.strerror}.", "See to the disk, then add it again."
        ) from exc
