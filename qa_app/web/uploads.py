"""Saves a report uploaded from the page in the corpus, completely or not at all.

It is written into the corpus under a hidden name, which builds ignore, and hard-linked to its own
name when it is complete. A link never replaces an existing file.
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

_LONGEST_NAME = 200  # bytes; common file systems allow 255
_PREFIX = ".upload-"
_STALE_SECONDS = 3600.0  # without a write: no upload pauses so long
_UNSAFE = frozenset('/\\:*?"<>|')  # not allowed in file names on Windows


class IncomingFile:
    """A file being received. A context manager: on exit its temporary file is removed.

    Args:
        corpus: folder of the reports; created if it is missing.
        name: as sent by the browser.

    Raises:
        UploadError: the name is not allowed, or the file cannot be written.
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
        """Append the next bytes.

        Raises:
            LimitError: the file exceeds ``MAX_BYTES``.
            UploadError: the bytes cannot be written.
        """
        self._size += len(chunk)
        check_size(self._size)
        self._sha256.update(chunk)
        with _saving(self.name):
            self._file.write(chunk)

    def keep(self) -> bool:
        """Add the file to the corpus; return False if the same file is already there.

        Raises:
            UploadError: there is another file of this name, or this one cannot be written.
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
    """Return the name, in Unicode form NFC, under which a report is saved.

    Raises:
        UploadError: it is a path or hidden name, too long, has characters that are not portable
            or printable, or is one of the corpus's own files (``NOT_REPORTS``).
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
    """Delete stale temporary files, left behind by a server that was killed."""
    for path in corpus.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):  # another upload deleted it first
            if path.stat().st_mtime < time.time() - _STALE_SECONDS:
                path.unlink()


@contextlib.contextmanager
def _saving(name: str) -> Iterator[None]:
    """Raise an ``OSError`` of the block as ``UploadError``."""
    try:
        yield
    except OSError as exc:
        raise UploadError(
            f"{name} could not be saved: {exc.strerror}.", "See to the disk, then add it again."
        ) from exc
