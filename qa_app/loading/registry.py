"""Chooses the loader of a file by its ending. Loaders are imported when first needed.

A loader takes a path relative to the corpus and a file's bytes, and returns a Document, without
blocks if the file has no text. It raises BrokenFileError, PasswordError or LimitError if it cannot.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from qa_app.errors import BrokenFileError, LimitError, NoTextError, UnsupportedFormatError
from qa_app.loading.limits import MAX_ADDRESS_SPACE, check_characters, check_size, needs_password
from qa_app.loading.metadata import apply_overrides, complete_title
from qa_app.models import Document

# Recorded in the index: raise it when the same files would give other Documents.
LOADER_VERSION = "9"

_LOADERS = {
    ".txt": "plain:load_text",
    ".rst": "plain:load_rst",
    ".md": "markdown:load_markdown",
    ".markdown": "markdown:load_markdown",
    ".html": "html:load_html",
    ".htm": "html:load_html",
    ".xhtml": "html:load_html",
    ".pdf": "pdf.loader:load_pdf",
    ".docx": "docx:load_docx",
    ".pptx": "pptx:load_pptx",
    ".xlsx": "sheets:load_spreadsheet",
    ".xlsm": "sheets:load_spreadsheet",
    ".xls": "sheets:load_spreadsheet",
    ".ods": "sheets:load_spreadsheet",
    ".csv": "sheets:load_csv",
    ".tsv": "sheets:load_csv",
    ".rtf": "rtf:load_rtf",
    ".odt": "odf:load_odf",
    ".odp": "odf:load_odf",
    ".epub": "epub:load_epub",
    ".eml": "mail:load_mail",
}
# Formats that no library reads well: the refusal says how to convert them.
_CONVERT = {
    ".doc": ("an old Word file", "docx"),
    ".dot": ("an old Word template", "docx"),
    ".ppt": ("an old PowerPoint file", "pptx"),
    ".pps": ("an old PowerPoint file", "pptx"),
}
# First bytes of an OLE file: an old Office file, or an encrypted new one if it also has a stream
# of the name below.
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
# Endings of formats that are zip packages.
_PACKAGES = frozenset({".docx", ".pptx", ".xlsx", ".xlsm", ".ods", ".odt", ".odp", ".epub"})


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file of the corpus that has a loader.

    Attributes:
        path: relative to the corpus, with forward slashes.
        absolute: its path on this machine.
        size: in bytes.
        mtime_ns: time of the last change, in nanoseconds since the epoch.
        overrides: its facts from metadata.toml, as sorted (name, value) pairs.
    """

    path: str
    absolute: Path
    size: int
    mtime_ns: int
    overrides: tuple[tuple[str, str], ...] = ()


def check_suffix(path: str) -> None:
    """Raise UnsupportedFormatError unless there is a loader for the file's ending."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _CONVERT:
        kind, target = _CONVERT[suffix]
        raise UnsupportedFormatError(
            f"It is {kind} ({suffix}), which cannot be read.",
            f"Convert it: soffice --headless --convert-to {target} {PurePosixPath(path).name}",
        )
    if suffix not in _LOADERS:
        known = ", ".join(sorted(_LOADERS))
        kind = f"Files ending in {suffix}" if suffix else "Files without an ending"
        raise UnsupportedFormatError(f"{kind} cannot be read.", f"These can: {known}.")


def load(source: SourceFile, ocr: bool = False) -> Document:
    """Return the document of a file, parsed in this process, with metadata.toml applied.

    Args:
        source: a file found by ``scan``.
        ocr: read PDF pages without text with the tesseract program.

    Raises:
        LoadError: a subclass that says why the file cannot be read.
    """
    check_suffix(source.path)
    suffix = PurePosixPath(source.path).suffix.lower()
    content = _read(source.absolute)
    _check_content(suffix, content)
    module, name = _LOADERS[suffix].split(":")
    loader: Callable[..., Document] = getattr(
        importlib.import_module(f"qa_app.loading.{module}"), name
    )
    options: dict[str, object] = {"ocr": ocr} if suffix == ".pdf" else {}
    try:
        document = loader(source.path, content, **options)
    except MemoryError as exc:
        raise LimitError(
            f"Reading it takes more than {MAX_ADDRESS_SPACE / 2**30:.1f} GB of memory.",
            "Split it into smaller files.",
        ) from exc
    except RecursionError as exc:
        raise LimitError(
            "Its parts are nested too deeply.", "Save it again from its own program."
        ) from exc
    check_characters(len(document.text))
    if not document.blocks:
        raise NoTextError(
            "It has no text in it.",
            "Put the full file there. Words in pictures can be read from a PDF file alone, where "
            "whoever builds the index asks for OCR: qa-app build --ocr",
        )
    return complete_title(apply_overrides(document, source.overrides))


def _read(path: Path) -> bytes:
    try:
        check_size(path.stat().st_size)
        # If a pipe or device has replaced the file, the worker's limits stop the read.
        return path.read_bytes()
    except OSError as exc:
        raise BrokenFileError(
            f"It cannot be read: {exc.strerror}.",
            "Check that the file is there and its permissions.",
        ) from exc


def _check_content(suffix: str, content: bytes) -> None:
    if not content:
        raise NoTextError("The file is empty.", "Remove it, or put the full file there.")
    if suffix in _PACKAGES and content.startswith(_OLE_MAGIC):
        if _ENCRYPTED in content:
            raise needs_password()
        raise UnsupportedFormatError(
            f"It is an old Office file with the ending {suffix}.",
            f"Open it and save it as {suffix.lstrip('.')}.",
        )
