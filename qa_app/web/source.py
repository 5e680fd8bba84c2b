"""The open source as what the source pane shows. Pure, like ``handlers``."""

from __future__ import annotations

import base64
import struct
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import quote

from qa_app.citations import document_facts
from qa_app.models import Block, BlockKind, Citation, Document
from qa_app.text.wording import count
from qa_app.web.address import Address, Form
from qa_app.web.evidence import copies
from qa_app.web.marking import mark_spans, overlap
from qa_app.web.page_images import PageImage
from qa_app.web.security import ORIGINAL_ROUTE
from qa_app.web.views import BlockView, Copies, FindView, Link, PageView, SourceView

PDF_FORMAT = "pdf"
# A browser lays this much out at once without a pause; longer documents come in parts.
PART_CHARACTERS = 40_000
_MOST_HEADINGS = 2  # above a quote; the last say where it is


def source_view(
    document: Document,
    address: Address,
    stamp: str = "",
    citation: Citation | None = None,
    image: PageImage | None = None,
    find: FindView | None = None,
    preview: bool = False,
) -> SourceView:
    """Return the part of the document that the address points at, its span marked.

    Args:
        document: the source.
        address: the page's state; ``span`` is marked, ``part`` is shown.
        stamp: differs between two views.
        citation: of the words that are marked, where they can be quoted.
        image: the page that the address points at, where it could be drawn; else text is shown.
        find: what was found of the words that the address looks for.
        preview: it is shown along with an answer, unasked.
    """
    span = valid_span(document, address)
    parts = split_parts(document.blocks) if image is None else []
    shown: Sequence[Block] = ()
    if lists_hits(address):
        noun, number, most = "part", 1, 1
    elif image is not None:
        noun, number, most = "page", image.number, len(document.page_starts)
    else:
        asked = address.part if _shows_text(document, address) else 0
        noun, number, most = "part", min(asked or _part_of(parts, span), len(parts)), len(parts)
        shown = parts[number - 1] if parts else ()
    return SourceView(
        title=document.title,
        path=document.path,
        place=_place(document, span, citation),
        facts=_facts(document),
        blocks=tuple(_block_views(document, shown, [span] if span else [])),
        image=_page_view(document, span, image) if image else None,
        parts=f"{noun.capitalize()} {number} of {most}" if most > 1 else "",
        before=_part_link(f"Previous {noun}", address, number - 1, most),
        after=_part_link(f"Next {noun}", address, number + 1, most),
        other_form=None if lists_hits(address) else _other_form(document, address),
        copies=_copies(document, span, citation),
        original=_original(document, image.number if image else 0),
        finding=address.find,
        whole=address.opening(document.path).search,
        find=find,
        search=address.search,
        close=address.opening("").search or "?",
        stamp=stamp,
        preview=preview,
    )


def lists_hits(address: Address) -> bool:
    """Tell whether the pane lists what a search inside the source found."""
    return bool(address.find) and address.span is None and not address.part


def wanted_page(document: Document, address: Address) -> int | None:
    """Return the page (from 1) to draw for the address, or None where text is to be shown."""
    if _shows_text(document, address) or lists_hits(address):
        return None
    span = valid_span(document, address)
    page = address.part or (document.page_at(span[0]) if span else None) or 1
    return min(page, len(document.page_starts))


def valid_span(document: Document, address: Address) -> tuple[int, int] | None:
    """Return the address's span if the document is long enough for it."""
    span = address.span
    return span if span is not None and span[1] <= len(document.text) else None


def _has_page_images(document: Document) -> bool:
    return document.format == PDF_FORMAT and bool(document.page_starts)


def _shows_text(document: Document, address: Address) -> bool:
    return address.form is Form.TEXT or not _has_page_images(document)


def _original(document: Document, page: int) -> str:
    # By a relative address, since a proxy may serve the page under a path of its own. The
    # browser's PDF viewer turns to the page.
    name = f"{ORIGINAL_ROUTE.removeprefix('/')}?doc={quote(document.path, safe='/')}"
    return f"{name}#page={page}" if page else name


def _page_view(document: Document, span: tuple[int, int] | None, image: PageImage) -> PageView:
    quote = " ".join(document.text[slice(*span)].split()) if span else ""
    marked = f" Boxes are around the words: {quote}" if image.boxes else ""
    # A PNG's width and height stand at a fixed place, big end first.
    width, height = struct.unpack(">II", image.png[16:24])
    return PageView(
        source=f"data:image/png;base64,{base64.b64encode(image.png).decode('ascii')}",
        alt=f"Page {image.number} of {document.title}.{marked}",
        width=width,
        height=height,
        boxes=image.boxes,
    )


def _other_form(document: Document, address: Address) -> Link | None:
    if not _has_page_images(document):
        return None
    if address.form is Form.TEXT:
        return Link("Show the page", replace(address, part=0, form=Form.PAGE).search)
    return Link("Show the text", replace(address, part=0, form=Form.TEXT).search)


def split_parts(blocks: Sequence[Block], size: int = PART_CHARACTERS) -> list[tuple[Block, ...]]:
    """Return the blocks in parts of about ``size`` characters, cut before headings if it can."""
    parts: list[tuple[Block, ...]] = []
    part: list[Block] = []
    for block in blocks:
        length = block.end - part[0].start if part else 0
        at_heading = block.kind is BlockKind.HEADING and length > size * 0.8
        if part and (length > size or at_heading):
            parts.append(tuple(part))
            part = []
        part.append(block)
    return [*parts, tuple(part)] if part else parts


def _part_of(parts: Sequence[Sequence[Block]], span: tuple[int, int] | None) -> int:
    if span is None:
        return 1
    starts = [number for number, part in enumerate(parts, 1) if part[0].start <= span[0]]
    return starts[-1] if starts else 1


def _part_link(text: str, address: Address, number: int, most: int) -> Link | None:
    if not 1 <= number <= most:
        return None
    return Link(text, replace(address, part=number).search)


def _place(document: Document, span: tuple[int, int] | None, citation: Citation | None) -> str:
    if span is None:
        return ""
    section = citation.section if citation else ()
    words = [heading for heading in section if heading != document.title]
    if len(words) > _MOST_HEADINGS:
        words = ["…", *words[-_MOST_HEADINGS:]]
    page = document.page_at(span[0])
    if page is not None:
        words.append(f"page {page} of {len(document.page_starts)}")
    return " › ".join(words)


def _facts(document: Document) -> tuple[str, ...]:
    wanted = ("author", "date")
    facts = [item.value for item in document.metadata if item.name in wanted]
    if document.page_starts:
        facts.append(count(len(document.page_starts), "page"))
    return (*facts, *document.warnings)


def _copies(
    document: Document, span: tuple[int, int] | None, citation: Citation | None
) -> Copies | None:
    if span is None or citation is None:
        return None
    facts = {document.path: document_facts(document.metadata)}
    return copies(document.text[slice(*span)], citation, facts)


def _page_name(document: Document, page: int) -> str:
    printed = document.page_labels[page - 1] if document.page_labels else ""
    return f"Page {page}" + (f" (printed: {printed})" if printed not in {"", str(page)} else "")


def _block_views(
    document: Document, blocks: Iterable[Block], spans: Sequence[tuple[int, int]]
) -> Iterable[BlockView]:
    last_page = None
    # A part may begin under any heading, and reports leave levels out: what is shown does neither.
    levels: list[int] = []
    for block in blocks:
        if block.kind is BlockKind.HEADING:
            levels = [*(level for level in levels if level < block.level), block.level]
        page = document.page_at(block.start)
        text = document.text[block.start : block.end]
        yield BlockView(
            kind=block.kind,
            # The pane's own title is the page's second level.
            depth=min(len(levels) + 2, 6) if block.kind is BlockKind.HEADING else block.level,
            label=block.label or "",
            segments=mark_spans(text, overlap(spans, block.start, block.end)),
            page=_page_name(document, page) if page and page != last_page else "",
        )
        last_page = page
