"""The view of the open source: its text or a page of it, the quote marked, and a search in it."""

from __future__ import annotations

import base64
import struct
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from qa_app.citations import document_facts, page_label
from qa_app.facets import DOCUMENT_FACET
from qa_app.models import Block, BlockKind, Citation, Document, Mode, Passage
from qa_app.text.wording import count
from qa_app.web.address import Address, Form
from qa_app.web.page_images import PageImage
from qa_app.web.rendering import Marker, Segment, mark_spans, overlap, render
from qa_app.web.security import ORIGINAL_ROUTE

if TYPE_CHECKING:
    from qa_app.api import Snapshot

PDF_FORMAT = "pdf"
# A browser lays this much out at once without a pause; longer documents come in parts.
PART_CHARACTERS = 40_000
_FULL_ENOUGH = 0.8  # of a part, for the next heading to begin another
_MOST_HEADINGS = 2  # above a quote; the last say where it is
_MOST_HITS = 100
_MOST_NEAR = 5  # where no passage has the words
_LONGEST_HIT = 300  # characters
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class ShownBlock:
    """A block of the source.

    Attributes:
        depth: of a heading on the page (its own title is the second level), or of a list item.
        page: what the page is called that starts with it, or "".
    """

    block: Block
    depth: int
    page: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class Hit:
    """A place where the source has the words looked for."""

    place: str
    words: tuple[Segment, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FoundInSource:
    """What a search inside the open source found, in the document's order."""

    headline: str
    hits: tuple[Hit, ...]


def render_source(
    document: Document,
    address: Address,
    stamp: str = "",
    citation: Citation | None = None,
    image: PageImage | None = None,
    found: FoundInSource | None = None,
    preview: bool = False,
) -> str:
    """Return the part of the document that the address points at, its span marked.

    Args:
        document, address, stamp: as for any view.
        citation: of the words that are marked, where they can be quoted.
        image: the page that the address points at, where it could be drawn; else text is shown.
        found: places with the words that the address looks for.
        preview: it is shown along with an answer, unasked.
    """
    span = valid_span(document, address)
    lists_hits = lists_found(address)
    blocks: Sequence[Block] = ()
    noun, number, most = "part", 1, 1
    if image is not None:
        noun, number, most = "page", image.number, len(document.page_starts)
    elif not lists_hits and (parts := split_parts(document.blocks)):
        asked = address.part if _shows_text(document, address) else 0
        number, most = min(asked or _part_of(parts, span), len(parts)), len(parts)
        blocks = parts[number - 1]
    spans = [hit.span for hit in found.hits] if found else []
    return render(
        "source",
        document=document,
        here=address,
        stamp=stamp,
        preview=preview,
        place=describe_place(document, span, citation),
        about=describe_document(document),
        facts={document.path: document_facts(document.metadata)},
        citation=citation if span else None,
        quote=document.text[slice(*span)] if span else "",
        blocks=tuple(show_blocks(document, blocks, [span] if span else [])),
        noun=noun,
        number=number,
        most=most,
        image=image,
        # A PNG's width and height stand at a fixed place, big end first.
        image_size=struct.unpack(">II", image.png[16:24]) if image else (),
        image_data=base64.b64encode(image.png).decode("ascii") if image else "",
        has_images=_has_images(document),
        original=_original(document, image.number if image else 0),
        found=found,
        lists_hits=lists_hits,
        hit=spans.index(address.span) if address.span in spans else None,
    )


def lists_found(address: Address) -> bool:
    """Tell whether the pane lists what a search inside the source found."""
    return bool(address.find) and address.span is None and not address.part


def wanted_page(document: Document, address: Address) -> int | None:
    """Return the page (from 1) to draw for the address, or None where text is to be shown."""
    if _shows_text(document, address) or lists_found(address):
        return None
    span = valid_span(document, address)
    page = address.part or (document.page_at(span[0]) if span else None) or 1
    return min(page, len(document.page_starts))


def valid_span(document: Document, address: Address) -> Span | None:
    """Return the address's span if the document is long enough for it."""
    span = address.span
    return span if span is not None and span[1] <= len(document.text) else None


def source_path(corpus: Path, document: str) -> Path | None:
    """Return where a document's file should be, or None if that is outside the corpus."""
    corpus = corpus.resolve()
    path = (corpus / document).resolve()
    return path if path.is_relative_to(corpus) else None


def split_parts(blocks: Sequence[Block], size: int = PART_CHARACTERS) -> list[tuple[Block, ...]]:
    """Return the blocks in parts of about ``size`` characters, cut before headings if it can."""
    parts: list[tuple[Block, ...]] = []
    part: list[Block] = []
    for block in blocks:
        length = block.end - part[0].start if part else 0
        at_heading = block.kind is BlockKind.HEADING and length > size * _FULL_ENOUGH
        if part and (length > size or at_heading):
            parts.append(tuple(part))
            part = []
        part.append(block)
    return [*parts, tuple(part)] if part else parts


def show_blocks(
    document: Document, blocks: Iterable[Block], spans: Sequence[Span]
) -> Iterable[ShownBlock]:
    """Yield the blocks with their words in ``spans`` marked."""
    last_page = None
    # A part may begin under any heading, and reports leave levels out: what is shown does neither.
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


def describe_place(document: Document, span: Span | None, citation: Citation | None) -> str:
    """Return where the quote stands, in words: the last headings above it and its page."""
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


def describe_document(document: Document) -> tuple[str, ...]:
    """Return what stands beside its path: author, date, length, what could not be read."""
    known = [item.value for item in document.metadata if item.name in ("author", "date")]
    pages = len(document.page_starts)
    return (*known, *([count(pages, "page")] if pages else []), *document.warnings)


def search_source(snapshot: Snapshot, address: Address) -> FoundInSource | None:
    """Return where the open source has the words that the address looks for, None for no words.

    Those with all of the words, in the document's order; failing that those with some of them,
    and failing that what comes nearest in meaning.
    """
    if not (address.document and address.find):
        return None
    kept = {DOCUMENT_FACET: (address.document,)}
    results = snapshot.search(address.find, _MOST_HITS, kept, Mode.LEXICAL)
    more = " or more" if len(results) == _MOST_HITS else ""
    marker = Marker(address.find, snapshot.generation.lexical.analyser)
    whole = [item for item in results if marker.shared(item.passage.text) == len(marker.terms)]
    if whole:
        more = more if len(whole) == len(results) else ""
        headline = f"{count(len(whole), 'passage')}{more} with these words"
    elif results:
        headline = f"No passage has all these words; {len(results)}{more} with some of them"
    else:
        results = snapshot.search(address.find, _MOST_NEAR, kept)
        headline = "No passage has these words; the nearest in meaning"
    passages = sorted((item.passage for item in whole or results), key=lambda item: item.start)
    return FoundInSource(headline, tuple(_hit(passage, marker) for passage in passages))


def _hit(passage: Passage, marker: Marker) -> Hit:
    spans = [(sentence.start, sentence.end) for sentence in passage.sentences]
    # The sentence with most of the words; of equals the first.
    span = max(
        spans,
        key=lambda span: marker.shared(passage.slice(*span)),
        default=(passage.start, passage.end),
    )
    page = passage.page_at(span[0])
    heading = [heading for heading in passage.section[-1:] if heading != passage.title]
    place = ", ".join([*([page_label(page)] if page else []), *heading])
    words = textwrap.shorten(passage.slice(*span), _LONGEST_HIT, placeholder=" …")
    return Hit(place, marker.mark(words), span)


def _shows_text(document: Document, address: Address) -> bool:
    return address.form is Form.TEXT or not _has_images(document)


def _has_images(document: Document) -> bool:
    return document.format == PDF_FORMAT and bool(document.page_starts)


def _part_of(parts: Sequence[Sequence[Block]], span: Span | None) -> int:
    """Return the part, from 1, that a span starts in."""
    starts = [part[0].start for part in parts]
    return max(1, sum(start <= span[0] for start in starts)) if span else 1


def _page_name(document: Document, page: int) -> str:
    printed = document.page_labels[page - 1] if document.page_labels else ""
    return f"Page {page}" + (f" (printed: {printed})" if printed not in {"", str(page)} else "")


def _original(document: Document, page: int) -> str:
    # By a relative address, since a proxy may serve the page under a path of its own. The
    # browser's PDF viewer turns to the page.
    name = f"{ORIGINAL_ROUTE.removeprefix('/')}?doc={quote(document.path, safe='/')}"
    return f"{name}#page={page}" if page else name
