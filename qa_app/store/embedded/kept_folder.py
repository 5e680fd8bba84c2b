"""Briefs, saved questions and grids as files in a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qa_app.errors import BriefError
from qa_app.store.embedded.publishing import hold, replace_durably

_LOCK_FILE = ".lock"


def briefs_folder(index: Path) -> Path:
    """Return the folder of the briefs, saved questions and grids that belong to an index."""
    return index.absolute().parent / "briefs"


class KeptFolder:
    """Files in a folder, made by the first change; implements ``kept.KeptFiles``."""

    mend = "Put a copy of it back, or move it away to begin anew."

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def place(self, name: str, _words: str) -> str:
        """Return the path of a file."""
        return str(self._folder / name)

    def read(self, name: str) -> bytes | None:
        """Return the content of a file."""
        path = self._folder / name
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as exc:
            raise BriefError(f"{path} cannot be read: {exc}.", self.mend) from exc

    def change(self, name: str, edit: Callable[[bytes | None], bytes | None]) -> None:
        """Replace a file atomically, under a lock of its folder."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with hold(path.parent / _LOCK_FILE):
            before = self.read(name)
            after = edit(before)
            if after is None:
                path.unlink(missing_ok=True)
            elif after != before:
                replace_durably(path, after)

    def names(self, start: str) -> list[str]:
        """Return the paths of files, relative to the folder."""
        inner, _, stem = start.rpartition("/")
        found = (self._folder / inner).rglob(f"{stem}*.json")
        names = (path.relative_to(self._folder).as_posix() for path in found)
        return sorted(name for name in names if name.startswith(start))

    def contents(self, start: str) -> dict[str, bytes]:
        """Return the contents of files, by their paths."""
        found = ((name, self.read(name)) for name in self.names(start))
        return {name: content for name, content in found if content is not None}
