"""Finds the store for a location."""

from __future__ import annotations

from qa_app.settings import DatabaseUrl, Location
from qa_app.store.protocol import Store


def open_store(location: Location) -> Store:
    """Return the store of the index at a location; nothing is read yet.

    Raises:
        StoreError: a database is given, and its driver is not installed.
    """
    if isinstance(location, DatabaseUrl):
        from qa_app.store.postgres.database_store import DatabaseStore

        return DatabaseStore(location)
    from qa_app.store.embedded.folder_store import FolderStore

    return FolderStore(location)
