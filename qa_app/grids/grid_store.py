"""The files of the grids, in the folder of the briefs: one file a grid, one folder a user."""

from __future__ import annotations

from pathlib import Path

from qa_app.briefs.stored_file import StoredFile, safe_name, user_path
from qa_app.errors import BriefError
from qa_app.grids.grid import LONGEST_NAME, Grid


def open_grid(index: Path, name: str, user: str = "") -> StoredFile[Grid]:
    """Return the file of a user's grid; it is made by its first change.

    Args:
        index: folder of the index.
        name: of the grid; names that differ in their letters are different grids.
        user: "" for this computer's user.

    Raises:
        BriefError: the name is empty or too long.
    """
    name = " ".join(name.split())
    if not name or len(name) > LONGEST_NAME:
        raise BriefError(
            f"A grid's name has 1 to {LONGEST_NAME} characters, not {len(name):,}.",
            "Give it another: --name NAME",
        )
    return StoredFile(_folder(index, user) / f"{safe_name(name)}.json", Grid(name=name))


def list_grids(index: Path, user: str = "") -> tuple[Grid, ...]:
    """Return a user's grids, sorted by name; ``BriefError`` if one cannot be read."""
    paths = _folder(index, user).glob("*.json")
    grids = [StoredFile(path, Grid()).read() for path in paths]
    return tuple(sorted(grids, key=lambda grid: grid.name.casefold()))


def remove_grid(index: Path, name: str, user: str = "") -> None:
    """Delete a user's grid with its marks; ``BriefError`` if there is none of this name."""
    try:
        open_grid(index, name, user).path.unlink()
    except FileNotFoundError as exc:
        raise BriefError(f"There is no grid {name!r}.", "See: qa-app grid --list") from exc
    except OSError as exc:
        raise BriefError(
            f"The grid {name!r} cannot be removed: {exc.strerror}.",
            "See that the folder may be written.",
        ) from exc


def _folder(index: Path, user: str) -> Path:
    return user_path(index, "grids", user).with_suffix("")
