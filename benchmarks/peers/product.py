"""qa_app itself: a row a passage, through the same code as ``qa-app evaluate``."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from qa_app.api import Index
from qa_app.embedding import SentenceTransformerEncoder
from qa_app.evaluation.sets import index_rows
from qa_app.output.terminal import Progress
from qa_app.settings import Settings


class System:
    """Finds the default model by itself: its files are those of the weights."""

    PACKAGES = ("qa_app", "sentence-transformers", "torch", "faiss-cpu")

    def __init__(self, weights: str) -> None:  # noqa: ARG002 - alike in all adapters
        self._encoder = SentenceTransformerEncoder()
        self._encoder.encode_queries(["warm"])
        self._folder = tempfile.TemporaryDirectory(prefix="qa_app-peers-")

    def index(self, rows: list[dict[str, Any]]) -> None:
        root = Path(self._folder.name)
        numbered = [{**row, "_id": str(number)} for number, row in enumerate(rows)]
        index_rows(numbered, root / "index", self._encoder, Settings(), Progress())
        self._index = Index(root / "index", root, self._encoder)

    def search(self, query: str, depth: int) -> list[int]:
        found = self._index.search(query, depth, distinct=False)
        return [int(result.passage.document) for result in found]
