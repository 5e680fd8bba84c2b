"""Write the next generation into a database.

Documents are gathered in a temporary folder first, since topics and vectors are made from all of
them. Then one transaction stores those that the live generation does not have, and makes the new
generation the live one.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from qa_app.arrays import FloatArray, HalfArray
from qa_app.models import Failure, ModelIdentity
from qa_app.settings import DatabaseUrl
from qa_app.store.manifest import Recipe
from qa_app.store.postgres.connections import Connection
from qa_app.store.postgres.failures import translated
from qa_app.store.postgres.gathering import Gathered
from qa_app.store.postgres.publication import Publication


class DatabaseWriter(Gathered):
    """Writes one generation; implements ``protocol.Writer``."""

    def __init__(self, url: DatabaseUrl, connection: Connection, live: int | None) -> None:
        """Nothing is stored yet.

        Args:
            url: of the database, for messages.
            connection: the build lock's.
            live: number of the generation that was live when the lock was taken.
        """
        super().__init__()
        self._url = url
        self._connection = connection
        self._live = live

    def finish(
        self,
        embeddings: FloatArray | HalfArray,
        model: ModelIdentity,
        recipe: Recipe,
        corpus: Path | None = None,
        failures: tuple[Failure, ...] = (),
        warnings: tuple[Failure, ...] = (),
    ) -> str:
        """Store what is new, make this the live generation, and return its name."""
        self._check_shape(embeddings.shape, model)
        self.close_tokens(model.dimension)
        half = np.asarray(embeddings, dtype=np.float16)
        with translated(self._url):
            with self._connection.transaction():
                publication = Publication(self, self._connection, half, model, recipe)
                name = publication.run(self._live, corpus, failures, warnings)
            clean(self._connection)
        return name

    def __enter__(self) -> DatabaseWriter:
        return self


def clean(connection: Connection) -> None:
    """Remove what neither the live generation nor the one before has."""
    with connection.transaction():
        connection.execute(
            "DELETE FROM qa_app.generations WHERE number < (SELECT generation FROM qa_app.live) - 1"
        )
        gone = connection.execute(
            "DELETE FROM qa_app.documents WHERE id NOT IN "
            "(SELECT unnest(documents) FROM qa_app.generations) RETURNING id"
        ).fetchall()
        # For a table that is shared out over several servers, and so has no foreign key.
        connection.execute(
            "DELETE FROM qa_app.searched WHERE document = ANY(%s)", ([each for (each,) in gone],)
        )
        connection.execute(
            "DELETE FROM qa_app.terms older USING qa_app.terms newer "
            "WHERE older.term = newer.term AND older.generation < newer.generation "
            "AND newer.generation <= (SELECT min(number) FROM qa_app.generations)"
        )
