"""An operating system's lock on a file: one builder of an index, one writer of a brief.

The system lets go of it when its holder ends, however it ends, so a killed build never blocks.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from qa_app.errors import IndexLockedError, StoreError

LOCK_FILE = "LOCK"
_LOOKS = 20
_PAUSE = 0.05  # seconds

if sys.platform == "win32":
    import msvcrt

    # Far behind the process id, so that others can still read that.
    _LOCKED_BYTE = 1 << 20

    def _acquire(file: FileIO) -> None:
        file.seek(_LOCKED_BYTE)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _acquire(file: FileIO) -> None:
        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextlib.contextmanager
def build_lock(index: Path) -> Iterator[None]:
    """Hold the index's lock for a build; the folder is made if it is missing.

    Raises:
        IndexLockedError: another process is building; it is named.
        StoreError: the folder cannot be written.
    """
    path = index / LOCK_FILE
    try:
        index.mkdir(parents=True, exist_ok=True)
        file = path.open("ab+", buffering=0)
    except OSError as exc:
        raise StoreError(
            f"The index folder {index} cannot be written: {exc.strerror}.",
            "Give a folder that you may write: --index DIR",
        ) from exc
    with file:
        try:
            _acquire(file)
        except OSError as exc:
            raise IndexLockedError(
                f"Another build of {index} is running{_holder(file)}.",
                "Wait until it ends, or end it; then build again.",
            ) from exc
        # The lock does not hang on this line: it is there to be read by whoever is turned away.
        with contextlib.suppress(OSError):
            file.truncate(0)
            file.write(f"{os.getpid()}\n".encode())
        try:
            yield
        finally:
            # So that nobody is told of this process once it holds the lock no longer.
            with contextlib.suppress(OSError):
                file.truncate(0)


@contextlib.contextmanager
def hold(path: Path, seconds: float = 10.0) -> Iterator[None]:
    """Hold the lock on a file, waiting for whoever holds it now.

    Raises:
        TimeoutError: it was held for that long.
        OSError: the file cannot be opened.
    """
    deadline = time.monotonic() + seconds
    with path.open("ab+", buffering=0) as file:
        while True:
            try:
                _acquire(file)
                break
            except OSError as exc:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{path} is held by another process") from exc
                time.sleep(_PAUSE)
        yield


def _holder(file: FileIO) -> str:
    # Whoever took the lock a moment ago may not have written its number yet.
    for _ in range(_LOOKS):
        with contextlib.suppress(OSError):
            file.seek(0)
            line = file.read(20).strip()
            if line.isdigit():
                return f" (process {line.decode()})"
        time.sleep(_PAUSE)
    return ""
