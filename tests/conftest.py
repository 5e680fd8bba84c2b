"""What the tests share: an encoder whose vectors can be worked out by hand, and a small corpus."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from qa_app.api import Index, build_index, open_index
from qa_app.arrays import FloatArray, SpanArray
from qa_app.embedding import (
    Keep,
    Progress,
)
from qa_app.models import ModelIdentity
from qa_app.store.generation import Generation, open_generation

VOCABULARY = ("data", "sharing", "road", "safety", "violence", "board", "funding", "duplication")
ROOT = Path(__file__).resolve().parent.parent


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


@pytest.fixture
def encoder() -> FakeEncoder:
    return FakeEncoder()


@pytest.fixture
def write_corpus(tmp_path: Path) -> Callable[[dict[str, str]], Path]:
    """Return a function that writes files into a corpus folder and returns the folder."""

    def write(files: dict[str, str]) -> Path:
        corpus = tmp_path / "corpus"
        for name, text in files.items():
            path = corpus / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return corpus

    return write


@pytest.fixture
def open_reports(
    write_corpus: Callable[[dict[str, str]], Path], encoder: FakeEncoder, tmp_path: Path
) -> Iterator[Callable[[dict[str, str]], Index]]:
    """Return a function that indexes files and returns the index, open as long as the test runs."""
    with ExitStack() as opened:

        def open_files(files: dict[str, str]) -> Index:
            corpus = write_corpus(files)
            build_index(corpus, tmp_path / "index", encoder=encoder)
            return opened.enter_context(
                open_index(tmp_path / "index", corpus, encoder=encoder, reader="none")
            )

        yield open_files


@pytest.fixture
def index(request: pytest.FixtureRequest, open_reports: Callable[[dict[str, str]], Index]) -> Index:
    """Return the index of the files that the test's module calls REPORTS."""
    return open_reports(request.module.REPORTS)


@pytest.fixture
def generation(index: Index) -> Iterator[Generation]:
    with open_generation(index.corpus.parent / "index") as opened:
        yield opened
