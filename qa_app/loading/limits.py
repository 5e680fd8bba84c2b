"""Limits on the size, time and memory of reading a file, and checks made before parsing."""

from __future__ import annotations

import io
import zipfile
import zlib

from qa_app.errors import BrokenFileError, LimitError, PasswordError

MAX_BYTES = 100 * 2**20  # of a file, in the corpus or uploaded to the web page
MAX_PAGES = 5_000  # of a PDF or slides of a presentation
MAX_CHARACTERS = 20_000_000  # of a document's text: about 6,000 pages
MAX_ADDRESS_SPACE = 1536 * 2**20  # bytes of a worker's address space, libraries included
MAX_SECONDS = 20.0  # per file, wall clock and CPU time each
MAX_OCR_SECONDS = 900.0  # wall clock per file with OCR, which takes seconds per page
MAX_ZIP_PARTS = 5_000  # files in a package, against zip bombs
MAX_ZIP_BYTES = 256 * 2**20  # total expanded size of a package, against zip bombs

_SPLIT_HINT = "Split it into smaller files."
_XML_SUFFIXES = (".xml", ".rels", ".vml")


def check_size(size: int) -> None:
    """Raise LimitError for a file of more than ``MAX_BYTES``."""
    if size > MAX_BYTES:
        raise LimitError(
            f"The file has {size / 2**20:,.0f} MB; the limit is {MAX_BYTES // 2**20} MB.",
            _SPLIT_HINT,
        )


def needs_password() -> PasswordError:
    """Return the error for an encrypted file, for the caller to raise."""
    return PasswordError("It is protected by a password.", "Save a copy without the password.")


def check_pages(pages: int) -> None:
    """Raise LimitError for a document of more than ``MAX_PAGES``."""
    if pages > MAX_PAGES:
        raise LimitError(f"It has {pages:,} pages; the limit is {MAX_PAGES:,}.", _SPLIT_HINT)


def check_characters(characters: int) -> None:
    """Raise LimitError for text of more than ``MAX_CHARACTERS``."""
    if characters > MAX_CHARACTERS:
        raise LimitError(
            f"Its text has {characters:,} characters; the limit is {MAX_CHARACTERS:,}.",
            _SPLIT_HINT,
        )


def open_zip(content: bytes, refuse_doctype: bool = True) -> zipfile.ZipFile:
    """Open a zip package after checking its number of parts and its expanded size.

    Args:
        refuse_doctype: refuse XML parts that declare a DOCTYPE or entities, which Office never
            writes and which can make a parser expand entities without end.

    Raises:
        LimitError: it has too many parts, or its expanded size is too large.
        BrokenFileError: it is not a zip file, or an XML part was refused.
        PasswordError: a part is encrypted.
    """
    try:
        package = zipfile.ZipFile(io.BytesIO(content))
        parts = package.infolist()
        _check_parts(parts)
        if refuse_doctype:
            _refuse_doctype(package, parts)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as exc:
        raise BrokenFileError(
            f"The file is damaged: {exc}.", "Open it in its own program and save it again."
        ) from exc
    return package


def _check_parts(parts: list[zipfile.ZipInfo]) -> None:
    if len(parts) > MAX_ZIP_PARTS:
        raise LimitError(
            f"The file is a package of {len(parts):,} parts; the limit is {MAX_ZIP_PARTS:,}.",
            _SPLIT_HINT,
        )
    expanded = sum(part.file_size for part in parts)
    if expanded > MAX_ZIP_BYTES:
        raise LimitError(
            f"The file expands to {expanded / 2**20:,.0f} MB; the limit is "
            f"{MAX_ZIP_BYTES // 2**20} MB.",
            _SPLIT_HINT,
        )
    if any(part.flag_bits & 1 for part in parts):
        raise needs_password()


def _refuse_doctype(package: zipfile.ZipFile, parts: list[zipfile.ZipInfo]) -> None:
    for part in parts:
        if part.filename.lower().endswith(_XML_SUFFIXES):
            with package.open(part) as file:
                # Removing null bytes finds the declaration in UTF-16 parts too.
                start = file.read(4096).replace(b"\0", b"").upper()
            if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                raise BrokenFileError(
                    f"Its part {part.filename} defines entities, which no Office program writes.",
                    "Open it in its own program and save it again.",
                )
