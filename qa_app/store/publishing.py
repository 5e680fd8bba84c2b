"""Making a generation the live one: under a lock, durably and all at once, and clearing up."""

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
# A folder under this name is not finished, or is being removed: readers never look at it.
_UNFINISHED = "."
_TEMPORARY = f"{CURRENT_FILE}.new"
# How often, and after how many seconds, the lock is read for the number of its holder.
_LOOKS, _PAUSE = 20, 0.05


@contextlib.contextmanager
def build_lock(index: Path) -> Iterator[None]:
    """Hold the index's lock for a build; the folder is made if it is missing.

    The operating system lets go of it when its holder ends, so a killed build never blocks.

    Raises:
        IndexLockedError: another process is building; it is named.
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
    """Return the lock on a file for a ``with`` statement, which waits for whoever holds it now.

    Entering it raises ``TimeoutError`` if it was held for that long, or another ``OSError`` if the
    file cannot be opened.
    """
    return FileLock(path, timeout=seconds, preserve_lock_file=True)


def _write_holder(file: int) -> None:
    # To be read by whoever is turned away. Windows locks the first byte against reading.
    with contextlib.suppress(OSError):
        os.ftruncate(file, 0)
        os.write(file, f" {os.getpid()}\n".encode())


def _read_holder(path: Path) -> str:
    # Whoever took the lock a moment ago may not have written its number yet.
    for _ in range(_LOOKS):
        with contextlib.suppress(OSError), path.open("rb") as file:
            file.seek(1)
            line = file.read(20).strip()
            if line.isdigit():
                return f" (process {line.decode()})"
        time.sleep(_PAUSE)
    return ""


def start_folder(index: Path) -> Path:
    """Make the folder that the next generation is written into, and clear leftovers away."""
    clean(index)
    folder = index / GENERATIONS_FOLDER / f"{_UNFINISHED}building"
    folder.mkdir(parents=True)
    return folder


def next_name(index: Path) -> str:
    """Return the name of the generation after the newest."""
    newest = [int(folder.name) for folder in generation_folders(index)[:1]]
    return f"{max(newest, default=0) + 1:06d}"


def publish(index: Path, unfinished: Path, current: Current) -> None:
    """Make a finished folder the live generation: readers see the old one until the last step.

    Raises:
        OSError: a step failed; the old generation is live, as before.
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
        # Not sure to outlast a power cut is not published.
        with contextlib.suppress(OSError):
            _restore(pointer, temporary, before)
            _remove(folder)
        raise


def clean(index: Path) -> None:
    """Remove all but the live generation and the one before it.

    What cannot be removed now, as a file that is open on Windows, goes at the next build.
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
        return  # Which one is sound is for the reader to find out; none is thrown away.
    older = [folder for folder in generation_folders(index) if int(folder.name) < live]
    newer = [folder for folder in generation_folders(index) if int(folder.name) > live]
    for folder in [*newer, *older[1:]]:
        _remove(folder)


def replace_durably(path: Path, content: bytes) -> None:
    """Put a file in the place of another: after a crash there is the old one or the new.

    One writer at a time: the file on its way has a fixed name.
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
    # Renamed first: half a generation must not look like one.
    doomed = folder.with_name(f"{_UNFINISHED}{folder.name}")
    with contextlib.suppress(OSError):
        folder.rename(doomed)
        shutil.rmtree(doomed, ignore_errors=True)


def _write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _fsync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    if os.name == "nt":
        return  # Windows cannot open a folder, and orders these writes itself.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fsync_tree(folder: Path) -> None:
    """Wait until the disk has every file and name under a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            _fsync_folder(path)
            continue
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    _fsync_folder(folder)
