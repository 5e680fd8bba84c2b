"""Files that outlast a power cut, and files that are still what they were."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FileStamp:
    """A file's size in bytes and its SHA-256."""

    size: int
    sha256: str


def hash_file(path: Path) -> FileStamp:
    """Return a file's size and SHA-256."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileStamp(size, digest.hexdigest())


def find_fault(path: Path, stamp: FileStamp) -> str:
    """Return what is wrong with a file that should be as stamped, in words, or nothing."""
    try:
        size = path.stat().st_size
        if size != stamp.size:
            return f"it has {size:,} bytes, and the manifest says {stamp.size:,}"
        if hash_file(path).sha256 != stamp.sha256:
            return "its SHA-256 is not the one in the manifest"
    except FileNotFoundError:
        return "it is missing"
    except OSError as exc:
        return f"it cannot be read: {exc.strerror}"
    return ""


def write_durably(path: Path, content: bytes) -> None:
    """Write a file and wait until the disk has it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def replace_durably(path: Path, content: bytes) -> None:
    """Put a file in the place of another: after a crash there is the old one or the new.

    One writer at a time: the file on its way has a fixed name.
    """
    temporary = path.with_name(f".{path.name}.new")
    write_durably(temporary, content)
    temporary.replace(path)
    fsync_folder(path.parent)


def fsync_folder(folder: Path) -> None:
    """Wait until the disk has the names in a folder."""
    if os.name == "nt":
        return  # Windows cannot open a folder, and orders these writes itself.
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fsync_tree(folder: Path) -> None:
    """Wait until the disk has every file and name under a folder."""
    for path in sorted(folder.rglob("*")):
        if path.is_dir():
            fsync_folder(path)
            continue
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    fsync_folder(folder)
