"""The open source as what the source pane shows. Pure, like ``handlers``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import groupby

from qa_app.citations import short_title
from qa_app.models import Block, BlockKind, Citation, Document
from qa_app.presentation import count
from qa_app.web.address import Address
from qa_app.web.handlers import copy_text
from qa_app.web.marking import mark_spans, overlap
from qa_app.web.views import BlockGroup, BlockView, Link, ListKind, SourceView

# A browser lays this much out at once without a pause; longer documents come in parts.
PART_CHARACTERS = 40_000


def source_view(document: Document, address: Address, stamp: str = "") -> SourceView:
    """Return the part of the document that the address points at, its span marked.

    Args:
        document: the source.
        address: the page's state; ``span`` is marked, ``part`` is shown.
        stamp: differs between two views.
    """
    length = len(document.text)
    span = address.span if address.span and address.span[1] <= length else None
    parts = split_parts(document.blocks)
    number = min(address.part or _part_of(parts, span), len(parts))
    blocks = parts[number - 1] if parts else ()
    section = section_at(document, span[0]) if span else ()
    return SourceView(
        title=document.title,
        path=document.path,
        place=_place(document, section, span),
        facts=_facts(document),
        groups=tuple(_groups(_block_views(document, blocks, [span] if span else []))),
        parts=f"Part {number} of {len(parts)}" if len(parts) > 1 else "",
        before=_part_link("Previous part", address, number - 1, len(parts)),
        after=_part_link("Next part", address, number + 1, len(parts)),
        copy=_copy(document, section, span),
        search=address.search,
        close=address.opening("").search or "?",
        stamp=stamp,
    )


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


def section_at(document: Document, offset: int) -> tuple[str, ...]:
    """Return the headings above the offset, outermost first."""
    path: list[tuple[int, str]] = []
    for block in document.blocks:
        if block.start > offset:
            break
        if block.kind is BlockKind.HEADING:
            path = [item for item in path if item[0] < block.level]
            path.append((block.level, _words(document, block)))
    return tuple(heading for _, heading in path)


def _part_of(parts: Sequence[Sequence[Block]], span: tuple[int, int] | None) -> int:
    if span is None:
        return 1
    starts = [number for number, part in enumerate(parts, 1) if part[0].start <= span[0]]
    return starts[-1] if starts else 1


def _part_link(text: str, address: Address, number: int, most: int) -> Link | None:
    if not 1 <= number <= most:
        return None
    return Link(text, replace(address, part=number).search)


def _place(document: Document, section: Sequence[str], span: tuple[int, int] | None) -> str:
    if span is None:
        return ""
    words = [heading for heading in section if heading != document.title]
    page = document.page_at(span[0])
    if page is not None:
        words.append(f"page {_page_label(document, page)} of {len(document.page_starts)}")
    return " › ".join(words)


def _facts(document: Document) -> tuple[str, ...]:
    wanted = ("author", "date")
    facts = [item.value for item in document.metadata if item.name in wanted]
    if document.page_starts:
        facts.append(count(len(document.page_starts), "page"))
    return (*facts, *document.warnings)


def _copy(document: Document, section: Sequence[str], span: tuple[int, int] | None) -> str:
    if span is None:
        return ""
    page = document.page_at(span[0])
    inner = [heading for heading in section[-1:] if heading != document.title]
    places = [short_title(document.title), *inner]
    if page is not None:
        places.append(f"p. {_page_label(document, page)}")
    citation = Citation(
        document.path, document.title, page, tuple(section), *span, ", ".join(places)
    )
    return copy_text(document.text[span[0] : span[1]], citation)


def _page_label(document: Document, page: int) -> str:
    return document.page_labels[page - 1] if document.page_labels else str(page)


def _block_views(
    document: Document, blocks: Iterable[Block], spans: Sequence[tuple[int, int]]
) -> Iterable[BlockView]:
    last_page = None
    for block in blocks:
        page = document.page_at(block.start)
        text = document.text[block.start : block.end]
        yield BlockView(
            kind=block.kind,
            # The pane's own title is the page's second level.
            depth=min(block.level + 2, 6) if block.kind is BlockKind.HEADING else block.level,
            label=block.label or "",
            segments=mark_spans(text, overlap(spans, block.start, block.end)),
            page=f"Page {_page_label(document, page)}" if page and page != last_page else "",
        )
        last_page = page


def _groups(blocks: Iterable[BlockView]) -> Iterable[BlockGroup]:
    for is_list, items in groupby(blocks, key=lambda block: block.kind is BlockKind.LIST_ITEM):
        if is_list:
            yield BlockGroup(ListKind.LIST, tuple(items))
        else:
            yield from (BlockGroup(ListKind.ONE, (item,)) for item in items)


def _words(document: Document, block: Block) -> str:
    return document.text[block.start : block.end]
