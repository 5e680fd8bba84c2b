"""What a build has embedded, kept in the database until it publishes."""

from __future__ import annotations

from typing import Any

import numpy as np

from qa_app.arrays import CodeArray, FloatArray, HalfArray
from qa_app.errors import IndexLockedError
from qa_app.models import ModelIdentity
from qa_app.store.manifest import hash_kept
from qa_app.store.postgres.connections import Connections

# Part of the key: increase it when the rows' form changes.
_VERSION = 1
# Texts sent at once: what a killed build loses at most.
_BATCH = 64
_Row = tuple[bytes, bytes, bytes, int, bytes]


class KeptVectors:
    """Context manager over the rows of one model; implements ``protocol.Unpublished``."""

    def __init__(
        self, connections: Connections, model: ModelIdentity, rebuild: bool = False
    ) -> None:
        self._connections = connections
        self._key = hash_kept(_VERSION, model, rebuild)
        self._waiting: dict[bytes, _Row] = {}
        self._known: set[bytes] = set()

    def __enter__(self) -> KeptVectors:
        with self._connections.writing() as connection:
            # Other models' vectors are not wanted any more.
            connection.execute("DELETE FROM qa_app.unpublished WHERE key <> %s", (self._key,))
            query = "SELECT content_hash FROM qa_app.unpublished"
            self._known = {bytes(digest) for (digest,) in connection.execute(query).fetchall()}
        return self

    def __exit__(self, *_error: object) -> None:
        self._send()

    def __contains__(self, digest: bytes) -> bool:
        """Return whether the vector of the text with this ``hash_text`` is kept."""
        return digest in self._known

    def get(self, digest: bytes) -> tuple[HalfArray, CodeArray]:
        """Return a text's vector, float16, shape (dim,), and its token codes."""
        query = (
            "SELECT embedding, code_width, codes FROM qa_app.unpublished "
            "WHERE key = %s AND content_hash = %s"
        )
        self._send()
        with self._connections.reading() as connection, connection.cursor(binary=True) as cursor:
            found: Any = cursor.execute(query, (self._key, digest)).fetchone()
        if found is None:
            raise IndexLockedError("Another build has removed what was embedded.", "Build again.")
        vector, width, codes = found
        shape = (-1, width) if width else (0, 0)
        return (
            np.frombuffer(vector, dtype=np.float16),
            np.frombuffer(codes, dtype=np.uint8).reshape(shape),
        )

    def add(self, digest: bytes, vector: FloatArray, codes: CodeArray) -> None:
        """Keep a text's vector and token codes, unless they cannot be used."""
        if np.isfinite(vector).all():
            half = vector.astype(np.float16).tobytes()
            width = codes.shape[1] if len(codes) else 0
            self._waiting[digest] = self._key, digest, half, width, codes.tobytes()
            self._known.add(digest)
        if len(self._waiting) >= _BATCH:
            self._send()

    def _send(self) -> None:
        if not self._waiting:
            return
        query = "INSERT INTO qa_app.unpublished VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING"
        with self._connections.writing() as connection, connection.transaction():
            connection.cursor().executemany(query, list(self._waiting.values()))
        self._waiting.clear()


def forget_vectors(connections: Connections) -> None:
    """Remove what is kept."""
    with connections.writing() as connection:
        connection.execute("TRUNCATE qa_app.unpublished")
