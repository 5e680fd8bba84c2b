"""sentence-transformers and a flat FAISS index of unit vectors: dense search and no more."""

from __future__ import annotations

from typing import Any

import faiss
from sentence_transformers import SentenceTransformer


class System:
    PACKAGES = ("sentence-transformers", "faiss-cpu", "torch")

    def __init__(self, weights: str) -> None:
        self._model = SentenceTransformer(weights, device="cpu")

    def index(self, rows: list[dict[str, Any]]) -> None:
        texts = [f"{row['title']}\n{row['text']}".strip() for row in rows]
        vectors = self._model.encode(texts, normalize_embeddings=True)
        self._index = faiss.IndexFlatIP(vectors.shape[1])
        self._index.add(vectors)

    def search(self, query: str, depth: int) -> list[int]:
        vector = self._model.encode([query], normalize_embeddings=True)
        return [int(row) for row in self._index.search(vector, depth)[1][0]]
