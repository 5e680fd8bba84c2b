"""Turns filters into the exact set of rows to search, before the search."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import PurePosixPath

import numpy as np

from qa_app.arrays import RowArray
from qa_app.errors import QueryError
from qa_app.facets import DOCUMENT_FACET, Facets
from qa_app.store.documents import DocumentRecord
from qa_app.store.protocol import Generation
from qa_app.text.dates import RANGE_FORM, parse_range

TYPE = "type"
DATE = "date"
# Filters of every corpus; a facet of the corpus with one of these names takes precedence.
BUILT_IN = (DOCUMENT_FACET, TYPE, DATE)
_MOST_NAMED = 12  # values listed in an error message

Filters = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class FilterChoices:
    """The filters that an index offers.

    Attributes:
        values: facet, or "type", to its values with their passage counts, highest count first.
        earliest, latest: first and last day (ISO 8601) of the dated documents; None if none is.
        undated: number of documents without a date.
    """

    values: Mapping[str, Mapping[str, int]]
    earliest: str | None
    latest: str | None
    undated: int


def filter_choices(generation: Generation) -> FilterChoices:
    """Return the values that filters can name, and the range of the documents' dates."""
    types: Counter[str] = Counter()
    for record in generation.documents:
        types[record.format] += record.passages
    counts = {TYPE: types, **generation.facet_counts}
    dated = [days for record in generation.documents if (days := record.dated)]
    return FilterChoices(
        values={name: _most_first(counts[name]) for name in sorted(counts)},
        earliest=min((days.first.isoformat() for days in dated), default=None),
        latest=max((days.last.isoformat() for days in dated), default=None),
        undated=len(generation.documents) - len(dated),
    )


def facet_rows(generation: Generation, facet: str) -> dict[str, RowArray]:
    """Return the values of a facet, sorted, each with its rows, int64, ascending.

    Args:
        facet: a facet that passages are tagged with, "document", "type", or "date" (by the year of
            a document; those without a date have no value).

    Raises:
        QueryError: there is no such facet.
    """
    if facet in generation.facets():
        values = generation.facet_values(facet)
        return {value: generation.rows_tagged(facet, value) for value in values}
    if facet not in {DATE, TYPE}:
        names = ", ".join(sorted({*generation.facets(), *BUILT_IN}))
        raise QueryError(f"There is no facet {facet!r}.", f"There are: {names}.")
    rows: dict[str, list[int]] = {}
    for record in generation.documents:
        if facet == TYPE:
            rows.setdefault(record.format, []).extend(record.rows)
        elif record.dated is not None:
            rows.setdefault(str(record.dated.first.year), []).extend(record.rows)
    return {value: np.array(rows[value], dtype=np.int64) for value in sorted(rows)}


def filter_rows(generation: Generation, filters: Filters | None, facets: Facets) -> RowArray | None:
    """Return the rows that pass every filter, ascending, or None if there is no filter.

    A document without a date passes no filter by date; one dated by year or month alone passes if
    any day of that year or month does.

    Args:
        filters: facet, "document" (path or title), "type" ("pdf") or "date" (a date or a range, as
            "2019..2024") to the values allowed. Values of one filter are alternatives; all
            filters must pass.
        facets: resolve aliases of values.

    Raises:
        QueryError: a filter is malformed, or there is no such facet or value; the message lists
            those that exist.
    """
    rows: RowArray | None = None
    if not isinstance(filters or {}, Mapping):
        raise QueryError("The filters are no table.", 'As: {"type": ["pdf"]}.')
    for name, values in (filters or {}).items():
        found = [_rows_of(generation, facets, name, value) for value in _listed(name, values)]
        if not found:
            continue
        kept = np.unique(np.concatenate(found))
        rows = kept if rows is None else np.intersect1d(rows, kept, assume_unique=True)
    return rows


def _listed(name: str, values: object) -> Sequence[str]:
    """Return a filter's values as a list; ``QueryError`` if they are not strings.

    Requests over the network may hold values of any type.
    """
    if isinstance(values, str):
        return [values]
    if isinstance(values, Sequence) and all(isinstance(value, str) for value in values):
        return values
    raise QueryError(
        f"The values of the filter {name!r} are not texts.",
        f'Give a list of them, as {{"{name}": ["one", "two"]}}.',
    )


def _rows_of(generation: Generation, facets: Facets, name: str, value: str) -> RowArray:
    known = generation.facets()
    if name not in (*known, *BUILT_IN):
        names = ", ".join(sorted({*known, *BUILT_IN}))
        raise QueryError(f"There is nothing called {name!r} to filter by.", f"There are: {names}.")
    if name == DOCUMENT_FACET and (rows := generation.document_rows(value)):
        return np.arange(rows.start, rows.stop, dtype=np.int64)
    if name in known:
        return _rows_tagged(generation, facets, name, value)
    if name == TYPE:
        return _rows_of_type(generation, value)
    if name == DATE:
        return _rows_dated(generation, value)
    raise _no_value(name, value, [record.path for record in generation.documents])


def _rows_tagged(generation: Generation, facets: Facets, name: str, value: str) -> RowArray:
    values = generation.facet_values(name)
    exact = exact_value(values, value, facets.named_by(name, value))
    if exact is None:
        records = generation.documents if name == DOCUMENT_FACET else ()
        titled = [item for item in records if item.title.casefold() == value.strip().casefold()]
        if titled:  # all that share the title
            return _rows_in(titled)
        raise _no_value(name, value, [*values, *(item.path for item in records)])
    return generation.rows_tagged(name, exact)


def exact_value(values: Sequence[str], asked: str, named: Sequence[str]) -> str | None:
    """Return the value meant by ``asked``: exact, ignoring case, or by an alias; None if none.

    Args:
        named: the values whose names or aliases ``asked`` contains; used only if exactly one.
    """
    if asked in values:
        return asked
    folded = asked.strip().casefold()
    for value in values:
        if value.casefold() == folded:
            return value
    return named[0] if len(named) == 1 and named[0] in values else None


def _rows_of_type(generation: Generation, value: str) -> RowArray:
    """Return the rows of the documents with this format ("markdown") or file ending ("md")."""
    wanted = value.strip().lower().removeprefix(".")
    found = [
        record
        for record in generation.documents
        if wanted in (record.format, PurePosixPath(record.path).suffix.lower().removeprefix("."))
    ]
    if not found:
        raise _no_value(TYPE, value, sorted({item.format for item in generation.documents}))
    return _rows_in(found)


def _rows_dated(generation: Generation, value: str) -> RowArray:
    wanted = parse_range(value)
    if wanted is None:
        raise QueryError(f"{value!r} is no date and no range of dates.", f"As: {RANGE_FORM}.")
    found = [
        record for record in generation.documents if record.dated and record.dated.meets(wanted)
    ]
    if not found:
        choices = filter_choices(generation)
        hint = "None of the documents has a date."
        if choices.earliest:
            hint = f"The dated documents are of {choices.earliest} to {choices.latest}."
        raise QueryError(f"No document has the date {value!r}.", hint)
    return _rows_in(found)


def _rows_in(records: Iterable[DocumentRecord]) -> RowArray:
    return np.concatenate(
        [np.arange(record.rows.start, record.rows.stop, dtype=np.int64) for record in records]
    )


def _most_first(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _no_value(name: str, value: str, known: Sequence[str]) -> QueryError:
    near = get_close_matches(value, known, n=_MOST_NAMED) if len(known) > _MOST_NAMED else []
    named = near or known[:_MOST_NAMED]
    more = f", and {len(known) - len(named)} more" if len(known) > len(named) else ""
    hint = f"There are: {', '.join(named)}{more}." if named else "There are none."
    return QueryError(f"No passage has the {name} {value!r}.", hint)
