"""PowerPoint: one page per slide, with titles as headings, bullets, tables and speaker notes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import check_pages
from qa_app.loading.ooxml import Element, Package, local_name, relation, value
from qa_app.models import BlockKind, Document

# Placeholders left out: date, footer, slide number, header, and the slide's image in its notes.
_PASSED_OVER = frozenset(["dt", "ftr", "sldNum", "hdr", "sldImg"])
_TITLES = frozenset(["title", "ctrTitle"])
# Titles that PowerPoint gives to a file without one.
_UNNAMED = re.compile(r"powerpoint presentation|slide 1$", re.IGNORECASE)


def load_pptx(path: str, content: bytes) -> Document:
    """Return the document of a PowerPoint file; its pages are the slides."""
    package = Package(content)
    main, root = package.main("ppt/presentation.xml", "PowerPoint")
    relations = package.relations(main)
    targets = [relations.get(relation(part)) for part in root.iter("{*}sldId")]
    slides = [target for target in targets if target]
    check_pages(len(slides))
    for passed_over in (_PASSED_OVER, frozenset[str]()):
        builder = DocumentBuilder(path, "pptx")
        for slide in slides:
            builder.start_page()
            _add_slide(builder, package, slide, passed_over)
        if builder.blocks:
            break  # else read again with the footers, better than nothing
    facts = [fact for fact in package.office_metadata() if not _UNNAMED.match(fact.value)]
    return builder.build(facts, fallback=builder.opening_heading)


def _add_slide(
    builder: DocumentBuilder, package: Package, name: str, passed_over: frozenset[str]
) -> None:
    # The title comes first, whatever its order in the file.
    shapes = sorted(
        _shapes(package.part(name)), key=lambda shape: _placeholder(shape) not in _TITLES
    )
    for shape in shapes:
        if _placeholder(shape) not in passed_over:
            _add_shape(builder, shape)
    for target in package.relations(name).values():
        if "/notesSlide" in target:
            for shape in _shapes(package.part(target)):
                if _placeholder(shape) not in passed_over:
                    for words, _ in _paragraphs(shape):
                        builder.add(BlockKind.FOOTNOTE, words)


def _shapes(root: Element) -> Iterator[Element]:
    """Yield text shapes and tables, also inside groups, but not fallback copies of drawings."""
    for part in root:
        name = local_name(part)
        if name in {"sp", "graphicFrame"}:
            yield part
        elif name != "Fallback":
            yield from _shapes(part)


def _placeholder(shape: Element) -> str:
    part = shape.find(".//{*}ph")
    return "" if part is None else value(part, "type") or "body"


def _add_shape(builder: DocumentBuilder, shape: Element) -> None:
    kind = _placeholder(shape)
    if local_name(shape) == "graphicFrame":
        builder.add_table(
            [
                [" ".join(words for words, _ in _paragraphs(cell)) for cell in row]
                for row in shape.iter("{*}tr")
            ]
        )
    elif kind in _TITLES:
        builder.add(BlockKind.HEADING, " ".join(words for words, _ in _paragraphs(shape)), 1)
    else:
        for words, level in _paragraphs(shape):
            is_list = kind in {"body", "obj"}
            block = BlockKind.LIST_ITEM if is_list else BlockKind.PARAGRAPH
            builder.add(block, words, level if is_list else 0)


def _paragraphs(shape: Element) -> Iterator[tuple[str, int]]:
    for paragraph in shape.iter("{*}p"):
        depth = value(paragraph.find("{*}pPr"), "lvl") or "0"
        pieces = (part.text or " " for part in paragraph.iter("{*}t", "{*}br"))
        yield "".join(pieces), int(depth) + 1 if depth.isdecimal() else 1
