"""PDF: structured text, its positions on the pages, and the printed page numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median
from typing import Any

from pypdfium2 import PdfiumError

from qa_app.errors import BrokenFileError, NoTextError
from qa_app.loading.builder import INVISIBLE, clean
from qa_app.loading.limits import check_characters, check_pages
from qa_app.loading.metadata import collect, iso_date, title_from_path
from qa_app.loading.pdf.block_writer import BlockWriter
from qa_app.loading.pdf.blocks import Draft, draft_blocks, mark_headings
from qa_app.loading.pdf.glyphs import RESAVE, open_pdf
from qa_app.loading.pdf.headers_footers import strip_headers_footers
from qa_app.loading.pdf.layout import arrange
from qa_app.loading.pdf.lines import PageText, read_page
from qa_app.loading.pdf.ocr import BY_OCR, NO_TESSERACT, find_tesseract, read_image
from qa_app.models import BlockKind, Document, MetadataField
from qa_app.text.dates import MONTHS

# A title property that is a file name or placeholder.
_NOT_A_TITLE = re.compile(r"\.(?:docx?|pdf|indd|pptx?|xlsx?|qxd|p65|rtf|pub)\b|^untitled|_", re.I)
_LONGEST_TITLE = 160  # characters; a longer paragraph on a cover is not its title
# What Word and PowerPoint put before the title, or in its place.
_PRODUCED = re.compile(r"^(?:microsoft \w+ - |powerpoint presentation)", re.IGNORECASE)
# "1 May 2024", "May 1, 2024" or "May 2024".
_DATE = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)? )?({MONTHS})(?: (\d{{1,2}}),)? ((?:19|20)\d\d)\b"
)
# Ends with "published" or "published on", just before a date.
_PUBLISHED = re.compile(r"publish\w*(?: on)?\W*$", re.IGNORECASE)
_DEEPEST_OUTLINE = 8  # levels of bookmarks; deeper headings hardly occur


def load_pdf(path: str, content: bytes, ocr: bool = False) -> Document:
    """Return the document of a PDF file.

    Args:
        path: relative to the corpus.
        ocr: read pages without text with the tesseract program.

    Raises:
        BrokenFileError: it is damaged, or not a PDF.
        LimitError: it has too many pages or too much text.
        NoTextError: no page has text, or OCR is wanted and tesseract is not installed.
        PasswordError: it needs a password.
    """
    pdf = open_pdf(content)
    try:
        check_pages(len(pdf))
        pages = list(_read_pages(pdf))
        missing = [i for i, page in enumerate(pages) if not (page.lines or page.is_empty)]
        by_ocr: list[int] = []
        if ocr and missing:
            for index in missing:
                pages[index] = read_image(pdf, index)
            by_ocr = [index for index in missing if pages[index].lines]
            missing = [index for index in missing if not pages[index].lines]
        if not any(page.lines for page in pages):
            raise _no_text(pages, missing, ocr)
        return _assemble(path, pdf, pages, missing, by_ocr)
    finally:
        pdf.close()


def _read_pages(pdf: Any) -> Iterator[PageText]:
    characters = 0
    whole: set[str] = set()
    for index in range(len(pdf)):
        page = read_page(pdf, index, whole)
        characters += sum(len(line.text) for line in page.lines)
        check_characters(characters)
        lines = [line for line in page.lines if INVISIBLE.sub("", line.text)]
        yield replace(page, lines=[] if page.is_garbled else lines)


def _no_text(
    pages: Sequence[PageText], missing: Sequence[int], ocr: bool
) -> BrokenFileError | NoTextError:
    if pages and all(page.is_broken for page in pages):
        return BrokenFileError("Its pages are damaged.", RESAVE)
    hint = NO_TESSERACT if find_tesseract() is None else BY_OCR
    if any(page.is_garbled for page in pages):
        return NoTextError("Its text is coded without the table that tells the letters.", hint)
    if missing and ocr:
        return NoTextError("Its pages are images in which no text was found.", "Check the scan.")
    if missing:
        return NoTextError("Its pages are images or drawings without a text layer.", hint)
    return NoTextError("Its pages are empty.", "Remove it, or put the full file there.")


def describe_pages(indices: Sequence[int]) -> str:
    """Return "pages 12 to 14 and 20" for page indices from 0."""
    spans: list[list[int]] = []
    for index in indices:
        if spans and index == spans[-1][1] + 1:
            spans[-1][1] = index
        else:
            spans.append([index, index])
    named = [f"{a + 1}" if a == b else f"{a + 1} to {b + 1}" for a, b in spans]
    words = named[0] if len(named) == 1 else ", ".join(named[:-1]) + " and " + named[-1]
    return f"page {words}" if len(indices) == 1 else f"pages {words}"


def _warn(missing: Sequence[int], by_ocr: Sequence[int]) -> Iterator[str]:
    if missing:
        yield f"{describe_pages(missing)} {'has' if len(missing) == 1 else 'have'} no text"
    if by_ocr:
        yield f"{describe_pages(by_ocr)} {'was' if len(by_ocr) == 1 else 'were'} read by OCR"


def _assemble(
    path: str, pdf: Any, pages: Sequence[PageText], missing: Sequence[int], by_ocr: Sequence[int]
) -> Document:
    lines, printed = strip_headers_footers(pages)
    drafts = draft_blocks([arrange(page) for page in lines])
    mark_headings(drafts, _read_outline(pdf))
    writer = BlockWriter(drafts, len(pages))
    opening = [draft for draft in drafts if draft.page <= 2]
    title, origin = _find_title(pdf, opening)
    labels = _page_labels(pdf, printed)
    return Document(
        path=path,
        format="pdf",
        title=title or title_from_path(path),
        text=writer.text,
        blocks=tuple(writer.blocks),
        page_starts=tuple(writer.page_starts),
        page_labels=tuple(labels) if any(labels) else (),
        source_runs=tuple(writer.runs),
        metadata=(
            *collect(("title", title, origin)),
            *_metadata(pdf, opening),
            *collect(("ocr", describe_pages(by_ocr) if by_ocr else None, "tesseract")),
        ),
        warnings=tuple(_warn(missing, by_ocr)),
    )


def _read_outline(pdf: Any) -> list[tuple[int, str, int]]:
    outline = []
    try:
        for item in pdf.get_toc(max_depth=_DEEPEST_OUTLINE):
            target = item.get_dest()
            index = target.get_index() if target else None
            if index is not None:
                outline.append((index + 1, item.get_title(), item.level + 1))
    except (PdfiumError, ValueError, UnicodeDecodeError):
        return outline
    return outline


def _page_labels(pdf: Any, printed: Sequence[str]) -> list[str]:
    if any(printed):
        return list(printed)
    labels = [clean(pdf.get_page_label(index)) for index in range(len(printed))]
    # Labels that only count the pages from 1 are redundant.
    return [] if labels == [str(i + 1) for i in range(len(printed))] else labels


def _property(pdf: Any, name: str) -> str:
    return clean(pdf.get_metadata_value(name))


def _find_title(pdf: Any, opening: Sequence[Draft]) -> tuple[str | None, str]:
    """Return the title and its origin.

    The title property is used if most of its words occur on the first two pages. Otherwise it is
    the largest heading, or else large paragraph, of the first page with text.
    """
    named = _PRODUCED.sub("", _property(pdf, "Title"))
    words = re.findall(r"\w+", named.lower())
    seen = {word for draft in opening for word in re.findall(r"\w+", draft.words.lower())}
    borne_out = sum(word in seen for word in words) >= 0.6 * len(words)
    if len(words) > 1 and borne_out and not _NOT_A_TITLE.search(named):
        return named, "document properties"
    first = [d for d in opening if d.page == opening[0].page and len(d.words) > 5]
    # On a cover the title may be a paragraph in large type.
    usual = median(draft.lines[0].size for draft in opening) if opening else 0
    large = [d for d in first if d.lines[0].size > 1.2 * usual and len(d.words) < _LONGEST_TITLE]
    candidates = [draft for draft in first if draft.kind is BlockKind.HEADING] or large
    if not candidates:
        return None, ""
    largest = max(candidates, key=lambda draft: draft.lines[0].size)
    return clean(largest.words), f"page {largest.page}"


def _metadata(pdf: Any, opening: Sequence[Draft]) -> tuple[MetadataField, ...]:
    stamp = _property(pdf, "CreationDate") or _property(pdf, "ModDate")
    dates = [(d.page, m) for d in opening for m in _DATE.finditer(clean(d.words))]
    # "Ordered to be printed 20 October and published 4 November": take the date of publication.
    published = (date for date in dates if _PUBLISHED.search(date[1].string[: date[1].start()]))
    dated = next(published, dates[0] if dates else None)
    return collect(
        ("author", _property(pdf, "Author"), "document properties"),
        ("date", _iso(dated[1]) if dated else None, f"page {dated[0]}" if dated else ""),
        ("date", iso_date(stamp), "document properties"),
    )


def _iso(match: re.Match[str]) -> str:
    month = MONTHS.split("|").index(match[2]) + 1
    day = match[1] or match[3]
    return f"{match[4]}-{month:02}" + (f"-{int(day):02}" if day else "")
