"""One frozen Settings, from defaults, a file, the environment and flags, in that order.

The file is ``qa_app.toml`` beside ``corpus/``; the environment's names are ``QA_APP_`` and the
setting in capitals, as ``QA_APP_MODEL``. Unknown names are refused, so that a slip of the pen is
not silently the default.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import msgspec

from qa_app.errors import ConfigError

SETTINGS_FILE = "qa_app.toml"
ENVIRONMENT_PREFIX = "QA_APP_"
DEFAULT_MODEL = "all-MiniLM-L6-v2"
DEFAULT_LANGUAGE = "english"
DEFAULT_READER = "default"
NO_READER = "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a user may set.

    Attributes:
        corpus: folder of reports; None for the one that the index was made from, and for a new
            index ``corpus``.
        index: folder that holds the generations.
        model: a sentence-transformers model by name or folder; empty for the one that the index
            was made with, and for a new index the default.
        dimension: how many of the model's dimensions to use; 0 for all, or as many as the index.
        query_prompt, document_prompt: put in front of texts for the model; empty for the index's
            own, and for a new index what the model's files say.
        language: of stemming and stop words, as a Snowball name ("french") or "none"; empty for
            the index's own, and for a new index English.
        reader: an extractive reader by name or folder, "default" for the program's own, or "none"
            to answer by the sentences' likeness to the question alone.
        reranker: a cross-encoder by name or folder, which ranks the first passages anew; empty for
            none.
        rerank_ms: milliseconds that it may take for a question.
        passage_tokens: most tokens of a passage, by the model's own tokenizer.
        top_k: passages shown for a question.
        mode: "best", "fast", "dense" or "lexical".
        ocr: read scanned pages with the tesseract program.
        host, port: where the page is served.
    """

    corpus: Path | None = None
    index: Path = Path("index")
    model: str = ""
    dimension: int = 0
    query_prompt: str = ""
    document_prompt: str = ""
    language: str = ""
    reader: str = DEFAULT_READER
    reranker: str = ""
    rerank_ms: int = 300
    passage_tokens: int = 200
    top_k: int = 8
    mode: str = "best"
    ocr: bool = False
    host: str = "127.0.0.1"
    port: int = 7860


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Return the settings; flags win over the environment, which wins over the file.

    Args:
        flags: given on the command line; values of None count as not given.
        environment: ``os.environ`` unless told.
        file: ``qa_app.toml`` in the working directory unless told; it need not exist.

    Raises:
        ConfigError: an unknown name, or a value of the wrong kind.
    """
    path = file or Path(SETTINGS_FILE)
    given = [
        (name, value, str(path))
        for name, value in read_tables(path, f"Mend or remove {path}.")[0].items()
    ]
    given += [
        (variable.removeprefix(ENVIRONMENT_PREFIX).lower(), value, variable)
        for variable, value in (os.environ if environment is None else environment).items()
        if variable.startswith(ENVIRONMENT_PREFIX)
    ]
    given += [
        (name, value, f"--{name.replace('_', '-')}")
        for name, value in (flags or {}).items()
        if value is not None
    ]
    return Settings(**{name: _convert(name, value, origin) for name, value, origin in given})


def read_tables(path: Path, form: str) -> tuple[dict[str, Any], str]:
    """Return the tables of a file that the user writes, and its text.

    Args:
        path: of the file; without one there are no tables.
        form: says what the file looks like.

    Raises:
        ConfigError: the file is not TOML, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        return tomllib.loads(text), text
    except FileNotFoundError:
        return {}, ""
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}.", form) from exc


def _convert(name: str, value: Any, origin: str) -> Any:
    kinds = get_type_hints(Settings)
    if name not in kinds:
        known = ", ".join(sorted(kinds))
        raise ConfigError(f"{origin}: there is no setting {name!r}.", f"Settings are: {known}.")
    kind = _POSITIVE if kinds[name] is int else kinds[name]
    plain = str(value) if isinstance(value, Path) else value
    if kind is bool:
        plain = _YES_NO.get(str(value).lower(), value)
    try:
        # Not strict: in the environment and on the command line a number is a text.
        return msgspec.convert(plain, kind, strict=False, dec_hook=lambda path, text: path(text))
    except msgspec.ValidationError as exc:
        wanted = _IN_WORDS.get(kinds[name], "a text")
        raise ConfigError(
            f"{origin}: {value!r} is no value for {name}.",
            f"Give {wanted}, as {getattr(Settings(), name)}.",
        ) from exc


_POSITIVE = Annotated[int, msgspec.Meta(ge=1)]
_IN_WORDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number of at least 1"}
_YES_NO = {"yes": True, "no": False}  # msgspec itself reads true, false, 1 and 0
