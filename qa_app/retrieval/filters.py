"""Filters to rows: exact, since the rows are known before anything is searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches

import numpy as np

from qa_app.errors import QueryError
from qa_app.facets import Facets
from qa_app.store.generation import Generation
from qa_app.store.vectors import RowArray

DOCUMENT = "document"
FORMAT = "format"
_MOST_NAMED = 12

Filters = Mapping[str, Sequence[str]]


def filter_rows(generation: Generation, filters: Filters | None, facets: Facets) -> RowArray | None:
    """Return the rows that pass every filter, ascending, or None where there is no filter.

    Args:
        generation: whose rows.
        filters: facet, "document" (its path or title) or "format" to the values to keep to: any
            of the values of one, and all of the facets.
        facets: read a value's aliases.

    Raises:
        QueryError: there is no such facet or value; what there is, is named.
    """
    rows: RowArray | None = None
    for name, values in (filters or {}).items():
        if isinstance(values, str):
            raise TypeError(f"the values of filter {name!r} must be a list, not one text")
        found = [_rows_of(generation, facets, name, value) for value in values]
        if not found:
            continue
        kept = np.unique(np.concatenate(found))
        rows = kept if rows is None else np.intersect1d(rows, kept, assume_unique=True)
    return rows


def _rows_of(generation: Generation, facets: Facets, name: str, value: str) -> RowArray:
    if name == FORMAT:
        return _rows_of_format(generation, value)
    if name == DOCUMENT and (rows := generation.document_rows(value)):
        return np.arange(rows.start, rows.stop, dtype=np.int64)
    known = generation.facets()
    if name == DOCUMENT and DOCUMENT not in known:
        raise _no_value(name, value, [record.path for record in generation.documents])
    if name not in known:
        names = ", ".join(sorted({*known, DOCUMENT, FORMAT}))
        raise QueryError(f"There is nothing called {name!r} to filter by.", f"There are: {names}.")
    exact = _exact_value(generation.facet_values(name), value, facets.named_by(name, value))
    if exact is None:
        others = [record.path for record in generation.documents] if name == DOCUMENT else []
        raise _no_value(name, value, [*generation.facet_values(name), *others])
    return generation.rows_tagged(name, exact)


def _exact_value(values: Sequence[str], asked: str, named: Sequence[str]) -> str | None:
    """Return the value that is meant: as it stands, in any case, or by an alias."""
    if asked in values:
        return asked
    folded = asked.strip().casefold()
    for value in values:
        if value.casefold() == folded:
            return value
    return named[0] if len(named) == 1 and named[0] in values else None


def _rows_of_format(generation: Generation, value: str) -> RowArray:
    wanted = value.strip().lower().removeprefix(".")
    spans = [record.rows for record in generation.documents if record.format == wanted]
    if not spans:
        raise _no_value(FORMAT, value, sorted({item.format for item in generation.documents}))
    return np.concatenate([np.arange(span.start, span.stop, dtype=np.int64) for span in spans])


def _no_value(name: str, value: str, known: Sequence[str]) -> QueryError:
    near = get_close_matches(value, known, n=_MOST_NAMED) if len(known) > _MOST_NAMED else []
    named = near or known[:_MOST_NAMED]
    more = f", and {len(known) - len(named)} more" if len(known) > len(named) else ""
    hint = f"There are: {', '.join(named)}{more}." if named else "There are none."
    return QueryError(f"No passage has the {name} {value!r}.", hint)
