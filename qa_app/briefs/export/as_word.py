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

# The part with the text, whose template differs between documents.
_BODY = "word/document.xml"
# Name of each part in the DOCX archive, and its template.
_PARTS = {
    "[Content_Types].xml": "content_types.xml",
    "_rels/.rels": "package_relationships.xml",
    "docProps/core.xml": "properties.xml",
    _BODY: "document.xml",
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
    return render_docx(_PARTS[_BODY], outline)


def render_docx(template: str, outline: object) -> bytes:
    """Return a DOCX file whose text is made by a template, in the styles of a brief.

    Args:
        template: file name in the folder ``docx``.
        outline: passed to the template; it has a title, a date (``made``) and footnotes (``notes``,
            each with a number and a text).
    """
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, usual in _PARTS.items():
            part = _TEMPLATES.get_template(template if name == _BODY else usual)
            content = part.render(outline=outline)
            archive.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED)
    return file.getvalue()


def xml_text(text: str) -> str:
    """Return a text without the characters that XML 1.0 does not allow."""
    return _NOT_XML.sub("", text)


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def _finalize(value: object) -> object:
    # Results of macros are Markup; their parts were cleaned when they were rendered.
    if isinstance(value, str) and not isinstance(value, Markup):
        return xml_text(value)
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
