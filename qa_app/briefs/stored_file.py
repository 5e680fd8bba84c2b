"""Briefs and the like as JSON files: read as a whole, changed under a lock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from qa_app.briefs.brief import FORMAT_VERSION, Brief
from qa_app.errors import BriefError
from qa_app.settings import Location
from qa_app.store.kept import Edit, KeptFiles, kept_files
from qa_app.text.wording import slug

_LONGEST_NAME = 40  # characters of a user's name in a file name; a hash is added to keep it unique
_T = TypeVar("_T")


class StoredFile(Generic[_T]):
    """One frozen dataclass in one JSON file. Safe to use from several threads and processes.

    Args:
        files: where it is kept.
        name: of the file there; the first change makes it.
        words: what it is, for messages where it has no path: "The brief of ann".
        empty: the value while there is no file; its type is the type of the content.
    """

    def __init__(self, files: KeptFiles, name: str, words: str, empty: _T) -> None:
        self._files = files
        self._name = name
        self._place = files.place(name, words)
        self._empty = empty

    def read(self) -> _T:
        """Return the stored value; ``BriefError`` if it is unreadable or of a newer format."""
        return self.parse(self._files.read(self._name))

    def parse(self, content: bytes | None) -> _T:
        """Return the value of a content that was read; ``BriefError`` as ``read``."""
        if content is None:
            return self._empty
        try:
            # Parsed by json, since msgspec rejects lone surrogates, which a note typed in a browser
            # may contain.
            found = json.loads(content)
            version = found.get("format_version") if isinstance(found, dict) else None
            if isinstance(version, int) and version > FORMAT_VERSION:
                raise BriefError(
                    f"{self._place} has format {version}; this program reads format "
                    f"{FORMAT_VERSION}.",
                    "Update qa_app.",
                )
            return msgspec.convert(found, type(self._empty))
        except ValueError as exc:
            raise BriefError(f"{self._place} cannot be read: {exc}.", self._files.mend) from exc

    def change(self, edit: Callable[[_T], _T]) -> _T:
        """Apply an edit to the stored value, and return the new value.

        A lock is held throughout, so concurrent edits are not lost; after a crash the file has
        either the old or the new content.

        Raises:
            BriefError: the file cannot be read or written, or ``edit`` raised it.
        """
        after = self._empty

        def edited(content: bytes | None) -> bytes | None:
            nonlocal after
            before = self.parse(content)
            after = edit(before)
            return content if after == before else _written(after)

        self._change(edited, "written", "may be written and that the disk has room; then try again")
        return after

    def remove(self) -> bool:
        """Remove the file, and tell whether there was one; ``BriefError`` if it cannot be."""
        if self._files.read(self._name) is None:
            return False
        self._change(lambda _content: None, "removed", "may be written")
        return True

    def _change(self, edit: Edit, done: str, need: str) -> None:
        try:
            self._files.change(self._name, edit)
        except OSError as exc:
            raise BriefError(
                f"{self._place} cannot be {done}: {exc.strerror or exc}.",
                f"See that the folder {need}.",
            ) from exc


def _written(value: Any) -> bytes:
    text = json.dumps(msgspec.to_builtins(value), ensure_ascii=False, indent=1) + "\n"
    # A lone surrogate is written as "\udXXX", which is a JSON escape too.
    return text.encode(errors="backslashreplace")


def open_brief(index: Location, user: str = "") -> StoredFile[Brief]:
    """Return the file of a user's brief; without a name, of this computer's user."""
    name = f"{own_name('brief', user)}.json"
    return StoredFile(kept_files(index), name, owned("The brief", user), Brief())


def owned(words: str, user: str) -> str:
    """Return words for what a user has: "The brief of ann"; without a name, "The brief"."""
    return f"{words} of {user}" if user else words


def own_name(kind: str, user: str) -> str:
    """Return the name of a user's file or folder; ``kind`` is "brief", "saved" or "grids".

    Different users have different names.
    """
    return f"{kind}-{safe_name(user)}" if user else kind


def safe_name(user: str) -> str:
    """Return a file name for a user that is valid on any file system and differs between users."""
    words = slug(user, _LONGEST_NAME)
    digest = hashlib.sha256(user.encode(errors="surrogatepass")).hexdigest()[:16]
    return f"{words}-{digest}".lstrip("-")
