"""Chroma: an in-memory collection with its sentence-transformers function, cosine."""

from __future__ import annotations

from typing import Any

import chromadb
from chromadb.utils.embedding_functions import SentenceTransformerEmbeddingFunction

BATCH = 1_000


class System:
    PACKAGES = ("chromadb", "sentence-transformers", "torch")

    def __init__(self, weights: str) -> None:
        self._client = chromadb.EphemeralClient()
        self._function = SentenceTransformerEmbeddingFunction(model_name=weights)
        self._function(["warm"])

    def index(self, rows: list[dict[str, Any]]) -> None:
        # The client is one for the whole process, so the set before is taken away.
        for collection in self._client.list_collections():
            self._client.delete_collection(collection.name)
        self._collection = self._client.create_collection(
            "rows",
            embedding_function=self._function,
            configuration={"hnsw": {"space": "cosine"}},
        )
        texts = [f"{row['title']}\n{row['text']}".strip() or "-" for row in rows]
        for start in range(0, len(texts), BATCH):
            some = texts[start : start + BATCH]
            ids = [str(number) for number in range(start, start + len(some))]
            self._collection.add(ids=ids, documents=some)

    def search(self, query: str, depth: int) -> list[int]:
        found = self._collection.query(query_texts=[query], n_results=depth)
        return [int(name) for name in found["ids"][0]]
