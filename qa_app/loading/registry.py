"""Which loader reads which file. Loaders are imported when first needed.

A loader takes a path relative to the corpus and a file's bytes, and raises BrokenFileError,
PasswordError or LimitError where it cannot make a Document of them; one without blocks has no text.
"""

from __future__ import annotations

import importlib
import os
import stat
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from qa_app.errors import (
    BrokenFileError,
    LimitError,
    NoTextError,
    UnsupportedFormatError,
)
from qa_app.loading.limits import MAX_ADDRESS_SPACE, check_characters, check_size, needs_password
from qa_app.loading.metadata import apply_overrides, complete_title
from qa_app.models import Document

if TYPE_CHECKING:
    from qa_app.loading.corpus import SourceFile

LOADER_VERSION = "8"

_LOADERS = {
    ".txt": "text:load_text",
    ".md": "markdown:load_markdown",
    ".markdown": "markdown:load_markdown",
    ".html": "html:load_html",
    ".htm": "html:load_html",
    ".xhtml": "html:load_html",
    ".pdf": "pdf.loader:load_pdf",
    ".docx": "docx:load_docx",
    ".pptx": "pptx:load_pptx",
    ".xlsx": "sheets:load_xlsx",
    ".csv": "sheets:load_csv",
    ".tsv": "sheets:load_csv",
    ".rst": "rst:load_rst",
    ".odt": "opendocument:load_opendocument",
    ".odp": "opendocument:load_opendocument",
    ".epub": "epub:load_epub",
    ".eml": "mail:load_mail",
}
_CONVERT = {
    ".doc": ("an old Word file", "docx"),
    ".dot": ("an old Word template", "docx"),
    ".rtf": ("a Rich Text file", "docx"),
    ".ppt": ("an old PowerPoint file", "pptx"),
    ".pps": ("an old PowerPoint file", "pptx"),
    ".xls": ("an old Excel file", "xlsx"),
}
_TABLES = frozenset({".csv", ".tsv"})
_OLE_MAGIC = bytes.fromhex("d0cf11e0a1b11ae1")
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")
_PACKAGES = frozenset({".docx", ".pptx", ".xlsx", ".odt", ".odp", ".epub"})


def check_suffix(path: str) -> None:
    """Raise UnsupportedFormatError unless the file's ending has a loader."""
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
    """Return the document of a file, read in this process.

    Args:
        source: a file found by ``scan``.
        ocr: read PDF pages without text with the tesseract program.

    Raises:
        LoadError: one of its kinds says why the file cannot be read.
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
    if suffix in _TABLES:
        options = {"folder": source.absolute.parent}
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
        with open(path, "rb", opener=_open_at_once) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise BrokenFileError("It is not a regular file.", "Remove it from the corpus.")
            check_size(status.st_size)
            return file.read()
    except OSError as exc:
        raise BrokenFileError(
            f"It cannot be read: {exc.strerror}.",
            "Check that the file is there and its permissions.",
        ) from exc


def _open_at_once(path: str, flags: int) -> int:
    # Non-blocking, so that a pipe put in the file's place cannot hold the build up.
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


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
