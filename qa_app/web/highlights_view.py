"""Downloads with highlights: of the open source, or of all sources that an answer cites."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import quote

from starlette.responses import PlainTextResponse, Response

from qa_app.briefs.export.as_archive import brief_marks
from qa_app.briefs.stored_file import open_brief
from qa_app.errors import QAAppError
from qa_app.highlighting.archive import archive_answer
from qa_app.highlighting.copies import Highlighter
from qa_app.models import Mark
from qa_app.web.address import Address, parse_address
from qa_app.web.catalogue import Catalogue
from qa_app.web.lead_view import ask_address
from qa_app.web.page import PageController
from qa_app.web.source_view import valid_span

_TYPES = {".pdf": "application/pdf", ".html": "text/html; charset=utf-8", ".zip": "application/zip"}


def send_highlights(page: PageController, user: str, search: str) -> Response:
    """Return the download for an address of the page.

    With a source open, that is a copy of it, with the address's span and the quotes that the
    user's brief has from it highlighted; else a ZIP file of the sources that the answer cites.
    """
    try:
        catalogue = page.catalogue()
        address = parse_address(search, catalogue.facets)
        name, content = _make(catalogue, address, user)
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message} {exc.hint}\n", 404)
    shown = quote(name, safe="", errors="replace")
    headers = {
        "content-type": _TYPES[PurePosixPath(name).suffix],
        # Never shown in place: a report's words must not be a page of this site.
        "content-disposition": f"attachment; filename*=UTF-8''{shown}",
        "cache-control": "no-store",
    }
    return Response(content, headers=headers)


def _make(catalogue: Catalogue, address: Address, user: str) -> tuple[str, bytes]:
    snapshot = catalogue.snapshot
    with Highlighter(snapshot.generation, snapshot.corpus) as highlighter:
        if not address.document:
            answer = ask_address(snapshot, address)
            return "highlights.zip", archive_answer(highlighter, answer)
        document = snapshot.document(address.document)
        pinned, gone = brief_marks(open_brief(snapshot.index, user).read(), snapshot.generation)
        marks = pinned.get(document.path, [])
        marks += [mark for path, mark, _ in gone if path == document.path]  # to be named there
        if span := valid_span(document, address):
            marks.append(Mark(*span, document.text[slice(*span)], address.question))
        copy = highlighter.copy(document.path, marks)
    name = PurePosixPath(copy.name)
    return f"{name.stem}-highlights{name.suffix}", copy.content
