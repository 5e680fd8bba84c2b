"""Publishing a generation durably and atomically, under a lock, and removing old ones."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from qa_app.errors import IndexLockedError, StoreError
from qa_app.store.manifest import (
    CURRENT_FILE,
    GENERATIONS_FOLDER,
    Current,
    generation_folder,
    generation_folders,
    read_current,
)

LOCK_FILE = "LOCK"
# Prefix of folders that are unfinished or being removed: readers ignore them.
_UNFINISHED = "."
_TEMPORARY = f"{CURRENT_FILE}.new"
# Attempts to read the lock holder's process id, and seconds between them: 1 s in all.
_LOOKS, _PAUSE = 20, 0.05


@contextlib.contextmanager
def build_lock(index: Path) -> Iterator[None]:
    """Hold the index's build lock; the index folder is created if it is missing.

    The operating system releases the lock when its holder ends, so a killed build never blocks.

    Raises:
        IndexLockedError: another process is building; the message gives its id if known.
        StoreError: the folder cannot be written.
    """
    path = index / LOCK_FILE
    lock = FileLock(path, timeout=0, preserve_lock_file=True, on_acquired=_write_holder)
    try:
        lock.acquire()
    except Timeout as exc:
        raise IndexLockedError(
            f"Another build of {index} is running{_read_holder(path)}.",
            "Wait until it ends, or end it; then build again.",
        ) from exc
    except OSError as exc:
        raise StoreError(
            f"The index folder {index} cannot be written: {exc.strerror}.",
            "Give a folder that you may write: --index DIR",
        ) from exc
    try:
        yield
    finally:
        lock.release()


def hold(path: Path, seconds: float = 10.0) -> FileLock:
    """Return a file lock for a ``with`` statement, which waits until the lock is free.

    Entering it raises ``TimeoutError`` after ``seconds`` of waiting, or another ``OSError`` if the
    file cannot be opened.
    """
    return FileLock(path, timeout=seconds, preserve_lock_file=True)


def _write_holder(file: int) -> None:
    # Processes that are refused read it. Byte 0 is a space: Windows locks it against reading.
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.write(file, f" {os.getpid()}\n".encode())


def _read_holder(path: Path) -> str:
    # A process that has just taken the lock may not have written its id yet.
    for _ in range(_LOOKS):
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(1)
            line = file.read(20).strip()
            if line.isdigit():
                return f" (process {line.decode()})"
        time.sleep(_PAUSE)
    return ""


def start_folder(index: Path) -> Path:
    """Remove leftovers, then create and return the folder to write the next generation into."""
    clean(index)
    folder = index / GENERATIONS_FOLDER / f"{_UNFINISHED}building"
    folder.mkdir(parents=True)
    return folder


def next_name(index: Path) -> str:
    """Return the name for the next generation: the newest's number plus 1."""
    newest = [int(folder.name) for folder in generation_folders(index)[:1]]
    return f"{max(newest, default=0) + 1:06d}"


def publish(index: Path, unfinished: Path, current: Current) -> None:
    """Make a finished folder the live generation; readers see the old one until the last step.

    Raises:
        OSError: a step failed; the old generation stays live.
    """
    folder = generation_folder(index, current.name)
    pointer, temporary = index / CURRENT_FILE, index / _TEMPORARY
    before = pointer.read_bytes() if pointer.exists() else None
    _fsync_tree(unfinished)
    try:
        unfinished.rename(folder)
        _fsync_folder(folder.parent)
        _write_durably(temporary, current.line().encode())
        temporary.replace(pointer)
        _fsync_folder(index)
    except BaseException:
        # What may not survive a power cut must not be live: undo.
        with contextlib.suppress(OSError):
            _restore(pointer, temporary, before)
            _remove(folder)
        raise


def clean(index: Path) -> None:
    """Remove all generations but the live one and the one before it, and unfinished folders.

    What cannot be removed now, such as a file open on Windows, is removed at the next build.
    Without a readable ``CURRENT`` no generation is removed.
    """
    with contextlib.suppress(OSError):
        (index / _TEMPORARY).unlink(missing_ok=True)
    root = index / GENERATIONS_FOLDER
    if not root.is_dir():
        return
    for path in root.iterdir():
        if path.name.startswith(_UNFINISHED):
            shutil.rmtree(path, ignore_errors=True)
    try:
        live = int(read_current(index).name)
    except StoreError:
        return  # Any of them may be the intact one that a reader falls back to: keep all.
    older = [folder for folder in generation_folders(index) if int(folder.name) < live]
    newer = [folder for folder in generation_folders(index) if int(folder.name) > live]
    for folder in [*newer, *older[1:]]:
        _remove(folder)


def replace_durably(path: Path, content: bytes) -> None:
    """Replace a file atomically: after a crash it has either the old content or the new.

    Only one writer at a time: the temporary file has a fixed name.
    """
    temporary = path.with_name(f".{path.name}.new")
    _write_durably(temporary, content)
    temporary.replace(path)
    _fsync_folder(path.parent)


def _restore(pointer: Path, temporary: Path, before: bytes | None) -> None:
    if before is None:
        pointer.unlink(missing_ok=True)
    elif pointer.read_bytes() != before:
        temporary.write_bytes(before)
        temporary.replace(pointer)
    temporary.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    # Renamed first, so that a partly removed folder is not taken for a generation.
    doomed = folder.with_name(f"{_UNFINISHED}{folder.name}")
    with contextlib.suppress(OSError):
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _write_durably(path: Path, content: bytes) -> None:
    """Write a file and flush it to disk."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk."""
    if os.name == "nt":
        return  # Windows cannot open a folder, and orders these writes itself
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fsync_tree(folder: Path) -> None:
    """Flush every file and folder under a folder to disk."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            _fsync_folder(path)
            continue
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    _fsync_folder(folder)
