"""Reads a list of questions from a text file (one a line) or a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from pathlib import Path

from qa_app.errors import LoadError, QAAppError, QueryError
from qa_app.grids.grid import MOST_QUESTIONS
from qa_app.loading.plain import decode
from qa_app.retrieval.retriever import check_question

MOST_BYTES = 4 * 1024 * 1024  # 500 questions of the longest kind, and some room
_FORM = 'Write one question a line, or a CSV with a column "question".'
TABLES = (".csv", ".tsv")  # endings of files that are read as tables
_COLUMN = frozenset({"question", "questions"})
# The first cell of a CSV without such a column is a heading if it has fewer words than this.
_LEAST_WORDS = 3


def read_questions(path: Path) -> tuple[str, ...]:
    """Return the questions of a file, in order, each once.

    A text file has one a line; empty lines and those that begin with # are left out. A file that
    ends in .csv or .tsv has them in the column "question", else in its first.

    Raises:
        QueryError: the file cannot be read, has no question or too many, or a question is too long;
            the message names the line.
    """
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
        text = decode(content)
    except OSError as exc:
        raise QueryError(f"{path} cannot be read: {exc.strerror}.", _FORM) from exc
    except LoadError as exc:
        raise QueryError(f"{path} cannot be read: {exc.message}", _FORM) from exc
    if len(content) > MOST_BYTES:
        raise QueryError(f"{path} is over {MOST_BYTES:,} bytes, too many for questions.", _FORM)
    return parse_questions(text, str(path), path.suffix.lower() in TABLES)


def parse_questions(text: str, source: str, is_table: bool = False) -> tuple[str, ...]:
    """Return the questions of a file's text, as ``read_questions`` does; ``source`` is its name."""
    lines = _cells(source, text) if is_table else enumerate(text.splitlines(), start=1)
    return _checked(source, ((n, line) for n, line in lines if not line.startswith("#")))


def check_questions(questions: Iterable[str]) -> tuple[str, ...]:
    """Return given questions as ``read_questions`` does; ``QueryError`` as there."""
    return _checked("The list of questions", enumerate(questions, start=1))


def _checked(source: str, lines: Iterable[tuple[int, str]]) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for number, line in lines:
        question = " ".join(line.split())
        if not question:
            continue
        try:
            check_question(question)
        except QAAppError as exc:
            raise QueryError(f"{source}, line {number}: {exc.message}", exc.hint) from exc
        found[question] = None
    if not found:
        raise QueryError(f"{source} has no question.", _FORM)
    if len(found) > MOST_QUESTIONS:
        raise QueryError(
            f"{source} has {len(found):,} questions; {MOST_QUESTIONS} are the most.",
            "Split it, and give each part a --name of its own.",
        )
    return tuple(found)


def _cells(source: str, text: str) -> Iterator[tuple[int, str]]:
    """Yield the cells of the column of questions, each with its row's number."""
    first = text.partition("\n")[0]
    reader = csv.reader(io.StringIO(text), delimiter=max(",;\t", key=first.count))
    try:
        rows = [(number, row) for number, row in enumerate(reader, start=1) if any(row)]
    except csv.Error as exc:
        raise QueryError(f"{source} cannot be read: {exc}.", "Save it again as CSV.") from exc
    if not rows:
        return
    header = rows[0][1]
    column = next((n for n, cell in enumerate(header) if cell.strip().lower() in _COLUMN), None)
    if column is not None or len(header[0].split()) < _LEAST_WORDS:
        del rows[0]
    for number, row in rows:
        if len(row) > (column or 0):
            yield number, row[column or 0]
