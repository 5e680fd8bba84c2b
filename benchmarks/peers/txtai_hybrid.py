"""txtai with ``hybrid=True``: its own BM25 and FAISS, scores combined half and half."""

from __future__ import annotations

from typing import Any

from txtai import Embeddings


class System:
    PACKAGES = ("txtai", "torch", "transformers", "faiss-cpu")

    def __init__(self, weights: str) -> None:
        self._embeddings = Embeddings(path=weights, hybrid=True)
        self._embeddings.batchtransform(["warm"])

    def index(self, rows: list[dict[str, Any]]) -> None:
        texts = (f"{row['title']}\n{row['text']}".strip() for row in rows)
        self._embeddings.index((number, text, None) for number, text in enumerate(texts))

    def search(self, query: str, depth: int) -> list[int]:
        return [row for row, _ in self._embeddings.search(query, depth)]
