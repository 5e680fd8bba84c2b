"""What a file may cost, and the checks made before a parser sees it."""

from __future__ import annotations

import io
import zipfile
import zlib

from qa_app.errors import BrokenFileError, LimitError, PasswordError

MAX_BYTES = 100 * 2**20  # of a file; of one that is sent to the page too
MAX_PAGES = 5_000
MAX_CHARACTERS = 20_000_000  # of text: some 6,000 pages
MAX_ADDRESS_SPACE = 1536 * 2**20  # bytes that a worker may map, libraries included
MAX_SECONDS = 20.0  # to parse a file, by the clock and of CPU time
MAX_OCR_SECONDS = 900.0  # to parse one with OCR, which takes seconds a page
MAX_ZIP_PARTS = 5_000
MAX_ZIP_BYTES = 256 * 2**20  # that a package may expand to

_SPLIT_HINT = "Split it into smaller files."
_XML_SUFFIXES = (".xml", ".rels", ".vml")


def check_size(size: int) -> None:
    """Refuse a file of more than ``MAX_BYTES``."""
    if size > MAX_BYTES:
        raise LimitError(
            f"The file has {size / 2**20:,.0f} MB; the limit is {MAX_BYTES // 2**20} MB.",
            _SPLIT_HINT,
        )


def needs_password() -> PasswordError:
    """Return the error of a file that is encrypted."""
    return PasswordError("It is protected by a password.", "Save a copy without the password.")


def check_pages(pages: int) -> None:
    """Refuse a document of more than ``MAX_PAGES`` pages."""
    if pages > MAX_PAGES:
        raise LimitError(f"It has {pages:,} pages; the limit is {MAX_PAGES:,}.", _SPLIT_HINT)


def check_characters(characters: int) -> None:
    """Refuse text of more than ``MAX_CHARACTERS``."""
    if characters > MAX_CHARACTERS:
        raise LimitError(
            f"Its text has {characters:,} characters; the limit is {MAX_CHARACTERS:,}.",
            _SPLIT_HINT,
        )


def open_zip(content: bytes, refuse_doctype: bool = True) -> zipfile.ZipFile:
    """Open a zip package after checking what it would expand to.

    Args:
        content: the package.
        refuse_doctype: refuse XML parts that define a document type, which Office never writes
            and which can make a parser expand entities without end.

    Raises:
        LimitError: it has too many parts, or is too large when expanded.
        BrokenFileError: it is no zip file, or an XML part has a DOCTYPE.
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
                # Nulls go so that a UTF-16 part does not hide one.
                start = file.read(4096).replace(b"\0", b"").upper()
            if b"<!DOCTYPE" in start or b"<!ENTITY" in start:
                raise BrokenFileError(
                    f"Its part {part.filename} defines entities, which no Office program writes.",
                    "Open it in its own program and save it again.",
                )
