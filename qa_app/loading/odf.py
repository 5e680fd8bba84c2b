"""OpenDocument text and presentations (LibreOffice): headings, lists, tables and notes."""

from __future__ import annotations

from collections.abc import Iterator

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.ooxml import Element, Package, local_name, value
from qa_app.models import BlockKind, Document

# Left out of the text: tracked deletions, comments, index templates, ruby annotations, forms and
# declarations.
_SKIPPED = frozenset({"tracked-changes", "annotation", "index-title-template", "ruby-text"})
_SKIPPED |= {"forms", "sequence-decls"}
_CELLS = frozenset({"table-cell", "covered-table-cell"})


def load_odf(path: str, content: bytes) -> Document:
    """Return the document of an OpenDocument file; a presentation's pages are its slides."""
    package = Package(content, refuse_doctype=False)
    if "content.xml" not in package.names:
        raise BrokenFileError(
            "It is not an OpenDocument file: its content is missing.", "Save it again."
        )
    builder = DocumentBuilder(path, "opendocument")
    for body in package.part("content.xml").iterfind("{*}body"):
        _add_blocks(builder, body, 0)
    return builder.build(package.office_metadata())


def _add_blocks(builder: DocumentBuilder, parent: Element, nesting: int) -> None:
    for child in parent:
        name = local_name(child)
        if name == "h":
            level = value(child, "outline-level") or "1"
            builder.add(BlockKind.HEADING, _words(child), int(level) if level.isdecimal() else 1)
        elif name == "p":
            kind = BlockKind.LIST_ITEM if nesting else BlockKind.PARAGRAPH
            builder.add(kind, _words(child), nesting)
            _add_inner(builder, child)
        elif name == "list":
            _add_blocks(builder, child, nesting + 1)
        elif name == "table":
            builder.add_table(
                [
                    [_words(cell) for cell in row.iterfind("*") if local_name(cell) in _CELLS]
                    for row in _rows(child)
                ]
            )
        elif name == "notes":
            for part in child.iter("{*}p"):
                builder.add(BlockKind.FOOTNOTE, _words(part))
        elif name not in _SKIPPED and name:
            if name == "page":
                builder.start_page()
            _add_blocks(builder, child, nesting)


def _add_inner(builder: DocumentBuilder, paragraph: Element) -> None:
    """Add the notes and text boxes anchored in a paragraph."""
    for part in paragraph.iter("{*}note-body", "{*}text-box"):
        if local_name(part) == "note-body":
            builder.add(BlockKind.FOOTNOTE, _words(part))
        else:
            _add_blocks(builder, part, 0)


def _words(element: Element) -> str:
    return "".join(_pieces(element))


def _pieces(element: Element) -> Iterator[str]:
    yield element.text or ""
    for child in element:
        name = local_name(child)
        if name in {"tab", "line-break", "s"}:
            yield " "
        elif name and name not in _SKIPPED and name not in {"note", "frame", "text-box"}:
            yield from _pieces(child)
            if name == "p":
                yield " "
        yield child.tail or ""


def _rows(table: Element) -> Iterator[Element]:
    for child in table:
        if local_name(child) == "table-row":
            yield child
        elif local_name(child) in {"table-header-rows", "table-rows", "table-row-group"}:
            yield from _rows(child)
