"""A team's own questions: a CSV of question, document and page.

    question,document,page
    When did the pilot start?,annual-report.pdf,12
    Who pays for it?,,

One row says where one thing is that should be found: any of its pages will do. More rows with the
same question are more things that should be found. A question with an empty document should be
refused.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from qa_app.errors import CorpusError, LoadError
from qa_app.loading.plain import decode
from qa_app.models import SearchResult
from qa_app.store.records import DocumentRecord

_HINT = "The first row names the columns question, document and (if you like) page."
_PAGE_HINT = "Write pages as 12, 12-14 or 12; 15, counted from 1 as a PDF viewer counts them."
_NAMES = {
    "question": {"question", "questions", "query", "queries"},
    "document": {"document", "documents", "doc", "file", "filename", "file name", "report"},
    "page": {"page", "pages", "page number", "page numbers", "page s"},
}
_NUMBERS = re.compile(r"(\d{1,6})(?:\s*(?:-|–|—|to)\s*(\d{1,6}))?")
_BETWEEN = re.compile(r"(?:\s|[,;/&]|pp?\b\.?|pages?\b|and\b|or\b)*")


@dataclass(frozen=True, slots=True)
class Target:
    """One thing that should be found: a document, on any of these pages (none: anywhere)."""

    row: int
    document: str
    pages: frozenset[int]

    def is_met_by(self, result: SearchResult) -> bool:
        """Tell whether a passage, or one that it repeats, stands where this should be found."""
        passage = result.passage
        # A passage touches every page from its first to its last.
        pages = range(passage.page or 0, (passage.page or 0) + len(passage.page_breaks) + 1)
        return self._holds(passage.document, pages) or any(
            self._holds(place.document, (place.page,)) for place in result.also_in
        )

    def _holds(self, document: str, pages: Iterable[int | None]) -> bool:
        return document == self.document and (not self.pages or not self.pages.isdisjoint(pages))

    @property
    def label(self) -> str:
        """The target for people: "report.pdf, p. 12 or 14"."""
        pages = " or ".join(map(str, sorted(self.pages)))
        return f"{self.document}, p. {pages}" if pages else self.document


@dataclass(frozen=True, slots=True)
class Expected:
    """A question and what should be found for it; nothing where it should be refused."""

    row: int
    question: str
    targets: tuple[Target, ...]


def read_expected(path: Path) -> tuple[Expected, ...]:
    """Read a CSV of questions, in the order in which they first stand there.

    Raises:
        CorpusError: the file cannot be read, or a row (it is named) makes no sense.
    """
    rows = _read_rows(path)
    columns = _find_columns(path, next(rows, (1, []))[1])
    found: dict[str, list[Target]] = {}
    first: dict[str, tuple[int, str]] = {}
    for number, cells in rows:
        values = {
            name: cells[place].strip() if place < len(cells) else ""
            for name, place in columns.items()
        }
        if not any(values.values()):
            continue
        question, document = values["question"], values["document"]
        pages = _read_pages(path, number, values.get("page", ""))
        if not question:
            raise CorpusError(f"{path}, row {number} has no question.", _HINT)
        if pages and not document:
            raise CorpusError(
                f"{path}, row {number} has a page and no document.",
                "Name the document, or leave both empty where the reports do not answer.",
            )
        key = " ".join(question.casefold().split())
        if key in first and bool(document) != bool(found[key]):
            raise CorpusError(
                f"{path}, row {number}: the question of row {first[key][0]} again, "
                "once with a document and once without.",
                "Keep one: an empty document says that the reports do not answer.",
            )
        first.setdefault(key, (number, question))
        found.setdefault(key, []).extend([Target(number, document, pages)] if document else [])
    if not first:
        raise CorpusError(f"There are no questions in {path}.", _HINT)
    return tuple(
        Expected(number, question, tuple(found[key])) for key, (number, question) in first.items()
    )


def resolve(
    path: Path, expected: Iterable[Expected], documents: Sequence[DocumentRecord]
) -> tuple[Expected, ...]:
    """Return the questions with each document as the index names it.

    A document may be written as its path, its file name (with its ending or without) or its title.

    Raises:
        CorpusError: the index has no such document, or several, or not that page.
    """
    known = _Documents(documents)
    return tuple(
        Expected(
            item.row, item.question, tuple(known.resolve(path, target) for target in item.targets)
        )
        for item in expected
    )


class _Documents:
    """The documents of an index by everything that they may be called."""

    def __init__(self, documents: Sequence[DocumentRecord]) -> None:
        self._pages = {item.path: item.pages for item in documents}
        # The surest name first: a path is one document, a title may be several.
        self._names: tuple[Mapping[str, list[str]], ...] = (
            _by_name((item.path, item.path) for item in documents),
            _by_name((Path(item.path).name, item.path) for item in documents),
            _by_name((Path(item.path).stem, item.path) for item in documents),
            _by_name((item.title, item.path) for item in documents),
        )

    def resolve(self, path: Path, target: Target) -> Target:
        name = _folded(target.document)
        paths = next((names[name] for names in self._names if name in names), [])
        place = f"{path}, row {target.row}"
        if not paths:
            every = [known for names in self._names for known in names]
            near = difflib.get_close_matches(name, every, n=1)
            nearest = [p for names in self._names for p in names.get(near[0], [])] if near else []
            raise CorpusError(
                f"{place}: the index has no document {target.document!r}.",
                f"Did you mean {nearest[0]}?" if nearest else "qa-app status says what is in it.",
            )
        if len(paths) > 1:
            raise CorpusError(
                f"{place}: {target.document!r} may be {' or '.join(sorted(paths)[:3])}.",
                "Write the document with its folder.",
            )
        pages = self._pages[paths[0]]
        if target.pages and not pages:
            raise CorpusError(
                f"{place}: {paths[0]} has no pages.", "Leave the page empty for this document."
            )
        if target.pages and max(target.pages) > pages:
            raise CorpusError(
                f"{place}: {paths[0]} has {pages} pages, not {max(target.pages)}.", _PAGE_HINT
            )
        return Target(target.row, paths[0], target.pages)


def _by_name(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for name, path in pairs:
        names.setdefault(_folded(name), []).append(path)
    return names


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("\\", "/").split())


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number, as a spreadsheet numbers them."""
    try:
        text = decode(path.read_bytes())
    except OSError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.strerror}.", _HINT) from exc
    except LoadError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.message}", exc.hint) from exc
    # What separates the columns stands in the first row; questions hold commas of their own.
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        yield from enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1)
    except csv.Error as exc:
        raise CorpusError(f"{path} cannot be read: {exc}.", "Save it again as CSV.") from exc


def _find_columns(path: Path, header: Sequence[str]) -> dict[str, int]:
    columns: dict[str, int] = {}
    for place, cell in enumerate(header):
        words = re.sub(r"[\W_]+", " ", cell.casefold()).strip().removeprefix("expected ")
        name = next((name for name, names in _NAMES.items() if words in names), None)
        if name in columns:
            raise CorpusError(f"{path}, row 1 has two columns for the {name}.", _HINT)
        if name is not None:
            columns[name] = place
    for name in ("question", "document"):
        if name not in columns:
            raise CorpusError(f"{path}, row 1 names no column {name!r}.", _HINT)
    return columns


def _read_pages(path: Path, row: int, text: str) -> frozenset[int]:
    pages: set[int] = set()
    cleaned = re.sub(r"(\d)\.0\b", r"\1", text.casefold())  # as spreadsheets write whole numbers
    for match in _NUMBERS.finditer(cleaned):
        first = int(match[1])
        last = int(match[2] or first)
        pages.update(range(first, last + 1) if 1 <= first <= last else [0])
    if 0 in pages or not _BETWEEN.fullmatch(_NUMBERS.sub(" ", cleaned)):
        raise CorpusError(f"{path}, row {row}: {text!r} is no page.", _PAGE_HINT)
    return frozenset(pages)
