"""Evaluation of an index on a team's own questions: a CSV of question, document and page.

    question,document,page
    When did the pilot start?,annual-report.pdf,12
    Who pays for it?,,

Each row names one target: a document and pages, any of which counts as found. Several rows with
the same question are several targets. A question with an empty document should be refused.
"""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import qa_app.evaluation.scoring as scoring
from qa_app.citations import page_label
from qa_app.errors import CorpusError, LoadError
from qa_app.evaluation.scoring import VERDICT, Evaluation, Run, Scored, Side
from qa_app.indexing import BuildProgress
from qa_app.loading.plain import decode
from qa_app.models import Answer, SearchResult, Verdict
from qa_app.store.documents import DocumentRecord

_HINT = "The first row names the columns question, document and (if you like) page."
_PAGE_HINT = "Write pages as 12, 12-14 or 12; 15, counted from 1 as a PDF viewer counts them."
# Accepted names of the three columns, in lower case and without punctuation.
_NAMES = {
    "question": {"question", "questions", "query", "queries"},
    "document": {"document", "documents", "doc", "file", "filename", "file name", "report"},
    "page": {"page", "pages", "page number", "page numbers", "page s"},
}
# A page, "12", or a range: "12-14", "12–14", "12 to 14".
_NUMBERS = re.compile(r"(\d{1,6})(?:\s*(?:-|–|—|to)\s*(\d{1,6}))?")
# Text allowed between and around the numbers: "pp. 3 and 9", "1, 2; 5".
_BETWEEN = re.compile(r"(?:\s|[,;/&]|pp?\b\.?|pages?\b|and\b|or\b)*")
_FIGURES = ("hit@1", "recall@5", "mrr@10", VERDICT)
_DEPTH = 10  # passages asked for, as many as mrr@10 needs

# Mappings from folded names to document paths, in the order in which they are searched.
_Names = Sequence[Mapping[str, list[str]]]


@dataclass(frozen=True, slots=True)
class Target:
    """A passage location that should be found: any of the pages of a document.

    Without pages, the whole document counts. ``row`` is the row of the CSV, from 1.
    """

    row: int
    document: str
    pages: frozenset[int]

    def is_met_by(self, result: SearchResult) -> bool:
        """Tell whether a result, or one of the repeats listed with it, is at this target."""
        passage = result.passage
        # A passage covers every page from its first to its last.
        pages = range(passage.page or 0, (passage.page or 0) + len(passage.page_breaks) + 1)
        return self._holds(passage.document, pages) or any(
            self._holds(place.document, (place.page,)) for place in result.also_in
        )

    def _holds(self, document: str, pages: Iterable[int | None]) -> bool:
        return document == self.document and (not self.pages or not self.pages.isdisjoint(pages))

    @property
    def label(self) -> str:
        """The target as text: "report.pdf, p. 12 or 14"."""
        pages = " or ".join(map(str, sorted(self.pages)))
        return f"{self.document}, {page_label(pages)}" if pages else self.document


@dataclass(frozen=True, slots=True)
class Expected:
    """A question and its targets; without targets it should be refused."""

    row: int
    question: str
    targets: tuple[Target, ...]


def evaluate_questions(file: Path, sides: Sequence[Side], progress: BuildProgress) -> Evaluation:
    """Evaluate one side, or compare two, on the questions of a CSV.

    Raises:
        CorpusError: the file has another form, or names documents or pages that an index lacks.
    """
    expected = read_expected(file)
    # Targets are resolved for every side first, so that errors are reported at once.
    resolved = [resolve(file, expected, side.snapshot.generation.documents) for side in sides]
    runs = [_run(items, side, progress) for items, side in zip(resolved, sides, strict=True)]
    return scoring.evaluation_of(runs, sides)


def _run(questions: Sequence[Expected], side: Side, progress: BuildProgress) -> Run:
    asked = [
        (item, side.snapshot.ask(item.question, _DEPTH, mode=side.mode))
        for item in scoring.each(questions, progress, f"Asking ({side.name})")
    ]
    scored = tuple(_score(item, answer) for item, answer in asked)
    refusal = scoring.score_refusal(
        [answer for item, answer in asked if item.targets],
        [answer for item, answer in asked if not item.targets],
    )
    figures = scoring.mean_figures(scored, _FIGURES)
    return Run(scored, {**figures, "refusal": refusal, "queries": len(scored)})


def _score(item: Expected, answer: Answer) -> Scored:
    """Score the answer to one question; ranks are those of the passages as shown."""
    refused = answer.verdict is Verdict.NOT_FOUND
    figures = {VERDICT: float(refused != bool(item.targets))}
    met = [
        [result.rank for result in answer.passages if target.is_met_by(result)]
        for target in item.targets
    ]
    ranks = [found[0] for found in met if found]
    if item.targets:
        figures["hit@1"] = float(1 in ranks)
        figures["recall@5"] = scoring.recall_at(ranks, len(item.targets), 5)
        figures["mrr@10"] = scoring.reciprocal_rank_at(ranks, _DEPTH)
    return Scored(
        id=f"row {item.row}",
        question=item.question,
        expected=tuple(target.label for target in item.targets),
        figures=figures,
        missed=not figures[VERDICT] or figures.get("recall@5", 1.0) < 1.0,
        rank=min(ranks, default=None),
        verdict=answer.verdict,
        came=scoring.quotes_of(answer.passages),
    )


def read_expected(path: Path) -> tuple[Expected, ...]:
    """Read a CSV of questions, in order of first appearance.

    Rows with the same question, apart from case and white space, are merged.

    Raises:
        CorpusError: the file cannot be read or has no questions, or a row is invalid.
    """
    rows = _read_rows(path)
    names = _read_header(path, next(rows, (1, []))[1])
    found: dict[str, Expected] = {}
    for number, cells in rows:
        values = dict(zip(names, map(str.strip, cells), strict=False))
        question, document, page = (values.get(name, "") for name in _NAMES)
        if not (question or document or page):
            continue
        pages = _read_pages(path, number, page)
        if not question:
            raise CorpusError(f"{path}, row {number} has no question.", _HINT)
        if pages and not document:
            raise CorpusError(
                f"{path}, row {number} has a page and no document.",
                "Name the document, or leave both empty where the reports do not answer.",
            )
        key = " ".join(question.casefold().split())
        targets = (Target(number, document, pages),) if document else ()
        item = found.setdefault(key, Expected(number, question, targets))
        if bool(targets) != bool(item.targets):
            raise CorpusError(
                f"{path}, row {number}: the question of row {item.row} again, "
                "once with a document and once without.",
                "Keep one: an empty document says that the reports do not answer.",
            )
        if item.row != number:
            found[key] = replace(item, targets=item.targets + targets)
    if not found:
        raise CorpusError(f"There are no questions in {path}.", _HINT)
    return tuple(found.values())


def resolve(
    path: Path, expected: Iterable[Expected], documents: Sequence[DocumentRecord]
) -> tuple[Expected, ...]:
    """Return the questions with each target's document replaced by its path in the index.

    A document may be given by its path, its file name (with or without extension) or its title.

    Raises:
        CorpusError: the index has no such document or several, or the document lacks the page.
    """
    pages = {item.path: item.pages for item in documents}
    # The most specific name first: a path is unique, a title may be shared.
    names = [defaultdict[str, list[str]](list) for _ in range(4)]
    for item in documents:
        file = Path(item.path)
        for known, name in zip(names, (item.path, file.name, file.stem, item.title), strict=True):
            known[_folded(name)].append(item.path)

    def resolved(target: Target) -> Target:
        place = f"{path}, row {target.row}"
        document = _find_document(place, target.document, names)
        if target.pages and not pages[document]:
            raise CorpusError(
                f"{place}: {document} has no pages.", "Leave the page empty for this document."
            )
        if target.pages and max(target.pages) > pages[document]:
            raise CorpusError(
                f"{place}: {document} has {pages[document]} pages, not {max(target.pages)}.",
                _PAGE_HINT,
            )
        return replace(target, document=document)

    return tuple(replace(item, targets=tuple(map(resolved, item.targets))) for item in expected)


def _find_document(place: str, written: str, names: _Names) -> str:
    name = _folded(written)
    paths = next((known[name] for known in names if name in known), [])
    if not paths:
        near = difflib.get_close_matches(name, [one for known in names for one in known], n=1)
        nearest = [path for known in names for one in near for path in known.get(one, [])]
        raise CorpusError(
            f"{place}: the index has no document {written!r}.",
            f"Did you mean {nearest[0]}?" if nearest else "qa-app status says what is in it.",
        )
    if len(paths) > 1:
        raise CorpusError(
            f"{place}: {written!r} may be {' or '.join(sorted(paths)[:3])}.",
            "Write the document with its folder.",
        )
    return paths[0]


def _folded(name: str) -> str:
    return " ".join(name.casefold().replace("\\", "/").split())


def _read_rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield each row with its number, from 1 with the header."""
    try:
        text = decode(path.read_bytes())
    except OSError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.strerror}.", _HINT) from exc
    except LoadError as exc:
        raise CorpusError(f"{path} cannot be read: {exc.message}", exc.hint) from exc
    # The delimiter is detected from the header, since questions may contain commas.
    header = text.partition("\n")[0]
    delimiter = max(",;\t", key=header.count)
    try:
        yield from enumerate(csv.reader(io.StringIO(text), delimiter=delimiter), start=1)
    except csv.Error as exc:
        raise CorpusError(f"{path} cannot be read: {exc}.", "Save it again as CSV.") from exc


def _read_header(path: Path, header: Sequence[str]) -> list[str]:
    """Return for each column "question", "document" or "page", or "" for another one."""
    names: list[str] = []
    for cell in header:
        words = re.sub(r"[\W_]+", " ", cell.casefold()).strip().removeprefix("expected ")
        name = next((name for name, known in _NAMES.items() if words in known), "")
        if name and name in names:
            raise CorpusError(f"{path}, row 1 has two columns for the {name}.", _HINT)
        names.append(name)
    for name in ("question", "document"):
        if name not in names:
            raise CorpusError(f"{path}, row 1 names no column {name!r}.", _HINT)
    return names


def _read_pages(path: Path, row: int, text: str) -> frozenset[int]:
    pages: set[int] = set()
    cleaned = re.sub(r"(\d)\.0\b", r"\1", text.casefold())  # spreadsheets may write 12 as "12.0"
    for match in _NUMBERS.finditer(cleaned):
        first = int(match[1])
        last = int(match[2] or first)
        pages.update(range(first, last + 1) if 1 <= first <= last else [0])
    if 0 in pages or not _BETWEEN.fullmatch(_NUMBERS.sub(" ", cleaned)):
        raise CorpusError(f"{path}, row {row}: {text!r} is no page.", _PAGE_HINT)
    return frozenset(pages)
