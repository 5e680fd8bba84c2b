"""EPUB books: HTML chapters in reading order."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.html import add_html, parse_html
from qa_app.loading.ooxml import Package, value
from qa_app.models import Document


def load_epub(path: str, content: bytes) -> Document:
    """Return the document of an EPUB book."""
    package = Package(content, refuse_doctype=False)
    name = value(package.part("META-INF/container.xml").find(".//{*}rootfile"), "full-path") or ""
    if name not in package.names:
        raise BrokenFileError(
            "It is not an EPUB book: its contents are missing.", "Fetch it again."
        )
    root = package.part(name)
    folder = posixpath.dirname(name)
    hrefs = {
        value(item, "id"): posixpath.normpath(
            posixpath.join(folder, unquote(value(item, "href") or ""))
        )
        for item in root.iter("{*}item")
    }
    builder = DocumentBuilder(path, "epub")
    for chapter in (hrefs.get(value(item, "idref")) for item in root.iter("{*}itemref")):
        if chapter in package.names:
            add_html(builder, parse_html(package.read(chapter)))
    return builder.build(package.metadata("book's metadata", name))
