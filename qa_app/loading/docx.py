"""Word files: headings from styles, lists, tables and notes, read directly from the package's XML.

Reading the XML gives access to what python-docx's paragraphs omit: content controls, text boxes,
tracked insertions and footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.docx_numbering import Numbering
from qa_app.loading.ooxml import Element, Package, local_name, value
from qa_app.models import BlockKind, Document

# Names of Word's built-in heading styles, stored in English whatever Word's language.
_HEADING = re.compile(r"heading\s*(\d)", re.I)
# "3.12" or "A.1": the number of a paragraph rather than of a list item.
_CLAUSE = re.compile(r"[A-Z]?\d{0,3}(?:\.\d{1,3})+")
_LONG = 150  # characters; longer text after a number such as 7 is a paragraph, not a list item


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


# No text of the paragraph: deletions, sources of moves, field codes, properties, and drawings, of
# which _add_paragraph adds the text boxes as blocks of their own.
_SKIPPED = _names("del moveFrom instrText delText Fallback rPr pPr drawing pict")
# Elements that wrap paragraphs and tables and have no text of their own.
_WRAPPERS = _names("sdt sdtContent customXml ins moveTo smartTag txbxContent")
_WRAPPERS |= _names("AlternateContent Choice")


@dataclass(frozen=True, slots=True)
class _Style:
    """A paragraph style: heading level from 1, list, and depth in it from 0; None where not set."""

    name: str = ""
    level: int | None = None
    list_id: str | None = None
    depth: int | None = None


@dataclass(slots=True)
class _Context:
    builder: DocumentBuilder
    styles: dict[str, _Style]
    notes: dict[str, str]
    numbering: Numbering
    cited: list[str] = field(default_factory=list)


def load_docx(path: str, content: bytes) -> Document:
    """Return the document of a Word file; its footnotes and endnotes come last."""
    package = Package(content)
    main, root = package.main("word/document.xml", "Word")
    folder = main.rpartition("/")[0]
    context = _Context(
        DocumentBuilder(path, "docx"),
        _read_styles(package.part(f"{folder}/styles.xml")),
        {
            local_name(note)[0] + (value(note, "id") or ""): " ".join(
                map(_words, note.iter("{*}p"))
            )
            for kind in ("footnotes", "endnotes")
            for note in package.part(f"{folder}/{kind}.xml").iterfind("*")
            if value(note, "type") in {None, "normal"}
        },
        Numbering(package.part(f"{folder}/numbering.xml")),
    )
    for body in root.iterfind("{*}body"):
        _add_blocks(context, body)
    for cited in dict.fromkeys(context.cited):
        context.builder.add(BlockKind.FOOTNOTE, context.notes.get(cited, ""))
    return context.builder.build(
        package.office_metadata(), fallback=context.builder.opening_heading
    )


def _read_styles(root: Element) -> dict[str, _Style]:
    """Return the styles by identifier, with what they inherit from the styles they are based on."""
    parents: dict[str, str] = {}
    styles: dict[str, _Style] = {}
    for style in root.iterfind("{*}style"):
        key = value(style, "styleId") or ""
        name, parent, list_id = (
            value(style.find(f".//{{*}}{part}"), "val") for part in ("name", "basedOn", "numId")
        )
        level = _to_level(style.find(".//{*}outlineLvl"))
        if named := _HEADING.match(name or key):
            level = int(named[1])
        parents[key] = parent or ""
        styles[key] = _Style(name or key, level, list_id, _to_depth(style.find(".//{*}ilvl")))
    return {key: _inherit(key, styles, parents) for key in styles}


def _inherit(key: str, styles: dict[str, _Style], parents: dict[str, str]) -> _Style:
    style = styles[key]
    seen = {key}
    while (key := parents.get(key, "")) in styles and key not in seen:
        seen.add(key)
        above = styles[key]
        style = _Style(
            style.name,
            above.level if style.level is None else style.level,
            above.list_id if style.list_id is None else style.list_id,
            above.depth if style.depth is None else style.depth,
        )
    return style


def _to_level(part: Element | None) -> int | None:
    depth = _to_depth(part)
    return None if depth in {None, 9} else depth + 1


def _to_depth(part: Element | None) -> int | None:
    depth = value(part, "val")
    return int(depth) if depth and depth.isdecimal() and len(depth) == 1 else None


def _add_blocks(context: _Context, parent: Element) -> None:
    for child in parent:
        name = local_name(child)
        if name == "p":
            _add_paragraph(context, child)
        elif name == "tbl":
            _add_table(context, child)
        elif name in _WRAPPERS:
            _add_blocks(context, child)


def _add_paragraph(context: _Context, paragraph: Element) -> None:
    parts = _properties(paragraph)
    style = _style_of(context, parts)
    words = _words(paragraph)
    level = _to_level(parts.get("outlineLvl")) or style.level
    name = style.name.lower()
    list_id, depth, number = _number(context, parts)
    label = number.strip(" .:()[]") or None
    if name == "title" or level is not None:
        context.builder.add(BlockKind.HEADING, f"{number} {words}" if words else "", level or 1)
    elif name.startswith("caption"):
        context.builder.add(BlockKind.CAPTION, words)
    elif name.startswith("toc ") or name in {"header", "footer"}:
        pass
    elif label and (_CLAUSE.fullmatch(label) or (label.isdecimal() and len(words) > _LONG)):
        context.builder.add(BlockKind.PARAGRAPH, words, 0, label)
    elif list_id or (list_id is None and ("numPr" in parts or name.startswith("list "))):
        context.builder.add(BlockKind.LIST_ITEM, words, depth + 1, label)
    else:
        context.builder.add(BlockKind.PARAGRAPH, words)
    for part in paragraph.iter("{*}footnoteReference", "{*}endnoteReference", "{*}txbxContent"):
        if local_name(part) != "txbxContent":
            context.cited.append(local_name(part)[0] + (value(part, "id") or ""))
        elif next(part.iterancestors("{*}Fallback"), None) is None:
            _add_blocks(context, part)


def _properties(paragraph: Element) -> dict[str, Element]:
    """Return a paragraph's properties by name, without those replaced by a tracked change."""
    return {
        local_name(part): part
        for child in paragraph.iterfind("{*}pPr/*")
        if local_name(child) not in {"pPrChange", "rPr", "sectPr"}
        for part in child.iter()
    }


def _style_of(context: _Context, parts: dict[str, Element]) -> _Style:
    return context.styles.get(value(parts.get("pStyle"), "val") or "", _Style())


def _number(context: _Context, parts: dict[str, Element]) -> tuple[str | None, int, str]:
    """Count a paragraph, and return its list, its depth from 0, and its number.

    The list is "" where the paragraph opts out of its style's list, None where there is none.
    """
    style = _style_of(context, parts)
    list_id = value(parts.get("numId"), "val") or style.list_id
    depth = _to_depth(parts.get("ilvl"))
    if depth is None:
        depth = style.depth
    if list_id is None or list_id == "0":
        return "" if list_id else None, depth or 0, ""
    if depth is None:
        depth = context.numbering.depth(list_id, value(parts.get("pStyle"), "val") or "")
    return list_id, depth, context.numbering.count(list_id, depth)


def _words(paragraph: Element) -> str:
    return "".join(_pieces(paragraph))


def _pieces(element: Element) -> Iterator[str]:
    for child in element:
        name = local_name(child)
        if name == "t":
            yield child.text or ""
        elif name in {"tab", "br", "cr", "ptab"}:
            yield " "
        elif name == "noBreakHyphen":
            yield "-"
        elif name not in _SKIPPED:
            yield from _pieces(child)


def _add_table(context: _Context, table: Element) -> None:
    rows = list(_descend(table, "tr"))
    if len(rows) == 1 and len(boxed := list(_descend(rows[0], "tc"))) == 1:
        # A table with one cell is a frame around text.
        _add_blocks(context, boxed[0])
        return
    cells = [list(_row_cells(context, row)) for row in rows]
    header = 0
    while header < len(rows) and rows[header].find(".//{*}tblHeader") is not None:
        header += 1
    context.builder.add_table(cells, header if 0 < header < len(rows) else None)


def _descend(element: Element, wanted: str) -> Iterator[Element]:
    """Yield children named ``wanted``, including those inside Word's wrapper elements."""
    for child in element:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in {"sdt", "sdtContent", "customXml", "ins"}:
            yield from _descend(child, wanted)


def _row_cells(context: _Context, row: Element) -> Iterator[str]:
    for cell in _descend(row, "tc"):
        span = value(cell.find(".//{*}gridSpan"), "val")
        words = " ".join(
            f"{_number(context, _properties(p))[2]} {_words(p)}" for p in cell.iter("{*}p")
        )
        yield from [words] * (min(int(span), 60) if span and span.isdecimal() else 1)
