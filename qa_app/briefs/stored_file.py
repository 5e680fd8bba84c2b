"""The files in ``briefs/``: read as a whole, changed under a lock, replaced atomically."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from qa_app.briefs.brief import FORMAT_VERSION, Brief
from qa_app.errors import BriefError
from qa_app.store.embedded.publishing import hold, replace_durably
from qa_app.text.wording import slug

_LOCK_FILE = ".lock"
_LONGEST_NAME = 40  # characters of a user's name in a file name; a hash is added to keep it unique
_T = TypeVar("_T")


class StoredFile(Generic[_T]):
    """One frozen dataclass in one JSON file. Safe to use from several threads and processes.

    Args:
        path: of the file; it and its folder are created by the first change.
        empty: the value while there is no file; its type is the type of the content.
    """

    def __init__(self, path: Path, empty: _T) -> None:
        self.path = path
        self._empty = empty

    def read(self) -> _T:
        """Return the stored value; ``BriefError`` if it is unreadable or of a newer format."""
        try:
            # Parsed by json, since msgspec rejects lone surrogates, which a note typed in a browser
            # may contain.
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
        """Apply an edit to the stored value, and return the new value.

        A lock is held throughout, so concurrent edits are not lost; after a crash the file has
        either the old or the new content.

        Raises:
            BriefError: the file cannot be read or written, or ``edit`` raised it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with hold(self.path.parent / _LOCK_FILE):
                before = self.read()
                after = edit(before)
                if after != before:
                    found = msgspec.to_builtins(after)
                    text = json.dumps(found, ensure_ascii=False, indent=1) + "\n"
                    # A lone surrogate is written as "\udXXX", which is a JSON escape too.
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
    """Return the file of a user's brief; without a name, of this computer's user."""
    return StoredFile(user_path(index, "brief", user), Brief())


def user_path(index: Path, kind: str, user: str) -> Path:
    """Return the path of a user's file; ``kind`` is "brief" or "saved".

    Different users have different paths.
    """
    name = f"{kind}-{safe_name(user)}" if user else kind
    return briefs_folder(index) / f"{name}.json"


def safe_name(user: str) -> str:
    """Return a file name for a user that is valid on any file system and differs between users."""
    words = slug(user, _LONGEST_NAME)
    digest = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{words}-{digest}".lstrip("-")
