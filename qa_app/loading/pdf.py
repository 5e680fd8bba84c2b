"""PDF."""

from __future__ import annotations

import re

import pypdfium2 as pdfium

from qa_app.errors import BrokenFileError, NoTextError, PasswordError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_pages
from qa_app.models import BlockKind, Document


def load_pdf(path: str, content: bytes, ocr: bool = False) -> Document:
    """Return the document of a PDF file.

    Raises:
        BrokenFileError: it is damaged, or no PDF.
        LimitError: it has too many pages or too much text.
        NoTextError: no page has text.
        PasswordError: it needs a password.
    """
    del ocr
    try:
        pdf = pdfium.PdfDocument(content)
    except pdfium.PdfiumError as exc:
        if "assword" in str(exc):
            raise PasswordError(
                "It needs a password.", "Save a copy without the password."
            ) from exc
        raise BrokenFileError(f"It is damaged: {exc}.", "Save it again as PDF.") from exc
    check_pages(len(pdf))
    builder = DocumentBuilder(path, "pdf")
    for page in pdf:
        builder.start_page()
        words = page.get_textpage().get_text_range().replace("\r\n", "\n")
        for paragraph in re.split(r"(?<=[.:;?!])\n|\n\s*\n", words):
            builder.add(BlockKind.PARAGRAPH, paragraph)
    if not builder.blocks:
        raise NoTextError("No page has text: it may be a scan.", "Try again with --ocr.")
    return builder.build()
