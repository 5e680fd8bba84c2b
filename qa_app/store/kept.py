"""Finds where the briefs, saved questions and grids of an index are kept.

They are files in ``briefs/`` beside an index in a folder, and rows of a table where the index is
in a database, so that all who serve it see the same.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from qa_app.settings import Location
from qa_app.store.embedded.kept_folder import KeptFolder, briefs_folder

# From a content to the next; None is the content of what is not there.
Edit = Callable[[bytes | None], bytes | None]


class KeptFiles(Protocol):
    """Contents by name, such as "grids/framework.json". Threads and processes may share them.

    Every method may raise ``StoreError`` (of the database).

    Attributes:
        mend: what a user can do about a damaged content.
    """

    mend: str

    def place(self, name: str, words: str) -> str:
        """Return where a content is, for messages; ``words`` say what it is: "The brief"."""
        ...

    def read(self, name: str) -> bytes | None:
        """Return a content, or None if there is none; ``BriefError`` if a file is unreadable."""
        ...

    def change(self, name: str, edit: Edit) -> None:
        """Replace a content by what ``edit`` makes of it; None removes it.

        Nobody else changes it meanwhile. After a crash, or an exception in ``edit``, it is as it
        was, or wholly new.

        Raises:
            OSError: the folder cannot be written, or others hold its lock for too long.
            BriefError: others hold the row's lock for too long.
        """
        ...

    def names(self, start: str) -> list[str]:
        """Return the names that begin with ``start``, sorted."""
        ...

    def contents(self, start: str) -> dict[str, bytes]:
        """Return the contents whose names begin with ``start``, by name, sorted."""
        ...


def kept_files(index: Location) -> KeptFiles:
    """Return what is kept beside the index at a location; nothing is read yet."""
    if isinstance(index, Path):
        return KeptFolder(briefs_folder(index))
    from qa_app.store.postgres.kept_table import KeptTable

    return KeptTable(index)


def own_folders(index: Location) -> tuple[Path, ...]:
    """Return the folders of an index and of what is kept beside it; none for a database."""
    return (index, briefs_folder(index)) if isinstance(index, Path) else ()
