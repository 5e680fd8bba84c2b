"""A document's text in blocks, divided into marked and unmarked segments, for HTML."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qa_app.models import Block, BlockKind, Document

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of text, marked or not."""

    text: str
    marked: bool = False


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """A block of the source.

    Attributes:
        depth: HTML level of a heading (from 3, as the source's title has 2), or nesting level of
            a list item.
        page: name of the page that starts at this block, or "".
    """

    block: Block
    depth: int
    page: str
    segments: tuple[Segment, ...]


def mark_spans(text: str, spans: Iterable[Span]) -> tuple[Segment, ...]:
    """Return the text in segments, with ``spans`` (ascending, disjoint offsets) marked."""
    segments: list[Segment] = []
    at = 0
    for start, end in spans:
        segments += [Segment(text[at:start]), Segment(text[start:end], marked=True)]
        at = end
    segments.append(Segment(text[at:]))
    return tuple(segment for segment in segments if segment.text)


def overlap(spans: Sequence[Span], start: int, end: int) -> list[Span]:
    """Return the parts of ``spans`` inside ``start:end``, as offsets from ``start``.

    ``spans`` are ascending and disjoint.
    """
    found = []
    for first, last in spans[bisect_right(spans, start, key=lambda span: span[1]) :]:
        if first >= end:
            break
        found.append((max(first, start) - start, min(last, end) - start))
    return found


def show_blocks(
    document: Document, blocks: Iterable[Block], spans: Sequence[Span]
) -> Iterator[ShownBlock]:
    """Yield the blocks with their words in ``spans`` marked."""
    last_page = None
    # Heading levels are renumbered without gaps, since a part may begin below any heading, and
    # reports skip levels.
    levels: list[int] = []
    for block in blocks:
        depth = block.level
        if block.kind is BlockKind.HEADING:
            levels = [*(level for level in levels if level < block.level), block.level]
            depth = min(len(levels) + 2, 6)
        page = document.page_at(block.start)
        text = document.text[block.start : block.end]
        yield ShownBlock(
            block,
            depth,
            page=_page_name(document, page) if page and page != last_page else "",
            segments=mark_spans(text, overlap(spans, block.start, block.end)),
        )
        last_page = page


def _page_name(document: Document, page: int) -> str:
    printed = document.page_labels[page - 1] if document.page_labels else ""
    return f"Page {page}" + (f" (printed: {printed})" if printed not in {"", str(page)} else "")
