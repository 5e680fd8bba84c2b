"""Text to unit vectors. Only this module and ``reader`` import torch and what stands on it.

Importing those takes seconds, so it happens at the first text, not before: what a model *is*
(its name, the hash of its weights, its dimension) is read from its files.
"""

from __future__ import annotations

import os
import platform
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qa_app.arrays import FloatArray, SpanArray
from qa_app.errors import EmbeddingError
from qa_app.model_files import find_folder, read_identity, refuse_code
from qa_app.models import ModelIdentity
from qa_app.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Progress = Callable[[int], None]
# Takes a text's position and the unit vectors of its tokens, shape (tokens, dimension).
KeepTokens = Callable[[int, FloatArray], None]

_BATCH = 32
# Questions that are kept: each is encoded several times while it is answered.
_KEPT_QUESTIONS = 16


class Encoder(Protocol):
    """What the rest of the program asks of a model."""

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is, known without loading it."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens left out."""

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep_tokens: KeepTokens | None = None,
    ) -> FloatArray:
        """Return float32 unit rows, shape (len(texts), dimension).

        Args:
            progress: called with the number of texts just done.
            keep_tokens: called once for each text, in any order, by encoders that have token
                vectors; the same pass through the model makes both.
        """

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        """Return where in each text its tokens stand, int32, shape (tokens, 2).

        As many as ``keep_tokens`` is given vectors; (0, 0) for what is not in the text.
        """

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 unit rows, shape (len(texts), dimension)."""

    def encode_query_tokens(self, text: str) -> FloatArray:
        """Return the unit vectors of a question's tokens, shape (tokens, dimension)."""


class SentenceTransformerEncoder:
    """A sentence-transformers model on the CPU, from a folder of safetensors weights.

    Args:
        model: ``all-MiniLM-L6-v2`` (installed with the program), another model's name if it is
            in the local cache, or a folder.
        dimension: how many of the model's dimensions to use, 0 for all. The first ones are kept,
            which suits models that were trained for it (Matryoshka).
        query_prompt, document_prompt: put in front of texts instead of what the model's files
            say.

    Raises:
        EmbeddingError: there is no such model here, its folder holds files that can run code, the
            default model's weights are not the published ones, or it has fewer dimensions.
    """

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        dimension: int = 0,
        query_prompt: str = "",
        document_prompt: str = "",
    ) -> None:
        self._folder = find_folder(model)
        self._cut = dimension or None
        self._lock = threading.Lock()
        self._model: Any = None
        self._tokenizer: Tokenizer | None = None
        self._question = lru_cache(_KEPT_QUESTIONS)(self._encode_question)
        refuse_code(self._folder)
        self._identity = read_identity(
            model, self._folder, dimension, query_prompt, document_prompt
        )

    @property
    def identity(self) -> ModelIdentity:
        """Which model this is, known without loading it."""
        return self._identity

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """As ``Encoder.count_tokens``."""
        tokenizer = self._load_tokenizer()
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        """As ``Encoder.token_spans``."""
        prompt, most = self._identity.document_prompt, self._identity.max_tokens
        encodings = self._load_tokenizer().encode_batch([prompt + text for text in texts])
        found = []
        for encoding in encodings:
            spans = np.array(encoding.offsets, dtype=np.int32).reshape(-1, 2)
            if len(spans) > most:
                # What is cut off is the text's end, not the mark behind it.
                spans = np.concatenate([spans[: most - 1], spans[-1:]])
            found.append(np.maximum(spans - len(prompt), 0))
        return found

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep_tokens: KeepTokens | None = None,
    ) -> FloatArray:
        """As ``Encoder.encode_documents``."""
        # Longest first: a batch is padded to its longest text, and the slowest batch comes first.
        order = np.argsort([-len(text) for text in texts], kind="stable")
        rows = np.empty((len(texts), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            some = [texts[i] for i in chosen]
            if keep_tokens is None:
                rows[chosen] = self._encode(some, queries=False)
            else:
                rows[chosen], tokens = self._encode_with_tokens(some, queries=False)
                for place, vectors in zip(chosen, tokens, strict=True):
                    keep_tokens(int(place), vectors)
            if progress is not None:
                progress(len(chosen))
        return rows

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """As ``Encoder.encode_queries``."""
        if len(texts) == 1:
            return self._question(texts[0])[0].copy()
        return self._encode(texts, queries=True)

    def encode_query_tokens(self, text: str) -> FloatArray:
        """As ``Encoder.encode_query_tokens``."""
        return self._question(text)[1].copy()

    def _encode_question(self, text: str) -> tuple[FloatArray, FloatArray]:
        row, tokens = self._encode_with_tokens([text], queries=True)
        return row, tokens[0]

    def _encode_with_tokens(
        self, texts: Sequence[str], queries: bool
    ) -> tuple[FloatArray, list[FloatArray]]:
        """Return the texts' unit rows, and each text's tokens', from one pass."""
        found = self._run(texts, queries, output_value=None)
        rows = np.stack([item["sentence_embedding"].float().numpy() for item in found])
        tokens = [
            item["token_embeddings"][item["attention_mask"].bool()].float().numpy()
            for item in found
        ]
        return self._checked(rows), [unit_rows(vectors) for vectors in tokens]

    def _encode(self, texts: Sequence[str], queries: bool) -> FloatArray:
        if not texts:
            return np.empty((0, self._identity.dimension), dtype=np.float32)
        found = self._run(texts, queries, convert_to_numpy=True)
        return self._checked(np.asarray(found, dtype=np.float32))

    def _run(self, texts: Sequence[str], queries: bool, **options: Any) -> Any:
        """Return what the library makes of the texts, its way for queries or for documents."""
        model, identity = self._load(), self._identity
        encode = model.encode_query if queries else model.encode_document
        # Always given: left to itself the library would not find a prompt called "passage".
        prompt = identity.query_prompt if queries else identity.document_prompt
        with self._lock, _one_thread() if queries else nullcontext():
            return encode(
                list(texts), prompt=prompt, batch_size=_BATCH, show_progress_bar=False, **options
            )

    def _checked(self, rows: FloatArray) -> FloatArray:
        if rows.shape[1] != self._identity.dimension:
            raise EmbeddingError(
                f"The files of {self._identity.name} speak of {self._identity.dimension} "
                f"dimensions; its vectors have {rows.shape[1]}.",
                "Save the model again with sentence-transformers.",
            )
        # Weights may be bfloat16: its rounding is taken out of the length here.
        return unit_rows(rows)

    def _load_tokenizer(self) -> Tokenizer:
        if self._tokenizer is None:
            from tokenizers import Tokenizer

            tokenizer = Tokenizer.from_file(str(self._folder / "tokenizer.json"))
            tokenizer.no_truncation()
            tokenizer.no_padding()
            self._tokenizer = tokenizer
        return self._tokenizer

    def _load(self) -> Any:
        with self._lock:
            if self._model is None:
                self._model = load_model(self._folder, truncate_dim=self._cut)
            return self._model


@contextmanager
def _one_thread() -> Iterator[None]:
    """Keep torch from sharing one question among threads.

    It is too short to gain much by it, and on a busy machine the threads wait for each other:
    ten times as long (benchmarks/RESULTS.md).
    """
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def unit_rows(rows: FloatArray) -> FloatArray:
    """Return the rows at length 1, float32; rows of zeros stay so."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def load_model(folder: Path, kind: str = "SentenceTransformer", **options: Any) -> Any:
    """Return the sentence-transformers model in a folder: safetensors only, no code, no network.

    Args:
        folder: checked by ``refuse_code``.
        kind: the library's class, "SentenceTransformer" or "CrossEncoder".
        options: more of the class's own.
    """
    with model_libraries() as (_, _, dtype):
        import sentence_transformers

        try:
            return getattr(sentence_transformers, kind)(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": dtype, "use_safetensors": True},
                **options,
            )
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            raise EmbeddingError(
                f"The model in {folder} cannot be loaded: {exc}",
                f"Give the folder of a {kind} of sentence-transformers saved as safetensors.",
            ) from exc


@contextmanager
def model_libraries() -> Iterator[tuple[Any, Any, Any]]:
    """Yield torch, transformers and the type of weights for this CPU, kept off the network."""
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with warnings.catch_warnings():
        # Third-party import noise is not the user's business; our own warnings are not caught.
        warnings.simplefilter("ignore")
        import torch
        import transformers
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        yield torch, transformers, torch.bfloat16 if _has_bfloat16() else torch.float32


def _has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 natively: 2 to 3 times as fast as float32."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
