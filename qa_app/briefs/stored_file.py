"""The files in ``briefs/``: read whole, changed under a lock, replaced at once."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from qa_app.briefs.brief import FORMAT_VERSION, Brief
from qa_app.errors import BriefError
from qa_app.store.publishing import hold, replace_durably

_LOCK_FILE = ".lock"
_LONGEST_NAME = 40  # characters of a user's name in a file's; the rest is a hash
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
        """Return what is stored; ``BriefError`` if it is damaged, or a newer program's."""
        try:
            # json, not msgspec, for the text: msgspec refuses half a surrogate pair, which a note
            # typed in a browser may hold.
            found = json.loads(self.path.read_bytes())
            version = found.get("format_version") if isinstance(found, dict) else None
            if isinstance(version, int) and version > FORMAT_VERSION:
                raise BriefError(
                    f"{self.path} has format {version}; this program reads format "
                    f"{FORMAT_VERSION}.",
                    "Update qa_app.",
                )
            return msgspec.convert(found, type(self._empty))
        except FileNotFoundError:
            return self._empty
        except (OSError, ValueError) as exc:
            raise BriefError(
                f"{self.path} cannot be read: {exc}.",
                "Put a copy of it back, or move it away to begin anew.",
            ) from exc

    def change(self, edit: Callable[[_T], _T]) -> _T:
        """Apply an edit to what is stored now, and return what is stored then.

        Nobody else writes meanwhile, so an edit never undoes another's; a crash leaves the file as
        it was before, or as it is after.

        Raises:
            BriefError: the file cannot be read or written, or the edit was refused.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with hold(self.path.parent / _LOCK_FILE):
                before = self.read()
                after = edit(before)
                if after != before:
                    found = msgspec.to_builtins(after)
                    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
                    # Half a surrogate pair becomes JSON's own escape.
                    replace_durably(self.path, text.encode(errors="backslashreplace"))
                return after
        except OSError as exc:
            raise BriefError(
                f"{self.path} cannot be written: {exc.strerror or exc}.",
                "See that the folder may be written and that the disk has room; then try again.",
            ) from exc


def briefs_folder(index: Path) -> Path:
    """Return the folder of the briefs and saved questions that belong to an index."""
    return index.absolute().parent / "briefs"


def open_brief(index: Path, user: str = "") -> StoredFile[Brief]:
    """Return a user's brief; without a name that of whoever uses this computer."""
    return StoredFile(user_path(index, "brief", user), Brief())


def user_path(index: Path, kind: str, user: str) -> Path:
    """Return the file of a user's brief or saved questions; no two users have the same."""
    name = f"{kind}-{safe_name(user)}" if user else kind
    return briefs_folder(index) / f"{name}.json"


def safe_name(user: str) -> str:
    """Return a name for a file that no other user's name leads to, on any file system."""
    words = re.sub(r"[^a-z0-9]+", "-", user.lower()).strip("-")[:_LONGEST_NAME]
    digest = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{words}-{digest}".lstrip("-")
