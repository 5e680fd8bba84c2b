"""Export of a brief as a Word document; the same outline gives the same bytes.

Written from templates, since python-docx does not support footnotes and writes the time into its
files. The document has only the parts that Word requires.
"""

from __future__ import annotations

import io
import re
import zipfile
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from qa_app.briefs.export.outline import Outline

# Name of each part in the DOCX archive, and its template.
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
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date in a ZIP file; fixed, for equal bytes
# Characters not allowed in XML 1.0: most controls, lone surrogates, U+FFFE and U+FFFF.
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
    # Results of macros are Markup; their parts were cleaned when they were rendered.
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
