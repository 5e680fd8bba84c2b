"""Word files: headings from styles, lists, tables, notes; read from the package's XML itself.

Reading the XML reaches what python-docx's paragraphs leave out: content controls, text boxes,
inserted text that is still tracked, and footnotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.limits import open_zip
from qa_app.loading.ooxml import (
    Element,
    core_metadata,
    find_main_part,
    local_name,
    read_part,
    value,
)
from qa_app.loading.tables import describe_rows
from qa_app.models import BlockKind, Document

_LABEL = re.compile(r"(\d{1,3}(?:\.\d{1,3})+)\.?\s+(?=\S)")
_HEADING = re.compile(r"heading\s*(\d)", re.I)


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_SKIPPED = _names("del moveFrom instrText delText Fallback rPr pPr drawing pict")
_WRAPPERS = _names("sdt sdtContent customXml ins moveTo smartTag txbxContent")
_WRAPPERS |= _names("AlternateContent Choice")


@dataclass(frozen=True, slots=True)
class _Style:
    name: str
    outline: int | None
    is_list: bool


@dataclass(slots=True)
class _Context:
    builder: DocumentBuilder
    styles: dict[str, _Style]
    notes: dict[str, str]
    cited: list[str] = field(default_factory=list)


def load_docx(path: str, content: bytes) -> Document:
    """Return the document of a Word file.

    Raises:
        BrokenFileError: the package or its main part is damaged.
        LimitError: it expands to too much.
        NoTextError: it has no words.
        PasswordError: it is encrypted.
    """
    package = open_zip(content)
    main = find_main_part(package, "word/document.xml")
    root = read_part(package, main)
    if root is None:
        raise BrokenFileError(
            "It is not a Word file: its main part is missing.", "Save it again from Word."
        )
    folder = main.rpartition("/")[0]
    context = _Context(
        DocumentBuilder(path, "docx"),
        _read_styles(read_part(package, f"{folder}/styles.xml")),
        _read_notes(read_part(package, f"{folder}/footnotes.xml"))
        | _read_notes(read_part(package, f"{folder}/endnotes.xml"), "e"),
    )
    for body in root:
        if local_name(body) == "body":
            _add_blocks(context, body)
    for note in dict.fromkeys(context.cited):
        context.builder.add(BlockKind.FOOTNOTE, context.notes.get(note, ""))
    metadata = core_metadata(package)
    title = next((item.value for item in metadata if item.name == "title"), None)
    return context.builder.build(title=title or _styled_title(context), metadata=metadata)


def _styled_title(context: _Context) -> str | None:
    first = next(iter(context.builder.blocks), None)
    if first is None or first.kind is not BlockKind.HEADING or first.level != 1:
        return None
    return context.builder.words(first)


def _read_styles(root: Element | None) -> dict[str, _Style]:
    parents: dict[str, str] = {}
    styles: dict[str, _Style] = {}
    for style in root if root is not None else ():
        if local_name(style) != "style":
            continue
        key = value(style, "styleId") or ""
        parts = {local_name(part): part for part in style.iter()}
        outline = value(parts.get("outlineLvl"), "val")
        parents[key] = value(parts.get("basedOn"), "val") or ""
        name = value(parts.get("name"), "val") or key
        level = int(outline) + 1 if outline and outline.isdecimal() and int(outline) < 9 else None
        if named := _HEADING.match(name):
            level = int(named[1])
        styles[key] = _Style(name, level, "numPr" in parts)
    for key in styles:
        styles[key] = _inherit(key, styles, parents)
    return styles


def _inherit(key: str, styles: dict[str, _Style], parents: dict[str, str]) -> _Style:
    own = styles[key]
    outline, is_list = own.outline, own.is_list
    seen = {key}
    parent = parents.get(key, "")
    while parent in styles and parent not in seen:
        seen.add(parent)
        outline = outline if outline is not None else styles[parent].outline
        is_list = is_list or styles[parent].is_list
        parent = parents.get(parent, "")
    return _Style(own.name, outline, is_list)


def _read_notes(root: Element | None, prefix: str = "f") -> dict[str, str]:
    notes = {}
    for note in root if root is not None else ():
        if value(note, "type") in {None, "normal"}:
            paragraphs = (_words(part) for part in note.iter() if local_name(part) == "p")
            notes[prefix + (value(note, "id") or "")] = " ".join(paragraphs)
    return notes


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
    properties = next((part for part in paragraph if local_name(part) == "pPr"), None)
    parts = {local_name(p): p for p in properties.iter()} if properties is not None else {}
    style = context.styles.get(value(parts.get("pStyle"), "val") or "", _Style("", None, False))
    words = _words(paragraph)
    outline = value(parts.get("outlineLvl"), "val")
    level = int(outline) + 1 if outline and outline.isdecimal() and int(outline) < 9 else None
    level = level or style.outline
    name = style.name.lower()
    if name == "title" or level is not None:
        context.builder.add(BlockKind.HEADING, words, level or 1)
    elif name.startswith("caption"):
        context.builder.add(BlockKind.CAPTION, words)
    elif name.startswith("toc ") or name in {"header", "footer"}:
        pass
    elif "numPr" in parts or style.is_list or name.startswith("list "):
        depth = value(parts.get("ilvl"), "val") or "0"
        nesting = int(depth) + 1 if depth.isdecimal() else 1
        context.builder.add(BlockKind.LIST_ITEM, words, nesting)
    elif number := _LABEL.match(words):
        context.builder.add(BlockKind.PARAGRAPH, words[number.end() :], 0, number[1])
    else:
        context.builder.add(BlockKind.PARAGRAPH, words)
    for part in paragraph.iter():
        if local_name(part) in {"footnoteReference", "endnoteReference"}:
            context.cited.append(local_name(part)[0] + (value(part, "id") or ""))
        elif local_name(part) == "txbxContent" and not _in_fallback(part):
            _add_blocks(context, part)


def _in_fallback(part: Element) -> bool:
    return any(local_name(parent) == "Fallback" for parent in part.iterancestors())


def _words(paragraph: Element) -> str:
    return "".join(_pieces(paragraph))


def _pieces(element: Element) -> Iterator[str]:
    for child in element:
        name = local_name(child)
        if name == "t":
            yield child.text or ""
        elif name in {"tab", "br", "cr", "ptab"}:
            yield " "
        elif name in {"noBreakHyphen", "sym"}:
            yield "-" if name == "noBreakHyphen" else ""
        elif name not in _SKIPPED:
            yield from _pieces(child)


def _add_table(context: _Context, table: Element) -> None:
    rows = list(_descend(table, "tr"))
    cells = [list(_row_cells(row)) for row in rows]
    if max((len(row) for row in cells), default=0) < 2 and len(cells) <= 1:
        # A box of one cell is a frame around text, not a table.
        for cell in table.iter():
            if local_name(cell) == "tc":
                _add_blocks(context, cell)
                return
    header = 0
    while header < len(rows) and any(
        local_name(part) == "tblHeader" for part in rows[header].iter()
    ):
        header += 1
    for line in describe_rows(cells, header if 0 < header < len(rows) else None):
        context.builder.add(BlockKind.TABLE_ROW, line)


def _descend(element: Element, wanted: str) -> Iterator[Element]:
    """Yield children of a name, through the wrappers that Word puts around them."""
    for child in element:
        name = local_name(child)
        if name == wanted:
            yield child
        elif name in {"sdt", "sdtContent", "customXml", "ins"}:
            yield from _descend(child, wanted)


def _row_cells(row: Element) -> Iterator[str]:
    for cell in _descend(row, "tc"):
        span = next((value(p, "val") for p in cell.iter() if local_name(p) == "gridSpan"), None)
        words = " ".join(_words(p) for p in cell.iter() if local_name(p) == "p")
        yield from [words] * (min(int(span), 60) if span and span.isdecimal() else 1)
