"""Finds the files of a corpus: those to read, and those that cannot be read."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from qa_app.errors import CorpusError, UnsupportedFormatError
from qa_app.loading.metadata import METADATA_FILE, read_overrides
from qa_app.loading.registry import SourceFile, check_suffix
from qa_app.models import Failure

# Files in the corpus's top folder that are not reports, in lower case.
NOT_REPORTS = frozenset({"readme.md", "facets.toml", "themes.toml", METADATA_FILE})
# What programs call a file that is open (Office) or on its way (browsers, sync), in lower case.
_TEMPORARY_PREFIX = "~$"
_TEMPORARY = (".tmp", ".part", ".partial", ".crdownload", ".download")


@dataclass(frozen=True, slots=True)
class Scan:
    """The files of a corpus: those to read and those that cannot be read, each sorted by path."""

    files: tuple[SourceFile, ...]
    failures: tuple[Failure, ...]


def scan(corpus: Path) -> Scan:
    """Return the files of a corpus without opening them.

    Hidden and temporary files, hidden folders and ``NOT_REPORTS`` are skipped. Failures are links
    to folders or out of the corpus, broken links, anything but regular files, unreadable files and
    folders, names that are not UTF-8, and files without a loader.

    Raises:
        CorpusError: the corpus folder does not exist or cannot be read.
        ConfigError: metadata.toml is invalid.
    """
    if not corpus.is_dir():
        raise CorpusError(
            f"There is no corpus folder {corpus}.",
            "Make it and put the reports there, or name another with --corpus.",
        )
    root = corpus.resolve()
    overrides = read_overrides(root)
    files: list[SourceFile] = []
    failures: list[Failure] = []
    for path in walk(root):
        name = path.relative_to(root).as_posix()
        shown = name.encode("utf-8", "replace").decode("utf-8")
        try:
            failure = _refuse(root, path, name)
            if failure is None:
                found = path.stat()
                facts = overrides.get(name, ())
                files.append(SourceFile(name, path, found.st_size, found.st_mtime_ns, facts))
        except OSError as exc:
            failure = f"It cannot be read: {exc.strerror}.", "Check the file's permissions."
        if failure is not None:
            failures.append(Failure(shown, *failure))
    return Scan(
        files=tuple(sorted(files, key=lambda file: file.path)),
        failures=tuple(sorted(failures, key=lambda failure: failure.path)),
    )


def walk(root: Path) -> Iterator[Path]:
    """Yield the files of a corpus by folder, and the folders that cannot be entered.

    Raises:
        CorpusError: the folder itself cannot be read.
    """

    def refuse(exc: OSError) -> None:
        if exc.filename is not None and Path(exc.filename) == root:
            raise CorpusError(
                f"The corpus folder {root} cannot be read: {exc.strerror}.",
                "Check the folder's permissions.",
            ) from exc
        unreadable.append(Path(str(exc.filename)))

    unreadable: list[Path] = []
    for folder, folders, names in os.walk(root, onerror=refuse):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        # A link to a folder could lead out of the corpus or form a loop.
        linked = [name for name in folders if (here / name).is_symlink()]
        folders[:] = [name for name in folders if name not in linked]
        for name in [*linked, *names]:
            is_setting = here == root and name.lower() in NOT_REPORTS
            passing = name.startswith((".", _TEMPORARY_PREFIX)) or name.lower().endswith(_TEMPORARY)
            if not passing and not is_setting:
                yield here / name
    yield from unreadable


def _refuse(root: Path, path: Path, name: str) -> tuple[str, str] | None:
    """Return why a file cannot be read and how to fix that, or None if it can."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return "Its name is not valid UTF-8.", "Rename the file."
    if path.is_symlink() and not path.resolve().is_relative_to(root):
        return "It is a link out of the corpus.", "Put the file itself into the corpus."
    if path.is_symlink() and not path.exists():
        return "It is a link to a file that is not there.", "Remove the link."
    mode = path.stat().st_mode
    if stat.S_ISDIR(mode):
        if path.is_symlink():
            return "It is a link to a folder.", "Put the folder itself into the corpus."
        return "The folder cannot be read.", "Check the folder's permissions."
    if not stat.S_ISREG(mode):
        return "It is not a regular file.", "Remove it from the corpus."
    try:
        check_suffix(name)
    except UnsupportedFormatError as exc:
        return exc.message, exc.hint
    if not os.access(path, os.R_OK):
        return "It cannot be read: permission denied.", "Check the file's permissions."
    return None
