"""Routes of our own beside Gradio's: what is taken away, what the index is at, new reports.

Gradio asks for the password on its own routes only, so each of these asks for itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from qa_app.briefs.export import Form
from qa_app.errors import QAAppError
from qa_app.web.access import signed_in
from qa_app.web.brief_desk import BriefDesk
from qa_app.web.builds import Builds, BuildState
from qa_app.web.events import Desk
from qa_app.web.originals import read_original
from qa_app.web.security import (
    BRIEF_ROUTE,
    BUILD_ROUTE,
    ORIGINAL_ROUTE,
    STATE_ROUTE,
    UPLOAD_ROUTE,
)
from qa_app.web.uploads import IncomingFile

Endpoint = Callable[[Request], Awaitable[Response]]
_BRIEF_TYPES = {
    Form.WORD: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    Form.MARKDOWN: "text/markdown; charset=utf-8",
    Form.CSV: "text/csv; charset=utf-8",
}
_NO_STORE = {"cache-control": "no-store"}


def page_routes(desk: Desk) -> list[Route]:
    """Return the routes over a desk; those for new reports only where it takes them."""

    async def original(request: Request) -> Response:
        return await run_in_threadpool(_original, desk, request.query_params.get("doc", ""))

    async def state(_request: Request) -> Response:
        return await run_in_threadpool(_state, desk)

    async def brief(request: Request) -> Response:
        form = Form(request.path_params["form"])
        return await run_in_threadpool(_brief, BriefDesk(desk), signed_in(request) or "", form)

    routes = [
        _route(ORIGINAL_ROUTE, original, "GET"),
        _route(f"{BRIEF_ROUTE}.{{form}}", brief, "GET"),
        _route(STATE_ROUTE, state, "GET"),
    ]
    return routes if desk.builds is None else [*routes, *_upload_routes(desk.builds)]


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
        if signed_in(request) is None:
            return PlainTextResponse("Sign in first.\n", 401)
        return await endpoint(request)

    return Route(path, answer, methods=[method])


def _state(desk: Desk) -> Response:
    build = desk.builds.state if desk.builds else BuildState()
    state = {"generation": desk.generation(), "build": asdict(build)}
    return JSONResponse(state, headers=_NO_STORE)


def _brief(briefs: BriefDesk, user: str, form: Form) -> Response:
    try:
        name, content = briefs.export(user, form)
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message} {exc.hint}\n", 404)
    headers = {
        "content-type": _BRIEF_TYPES[form],
        "content-disposition": f'attachment; filename="{name}"',
        **_NO_STORE,
    }
    return Response(content, headers=headers)


def _original(desk: Desk, document: str) -> Response:
    try:
        snapshot = desk.snapshot()
        sha256 = desk.catalogue(snapshot).hashes.get(document)
    except QAAppError as exc:
        return PlainTextResponse(f"{exc.message}\n", 404)
    if sha256 is None:
        return PlainTextResponse("There is no such document in the index.\n", 404)
    original = read_original(snapshot.corpus, document, sha256)
    if original is None:
        reason = "The file is gone, or has changed since it was indexed. Build the index again.\n"
        return PlainTextResponse(reason, 404)
    content, headers = original
    return Response(content, headers={**headers, **_NO_STORE})
