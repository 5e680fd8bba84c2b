"""The view of the open source: its text or a page's image, the marked quote, a search in it."""

from __future__ import annotations

import base64
import struct
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from qa_app.citations import document_facts, page_label
from qa_app.facets import DOCUMENT_FACET
from qa_app.highlighting.segments import Segment, Span, show_blocks
from qa_app.models import Block, BlockKind, Citation, Document, Mode, Passage
from qa_app.text.wording import count
from qa_app.web.address import Address, Form
from qa_app.web.page_images import PageImage
from qa_app.web.rendering import Marker, render
from qa_app.web.security import HIGHLIGHTS_ROUTE, ORIGINAL_ROUTE

if TYPE_CHECKING:
    from qa_app.api import Snapshot

PDF_FORMAT = "pdf"
# A browser lays out this much text without a pause; longer documents are shown in parts.
PART_CHARACTERS = 40_000
_FULL_ENOUGH = 0.8  # of a part's size: from here on the next heading starts a new part
_MOST_HEADINGS = 2  # shown above a quote: the innermost locate it
_MOST_HITS = 100  # search results listed for a source; the headline then says "or more"
_MOST_NEAR = 5  # results by meaning, if no passage has any of the words
_LONGEST_HIT = 300  # characters shown of a result, if its sentence is longer


@dataclass(frozen=True, slots=True)
class Hit:
    """A search result: its place for people, its words, and their offsets in the document."""

    place: str
    words: tuple[Segment, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class FoundInSource:
    """The results of a search in the open source, in the document's order."""

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
    """Return the HTML of the part of the document that the address points at, its span marked.

    Args:
        document, address, stamp: as for any view.
        citation: of the marked words, if they can be quoted.
        image: the page that the address points at; without it text is shown.
        found: results of the search for the words in ``address.find``.
        preview: shown automatically beside an answer, not opened by the user.
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
        # Bytes 16 to 23 of a PNG are its width and height, big-endian.
        image_size=struct.unpack(">II", image.png[16:24]) if image else (),
        image_data=base64.b64encode(image.png).decode("ascii") if image else "",
        has_images=_has_images(document),
        original=_original(document, image.number if image else 0),
        highlights=f"{HIGHLIGHTS_ROUTE.removeprefix('/')}{address.search}",
        found=found,
        lists_hits=lists_hits,
        hit=spans.index(address.span) if address.span in spans else None,
    )


def lists_found(address: Address) -> bool:
    """Tell whether the pane lists search results instead of the source."""
    return bool(address.find) and address.span is None and not address.part


def wanted_page(document: Document, address: Address) -> int | None:
    """Return the page (from 1) to draw for the address, or None if none is to be drawn."""
    if _shows_text(document, address) or lists_found(address):
        return None
    span = valid_span(document, address)
    page = address.part or (document.page_at(span[0]) if span else None) or 1
    return min(page, len(document.page_starts))


def valid_span(document: Document, address: Address) -> Span | None:
    """Return the address's span, or None if the document ends before it does."""
    span = address.span
    return span if span is not None and span[1] <= len(document.text) else None


def split_parts(blocks: Sequence[Block], size: int = PART_CHARACTERS) -> list[tuple[Block, ...]]:
    """Return the blocks in parts of about ``size`` characters, split at headings if possible."""
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


def describe_place(document: Document, span: Span | None, citation: Citation | None) -> str:
    """Return a quote's place for people: the innermost headings above it, and its page."""
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
    """Return the facts shown beside a document's path: author, date, pages, reading warnings."""
    known = [item.value for item in document.metadata if item.name in ("author", "date")]
    pages = len(document.page_starts)
    return (*known, *([count(pages, "page")] if pages else []), *document.warnings)


def search_source(snapshot: Snapshot, address: Address) -> FoundInSource | None:
    """Return the passages of the open source that match the search words in the address.

    Those with all of the words; if there are none, those with some of them; if there are none
    either, the nearest in meaning. None if the address has no open source or no words.
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
    # The sentence with the most search terms; on a tie the first.
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


def _original(document: Document, page: int) -> str:
    # A relative URL, since a proxy may serve the page below another path. The fragment makes the
    # browser's PDF viewer open the page.
    name = f"{ORIGINAL_ROUTE.removeprefix('/')}?doc={quote(document.path, safe='/')}"
    return f"{name}#page={page}" if page else name
