"""What a build has to do: which files must be read, and what of the old index is used again."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from qa_app.loading import Scan, SourceFile
from qa_app.loading.metadata import title_from_path
from qa_app.models import Failure, ModelIdentity
from qa_app.store.generation import Generation
from qa_app.store.manifest import Recipe, hash_file
from qa_app.store.records import DocumentRecord, SourceStamp

# A file that changed this recently may change once more under the same time stamp: some file
# systems count in steps of two seconds. Its time is not kept, so the next build looks again.
_DOUBT_NS = 2_000_000_000
_NO_TIME = -1


@dataclass(frozen=True, slots=True)
class Reuse:
    """What of the old generation still holds.

    Attributes:
        documents: extracted texts; the loaders are the same.
        passages: their cuts; made alike, and measured by the same tokenizer.
        tags: the facets are the same.
        vectors: of passages and their tokens; the model is the same.
        lexical: terms are made alike.
        topics: so are topics, and the themes are the same.
    """

    documents: bool = False
    passages: bool = False
    tags: bool = False
    vectors: bool = False
    lexical: bool = False
    topics: bool = False

    @property
    def everything(self) -> bool:
        """Whether only the files of the corpus can make a difference."""
        return all(dataclasses.astuple(self))


def find_reuse(previous: Generation | None, recipe: Recipe, model: ModelIdentity) -> Reuse:
    """Return what of the old generation holds under this recipe and model."""
    if previous is None:
        return Reuse()
    old = previous.manifest.recipe
    same_model = previous.manifest.model == model
    cuts = (old.chunking, old.passage_tokens) == (recipe.chunking, recipe.passage_tokens)
    return Reuse(
        documents=old.loader == recipe.loader,
        passages=same_model and cuts,
        tags=old.facets == recipe.facets,
        vectors=same_model,
        lexical=(old.lexical, old.language) == (recipe.lexical, recipe.language),
        topics=old.topics == recipe.topics,
    )


@dataclass(frozen=True, slots=True)
class Step:
    """A file as it is now, and the stored document that stands for it; None: it must be read."""

    source: SourceFile
    stamp: SourceStamp
    kept: DocumentRecord | None

    @property
    def is_untouched(self) -> bool:
        """Whether the stored document is that of this very path."""
        return self.kept is not None and self.kept.path == self.source.path


@dataclass(frozen=True, slots=True)
class DocumentCounts:
    """Numbers of documents in a build, by what became of them."""

    added: int
    changed: int
    removed: int
    unchanged: int


class Plan:
    """What is to be done with each file.

    Args:
        scan: the corpus as it is.
        previous: the old generation, if there is one.
        reuse: whether its documents may be used again.
        ocr: whether scanned pages are to be read.

    Attributes:
        steps: one a file that can be read, in the order of their paths.
        failures: files that cannot be.
        to_load: files that must be read.
    """

    def __init__(self, scan: Scan, previous: Generation | None, reuse: bool, ocr: bool) -> None:
        documents = previous.documents if previous else ()
        self._before = {record.path: record for record in documents}
        self._by_sha256 = {record.source.sha256: record for record in documents}
        self._there = {file.path for file in scan.files} | {item.path for item in scan.failures}
        self._reuse = reuse
        self._ocr = ocr
        self.steps: list[Step] = []
        self.failures = list(scan.failures)
        for source in scan.files:
            try:
                self.steps.append(self._step(source))
            except OSError as exc:
                reason = f"It cannot be read: {exc.strerror}."
                hint = "Check the file's permissions."
                self.failures.append(Failure(source.path, reason, hint))
        self.to_load = [step.source for step in self.steps if step.kept is None]

    @property
    def keeps_all(self) -> bool:
        """Whether every stored document stays as it is, and none is added but by reading."""
        untouched = sum(step.is_untouched for step in self.steps)
        return untouched == len(self._before) == len(self.steps) - len(self.to_load)

    def counts(self, indexed: Sequence[Step]) -> DocumentCounts:
        """Return what became of the documents, where these files were indexed."""
        old = {path: record.source.sha256 for path, record in self._before.items()}
        known = sum(step.source.path in old for step in indexed)
        same = sum(old.get(step.source.path) == step.stamp.sha256 for step in indexed)
        return DocumentCounts(
            added=len(indexed) - known,
            changed=known - same,
            removed=len(old.keys() - self._there),
            unchanged=same,
        )

    def _step(self, source: SourceFile) -> Step:
        before = self._before.get(source.path)
        mtime_ns = source.mtime_ns if time.time_ns() - source.mtime_ns > _DOUBT_NS else _NO_TIME
        sha256 = _hash(source, before)
        stamp = SourceStamp(source.size, mtime_ns, sha256, self._ocr, source.overrides)
        if self._reuse:
            for record in (before, self._by_sha256.get(stamp.sha256)):
                if record is not None and self._stands_for(record, source, stamp):
                    return Step(source, dataclasses.replace(stamp, ocr=record.source.ocr), record)
        return Step(source, stamp, None)

    def _stands_for(self, record: DocumentRecord, source: SourceFile, stamp: SourceStamp) -> bool:
        """Tell whether reading the file would give the stored document again."""
        same_name = record.path == source.path or (
            PurePosixPath(record.path).suffix == PurePosixPath(source.path).suffix
            # A title that was made from the file's name changes with it.
            and record.title != title_from_path(record.path)
        )
        return (
            same_name
            and record.source.sha256 == stamp.sha256
            and record.source.overrides == stamp.overrides
            and (record.source.ocr or not self._ocr)
        )


def _hash(source: SourceFile, before: DocumentRecord | None) -> str:
    if before is not None and (before.source.size, before.source.mtime_ns) == (
        source.size,
        source.mtime_ns,
    ):
        return before.source.sha256
    return hash_file(source.absolute).sha256
