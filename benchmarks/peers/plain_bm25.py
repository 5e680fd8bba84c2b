"""BM25 by bm25s, with English stop words and stemming: words and no more."""

from __future__ import annotations

from typing import Any

import bm25s
import Stemmer


class System:
    PACKAGES = ("bm25s", "PyStemmer")

    def __init__(self, weights: str) -> None:  # noqa: ARG002 - alike in all adapters
        self._stemmer = Stemmer.Stemmer("english")

    def index(self, rows: list[dict[str, Any]]) -> None:
        texts = [f"{row['title']}\n{row['text']}".strip() for row in rows]
        self._index = bm25s.BM25()
        self._index.index(self._tokens(texts), show_progress=False)

    def search(self, query: str, depth: int) -> list[int]:
        found, _ = self._index.retrieve(self._tokens([query]), k=depth, show_progress=False)
        return [int(row) for row in found[0]]

    def _tokens(self, texts: list[str]) -> Any:
        return bm25s.tokenize(texts, stopwords="en", stemmer=self._stemmer, show_progress=False)
