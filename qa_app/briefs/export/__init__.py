"""Export of a brief as Word, Markdown, CSV or ZIP; equal input and date give equal bytes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

from qa_app.briefs.brief import Brief
from qa_app.briefs.export.as_archive import to_archive
from qa_app.briefs.export.as_csv import to_csv
from qa_app.briefs.export.as_markdown import to_markdown
from qa_app.briefs.export.as_word import to_docx
from qa_app.briefs.export.outline import Outline, outline
from qa_app.errors import BriefError
from qa_app.store.protocol import Generation
from qa_app.verification import Sources


class Form(StrEnum):
    """Export format of a brief; the value is the file's extension."""

    WORD = "docx"
    MARKDOWN = "md"
    CSV = "csv"
    ARCHIVE = "zip"


_Form = TypeVar("_Form", bound=StrEnum)


def form_of(name: str, forms: type[_Form]) -> _Form:
    """Return the one of ``forms`` for a file name's extension.

    ``BriefError`` if there is none; its hint names them.
    """
    try:
        return forms(Path(name).suffix.lower().lstrip("."))
    except ValueError as exc:
        *others, last = (f".{form}" for form in forms)
        raise BriefError(
            f"{name} does not say what to export.", f"End it in {', '.join(others)} or {last}."
        ) from exc


def export_brief(
    brief: Brief,
    generation: Generation,
    form: Form,
    corpus: Path | None = None,
    made: date | None = None,
) -> bytes:
    """Return a brief as the bytes of a file; an archive has all the others in it.

    Args:
        generation: the open generation that the colophon describes.
        corpus: folder of the reports that quotes are checked against; by default the index's text.
        made: the date of the export; by default today (UTC).
    """
    made = made or datetime.now(UTC).date()
    found = outline(brief, generation, Sources(generation, corpus), made)
    if form is not Form.ARCHIVE:
        return _write_outline(found, form)
    if corpus is None:
        raise BriefError("The sources are not known.", "Give their folder: --corpus DIR")
    names = (other for other in Form if other is not Form.ARCHIVE)
    files = {f"brief.{other}": _write_outline(found, other) for other in names}
    return to_archive(brief, generation, corpus, made, files)


def _write_outline(found: Outline, form: Form) -> bytes:
    if form is Form.WORD:
        return to_docx(found)
    if form is Form.CSV:
        return to_csv(found)
    return to_markdown(found).encode(errors="backslashreplace")


def write_export(path: Path, content: bytes) -> None:
    """Write an exported brief; ``BriefError`` if the file cannot be written."""
    try:
        path.write_bytes(content)
    except OSError as exc:
        raise BriefError(
            f"{path} cannot be written: {exc.strerror}.", "Give a file that you may write."
        ) from exc
