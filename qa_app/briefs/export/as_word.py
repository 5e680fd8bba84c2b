"""A brief as a Word document: the same brief gives the same bytes.

Written from templates, since python-docx has no footnotes and stamps the time into its files. The
parts are the fewest that Word asks for: text, footnotes, styles, settings.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qa_app.briefs.export.outline import Outline

# A part's name in the document, and its template.
_PARTS = {
    "[Content_Types].xml": "content_types.xml",
    "_rels/.rels": "package_relationships.xml",
    "docProps/core.xml": "properties.xml",
    "word/document.xml": "document.xml",
    "word/_rels/document.xml.rels": "document_relationships.xml",
    "word/footnotes.xml": "footnotes.xml",
    "word/styles.xml": "styles.xml",
    "word/settings.xml": "settings.xml",
}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a ZIP file can say
# What XML 1.0 cannot hold: controls, halves of surrogate pairs, U+FFFE and U+FFFF.
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def to_docx(outline: Outline) -> bytes:
    """Return a brief as a DOCX file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, template in _PARTS.items():
            content = _TEMPLATES.get_template(template).render(outline=outline)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _finalize(value: object) -> object:
    # What a macro returns is Markup, and was seen to when it was made.
    if isinstance(value, str) and not isinstance(value, Markup):
        return _NOT_XML.sub("", value)
    return value


_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "docx"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    finalize=_finalize,
)
_TEMPLATES.filters["lines"] = _lines
