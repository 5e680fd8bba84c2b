"""A copy of one source with quotes highlighted: a PDF stays a PDF, other formats become HTML."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from qa_app.errors import CorpusError, LoadError, QueryError
from qa_app.highlighting.segments import Segment, ShownBlock, Span, show_blocks
from qa_app.loading.worker import Worker
from qa_app.models import Document, Mark
from qa_app.store.protocol import Generation

MOST_MARKS = 2_500  # in one document, which limits the time; a full brief has fewer
_ELSEWHERE = "These are not the words at that place in the report."
_NOT_SHOWN = "A part of these words is in no paragraph of the text."
_PDF = "pdf"


@dataclass(frozen=True, slots=True)
class MarkedCopy:
    """A copy of a source with quotes highlighted.

    Attributes:
        name: the source's path with the copy's ending, ".pdf" or ".html".
        misses: each mark that has no highlight, with the reason.
        warning: why the copy of a PDF is HTML, or "".
    """

    name: str
    content: bytes
    misses: tuple[tuple[Mark, str], ...] = ()
    warning: str = ""


class Highlighter:
    """Copies sources of a generation, with a worker process for PDFs. For one thread at a time.

    Args:
        corpus: folder of the reports.
    """

    def __init__(self, generation: Generation, corpus: Path) -> None:
        self.generation = generation
        self._corpus = corpus
        self._records = {record.path: record for record in generation.documents}
        self._worker: Worker | None = None

    def size(self, document: str) -> int:
        """Return the size in bytes of a document's file when it was indexed, or 0."""
        record = self._records.get(document)
        return record.source.size if record else 0

    def original(self, document: str) -> bytes:
        """Return the content of a document's file.

        Raises:
            CorpusError: the file is gone, or is not the indexed one.
            QueryError: the index has no such document.
        """
        if document not in self._records:
            raise QueryError(f"{document} is not in the index.", "Build the index: qa-app build")
        content = read_source(self._corpus, document, self._records[document].source.sha256)
        if content is None:
            raise CorpusError(
                f"{document} is gone, or has changed since it was indexed.",
                "Build the index again: qa-app build",
            )
        return content

    def copy(self, document: str, marks: Iterable[Mark]) -> MarkedCopy:
        """Return a copy of a document with the marks highlighted.

        Marks of the same words become one, with all their notes. The copy names the words that
        it could not highlight.

        Raises:
            CorpusError: the file is gone, or is not the indexed one.
            QueryError: the index has no such document, or there are too many marks.
        """
        self.original(document)
        merged = _merge(marks)
        if len(merged) > MOST_MARKS:
            raise QueryError(
                f"{len(merged):,} quotes of {document} are to be highlighted.",
                f"Choose {MOST_MARKS:,} at most.",
            )
        source = self.generation.document(document)
        warning = ""
        if source.format == _PDF:
            outcome = self._mark_pdf(source, merged)
            if not isinstance(outcome, LoadError):
                content, reasons = outcome
                misses = [(mark, why) for mark, why in zip(merged, reasons, strict=True) if why]
                return MarkedCopy(document, content, tuple(misses))
            warning = f"Its text is marked in place of its pages. {outcome.message}"
        misses = [(mark, why) for mark in merged if (why := _fault(source, mark))]
        page = mark_html(source, merged, warning).encode(errors="replace")
        return MarkedCopy(f"{document}.html", page, tuple(misses), warning)

    def _mark_pdf(
        self, source: Document, marks: Sequence[Mark]
    ) -> tuple[bytes, tuple[str, ...]] | LoadError:
        path = source_path(self._corpus, source.path)
        assert path is not None, "original() has read it"
        self._worker = self._worker or Worker()
        outcome = self._worker.mark(path, self._records[source.path].source.sha256, source, marks)
        if not self._worker.is_alive:
            self.close()
        return outcome

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None

    def __enter__(self) -> Highlighter:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def source_path(corpus: Path, document: str) -> Path | None:
    """Return the path of a document's file, or None if it is outside the corpus."""
    corpus = corpus.resolve()
    path = (corpus / document).resolve()
    return path if path.is_relative_to(corpus) else None


def read_source(corpus: Path, document: str, sha256: str) -> bytes | None:
    """Return the content of a document's file.

    None if the file is missing, unreadable, or not byte for byte the indexed one, so that a file
    put in its place is never handed out.
    """
    path = source_path(corpus, document)
    try:
        content = path.read_bytes() if path is not None and path.is_file() else None
    except OSError:
        return None
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        return None
    return content


def mark_html(document: Document, marks: Sequence[Mark], warning: str = "") -> str:
    """Return a page of HTML, complete in itself, with a document's text and the marks in it."""
    faults = [_fault(document, mark) for mark in marks]
    sound = [mark for mark, fault in zip(marks, faults, strict=True) if not fault]
    shown = show_blocks(document, document.blocks, _pieces(sound))
    starts = {mark.start for mark in sound}
    return _TEMPLATES.get_template("copy.html").render(
        document=document,
        quotes=list(zip(marks, faults, strict=True)),
        warning=warning,
        blocks=[(block, list(_anchored(block, starts))) for block in shown],
    )


def _merge(marks: Iterable[Mark]) -> list[Mark]:
    notes: dict[tuple[int, int, str], dict[str, None]] = {}
    for mark in marks:
        notes.setdefault((mark.start, mark.end, mark.words), {})[mark.note] = None
    return [
        Mark(*place, "\n\n".join(note for note in found if note))
        for place, found in sorted(notes.items())
    ]


def _pieces(marks: Sequence[Mark]) -> list[Span]:
    """Return what the marks cover as disjoint spans, cut wherever a mark starts or ends."""
    changes = Counter(mark.start for mark in marks)
    changes.subtract(mark.end for mark in marks)
    pieces, depth = [], 0
    for start, end in pairwise(sorted(changes)):
        depth += changes[start]
        if depth:
            pieces.append((start, end))
    return pieces


def _anchored(block: ShownBlock, starts: set[int]) -> Iterator[tuple[Segment, str]]:
    """Yield each segment with the name that links lead to; "" where no mark starts."""
    at = block.block.start
    for segment in block.segments:
        yield segment, f"at-{at}" if segment.marked and at in starts else ""
        at += len(segment.text)


def _fault(document: Document, mark: Mark) -> str:
    """Return why a mark cannot be shown in the document's text, or ""."""
    if not mark.words or document.text[mark.start : mark.end] != mark.words:
        return _ELSEWHERE
    shown = ""
    first = bisect_right(document.blocks, mark.start, key=lambda block: block.end)
    for block in document.blocks[first:]:
        if block.start >= mark.end:
            break
        shown += document.text[max(block.start, mark.start) : min(block.end, mark.end)]
    return "" if "".join(shown.split()) == "".join(mark.words.split()) else _NOT_SHOWN


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
