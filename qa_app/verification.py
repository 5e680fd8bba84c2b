"""Compare an index or an answer with the reports' files; needs no model.

``verify`` checks an index and ``verify_answer`` the quotes and passages of an answer. Both use
``Sources`` to read the reports again, as does ``briefs.check`` for the quotes of a brief.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from qa_app import loading
from qa_app.errors import CorpusError
from qa_app.loading import SourceFile
from qa_app.models import Answer, Citation, Document, Failure, Passage
from qa_app.settings import Location
from qa_app.store.manifest import hash_file
from qa_app.store.opening import open_store
from qa_app.store.protocol import Generation

_BUILD_HINT = "Bring the index up to date: qa-app build"
# White space and control characters: what separates words differs between formats.
_GAP = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was checked, and the faults found.

    Attributes:
        files: number of files of the index and the corpus that were checked.
        passages: number of passages that were compared with their source.
        bad: the faults, one entry each, with the file of the index or the corpus.
        quotes: number of an answer's quotes that were compared; 0 for an index.
    """

    files: int
    passages: int
    bad: tuple[Failure, ...]
    quotes: int = 0


def verify(index: Location, corpus: Path | None = None) -> VerifyReport:
    """Check the hash of every file, then read the reports again and compare each passage.

    Passages of reports that have changed or cannot be read are not compared; the report is named.

    Args:
        index: folder or address of the index.
        corpus: folder of the reports; None for the one of the last build.

    Raises:
        IndexNotFoundError: there is no index yet.
        IndexMismatchError: the index has another format.
    """
    files, bad, opened = open_store(index).check()
    if opened is None:
        return VerifyReport(files, 0, bad)
    with opened as generation:
        reports = corpus or generation.manifest.corpus_folder(index)
        if reports is None:
            return VerifyReport(files, 0, bad)

        def faults(document: Document) -> Iterator[str]:
            rows = generation.document_rows(document.path)
            return (_passage_fault(passage, document) for passage in generation.passages(rows))

        paths = [record.path for record in generation.documents]
        found = _compare(generation, reports, paths, faults)
    return VerifyReport(files + found.files, found.passages, (*bad, *found.bad))


def verify_answer(answer: Answer, generation: Generation, corpus: Path) -> VerifyReport:
    """Read the files that an answer cites again, and compare each quote and passage with them.

    The answer may come from another generation: it is compared with the present files. A file must
    still have the hash that ``generation`` recorded.
    """
    quotes: list[tuple[str, Citation]] = []
    for row in (*answer.findings, *answer.near_misses):
        for finding in (row, *row.others):
            quotes.append((finding.quote, finding.citation))
            if finding.lead_in:
                quotes.append((finding.lead_in.text, finding.lead_in.citation))
    spans = quotes + [(result.passage.text, result.citation) for result in answer.passages]

    def faults(document: Document) -> Iterator[str]:
        cited = (span for span in spans if span[1].document == document.path)
        return (_quote_fault(*span, document) for span in cited)

    paths = sorted({citation.document for _, citation in spans})
    found = _compare(generation, corpus, paths, faults)
    return VerifyReport(found.files, len(answer.passages), found.bad, len(quotes))


class Sources:
    """The present files of the reports, together with the index's copies of their text.

    Args:
        generation: holds each file's hash, text and OCR setting.
        corpus: folder of the reports; None to use the index's copies instead of the files.

    Raises:
        CorpusError: there is no such folder, or it cannot be read.
    """

    def __init__(self, generation: Generation, corpus: Path | None = None) -> None:
        self._generation = generation
        self._records = {record.path: record for record in generation.documents}
        self._files: dict[str, SourceFile] | None = None
        if corpus is not None:
            self._files = {source.path: source for source in loading.scan(corpus).files}
        self._documents: dict[str, Document | Failure] = {}

    def fault(self, path: str) -> str:
        """Return how a file differs from the one indexed, in words; "" if it has the same hash.

        Without a corpus folder only whether the index has the path is checked.
        """
        record = self._records.get(path)
        if record is None:
            return "It is not in the index any more."
        if self._files is None:
            return ""
        if path not in self._files:
            return "It is not in the corpus any more, or cannot be read."
        try:
            if hash_file(self._files[path].absolute).sha256 == record.source.sha256:
                return ""
        except OSError as exc:
            return f"It cannot be read: {exc.strerror}."
        return "It has changed since the index was built."

    def read_again(self, paths: Collection[str]) -> Iterator[tuple[str, Document | Failure]]:
        """Yield each path with its document, read as for the index (OCR or not), or its failure."""
        by_ocr = {record.path for record in self._records.values() if record.source.ocr}
        for ocr in (False, True):
            chosen = [path for path in paths if (path in by_ocr) == ocr]
            sources = [self._files[path] for path in chosen] if self._files else []
            for source, found in loading.load_many(sources, ocr):
                yield source.path, found

    def document(self, path: str, sha256: str) -> Document | Failure | None:
        """Return the report now at ``path``, else one indexed with this SHA-256, else None.

        If the file is unchanged, the index's copy is returned, so that it need not be parsed.
        """
        same = (r.path for r in self._generation.documents if r.source.sha256 == sha256)
        present = self._records if self._files is None else self._files
        place = next((place for place in chain([path], same) if place in present), None)
        if place is None:
            return None
        if place not in self._documents:
            if self.fault(place):
                [(_, self._documents[place])] = self.read_again([place])
            else:
                self._documents[place] = self._generation.document(place)
        return self._documents[place]


def plain(text: str) -> str:
    """Return the text with each run of white space or control characters made one space."""
    return _GAP.sub(" ", text).strip()


def find_words(text: str, words: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the span at which a text has these words, ignoring differences in white space.

    That is ``(start, end)`` if they are there, else the occurrence that starts nearest to
    ``start``, or None.
    """
    words = plain(words)
    if 0 <= start < end and plain(text[start:end]) == words:
        return start, end
    pattern = _GAP.pattern.join(re.escape(word) for word in words.split(" "))
    # Whole words only: "art" must not match in "part".
    before = r"(?<!\w)" if re.match(r"\w", words) else ""
    after = r"(?!\w)" if re.search(r"\w$", words) else ""
    places = (match.span() for match in re.finditer(before + pattern + after, text))
    return min(places, key=lambda place: abs(place[0] - start), default=None)


def _compare(
    generation: Generation,
    corpus: Path,
    paths: Collection[str],
    faults: Callable[[Document], Iterator[str]],
) -> VerifyReport:
    """Read the reports at ``paths`` again and compare them with the index.

    ``faults`` yields, for each passage or quote of a document, what is wrong with it, or "".
    """
    try:
        sources = Sources(generation, corpus)
    except CorpusError as exc:
        return VerifyReport(0, 0, (Failure(str(corpus), exc.message, exc.hint),))
    found = {path: sources.fault(path) for path in paths}
    bad = [Failure(path, reason, _BUILD_HINT) for path, reason in found.items() if reason]
    compared = 0
    for path, document in sources.read_again([path for path in paths if not found[path]]):
        if isinstance(document, Failure):
            bad.append(document)
            continue
        reasons = list(faults(document))
        compared += len(reasons)
        if document.text != generation.document(path).text:
            reasons.insert(0, "Its text is not read as it was when the index was built.")
        bad += [Failure(path, reason, _BUILD_HINT) for reason in reasons if reason]
    return VerifyReport(len(paths), compared, tuple(bad))


def _quote_fault(words: str, cited: Citation, document: Document) -> str:
    if not words or document.text[cited.start : cited.end] != words:
        return f"The quote {cited.start}:{cited.end} is not what stands there."
    if document.page_at(cited.start) != cited.page:
        return f"The quote {cited.start}:{cited.end} is not on page {cited.page}."
    return ""


def _passage_fault(passage: Passage, document: Document) -> str:
    if not passage.text or document.text[passage.start : passage.end] != passage.text:
        return f"The passage {passage.id} is not what stands there."
    for sentence in passage.sentences:
        words = document.text[sentence.start : sentence.end]
        inside = passage.start <= sentence.start < sentence.end <= passage.end
        if not inside or words != passage.slice(sentence.start, sentence.end):
            return f"The sentence {sentence.start}:{sentence.end} is not what stands there."
    return ""
