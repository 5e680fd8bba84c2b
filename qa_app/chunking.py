"""Split a document into passages, the units that are embedded, ranked and shown.

A passage is a contiguous stretch of text inside one section. Paragraphs are separate passages
unless they are tiny, a list or table starts with the line that introduces it, and a numbered
paragraph always starts a passage, so that its number can be cited.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain

from qa_app.models import Block, BlockKind, Document, LeadIn, Passage, Sentence
from qa_app.text.sentences import split_sentences

# Part of the recipe: increase it when the rules change, so that builds split documents again.
CHUNKING_VERSION = "4"

TokenCounter = Callable[[Sequence[str]], list[int]]

# Blocks that come in runs and belong to the line that introduces the run.
_RUNS = frozenset({BlockKind.LIST_ITEM, BlockKind.TABLE_ROW})
_LONGEST_BULLET = 300  # characters; a longer list item is split into sentences
# A paragraph with such an end does not introduce a list or table.
_FULL_STOPS = (".", "?", "!", ".”", ".’", '."')


@dataclass(frozen=True, slots=True)
class _Piece:
    """A block, or a part of a long one, that fits into a passage.

    Attributes:
        start, end: span in the document's text.
        tokens: 0 until counted.
        lead_in: span of the line that introduces the list or table it belongs to.
        number: printed number of the paragraph that it is, or that introduces it.
    """

    start: int
    end: int
    tokens: int
    block: Block
    section: tuple[str, ...]
    lead_in: tuple[int, int] | None
    number: str | None = None


def chunk(
    document: Document, count_tokens: TokenCounter, max_tokens: int = 200
) -> tuple[Passage, ...]:
    """Return the document's passages in reading order, without tags.

    Every block is in exactly one passage, or in several if it is longer than one, except headings
    with text or a deeper heading under them: these are only in ``section``.

    Args:
        document: as loaded.
        count_tokens: returns the number of tokens of each text; called at most three times.
        max_tokens: approximate maximum tokens of a passage, not counting title and section; at
            least 1.

    Raises:
        ValueError: max_tokens is less than 1.
    """
    if max_tokens < 1:
        raise ValueError(f"max_tokens must be at least 1, not {max_tokens}")
    pieces = _fit(document.text, list(_outline(document)), count_tokens, max_tokens)
    return tuple(_make_passage(document, group) for group in _pack(pieces, max_tokens))


def _outline(document: Document) -> Iterator[_Piece]:
    """Yield a piece per block, with its section and lead-in; only empty headings are pieces."""
    text, blocks = document.text, document.blocks
    path: list[tuple[int, str]] = []
    lead_in: tuple[int, int] | None = None
    number: str | None = None
    for i, block in enumerate(blocks):
        if block.kind is BlockKind.HEADING:
            path = [entry for entry in path if entry[0] < block.level]
            if not _is_empty(blocks, i):
                path.append((block.level, " ".join(text[block.start : block.end].split())))
                lead_in = None
                continue
        section = tuple(name for _, name in path if name != document.title)
        if block.kind not in _RUNS:
            lead_in = None
            number = block.label if block.kind is BlockKind.PARAGRAPH else None
        own = number if block.kind not in _RUNS or lead_in else None
        yield _Piece(block.start, block.end, 0, block, section, lead_in, own)
        if block.kind not in _RUNS:
            lead_in = _find_lead_in(text, block)


def _is_empty(blocks: Sequence[Block], i: int) -> bool:
    """Return whether the heading ``blocks[i]`` has neither text nor a deeper heading under it."""
    if i + 1 == len(blocks):
        return True
    after = blocks[i + 1]
    return after.kind is BlockKind.HEADING and after.level <= blocks[i].level


def _find_lead_in(text: str, block: Block) -> tuple[int, int] | None:
    if block.kind is BlockKind.CAPTION:
        return block.start, block.end
    if block.kind is not BlockKind.PARAGRAPH or text.endswith(_FULL_STOPS, block.start, block.end):
        return None
    return split_sentences(text, block.start, block.end)[-1]


def _fit(
    text: str, pieces: list[_Piece], count_tokens: TokenCounter, max_tokens: int
) -> list[_Piece]:
    """Count each piece's tokens; split long ones into sentences, and long sentences at spaces."""
    pieces = _count(text, pieces, count_tokens)
    for cut in (_split, _cut):
        parts = (
            cut(text, piece, max_tokens) if piece.tokens > max_tokens else [piece]
            for piece in pieces
        )
        pieces = _count(text, list(chain.from_iterable(parts)), count_tokens)
    return pieces


def _count(text: str, pieces: list[_Piece], count_tokens: TokenCounter) -> list[_Piece]:
    """Return the pieces with their numbers of tokens, counting those not counted yet."""
    new = [piece for piece in pieces if not piece.tokens]
    counts = iter(count_tokens([text[piece.start : piece.end] for piece in new]) if new else ())
    return [
        piece if piece.tokens else replace(piece, tokens=max(1, next(counts))) for piece in pieces
    ]


def _split(text: str, piece: _Piece, _max_tokens: int) -> Iterator[_Piece]:
    for start, end in split_sentences(text, piece.start, piece.end):
        yield replace(piece, start=start, end=end, tokens=0)


def _cut(text: str, piece: _Piece, max_tokens: int) -> Iterator[_Piece]:
    """Yield parts, about equally long, of a sentence longer than a passage, cut at spaces."""
    parts = math.ceil(piece.tokens / max_tokens)
    size = math.ceil((piece.end - piece.start) / parts)
    start = piece.start
    while start < piece.end:
        end = min(start + size, piece.end)
        if end < piece.end:
            # Without white space (some scripts have none) it is cut between any characters.
            space = max(text.rfind(" ", start, end), text.rfind("\n", start, end))
            end = space if space > start else end
        words = text[start:end]
        begin = start + len(words) - len(words.lstrip())
        if stripped := words.strip():
            yield replace(piece, start=begin, end=begin + len(stripped), tokens=0)
        start = end


def _pack(pieces: list[_Piece], max_tokens: int) -> Iterator[list[_Piece]]:
    """Yield the pieces of each passage; groups are joined only if one of the two is tiny."""
    tiny = max_tokens // 3
    current: list[_Piece] = []
    for group in _group(pieces):
        size = sum(piece.tokens for piece in group)
        filled = sum(piece.tokens for piece in current)
        if (
            current
            and filled + size <= max_tokens
            and min(filled, size) < tiny
            and _may_join(current[-1], group[0])
        ):
            current.extend(group)
            continue
        for piece in group:
            filled = sum(other.tokens for other in current)
            starts_here = piece is group[0] or filled + piece.tokens > max_tokens
            if current and starts_here:
                yield current
                current = []
            current.append(piece)
    if current:
        yield current


def _group(pieces: list[_Piece]) -> Iterator[list[_Piece]]:
    """Yield the pieces of one long block, or of a list or table with its lead-in, as a group."""
    group: list[_Piece] = []
    for piece in pieces:
        if group and not _belongs(group[-1], piece):
            yield group
            group = []
        group.append(piece)
    if group:
        yield group


def _belongs(last: _Piece, piece: _Piece) -> bool:
    if last.section != piece.section:
        return False
    if last.block is piece.block:
        return True
    if piece.block.kind not in _RUNS:
        return False
    return piece.block.kind is last.block.kind or piece.lead_in is not None


def _may_join(last: _Piece, piece: _Piece) -> bool:
    """Return whether two neighbouring groups, one of them tiny, may share a passage."""
    notes = {other.block.kind is BlockKind.FOOTNOTE for other in (last, piece)}
    is_numbered = piece.block.kind is BlockKind.PARAGRAPH and piece.block.label is not None
    return last.section == piece.section and len(notes) == 1 and not is_numbered


def _make_passage(document: Document, pieces: list[_Piece]) -> Passage:
    text = document.text
    first, last = pieces[0], pieces[-1]
    start = _with_marker(text, first)
    return Passage(
        id=f"{document.path}:{start}-{last.end}",
        document=document.path,
        title=document.title,
        section=first.section,
        start=start,
        end=last.end,
        text=text[start : last.end],
        sentences=tuple(sentence for piece in pieces for sentence in _sentences(text, piece)),
        page=document.page_at(first.start),
        label=first.number,
        page_breaks=tuple(at for at in document.page_starts if first.start < at < last.end),
        lead_in=_find_cut_off(document, first, start),
        ocr_pages=document.ocr_pages,
    )


def _find_cut_off(document: Document, piece: _Piece, start: int) -> LeadIn | None:
    """Return the piece's lead-in if it begins before the passage, else None."""
    if piece.lead_in is None or piece.lead_in[0] >= start:
        return None
    first, last = piece.lead_in
    return LeadIn(first, last, document.text[first:last], document.page_at(first))


def _with_marker(text: str, piece: _Piece) -> int:
    """Return the start of the piece, including a bullet or number in front of its block."""
    if piece.start > piece.block.start:
        return piece.start
    line = text.rfind("\n", 0, piece.start) + 1
    marker = text[line : piece.start]
    is_own = piece.block.label is not None or len(marker.strip()) == 1
    return line + len(marker) - len(marker.lstrip()) if marker.strip() and is_own else piece.start


def _sentences(text: str, piece: _Piece) -> Iterator[Sentence]:
    kind = piece.block.kind
    length = piece.end - piece.start
    is_whole = kind in {BlockKind.TABLE_ROW, BlockKind.HEADING} or (
        kind is BlockKind.LIST_ITEM and length <= _LONGEST_BULLET
    )
    spans = (
        [(piece.start, piece.end)] if is_whole else split_sentences(text, piece.start, piece.end)
    )
    for start, end in spans:
        yield Sentence(start, end, kind, piece.lead_in)
