"""The files of the grids, beside the briefs: one file a grid, one folder a user."""

from __future__ import annotations

from qa_app.briefs.stored_file import StoredFile, own_name, owned, safe_name
from qa_app.errors import BriefError
from qa_app.grids.grid import LONGEST_NAME, Grid
from qa_app.settings import Location
from qa_app.store.kept import kept_files


def open_grid(index: Location, name: str, user: str = "") -> StoredFile[Grid]:
    """Return the file of a user's grid; it is made by its first change.

    Args:
        index: where the index is.
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
    file = f"{own_name('grids', user)}/{safe_name(name)}.json"
    words = owned(f"The grid {name!r}", user)
    return StoredFile(kept_files(index), file, words, Grid(name=name))


def list_grids(index: Location, user: str = "") -> tuple[Grid, ...]:
    """Return a user's grids, sorted by name; ``BriefError`` if one cannot be read."""
    kept = kept_files(index)
    found = kept.contents(f"{own_name('grids', user)}/")
    grids = [StoredFile(kept, name, name, Grid()).parse(found[name]) for name in found]
    return tuple(sorted(grids, key=lambda grid: grid.name.casefold()))


def remove_grid(index: Location, name: str, user: str = "") -> None:
    """Delete a user's grid with its marks; ``BriefError`` if there is none of this name."""
    if not open_grid(index, name, user).remove():
        raise BriefError(f"There is no grid {name!r}.", "See: qa-app grid --list")
