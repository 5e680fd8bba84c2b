"""Making a generation the live one, durably and all at once, and clearing up behind it."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path

from qa_app.errors import StoreError
from qa_app.store.files import fsync_folder, fsync_tree, write_durably
from qa_app.store.generation import generation_folders
from qa_app.store.manifest import (
    CURRENT_FILE,
    GENERATIONS_FOLDER,
    Current,
    generation_folder,
    read_current,
)

# A folder under this name is not finished, or is being removed: readers never look at it.
_UNFINISHED = "."
_TEMPORARY = f"{CURRENT_FILE}.new"


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
    fsync_tree(unfinished)
    try:
        unfinished.rename(folder)
        fsync_folder(folder.parent)
        write_durably(temporary, current.line().encode())
        temporary.replace(pointer)
        fsync_folder(index)
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
