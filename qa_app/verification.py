"""Every file, passage and sentence of an index, or of an answer, checked against the sources.

Needs no model. A quote that passes here is, character by character, in the file as it is now.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_app import loading
from qa_app.errors import CorpusError, IndexCorruptError, IndexMismatchError
from qa_app.loading import SourceFile
from qa_app.models import Answer, Citation, Document, Failure, Passage
from qa_app.store.generation import Generation
from qa_app.store.manifest import (
    CURRENT_FILE,
    MANIFEST_FILE,
    MEND_HINT,
    check_files,
    generation_folder,
    hash_file,
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
        quotes: number of quotes that were, where it was an answer that was checked.
        bad: each file, index or source, with what is wrong with it.
    """

    files: int
    passages: int
    bad: tuple[Failure, ...]
    quotes: int = 0


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
        passages = 0
        if reports := corpus or manifest.corpus_folder(index):
            for record, document in sources.read(reports):
                for passage in generation.passages(record.rows):
                    passages += 1
                    sources.note(record.path, _passage_fault(passage, document))
    return VerifyReport(files + sources.files, passages, (*bad, *sources.bad))


def verify_answer(answer: Answer, generation: Generation, corpus: Path) -> VerifyReport:
    """Read again the files that an answer cites, and compare each quote and passage with them.

    Args:
        answer: of any generation; it is the files as they are now that count.
        generation: says how each file was read.
        corpus: folder of the reports.
    """
    quotes = [
        pair
        for row in (*answer.findings, *answer.near_misses)
        for finding in (row, *row.others)
        for pair in (
            (finding.quote, finding.citation),
            *([(finding.lead_in.text, finding.lead_in.citation)] if finding.lead_in else []),
        )
    ]
    spans = quotes + [(result.passage.text, result.citation) for result in answer.passages]
    sources = _Sources(generation)
    paths = {cited.document for _, cited in spans}
    for path in sorted(paths - {record.path for record in generation.documents}):
        sources.note(path, "It is not in the index any more.")
    for record, document in sources.read(corpus, paths):
        for words, cited in spans:
            if cited.document == record.path:
                sources.note(record.path, _quote_fault(words, cited, document))
    return VerifyReport(sources.files, len(answer.passages), tuple(sources.bad), len(quotes))


class _Sources:
    """The files that a generation was read from, as they are now, and what is wrong with them."""

    def __init__(self, generation: Generation) -> None:
        self._generation = generation
        self.files = 0
        self.bad: list[Failure] = []

    def note(self, path: str, reason: str) -> None:
        """Keep what is wrong with a file, if anything is."""
        if reason:
            self.bad.append(Failure(path, reason, _BUILD_HINT))

    def read(
        self, corpus: Path, paths: Collection[str] | None = None
    ) -> Iterator[tuple[DocumentRecord, Document]]:
        """Yield the documents that are read as they were, all of them or those at ``paths``."""
        try:
            found = {source.path: source for source in loading.scan(corpus).files}
        except CorpusError as exc:
            self.bad.append(Failure(str(corpus), exc.message, exc.hint))
            return
        intact = [
            (record, found[record.path])
            for record in self._generation.documents
            if (paths is None or record.path in paths)
            and self._is_intact(record, found.get(record.path))
        ]
        for ocr in (False, True):
            yield from self._read_again([p for p in intact if p[0].source.ocr == ocr], ocr)

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
        self.note(record.path, reason)
        return not reason

    def _read_again(
        self, pairs: Sequence[tuple[DocumentRecord, SourceFile]], ocr: bool
    ) -> Iterator[tuple[DocumentRecord, Document]]:
        if not pairs:
            return
        records = {record.path: record for record, _ in pairs}
        for source, found in loading.load_many([source for _, source in pairs], ocr):
            if isinstance(found, Failure):
                self.bad.append(found)
                continue
            if found.text != self._generation.document(source.path).text:
                self.note(source.path, "Its text is not read as it was when the index was built.")
            yield records[source.path], found


def _quote_fault(words: str, cited: Citation, document: Document) -> str:
    """Return what is wrong with quoted words, or nothing."""
    if not words or document.text[cited.start : cited.end] != words:
        return f"The quote {cited.start}:{cited.end} is not what stands there."
    if document.page_at(cited.start) != cited.page:
        return f"The quote {cited.start}:{cited.end} is not on page {cited.page}."
    return ""


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
