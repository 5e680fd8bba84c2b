"""The files in ``briefs/``: read whole, changed under a lock, replaced at once."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from qa_app.briefs.brief import Brief
from qa_app.errors import BriefError
from qa_app.models import to_json
from qa_app.store.publishing import hold, replace_durably

FOLDER = "briefs"
_LOCK_FILE = ".lock"
_LONGEST_NAME = 40
_T = TypeVar("_T")


class StoredFile(Generic[_T]):
    """One frozen dataclass in one JSON file. Safe to use from several threads and processes.

    Args:
        path: of the file; it and its folder are made at the first change.
        empty: what there is while there is no file.
    """

    def __init__(self, path: Path, empty: _T) -> None:
        self.path = path
        self._empty = empty

    def read(self) -> _T:
        """Return what is stored.

        Raises:
            BriefError: the file is damaged, or was written by a newer version of the program.
        """
        try:
            found = json.loads(self.path.read_bytes())
        except FileNotFoundError:
            return self._empty
        except (OSError, ValueError) as exc:
            raise self._damaged(str(exc)) from exc
        ours = to_json(self._empty)["format_version"]
        version = found.get("format_version") if isinstance(found, dict) else None
        if isinstance(version, int) and version > ours:
            raise BriefError(
                f"{self.path} has format {version}; this program reads format {ours}.",
                "Update qa_app.",
            )
        try:
            value: _T = msgspec.convert(found, type(self._empty))
        except ValueError as exc:
            raise self._damaged(str(exc)) from exc
        return value

    def change(self, edit: Callable[[_T], _T]) -> _T:
        """Apply an edit to what is stored now, and return what is stored then.

        Nobody else writes meanwhile, so an edit never undoes another's; a crash leaves the file as
        it was before, or as it is after.

        Raises:
            BriefError: the file cannot be read or written, or the edit was refused.
        """
        with self._locked():
            before = self.read()
            after = edit(before)
            if after != before:
                text = json.dumps(to_json(after), ensure_ascii=False, indent=1) + "\n"
                # Half a character, as file names may hold, becomes JSON's own escape.
                replace_durably(self.path, text.encode(errors="backslashreplace"))
        return after

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with hold(self.path.parent / _LOCK_FILE):
                yield
        except OSError as exc:
            raise BriefError(
                f"{self.path} cannot be written: {exc.strerror or exc}.",
                "See that the folder may be written and that the disk has room; then try again.",
            ) from exc

    def _damaged(self, reason: str) -> BriefError:
        return BriefError(
            f"{self.path} cannot be read: {reason}.",
            "Put a copy of it back, or move it away to begin anew.",
        )


def briefs_folder(index: Path) -> Path:
    """Return the folder of the briefs and saved questions that belong to an index."""
    return index.absolute().parent / FOLDER


def open_brief(index: Path, user: str = "") -> StoredFile[Brief]:
    """Return a user's brief; without a name that of whoever uses this computer."""
    name = f"brief-{safe_name(user)}" if user else "brief"
    return StoredFile(briefs_folder(index) / f"{name}.json", Brief())


def safe_name(user: str) -> str:
    """Return a name for a file that no other user's name leads to, on any file system."""
    words = re.sub(r"[^a-z0-9]+", "-", user.lower()).strip("-")[:_LONGEST_NAME]
    digest = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{words}-{digest}".lstrip("-")
