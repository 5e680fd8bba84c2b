"""Which of the stored passages a generation has, and in which row each is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from qa_app.arrays import RowArray
from qa_app.errors import StoreError
from qa_app.store.postgres.connections import Connection, Connections

_STILL_THERE = (
    "SELECT EXISTS (SELECT FROM qa_app.generations WHERE number = %s AND manifest_sha256 = %s)"
)


class View:
    """The passages of one generation: rows 0, 1, … by its documents' order, and their numbers.

    Attributes:
        generation: its number.

    Args:
        documents: (id, first passage's number, number of passages) of each, in row order.
        others: ids of stored documents that it does not have.
    """

    def __init__(
        self, generation: int, documents: Sequence[tuple[int, int, int]], others: Sequence[int]
    ) -> None:
        table = np.array(documents, dtype=np.int64).reshape(-1, 3)
        self.generation = generation
        self._first = table[:, 1]
        ends = np.cumsum(table[:, 2])
        self._start = ends - table[:, 2]
        self._by_number = np.argsort(self._first)
        self._ascending = self._first[self._by_number]
        self._others = _ranges(others)
        self._last_document = int(table[:, 0].max(initial=0))
        self.num_passages = int(ends[-1]) if len(ends) else 0

    def ranges(self) -> list[range]:
        """Return each document's rows, in row order."""
        ends = [*self._start[1:].tolist(), self.num_passages]
        return [range(*item) for item in zip(self._start.tolist(), ends, strict=True)]

    def document_of(self, row: int) -> int:
        """Return the place of the document that a row belongs to."""
        return int(np.searchsorted(self._start, row, "right")) - 1

    def numbers(self, rows: RowArray) -> RowArray:
        """Return the numbers of rows that exist."""
        places = np.searchsorted(self._start, rows, "right") - 1
        return self._first[places] + rows - self._start[places]

    def rows(self, numbers: RowArray) -> RowArray:
        """Return the rows of numbers that the generation has."""
        places = self._by_number[np.searchsorted(self._ascending, numbers, "right") - 1]
        return self._start[places] + numbers - self._first[places]

    def condition(self, rows: RowArray | None) -> tuple[str, tuple[Any, ...]]:
        """Return the SQL condition that chooses these rows, or all, and its parameters.

        The columns are ``number`` and ``document``. Builds number documents ascending, so all that
        came after the generation are above its last.
        """
        if rows is not None:
            return "number = ANY(%s)", (self.numbers(rows).tolist(),)
        if self._others:
            # A range each, since an array of ids is gone through for every row.
            condition = "document <= %s AND NOT document <@ %s::int8multirange"
            return condition, (self._last_document, self._others)
        return "document <= %s", (self._last_document,)


def _ranges(numbers: Sequence[int]) -> str:
    """Return whole numbers as a multirange, as PostgreSQL reads it; "" if there are none."""
    ordered = np.unique(np.array(numbers, dtype=np.int64))
    runs = np.split(ordered, np.flatnonzero(np.diff(ordered) > 1) + 1)
    text = ",".join(f"[{run[0]},{run[-1]}]" for run in runs if len(run))
    return f"{{{text}}}" if text else ""


class GenerationConnections:
    """Connections for reading one generation.

    Builds remove generations. That it is still there is asked after its rows were read, so that
    they were all there.

    Args:
        number, digest: of the generation, and of its manifest: in a database that was restored, a
            number may come again.
    """

    def __init__(self, connections: Connections, number: int, digest: str) -> None:
        self._connections = connections
        self._values = number, digest

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Hold a connection as ``Connections.reading`` does; ``StoreError`` if it was removed."""
        with self._connections.reading() as connection:
            yield connection
            if connection.execute(_STILL_THERE, self._values).fetchone() != (True,):
                raise StoreError(
                    f"Generation {self._values[0]:06d} was replaced while it was read.",
                    "Ask again: the index that is live now is read.",
                )
