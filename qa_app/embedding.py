"""Encode text as unit vectors. Only this module, ``bert`` and ``reader`` import torch.

Importing these takes seconds, so they are imported when the first text is encoded. A model's
identity (name, hash of its weights, dimension) is read from its files without them.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from qa_app.arrays import FloatArray, IntArray, SpanArray
from qa_app.errors import EmbeddingError
from qa_app.model_files import find_folder, read_identity, refuse_code
from qa_app.models import ModelIdentity
from qa_app.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from tokenizers import Tokenizer

Progress = Callable[[int], None]
# Called with a text's index, its vector and those of its tokens, float32 unit rows, shape
# (tokens, dim), as soon as they are computed.
Keep = Callable[[int, FloatArray, FloatArray], None]

_BATCH = 32  # texts per pass through the model, sentence-transformers' default
# Kernels that torch, for each thread, and oneDNN keep, one for each shape of a matrix: about half
# a megabyte each. A server meets hundreds of lengths, and by default 1,024 are kept a thread:
# memory grew by 700 MB (benchmarks/RESULTS.md). One batch needs some 40, again in each layer.
_KEPT_KERNELS = "128"
# Questions whose vectors are cached: each is needed several times while it is answered.
_KEPT_QUESTIONS = 16


class Encoder(Protocol):
    """Interface of an embedding model for the rest of the program."""

    @property
    def identity(self) -> ModelIdentity:
        """Name, hash and settings of the model, known without loading it."""

    def load(self) -> None:
        """Load the model now, so that the first text does not wait for it."""

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, without special tokens."""

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep: Keep | None = None,
    ) -> FloatArray:
        """Return the texts' vectors, float32 unit rows, shape (len(texts), dimension).

        Args:
            progress: called with the number of texts just encoded.
            keep: called once per text, in any order, by encoders that have token vectors; both
                kinds of vector come from the same pass through the model.
        """

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        """Return each text's token spans (start, end) in characters, int32, shape (tokens, 2).

        There is one for each token vector that ``keep`` receives; (0, 0) for tokens that are not
        in the text, such as special tokens.
        """

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Return the questions' vectors, float32 unit rows, shape (len(texts), dimension)."""

    def encode_query_tokens(self, text: str) -> FloatArray:
        """Return a question's token vectors, float32 unit rows, shape (tokens, dimension)."""


class SentenceTransformerEncoder:
    """A sentence-transformers model on the CPU, with weights as safetensors.

    The default model runs in ``bert``, which is loaded sooner; any other in the library.

    Args:
        model: ``all-MiniLM-L6-v2`` (installed with the program), the name of another model in the
            local Hugging Face cache, or a folder.
        dimension: number of dimensions to use, the first ones; 0 for all. Fewer than all suit only
            models trained for it (Matryoshka).
        query_prompt, document_prompt: prefixes of questions and passages; "" for those in the
            model's files.

    Raises:
        EmbeddingError: there is no such model on this machine, its folder contains files that can
            run code or has no safetensors, the default model's weights are not the published ones,
            or it has fewer dimensions.
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
        """As ``Encoder.identity``."""
        return self._identity

    def load(self) -> None:
        """As ``Encoder.load``."""
        self._load()

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
                # The model cuts off the end of the text and keeps the final special token.
                spans = np.concatenate([spans[: most - 1], spans[-1:]])
            found.append(np.maximum(spans - len(prompt), 0))
        return found

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep: Keep | None = None,
    ) -> FloatArray:
        """As ``Encoder.encode_documents``."""
        rows = np.empty((len(texts), self._identity.dimension), dtype=np.float32)
        if not texts:
            return rows
        batches = self._batches(texts, self._identity.document_prompt)

        def encode(chosen: IntArray) -> tuple[FloatArray, list[Any]]:
            return self._run([texts[i] for i in chosen], queries=False)

        self.load()
        with ThreadPoolExecutor(torch_threads()) as pool:
            for chosen, (found, tokens) in zip(batches, pool.map(encode, batches), strict=True):
                rows[chosen] = found
                if keep is not None:
                    for place, vector, own in zip(chosen.tolist(), found, tokens, strict=True):
                        keep(place, vector, _token_rows(own))
                if progress is not None:
                    progress(len(chosen))
        return rows

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """As ``Encoder.encode_queries``."""
        if len(texts) == 1:
            return self._question(texts[0])[0].copy()
        rows = np.empty((len(texts), self._identity.dimension), dtype=np.float32)
        for chosen in self._batches(texts, self._identity.query_prompt):
            rows[chosen] = self._run([texts[i] for i in chosen], queries=True)[0]
        return rows

    def encode_query_tokens(self, text: str) -> FloatArray:
        """As ``Encoder.encode_query_tokens``."""
        return self._question(text)[1].copy()

    def _encode_question(self, text: str) -> tuple[FloatArray, FloatArray]:
        rows, tokens = self._run([text], queries=True)
        return rows, _token_rows(tokens[0])

    def _batches(self, texts: Sequence[str], prompt: str) -> list[IntArray]:
        lengths = [len(ids) for ids in self._ids([prompt + text for text in texts])]
        return batches_by_length(lengths, _BATCH)

    def _run(self, texts: Sequence[str], queries: bool) -> tuple[FloatArray, list[Any]]:
        """Return one batch's vectors, unit rows, and each text's token vectors as a tensor."""
        model, identity = self._load(), self._identity
        prompt = identity.query_prompt if queries else identity.document_prompt
        with one_thread():
            if identity.name == DEFAULT_MODEL:
                rows, tokens = model.encode(self._ids([prompt + text for text in texts]))
                rows = rows[:, : self._cut]
            else:
                encode = model.encode_query if queries else model.encode_document
                # The prompt is always passed, because the library by itself would not find one
                # called "passage".
                found = encode(
                    list(texts),
                    prompt=prompt,
                    batch_size=_BATCH,
                    show_progress_bar=False,
                    output_value=None,
                )
                rows = np.stack([item["sentence_embedding"].float() for item in found])
                tokens = [item["token_embeddings"][item["attention_mask"].bool()] for item in found]
        if rows.shape[1] != identity.dimension:
            raise EmbeddingError(
                f"The files of {identity.name} speak of {identity.dimension} dimensions; its "
                f"vectors have {rows.shape[1]}.",
                "Save the model again with sentence-transformers.",
            )
        # The model may compute in bfloat16, whose rounding changes the length: normalise again.
        return unit_rows(rows), tokens

    def _ids(self, texts: Sequence[str]) -> list[list[int]]:
        """Return the texts' tokens, special tokens included, cut to the model's most."""
        most = self._identity.max_tokens
        found = [item.ids for item in self._load_tokenizer().encode_batch_fast(list(texts))]
        return [ids if len(ids) <= most else [*ids[: most - 1], ids[-1]] for ids in found]

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
                if self._identity.name == DEFAULT_MODEL:
                    with quiet_libraries():
                        from qa_app.bert import BertEncoder

                        torch_threads()  # kept before anything sets it
                        self._model = BertEncoder.load(self._folder)
                else:
                    model = load_model(self._folder, truncate_dim=self._cut)
                    # The first call sets its tokenizer's padding, which threads must not do at
                    # once.
                    model.encode(["first"], show_progress_bar=False)
                    self._model = model
            return self._model


@cache
def torch_threads() -> int:
    """Return the number of threads that torch takes by itself, as long as nothing has set it."""
    import torch

    return int(torch.get_num_threads())


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread in this thread; several may do so at once.

    Whole batches side by side take a fifth less processor time than each batch on all cores, and on
    a busy machine the threads of one batch wait for each other: 10 times as slow
    (benchmarks/RESULTS.md). Results are the same to the last bit.
    """
    import torch

    threads = torch_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)  # threads started later take over the number set last


def batches_by_length(lengths: Sequence[int], most: int) -> list[IntArray]:
    """Return the places of texts in batches of one length in tokens, longest first.

    Without padding nothing is computed for nothing (sorted by characters, a third was padding),
    attention needs no mask, and what is computed of a text does not depend on its batch, not even
    in the last bit.
    """
    ordered = np.array(lengths)
    order = np.argsort(-ordered, kind="stable")
    alike = np.split(order, np.flatnonzero(np.diff(ordered[order])) + 1)
    return [group[start : start + most] for group in alike for start in range(0, len(group), most)]


def _token_rows(vectors: Any) -> FloatArray:
    """Return a text's token vectors, a tensor, as unit rows."""
    return unit_rows(vectors.float().numpy())


def unit_rows(rows: FloatArray) -> FloatArray:
    """Return the rows scaled to length 1, float32; rows of zeros stay zeros."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def load_model(folder: Path, kind: str = "SentenceTransformer", **options: Any) -> Any:
    """Load a sentence-transformers model onto the CPU: safetensors only, no code, no network.

    Args:
        folder: must have passed ``refuse_code``.
        kind: class of the library, "SentenceTransformer" or "CrossEncoder".
        options: further arguments of the class.

    Raises:
        EmbeddingError: it cannot be loaded.
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
def quiet_libraries() -> Iterator[None]:
    """Suppress warnings in the block, and for good access to the network and kernels without end.

    Their warnings on import and loading mean nothing to the user.
    """
    # Read once, when the libraries are loaded.
    for variable in ("LRU_CACHE_CAPACITY", "ONEDNN_PRIMITIVE_CACHE_CAPACITY"):
        os.environ.setdefault(variable, _KEPT_KERNELS)
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def model_libraries() -> Iterator[tuple[Any, Any, Any]]:
    """Yield torch, transformers and the weights' dtype for this CPU, as ``quiet_libraries``."""
    with quiet_libraries():
        import torch
        import transformers
        from transformers.utils import logging as transformers_logging

        from qa_app.bert import weights_dtype

        transformers_logging.disable_progress_bar()
        torch_threads()  # kept before anything sets it
        yield torch, transformers, weights_dtype()
