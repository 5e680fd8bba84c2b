"""Haystack: in-memory BM25 and embedding retrievers, joined by reciprocal rank fusion."""

from __future__ import annotations

from typing import Any

from haystack import Document, Pipeline
from haystack.components.joiners import DocumentJoiner
from haystack.components.retrievers.in_memory import (
    InMemoryBM25Retriever,
    InMemoryEmbeddingRetriever,
)
from haystack.document_stores.in_memory import InMemoryDocumentStore
from haystack_integrations.components.embedders.sentence_transformers import (
    SentenceTransformersDocumentEmbedder,
    SentenceTransformersTextEmbedder,
)

# Candidates of each retriever before they are joined.
CANDIDATES = 100


class System:
    PACKAGES = (
        "haystack-ai",
        "sentence-transformers-haystack",
        "sentence-transformers",
        "torch",
    )

    def __init__(self, weights: str) -> None:
        self._store = InMemoryDocumentStore(embedding_similarity_function="cosine")
        self._embedder = SentenceTransformersDocumentEmbedder(model=weights, progress_bar=False)
        self._embedder.warm_up()
        self._pipeline = Pipeline()
        text = SentenceTransformersTextEmbedder(model=weights, progress_bar=False)
        self._pipeline.add_component("text", text)
        self._pipeline.add_component(
            "dense", InMemoryEmbeddingRetriever(self._store, top_k=CANDIDATES)
        )
        self._pipeline.add_component("words", InMemoryBM25Retriever(self._store, top_k=CANDIDATES))
        self._pipeline.add_component(
            "joiner", DocumentJoiner(join_mode="reciprocal_rank_fusion", top_k=CANDIDATES)
        )
        self._pipeline.connect("text.embedding", "dense.query_embedding")
        self._pipeline.connect("dense", "joiner")
        self._pipeline.connect("words", "joiner")

    def index(self, rows: list[dict[str, Any]]) -> None:
        documents = [
            Document(id=str(number), content=f"{row['title']}\n{row['text']}".strip())
            for number, row in enumerate(rows)
        ]
        self._store.write_documents(self._embedder.run(documents)["documents"])

    def search(self, query: str, depth: int) -> list[int]:
        found = self._pipeline.run({"text": {"text": query}, "words": {"query": query}})
        return [int(document.id) for document in found["joiner"]["documents"][:depth]]
