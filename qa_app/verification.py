"""Every file, passage and sentence of an index, checked again against the sources.

Needs no model. A quote that passes here is, character by character, in the file as it is now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_app import loading
from qa_app.errors import CorpusError, IndexCorruptError, IndexMismatchError
from qa_app.loading import SourceFile
from qa_app.models import Document, Failure, Passage
from qa_app.store.files import hash_file
from qa_app.store.generation import Generation
from qa_app.store.manifest import (
    CURRENT_FILE,
    MANIFEST_FILE,
    MEND_HINT,
    check_files,
    generation_folder,
    parse_manifest,
    read_current,
    read_manifest_bytes,
)
from qa_app.store.records import RECORDS_FILE, DocumentRecord

_BUILD_HINT = "Bring the index up to date: qa-app build"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked, and what is not as it should be.

    Attributes:
        files: number of files of the index and of the corpus that were checked.
        passages: number of passages that were compared with their source.
        bad: each file, index or source, with what is wrong with it.
    """

    files: int
    passages: int
    bad: tuple[Failure, ...]


def verify(index: Path, corpus: Path | None = None) -> VerifyReport:
    """Check every file's hash, then read every source again and compare each passage with it.

    Args:
        index: folder of the index.
        corpus: folder of the reports; where it was at the last build, unless told.

    Raises:
        IndexNotFoundError: nothing was built here yet.
        IndexMismatchError: another version of the program made the index.
    """
    try:
        current = read_current(index)
    except IndexCorruptError as exc:
        return VerifyReport(1, 0, (Failure(CURRENT_FILE, exc.message, exc.hint),))
    folder = generation_folder(index, current.name)
    path = folder / MANIFEST_FILE
    bad: list[Failure] = []
    try:
        content = read_manifest_bytes(path)
        if hashlib.sha256(content).hexdigest() != current.manifest_sha256:
            reason = f"its SHA-256 is not the one in {CURRENT_FILE}"
            bad.append(Failure(MANIFEST_FILE, reason, MEND_HINT))
        manifest = parse_manifest(content, path)
    except (IndexCorruptError, IndexMismatchError) as exc:
        if isinstance(exc, IndexMismatchError) and not bad:
            raise
        bad = bad or [Failure(MANIFEST_FILE, exc.message, exc.hint)]
        return VerifyReport(1, 0, tuple(bad))
    bad += check_files(folder, manifest)
    files = 1 + len(manifest.files)
    if any(item.path in (MANIFEST_FILE, RECORDS_FILE) for item in bad):
        return VerifyReport(files, 0, tuple(bad))
    with Generation(folder, manifest, searchable=False) as generation:
        sources = _Sources(generation)
        if reports := corpus or manifest.corpus_folder(index):
            sources.check(reports)
    return VerifyReport(files + sources.files, sources.passages, (*bad, *sources.bad))


class _Sources:
    """The check of a generation against the files that it was read from."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self.files = 0
        self.passages = 0
        self.bad: list[Failure] = []

    def check(self, corpus: Path) -> None:
        try:
            found = {source.path: source for source in loading.scan(corpus).files}
        except CorpusError as exc:
            self.bad.append(Failure(str(corpus), exc.message, exc.hint))
            return
        intact = [
            (record, found[record.path])
            for record in self._generation.documents
            if self._is_intact(record, found.get(record.path))
        ]
        for ocr in (False, True):
            some = [pair for pair in intact if pair[0].source.ocr == ocr]
            self._read_again(some, ocr)

    def _is_intact(self, record: DocumentRecord, source: SourceFile | None) -> bool:
        self.files += 1
        reason = ""
        if source is None:
            reason = "It is not in the corpus any more, or cannot be read."
        else:
            try:
                if hash_file(source.absolute).sha256 != record.source.sha256:
                    reason = "It has changed since the index was built."
            except OSError as exc:
                reason = f"It cannot be read: {exc.strerror}."
        if reason:
            self.bad.append(Failure(record.path, reason, _BUILD_HINT))
        return not reason

    def _read_again(self, pairs: Sequence[tuple[DocumentRecord, SourceFile]], ocr: bool) -> None:
        if not pairs:
            return
        records = {record.path: record for record, _ in pairs}
        for source, found in loading.load_many([source for _, source in pairs], ocr):
            if isinstance(found, Failure):
                self.bad.append(found)
                continue
            rows = records[source.path].rows
            self.passages += len(rows)
            if found.text != self._generation.document(source.path).text:
                reason = "Its text is not read as it was when the index was built."
                self.bad.append(Failure(source.path, reason, _BUILD_HINT))
            for passage in self._generation.passages(rows):
                if reason := _passage_fault(passage, found):
                    self.bad.append(Failure(source.path, reason, _BUILD_HINT))


def _passage_fault(passage: Passage, document: Document) -> str:
    """Return what is wrong with a passage's words, or nothing."""
    if not passage.text or document.text[passage.start : passage.end] != passage.text:
        return f"The passage {passage.id} is not what stands there."
    for sentence in passage.sentences:
        words = document.text[sentence.start : sentence.end]
        inside = passage.start <= sentence.start < sentence.end <= passage.end
        if not inside or words != passage.slice(sentence.start, sentence.end):
            return f"The sentence {sentence.start}:{sentence.end} is not what stands there."
    return ""
