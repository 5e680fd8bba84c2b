"""PowerPoint files: a page a slide, titles as headings, bullets, tables and speaker's notes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator

from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_pages
from qa_app.loading.ooxml import (
    Element,
    core_metadata,
    local_name,
    open_office,
    read_part,
    read_relations,
    value,
)
from qa_app.loading.tables import describe_rows
from qa_app.models import BlockKind, Document

_PASSED_OVER = frozenset(["dt", "ftr", "sldNum", "hdr", "sldImg"])
_TITLES = frozenset(["title", "ctrTitle"])
# PowerPoint's own title for a file that nobody named.
_UNNAMED = re.compile(r"powerpoint presentation|slide 1$", re.IGNORECASE)


def load_pptx(path: str, content: bytes) -> Document:
    """Return the document of a PowerPoint file; its pages are the slides.

    Raises:
        BrokenFileError: the package or a part of it is damaged.
        LimitError: it expands to too much, or has too many slides.
        NoTextError: it has no words.
        PasswordError: it is encrypted.
    """
    package, main, root = open_office(content, "ppt/presentation.xml", "PowerPoint")
    relations = read_relations(package, main)
    slides = [
        relations[key]
        for part in root.iter()
        if local_name(part) == "sldId" and (key := _relation(part)) in relations
    ]
    check_pages(len(slides))
    builder = DocumentBuilder(path, "pptx")
    for slide in slides:
        builder.start_page()
        _add_slide(builder, package, slide, _PASSED_OVER)
    if not builder.blocks:
        # Better the slides' footers than nothing.
        builder = DocumentBuilder(path, "pptx")
        for slide in slides:
            builder.start_page()
            _add_slide(builder, package, slide, frozenset())
    first = next((block for block in builder.blocks if block.kind is BlockKind.HEADING), None)
    facts = [fact for fact in core_metadata(package) if not _UNNAMED.match(fact.value)]
    return builder.build(facts, fallback=builder.words(first) if first else None)


def _relation(part: Element) -> str:
    return next((str(v) for k, v in part.attrib.items() if "relationships" in str(k)), "")


def _add_slide(
    builder: DocumentBuilder, package: zipfile.ZipFile, name: str, passed_over: frozenset[str]
) -> None:
    slide = read_part(package, name)
    if slide is None:
        return
    shapes = list(_shapes(slide))
    # The title is a slide's heading wherever it was drawn.
    shapes.sort(key=lambda shape: _placeholder(shape) not in _TITLES)
    for shape in shapes:
        if _placeholder(shape) not in passed_over:
            _add_shape(builder, shape)
    for target in read_relations(package, name).values():
        if "/notesSlide" in target and (notes := read_part(package, target)) is not None:
            for shape in (s for s in _shapes(notes) if _placeholder(s) not in passed_over):
                for words, _ in _paragraphs(shape):
                    builder.add(BlockKind.FOOTNOTE, words)


def _shapes(root: Element) -> Iterator[Element]:
    """Yield text shapes and tables, through groups, but not the fallbacks of newer drawings."""
    for part in root:
        name = local_name(part)
        if name in {"sp", "graphicFrame"}:
            yield part
        elif name != "Fallback":
            yield from _shapes(part)


def _placeholder(shape: Element) -> str:
    for part in shape.iter():
        if local_name(part) == "ph":
            return value(part, "type") or "body"
    return ""


def _add_shape(builder: DocumentBuilder, shape: Element) -> None:
    kind = _placeholder(shape)
    if local_name(shape) == "graphicFrame":
        rows = [
            [" ".join(words for words, _ in _paragraphs(cell)) for cell in row]
            for row in shape.iter()
            if local_name(row) == "tr"
        ]
        for line in describe_rows(rows):
            builder.add(BlockKind.TABLE_ROW, line)
    elif kind in _TITLES:
        builder.add(BlockKind.HEADING, " ".join(words for words, _ in _paragraphs(shape)), 1)
    else:
        for words, level in _paragraphs(shape):
            is_list = kind in {"body", "obj"}
            block = BlockKind.LIST_ITEM if is_list else BlockKind.PARAGRAPH
            builder.add(block, words, level if is_list else 0)


def _paragraphs(shape: Element) -> Iterator[tuple[str, int]]:
    for paragraph in shape.iter():
        if local_name(paragraph) != "p":
            continue
        level = 1
        parts: list[str] = []
        for part in paragraph.iter():
            name = local_name(part)
            if name == "t":
                parts.append(part.text or "")
            elif name == "br":
                parts.append(" ")
            elif name == "pPr" and (depth := value(part, "lvl")) and depth.isdecimal():
                level = int(depth) + 1
        yield "".join(parts), level
