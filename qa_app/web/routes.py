"""Routes in addition to Gradio's: downloads, the state of index and build, uploads.

Gradio checks the sign-in on its own routes only, so ``_route`` checks it for each of these.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from qa_app.briefs.export import Form
from qa_app.errors import QAAppError
from qa_app.grids.grid_export import GridForm
from qa_app.highlighting.copies import read_source
from qa_app.web.builds import Builds, BuildState
from qa_app.web.highlights_view import send_highlights
from qa_app.web.page import PageController
from qa_app.web.security import (
    BRIEF_ROUTE,
    BUILD_ROUTE,
    GRID_ROUTE,
    GRID_STATE_ROUTE,
    HIGHLIGHTS_ROUTE,
    ORIGINAL_ROUTE,
    STATE_ROUTE,
    SUMMARY_ROUTE,
    UPLOAD_ROUTE,
)
from qa_app.web.sessions import signed_in
from qa_app.web.summary import write_summary
from qa_app.web.uploads import IncomingFile

Endpoint = Callable[[Request], Awaitable[Response]]
# By a file's ending, which is also the value of ``Form`` and ``GridForm``.
_TYPES: dict[str, str] = {
    Form.WORD: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Form.MARKDOWN: "text/markdown; charset=utf-8",
    Form.CSV: "text/csv; charset=utf-8",
    Form.ARCHIVE: "application/zip",
    GridForm.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_NO_STORE = {"cache-control": "no-store"}
# Types that a browser displays without running any of their content; others are downloaded.
_SHOWN = {
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".md": "text/plain",
    ".markdown": "text/plain",
    ".rst": "text/plain",
}


def page_routes(page: PageController) -> list[Route]:
    """Return the routes of a page; those for uploads only if it accepts them."""

    async def original(request: Request) -> Response:
        return await run_in_threadpool(_original, page, request.query_params.get("doc", ""))

    async def state(_request: Request) -> Response:
        return await run_in_threadpool(_state, page)

    # Highlighting takes seconds of work, so one is made at a time; who waits holds no thread.
    one_at_a_time = asyncio.Lock()

    async def brief(request: Request) -> Response:
        form = Form(request.path_params["form"])
        async with one_at_a_time if form is Form.ARCHIVE else nullcontext():
            return await run_in_threadpool(_brief, page, signed_in(request) or "", form)

    async def highlights(request: Request) -> Response:
        async with one_at_a_time:
            return await run_in_threadpool(
                send_highlights, page, signed_in(request) or "", request.url.query
            )

    async def grid(request: Request) -> Response:
        form = GridForm(request.path_params["form"])
        name = request.query_params.get("name", "")
        return await run_in_threadpool(_grid, page, signed_in(request) or "", name, form)

    async def grid_state(request: Request) -> Response:
        name = request.query_params.get("name", "")
        run = page.grids.state(signed_in(request) or "", name)
        return JSONResponse(asdict(run), headers=_NO_STORE)

    async def summary(request: Request) -> Response:
        return await write_summary(page, request)

    routes = [
        _route(ORIGINAL_ROUTE, original, "GET"),
        _route(f"{GRID_ROUTE}.{{form}}", grid, "GET"),
        _route(GRID_STATE_ROUTE, grid_state, "GET"),
        _route(f"{BRIEF_ROUTE}.{{form}}", brief, "GET"),
        _route(HIGHLIGHTS_ROUTE, highlights, "GET"),
        _route(STATE_ROUTE, state, "GET"),
        _route(SUMMARY_ROUTE, summary, "POST"),
    ]
    if page.builds is None or not page.takes_uploads:
        return routes
    return [*routes, *_upload_routes(page.builds)]


def _upload_routes(builds: Builds) -> list[Route]:
    async def upload(request: Request) -> Response:
        name = request.query_params.get("name", "")
        try:
            with IncomingFile(builds.corpus, name) as file:
                async for chunk in request.stream():
                    file.write(chunk)
                is_new = await run_in_threadpool(file.keep)
        except QAAppError as exc:
            return JSONResponse({"message": exc.message, "hint": exc.hint}, 400)
        except ClientDisconnect:
            return Response(status_code=400)  # nobody is there to read it
        return JSONResponse({"name": file.name, "new": is_new})

    async def build(_request: Request) -> Response:
        builds.start()
        return JSONResponse(asdict(builds.state))

    return [_route(UPLOAD_ROUTE, upload, "POST"), _route(BUILD_ROUTE, build, "POST")]


def _route(path: str, endpoint: Endpoint, method: str) -> Route:
    async def answer(request: Request) -> Response:
        # A page asks for the state by itself, whether anybody sits before it or not.
        if signed_in(request, in_use=path != STATE_ROUTE) is None:
            return PlainTextResponse("Sign in first.\n", 401)
        return await endpoint(request)

    return Route(path, answer, methods=[method])


def _state(page: PageController) -> Response:
    build = page.builds.state if page.builds else BuildState()
    state = {"generation": page.generation(), "build": asdict(build)}
    return JSONResponse(state, headers=_NO_STORE)


def _brief(page: PageController, user: str, form: Form) -> Response:
    return _download(lambda: page.briefs.export(user, form), _TYPES[form])


def _grid(page: PageController, user: str, name: str, form: GridForm) -> Response:
    return _download(lambda: page.grids.export(user, name, form), _TYPES[form])


def _download(export: Callable[[], tuple[str, bytes]], media_type: str) -> Response:
    try:
        name, content = export()
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message} {exc.hint}\n", 404)
    headers = {
        "content-type": media_type,
        "content-disposition": f'attachment; filename="{name}"',
        **_NO_STORE,
    }
    return Response(content, headers=headers)


def _original(page: PageController, document: str) -> Response:
    try:
        catalogue = page.catalogue()
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message}\n", 404)
    record = catalogue.documents.get(document)
    if record is None:
        return PlainTextResponse("There is no such document in the index.\n", 404)
    original = read_original(catalogue.snapshot.corpus, document, record.source.sha256)
    if original is None:
        reason = "The file is gone, or has changed since it was indexed. Build the index again.\n"
        return PlainTextResponse(reason, 404)
    content, headers = original
    return Response(content, headers={**headers, **_NO_STORE})


def read_original(corpus: Path, document: str, sha256: str) -> tuple[bytes, dict[str, str]] | None:
    """Return the content of a document's source file, and the headers to send it with.

    None as ``read_source``.
    """
    content = read_source(corpus, document, sha256)
    if content is None:
        return None
    name = PurePosixPath(document)
    shown = _SHOWN.get(name.suffix.lower())
    way = "inline" if shown else "attachment"
    return content, {
        "content-type": _with_charset(shown or "application/octet-stream", content),
        "content-disposition": f"{way}; filename*=UTF-8''{quote(name.name, safe='')}",
    }


def _with_charset(media_type: str, content: bytes) -> str:
    if not media_type.startswith("text/"):
        return media_type
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return f"{media_type}; charset=windows-1252"
    return f"{media_type}; charset=utf-8"
