"""The store that keeps an index in a folder."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from qa_app.errors import IndexCorruptError
from qa_app.models import Failure, ModelIdentity
from qa_app.store.embedded.generation import (
    EmbeddedGeneration,
    last_manifest,
    open_earlier,
    open_generation,
)
from qa_app.store.embedded.publishing import build_lock
from qa_app.store.embedded.records import RECORDS_FILE
from qa_app.store.embedded.unpublished import UnpublishedFile, forget_unpublished
from qa_app.store.embedded.writer import EmbeddedWriter
from qa_app.store.manifest import (
    CURRENT_FILE,
    MANIFEST_FILE,
    Current,
    Manifest,
    check_files,
    generation_folder,
    read_current,
    read_manifest,
)


class FolderStore:
    """An index in a folder, as ``qa_app.store`` describes it; implements ``protocol.Store``."""

    def __init__(self, location: Path) -> None:
        self.location = location

    def current(self) -> Current:
        """Return the content of ``CURRENT``."""
        return read_current(self.location)

    def manifest(self) -> Manifest:
        """Return the live generation's manifest, checked against ``CURRENT``."""
        return read_manifest(self.location)

    def last_manifest(self) -> Manifest | None:
        """Return the live generation's manifest, else the newest readable one, else None."""
        return last_manifest(self.location)

    def open(
        self,
        expected: ModelIdentity | None = None,
        *,
        allow_previous: bool = False,
        searchable: bool = True,
    ) -> EmbeddedGeneration:
        """Open the live generation, after checking every file."""
        given = self.location, expected
        return open_generation(*given, allow_previous=allow_previous, searchable=searchable)

    def open_earlier(self, name: str = "") -> EmbeddedGeneration:
        """Open a generation older than the live one, not searchable."""
        return open_earlier(self.location, name)

    def lock(self) -> AbstractContextManager[None]:
        """Hold the build lock."""
        return build_lock(self.location)

    def writer(self) -> EmbeddedWriter:
        """Return a writer of the next generation."""
        return EmbeddedWriter(self.location)

    def unpublished(self, model: ModelIdentity, rebuild: bool = False) -> UnpublishedFile:
        """Return what interrupted builds have embedded."""
        return UnpublishedFile(self.location, model, rebuild)

    def forget_unpublished(self) -> None:
        """Remove what interrupted builds have embedded."""
        forget_unpublished(self.location)

    def check(self) -> tuple[int, tuple[Failure, ...], EmbeddedGeneration | None]:
        """Check the hash of every file of the live generation."""
        name = CURRENT_FILE
        try:
            current = read_current(self.location)
            name = MANIFEST_FILE
            manifest = read_manifest(self.location, current)
        except IndexCorruptError as exc:
            return 1, (Failure(name, exc.message, exc.hint),), None
        folder = generation_folder(self.location, current.name)
        bad = tuple(check_files(folder, manifest))
        is_readable = all(fault.path != RECORDS_FILE for fault in bad)
        generation = EmbeddedGeneration(folder, manifest, searchable=False) if is_readable else None
        return 1 + len(manifest.files), bad, generation
