"""An encoder whose vectors can be worked out by hand."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from qa_app.arrays import FloatArray, SpanArray
from qa_app.embedding import Keep, Progress
from qa_app.models import ModelIdentity

VOCABULARY = ("data", "sharing", "road", "safety", "violence", "board", "funding", "duplication")


class FakeEncoder:
    """Counts eight words: "data data road" is (2, 0, 1, 0, …) divided by its length.

    A text with none of the words is the last axis alone. ``encoded`` keeps every document text
    that was encoded, so that a test can say what was embedded and what was reused.
    """

    def __init__(self, name: str = "fake") -> None:
        self.encoded: list[str] = []
        self._name = name

    @property
    def identity(self) -> ModelIdentity:
        return ModelIdentity(self._name, "0" * 64, len(VOCABULARY) + 1, 256)

    def load(self) -> None:
        pass

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return [len(text.split()) for text in texts]

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep: Keep | None = None,
    ) -> FloatArray:
        self.encoded.extend(texts)
        if progress is not None:
            progress(len(texts))
        rows = self._encode(texts)
        for place, text in enumerate(texts if keep else ()):
            keep(place, rows[place], self.encode_query_tokens(text))
        return rows

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        spans = [[found.span() for found in re.finditer(r"\w+", text)] for text in texts]
        return [np.array(found or [(0, 0)], dtype=np.int32) for found in spans]

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        return self._encode(texts)

    def encode_query_tokens(self, text: str) -> FloatArray:
        return self._encode(re.findall(r"\w+", text) or [""])

    def _encode(self, texts: Sequence[str]) -> FloatArray:
        rows = np.zeros((len(texts), len(VOCABULARY) + 1), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            words = re.findall(r"[a-z]+", text.lower())
            row[:-1] = [words.count(word) for word in VOCABULARY]
            row[-1] = 0.0 if row.any() else 1.0
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / norms, dtype=np.float32)
