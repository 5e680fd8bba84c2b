"""The settings, from defaults, a file, environment variables and flags; later ones win.

The file is ``qa_app.toml`` in the working directory; environment variables are ``QA_APP_`` and the
setting's name in capitals, for example ``QA_APP_MODEL``. Unknown names raise an error, so that a
misspelt setting is not ignored.
"""

from __future__ import annotations

import os
import re
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
# The key for a language model's server. It is no setting: those may be in files, and are shown.
LLM_KEY_VARIABLE = "QA_APP_LLM_KEY"

# What is meant as the address of a database, well formed or not: such a text is never shown whole.
_MEANT_AS_DATABASE = re.compile(r"postgres(?:ql)?:", re.IGNORECASE)
# The same parts that libpq sees. Were it not for the strict ports, "user:password" without "@host"
# would be taken for host and port, and the password be shown.
_DATABASE = re.compile(
    r"postgres(?:ql)?://"
    r"(?:[^:@/]*(?P<password>:[^@/]*)?@)?"
    r"(?:(?:\[[^]@/?]*]|[^]:,@/?\[]*)(?::[0-9]*)?(?:,|(?=[/?]|$)))*"
    r"(?:/[^@?]*)?(?:\?[^@]*)?"
)
_BARE_PERCENT = re.compile("%(?![0-9A-Fa-f]{2})")
# libpq takes secrets as parameters too: password, sslpassword, oauth_client_secret.
_SECRET_PARAMETER = re.compile(r"([?&][a-z_]*(?:password|secret)=)[^&]*")


@dataclass(frozen=True, slots=True, repr=False)
class DatabaseUrl:
    """Address of a PostgreSQL database, in libpq's form; shown without its password.

    Attributes:
        with_password: the address as it was given; for the library that connects, and for nothing
            that is shown or stored.

    Raises:
        ConfigError: it is no such address.
    """

    with_password: str

    def __post_init__(self) -> None:
        if not _DATABASE.fullmatch(self.with_password) or _BARE_PERCENT.search(self.with_password):
            raise ConfigError(
                "The address of the database cannot be read.",
                "Write it as postgresql://USER:PASSWORD@HOST:PORT/DATABASE, in the password @ as "
                "%40, / as %2F and % as %25; or leave the password to PGPASSWORD or ~/.pgpass.",
            )

    def __str__(self) -> str:
        text = self.with_password
        parts = _DATABASE.fullmatch(text)
        if parts and parts["password"]:
            text = f"{text[: parts.start('password')]}:***{text[parts.end('password') :]}"
        return _SECRET_PARAMETER.sub(r"\1***", text)

    def __repr__(self) -> str:
        return f"DatabaseUrl({str(self)!r})"


# Where an index is kept.
Location = Path | DatabaseUrl


def index_location(text: str | Path) -> Location:
    """Return where an index is: a database if ``text`` starts like its address, else a folder.

    Raises:
        ConfigError: it is meant as the address of a database, and is none.
    """
    if _MEANT_AS_DATABASE.match(str(text)):
        return DatabaseUrl(str(text))
    return Path(text)


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the program.

    Attributes:
        corpus: folder of reports; None for the one that the index was built from, or ``corpus``
            for a new index.
        index: folder of the index, or the address of a PostgreSQL database that holds it.
        model: name or folder of a sentence-transformers model; empty for the one that the index
            was built with, or the default for a new index.
        dimension: number of the model's dimensions to use; 0 for all, or for the index's number
            if ``model`` is empty.
        query_prompt, document_prompt: prefixes of questions and passages for the model; empty for
            those in the model's files, or for the index's if ``model`` is empty.
        language: language of stemming and stop words, a Snowball name ("french") or "none"; empty
            for the index's own, or English for a new index.
        reader: name or folder of an extractive reader, "default" for the program's own, or "none"
            to choose answers only by the sentences' similarity to the question.
        reranker: name or folder of a cross-encoder that reranks the first passages; empty for
            none.
        rerank_ms: the reranker's time budget per question, in milliseconds.
        passage_tokens: approximate maximum tokens of a passage, by the model's tokenizer.
        top_k: passages shown per question.
        mode: "best", "fast", "dense" or "lexical".
        ocr: run OCR on scanned pages with the tesseract program.
        host, port: address of the web page.
        llm: address of a server with a language model, in OpenAI's form; empty for none.
        llm_model: the model's name there; empty for a server that has only one.
        llm_anywhere: allow such a server outside this machine and private networks.
    """

    corpus: Path | None = None
    index: Location = Path("index")
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
    llm: str = ""
    llm_model: str = ""
    llm_anywhere: bool = False


def load_settings(
    flags: Mapping[str, Any] | None = None,
    environment: Mapping[str, str] | None = None,
    file: Path | None = None,
) -> Settings:
    """Return the settings; flags override the environment, which overrides the file.

    Args:
        flags: command-line flags; values of None count as not given.
        environment: default ``os.environ``.
        file: default ``qa_app.toml`` in the working directory; it need not exist.

    Raises:
        ConfigError: the file cannot be read, a name is unknown or a value is invalid.
    """
    path = file or Path(SETTINGS_FILE)
    given = [
        (name, value, str(path))
        for name, value in read_tables(path, f"Mend or remove {path}.")[0].items()
    ]
    given += [
        (variable.removeprefix(ENVIRONMENT_PREFIX).lower(), value, variable)
        for variable, value in (os.environ if environment is None else environment).items()
        if variable.startswith(ENVIRONMENT_PREFIX) and variable != LLM_KEY_VARIABLE
    ]
    given += [
        (name, value, f"--{name.replace('_', '-')}")
        for name, value in (flags or {}).items()
        if value is not None
    ]
    return Settings(**{name: _convert(name, value, origin) for name, value, origin in given})


def read_tables(path: Path, form: str) -> tuple[dict[str, Any], str]:
    """Return the content of a TOML file and its text; ({}, "") if there is no file.

    Args:
        path: of the file.
        form: hint of the error, such as the form the file should have.

    Raises:
        ConfigError: the file is not TOML, or cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}, ""
    except (UnicodeDecodeError, OSError) as exc:
        raise ConfigError(f"{path} cannot be read: {exc}.", form) from exc
    return parse_tables(text, path, form), text


def parse_tables(text: str, path: Path, form: str) -> dict[str, Any]:
    """Return the content of a TOML text; ``path`` and ``form`` are as for ``read_tables``.

    Raises:
        ConfigError: it is not TOML.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError(f"{path} cannot be read: {exc}.", form) from exc


def _convert(name: str, value: Any, origin: str) -> Any:
    kinds = get_type_hints(Settings)
    if name not in kinds:
        known = ", ".join(sorted(kinds))
        raise ConfigError(f"{origin}: there is no setting {name!r}.", f"Settings are: {known}.")
    if isinstance(value, DatabaseUrl) or _MEANT_AS_DATABASE.match(str(value)):
        if name != "index":
            raise ConfigError(
                f"{origin}: {name} cannot be a database.",
                "The index can: --index postgresql://USER@HOST/DATABASE",
            )
        return value if isinstance(value, DatabaseUrl) else index_location(str(value))
    kind = _KINDS.get(name, kinds[name])
    kind = _POSITIVE if kind is int else kind
    plain = str(value) if isinstance(value, Path) else value
    if kind is bool:
        plain = _YES_NO.get(str(value).lower(), value)
    try:
        # Not strict: environment variables and flags give numbers as strings.
        return msgspec.convert(plain, kind, strict=False, dec_hook=lambda path, text: path(text))
    except msgspec.ValidationError as exc:
        wanted = _IN_WORDS.get(kinds[name], "a text")
        raise ConfigError(
            f"{origin}: {value!r} is no value for {name}.",
            f"Give {wanted}, as {getattr(Settings(), name)}.",
        ) from exc


_KINDS = {"index": Path}  # where it is no database
_POSITIVE = Annotated[int, msgspec.Meta(ge=1)]
_IN_WORDS: Mapping[Any, str] = {bool: "true or false", int: "a whole number of at least 1"}
_YES_NO = {"yes": True, "no": False}  # msgspec itself reads true, false, 1 and 0
