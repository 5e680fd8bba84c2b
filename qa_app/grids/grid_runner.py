"""Fills the cells of a grid, question by question; what is done is kept if it is stopped."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from qa_app.answering.cells import answer_for_values
from qa_app.api import Snapshot
from qa_app.briefs.stored_file import StoredFile
from qa_app.errors import BriefError, QueryError
from qa_app.grids.grid import MOST_QUESTIONS, Cell, CellQuote, Grid, Row
from qa_app.grids.question_list import check_questions
from qa_app.indexing import BuildProgress
from qa_app.models import Finding
from qa_app.retrieval.filters import Filters, facet_rows
from qa_app.store.protocol import Generation
from qa_app.text.wording import listed

# Of one grid: more columns can be neither shown nor read, and each costs time in every question.
MOST_VALUES = 500


def ask_grid(
    snapshot: Snapshot,
    questions: Sequence[str],
    facet: str,
    filters: Filters | None = None,
    progress: BuildProgress | None = None,
    most_cells: int = MOST_QUESTIONS * MOST_VALUES,
) -> Grid:
    """Return a filled grid that is not stored.

    Args:
        facet: one of the corpus, "document", "type" or "date" (years of the documents).
        filters: facet to allowed values, as for ``Snapshot.ask``.
        most_cells: most questions times values.

    Raises:
        QueryError: there is no question or there are more than 500; a question, the facet or a
            filter is not valid; or there are too many cells.
    """
    grid = _started(Grid(), snapshot, check_questions(questions), facet, filters)
    values = columns_of(snapshot, grid)
    if len(grid.rows) * len(values) > most_cells:
        asked = f"{len(grid.rows)} questions by {len(values)} values"
        raise QueryError(
            f"{asked} are over {most_cells:,} cells.", "Ask fewer, or keep to some of the reports."
        )
    if progress is not None:
        progress.stage("Asking", len(grid.rows))
    for row in grid.rows:
        grid = grid.filled(_asked(snapshot, grid, row), values)
        if progress is not None:
            progress.advance(1, row.question)
    return grid


def start_grid(
    file: StoredFile[Grid],
    snapshot: Snapshot,
    questions: Sequence[str],
    facet: str,
    filters: Filters | None = None,
) -> Grid:
    """Store a grid with these questions, to be filled by ``fill``; see ``Grid.asking``.

    Raises:
        QueryError: as for ``ask_grid``.
        BriefError: the stored grid has another facet or other filters, or its file cannot be read
            or changed.
    """
    checked = check_questions(questions)
    return file.change(lambda grid: _started(grid, snapshot, checked, facet, filters))


def _started(
    grid: Grid,
    snapshot: Snapshot,
    questions: Sequence[str],
    facet: str,
    filters: Filters | None,
) -> Grid:
    snapshot.retriever.rows(filters)  # raises QueryError for one that is malformed
    kept = {
        name: (values,) if isinstance(values, str) else tuple(values)
        for name, values in (filters or {}).items()
    }
    asked = replace(grid, facet=facet, filters=kept)
    if grid.rows and asked != grid:
        raise BriefError(
            f"The grid {grid.name!r} is by {_described(grid)}, not by {_described(asked)}.",
            "Give the new one a name of its own: --name NAME",
        )
    return replace(asked, values=columns_of(snapshot, asked)).asking(questions)


def fill(
    file: StoredFile[Grid],
    snapshot: Snapshot,
    progress: BuildProgress | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Grid:
    """Compute the rows of a stored grid that this generation and reader have not answered yet.

    Each is stored when it is done, so that a run that is stopped, or ends with an exception, goes
    on at the next call. Marks that are made meanwhile are kept.

    Args:
        stop: asked before each question; if true, the grid is returned as it is.

    Raises:
        QueryError: the facet or a filter does not fit the reports any more.
        BriefError: the file cannot be read or changed.
    """
    grid = file.read()
    values = columns_of(snapshot, grid)
    pending = grid.pending(stamp_of(snapshot))
    if progress is not None:
        progress.stage("Asking", len(pending))
    for row in pending:
        if stop():
            break
        asked = _asked(snapshot, grid, row)
        grid = file.change(partial(Grid.filled, asked=asked, values=values))
        if progress is not None:
            progress.advance(1, row.question)
    return grid


def stamp_of(snapshot: Snapshot) -> str:
    """Return what identifies generation and reader; an index begun anew has other stamps."""
    generation = snapshot.generation
    reader = snapshot.reader.identity if snapshot.reader else "no reader"
    return f"{generation.name}, made {generation.manifest.created}; {reader}"


def columns_of(snapshot: Snapshot, grid: Grid) -> tuple[str, ...]:
    """Return the values of the grid's facet that have passages within its filters, sorted.

    Raises:
        QueryError: there is no such facet or filter, or there are no such values or over 500.
    """
    rows = snapshot.retriever.rows(grid.filters)
    found = facet_rows(snapshot.generation, grid.facet)
    values = tuple(
        value for value, own in found.items() if rows is None or np.isin(own, rows).any()
    )
    if not values:
        raise QueryError(
            f"No passage has a {grid.facet}.", "Take another --facet, or fewer filters."
        )
    if len(values) > MOST_VALUES:
        raise QueryError(
            f"The facet {grid.facet!r} has {len(values):,} values; {MOST_VALUES} are the most.",
            "Keep to some of the reports: --filter FACET=VALUE",
        )
    return values


def _asked(snapshot: Snapshot, grid: Grid, row: Row) -> Row:
    """Return a row with its cells computed anew."""
    retriever, generation = snapshot.retriever, snapshot.generation
    rows = retriever.rows(grid.filters)
    found = answer_for_values(retriever, row.question, grid.facet, rows, snapshot.reader)
    cells = {
        value: Cell(value, tuple(_quote(item, generation) for item in (answer, *answer.others)))
        for value, answer in found.items()
        if answer is not None
    }
    return Row(row.id, row.question, cells, generation.name, stamp_of(snapshot))


def _quote(found: Finding, generation: Generation) -> CellQuote:
    return CellQuote(
        text=found.quote,
        citation=found.citation,
        support=found.support,
        lead_in=found.lead_in,
        date=found.date or "",
        document_sha256=generation.document_sha256(found.citation.document),
    )


def _described(grid: Grid) -> str:
    filters = [f"{name} {listed(values)}" for name, values in grid.filters.items()]
    return ", ".join([grid.facet, *filters])
