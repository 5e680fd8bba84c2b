"""EPUB books: their chapters of HTML in reading order."""

from __future__ import annotations

import posixpath
from urllib.parse import unquote

from qa_app.errors import BrokenFileError
from qa_app.loading.builder import DocumentBuilder
from qa_app.loading.html import add_html, parse_html
from qa_app.loading.limits import open_zip
from qa_app.loading.metadata import collect, iso_date
from qa_app.loading.ooxml import local_name, read_part, value
from qa_app.models import Document


def load_epub(path: str, content: bytes) -> Document:
    """Return the document of an EPUB book.

    Raises:
        BrokenFileError: the package or a part of it is damaged.
        LimitError: it expands to too much.
        NoTextError: it has no words.
        PasswordError: it is encrypted.
    """
    package = open_zip(content, refuse_doctype=False)
    container = read_part(package, "META-INF/container.xml")
    files = (part for part in (container.iter() if container is not None else ()))
    name = next((value(p, "full-path") for p in files if local_name(p) == "rootfile"), None)
    root = read_part(package, name) if name else None
    if root is None:
        raise BrokenFileError(
            "It is not an EPUB book: its contents are missing.", "Fetch it again."
        )
    folder = posixpath.dirname(name or "")
    hrefs = {}
    facts: dict[str, str] = {}
    order = []
    for part in root.iter():
        if local_name(part) == "item":
            target = posixpath.normpath(posixpath.join(folder, unquote(value(part, "href") or "")))
            hrefs[value(part, "id")] = target
        elif local_name(part) == "itemref":
            order.append(value(part, "idref"))
        elif part.text and part.text.strip():
            facts.setdefault(local_name(part), part.text)
    builder = DocumentBuilder(path, "epub")
    present = set(package.namelist())
    for target in (hrefs[key] for key in order if hrefs.get(key) in present):
        add_html(builder, parse_html(package.read(target)))
    return builder.build(
        collect(
            ("title", facts.get("title"), "book's metadata"),
            ("author", facts.get("creator"), "book's metadata"),
            ("publisher", facts.get("publisher"), "book's metadata"),
            ("date", iso_date(facts.get("date")), "book's metadata"),
        ),
    )
