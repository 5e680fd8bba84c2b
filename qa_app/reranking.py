"""Rerank the first passages with a cross-encoder, which reads question and passage together.

It is the most accurate way to rank and the slowest, so it has a time budget per question and reads
as many passages as fit into it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from qa_app.arrays import FloatArray
from qa_app.embedding import (
    load_model,
)
from qa_app.errors import EmbeddingError
from qa_app.model_files import find_folder, read_json, refuse_code

# Maximum passages per pass through the model; the time is checked between passes.
_BATCH = 8
# First estimate of seconds per passage, deliberately high; replaced by measurement.
_SECONDS_PER_PASSAGE = 0.05


class Reranker:
    """A sentence-transformers cross-encoder on the CPU. Safe to use from several threads.

    Args:
        model: its folder, or its name if it is in the local Hugging Face cache. Nothing is
            downloaded.
        budget: seconds per question, not counting the loading of the model.

    Raises:
        EmbeddingError: there is no such model on this machine, it is not a cross-encoder, or its
            folder contains files that can run code.
    """

    def __init__(self, model: str, budget: float = 0.3) -> None:
        self._folder = find_folder(model)
        refuse_code(self._folder)
        _check_kind(model, self._folder)
        self._name = model
        self._budget = budget
        self._lock = threading.Lock()
        self._model: Any = None
        # Not locked: threads may overwrite each other's estimate, and either will do.
        self._pace = _SECONDS_PER_PASSAGE

    def score(self, question: str, passages: Sequence[str]) -> FloatArray:
        """Return the scores of as many of the first passages as fit into the budget, at least one.

        float32, shape (number of passages read,); higher is better.

        Raises:
            EmbeddingError: the model cannot be loaded, or its scores are unusable.
        """
        model = self.load()
        started = time.perf_counter()
        scores: list[float] = []
        while len(scores) < len(passages):
            spent = time.perf_counter() - started
            fitting = int((self._budget - spent) / self._pace)
            if scores and fitting < 1:
                break
            batch = passages[len(scores) :][: max(min(fitting, _BATCH), 1)]
            scores += self._predict(model, question, batch)
            self._pace = (time.perf_counter() - started) / len(scores)
        return np.array(scores, dtype=np.float32)

    def _predict(self, model: Any, question: str, passages: Sequence[str]) -> list[float]:
        pairs = [(question, passage) for passage in passages]
        with self._lock:
            found = np.asarray(model.predict(pairs, batch_size=_BATCH, show_progress_bar=False))
        if found.shape != (len(passages),) or not np.isfinite(found).all():
            raise EmbeddingError(
                f"The reranker {self._name} gives no score that can rank.",
                "Use a cross-encoder with one label.",
            )
        return [float(score) for score in found]

    def load(self) -> Any:
        """Return the model, loading it if necessary; call it early to spare the first question."""
        with self._lock:
            if self._model is None:
                model = load_model(self._folder, "CrossEncoder")
                # The first pass is slow, and would distort the estimate of the pace.
                model.predict([("", "")], show_progress_bar=False)
                self._model = model
            return self._model


def _check_kind(name: str, folder: Path) -> None:
    config = read_json(folder / "config.json")
    config |= read_json(folder / "config_sentence_transformers.json")
    # Given another model, the library would add a classification head with random weights.
    kinds = (*(config.get("architectures") or ()), config.get("model_type", ""))
    if not any(str(kind).endswith(("ForSequenceClassification", "CrossEncoder")) for kind in kinds):
        raise EmbeddingError(
            f"The model {name!r} is no cross-encoder.",
            "A reranker reads question and passage together: give a sentence-transformers "
            "CrossEncoder, or leave --reranker out.",
        )
